"""Documents: small histories, and what they count. Seasons of the demo are judged in test_seasons.py."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ioc.cli.asyncapi import examples
from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.province.incidents import chance
from ioc.times import DAY, HOUR, MINUTE, local_day, to_ms
from schemas import contracts
from streams import axis, documents
from streams.axis import demo, past
from streams.documents import HOURS, RANK, STREAM, Step, contributions
from tests import brute_documents, season

MONDAY = to_ms("2026-06-01T03:00:00Z")
"""10:00 in the province."""
A, B = "000.00.03.H56", "000.01.10.H56"


def sent(at: int = MONDAY, status: str = "arrived", **more: Any) -> Step:
    return Step(at, status, **({"sender": A, "receiver": B, "agency_signature": "valid", "personal_signature": "valid"} | more))


def summed(*history: Step) -> dict[str, list[tuple[int, tuple[int, ...]]]]:
    """By indicator: when, and the measures; what comes to nothing left out."""
    found: dict[tuple[str, int], tuple[int, ...]] = {}
    for name, _, at, measures in contributions(sorted(history, key=lambda step: (step.time, RANK[step.status]))):
        key = (name.removeprefix("document."), at)
        found[key] = tuple(a + b for a, b in zip(found.get(key, (0,) * len(measures)), measures, strict=True))
    by_name: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
    for (name, at), measures in sorted(found.items(), key=lambda one: one[0][1]):
        if any(measures):
            by_name.setdefault(name, []).append((at, measures))
    return by_name


def at(day: int, clock: str) -> int:
    return to_ms(f"2026-06-{day:02}T{clock}:00+07:00")


def test_nothing_adds_nothing() -> None:
    assert contributions([]) == []


def test_a_document_waits_from_its_arrival_until_it_is_accepted() -> None:
    accepted = at(1, "14:00")
    found = summed(sent(), Step(accepted, "received"), Step(accepted + HOUR, "completed"))
    assert found["sent"] == found["received"] == [(MONDAY, (1,))]
    assert found["waiting"] == [(MONDAY, (1,)), (accepted, (-1,))]
    assert "stuck" not in found
    assert found["acceptance_hours"] == [(accepted, HOURS.one_hot(2))]
    assert found["signed_agency_share"] == found["signed_personal_share"] == [(MONDAY, (1, 1, 1))]


@pytest.mark.parametrize(
    ("arrives", "stuck"),
    [
        (at(1, "10:00"), at(2, "10:00")),
        (at(1, "12:15"), at(2, "13:30")),  # in the lunch break
        (at(1, "17:00"), at(2, "17:00")),
        (at(1, "07:30"), at(1, "17:00")),
        (at(5, "16:00"), at(8, "16:00")),  # a Friday
        (at(6, "20:00"), at(8, "17:00")),  # a Saturday evening: all of Monday
        (to_ms("2026-02-13T10:00:00+07:00"), to_ms("2026-02-23T10:00:00+07:00")),  # the day before Tết
    ],
)
def test_it_is_stuck_when_a_working_day_has_gone_by(arrives: int, stuck: int) -> None:
    assert summed(sent(arrives))["stuck"] == [(stuck, (1,))]
    late = summed(sent(arrives), Step(stuck + MINUTE, "received"))
    assert late["stuck"] == [(stuck, (1,)), (stuck + MINUTE, (-1,))]
    assert "stuck" not in summed(sent(arrives), Step(stuck, "received"))


def test_of_what_arrived_by_01_the_share_that_is_stuck_is_judged_when_its_working_day_has_gone_by() -> None:
    friday, monday = at(5, "16:00"), at(8, "16:00")
    assert summed(sent(friday))["stuck_share"] == [(monday, (1, 1, 1))]
    for status in ("received", "assigned", "processing", "completed", "refused", "recall_agreed"):
        assert summed(sent(friday), Step(monday, status))["stuck_share"] == [(monday, (0, 1, 1))]
        assert summed(sent(friday), Step(monday + 1, status))["stuck_share"] == [(monday, (1, 1, 1))]
    for status in ("recalled", "recall_refused"):
        assert summed(sent(friday), Step(monday - 1, status))["stuck_share"] == [(monday, (1, 1, 1))]
    assert "stuck_share" not in summed(sent(friday, status="recalled"))
    again = summed(sent(friday, count=3), Step(friday + HOUR, "refused"), Step(at(8, "09:00"), "arrived"))
    assert again["stuck_share"] == [(monday, (0, 3, 3)), (at(9, "09:00"), (3, 3, 3))]


def test_any_of_03_to_06_accepts_it_and_the_first_one_counts() -> None:
    for status in ("received", "assigned", "processing", "completed"):
        found = summed(sent(), Step(MONDAY + HOUR, status), Step(MONDAY + 2 * HOUR, "received"))
        assert found["waiting"] == [(MONDAY, (1,)), (MONDAY + HOUR, (-1,))]
        assert found["acceptance_hours"] == [(MONDAY + HOUR, HOURS.one_hot(1))]


def test_what_is_first_heard_of_when_it_is_accepted_was_sent_then_and_nobody_knows_how_long_it_waited() -> None:
    found = summed(sent(status="processing"))
    assert found.keys() == {"sent", "received", "recall_share", "signed_agency_share", "signed_personal_share"}
    asked_first = summed(sent(status="recalled"), Step(MONDAY + HOUR, "received"))
    assert "acceptance_hours" not in asked_first
    assert asked_first["waiting"] == [(MONDAY, (1,)), (MONDAY + HOUR, (-1,))]
    assert asked_first["recall_share"] == [(MONDAY, (1, 1, 1))]


def test_a_refusal_ends_it_and_only_01_sends_it_again() -> None:
    refused = Step(MONDAY + HOUR, "refused")
    once = summed(sent(), refused)
    assert once["refused"] == [(MONDAY + HOUR, (1,))]
    assert once["waiting"] == [(MONDAY, (1,)), (MONDAY + HOUR, (-1,))]
    for status in ("refused", "received", "recalled", "recall_agreed", "recall_refused"):
        assert summed(sent(), refused, Step(MONDAY + 2 * HOUR, status)) == once
    again = summed(sent(), refused, Step(MONDAY + 2 * HOUR, "arrived"))
    assert again["sent"] == [(MONDAY, (1,)), (MONDAY + 2 * HOUR, (1,))]
    assert again["waiting"][-1] == (MONDAY + 2 * HOUR, (1,))
    assert again["recall_share"] == [(MONDAY, (0, 1, 1)), (MONDAY + 2 * HOUR, (0, 1, 1))]


def test_01_said_again_before_an_end_changes_nothing() -> None:
    assert summed(sent(), Step(MONDAY + HOUR, "arrived")) == summed(sent())


def test_a_recall_that_is_agreed_to_takes_it_back() -> None:
    asked, agreed = Step(MONDAY + HOUR, "recalled"), Step(MONDAY + 2 * HOUR, "recall_agreed")
    found = summed(sent(), asked, agreed, Step(MONDAY + 3 * HOUR, "received"))
    assert found["waiting"] == [(MONDAY, (1,)), (agreed.time, (-1,))]
    assert "acceptance_hours" not in found
    assert found["recall_share"] == [(MONDAY, (0, 1, 1)), (asked.time, (1, 0, 0))]
    assert found["recall_agreed_share"] == [(agreed.time, (1, 1, 1))]


def test_a_recall_counts_when_it_is_asked_and_again_of_what_was_sent_again() -> None:
    sent_again = MONDAY + 10 * DAY
    asked = [Step(MONDAY + 9 * DAY, "recalled"), Step(MONDAY + 9 * DAY + HOUR, "recall_agreed")]
    twice = summed(sent(), *asked, Step(sent_again, "arrived"), Step(sent_again + DAY, "recalled"))
    assert twice["recall_share"] == [
        (MONDAY, (0, 1, 1)), (MONDAY + 9 * DAY, (1, 0, 0)), (sent_again, (0, 1, 1)), (sent_again + DAY, (1, 0, 0)),
    ]  # fmt: skip


def test_a_recall_is_one_of_a_sending_and_an_answer_tells_of_a_question() -> None:
    unasked = summed(sent(), Step(MONDAY + HOUR, "recall_refused"), Step(MONDAY + 2 * HOUR, "recall_refused"))
    assert unasked["recall_share"] == [(MONDAY, (0, 1, 1)), (MONDAY + HOUR, (1, 0, 0))]
    assert unasked["recall_agreed_share"] == [(MONDAY + HOUR, (0, 1, 1))]
    twice = [Step(MONDAY + n * HOUR, ("recall_refused", "recalled")[n % 2]) for n in (1, 2, 3, 4)]
    found = summed(sent(), *twice, Step(MONDAY + 5 * HOUR, "recall_agreed"))
    assert found["recall_share"] == [(MONDAY, (0, 1, 1)), (MONDAY + HOUR, (1, 0, 0))]
    assert [measures for _, measures in found["recall_agreed_share"]] == [(0, 1, 1), (0, 1, 1), (1, 1, 1)]


def test_events_of_one_moment_go_by_their_number() -> None:
    found = summed(Step(MONDAY, "received"), sent())
    assert found["acceptance_hours"] == [(MONDAY, HOURS.one_hot(0))]
    assert "waiting" not in found


def test_a_signature_counts_where_it_is_stated_and_what_is_stated_last_holds() -> None:
    unknown = summed(sent(agency_signature=None, personal_signature=None))
    assert unknown.keys() == {"sent", "received", "recall_share", "waiting", "stuck", "stuck_share"}
    found = summed(sent(personal_signature="none"), Step(MONDAY + HOUR, "received", agency_signature="invalid"))
    assert found["signed_personal_share"] == found["signed_agency_share"] == [(MONDAY, (0, 1, 1))]
    assert found["invalid_signatures"] == [(MONDAY, (1,))]
    assert summed(sent(agency_signature="invalid", personal_signature="invalid"))["invalid_signatures"] == [(MONDAY, (2,))]


def test_a_daily_total_counts_as_often_as_it_says() -> None:
    rows = contributions([sent(count=3), Step(MONDAY + 2 * HOUR, "received", sender="C", count=200)])
    assert {dims for _, dims, _, _ in rows} == {("C", B)}
    found = summed(sent(count=3), Step(MONDAY + 40 * HOUR, "received", count=200), Step(MONDAY + 41 * HOUR, "recall_refused"))
    assert found["sent"] == [(MONDAY, (200,))]
    assert found["waiting"] == [(MONDAY, (200,)), (MONDAY + 40 * HOUR, (-200,))]
    assert found["signed_agency_share"] == [(MONDAY, (200, 200, 200))]
    assert sum(found["acceptance_hours"][0][1]) == 200
    assert found["recall_agreed_share"] == [(MONDAY + 41 * HOUR, (0, 200, 200))]
    assert [measures for _, measures in found["stuck"]] == [(200,), (-200,)]


def test_beyond_the_calendar_nothing_is_stuck_and_no_time_is_told() -> None:
    long_ago = to_ms("1999-06-01T10:00:00+07:00")
    found = summed(sent(long_ago), Step(long_ago + 9 * DAY, "received"))
    assert found["waiting"] == [(long_ago, (1,)), (long_ago + 9 * DAY, (-1,))]
    assert not found.keys() & {"stuck", "stuck_share", "acceptance_hours"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"status": "01"}, "data.status"),
        ({"agency_signature": True}, "data.agency_signature"),
        ({"count": 0}, "data.count"),
        ({"count": 10_000_001}, "data.count"),
        ({"attachment": "UEsDBA=="}, "data.attachment"),
    ],
)
def test_what_the_contract_does_not_know_is_refused_with_the_field(wrong: dict[str, Any], field: str) -> None:
    event = examples()["document_arrived"]
    outcome = exact(json.dumps(event | {"data": event["data"] | wrong}).encode(), (), contracts())
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.field) == ("schema", field)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("accept_within_days = 0", "line 1: accept_within_days: Input should be greater than or equal to 1"),
        ("accept_within_days = 1.5", "accept_within_days: Input should be a valid integer"),
        ("accept_in_days = 1", "accept_within_days: Field required"),
    ],
)
def test_wrong_rules_are_told_before_anything_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    file = tmp_path / "documents.toml"
    file.write_text(f"{line}\n")
    monkeypatch.setattr(documents, "RULES", file)
    with pytest.raises(UsageError) as told:
        documents.rules.__wrapped__()
    assert "streams/data/documents.toml" in str(told.value)
    assert said in str(told.value)


# ---- the demo and the past


def events(days: range) -> list[tuple[int, dict[str, Any]]]:
    found = [one for day in days for one in demo(partial(chance, 7), day)]
    assert len({one.id for one in found}) == len(found)
    return [(one.time, dict(one.data)) for one in sorted(found, key=lambda one: one.time)]


def test_a_working_day_of_the_demo_is_believable() -> None:
    monday = local_day(MONDAY)
    days = [events(range(day, day + 1)) for day in range(monday, monday + 5)]
    assert all(55 <= sum(data["status"] == "arrived" for _, data in day) <= 120 for day in days)
    assert all(len(day) <= 300 for day in days)


def test_in_a_quarter_of_the_demo_most_is_well_and_something_of_everything_is_not() -> None:
    first = local_day(MONDAY)
    told = Counter(data["status"] for _, data in events(range(first, first + 90)))
    assert told.keys() == set(RANK)
    assert 0.005 < told["recalled"] / told["arrived"] < 0.025
    assert told["recalled"] - 3 <= told["recall_agreed"] + told["recall_refused"] <= told["recalled"] + 3
    signed = Counter(data["personal_signature"] for _, data in events(range(first, first + 90)) if data["status"] == "arrived")
    assert 0.97 < signed["valid"] / signed.total() < 0.995
    assert signed["invalid"]


@pytest.mark.parametrize("start", ["2026-05-25", "2026-02-12"])
def test_at_any_hour_of_the_demo_the_last_day_has_sent_and_accepted_documents(start: str) -> None:
    """On a Sunday, over Tết."""
    first = (date.fromisoformat(start) - date(1970, 1, 1)).days
    told = events(range(first, first + 14))
    for hour in range(first * 24 + 24 - 7, (first + 14) * 24 - 7):
        statuses = {data["status"] for time, data in told if hour * HOUR - DAY <= time < hour * HOUR}
        assert {"arrived", "received"} <= statuses


def test_nothing_of_a_life_lies_behind_the_days_that_the_demo_looks_back_over(monkeypatch: pytest.MonkeyPatch) -> None:
    tet = (date(2026, 2, 13) - date(1970, 1, 1)).days
    told = events(range(tet, tet + 30))
    monkeypatch.setattr(axis, "LIFE", 2 * axis.LIFE)
    assert events(range(tet, tet + 30)) == told
    monkeypatch.setattr(axis, "LIFE", 10)
    assert events(range(tet, tet + 30)) != told


def test_the_past_of_2022_is_2_8_million_documents_of_which_98_72_percent_are_signed_personally() -> None:
    told = list(past(partial(chance, 7)))
    assert len({one.id for one in told}) == len(told)
    signed: Counter[tuple[str, str]] = Counter()
    for one in told:
        rows = brute_documents.rows([{"time": "2022-01-01T00:00:00Z", "data": dict(one.data)}])
        for (name, _, _), measures in rows.items():
            day = f"{axis.day_of(local_day(one.time))}"
            for period in ("all", day[:4], day[:7]):
                signed.update({(period, f"{name}/{n}"): measure for n, measure in enumerate(measures)})
    assert signed["all", "document.sent/0"] == signed["all", "document.signed_agency_share/0"] == 2_800_000
    assert signed["all", "document.signed_personal_share/0"] == 2_764_160
    assert not [key for key in signed if "waiting" in key[1] or "invalid" in key[1]]
    periods = {period for period, _ in signed}
    assert len(periods) == 1 + 3 + 34
    for period in periods:
        personal, whole = (signed[period, f"document.signed_personal_share/{n}"] for n in (0, 1))
        assert whole == signed[period, "document.sent/0"]
        assert personal * 10_000 == whole * 9_872
    assert [axis.day_of(local_day(told[n].time)) for n in (0, -1)] == [date(2020, 1, 2), date(2022, 10, 5)]


def test_every_number_of_the_example_is_what_the_brute_force_says() -> None:
    event = examples()["document_arrived"]
    data = {key: value for key, value in event["data"].items() if key in Step._fields}
    rows = contributions([Step(to_ms(event["time"]), **data)])
    assert {(name, dims, when): measures for name, dims, when, measures in rows} == brute_documents.rows([event])


def test_the_demo_is_sent_from_before_its_past_on() -> None:
    first = min(one.timestamp for one in season.log(STREAM, 1)[2:-2])
    assert first < season.END - 40 * DAY
