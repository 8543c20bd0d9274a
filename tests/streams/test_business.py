"""Business: small histories of companies, agreements and stands, and what they count. Seasons are judged in test_seasons.py."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.province.text import event_of
from ioc.times import DAY, HOUR, MINUTE, iso, to_ms
from schemas import contracts
from schemas.business import KINDS, STATES, BusinessChanged
from streams import business
from streams.business import STREAM, Step, contributions
from streams.business_demo import past
from tests import brute_business, season

W = to_ms("2022-10-06T01:00:00Z")
"""8:00 in the province."""
UNTIL = W + 100 * DAY
X, Y = "TL-X", "TL-Y"


def found(*history: Step) -> dict[str, list[tuple[int, int]]]:
    """By indicator: when, and by how much, without what cancels out."""
    summed: dict[tuple[str, int], int] = Counter()
    for name, _, at, (by,) in contributions(history):
        summed[name.removeprefix("business."), at] += by
    told: dict[str, list[tuple[int, int]]] = {}
    for (name, at), by in sorted(summed.items(), key=lambda item: item[0][1]):
        if by:
            told.setdefault(name, []).append((at, by))
    return told


def company(at: int, state: str, exhibition: str | None = None, **more: Any) -> Step:
    return Step(W + at, "company", state, exhibition, **more)


def agreement(at: int, state: str, **more: Any) -> Step:
    return Step(W + at, "agreement", state, **more)


# ---- companies


def test_a_company_joins_once_however_often_it_is_told_and_may_come_back() -> None:
    told = found(*(company(n * HOUR, state) for n, state in enumerate(["joined", "joined", "left", "left", "joined"])))
    assert told == {
        "joined": [(W, 1), (W + 4 * HOUR, 1)],
        "left": [(W + 2 * HOUR, 1)],
        "companies": [(W, 1), (W + 2 * HOUR, -1), (W + 4 * HOUR, 1)],
    }


def test_a_company_that_left_without_having_joined_counts_nothing() -> None:
    assert found(company(0, "left")) == {}


def test_a_company_at_two_exhibitions_is_one_exhibitor_until_it_has_left_both() -> None:
    moves = [("joined", X), ("joined", Y), ("left", X), ("left", X), ("left", Y)]
    told = found(*(company(n * HOUR, state, where) for n, (state, where) in enumerate(moves)))
    assert told == {"exhibitors": [(W, 1), (W + 4 * HOUR, -1)]}


def test_the_programme_and_the_exhibition_are_joined_and_left_by_themselves() -> None:
    told = found(company(0, "joined"), company(HOUR, "joined", X), company(2 * HOUR, "left"), company(3 * HOUR, "left", X))
    assert told["companies"] == [(W, 1), (W + 2 * HOUR, -1)]
    assert told["exhibitors"] == [(W + HOUR, 1), (W + 3 * HOUR, -1)]


def test_a_company_that_moves_is_counted_where_it_is_and_by_the_code_list_in_force_then() -> None:
    after = to_ms("2025-06-30T17:00:00Z")
    rows = contributions([company(0, "joined", unit="14758"), Step(after, "company", "joined", unit="14758")])
    assert [(dims[1], at, by) for name, dims, at, (by,) in rows if name == "business.companies"] == [
        ("14758", W, 1), ("14758", after, -1), ("14758@2025-07-01", after, 1),
    ]  # fmt: skip


# ---- agreements


def test_an_agreement_is_in_force_to_its_until_and_about_to_run_out_thirty_days_before() -> None:
    assert found(agreement(0, "signed", until=UNTIL)) == {
        "agreements_signed": [(W, 1)],
        "agreements": [(W, 1), (UNTIL, -1)],
        "expiring": [(UNTIL - 30 * DAY, 1), (UNTIL, -1)],
    }


def test_an_agreement_without_until_holds_until_it_is_ended() -> None:
    assert found(agreement(0, "signed")) == {"agreements_signed": [(W, 1)], "agreements": [(W, 1)]}
    ended = found(agreement(0, "signed"), agreement(DAY, "ended"), agreement(2 * DAY, "ended"))
    assert (ended["agreements"], ended["agreements_ended"]) == ([(W, 1), (W + DAY, -1)], [(W + DAY, 1)])


def test_an_agreement_holds_from_since_and_never_from_before_its_signing() -> None:
    assert found(agreement(0, "signed", since=W + DAY, until=UNTIL))["agreements"][0] == (W + DAY, 1)
    assert found(agreement(0, "signed", since=W - DAY, until=UNTIL))["agreements"][0] == (W, 1)
    assert "agreements" not in found(agreement(0, "signed", since=W + DAY), agreement(HOUR, "ended"))


def test_an_agreement_signed_for_less_than_thirty_days_is_about_to_run_out_at_once() -> None:
    assert found(agreement(0, "signed", until=W + 5 * DAY))["expiring"] == [(W, 1), (W + 5 * DAY, -1)]


def test_a_renewal_keeps_an_agreement_in_force_and_is_no_new_signing() -> None:
    renewal = agreement(90 * DAY, "signed", since=UNTIL, until=UNTIL + 365 * DAY)
    told = found(agreement(0, "signed", until=UNTIL), renewal)
    assert told["agreements_signed"] == [(W, 1)]
    assert told["agreements"] == [(W, 1), (UNTIL + 365 * DAY, -1)]
    assert told["expiring"][:2] == [(UNTIL - 30 * DAY, 1), (renewal.time, -1)]
    begun = found(agreement(0, "signed", since=W + DAY, until=UNTIL), renewal)
    assert begun["agreements"] == [(W + DAY, 1), (UNTIL + 365 * DAY, -1)]


@pytest.mark.parametrize("late", [0, 1])
def test_signed_at_its_very_until_or_later_is_a_new_signing(late: int) -> None:
    told = found(agreement(0, "signed", until=UNTIL), agreement(100 * DAY + late, "signed"))
    assert told["agreements_signed"] == [(W, 1), (UNTIL + late, 1)]
    assert told["agreements"] == ([(W, 1)] if not late else [(W, 1), (UNTIL, -1), (UNTIL + late, 1)])


def test_what_has_run_out_is_not_ended_early_and_a_since_may_be_moved_until_it_has_come() -> None:
    assert "agreements_ended" not in found(agreement(0, "signed", until=UNTIL), agreement(100 * DAY, "ended"))
    moved = found(agreement(0, "signed", since=W + DAY), agreement(HOUR, "signed", since=W + 2 * DAY))
    assert (moved["agreements"], moved["agreements_signed"]) == ([(W + 2 * DAY, 1)], [(W, 1)])


# ---- stands, and any history


def test_a_stand_is_there_from_opened_to_closed() -> None:
    steps = [Step(W + n * HOUR, "stand", state) for n, state in enumerate(["closed", "opened", "opened", "closed"])]
    assert found(*steps) == {"stands": [(W + HOUR, 1), (W + 3 * HOUR, -1)]}


PAIRS = [
    ("company", "joined"), ("company", "left"), ("agreement", "signed"), ("agreement", "ended"), ("stand", "opened"),
    ("stand", "closed"),
]  # fmt: skip
MOMENTS = st.none() | st.integers(0, 60).map(lambda n: W + n * DAY // 2)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Some events of one number, mostly of one kind."""
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=2))
    pairs = st.sampled_from([pair for pair in PAIRS if pair[0] in kinds])
    where = st.sampled_from([None, None, X, Y])
    codes = st.sampled_from([None, "A", "B"])
    made = []
    for _ in range(draw(st.integers(1, 6))):
        at, kind_and_state = W + draw(st.integers(0, 40)) * DAY // 2, draw(pairs)
        stated = [draw(of) for of in (where, codes, codes, codes, MOMENTS, MOMENTS)]
        made.append(Step(at, *kind_and_state, *stated))
    order = list(STATES)
    return sorted(made, key=lambda step: (step.time, order.index(step.state)))


