"""Values: how the value of an indicator comes from its summed measures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ioc.covering import Chain, Coverage, Covered, Due, Measured
from ioc.looking import NO_LIMIT, Limited, Needed, Silent, Terms, TimeToBreach
from ioc.sums import Floats, Ints, Matrix, Measures, over, scaled

__all__ = [
    "NO_LIMIT", "Chain", "Count", "Coverage", "Covered", "Due", "Floats", "Limited", "Matrix", "Mean", "Measured", "Measures",
    "Needed", "Quantiles", "Ratio", "Silent", "Terms", "TimeToBreach", "Value", "Within", "completed", "due", "within",
]  # fmt: skip


@dataclass(frozen=True)
class Count:
    """The value is the sum of one measure, over `per` (working hours: then it is a rate)."""

    measures: tuple[str, ...] = ("count",)
    names: tuple[str, ...] = ()
    per: int = 1

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return f"sum({self.measures[0]})" + (f" / {self.per}" if self.per > 1 else "")

    def n(self, sums: Matrix) -> Matrix:
        """How many events or entities stand behind each row."""
        return sums[:, 0]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row, each of shape (rows,)."""
        value = sums[:, 0] / self.per
        return value, value, value


@dataclass(frozen=True)
class Ratio:
    """The value is part over whole times `scale` (or its complement); NaN where the whole is 0.

    `beyond`: the part may be more than the whole (a plan that is passed): lines are drawn above 100 %, too.
    """

    part: str
    whole: str
    scale: float = 100.0
    complement: bool = False
    beyond: bool = False
    names: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        """Part, whole and the count of events."""
        return (self.part, self.whole, "n")

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        ratio = f"sum({self.part}) / sum({self.whole})"
        return scaled(self.scale, f"(1 - {ratio})" if self.complement else ratio)

    def n(self, sums: Matrix) -> Matrix:
        """How many events or entities stand behind each row."""
        return sums[:, 2]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row, each of shape (rows,)."""
        part = sums[:, 1] - sums[:, 0] if self.complement else sums[:, 0]
        value = over(part, sums[:, 1]) * self.scale
        return value, value, value


@dataclass(frozen=True)
class Mean:
    """The value is a weighted mean: sum(value * weight) / sum(weight), never a mean of means. `scale`: steps of 1 in the sum.

    `adds`: what has no weight adds up: where nothing in a group has one, the value is the sum of what there is.
    """

    scale: float = 1.0
    adds: bool = False
    measures: tuple[str, ...] = ("sum", "weight", "n")
    names: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        said = "sum(value x weight) / sum(weight)" + ("; without weights sum(value)" if self.adds else "")
        return said + (f", kept in steps of 1/{self.scale:g}" if self.scale != 1 else "")

    def n(self, sums: Matrix) -> Matrix:
        """How many events or entities stand behind each row."""
        return sums[:, 2]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row, each of shape (rows,)."""
        weight = np.where((sums[:, 1] == 0) & (sums[:, 2] != 0), 1, sums[:, 1]) if self.adds else sums[:, 1]
        value = over(sums[:, 0], weight) / self.scale
        return value, value, value


