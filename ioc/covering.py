"""Covering: values of what is measured period by period, with the bounds that periods leave which did not arrive. Pure.

What did not arrive is not known; it is neither 0 nor as what did. TS 28.554 and TS 32.401: over seconds t that are covered and t+
that are not, as much is begun per second in t+ as in t, and between none and all of it succeeds. Which seconds are due, a
registry says (`Due`); what is due stands behind the summed measures, as the last column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ioc.sums import Floats, Ints, Matrix, over, scaled

Leaf = tuple[str, ...]
"""The values of all dimensions of a stream."""


class Due(Protocol):
    """Which measurements are due."""

    def leaves(self) -> Sequence[Leaf]:
        """What measures."""

    def seconds(self, begins: Ints, ends: Ints) -> Matrix:
        """The seconds of the whole periods that end in each (begin, end] (ms), shape (leaves, instants)."""


def lacking(covered: Ints, due: Ints) -> Ints:
    """The seconds that are due and not covered."""
    lack: Ints = np.maximum(due - covered, 0)
    return lack


@dataclass(frozen=True)
class Chain:
    """The value is a product of ratios of summed successes over summed attempts, times `scale`; NaN where one has none.

    Each factor has seconds of its own: its counters may come in other files than those of the others.
    """

    factors: tuple[str, ...]
    due: Due = field(hash=False, compare=False)
    scale: float = 100.0
    names: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        """Part, whole and covered seconds of each factor, and the count of events."""
        return (*(f"{factor}_{what}" for factor in self.factors for what in ("part", "whole", "seconds")), "n")

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        ratios = " x ".join(f"sum({factor}_part) / sum({factor}_whole)" for factor in self.factors)
        return scaled(self.scale, ratios) + "; [lo, hi]: none or all of what was begun in the periods that are missing succeeded"

    def n(self, sums: Matrix) -> Matrix:
        """How many events stand behind each row."""
        return sums[:, 3 * len(self.factors)]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row; the last column holds the seconds that are due."""
        value, lo, hi = (np.full(len(sums), self.scale) for _ in range(3))
        for at in range(0, 3 * len(self.factors), 3):
            part, whole, covered = sums[:, at], sums[:, at + 1], sums[:, at + 2]
            begun = over(whole * lacking(covered, sums[:, -1]), covered)
            unknown = np.isnan(begun) & (sums[:, -1] > 0)  # nothing arrived: anything is possible
            begun = np.nan_to_num(begun)
            all_of_it = whole + begun
            with np.errstate(invalid="ignore", divide="ignore"):
                value = value * np.where(whole == 0, np.nan, part / whole)
                lo = lo * np.where(unknown, 0, part / all_of_it)
                hi = hi * np.where(unknown, 1, (part + begun) / all_of_it)
        return value, lo, hi


@dataclass(frozen=True)
class Covered:
    """The value is a mean weighted by seconds of what lies between `low` and `high`; missing seconds may have had either.

    `scale`: steps of 1 in the sum.
    """

    low: float
    high: float
    due: Due = field(hash=False, compare=False)
    scale: float = 1.0
    measures: tuple[str, ...] = ("sum", "weight", "n")
    names: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return (
            f"sum(value x seconds) / sum(seconds), kept in steps of 1/{self.scale:g}; "
            f"[lo, hi]: the missing periods had {self.low:g} or {self.high:g}"
        )

    def n(self, sums: Matrix) -> Matrix:
        """How many events stand behind each row."""
        return sums[:, 2]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row; the last column holds the seconds that are due."""
        lack = lacking(sums[:, 1], sums[:, -1])
        value = over(sums[:, 0], sums[:, 1]) / self.scale
        lo, hi = (
            over(sums[:, 0] + lack * round(end * self.scale), sums[:, 1] + lack) / self.scale for end in (self.low, self.high)
        )
        return value, lo, hi


@dataclass(frozen=True)
class Coverage:
    """The value is the share of the seconds due that are covered, in %; NaN where none are due."""

    due: Due = field(hash=False, compare=False)
    measures: tuple[str, ...] = ("seconds", "n")
    names: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return "100 x min(sum(seconds), seconds due) / seconds due"

    def n(self, sums: Matrix) -> Matrix:
        """How many events stand behind each row."""
        return sums[:, 1]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row; the last column holds the seconds that are due."""
        value = over(100 * np.minimum(sums[:, 0], sums[:, -1]), sums[:, -1])
        return value, value, value


Measured = Chain | Covered | Coverage
"""Values that know what is due."""
