"""The counterexamples behind the rules (docs/exactness.md): each goes wrong in the obvious design, and must not here."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.catalog import Catalog
from ioc.store.clickhouse import Store
from streams import dossiers
from tests import brute
from tests.counting import CATALOG, count, panes, pipeline, poll, real_store, verdicts
from tests.fake import FakeStore
from tests.logs import START, batch, dossier, random_log, record

DAY, HOUR, MINUTE, DOSSIER = brute.DAY, brute.HOUR, brute.MINUTE, brute.DOSSIER


@pytest.fixture(params=["fake", "real"])
def store(request: pytest.FixtureRequest) -> Store:
    """A store in memory, and the real one."""
    if request.param == "fake":
        return FakeStore()
    url = request.getfixturevalue("store_url")
    return real_store(url, "counter_" + request.node.name.split("[")[0].removeprefix("test_")[:40])


def level(store: Store, indicator: str, at: int, known: int | None = None) -> int:
    return sum(
        m[0] for (i, _, a, k, *_), (_, m) in panes(store).items() if i == indicator and a < at and (known is None or k < known)
    )


def only(*events: dict[str, Any], received: int = START + 30 * DAY, first: int = 0) -> list[brute.Record]:
    """Records of one partition, all received at once."""
    return [record(e, first + i, received) for i, e in enumerate(events)]


def alone(store: Store, catalog: Catalog = CATALOG, **more: Any) -> Any:
    return pipeline(store, 1, catalog, (DOSSIER,), **more)


def test_takeover(store: Store) -> None:
    """o0 Y, o1 X, o2 Z on one pane; B holds the pane after o0, then A's late write of o1 lands: the truth is 3, not 2."""
    log = only(*(dossier(name, "e", "received", START) for name in ("Y", "X", "Z")))
    a = alone(store)
    a.run([batch(log[:1], 0)])
    b = alone(store)
    assert b.checkpoints[DOSSIER, 0].next == 1
    a.run([batch(log[1:2], 1)])  # A's late write: the pane and X's history are at o1, ahead of B, which took over after o0
    b.run([batch(log[1:3], 1)])
    (received,) = [row for key, row in panes(store).items() if key[0] == "dossier.received"]
    assert received == (2, (3,))
    assert level(store, "dossier.backlog", START + DAY) == 3


def test_takeover_with_the_pane_in_the_cache_of_the_worker_that_is_overtaken(store: Store) -> None:
    log = only(*(dossier(name, "e", "received", START) for name in ("W", "Y", "X", "Z")))
    a, b = alone(store), alone(store)
    a.run([batch(log[:2], 0)])
    b.run([batch(log[:2], 0)])  # both hold the pane now
    a.run([batch(log[2:3], 2)])
    b.run([batch(log[2:4], 2)])
    a.run([batch(log[3:4], 3)])
    assert {row for key, row in panes(store).items() if key[0] == "dossier.received"} == {(3, (4,))}


def test_difference_under_two_rules(store: Store) -> None:
    """An old calendar puts the due time at d1, a new one at d2: under one key, +1 at d1 and -1 at d2 would stay for ever."""
    moved = replace(
        dossiers.STREAM,
        contributions=lambda history: dossiers.contributions(
            [s._replace(due_at=s.due_at + DAY if s.due_at else None) for s in history]
        ),
    )
    new = Catalog(tuple(moved if s.name == "dossiers" else s for s in CATALOG.streams), {"dossiers": "0" * 16})
    log = only(dossier("D", "a", "received", START, due_at=START + DAY), dossier("D", "b", "completed", START + 5 * DAY))
    alone(store).run([batch(log[:1], 0)])
    second = alone(store, new)
    assert second.checkpoints[DOSSIER, 0].next == 0, "another generation counts from the log's beginning"
    second.run([batch(log, 0)])
    for generation, expected in ((new.generations["dossiers"], {2: 1, 5: -1}), (CATALOG.generations["dossiers"], {1: 1})):
        assert _overdue(store, generation) == expected


