"""Years: what a long past must say at any instant, from all its contributions, and what reader and roller say of the same.

The contributions are the brute force's; sums and values are made here, with no help of the engine's.
"""

from __future__ import annotations

import csv
import random
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import ceil, isclose
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from ioc.asking import read
from ioc.catalog import Catalog
from ioc.store.clickhouse import Store
from ioc.vocabulary import Stream
from tests import brute_feeds, brute_kpis, brutes
from tests.brute import COUNTERS, EDGES, MINUTE
from tests.brute_worktime import ms
from tests.brutes import Row
from tests.counting import CATALOG
from tests.rolled import RESTATE, STEPS, begin

DATA = Path(__file__).parents[1] / "streams" / "data"
STREAMS = [stream.name for stream in CATALOG.streams]
MEANS = {name: scale for name, _, scale in COUNTERS.values()} | brutes.table("MEANS", STREAMS)
SHARES = {
    "dossier.online_share": False, "dossier.on_time_share": True, "dossier.conformance": True, "ran.nr_share": False,
    "ran.registration": False, "feed.correct": True, "feed.complete": False, "feed.clean": True,
} | brutes.table("SHARES", STREAMS)  # fmt: skip
"""Whether the share is of the others."""
ADDS = {name for stream in STREAMS for name in getattr(brutes.of(stream), "ADDS", ())}
"""What has no weight adds up."""
HISTOGRAMS = {"dossier.handling_days": EDGES, "feed.delay": brute_feeds.EDGES} | brutes.table("HISTOGRAMS", STREAMS)


class Told(NamedTuple):
    """A value with its bounds, and how many stand behind it. None: there is none, or no upper bound."""

    value: float | None
    lo: float | None
    hi: float | None
    n: int


