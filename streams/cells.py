"""Cells: the registry of the province's 5G cells, `streams/data/cells.csv`, as streams use it.

It decides no number that is counted: it is read where numbers are, so a row that is added or mended asks for no rebuild.
"""

from __future__ import annotations

from pathlib import Path

from ioc.units import cells_file
from ioc.units.cells import Registry
from ioc.units.due import Periods
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


DUE = Periods(registry)
"""Which measurements are due of the cells."""


def on_air() -> dict[str, list[str]]:
    """The sites that are on air for ever, with their cells."""
    found: dict[str, list[str]] = {}
    for cell in registry().lasting():
        found.setdefault(cell.site, []).append(cell.cell)
    return found
