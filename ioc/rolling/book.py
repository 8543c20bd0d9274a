"""Book: the panes of one indicator as a ledger keeps them: sums of what is settled, blocks that time moves, and what is fresh."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ioc.calendar.looks import Shift, shifts
from ioc.calendar.windows import Ints
from ioc.rolling.steps import windows_of
from ioc.store.state import Place
from ioc.values import Matrix
from ioc.vocabulary import ALL, Dims, Indicator, Stream

COMING = "coming"
"""The block of the panes that no window holds yet."""


class Block(NamedTuple):
    """Panes in order of `at`: whose they are (rows of `Book.places`) and their sums."""

    at: Ints
    of: Ints
    sums: Matrix

    def between(self, first: int, last: int) -> Block:
        """Those with first <= at < last."""
        low, high = np.searchsorted(self.at, (first, last))
        return Block(self.at[low:high], self.of[low:high], self.sums[low:high])


Pane = tuple[Dims, int, Sequence[int]]
"""Dims, `at` and sums."""
Fresh = tuple[Dims, int, int, Place]
"""A pane known since the mark: dims, at, known, and whose partition's it is."""


class Book:
    """One indicator: sums by window of what is settled, the blocks, and what is fresh."""

    def __init__(self, stream: Stream, indicator: Indicator) -> None:
        self.indicator, self.width = indicator, len(indicator.value.measures)
        self._masks = [[name in grouping for name in stream.dimensions] for grouping in indicator.groupings]
        self.groups: dict[Dims, int] = {}
        self._known: dict[Dims, int] = {}
        self._places: list[list[int]] = []
        self._rows: Matrix = np.zeros((0, len(self._masks)), np.int64)
        self.sums: dict[str, Matrix] = {w: np.zeros((0, self.width), np.int64) for w in windows_of(indicator)}
        self.there: dict[str, set[int]] = {w: set() for w in self.sums}
        """By window the groups that have held something since, or may stand in a row as if they did: all others have none."""
        self.blocks: dict[str, Block] = {}
        """By rolling window the panes that will leave it; under COMING those that will enter all."""
        self.fresh: dict[Fresh, tuple[int, tuple[int, ...]]] = {}

    def group(self, dims: Dims) -> int:
        """The number of a group."""
        return self.groups.setdefault(dims, len(self.groups))

    def pane(self, dims: Dims) -> int:
        """The number of a pane's dimensions."""
        found = self._known.get(dims)
        if found is None:
            found = self._known[dims] = len(self._places)
            own = (tuple(d if m else ALL for d, m in zip(dims, mask, strict=True)) for mask in self._masks)
            self._places.append([self.group(one) for one in own])
        return found

    @property
    def places(self) -> Matrix:
        """The groups a pane counts for, by its number: shape (panes, groupings)."""
        if len(self._rows) < len(self._places):
            self._rows = np.array(self._places, np.int64).reshape(-1, len(self._masks))
        return self._rows

    def block(self, rows: Iterable[Pane]) -> Block:
        """Panes (dims, at, sums) as a block."""
        ordered = sorted(((at, self.pane(dims), sums) for dims, at, sums in rows), key=lambda row: row[:2])
        at, of, sums = zip(*ordered, strict=True) if ordered else ((), (), ())
        return Block(np.array(at, np.int64), np.array(of, np.int64), np.array(sums, np.int64).reshape(len(ordered), self.width))

    def looked(self, panes: Mapping[tuple[Shift, str], Sequence[Pane]]) -> Block:
        """What it sees of the panes of others, by shift and indicator; each look in its measure, at the time it counts from."""
        return self.block(self._seen(panes))

    def _seen(self, panes: Mapping[tuple[Shift, str], Sequence[Pane]]) -> Iterator[Pane]:
        for column, look in enumerate(self.indicator.looks):
            for shift in shifts(*look.where):
                own = panes[shift, look.of]
                to = shift.to(np.array([at for _, at, _ in own], np.int64)).tolist()
                for (dims, _, (one,)), at in zip(own, to, strict=True):
                    yield dims, at, [shift.sign * one if n == column else 0 for n in range(self.width)]

    def held(self, window: str) -> Matrix:
        """The settled sums of a window, with a row for each group there is."""
        own = self.sums[window]
        if len(own) < len(self.groups):
            own = np.concatenate([own, np.zeros((len(self.groups) - len(own), self.width), np.int64)])
            self.sums[window] = own
        return own

    def add(self, sums: Matrix, block: Block, sign: int = 1) -> None:
        """Add a block's panes to their groups' sums."""
        if len(block.at):
            places = self.places[block.of]
            for column in range(places.shape[1]):
                np.add.at(sums, places[:, column], sign * block.sums)
