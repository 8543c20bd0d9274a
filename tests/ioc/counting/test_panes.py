"""Panes: whoever writes, whenever it lands, each row is right for its prefix of the log and the end is the truth.

The simulation plays two workers over one log: batches cut anywhere, crashes before and inside a write, writes that land late,
restarts from any earlier border, caches of a few panes. It checks every row that is ever written, not only the end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.counting.panes import NONE, NOTHING, Key, Panes, by_pane, known_at
from ioc.vocabulary import Measures
from streams.dossiers import STREAM

MINUTE = 60_000
Event = tuple[int, dict[Key, Measures]]
Pane = tuple[int, Measures]
Worker = tuple[Panes, int, list[tuple[Key, int, Measures]]]
"""Its panes, the events it has counted, and the rows it is writing: it counts the next ones meanwhile."""


def random_events(rng: random.Random, size: int) -> list[Event]:
    """Events with offsets (holes inside) and what each adds to a few panes; `known` rises but for late and early events."""
    events, offset, watermark = [], 0, 0
    for _ in range(size):
        offset += rng.choice((1, 1, 1, 3))
        watermark += rng.choice((0, 0, 1))
        known = max(watermark, watermark + rng.choice((0, 0, 0, 3, -2))) * MINUTE
        added = {
            ("i", (rng.choice("ab"),), rng.randrange(2) * MINUTE, known): (rng.choice((-1, 1, 2)), rng.choice((0, 1)))
            for _ in range(rng.randrange(3))
        }
        events.append((offset, added))
    return events


def prefixes(events: list[Event]) -> dict[Key, dict[int, Measures]]:
    """For each pane, its measures after each event that changed it."""
    found: dict[Key, dict[int, Measures]] = {}
    for offset, added in events:
        for key, measures in added.items():
            before = list(found.setdefault(key, {}).values())
            found[key][offset] = tuple(a + b for a, b in zip(before[-1], measures, strict=True)) if before else measures
    return found


class Simulation:
    """A versioned table, checkpoints, and workers."""

    def __init__(self, events: list[Event], rng: random.Random) -> None:
        self.events, self.rng = events, rng
        self.right = prefixes(events)
        self.store: dict[Key, Pane] = {}
        self.checkpoint = 0
        self.late: list[tuple[Key, int, Measures]] = []
        self.wrong = 0

    def land(self, rows: list[tuple[Key, int, Measures]]) -> None:
        for key, offset, measures in rows:
            self.wrong += self.right.get(key, {}).get(offset) != measures
            if offset >= self.store.get(key, (NONE, ()))[0]:
                self.store[key] = (offset, measures)

    def start(self, at: int) -> Worker:
        return Panes(max((key[3] for key in self.store), default=NOTHING)), at, []

    def load(self, panes: Panes, keys: list[Key]) -> None:
        for key in panes.lacking(keys):
            if key in self.store:
                panes.put(key, *self.store[key])

    def count(self, panes: Panes, batch: list[Event], summed: bool) -> None:
        self.load(panes, [key for _, added in batch for key in added])
        if not summed:
            for offset, added in batch:
                for key, measures in added.items():
                    panes.add(key, offset, measures)
            return
        by_key: dict[Key, list[tuple[int, Measures]]] = {}
        for offset, added in batch:
            for key, measures in added.items():
                by_key.setdefault(key, []).append((offset, measures))
        for key, found in by_key.items():
            total = tuple(map(sum, zip(*(m for _, m in found), strict=True)))
            if not panes.add_sum(key, found[0][0], found[-1][0], total):
                for offset, measures in found:
                    panes.add(key, offset, measures)

    def play(self, steps: int) -> None:
        rng = self.rng
        workers: list[Worker] = [self.start(0), self.start(0)]
        for _ in range(steps):
            who = rng.randrange(2)
            panes, at, ahead = workers[who]
            until = min(at + rng.randrange(1, 6), len(self.events))
            chance = rng.random()
            if chance < 0.15:  # a restart, from the checkpoint or a rewound one
                workers[who] = self.start(self.checkpoint if rng.random() < 0.6 else rng.randrange(self.checkpoint + 1))
                continue
            if chance < 0.3 and self.late:  # what a paused worker sent lands now
                self.land(self.late)
                self.late = []
                continue
            self.count(panes, self.events[at:until], rng.random() < 0.5)
            rows = [(key, *row) for key, row in panes.changed()]
            if chance < 0.45:  # the write of the poll before hangs; the worker is dead for all others
                self.late += ahead
                workers[who] = self.start(self.checkpoint)
                continue
            if chance < 0.6:  # ends inside the write
                self.land([row for row in ahead if rng.random() < 0.5])
                workers[who] = self.start(self.checkpoint)
                continue
            self.land(ahead)
            panes.settle(rng.choice((0, 2, 4, 1_000)))
            self.checkpoint = max(self.checkpoint, at)
            workers[who] = (panes, until, rows)
        for _, _, ahead in workers:
            self.late += ahead
        panes, at, _ = self.start(self.checkpoint)
        self.count(panes, self.events[at:], False)
        self.land([(key, *row) for key, row in panes.changed()])
        self.land(self.late)

    def ends_right(self) -> bool:
        return self.wrong == 0 and self.store == {key: list(found.items())[-1] for key, found in self.right.items()}


def schedules(first: int, count: int) -> int:
    """How many of the schedules end wrong."""
    wrong = 0
    for seed in range(first, first + count):
        rng = random.Random(seed)
        simulation = Simulation(random_events(rng, rng.randrange(5, 40)), rng)
        simulation.play(rng.randrange(5, 40))
        wrong += not simulation.ends_right()
    return wrong


@pytest.mark.parametrize("hashes", [0, 3, 500_000])
def test_three_thousand_schedules_of_crashes_takeovers_and_late_writes_write_no_wrong_row(
    hashes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is remembered of the panes that had to go: nothing, a few hashes, all."""
    monkeypatch.setattr("ioc.counting.panes.HASHES", hashes)
    assert schedules(hashes, 1_000) == 0