class Sums:
    """The contributions of a stream, and their sums over any span of time by any dimension."""

    def __init__(self, dimensions: Sequence[str], rows: Iterable[Row] = ()) -> None:
        self.dimensions = tuple(dimensions)
        self._added: dict[str, tuple[array[int], ...]] = {}
        self._sorted: dict[str, Any] = {}
        self._width: dict[str, int] = {}
        self._dims: dict[tuple[str, ...], int] = {}
        self._groups: dict[tuple[str, ...], tuple[list[tuple[str, ...]], Any]] = {}
        self.add(rows)

    def add(self, rows: Iterable[Row]) -> None:
        """More of them, before anything is asked."""
        for indicator, dims, at, known, measures in rows:
            self._width[indicator] = len(measures)
            number = self._dims.setdefault(dims, len(self._dims))
            into = self._added.setdefault(indicator, tuple(array("q") for _ in range(5)))
            for place, amount in enumerate(measures):
                if amount:
                    for column, cell in zip(into, (at, known, number, place, amount), strict=True):
                        column.append(cell)

    def by(self, indicator: str, grouping: tuple[str, ...], low: int, high: int, known: int | None = None) -> dict[Any, Any]:
        """The measures of low <= at < high by group, `*` for what is summed over; `known`: of what was known before then."""
        if indicator not in self._added:
            return {}
        if indicator not in self._sorted:
            found = np.array(self._added[indicator], np.int64)
            self._sorted[indicator] = found[:, np.argsort(found[0], kind="stable")]
        groups, of_dims = self._of(grouping)
        at, knew, dims, place, amount = self._sorted[indicator]
        span = slice(*np.searchsorted(at, (low, high)))
        width = self._width[indicator]
        kept = slice(None) if known is None else knew[span] < known
        code = (of_dims[dims[span]] * width + place[span])[kept]
        sums = np.bincount(code, weights=amount[span][kept], minlength=len(groups) * width).astype(np.int64)
        there = np.unique(code // width)
        return {groups[g]: tuple(sums[g * width : (g + 1) * width].tolist()) for g in there}

    def _of(self, grouping: tuple[str, ...]) -> tuple[list[tuple[str, ...]], Any]:
        if grouping not in self._groups:
            names = [
                tuple(d if n in grouping else "*" for n, d in zip(self.dimensions, dims, strict=True)) for dims in self._dims
            ]
            numbers = {group: i for i, group in enumerate(dict.fromkeys(names))}
            self._groups[grouping] = list(numbers), np.array([numbers[name] for name in names], np.int64)
        return self._groups[grouping]


PERIODS = ("month", "quarter", "year")
INDEX = {
    "index766.2_1": lambda part, whole: 100 * (whole - part) / whole,
    "index766.2_2": lambda part, whole: part / whole / 3600,
}
"""What the index of Decision 766 makes of part and whole of a period; the others are shares."""


REGISTRY = [row for row in csv.DictReader((DATA / "cells.csv").read_text(encoding="utf-8").splitlines()) if not row["to"]]
"""The cells, which are on air for ever, each with periods of a quarter of an hour."""


def due(indicator: str, group: Sequence[str], window: str | None, until: int) -> int:
    """The seconds that are due of a group (site, cell) in a window, where that is asked."""
    if indicator not in brute_kpis.BOUNDED or window is None:
        return 0
    since = [
        ms(f"{row['from']}T00:00:00+07:00") // 1_000
        for row in REGISTRY
        if group[0] in ("*", row["site"]) and group[1] in ("*", row["cell"])
    ]
    alike = {one: brute_kpis.due(900, [(one, 1 << 40)], begin(window, until) // 1_000, until // 1_000) for one in {*since}}
    return sum(alike[one] for one in since)


def told(indicator: str, sums: Sequence[int], window: str | None = None, due: int = 0) -> Told:
    """What the sums of measures say; no sums are zeros."""
    if indicator in brute_kpis.BOUNDED:
        return Told(*brute_kpis.bounded(indicator, sums, due))
    if indicator.startswith("index766."):
        at = 2 * PERIODS.index(window or "")
        part, whole = sums[at : at + 2] or (0, 0)
        value = INDEX.get(indicator, lambda part, whole: 100 * part / whole)(part, whole) if whole else None
        return Told(value, value, value, whole)
    if indicator in HISTOGRAMS:
        return _median(sums, HISTOGRAMS[indicator])
    if indicator in brute_kpis.RATES:
        part, whole, n = sums or (0, 0, 0)
        value = part / whole * brute_kpis.RATES[indicator] if whole else None
        return Told(value, value, value, n)
    if indicator not in SHARES and indicator not in MEANS:
        count = sums[0] if sums else 0
        return Told(count, count, count, count)
    part, whole, n = sums or (0, 0, 0)
    if whole == 0 and n and indicator in ADDS:
        whole = 1
    if whole == 0:
        return Told(None, None, None, n)
    value = (
        100 * (whole - part if SHARES[indicator] else part) / whole if indicator in SHARES else part / whole / MEANS[indicator]
    )
    return Told(value, value, value, n)


def _median(counts: Sequence[int], edges: Sequence[int]) -> Told:
    """The bucket of the lower median, and the place in it by rank."""
    total, before = sum(counts), 0
    rank = max(ceil(total / 2), 1)
    for place, inside in enumerate(counts):
        if before + inside >= rank:
            if place + 1 == len(edges):
                return Told(edges[place], edges[place], None, total)
            lo, hi = edges[place : place + 2]
            return Told(lo + (hi - lo) * (rank - before) / inside, lo, hi, total)
        before += inside
    return Told(None, None, None, 0)


def same(found: Told, wanted: Told) -> bool:
    """Equal, but for the last digits of a division."""
    return found.n == wanted.n and all(
        a == b or (a is not None and b is not None and isclose(a, b, rel_tol=1e-12))
        for a, b in zip(found[:3], wanted[:3], strict=True)
    )


def judge_reader(store: Store, catalog: Catalog, stream: Stream, sums: Sums, instants: Sequence[int], seed: int) -> int:
    """What is read from panes at each instant, of a level and of two flows: the level to the millisecond, a window on the grain;
    which ones, and by which grouping, is chance."""
    rng, compared = random.Random(seed), 0
    levels, flows = ([i for i in stream.indicators if i.level == kind and not i.looks] for kind in (True, False))
    for at in instants:
        for indicator in [*rng.sample(levels, min(1, len(levels))), *rng.sample(flows, min(2, len(flows)))]:
            level, grouping = indicator.level, rng.choice(indicator.groupings)
            window = None if level else rng.choice(indicator.windows)
            until = at if level else at // stream.grain * stream.grain
            wanted = sums.by(indicator.name, grouping, 0 if window is None else begin(window, until), until)
            answers = read.value(store, catalog, indicator.name, at, window, by=grouping)
            found = {tuple(a.dims[d] for d in stream.dimensions): Told(a.value, a.lo, a.hi, a.n) for a in answers}
            for group in found.keys() | wanted.keys():
                owed = due(indicator.name, group, window, until)
                expected = told(indicator.name, wanted.get(group, ()), window, owed)
                assert same(found.get(group, told(indicator.name, (), window)), expected), (indicator.name, window, group, at)
                compared += 1
    return compared


def judge_rolled(store: Store, stream: Stream, sums: Sums, instants: Sequence[int], until: int) -> int:
    """What boards show: every window at the last step before each instant, by every grouping that is rolled, first and latest.

    `until`: the watermark. What is older than `restate` before it may not know what came late.
    """
    compared = 0
    for indicator in (one for one in stream.indicators if not one.looks):  # those: `tests.years_looks`
        name = indicator.name
        for window in ("level",) if indicator.level else indicator.windows:
            held = _Held(store, indicator.view, window)
            step = MINUTE if indicator.level else max(STEPS[window], stream.grain)
            for at in sorted({at // step * step for at in instants}):
                low, rows = 0 if indicator.level else begin(window, at), held.at(at)
                for grouping in indicator.groupings:
                    latest, first = (sums.by(name, grouping, low, at, known) for known in (None, at))
                    mine = [
                        g for g in rows if tuple(d for d, v in zip(stream.dimensions, g, strict=True) if v != "*") == grouping
                    ]
                    for group in {*latest, *first, *mine}:
                        found, first_value = rows.get(group, (told(name, (), window), told(name, (), window).value))
                        where = (name, window, group, at)
                        owed = due(name, group, window, at) if group in rows else 0
                        then, now = (told(name, some.get(group, ()), window, owed) for some in (first, latest))
                        assert same(then._replace(value=first_value), then), where
                        assert same(found, now) or (then != now and (indicator.level or at <= until - RESTATE)), where
                        compared += 1
    return compared


class _Held:
    """The rows of a view's window, and which of them hold at a step: the last one at or before it, of every group."""

    def __init__(self, store: Store, view: str, window: str) -> None:
        frame = store.query(
            f"SELECT dims, toUnixTimestamp64Milli(at) AS step, value, lo, hi, n, first_value FROM {view} "
            f"WHERE window = '{window}' ORDER BY dims, step"
        )
        self._at: dict[tuple[str, ...], list[int]] = {}
        self._rows: dict[tuple[str, ...], list[Any]] = {}
        for (dims,), part in frame.with_columns(pl.col("dims").list.join("\0")).partition_by("dims", as_dict=True).items():
            group = tuple(str(dims).split("\0"))
            self._at[group] = part["step"].to_list()
            self._rows[group] = part.drop("dims", "step").rows()

    def at(self, step: int) -> dict[tuple[str, ...], tuple[Told, float | None]]:
        """By group: what is told, and the first value."""
        found = {}
        for group, steps in self._at.items():
            if place := bisect_right(steps, step):
                value, lo, hi, n, first = self._rows[group][place - 1]
                found[group] = Told(value, lo, hi, n), first
        return found


def instants(first: int, last: int, seed: int, count: int = 100) -> list[int]:
    """Random ones, in order."""
    rng = random.Random(seed)
    return sorted(rng.randrange(first, last) for _ in range(count))
