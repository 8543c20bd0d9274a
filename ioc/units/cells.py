"""Cells: the registry of radio cells (ô): where each stands, whose it is, and when it is on air. Pure.

A row says what holds of a cell from one day on, until another. What changes (a commune, a vendor, a name) is a new row that
begins where the old one ends, so every instant finds what held then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ioc.units.tree import UNKNOWN, Tree

Integers = npt.NDArray[np.int64]
NEVER, FOREVER = -(1 << 53), 1 << 53
"""Before and after every instant (ms)."""
LATITUDES, LONGITUDES = (6.0, 23.5), (102.0, 118.0)
"""Within which Vietnam lies, its islands included."""


class Cell(NamedTuple):
    """A row: on air in [begins, ends) (ms); `period_s`: the length of the periods it measures; `unit`: the code of the commune it
    stands in, as of the day it begins; `line`: where it stands in its file."""

    cell: str
    site: str
    name: str
    latitude: float
    longitude: float
    unit: str
    vendor: str
    period_s: int
    kind: str
    begins: int
    ends: int
    line: int

    def on_air(self, at: int) -> bool:
        """Whether it is on air at an instant (ms)."""
        return self.begins <= at < self.ends

    @property
    def place(self) -> tuple[str, float, float, str]:
        """What the cells of one site have in common while they are on air: name, position, commune."""
        return self.name, self.latitude, self.longitude, self.unit


class Placed(NamedTuple):
    """A site in [begins, ends), with what holds of it then. `on_air`: whether one of its cells is."""

    site: str
    begins: int
    ends: int
    row: Cell
    on_air: bool


@dataclass(frozen=True)
class Registry:
    """The rows of a registry that hold together (`faults`), in the order of their file."""

    cells: tuple[Cell, ...]

    def at(self, ms: int) -> list[Cell]:
        """The cells on air at an instant."""
        return [cell for cell in self.cells if cell.on_air(ms)]

    def lasting(self) -> list[Cell]:
        """The cells of which no end is known."""
        return [cell for cell in self.cells if cell.ends == FOREVER]

    @cached_property
    def names(self) -> dict[str, str]:
        """What people call the sites: by the last row of each."""
        return {cell.site: cell.name for cell in sorted(self.cells, key=lambda c: c.begins)}

    @cached_property
    def placed(self) -> tuple[Placed, ...]:
        """What holds of each site at any time: the row in force, or the last one there was, or the first."""
        of: dict[str, list[Cell]] = {}
        for cell in sorted(self.cells, key=lambda c: c.begins):
            of.setdefault(cell.site, []).append(cell)
        return tuple(one for site, rows in of.items() for one in _placed(site, rows))

    def unit(self, site: str, tree: Tree, at: int, edition: int | None = None) -> str:
        """The commune a site stands in just before an instant, under the edition in force then (or `edition`).

        `?`: there is no such site.
        """
        placed = self._of.get(site)
        if placed is None:
            return UNKNOWN
        row = placed[bisect_left([one.ends for one in placed], at)].row
        stated = tree.editions.identity(row.unit, row.begins)
        return tree.at(stated, tree.editions.at(at - 1) if edition is None else edition)

    @cached_property
    def _of(self) -> dict[str, list[Placed]]:
        found: dict[str, list[Placed]] = {}
        for one in self.placed:
            found.setdefault(one.site, []).append(one)
        return found


def _placed(site: str, rows: Sequence[Cell]) -> Iterator[Placed]:
    """`rows`: of one site, by their beginning."""
    edges = sorted({NEVER, FOREVER, *(r.begins for r in rows), *(r.ends for r in rows)})
    before: Placed | None = None
    for begins, ends in pairwise(edges):
        here = [row for row in rows if row.on_air(begins)]
        row = here[0] if here else before.row if before else rows[0]
        one = Placed(site, begins, ends, row, bool(here))
        if before and (before.row.place, before.on_air) == (row.place, one.on_air):
            before = before._replace(ends=ends)
        else:
            if before:
                yield before
            before = one
    if before:
        yield before
