"""Values: how the value of an indicator comes from its summed measures. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Measures = tuple[int, ...]
"""Integers of one contribution, scaled by the declared unit."""
Matrix = NDArray[np.int64]
"""Summed measures, shape (rows, measures)."""
Floats = NDArray[np.float64]


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
    """The value is part over whole times `scale` (or its complement); NaN where the whole is 0."""

    part: str
    whole: str
    scale: float = 100.0
    complement: bool = False
    names: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        """Part, whole and the count of events."""
        return (self.part, self.whole, "n")

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        ratio = f"sum({self.part}) / sum({self.whole})"
        return f"{self.scale:g} x " + (f"(1 - {ratio})" if self.complement else ratio)

    def n(self, sums: Matrix) -> Matrix:
        """How many events or entities stand behind each row."""
        return sums[:, 2]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row, each of shape (rows,)."""
        part = sums[:, 1] - sums[:, 0] if self.complement else sums[:, 0]
        value = _over(part, sums[:, 1]) * self.scale
        return value, value, value


@dataclass(frozen=True)
class Mean:
    """The value is a weighted mean: sum(value * weight) / sum(weight), never a mean of means. `scale`: steps of 1 in the sum."""

    scale: float = 1.0
    measures: tuple[str, ...] = ("sum", "weight", "n")
    names: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return "sum(value x weight) / sum(weight)" + (f", kept in steps of 1/{self.scale:g}" if self.scale != 1 else "")

    def n(self, sums: Matrix) -> Matrix:
        """How many events or entities stand behind each row."""
        return sums[:, 2]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row, each of shape (rows,)."""
        value = _over(sums[:, 0], sums[:, 1]) / self.scale
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
        return f"{self.scale:g} x " + (f"(1 - {ratio})" if self.complement else ratio) + ", of what belongs to the period"

    def n(self, sums: Matrix) -> Matrix:
        """How many belong to the period."""
        return sums[:, 1]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row of `within`."""
        part = sums[:, 1] - sums[:, 0] if self.complement else sums[:, 0]
        value = _over(part, sums[:, 1]) * self.scale
        return value, value, value


@dataclass(frozen=True)
class Needed:
    """How many must be finished each working day so that at no coming day's end more than the limit are overdue.

    The measures are what is overdue by the end of the n-th coming working day if nothing is finished: the value is the highest
    of (measure - limit) / n, rounded up; 0 where no day's end is above the limit.
    """

    days: tuple[int, ...]
    limits: Mapping[tuple[str, ...], int] = field(hash=False)
    names: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        """One for each day."""
        return tuple(f"by_day_{n}" for n in self.days)

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return f"max(ceil((by_day_n - limit) / n), 0), n = {', '.join(map(str, self.days))}"

    def n(self, sums: Matrix) -> Matrix:
        """The most dossiers that are overdue at one of the days' ends."""
        highest: Matrix = np.abs(sums[:, : len(self.days)]).max(axis=1)
        return highest

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row; the last column holds the limit."""
        ahead, limit = sums[:, :-1], sums[:, -1:]
        a_day = -((limit - ahead) // np.array(self.days, np.int64))
        value = np.where(limit[:, 0] == NO_LIMIT, np.nan, a_day.max(axis=1).clip(min=0))
        return value, value, value


@dataclass(frozen=True)
class TimeToBreach:
    """When a stock passes its limit, in working hours, if it goes on growing as in the last `hours` working hours.

    0 where it is above the limit; no value where it does not grow, for then it never is.
    """

    hours: int
    limits: Mapping[tuple[str, ...], int] = field(hash=False)
    measures: tuple[str, ...] = ("stock", "came", "went")
    names: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return f"(limit - stock) / ((came - went) / {self.hours}); 0 if stock > limit"

    def n(self, sums: Matrix) -> Matrix:
        """The stock, or what came and went where that is more."""
        highest: Matrix = np.abs(sums[:, :3]).max(axis=1)
        return highest

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row; the last column holds the limit."""
        stock, came, went, limit = sums.T
        growth = came - went
        grows = np.where(growth > 0, (limit - stock) * self.hours / np.where(growth > 0, growth, 1), np.nan)
        value = np.where(limit == NO_LIMIT, np.nan, np.where(stock > limit, 0.0, grows))
        return value, value, value


