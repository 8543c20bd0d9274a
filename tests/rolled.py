"""Rolled: a log through pipeline and roller into a real store, and its rows against the brute force, step by step.

What a reader holds at a step is the last row at or before it. Own calendar, own windows: the province is seven hours ahead.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from ioc.catalog import Catalog
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from tests import brute
from tests.brute import DAY, DOSSIER, HOUR, MINUTE, Record
from tests.counting import CATALOG, pipeline, poll, real_store

STEPS = {"1h": 5 * MINUTE, "1d": HOUR, "7d": 6 * HOUR} | dict.fromkeys(("day", "week", "month", "quarter", "year"), HOUR)
RESTATE = 35 * DAY
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The province's wall time is told as if it were UTC."""
RECEIVED = "dossier.received"


def only(*names: str) -> Catalog:
    """The catalog for a roller that rolls these indicators alone, of what was counted under all: what it does with one it does
    with each, and a test that looks at three need not wait for seventy."""
    streams = [replace(s, indicators=tuple(i for i in s.indicators if i.name in names)) for s in CATALOG.streams]
    return Catalog(tuple(s for s in streams if s.indicators), CATALOG.generations)


def begin(window: str, at: int) -> int:
    """Where the window that ends at `at` begins."""
    lengths = {"1h": HOUR, "1d": DAY, "7d": 7 * DAY}
    if window in lengths:
        return at - lengths[window]
    there = EPOCH + timedelta(milliseconds=at - 1, hours=7)
    day = there.replace(hour=0, minute=0, second=0, microsecond=0)
    first = {
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "year": day.replace(month=1, day=1),
    }[window]
    return (first - EPOCH - timedelta(hours=7)) // timedelta(milliseconds=1)


def roll(url: str, name: str, log: Sequence[Record], seed: int, partitions: int = 2, often: float = 0.3) -> Store:
    """The store after the log came in, cut at random and rolled now and then, by a new roller now and then."""
    rng, store = random.Random(seed), real_store(url, name)
    made = pipeline(store, partitions, topics=(DOSSIER,))
    rolling = only(RECEIVED)
    roller, more = Roller(rolling, store, store.settings), True
    while more:
        more = poll(made, log, rng, rng.choice((5, 60)))
        if rng.random() < often:
            roller.step()
        if rng.random() < 0.1:
            roller = Roller(rolling, store, store.settings)
    roller.step()
    return store


def rows(store: Store, window: str, indicator: str = RECEIVED) -> pl.DataFrame:
    """The rows of the province as a whole, in order, as readers see them."""
    return store.query(
        f"SELECT toUnixTimestamp64Milli(at) AS step, value, first_value FROM v_{indicator.replace('.', '_')} "
        f"WHERE window = '{window}' AND dims = ['*', '*', '*', '*', '*'] ORDER BY step"
    ).rename({"step": "at"})


def held(frame: pl.DataFrame) -> Callable[[int], tuple[float, float | None]]:
    """(value, first value) that a reader holds at a step."""
    at, found = frame["at"].to_list(), frame.rows()

    def at_step(step: int) -> tuple[float, float | None]:
        count = bisect_right(at, step)
        return found[count - 1][1:] if count else (0.0, 0.0)

    return at_step


def finals(log: Sequence[Record], partitions: int) -> tuple[int, int] | None:
    """(instant after which first finals begin, last one), on the minute; None while a partition has no watermark."""
    firsts, marks = [], []
    for p in range(partitions):
        own = [r for r in log if r.partition == p]
        moved = [before for _, before in brute.clock([*own, own[-1]], False, 600_000)] if own else []
        if not moved:
            return None
        firsts.append(brute.clock(own, False, 600_000)[0][0])
        marks.append(moved[-1])
    return (max(firsts) - MINUTE) // MINUTE * MINUTE, (min(marks) - MINUTE) // MINUTE * MINUTE


def judge(store: Store, log: Sequence[Record], partitions: int = 2, windows: Sequence[str] = tuple(STEPS)) -> int:
    """Every step with a first final holds it, and the latest value while it is restated. How many steps differ in the two."""
    span = finals(log, partitions)
    assert span is not None
    found = [(k[2], k[3], m[0]) for k, (_, m) in brute.truth(log, partitions).panes.items() if k[0] == RECEIVED]
    restated = 0
    for window in windows:
        step, at_step = STEPS[window], held(rows(store, window))
        for at in range((span[0] // step + 1) * step, span[1] + 1, step):
            low = begin(window, at)
            inside = [(known, n) for a, known, n in found if low <= a < at]
            latest, first = sum(n for _, n in inside), sum(n for known, n in inside if known < at)
            value, first_value = at_step(at)
            when = (window, datetime.fromtimestamp(at / 1000, UTC).isoformat())
            assert first_value == first, when
            assert value == latest or at <= span[1] - RESTATE, when
            restated += latest != first
    return restated