def _overdue(store: Store, generation: str) -> dict[int, int]:
    if isinstance(store, FakeStore):
        rows = [
            (r["at"], r["measures"])
            for r in store.tables["panes"].values()
            if (r["generation"], r["indicator"]) == (generation, "dossier.overdue")
        ]
    else:
        rows = store.query(
            "SELECT toUnixTimestamp64Milli(at), measures FROM panes FINAL "
            f"WHERE generation = '{generation}' AND indicator = 'dossier.overdue'"
        ).rows()
    return {(at - START) // DAY: measures[0] for at, measures in rows}


def naive_and_known(log: list[brute.Record], seed: int) -> tuple[list[int], list[int]]:
    """The backlog of each hour when the watermark passes it: over all panes that are there then, and by `known`."""
    rng, store = random.Random(seed), FakeStore()
    made = alone(store)
    naive, known, step = [], [], START
    more = True
    while more:
        more = poll(made, log, rng, 8)
        received = made.checkpoints[DOSSIER, 0].clock.received
        while received is not None and step <= received - MINUTE and step < START + 12 * HOUR:
            naive.append(level(store, "dossier.backlog", step))
            known.append(level(store, "dossier.backlog", step, step))
            step += HOUR
    return naive, known


def test_first_final_without_known() -> None:
    """Late events are in the store or not yet, as batches happen to be cut; the first final must not depend on it."""
    rng, other = random.Random(5), 0
    for _ in range(6):
        now, log = START, []
        for i in range(40):
            now += rng.randrange(0, 40) * MINUTE
            at = max(START, now - rng.choice((0, 0, 2, 5)) * HOUR)
            log.append(record(dossier(f"D{i}", "e", "received", at), i, now, headers=(("ioc-received", str(now).encode()),)))
        first, second = naive_and_known(log, 1), naive_and_known(log, 2)
        assert len(first[1]) == len(second[1]) == 12
        assert first[1] == second[1]
        other += first[0] != second[0]
    assert other > 0, "the logs are such that the naive first final depends on the batches"


def test_one_clock_59_minutes_fast_does_not_move_the_watermark(store: Store) -> None:
    now = START + HOUR
    log = [
        record(dossier("A", "a", "received", now + 59 * MINUTE), 0, now),  # its clock is 59 minutes fast
        record(dossier("B", "a", "received", now), 1, now + 1),
        record(dossier("C", "a", "received", now), 2, now + 1),
    ]
    made = alone(store, tolerance=3600, sealed=True)
    made.run([batch(log, 0)])
    assert made.checkpoints[DOSSIER, 0].clock.received == now + 1
    knowns = sorted(key[3] for key in panes(store) if key[0] == "dossier.received")
    assert knowns == [now, now + 59 * MINUTE], "the others are on time: their step is not closed yet"
    assert level(store, "dossier.backlog", now + MINUTE, now + MINUTE) == 2


def test_holes_in_the_offsets_stop_nothing(store: Store) -> None:
    """A transactional producer leaves markers: positions follow one another, offsets do not."""
    log = [record(dossier(f"D{i}", "e", "received", START), o, START + DAY) for i, o in enumerate((3, 4, 9, 20))]
    made = alone(store)
    made.run([batch(log[:2], 0, 7)])
    made.run([batch(log[2:3], 7, 12)])
    made.run([batch(log[3:], 12, 25)])
    assert made.checkpoints[DOSSIER, 0].next == 25
    assert level(store, "dossier.backlog", START + DAY) == 4
    assert alone(store).checkpoints == made.checkpoints


def test_steps_after_the_end_do_not_reopen_a_dossier_only_another_reception_does(store: Store) -> None:
    log = only(
        dossier("D", "a", "received", START, agency="A"),
        dossier("D", "b", "completed", START + DAY),
        dossier("D", "c", "processing", START + 2 * DAY, agency="B", due_at=START + 3 * DAY),
        dossier("D", "d", "payment", START + 3 * DAY),
        dossier("D", "e", "returned", START + 4 * DAY),
        dossier("D", "f", "received", START + 9 * DAY),
    )
    made = alone(store)
    made.run([batch(log[:2], 0)])
    before = panes(store)
    made.run([batch(log[2:5], 2)])
    said = ("dossier.after_end", "dossier.violations")
    after = {key: row for key, row in panes(store).items() if key[0] in said}
    assert [sum(m[0] for key, (_, m) in after.items() if key[0] == name) for name in said] == [2, 2]
    taken = {key: row for key, row in panes(store).items() if key[0] == "dossier.uncollected"}
    came = {key: row for key, row in panes(store).items() if key[0].startswith("feed.")}
    assert panes(store) == before | after | taken | came, "9, then 10 is as it should be"
    assert level(store, "dossier.backlog", START + 9 * DAY) == 0
    made.run([batch(log[5:], 5)])
    assert level(store, "dossier.backlog", START + 9 * DAY + 1) == 1
    assert set(verdicts(store).values()) == {("accepted", "")}


def test_two_dossiers_that_end_before_they_start_count_once_at_their_start(store: Store) -> None:
    log = only(
        dossier("D", "a", "completed", START),
        dossier("E", "a", "received", START + DAY, due_at=START),
        dossier("D", "b", "received", START + DAY),
        dossier("E", "b", "completed", START),
    )
    count(alone(store), log)
    found = panes(store)
    sums = {
        name: sum(m[0] for key, (_, m) in found.items() if key[0] == name) for name in ("dossier.received", "dossier.resolved")
    }
    assert sums == {"dossier.received": 2, "dossier.resolved": 2}
    assert {key[2] for key in found if key[0] == "dossier.resolved"} == {START + DAY}
    for at in (START, START + 1, START + DAY, START + DAY + 1, START + 9 * DAY):
        assert level(store, "dossier.backlog", at) == level(store, "dossier.overdue", at) == 0


@given(st.integers(0, 10**9))
@settings(max_examples=10)
def test_levels_at_any_instant_and_as_known_at_any_moment_are_those_of_the_log_so_far(seed: int) -> None:
    rng = random.Random(seed)
    log = random_log(rng, 30)
    store = FakeStore()
    count(pipeline(store), log, rng)
    truth = brute.truth(log, 2)
    for _ in range(20):
        at = START + rng.randrange(-2 * DAY, 9 * DAY)
        for indicator in brute.LEVELS:
            states = [brute.levels(brute.in_order(h), at)[indicator] for h in truth.histories.values()]
            assert level(store, indicator, at) == sum(s is not None for s in states)