@dataclass(frozen=True)
class Terms:
    """The value is a sum of the measures, each so many times; over another one, times `scale`, where there is a `whole`."""

    measures: tuple[str, ...]
    part: tuple[int, ...]
    whole: tuple[int, ...] = ()
    scale: float = 1.0
    names: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        part = self._said(self.part)
        return f"{self.scale:g} x ({part}) / ({self._said(self.whole)})" if self.whole else part

    def _said(self, times: tuple[int, ...]) -> str:
        terms = [
            f"{'-' if n < 0 else '+'} {f'{abs(n)} x ' * (abs(n) > 1)}{m}" for n, m in zip(times, self.measures, strict=True) if n
        ]
        return " ".join(terms).removeprefix("+ ")

    def n(self, sums: Matrix) -> Matrix:
        """How many stand behind each row: the whole, or the most of a measure."""
        found: Matrix = sums @ np.array(self.whole, np.int64) if self.whole else np.abs(sums).max(axis=1)
        return found

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row, each of shape (rows,)."""
        part = sums @ np.array(self.part, np.int64)
        value = _over(part, sums @ np.array(self.whole, np.int64)) * self.scale if self.whole else part.astype(np.float64)
        return value, value, value


@dataclass(frozen=True)
class Silent:
    """How much is usual where nothing came: 0 where something did.

    The measures are what came now, in the same time of each of the last days, and in that of the same weekday in the last weeks.
    Usual is the lowest of the days or the second lowest of the weeks (one of them may have been out of the ordinary), whichever
    is more: so a quiet hour is told apart from a dead one without a rate anybody has to state.
    """

    days: int
    weeks: int
    names: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        """What came now, on the days, in the weeks."""
        return ("now", *(f"day_{n + 1}" for n in range(self.days)), *(f"week_{n + 1}" for n in range(self.weeks)))

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return f"0 if now > 0, else max(lowest of {self.days} days, second lowest of {self.weeks} weeks)"

    def n(self, sums: Matrix) -> Matrix:
        """The most that came in any of these times."""
        most: Matrix = np.abs(sums).max(axis=1)
        return most

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row, each of shape (rows,)."""
        days, weeks = sums[:, 1 : self.days + 1], np.sort(sums[:, self.days + 1 :], axis=1)
        usual = np.maximum(days.min(axis=1), weeks[:, 1])
        value = np.where(sums[:, 0] > 0, 0, usual).astype(np.float64)
        return value, value, value


Limited = Needed | TimeToBreach
"""Values against a limit, of 0 or more: `limits` by grouping, for a province has another one than an agency."""
NO_LIMIT = 1 << 62
"""The limit of a group whose grouping has none: its value is no data."""
Value = Count | Ratio | Mean | Quantiles | Within | Terms | Silent | Limited


def limited(value: Value, sums: Matrix, limits: Sequence[int] | None = None) -> Matrix:
    """The sums as `bounds` takes them. `limits`: of each row; without, they are 0, which sums of nothing never exceed."""
    if not isinstance(value, Limited):
        return sums
    return np.column_stack([sums, np.zeros(len(sums), np.int64) if limits is None else np.array(limits, np.int64)])


def within(value: Value, window: str, sums: Matrix) -> Matrix:
    """The sums as `n` and `bounds` take them for a window: the pair of its own kind of period, if the value has pairs."""
    if not isinstance(value, Within):
        return sums
    at = 2 * value.windows.index(window)
    return sums[:, at : at + 2]


def _over(part: Matrix, whole: Matrix) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole == 0, np.nan, part / np.where(whole == 0, 1, whole))