@dataclass(frozen=True)
class Quantiles:
    """Quantiles from a histogram over `edges`; exact to the bucket, whose bounds are lo and hi.

    The value is interpolated within the bucket by rank (Prometheus' histogram_quantile does the same).
    """

    edges: tuple[float, ...]
    quantiles: tuple[float, ...] = (0.5,)

    @property
    def measures(self) -> tuple[str, ...]:
        """One count a bucket [edge, next edge); the last is open."""
        return tuple(f"ge_{edge:g}" for edge in self.edges)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all quantiles: p50, p90. The first is the value."""
        return tuple(f"p{q * 100:g}" for q in self.quantiles)

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return f"{', '.join(self.names)} of the counts by bucket, exact to the bucket"

    def n(self, sums: Matrix) -> Matrix:
        """How many events or entities stand behind each row."""
        total: Matrix = sums.sum(axis=1)
        return total

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) for each quantile in turn, each of shape (rows,)."""
        return tuple(column for q in self.quantiles for column in self._quantile(sums, q))

    def _quantile(self, sums: Matrix, q: float) -> tuple[Floats, Floats, Floats]:
        cumulated = sums.cumsum(axis=1)
        total = cumulated[:, -1]
        rank = np.maximum(np.ceil(total * q), 1)
        bucket = (cumulated < rank[:, None]).sum(axis=1).clip(max=len(self.edges) - 1)
        rows = np.arange(len(sums))
        edges = np.array([*self.edges, np.inf])
        lo, hi = edges[bucket], edges[bucket + 1]
        inside = sums[rows, bucket]
        before = cumulated[rows, bucket] - inside
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.where(
                np.isinf(hi), lo, lo + (np.where(np.isinf(hi), lo, hi) - lo) * (rank - before) / np.where(inside == 0, 1, inside)
            )
        empty = total <= 0
        return tuple(np.where(empty, np.nan, column) for column in (value, lo, hi))  # type: ignore[return-value]

    def one_hot(self, value: float) -> Measures:
        """The measures of one value: 1 in its bucket (values below the first edge count in the first)."""
        bucket = max(int(np.searchsorted(self.edges, value, side="right")) - 1, 0)
        return tuple(int(i == bucket) for i in range(len(self.edges)))


@dataclass(frozen=True)
class Within:
    """The value over a calendar period is part over whole, of what belongs to that very period; NaN where the whole is 0.

    What belongs to a month may not belong to its day: a pair of measures for each kind of period; a window takes its own.
    """

    windows: tuple[str, ...] = ("month", "quarter", "year")
    scale: float = 100.0
    complement: bool = False
    names: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        """A part and a whole for each kind of period."""
        return tuple(f"{what}_{window}" for window in self.windows for what in ("part", "whole"))

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        ratio = "sum(part) / sum(whole)"
        return scaled(self.scale, f"(1 - {ratio})" if self.complement else ratio) + ", of what belongs to the period"

    def n(self, sums: Matrix) -> Matrix:
        """How many belong to the period."""
        return sums[:, 1]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row of `within`."""
        part = sums[:, 1] - sums[:, 0] if self.complement else sums[:, 0]
        value = over(part, sums[:, 1]) * self.scale
        return value, value, value


Value = Count | Ratio | Mean | Quantiles | Within | Terms | Silent | Limited | Measured


def completed(value: Value, sums: Matrix, beside: Sequence[int] | Ints | None = None) -> Matrix:
    """The sums as `bounds` takes them. `beside`: the limit of each row, or what is due; without, it is 0: sums of nothing never
    exceed it, and nothing is due."""
    if not isinstance(value, Limited | Measured):
        return sums
    return np.column_stack([sums, np.zeros(len(sums), np.int64) if beside is None else np.array(beside, np.int64)])


def due(value: Measured, groups: NDArray[np.bool_], of: Ints, begins: Ints, ends: Ints) -> Ints:
    """The seconds that are due of each row. `groups`: which leaves each group has, shape (groups, leaves); `of`: the group of
    each row; `begins`, `ends`: its window (ms)."""
    windows, instants = np.unique(np.column_stack([begins, ends]), axis=0, return_inverse=True)
    seconds = value.due.seconds(windows[:, 0], windows[:, 1])
    found = np.zeros(len(of), np.int64)
    for group in np.unique(of):
        rows = of == group
        found[rows] = seconds[groups[group]].sum(axis=0)[instants.reshape(-1)[rows]]
    return found


def within(value: Value, window: str, sums: Matrix) -> Matrix:
    """The sums as `n` and `bounds` take them for a window: the pair of its own kind of period, if the value has pairs."""
    if not isinstance(value, Within):
        return sums
    at = 2 * value.windows.index(window)
    return sums[:, at : at + 2]
