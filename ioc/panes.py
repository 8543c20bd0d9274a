"""Panes: one partition's contributions, summed by (indicator, dimensions, `at`, `known`). Pure.

A pane is absolute and its version is the offset of the last event that changed it. Adding skips what the pane has already
counted (offset <= its own), so every row anyone ever writes is right for its prefix of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ioc.history import Contributions
from ioc.times import floor
from ioc.vocabulary import Dims, Measures, Stream

Key = tuple[str, Dims, int, int]
"""Indicator, dimensions, `at` (ms; a multiple of the grain but for levels), `known` (ms, a multiple of the grain)."""
NONE = -1
"""The offset of a pane nothing has been added to."""
NOTHING = -(1 << 62)
"""A floor below every `known`: the store has no panes."""


class Panes:
    """The panes of one stream and partition that are in memory.

    `floor`: the highest `known` a pane in the store may have that is not in memory; above it, what is not here is nowhere,
    so the store need not be asked.
    """

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.rows: dict[Key, tuple[int, Measures]] = {}
        self._changed: set[Key] = set()

    def lacking(self, keys: Iterable[Key]) -> set[Key]:
        """Which of the keys must be read from the store first."""
        return {key for key in keys if key[3] <= self.floor and key not in self.rows}

    def put(self, key: Key, offset: int, measures: Measures) -> None:
        """A pane as the store has it (offset NONE: it has none)."""
        self.rows.setdefault(key, (offset, measures))

    def add(self, key: Key, offset: int, measures: Measures) -> None:
        """Count what the event at `offset` adds, once."""
        version, known = self.rows.get(key, (NONE, ()))
        if offset <= version:
            return
        self.rows[key] = (offset, tuple(map(int.__add__, known, measures)) if known else measures)
        self._changed.add(key)

    def add_sum(self, key: Key, first: int, last: int, measures: Measures) -> bool:
        """Count what the events from `first` to `last` add together. False: the pane is ahead of some; add them one by one."""
        version, known = self.rows.get(key, (NONE, ()))
        if last <= version:
            return True
        if first <= version:
            return False
        self.rows[key] = (last, tuple(map(int.__add__, known, measures)) if known else measures)
        self._changed.add(key)
        return True

    def changed(self) -> list[tuple[Key, int, Measures]]:
        """The panes to write: key, offset, measures."""
        return [(key, *self.rows[key]) for key in self._changed]

    def written(self, keep: int) -> None:
        """All changes are in the store; keep about `keep` panes, those known last. What was never written is never dropped."""
        self._changed.clear()
        if len(self.rows) <= keep:
            return
        order = sorted({key[3] for key in self.rows})
        counts: dict[int, int] = {}
        for key in self.rows:
            counts[key[3]] = counts.get(key[3], 0) + 1
        excess, border = len(self.rows) - keep // 2, order[0]
        for known in order:
            border, excess = known, excess - counts[known]
            if excess <= 0:
                break
        self.floor = max(self.floor, border)
        self.rows = {key: row for key, row in self.rows.items() if key[3] > border}


def known_at(stream: Stream, time: int, before: int) -> int:
    """When a contribution became known: max(event time, watermark before the record), on the grain. `before`: reception, ms."""
    return floor(max(time, before - stream.delay), stream.grain)


def by_pane(stream: Stream, levels: frozenset[str], difference: Contributions, known: int) -> Mapping[Key, Measures]:
    """The difference of one event, summed per pane, without zeros."""
    result: dict[Key, Measures] = {}
    for (indicator, dims, at), measures in difference.items():
        key = (indicator, dims, at if indicator in levels else floor(at, stream.grain), known)
        other = result.get(key)
        result[key] = measures if other is None else tuple(map(int.__add__, other, measures))
    return {key: measures for key, measures in result.items() if any(measures)}
