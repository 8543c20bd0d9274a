"""Due periods: which measurements a registry of cells lets expect. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ioc.sums import Ints, Matrix
from ioc.times import SECOND


class OnAir(NamedTuple):
    """A cell that measures periods of so many seconds, from a time on up to another (ms)."""

    site: str
    cell: str
    period_s: int
    begin: int
    end: int


class Periods:
    """What is due of cells (`ioc.covering.Due`). `cells`: read when it is first asked; a cell may be there several times."""

    def __init__(self, cells: Callable[[], Sequence[OnAir]]) -> None:
        self._cells = cells

    def leaves(self) -> list[tuple[str, ...]]:
        """(site, cell) of each row of the registry."""
        return [(one.site, one.cell) for one in self._cells()]

    def seconds(self, begins: Ints, ends: Ints) -> Matrix:
        """The seconds of the whole periods on air that end in each (begin, end] (ms), shape (rows of the registry, instants).

        Periods are those since 1970 in whole multiples of their length, as network elements have them (TS 32.401).
        """
        cells = self._cells()
        period = np.array([one.period_s * SECOND for one in cells], np.int64)[:, None]
        first, last = (np.array(column, np.int64)[:, None] for column in zip(*((c.begin, c.end) for c in cells), strict=True))
        since, until = np.maximum(begins[None, :], first), np.minimum(ends[None, :], last)
        count = np.maximum(until // period - since // period, 0)
        return count * period // SECOND