@given(histories())
@settings(max_examples=settings().max_examples * 10)
def test_any_history_counts_what_the_brute_force_says(steps: list[Step]) -> None:
    def event(step: Step) -> dict[str, Any]:
        times = {"since": step.since and iso(step.since), "until": step.until and iso(step.until)}
        return {"time": iso(step.time), "data": step._asdict() | times}

    said: dict[Any, int] = Counter()
    for name, dims, at, (by,) in contributions(steps):
        said[name, dims, at] += by
    assert {key: (by,) for key, by in said.items() if by} == brute_business.rows([event(step) for step in steps])


# ---- the contract, the rules, the past and the demo


@pytest.mark.parametrize(("kind", "state"), [(kind, state) for kind in KINDS for state in STATES])
def test_a_state_that_does_not_fit_the_kind_is_refused_with_the_states_that_do(kind: str, state: str) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": BusinessChanged.event_type, "time": iso(W)}
    said = exact(json.dumps(event | {"data": {"subject": "A", "kind": kind, "state": state}}).encode(), (), contracts())
    if (kind, state) in PAIRS:
        assert isinstance(said, BusinessChanged)
    else:
        assert isinstance(said, Reject)
        there = ", ".join(one for of, one in PAIRS if of == kind)
        assert (said.reason, said.field, said.message) == ("schema", "data.state", f"of kind {kind}: {there}; not {state}")


