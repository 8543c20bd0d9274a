"""The ledger: a roller that goes on shows and writes what the panes say, though it reads only what is new.

The truth is summed here from all panes, in Python, at every step.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from ioc.calendar.windows import LEVEL
from ioc.rolling import ledger
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.times import DAY, HOUR, MINUTE, to_ms
from ioc.vocabulary import ALL
from tests import rolled
from tests.brute import DOSSIER, Record
from tests.counting import CATALOG, OF_LOGS, TOPICS, more_in_proof, panes, pipeline, poll, real_store
from tests.fake import FakeStore
from tests.logs import beat, dossier, random_log, record

START = to_ms("2026-05-28T22:31:00Z")
"""A month, a quarter of an hour and a Vietnamese day end within the log."""
PARTITIONS = 2
STREAM = CATALOG.stream_of("dossier.backlog")
WINDOWS = {"dossier.backlog": (LEVEL,), "dossier.overdue": (LEVEL,), "dossier.due_soon": (LEVEL,)} | dict.fromkeys(
    ("dossier.received", "dossier.resolved_late", "dossier.handling_days"), ("1h", "1d", "7d", "day", "week", "month", "year")
)
Pane = tuple[str, tuple[str, ...], int, int, tuple[int, ...]]


def log(rng: random.Random, days: int, size: int) -> list[Record]:
    """Dossiers with due times ahead; most events at once, some late by minutes, hours or days, some doubled, some corrected."""
    events, times = [], []
    for n in range(size):
        at = START + rng.randrange(days * DAY)
        for i, state in enumerate(("received", "processing", rng.choice(("completed", "returned", "processing")))):
            when = at + i * rng.randrange(1, 2 * DAY)
            due = {"due_at": when + rng.choice((-HOUR, HOUR, DAY, 4 * DAY, 40 * DAY))} if rng.random() < 0.6 else {}
            more = {"agency": rng.choice("ABC")} if rng.random() < 0.7 else {}
            more |= {"replaces": f"e{n}-{i - 1}"} if i and rng.random() < 0.1 else {}
            events.append(dossier(f"D{n}", f"e{n}-{i}", state, when, **due, **more))
            times.append(when + rng.choice((0, 0, 0, 0, 30_000, 20 * MINUTE, 5 * HOUR, 3 * DAY)))
            if rng.random() < 0.05:
                events.append(events[-1])
                times.append(times[-1] + rng.randrange(DAY))
    records = [record(event, 0, at, PARTITIONS) for event, at in zip(events, times, strict=True)]
    for at in range(START, START + (days + 2) * DAY, 23 * MINUTE):
        records += [record(beat(at), 0, at + p * 20_000, topic=DOSSIER, partition=p) for p in range(PARTITIONS)]
    offsets = [itertools.count() for _ in range(PARTITIONS)]
    ordered = sorted((r for r in records if r.timestamp < START + (days + 2) * DAY), key=lambda r: r.timestamp)
    return [replace(r, offset=next(offsets[r.partition])) for r in ordered]


def panes_of(store: Store) -> list[Pane]:
    """All panes there are."""
    frame = store.query(
        "SELECT indicator, dims, toUnixTimestamp64Milli(at) AS a, toUnixTimestamp64Milli(known) AS k, measures FROM panes FINAL"
    )
    return [(name, tuple(dims), at, known, tuple(m)) for name, dims, at, known, m in frame.rows()]


def groups(name: str, dims: Sequence[str]) -> list[tuple[str, ...]]:
    """The groups a pane counts for, by every one of the indicator's groupings."""
    said = list(zip(STREAM.dimensions, dims, strict=True))
    return [tuple(value if n in by else ALL for n, value in said) for by in STREAM.indicator(name).groupings]


def truth(found: Iterable[Pane], name: str, low: int, now: int) -> dict[tuple[str, ...], int]:
    """What the groups hold in [low, now): the sum of all measures, which is the count."""
    sums: dict[tuple[str, ...], int] = defaultdict(int)
    for indicator, dims, at, _, measures in found:
        if indicator == name and low <= at < now:
            for group in groups(name, dims):
                sums[group] += sum(measures)
    return sums


def shown(store: Store, name: str, window: str) -> dict[tuple[str, ...], int]:
    """What the tiles of all groups show."""
    frame = store.query(f"SELECT dims, n FROM v_{name.replace('.', '_')}_now WHERE window = '{window}'")
    return {tuple(dims): n for dims, n in frame.rows()}


