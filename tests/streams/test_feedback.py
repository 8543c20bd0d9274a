"""Citizens' feedback: small histories, and what they count; random ones against the brute force. Seasons: test_seasons.py."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.catalog import Catalog
from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.province.incidents import chance
from ioc.times import DAY, HOUR, MINUTE, OFFSET, local_day, to_ms
from schemas import contracts
from streams import feedback_demo, feedback_life
from streams.feedback import STREAM
from streams.feedback_life import Step, contributions
from tests import brute_feedback
from tests.brute import Event, Rows, minus, plus
from tests.brute_worktime import limit
from tests.counting import count, panes, pipeline
from tests.fake import FakeStore
from tests.logs import record, text

D = {"agency": "A", "topic": "rac_thai", "unit": "14797", "kind": "report"}
W = to_ms("2026-06-01T03:00:00Z")
"""A Monday, 10:00 in the province; no holiday for weeks."""
DUE, REFUSE, SUPPLEMENT = (to_ms(f"2026-06-{day}T03:00:00Z") for day in ("22", "03", "08"))
"""15, 2 and 5 working days later."""
JULY = to_ms("2026-06-30T17:00:00Z")
Found = dict[str, list[tuple[int, tuple[int, ...]]]]


def step(at: int, state: str, **data: Any) -> Step:
    return Step(at, state, **data)


def summed(*history: Step, agency: str | None = None) -> Found:
    """By indicator: when, and the measures; of an agency, or of all."""
    sums: Rows = {}
    for name, dims, at, measures in contributions(history):
        if agency in (None, dims[0]):
            key = (name.removeprefix("feedback."), (), at)
            sums[key] = plus(sums.get(key), measures)
    found: Found = {}
    for (name, _, at), measures in sorted(sums.items()):
        if any(measures):
            found.setdefault(name, []).append((at, measures))
    return found


def level(found: Found, name: str, at: int) -> int:
    return sum(measures[0] for when, measures in found.get(name, []) if when <= at)


def month(found: Found, name: str, first: int, until: int) -> tuple[int, int]:
    """Part and whole of a month that begins at `first`, told up to an instant."""
    inside = [measures for at, measures in found.get(f"index766.{name}", []) if first <= at < until]
    return sum(m[0] for m in inside), sum(m[1] for m in inside)


# ---- clocks


def test_what_is_sent_on_a_sunday_evening_is_due_with_the_closing_of_the_fifteenth_working_day() -> None:
    sent, due = to_ms("2026-05-31T13:00:00Z"), to_ms("2026-06-19T10:00:00Z")
    found = summed(step(sent, "received", **D))
    assert found["open"] == [(sent, (1,))]
    assert found["overdue"] == [(due, (1,))]
    assert found["due_soon"] == [(to_ms("2026-06-17T00:30:00Z"), (1,)), (due, (-1,))]


@pytest.mark.parametrize(("state", "end"), [("answered", DUE), ("refused", REFUSE), ("awaiting_publication", DUE)])
def test_an_end_at_the_very_end_of_its_clock_is_in_time_and_a_moment_later_late(state: str, end: int) -> None:
    for late in (0, 1):
        found = summed(step(W, "received", **D), step(end + late, state))
        assert found["on_time_share"] == [(end + late, (late, 1, 1))]
        assert found.get("overdue", []) == ([(DUE, (1,)), (DUE + 1, (-1,))] if late and state != "refused" else [])
        assert month(found, "5_2", to_ms("2026-05-31T17:00:00Z"), JULY) == (1 - late, 1)


def test_a_transfer_begins_the_clock_anew_at_the_next_agency() -> None:
    moved = step(DUE + HOUR, "transferred", agency="B")
    found = {agency: summed(step(W, "received", **D), moved, agency=agency) for agency in "AB"}
    assert found["A"]["overdue"] == [(DUE, (1,)), (DUE + HOUR, (-1,))]
    assert found["B"]["open"] == [(DUE + HOUR, (1,))]
    assert found["B"]["overdue"] == [(limit(DUE + HOUR, 15), (1,))]
    assert found["A"]["received"] == [(W, (1,))]
    assert "received" not in found["B"]


def test_another_agency_without_a_transfer_takes_it_with_the_clock_as_it_is() -> None:
    history = (step(W, "received", **D), step(W + DAY, "classified", agency="B"))
    assert summed(*history, agency="A")["open"] == [(W, (1,)), (W + DAY, (-1,))]
    assert summed(*history, agency="B")["overdue"] == [(DUE, (1,))]


@pytest.mark.parametrize(("asked", "late"), [(SUPPLEMENT, 0), (SUPPLEMENT + 1, 1)])
def test_the_first_supplement_has_a_clock_of_its_own_and_none_stops_that_of_the_answer(asked: int, late: int) -> None:
    first, second = step(asked, "supplement"), step(asked + 3 * DAY, "supplement")
    found = summed(step(W, "received", **D), first, second, step(DUE, "answered"))
    assert found["on_time_share"] == [(DUE, (late, 1, 1))]
    assert summed(step(W, "received", **D), first, second)["overdue"] == [(DUE, (1,))]


def test_a_transfer_forgives_a_supplement_that_was_asked_for_too_late() -> None:
    late, moved = step(SUPPLEMENT + 1, "supplement"), step(SUPPLEMENT + HOUR, "transferred")
    found = summed(step(W, "received", **D), late, moved, step(DUE, "answered"))
    assert found["on_time_share"] == [(DUE, (0, 1, 1))]


def test_where_the_calendar_has_no_days_nothing_is_late() -> None:
    at = to_ms("2049-12-30T03:00:00Z")
    found = summed(step(at, "received", **D), step(at + 100 * DAY, "awaiting_publication"))
    assert "overdue" not in found
    assert "publication_overdue" not in found
    assert found["on_time_share"] == [(at + 100 * DAY, (0, 1, 1))]


# ---- its life


def test_opened_again_its_clock_begins_anew_and_what_else_comes_after_the_end_changes_nothing() -> None:
    received, answered = step(W, "received", **D), step(W + DAY, "answered")
    again = summed(received, answered, step(DUE + HOUR, "reopened"))
    assert again["reopened"] == [(DUE + HOUR, (1,))]
    assert [level(again, "open", at) for at in (W, W + DAY, DUE + HOUR)] == [1, 0, 1]
    assert again["overdue"] == [(limit(DUE + HOUR, 15), (1,))]
    for state in ("received", "classified", "supplement", "refused", "answered"):
        assert summed(received, answered, step(W + 2 * DAY, state)) == summed(received, answered)
    refused = summed(received, step(W + DAY, "refused"), step(W + 2 * DAY, "transferred", agency="B"), agency="B")
    assert refused["reopened"] == refused["open"] == [(W + 2 * DAY, (1,))]


def test_opened_again_while_it_is_open_changes_nothing() -> None:
    received = step(W, "received", **D)
    assert summed(received, step(W + DAY, "reopened")) == summed(received)


def test_days_to_the_answer_are_counted_from_where_it_was_opened() -> None:
    received, moved = step(W, "received", **D), step(W + DAY, "transferred")
    found = summed(
        received, moved, step(W + 3 * DAY, "answered"), step(W + 4 * DAY, "reopened"), step(W + 5 * DAY - 1, "answered")
    )
    assert [measures.index(1) for _, measures in found["handling_days"]] == [3, 0]
    assert "handling_days" not in summed(received, step(W + DAY, "refused"))


def test_a_publication_tells_of_an_answer_and_is_overdue_after_two_working_days() -> None:
    received, waits = step(W, "received", **D), step(W + DAY, "awaiting_publication")
    due = W + 3 * DAY
    found = summed(received, waits, step(due + HOUR, "published"))
    assert found["answered"] == [(W + DAY, (1,))]
    assert found["awaiting_publication"] == [(W + DAY, (1,)), (due + HOUR, (-1,))]
    assert found["publication_overdue"] == [(due, (1,)), (due + HOUR, (-1,))]
    assert "publication_overdue" not in summed(received, waits, step(due, "published"))
    assert summed(received, waits, step(due + HOUR, "reopened"))["awaiting_publication"] == found["awaiting_publication"]


def test_a_rating_ends_nothing_but_tells_of_an_end_where_nothing_else_was_told() -> None:
    found = summed(step(W, "rated", **D, rating="neutral"))
    assert found.keys() >= {"received", "answered"}
    assert "open" not in found
    assert found["satisfied_share"] == [(W, (0, 1, 1))]
    opened = (step(W, "received", **D), step(W + HOUR, "rated", rating="satisfied"))
    assert level(summed(*opened), "open", W + HOUR) == 1
    assert summed(*opened)["satisfied_share"] == [(W + HOUR, (1, 1, 1))]


def test_a_commune_is_that_of_the_code_list_in_force_when_it_was_stated() -> None:
    before, after = to_ms("2025-06-30T16:59:00Z"), to_ms("2025-06-30T17:00:00Z")
    rows = contributions(
        [step(before, "received", unit="14758"), step(after, "classified"), step(after + 1, "answered", unit="14758")]
    )
    assert [dims[2] for name, dims, *_ in rows if name in ("feedback.received", "feedback.answered")] == [
        "14758",
        "14758@2025-07-01",
    ]


def test_nothing_adds_nothing() -> None:
    assert contributions([]) == []


# ---- the index of Decision 766


def test_what_is_answered_in_another_month_belongs_to_both_and_to_the_quarter_it_was_sent_in_only_if_it_is_the_same() -> None:
    june, august = to_ms("2026-05-31T17:00:00Z"), to_ms("2026-07-31T17:00:00Z")
    sent = to_ms("2026-06-25T03:00:00Z")
    found = summed(step(sent, "received", **D), step(sent + 14 * DAY, "answered"))
    for name in ("5_2", "5_3", "5_1_report"):
        assert [month(found, name, june, JULY), month(found, name, JULY, august)] == [(1, 1), (1, 1)]
    assert [measures for _, measures in found["index766.5_2"]] == [(1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 0, 0)]
    only = summed(step(sent, "received", **D), step(sent + 2 * DAY, "answered"))
    assert [measures for _, measures in only["index766.5_2"]] == [(1, 1, 1, 1, 1, 1)]


def test_in_progress_is_in_time_until_fifteen_working_days_are_over() -> None:
    june = to_ms("2026-05-31T17:00:00Z")
    found = summed(step(W, "received", **D))
    assert [month(found, "5_2", june, until) for until in (DUE, DUE + 1)] == [(1, 1), (0, 1)]
    moved = summed(step(W, "received", **D), step(DUE + HOUR, "transferred", agency="B"))
    assert month(moved, "5_2", june, JULY) == (1, 1), "the clock of the last transfer counts"
    sent = to_ms("2026-06-25T03:00:00Z")
    assert "index766.5_2" in summed(step(sent, "received", **D))
    july = [at for at, measures in summed(step(sent, "received", **D))["index766.5_2"] if at >= JULY and any(measures[:2])]
    assert not july, "it was received in June, and not answered in July"


def test_each_opening_counts_for_its_being_in_time_and_each_feedback_once_for_its_being_satisfying() -> None:
    june = to_ms("2026-05-31T17:00:00Z")
    history = [
        step(W, "received", **D), step(DUE + 1, "answered"),
        step(DUE + HOUR, "rated", rating="dissatisfied", likes=1, dislikes=2), step(DUE + 2 * HOUR, "reopened"),
        step(DUE + 3 * HOUR, "answered"), step(DUE + 4 * HOUR, "rated", rating="dissatisfied"),
    ]  # fmt: skip
    found = summed(*history)
    assert month(found, "5_2", june, JULY) == (1, 2)
    assert month(found, "5_3", june, JULY) == (0, 1)
    assert month(found, "5_1_report", june, JULY) == (1, 1)


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ([{"likes": 2, "dislikes": 2}], 1),
        ([{"likes": 2, "dislikes": 3}], 0),
        ([{"dislikes": 1}, {"likes": 1}], 1),
        ([{"rating": "dissatisfied"}], 1),
        ([{"rating": "dissatisfied"}, {"rating": "satisfied"}, {"rating": "dissatisfied"}], 0),
    ],
)
def test_more_dislikes_than_likes_or_a_second_dissatisfaction_is_not_satisfying(said: list[dict[str, Any]], holds: int) -> None:
    history = [step(W, "received", **D), step(W + HOUR, "answered")]
    history += [step(W + (2 + n) * HOUR, "rated", **one) for n, one in enumerate(said)]
    assert month(summed(*history), "5_3", to_ms("2026-05-31T17:00:00Z"), JULY) == (holds, 1)


def test_a_kind_or_an_agency_that_is_corrected_moves_it_within_its_month() -> None:
    june, sent = to_ms("2026-05-31T17:00:00Z"), step(W, "received", **D)
    found = summed(sent, step(W + HOUR, "classified", kind="question"))
    assert [month(found, f"5_1_{kind}", june, JULY) for kind in ("report", "proposal", "question")] == [(0, 1), (0, 1), (1, 1)]
    moved = (sent, step(W + HOUR, "classified", agency="B"))
    assert [month(summed(*moved, agency=agency), "5_3", june, DUE) for agency in "AB"] == [(0, 0), (1, 1)]
    later = (*moved, step(JULY + HOUR, "classified", agency="C"))
    assert month(summed(*later, agency="C"), "5_3", JULY, JULY + DAY) == (0, 0), "nothing of it belongs to July"


# ---- against the brute force


def random_events(rng: random.Random) -> list[Event]:
    """Up to nine events over some weeks; ends of clocks are hit, and missed by a moment."""
    at, events, ends = to_ms("2025-12-01T00:00:00Z") + rng.randrange(40 * DAY), list[Event](), list[int]()
    for n in range(rng.randint(1, 9)):
        data: dict[str, Any] = {"feedback": "F", "state": rng.choice([*feedback_life.RANK])}
        for name, values in (("agency", "AB"), ("topic", "xy"), ("unit", "UV"), ("kind", brute_feedback.KINDS)):
            if rng.random() < 0.3:
                data[name] = rng.choice(values)
        if data["state"] == "rated":
            data |= {"rating": rng.choice(["satisfied", "neutral", "dissatisfied"]), "likes": rng.randrange(3)}
        if rng.random() < 0.2:
            data["dislikes"] = rng.randrange(3)
        events.append({"id": f"F/{n}", "time": text(at), "data": data})
        ends += [limit(at, days) for days in (2, 5, 15)]
        later = [end for end in ends if end > at]
        at = (
            rng.choice(later) + rng.randint(-1, 1) if later and rng.random() < 0.5 else at + rng.choice([0, MINUTE, DAY, 9 * DAY])
        )
    return sorted(events, key=lambda event: (to_ms(event["time"]), feedback_life.RANK[event["data"]["state"]]))


@given(st.integers(0, 10**9))
def test_random_lives_add_what_the_brute_force_says(seed: int) -> None:
    events = random_events(random.Random(seed))
    history = [step(to_ms(e["time"]), **{name: v for name, v in e["data"].items() if name != "feedback"}) for e in events]
    found: Rows = {}
    for name, dims, at, measures in contributions(history):
        assert all(type(n) is int for n in measures)
        found[name, dims, at] = plus(found.get((name, dims, at)), measures)
    assert minus(found, {}) == brute_feedback.rows(events)


def test_the_random_lives_add_to_every_indicator() -> None:
    rng = random.Random(1)
    names = {name for _ in range(300) for name, *_ in brute_feedback.rows(random_events(rng))}
    assert names == {indicator.name for indicator in STREAM.indicators}


# ---- events


def event(n: int, at: int, state: str, **more: Any) -> dict[str, Any]:
    envelope = {name: more.pop(name) for name in ("replaces",) if name in more}
    return {
        "specversion": "1.0", "id": f"F/{n}", "source": "/s", "type": STREAM.contract.event_type, "time": text(at), **envelope,
        "data": {"feedback": "F", "state": state, **more},
    }  # fmt: skip


def counted(*events: dict[str, Any]) -> Rows:
    """What a log adds in the order of its arrival, whenever it became known."""
    log = [record(e, n, DUE + n, topic=STREAM.topic, partition=0, key=b"F") for n, e in enumerate(events)]
    store, found = FakeStore(), Rows()
    count(pipeline(store, 1, Catalog((STREAM,)), (STREAM.topic,)), log)
    for key, (_, measures) in panes(store).items():
        found[key[0], tuple(key[1]), key[2]] = plus(found.get((key[0], tuple(key[1]), key[2])), measures)
    return {key: measures for key, measures in found.items() if any(measures)}


def test_late_out_of_order_and_corrected_events_count_as_if_all_had_been_right_at_once() -> None:
    received, moved = event(1, W, "received", **D), event(2, W + DAY, "transferred", agency="B")
    answered, rated = event(3, W + 2 * DAY, "answered"), event(4, W + 3 * DAY, "rated", rating="satisfied")
    expected = counted(received, moved, answered, rated)
    assert counted(rated, answered, moved, received) == expected
    wrong = event(9, W + HOUR, "refused")
    assert counted(received, wrong, event(2, W + DAY, "transferred", agency="B", replaces="F/9"), answered, rated) == expected


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"state": "closed"}, "'received', 'classified'"),
        ({"kind": "complaint"}, "'report', 'proposal' or 'question'"),
        ({"rating": 5}, "'satisfied', 'neutral' or 'dissatisfied'"),
        ({"likes": -1}, "greater than or equal to 0"),
        ({"dislikes": 1.5}, "valid integer"),
        ({"sender": "Nguyễn Văn A"}, "unknown field; Feedback has feedback, state"),
        ({"feedback": ""}, "at least 1 character"),
    ],
)
def test_what_the_contract_does_not_allow_is_refused_with_what_is_right(data: dict[str, Any], said: str) -> None:
    one = event(1, W, "received", **D)
    refused = exact(json.dumps(one | {"data": one["data"] | data}).encode(), (), contracts())
    assert isinstance(refused, Reject)
    assert refused.reason == "schema"
    assert said in refused.message


# ---- rules


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the rules, in force in their stead."""
    file = tmp_path / "feedback.toml"
    file.write_text(feedback_life.RULES.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(feedback_life, "RULES", file)
    feedback_life.rules.cache_clear()
    yield file
    feedback_life.rules.cache_clear()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("resolve_days = 15", "resolve_days = 0", "line 11: resolve_days: Input should be greater than or equal to 1"),
        ("resolve_days = 15", "resolve_days = 4", "resolve_days = 4 is the longest"),
        ("resolve_days = 15", 'resolve_days = "15"', "resolve_days: Input should be a valid integer"),
        ("refuse_days", "reject_days", "refuse_days: Field required"),
        ("due_soon_days = 3", "due_soon_days = -1", "due_soon_days: Input should be greater than or equal to 0"),
        ("repeated_dissatisfied = 2", "repeated_dissatisfied = 0", "repeated_dissatisfied: Input should be greater"),
    ],
)
def test_rules_that_are_wrong_are_told_before_anything_is_counted(rules: Path, old: str, new: str, said: str) -> None:
    rules.write_text(rules.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError) as told:
        feedback_life.rules()
    assert "streams/data/feedback.toml" in str(told.value)
    assert said in str(told.value)