def unskipped(self: Panes, key: Key, offset: int, measures: Measures) -> None:
    version, known = self.held(key) or (NONE, ())
    self.change(key, max(offset, version), tuple(map(int.__add__, known, measures)) if known else measures)


def forgotten(self: Panes, keep: int) -> None:
    self._changed, self._written = {}, {}


def sums_unskipped(self: Panes, key: Key, first: int, last: int, measures: Measures) -> bool:
    unskipped(self, key, last, measures)
    return True


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("add", unskipped),
        ("add_sum", sums_unskipped),
        ("settle", forgotten),
        ("lacking", lambda self, keys: set()),
        ("put", lambda self, key, offset, measures, put=Panes.put: put(self, key, NONE, measures)),
    ],
    ids=["skip by offset", "skip of sums", "floor after eviction", "loading", "offset of the loaded row"],
)
def test_the_simulation_finds_a_rule_switched_off(
    name: str, mutant: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Panes, name, mutant)
    assert schedules(0, 300) > 0


def evicted(seed: int, keep: int) -> Iterator[tuple[Panes, set[Key]]]:
    """Panes of random events, written and evicted now and then, and the keys there ever were, after each event."""
    rng, panes = random.Random(seed), Panes(NOTHING)
    ever: set[Key] = set()
    for offset, added in random_events(rng, 30):
        for key, measures in added.items():
            panes.add(key, offset, measures)
            ever.add(key)
        if rng.random() < 0.3:
            panes.settle(keep)
            panes.settle(keep)
            assert len(panes) <= keep
            assert len(panes) == sum(map(len, panes._written.values()))
            assert panes._hashes == sum(len(hashes) for gone in panes._gone.values() for hashes in gone)
        yield panes, ever


@given(st.integers(0, 10**9), st.integers(0, 6))
def test_everything_that_left_is_asked_for_and_nothing_else(seed: int, keep: int) -> None:
    for panes, ever in evicted(seed, keep):
        assert panes.lacking(ever) == {key for key in ever if panes.held(key) is None}


@given(st.integers(0, 10**9), st.integers(0, 6), st.sampled_from((0, 1, 5)))
def test_when_hashes_are_forgotten_too_everything_that_left_is_asked_for(seed: int, keep: int, hashes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ioc.counting.panes.HASHES", hashes)
        for panes, ever in evicted(seed, keep):
            assert panes.lacking(ever) >= {key for key in ever if panes.held(key) is None}


def test_what_was_never_written_is_never_dropped_and_a_failed_write_keeps_it_to_be_written() -> None:
    panes = Panes(NOTHING)
    panes.add(("i", (), 0, 0), 1, (1,))
    assert panes.changed() == panes.changed() == [(("i", (), 0, 0), (1, (1,)))]
    panes.settle(0)
    assert panes.changed() == []
    assert panes.held(("i", (), 0, 0)) == (1, (1,)), "it may still be on its way to the store"
    panes.settle(0)
    assert len(panes) == 0


def test_an_event_whose_rows_cancel_in_a_pane_leaves_no_row_but_two_events_that_cancel_leave_a_zero() -> None:
    """Zeros are dropped per event (docs/exactness.md): else the row would depend on how batches were cut."""
    cancelling = {("dossier.received", ("a", "b", "c"), 1): (1,), ("dossier.received", ("a", "b", "c"), 2): (-1,)}
    assert by_pane(STREAM, frozenset(), cancelling, 0) == {}
    levels = by_pane(STREAM, frozenset({"dossier.received"}), cancelling, 0)
    assert [key[2] for key in levels] == [1, 2]
    panes = Panes(NOTHING)
    key = ("i", (), 0, 0)
    panes.add(key, 1, (1,))
    panes.add(key, 2, (-1,))
    assert panes.changed() == [(key, (2, (0,)))]


def test_known_is_the_event_time_or_the_watermark_before_it_on_the_grain() -> None:
    assert known_at(STREAM, 10 * MINUTE + 59_999, 0) == 10 * MINUTE
    assert known_at(STREAM, 0, 10 * MINUTE + 59_999) == 9 * MINUTE
    assert known_at(STREAM, 0, 10 * MINUTE) == 9 * MINUTE