def agree(store: Store, found: Sequence[Pane]) -> None:
    now: int = store.query("SELECT toUnixTimestamp64Milli(now) AS now FROM v_now")["now"][0]
    here = -(-now // MINUTE) * MINUTE
    for name, windows in WINDOWS.items():
        for window in windows:
            low = -(1 << 62) if window == LEVEL else rolled.begin(window, here)
            tiles, right = shown(store, name, window), truth(found, name, low, now)
            assert {g: n for g, n in tiles.items() if n} == {g: n for g, n in right.items() if n}, (name, window, now)


def finals(store: Store, name: str) -> dict[tuple[str, ...], pl.DataFrame]:
    frame = store.query(
        f"SELECT dims, toUnixTimestamp64Milli(at) AS step, first_value FROM v_{name.replace('.', '_')} "
        "WHERE window = 'level' AND until >= at ORDER BY step"
    )
    return {tuple(part["dims"][0]): part for part in frame.partition_by("dims")}


@pytest.mark.parametrize("seed", more_in_proof(12, 200))
def test_a_pane_known_before_every_watermark_never_changes_again(seed: int) -> None:
    """What the ledger stands on: late, doubled, corrected, misplaced, under headers and clocks that are wrong."""
    rng, store = random.Random(seed), FakeStore()
    records = random_log(rng, 200)
    made, settled, more, held = pipeline(store), {}, True, 0
    while more:
        more = poll(made, records, rng)
        now = panes(store)
        assert {key: now.get(key) for key in settled} == settled
        for stream in OF_LOGS:
            read = [topic for topic in stream.topics if topic in TOPICS]
            clocks = [made.checkpoints[topic, p].clock.received for topic in read for p in range(PARTITIONS)]
            if None not in clocks:
                mark = (min(clocks) - stream.delay) // stream.grain * stream.grain
                settled |= {key: pane for key, pane in now.items() if key[0] in stream.widths and key[3] < mark}
        held = max(held, len(settled))
    assert held, "some must have been settled"


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.proof) for seed in (1, 3, 4))])
def test_one_roller_that_goes_on_shows_what_all_panes_say(seed: int, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "AHEAD", (15 * MINUTE, 3 * HOUR)[seed % 2])
    rng, store = random.Random(seed), real_store(store_url, f"ledger{seed}")
    records = log(rng, 5, 60)
    made, roller = pipeline(store, PARTITIONS, topics=(DOSSIER,)), Roller(rolled.only(*WINDOWS), store, store.settings)
    looks, more, kept = 0, True, 0
    while more:
        more = poll(made, records, rng, most=rng.choice((3, 20, 60)))
        before = roller._ledgers.get(STREAM.name)
        roller.step()
        kept += before is not None and roller._ledgers.get(STREAM.name) is before
        if rng.random() < 0.1 or not more:
            agree(store, panes_of(store))
            looks += 1
    assert looks > 5
    assert kept > looks, "it must have gone on with its ledger most of the time"
    span = rolled.finals(records, PARTITIONS)
    assert span is not None
    found = panes_of(store)
    for name in ("dossier.backlog", "dossier.overdue", "dossier.due_soon"):
        for group, frame in finals(store, name).items():
            at_step = rolled.held(frame.select("step", pl.col("first_value").alias("v"), "first_value").rename({"step": "at"}))
            own = [(max(at, known), m[0]) for i, dims, at, known, m in found if i == name and group in groups(name, dims)]
            for at in range((span[0] // MINUTE + 1) * MINUTE, span[1] + 1, 13 * MINUTE):
                assert (at_step(at)[1] or 0) == sum(m for when, m in own if when < at), (name, group, at)


def test_where_more_is_fresh_than_it_may_hold_no_ledger_is_made_and_all_panes_are_read(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A past that comes into a live centre is known now: to hold its panes, and drop them at each turn, took both ways."""
    begin, made_with = ledger.Ledger.__init__, []

    def begun(self: ledger.Ledger, *given: Any) -> None:
        begin(self, *given)
        made_with.append(sum(len(book.fresh) for book in self.books.values()))

    monkeypatch.setattr(ledger, "MOST", 40)
    monkeypatch.setattr(ledger.Ledger, "__init__", begun)
    rng, store = random.Random(5), real_store(store_url, "ledger_most")
    records = log(rng, 3, 60)
    made, roller, without = (
        pipeline(store, PARTITIONS, topics=(DOSSIER,)),
        Roller(rolled.only(*WINDOWS), store, store.settings),
        0,
    )
    for _ in range(12):
        poll(made, records, rng, most=120)
        roller.step()
        without += STREAM.name not in roller._ledgers
        agree(store, panes_of(store))
    assert made_with, "there are quiet turns, too"
    assert max(made_with) <= 40
    assert without > 2
