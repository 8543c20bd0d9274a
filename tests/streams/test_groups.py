"""Community digital groups: small histories, sums of the demo and of the past, the drift. test_seasons.py judges seasons."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from ioc.asking import read
from ioc.catalog import Catalog
from ioc.cli.asyncapi import examples
from ioc.events.exact_lane import Reject, exact
from ioc.province.incidents import chance
from ioc.times import DAY, HOUR, OFFSET, local_day, to_ms
from ioc.units.identity import identity
from ioc.units.reading import home, tree
from ioc.vocabulary import Told
from streams.groups import STREAM, Step, contributions
from tests import brute_groups
from tests.brute import Record
from tests.counting import CATALOG, count, panes, pipeline, real_store
from tests.fake import FakeStore
from tests.logs import record, text

G, U, V = "TCN-1", "14758", "14797"
MAY, JUNE = to_ms("2026-04-30T17:00:00Z"), to_ms("2026-05-31T17:00:00Z")
"""Where these months begin in the province."""
NEW = "@2025-07-01"
LUCK = partial(chance, 7)


def summed(*history: Step) -> dict[str, list[tuple[str, int, int]]]:
    """By indicator: unit, when, and how much."""
    found: dict[str, list[tuple[str, int, int]]] = {}
    for name, dims, at, (amount,) in contributions(history):
        found.setdefault(name.removeprefix("group."), []).append((dims[0].removesuffix(NEW), at, amount))
    return found


def event(n: int, at: int, subject: str, state: str, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"e{n}", "source": "/s", "type": "vn.ioc.group.changed.v1", "time": text(at),
        "data": {"subject": subject, "state": state} | data,
    }  # fmt: skip


def log_of(events: Iterable[dict[str, Any]]) -> list[Record]:
    """Each received when it happened, in one partition."""
    return [
        record(e, n, to_ms(e["time"]) + 1, topic=STREAM.topic, partition=0, key=e["data"]["subject"].encode())
        for n, e in enumerate(events)
    ]


def test_a_member_counts_from_joining_to_leaving_and_both_are_told_once() -> None:
    said = [
        Step(MAY, "m", "joined", G, U),
        Step(MAY + 1, "m", "joined", G, U),
        Step(JUNE, "m", "left"),
        Step(JUNE + 1, "m", "left"),
    ]
    assert summed(*said) == {
        "joined": [(U, MAY, 1)], "left": [(U, JUNE, 1)], "members": [(U, MAY, 1), (U, JUNE, -1)],
    }  # fmt: skip


def test_who_left_without_having_joined_counts_nothing_and_a_group_never_founded_is_none_less() -> None:
    assert summed(Step(MAY, "m", "left", G, U), Step(JUNE, "m", "dissolved", G, U)) == {}


def test_who_comes_back_joins_again() -> None:
    found = summed(Step(MAY, "m", "joined", G, U), Step(MAY + 1, "m", "left"), Step(MAY + 2, "m", "joined", G, V))
    assert found["joined"] == [(U, MAY, 1), (V, MAY + 2, 1)]
    assert found["members"] == [(U, MAY, 1), (U, MAY + 1, -1), (V, MAY + 2, 1)]


def test_a_group_or_a_member_told_of_in_another_commune_moves_and_nobody_joins_or_leaves() -> None:
    found = summed(Step(MAY, "m", "joined", G, U), Step(JUNE, "m", "joined", G, V), Step(JUNE + 1, "m", "left", G, U))
    assert found["members"] == [(U, MAY, 1), (U, JUNE, -1), (V, JUNE, 1), (V, JUNE + 1, -1)]
    assert (found["joined"], found["left"]) == ([(U, MAY, 1)], [(V, JUNE + 1, 1)])
    found = summed(Step(MAY, G, "founded", G, U), Step(JUNE, G, "founded", G, V), Step(JUNE + 1, G, "dissolved"))
    assert found == {"count": [(U, MAY, 1), (U, JUNE, -1), (V, JUNE, 1), (V, JUNE + 1, -1)]}


def test_a_dissolved_groups_members_stay_until_they_leave_by_events_of_their_own() -> None:
    assert summed(Step(MAY, G, "founded", G, U), Step(JUNE, G, "dissolved")).keys() == {"count"}


def test_a_session_and_a_help_count_where_they_say_and_a_session_may_not_know_how_many_came() -> None:
    said = [Step(MAY, "s", "outreach", G, U, 30), Step(MAY + 1, "s", "helped", G, V, 4), Step(MAY + 2, "s", "outreach", G, U)]
    assert summed(*said) == {
        "outreach": [(U, MAY, 1), (U, MAY + 2, 1)], "reached": [(U, MAY, 30)], "helped": [(V, MAY + 1, 4)],
    }  # fmt: skip


def test_a_snapshot_replaces_the_one_before_it() -> None:
    found = summed(Step(MAY, U, "counted", None, U, None, 8, 27), Step(JUNE, U, "counted", None, U, None, 8, 25))
    assert found == {
        "stated_groups": [(U, MAY, 8)], "stated_members": [(U, MAY, 27), (U, JUNE, -2)], "counted_units": [(U, MAY, 1)],
    }  # fmt: skip


def test_a_snapshot_holds_no_longer_than_the_code_list_that_names_its_unit() -> None:
    old, end = to_ms("2025-05-31T17:00:00Z"), to_ms("2025-06-30T17:00:00Z")
    rows = contributions([Step(old, U, "counted", None, U, None, 8, 27), Step(MAY, U, "counted", None, U, None, 30, 99)])
    assert [(dims, at, m) for name, dims, at, m in rows if name == "group.stated_members"] == [
        ((U, "?"), old, (27,)), ((U, "?"), end, (-27,)), ((U + NEW, "?"), MAY, (99,)),
    ]  # fmt: skip
    alone = contributions([Step(old, "14809", "counted", None, "14809", None, 10, 40)])
    assert [(at, m) for name, _, at, m in alone if name == "group.counted_units"] == [(old, (1,)), (end, (-1,))], "it is no more"


def test_events_that_come_in_any_order_are_counted_the_same() -> None:
    said = [
        event(1, MAY, "m", "joined", group=G, unit=U), event(2, MAY + DAY, "m", "joined", group=G, unit=V),
        event(3, MAY + 2 * DAY, "m", "left"), event(4, MAY + 3 * DAY, "m", "joined", group=G, unit=U),
    ]  # fmt: skip
    found = []
    for order in (said, said[::-1], [said[2], said[0], said[3], said[1]]):
        store = FakeStore()
        count(pipeline(store, 1, Catalog((STREAM,)), (STREAM.topic,)), log_of(order))
        sums: Counter[Any] = Counter()
        for key, (_, (amount, *_)) in panes(store).items():
            sums[key[0], tuple(key[1]), key[2]] += amount
        found.append({key: amount for key, amount in sums.items() if amount})
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 2 + 1 + 5


@pytest.mark.parametrize(
    ("data", "field", "said"),
    [
        ({"state": "founded", "unit": U}, "data.group", "an event with state 'founded' states group, unit; it lacks group"),
        ({"state": "joined", "group": G}, "data.unit", "it lacks unit"),
        ({"state": "helped", "group": G, "unit": U}, "data.people", "states group, unit, people; it lacks people"),
        ({"state": "counted", "unit": U, "members": 3}, "data.groups", "it lacks groups"),
        ({"state": "counted", "unit": U, "groups": 1, "members": -3}, "data.members", "greater than or equal to 0"),
        ({"state": "merged", "group": G}, "data.state", "'founded', 'joined'"),
    ],
)
def test_what_contradicts_itself_is_refused_and_says_what_is_right(data: dict[str, Any], field: str, said: str) -> None:
    value = json.dumps(event(1, MAY, U, **data)).encode()
    reject = exact(value, (), CATALOG.accepted(STREAM.topic))
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.field) == ("schema", field)
    assert said in reject.message


def test_a_snapshot_of_another_subject_than_its_unit_is_refused_and_counts_nothing() -> None:
    store = FakeStore()
    wrong = event(1, MAY, "snapshot-5", "counted", unit=U, groups=8, members=27)
    count(pipeline(store, 1, Catalog((STREAM,)), (STREAM.topic,)), log_of([wrong]))
    assert not panes(store)
    (reject,) = store.tables["rejects"].values()
    assert reject["reason"] == "contributions"
    assert "a snapshot of unit '14758' has subject 'snapshot-5'; its subject is the unit's code" in reject["message"]


def test_every_example_of_groups_is_of_a_commune_of_its_time() -> None:
    units = tree(home())
    told = [e for e in examples().values() if e["type"] == "vn.ioc.group.changed.v1"]
    assert len(told) == 3
    assert {e["data"]["unit"] for e in told} <= {name for name in units.identities() if "@" not in name}


def sum_of(told: Iterable[Told]) -> dict[str, int]:
    """What all events of some entities sum to, by the brute force."""
    events: dict[str, list[Any]] = {}
    for one in sorted(told, key=lambda one: one.time):
        events.setdefault(str(one.data["subject"]), []).append({"time": text(one.time), "data": one.data})
    found: Counter[str] = Counter()
    for history in events.values():
        for (name, _, _), (amount,) in brute_groups.rows(history).items():
            found[name] += amount
    return found


def test_the_past_of_2022_sums_to_what_the_province_reported() -> None:
    (past,) = STREAM.pasts.values()
    told = list(past(LUCK))
    assert {name: amount for name, amount in sum_of(told).items() if name != "group.joined"} == {
        "group.count": 4_233, "group.members": 14_478,
    }  # fmt: skip
    begins, ends = to_ms("2022-04-30T17:00:00Z"), to_ms("2022-10-05T17:00:00Z")
    assert all(begins <= one.time < ends for one in told)
    old = {unit for unit in tree(home()).identities() if "@" not in unit}
    assert len({one.data["unit"] for one in told}) == 547
    assert {str(one.data["unit"]) for one in told} <= old
    assert len({one.id for one in told}) == len({(one.data["subject"], one.time) for one in told}) == len(told) == 18_711


def test_what_was_there_before_a_day_and_what_happens_since_are_one_history() -> None:
    assert STREAM.stock is not None
    assert STREAM.demo is not None
    first, last = local_day(MAY), local_day(JUNE) + 2
    changed = ("founded", "joined", "left", "dissolved")
    grown = [*STREAM.stock(LUCK, first), *(one for day in range(first, last) for one in STREAM.demo(LUCK, day))]
    later = STREAM.stock(LUCK, last)
    assert {o.id for o in grown if o.data["state"] in changed} == {o.id for o in later if o.data["state"] in changed}
    assert all(one.time < first * DAY - OFFSET for one in STREAM.stock(LUCK, first))


def test_the_demo_says_what_there_is_in_every_month_and_some_communes_drift() -> None:
    assert STREAM.stock is not None
    assert STREAM.demo is not None
    month = local_day(JUNE)
    there = sum_of(o for o in STREAM.stock(LUCK, month) if o.data["state"] != "counted")
    counted = [one for one in STREAM.demo(LUCK, month) if one.data["state"] == "counted"]
    assert len(counted) == 166
    assert {one.time for one in counted} == {JUNE}
    assert sum(int(str(one.data["groups"])) for one in counted) == there["group.count"] > 4_233
    assert 0 < abs(sum(int(str(one.data["members"])) for one in counted) - there["group.members"]) < 20
    units = tree(home()).identities()
    assert {identity(str(one.data["unit"]), one.time) for one in counted} <= {*units}


@pytest.mark.parametrize("day", ["2026-04-18", "2026-06-07", "2026-05-20"])
def test_the_demos_groups_work_from_morning_to_evening_also_on_sundays(day: str) -> None:
    assert STREAM.demo is not None
    told = list(STREAM.demo(LUCK, local_day(to_ms(f"{day}T05:00:00Z"))))
    hours = Counter((one.time + OFFSET) % DAY // HOUR for one in told if one.data["state"] == "helped")
    assert all(hours[hour] for hour in range(7, 22))
    assert 20 <= sum(one.data["state"] == "outreach" for one in told) <= 60
    assert len(told) <= 300


def stored(url: str, events: list[dict[str, Any]]) -> Callable[[int], dict[str, float | None]]:
    """The drift by unit at an instant, of what was counted."""
    store = real_store(url, "drift")
    count(pipeline(store, 1, topics=(STREAM.topic,)), log_of(events))

    def drift(at: int) -> dict[str, float | None]:
        return {a.dims["unit"].removesuffix(NEW): a.value for a in read.value(store, CATALOG, "group.drift", at, by=("unit",))}

    return drift


def test_the_drift_is_that_of_the_months_beginning_and_there_is_none_where_there_is_no_snapshot(store_url: str) -> None:
    members = [event(n, MAY - DAY + n, f"m{n}", "joined", group=G, unit=U if n < 5 else V) for n in range(8)]
    drift = stored(store_url, [
        *members,
        event(20, MAY, U, "counted", unit=U, groups=1, members=7),
        event(21, MAY + 5 * DAY, "m8", "joined", group=G, unit=U),
        event(22, MAY + 6 * DAY, "m0", "joined", group=G, unit=V),
        event(23, MAY + 7 * DAY, "m1", "left"),
        event(24, JUNE, U, "counted", unit=U, groups=1, members=4),
        event(25, JUNE + DAY, "m2", "left"),
    ])  # fmt: skip
    assert drift(MAY) == {U: None, V: None}
    assert [drift(MAY + n * DAY)[U] for n in (1, 6, 8, 31)] == [2, 2, 2, 2]
    assert drift(JUNE + HOUR) == {U: 0, V: None}
    assert drift(JUNE + 2 * DAY) == {U: 0, V: None}
