"""Drive tests by brute force: one pass over the samples of a trace in the order of their numbers, from docs and tables alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

WEAK, LONG, GAP = -110, 10, 60
"""dBm and seconds of streams/data/drives.toml."""


class Row(NamedTuple):
    """A sample: seconds since 1970, place, radio access technology, dBm."""

    time: float
    place: object
    rat: str | None
    rsrp: float | None


class Told(NamedTuple):
    """What a trace tells: (time, place) of each change; (begin, end, place) of each episode that ended, of weak ones all."""

    handovers: list[tuple[float, object]]
    modes: list[tuple[float, object]]
    fell: list[tuple[float, object]]
    falls: list[tuple[float, float, object]]
    weak: list[tuple[float, object]]
    spells: list[tuple[float, float, object]]


def told(rows: Sequence[Row]) -> Told:
    """All that a trace tells."""
    pairs = list(pairwise(rows))
    fell = [(b.time, a.place, n + 1) for n, (a, b) in enumerate(pairs) if (a.rat, b.rat) == ("NR", "LTE")]
    falls = []
    for begin, place, n in fell:
        for before, after in pairs[n:]:
            if after.time - before.time > GAP:
                break
            if after.rat == "NR":
                falls.append((begin, after.time, place))
                break
    weak, spells = [], []
    for run in _runs(rows):
        first = run[0]
        if long := [row.time for row in run if row.time - first.time >= LONG]:
            weak.append((long[0], first.place))
            if not _weak(run[-1]):
                spells.append((first.time, run[-1].time, first.place))
    return Told(
        [(b.time, a.place) for a, b in pairs if a.place != b.place],
        [(b.time, a.place) for a, b in pairs if a.rat and b.rat and a.rat != b.rat],
        [(time, place) for time, place, _ in fell], falls, weak, spells,
    )  # fmt: skip


def _weak(row: Row) -> bool:
    return row.rsrp is not None and row.rsrp < WEAK


def _runs(rows: Sequence[Row]) -> Iterable[list[Row]]:
    """Weak samples one after another without a gap, with the one that ends them, if there is one."""
    run: list[Row] = []
    for row in rows:
        if run and row.time - run[-1].time > GAP:
            yield run
            run = []
        if run or _weak(row):
            run.append(row)
            if not _weak(row):
                yield run
                run = []
    if run:
        yield run