@pytest.mark.parametrize(
    ("text", "said"), [("expiring_days = 0", "line 1"), ("expiring_days = 2.5", "integer"), ("days = 30", "days")]
)
def test_rules_that_are_wrong_are_told_before_anything_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    file = tmp_path / "business.toml"
    file.write_text(text)
    monkeypatch.setattr(business, "RULES", file)
    with pytest.raises(UsageError, match=said):
        business.rules.__wrapped__()


def test_the_past_shows_ten_companies_at_fourteen_stands_on_both_days_and_none_after() -> None:
    events = [json.loads(event_of(STREAM.contract, one).value) for one in past(lambda *_: 0.5)]
    assert not [e for e in events if isinstance(exact(json.dumps(e).encode(), (), contracts()), Reject)]
    rows: Counter[tuple[str, int]] = Counter()
    for subject in {event["data"]["subject"] for event in events}:
        own = sorted((e for e in events if e["data"]["subject"] == subject), key=lambda e: e["time"])
        for (name, _, at), (by,) in brute_business.rows(own).items():
            rows[name, at] += by
    for moment, there in [
        ("2022-10-06T00:59:59Z", 0),
        ("2022-10-06T01:00:00Z", 1),
        ("2022-10-07T09:59:59Z", 1),
        ("2022-10-07T10:00:00Z", 0),
    ]:
        levels = {
            name: sum(by for (of, at), by in rows.items() if of == f"business.{name}" and at <= to_ms(moment))
            for name in ("exhibitors", "stands")
        }
        assert levels == {"exhibitors": 10 * there, "stands": 14 * there}, moment
    shown = {event["data"]["company"] for event in events if event["data"].get("company")}
    assert shown == {event["data"]["subject"] for event in events if event["data"]["kind"] == "company"}


def test_the_demos_companies_agreements_and_stands_are_never_none_and_it_lives_on_sundays() -> None:
    sent = [json.loads(one.value or b"") for one in season.log(STREAM, 7)[2:-2]]
    end = season.END
    rows: Counter[tuple[str, int]] = Counter()
    lives: dict[str, list[dict[str, Any]]] = {}
    for event in sent:
        lives.setdefault(event["data"]["subject"], []).append(event)
    for own in lives.values():
        assert len({event["time"] for event in own}) == len(own)
        for (name, _, at), (by,) in brute_business.rows(own).items():
            rows[name, at] += by
    for at in range(end - 7 * DAY, end, 6 * HOUR):
        there = {name: sum(by for (of, when), by in rows.items() if of == name and when <= at) for name in brute_business.LEVELS}
        assert 300 < there["business.companies"] < 900
        assert 30 <= there["business.agreements"] < 90
        assert 0 < there["business.expiring"] <= 12
        assert there["business.stands"] > there["business.exhibitors"] > 20
    days = Counter((to_ms(event["time"]) + 7 * HOUR) // DAY for event in sent if to_ms(event["time"]) >= end - 30 * DAY)
    assert len(days) == 30
    assert max(days.values()) <= 25
    assert [day for day in days if day % 7 == 3], "a Sunday"
    assert {to_ms(event["time"]) % MINUTE for event in sent} == {0}
