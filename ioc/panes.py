"""Panes: one partition's contributions, summed by (indicator, dimensions, `at`, `known`). Pure.

A pane is absolute and its version is the offset of the last event that changed it. Adding skips what the pane has already
counted (offset <= its own), so every row anyone ever writes is right for its prefix of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from ioc.history import Contributions
from ioc.times import floor
from ioc.vocabulary import Dims, Measures, Stream

Key = tuple[str, Dims, int, int]
"""Indicator, dimensions, `at` (ms; a multiple of the grain but for levels), `known` (ms, a multiple of the grain)."""
NONE = -1
"""The offset of a pane nothing has been added to."""
HASHES = 500_000
"""Hashes of panes that are in the store only, kept in memory (4 MB a partition)."""
NOTHING = -(1 << 62)
"""A floor below every `known`: the store has no panes."""


class Panes:
    """The panes of one stream and partition that are in memory.

    `floor`: up to this `known` a pane that is not in memory may be in the store. Above it, what is not here is nowhere, unless
    its hash is among those of the panes that had to go: so the store is hardly ever asked.
    """

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self._gone: dict[int, NDArray[np.int64]] = {}
        self.rows: dict[Key, tuple[int, Measures]] = {}
        self._changed: set[Key] = set()

    def lacking(self, keys: Iterable[Key]) -> set[Key]:
        """Which of the keys must be read from the store first."""
        lacking, others = set(), []
        for key in keys:
            if key not in self.rows:
                if key[3] <= self.floor:
                    lacking.add(key)
                elif key[3] in self._gone:
                    others.append(key)
        if others:
            hashes = np.array([hash(key) for key in others], np.int64)
            there = np.isin(hashes, np.concatenate([self._gone[known] for known in {key[3] for key in others}]))
            lacking.update(others[i] for i in np.flatnonzero(there))
        return lacking

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
        rows = self.rows
        return [(key, *rows[key]) for key in self._changed]

    def written(self, keep: int) -> None:
        """All changes are in the store; keep about `keep` panes, those known last. What was never written is never dropped."""
        self._changed.clear()
        excess = len(self.rows) - keep
        if excess <= 0:
            return
        # dicts keep their order: of one `known`, those that came first go first
        going = sorted(self.rows, key=itemgetter(3))[: excess + keep // 2]
        for known, keys in groupby(going, itemgetter(3)):
            if known <= self.floor:
                continue
            hashes = np.array([hash(key) for key in keys], np.int64)
            self._gone[known] = np.union1d(self._gone.get(known, hashes[:0]), hashes)
        for key in going:
            del self.rows[key]
        while sum(map(len, self._gone.values())) > HASHES:
            known = min(self._gone)
            self.floor = max(self.floor, known)
            del self._gone[known]


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
