"""Panes: one partition's contributions, summed by (indicator, dimensions, `at`, `known`). Pure.

A pane is absolute and its version is the offset of the last event that changed it. Adding skips what the pane has already
counted (offset <= its own), so every row anyone ever writes is right for its prefix of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ioc.vocabulary import Contributions, Dims, Measures, Stream

Key = tuple[str, Dims, int, int]
"""Indicator, dimensions, `at` (ms; a multiple of the grain but for levels), `known` (ms, a multiple of the grain)."""
NONE = -1
"""The offset of a pane nothing has been added to."""
Pane = tuple[int, Measures]
"""A pane: the offset of the last event that changed it, and its sums."""
_NO_ROWS: dict[Key, Pane] = {}
HASHES = 500_000
"""Hashes of panes that are in the store only, kept in memory (4 MB a partition)."""
PIECES = 16
"""Sorted arrays in which the hashes of one `known` may lie."""
Hashes = NDArray[np.int64]
NOTHING = -(1 << 62)
"""A floor below every `known`: the store has no panes."""


class Panes:
    """The panes of one stream and partition that are in memory.

    `floor`: up to this `known` a pane that is not in memory may be in the store. Above it, what is not here is nowhere, unless
    its hash is among those of the panes that had to go: so the store is hardly ever asked.
    """

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self._written: dict[int, dict[Key, Pane]] = {}
        self._changed: dict[int, dict[Key, Pane]] = {}
        self._gone: dict[int, list[Hashes]] = {}
        self._held = self._hashes = 0
        """How many `_written` and `_gone` hold: to count them at every poll would cost more with every minute there is."""

    def __len__(self) -> int:
        return self._held

    def held(self, key: Key) -> Pane | None:
        """The pane, if it is in memory."""
        known = key[3]
        return (self._changed.get(known) or _NO_ROWS).get(key) or (self._written.get(known) or _NO_ROWS).get(key)

    def lacking(self, keys: Iterable[Key]) -> set[Key]:
        """Which of the keys must be read from the store first."""
        lacking: set[Key] = set()
        others: dict[int, list[Key]] = {}
        for key in keys:
            known = key[3]
            if known <= self.floor:
                if self.held(key) is None:
                    lacking.add(key)
            elif known in self._gone and self.held(key) is None:
                others.setdefault(known, []).append(key)
        for known, doubtful in others.items():
            hashes = np.array([hash(key) for key in doubtful], np.int64)
            for gone in self._gone[known]:
                there = gone[np.searchsorted(gone, hashes).clip(max=len(gone) - 1)] == hashes
                lacking.update(doubtful[i] for i in np.flatnonzero(there))
        return lacking

    def put(self, key: Key, offset: int, measures: Measures) -> None:
        """A pane as the store has it (offset NONE: it has none)."""
        if self.held(key) is None:
            self._written.setdefault(key[3], {})[key] = (offset, measures)
            self._held += 1

    def add(self, key: Key, offset: int, measures: Measures) -> None:
        """Count what the event at `offset` adds to a pane, once."""
        self.add_all(offset, {key: measures})

    def add_all(self, offset: int, added: Mapping[Key, Measures]) -> None:
        """Count all that the event at `offset` adds, once; it has one `known`."""
        if not added:
            return
        known = next(iter(added))[3]
        written, changed = self._written.get(known), self._changed.setdefault(known, {})
        for key, measures in added.items():
            pane = (offset, measures)
            row = changed.setdefault(key, pane)
            if row is pane:  # most panes are new
                old = written.get(key) if written else None
                if old is not None:
                    del changed[key]
                    row = old
            if offset > row[0]:
                changed[key] = (offset, tuple(map(int.__add__, row[1], measures)) if row[1] else measures)

    def add_sum(self, key: Key, first: int, last: int, measures: Measures) -> bool:
        """Count what the events from `first` to `last` add together. False: the pane is ahead of some; add them one by one."""
        version, known = self.held(key) or (NONE, ())
        if last <= version:
            return True
        if first <= version:
            return False
        self.change(key, last, tuple(map(int.__add__, known, measures)) if known else measures)
        return True

    def change(self, key: Key, offset: int, measures: Measures) -> None:
        """The pane is this from now on, and is to be written."""
        rows = self._changed.get(key[3])
        if rows is None:
            rows = self._changed[key[3]] = {}
        rows[key] = (offset, measures)

    def changed(self) -> list[tuple[Key, Pane]]:
        """The panes to write."""
        return [item for rows in self._changed.values() for item in rows.items()]

    def settle(self, keep: int) -> None:
        """All but the last changes are in the store: of the others keep about `keep`, those known last; the last ones stay."""
        for known in sorted(self._written) if self._held > keep else ():
            going = self._written.pop(known)
            self._held -= len(going)
            if known > self.floor:
                self._remember(known, np.sort(np.fromiter(map(hash, going), np.int64, len(going))))
            if self._held <= keep // 2:
                break
        for known, rows in self._changed.items():
            own = self._written.setdefault(known, {})
            self._held -= len(own)
            own.update(rows)
            self._held += len(own)
        self._changed = {}
        for known in sorted(self._gone) if self._hashes > HASHES else ():
            self.floor = max(self.floor, known)
            self._hashes -= sum(map(len, self._gone.pop(known)))
            if self._hashes <= HASHES // 2:
                break

    def _remember(self, known: int, hashes: Hashes) -> None:
        """These are in the store only. Joined now and then: to do so at every turn would sort all of them each time."""
        if not len(hashes):
            return
        gone = self._gone.setdefault(known, [])
        gone.append(hashes)
        self._hashes += len(hashes)
        if len(gone) > PIECES:
            joined = np.unique(np.concatenate(gone))
            self._hashes -= sum(map(len, gone)) - len(joined)
            self._gone[known] = [joined]


def known_at(stream: Stream, time: int, before: int) -> int:
    """When a contribution became known: max(event time, watermark before the record), on the grain. `before`: reception, ms."""
    return max(time, before - stream.delay) // stream.grain * stream.grain


def by_pane(stream: Stream, levels: frozenset[str], difference: Contributions, known: int) -> Mapping[Key, Measures]:
    """The difference of one event (which has no zeros), summed per pane, without zeros."""
    grain = stream.grain
    result = {
        (indicator, dims, at if indicator in levels else at // grain * grain, known): measures
        for (indicator, dims, at), measures in difference.items()
    }
    if len(result) == len(difference):
        return result
    result = {}
    for (indicator, dims, at), measures in difference.items():
        key = (indicator, dims, at if indicator in levels else at // grain * grain, known)
        other = result.get(key)
        result[key] = measures if other is None else tuple(map(int.__add__, other, measures))
    return {key: measures for key, measures in result.items() if any(measures)}  # where rows meet in a pane they may cancel
