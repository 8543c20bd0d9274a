"""Dossiers: levels at any instant and flows are what the events say, and no event changes the past."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from ioc.counting.history import History
from streams.dossiers import DAYS, STREAM, handled
from tests import brute
from tests.ioc.counting.test_history import item, play
from tests.logs import JULY, START, dossier, random_history

DAY, HOUR = brute.DAY, brute.HOUR


STARTS = st.sampled_from((START, JULY))


@given(st.integers(0, 10**9), st.integers(1, 9), STARTS)
def test_levels_at_any_instant_are_those_of_the_events_before_it(seed: int, size: int, start: int) -> None:
    rng = random.Random(seed)
    events = random_history(rng, "D", size, start)
    total = play(events)[1]
    ordered = brute.in_order(events)
    for _ in range(20):
        instant = (
            start + rng.randrange(-5 * DAY, 9 * DAY)
            if rng.random() < 0.5
            else start + rng.randrange(-8, 40) * 6 * HOUR + rng.choice((0, 1, 2 * HOUR, 2 * HOUR + 1))
        )
        for level, dims in brute.levels(ordered, instant).items():
            found: dict[tuple[str, ...], int] = {}
            for (indicator, where, at), (n,) in ((k, m) for k, m in total.items() if k[0] == level):
                if at < instant:
                    found[where] = found.get(where, 0) + n
                assert indicator == level
            assert {d: n for d, n in found.items() if n} == ({dims: 1} if dims else {})


@given(st.integers(0, 10**9), st.integers(0, 8), st.integers(1, 20 * DAY) | st.integers(1, DAY), STARTS)
def test_an_event_later_than_all_of_the_history_never_changes_what_was_before_it(
    seed: int, size: int, later: int, start: int
) -> None:
    rng = random.Random(seed)
    events = random_history(rng, "D", size, start)
    history = play(events)[0]
    at = max((brute.ms(e["time"]) for e in events), default=start) + later
    (last,) = random_history(rng, "D", 1)
    last = {k: v for k, v in last.items() if k != "replaces"} | {"id": "last", "time": brute_text(at)}
    change = history.add(item(last, size))
    assert isinstance(change, dict)
    assert all(row_at >= at for _, _, row_at in change)


def brute_text(at: int) -> str:
    return str(dossier("D", "x", "received", at)["time"])


def rows(*events: dict[str, object]) -> dict[str, dict[int, int]]:
    """First measures by indicator and days after the start."""
    found: dict[str, dict[int, int]] = {}
    for (indicator, _, at), measures in play(list(events))[1].items():
        found.setdefault(indicator, {})[(at - START) // DAY] = measures[0]
    return found


def test_overdue_begins_at_the_due_time_without_any_event_and_is_taken_back_by_an_early_end() -> None:
    received = dossier("D", "a", "received", START, due_at=START + 5 * DAY)
    assert rows(received)["dossier.overdue"] == {5: 1}
    assert "dossier.overdue" not in rows(received, dossier("D", "b", "completed", START + 5 * DAY))
    assert rows(received, dossier("D", "b", "completed", START + 6 * DAY))["dossier.overdue"] == {5: 1, 6: -1}


def test_due_soon_is_the_three_working_days_before_the_due_time() -> None:
    monday = START + 11 * DAY  # at 07:00: Wednesday to Friday are the three days
    received = dossier("D", "a", "received", START, due_at=monday)
    assert rows(received)["dossier.due_soon"] == {6: 1, 11: -1}
    assert rows(received, dossier("D", "b", "completed", START + 7 * DAY))["dossier.due_soon"] == {6: 1, 7: -1}
    assert "dossier.due_soon" not in rows(received, dossier("D", "b", "completed", START + 6 * DAY))


def test_a_moved_due_time_moves_overdue_with_it() -> None:
    found = rows(
        dossier("D", "a", "received", START, due_at=START + 2 * DAY),
        dossier("D", "b", "processing", START + DAY, due_at=START + 9 * DAY),
    )
    assert found["dossier.overdue"] == {9: 1}
    assert found["dossier.reappointed"] == {1: 1}


def test_a_change_of_agency_moves_the_backlog_and_leaves_what_was_received() -> None:
    total = play([dossier("D", "a", "received", START, agency="A"), dossier("D", "b", "processing", START + DAY, agency="B")])[1]
    backlog = {(dims[0], (at - START) // DAY): m[0] for (i, dims, at), m in total.items() if i == "dossier.backlog"}
    assert backlog == {("A", 0): 1, ("A", 1): -1, ("B", 1): 1}
    assert [dims[0] for i, dims, _ in total if i == "dossier.received"] == ["A"]


def test_received_after_the_end_opens_a_dossier_again_and_its_first_end_stays() -> None:
    found = rows(
        dossier("D", "a", "received", START, due_at=START + 4 * DAY),
        dossier("D", "b", "completed", START + 3 * DAY),
        dossier("D", "c", "received", START + 6 * DAY, due_at=START + 20 * DAY),
        dossier("D", "d", "completed", START + 8 * DAY),
        dossier("D", "e", "returned", START + 9 * DAY),
    )
    assert found["dossier.backlog"] == {0: 1, 3: -1, 6: 1, 8: -1}
    assert found["dossier.received"] == {0: 1}
    assert found["dossier.reopened"] == {6: 1}
    assert found["dossier.resolved"] == {3: 1, 8: 1}
    assert found["dossier.on_time_share"] == {3: 0, 8: 0}
    assert "dossier.after_end" not in found


def test_a_dossier_opened_again_without_a_new_due_time_is_overdue_from_then_on() -> None:
    found = rows(
        dossier("D", "a", "received", START, due_at=START + 4 * DAY),
        dossier("D", "b", "stopped", START + 3 * DAY),
        dossier("D", "c", "received", START + 6 * DAY),
    )
    assert found["dossier.overdue"] == {6: 1}


def test_what_else_comes_after_the_end_opens_nothing_and_is_counted() -> None:
    found = rows(
        dossier("D", "a", "received", START),
        dossier("D", "b", "completed", START + 3 * DAY),
        dossier("D", "c", "returned", START + 4 * DAY),
        dossier("D", "d", "processing", START + 5 * DAY, agency="other"),
        dossier("D", "e", "returned", START + 7 * DAY),
    )
    assert found["dossier.backlog"] == {0: 1, 3: -1}
    assert found["dossier.resolved"] == {3: 1}
    assert found["dossier.after_end"] == {5: 1, 7: 1}
    assert "dossier.reopened" not in found


def test_an_end_before_the_reception_holds_at_it_and_the_next_reception_opens_again() -> None:
    found = rows(
        dossier("D", "a", "completed", START),
        dossier("D", "b", "received", START + DAY),
        dossier("D", "c", "received", START + 2 * DAY),
    )
    assert found["dossier.resolved"] == {1: 1}
    assert found["dossier.reopened"] == {2: 1}
    assert found["dossier.backlog"] == {2: 1}


def test_the_lifecycle_of_a_dossier_opened_again_has_no_end() -> None:
    history = play([dossier("D", "a", "received", START), dossier("D", "b", "stopped", START + DAY)])[0]
    assert history.lifecycle()[:2] == (START, START + DAY)
    history.add(item(dossier("D", "c", "received", START + 2 * DAY), 2))
    assert history.lifecycle()[:2] == (START, None)


def test_a_dossier_that_is_never_received_counts_nothing_but_moves_that_are_not_allowed() -> None:
    registered = dossier("D", "a", "registered", START, due_at=START + DAY)
    assert rows(registered, dossier("D", "b", "refused", START + DAY)) == {}
    assert rows(registered, dossier("D", "b", "completed", START + DAY)) == {"dossier.violations": {1: 1}}


def test_before_the_calendar_begins_a_dossier_counts_and_no_working_time_is_known() -> None:
    old = brute.ms("1985-03-04T02:00:00Z")
    total = play(
        [
            dossier("D", "a", "received", old, due_at=old + 4 * DAY, procedure="2.000815"),
            dossier("D", "b", "supplement", old + DAY),
            dossier("D", "c", "processing", old + 3 * DAY),
            dossier("D", "d", "completed", old + 5 * DAY),
            dossier("D", "e", "received", old + 6 * DAY),
        ]
    )[1]
    overdue = {(at - old) / DAY: m[0] for (name, _, at), m in total.items() if name == "dossier.overdue"}
    assert overdue == {4: 1, 5: -1, 6: 1}
    assert not any(name == "dossier.due_soon" for name, _, _ in total)
    assert play([dossier("D", "a", "received", old, procedure="2.000815")])[0].lifecycle()[2] is None


def test_the_handling_time_falls_into_the_bucket_of_its_days() -> None:
    for days in (0, 0.99, 1, 59.5, 60, 64.9, 119, 120, 359, 360, 9_999):
        measures = handled(days)
        bucket = measures.index(1)
        assert sum(measures) == 1
        assert DAYS.edges[bucket] <= days
        assert bucket + 1 == len(DAYS.edges) or days < DAYS.edges[bucket + 1]


def test_the_lifecycle_tells_reception_end_due_time_and_dimensions() -> None:
    history = History(STREAM)
    assert history.lifecycle() == (None, None, None, ("?", "?", "counter", "?", "?"))
    history.add(item(dossier("D", "a", "received", START, agency="A", due_at=START + DAY), 0))
    assert history.lifecycle() == (START, None, START + DAY, ("A", "?", "counter", "?", "?"))
    history.add(item(dossier("D", "b", "withdrawn", START + 2 * DAY), 1))
    assert history.lifecycle() == (START, START + 2 * DAY, START + DAY, ("A", "?", "counter", "?", "?"))
