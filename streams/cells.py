"""Cells: the registry of the province's 5G cells, `streams/data/cells.csv`, and which measurements are due from them.

It decides no number that is counted: it is read where numbers are, so a row that is added or mended asks for no rebuild.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ioc.sums import Ints, Matrix
from ioc.times import SECOND
from ioc.units import cells_file
from ioc.units.cells import Registry
from ioc.vocabulary import Rollup

DATA = Path(__file__).parent / "data"
FILE, UNITS = DATA / "cells.csv", DATA / "units"
NAMES = {"commune": ("Xã, phường", "Commune"), "district": ("Huyện", "District"), "province": ("Tỉnh", "Province")}
"""The levels of units a site belongs to."""
PLACES = tuple(Rollup(level, of="site", tree=UNITS, cells=FILE) for level in NAMES)
"""Sites by these levels."""


def registry() -> Registry:
    """The registry as its file is now.  Raises UnitsRefused that names file and line."""
    return cells_file.registry(FILE, UNITS)


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
