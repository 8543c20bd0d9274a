"""Due: which measurements a registry of cells lets expect. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ioc.sums import Ints, Matrix
from ioc.times import SECOND
from ioc.units.cells import Registry


@dataclass(frozen=True)
class Periods:
    """The measurements that are due of cells (`ioc.covering.Due`), by what `of` says when it is asked."""

    of: Callable[[], Registry]

    def leaves(self) -> list[tuple[str, ...]]:
        """(site, cell) of each row of the registry; a cell may have several."""
        return [(row.site, row.cell) for row in self.of().cells]

    def seconds(self, begins: Ints, ends: Ints) -> Matrix:
        """The seconds of the periods that end in each (begin, end] (ms), shape (rows of the registry, instants).

        Periods are whole multiples of their length since 1970 (UTC), wholly within what a cell is on air.
        """
        rows = self.of().cells
        period, first, last = (
            np.array(column, np.int64).reshape(-1, 1)
            for column in ([r.period_s * SECOND for r in rows], [r.begins for r in rows], [r.ends for r in rows])
        )
        since, until = np.maximum(begins // period, -(-first // period)), np.minimum(ends, last) // period
        seconds: Matrix = np.maximum(until - since, 0) * (period // SECOND)
        return seconds