def test_other_clocks_are_a_matter_of_the_file(rules: Path) -> None:
    rules.write_text(rules.read_text(encoding="utf-8").replace("resolve_days = 15", "resolve_days = 5"), encoding="utf-8")
    assert summed(step(W, "received", **D))["overdue"] == [(SUPPLEMENT, (1,))]


# ---- the demo

LUCK = partial(chance, 7)
FIRST = local_day(to_ms("2026-02-01T00:00:00Z"))
"""Tết lies in the two months from here on."""


@pytest.fixture(scope="module")
def months() -> list[Any]:
    return [one for day in range(FIRST, FIRST + 60) for one in feedback_demo.demo(LUCK, day)]


def test_all_that_is_told_of_a_feedback_lies_within_its_days_each_at_a_time_of_its_own() -> None:
    for born in range(FIRST - 30, FIRST + 30):
        told = feedback_demo._sent_on(LUCK, born)
        assert max(one.time for one in told) < (born + feedback_demo.LIFE) * DAY
        assert len({(one.data["feedback"], one.time) for one in told}) == len({one.id for one in told}) == len(told)


def test_no_tile_is_empty_on_any_day_not_even_at_tet(months: list[Any]) -> None:
    for states in ({"received"}, {"answered", "refused"}, {"rated"}):
        times = sorted(one.time for one in months if one.data["state"] in states)
        assert max(b - a for a, b in pairwise(times)) < DAY, states


def test_citizens_send_in_the_evening_and_on_sundays_and_offices_answer_in_time_mostly(months: list[Any]) -> None:
    sent = [one.time + OFFSET for one in months if one.data["state"] == "received"]
    assert 40 * 60 < len(sent) < 75 * 60
    assert sum(at % DAY >= 18 * HOUR for at in sent) > 0.25 * len(sent)
    assert sum(at // DAY % 7 == 3 for at in sent) > 0.1 * len(sent)
    assert len(months) < 300 * 60
    lives: dict[str, list[Step]] = {}
    for one in sorted(months, key=lambda one: one.time):
        data = {name: value for name, value in one.data.items() if name in Step._fields}
        lives.setdefault(one.data["feedback"], []).append(Step(one.time, **data))
    shares = [m for life in lives.values() for name, _, _, m in contributions(life) if name == "feedback.on_time_share"]
    assert 0.75 < 1 - sum(late for late, *_ in shares) / len(shares) < 0.97
