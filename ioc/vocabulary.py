"""Vocabulary: what a stream declares. Frozen data and pure functions; nothing here computes a number by itself.

A stream with state gives `contributions(history) -> rows`; one without gives `columns(frame) -> {indicator: frame}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ioc.errors import DeclarationError
from ioc.times import DAY, MINUTE, duration, spoken
from schemas import Contract

Dims = tuple[str, ...]
Measures = tuple[int, ...]
Row = tuple[str, Dims, int, Measures]
"""A contribution: indicator, dimensions, `at` (ms), measures (integers, scaled by the declared unit)."""
Contributions = dict[tuple[str, Dims, int], Measures]  # rows summed by (indicator, dimensions, at)
Matrix = NDArray[np.int64]
"""Summed measures, shape (rows, measures)."""
Floats = NDArray[np.float64]

WINDOWS = ("1h", "1d", "7d", "day", "week", "month", "quarter", "year")
UNKNOWN = "?"
"""The value of a dimension no event has stated."""
ALL = "*"
"""In results: summed over this dimension."""


@dataclass(frozen=True)
class Count:
    """The value is the sum of one measure."""

    measures: tuple[str, ...] = ("count",)
    names: tuple[str, ...] = ()

    def n(self, sums: Matrix) -> Matrix:
        """How many events or entities stand behind each row."""
        return sums[:, 0]

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row, each of shape (rows,)."""
        value = sums[:, 0].astype(np.float64)
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


Value = Count | Ratio | Mean | Quantiles


def _over(part: Matrix, whole: Matrix) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole == 0, np.nan, part / np.where(whole == 0, 1, whole))


@dataclass(frozen=True)
class Above:
    """When an indicator alerts: above `threshold` for `hold` (ms) without a break; it is over at a value of `clear` or less.

    `by`: the grouping it is judged for, each group by itself. Made by `above`.
    """

    threshold: float
    hold: int
    clear: float
    by: Dims

    def __str__(self) -> str:
        """The rule for people; declared in one place, it is read from here wherever it is shown.

        >>> print(above(10, hold="5m", clear=8, by=("agency",)))
        > 10 for 5m, until <= 8; by agency
        """
        held = f" for {spoken(self.hold)}" if self.hold else ""
        return f"> {self.threshold:g}{held}, until <= {self.clear:g}; by {' x '.join(self.by) or ALL}"


def above(threshold: float, *, hold: str = "0s", clear: float | None = None, by: Dims = ()) -> Above:
    """The rule of an alert. Without `clear` it is over as soon as the value is no longer above the threshold.

    A rule does not decide what is counted: changing one asks for no rebuild, and holds from the next step that is judged.
    Raises DeclarationError.
    """
    try:
        held = duration(hold)
    except ValueError as error:
        raise DeclarationError(f"above({threshold:g}): hold: {error}") from None
    clear = threshold if clear is None else clear
    if clear > threshold:
        raise DeclarationError(
            f"above({threshold:g}): clear={clear:g} lies above the threshold; it must be at most {threshold:g}"
        )
    if isinstance(by, str):
        raise DeclarationError(f"above({threshold:g}): by={by!r} is a text; write by=({by!r},)")
    return Above(float(threshold), held, float(clear), tuple(by))


@dataclass(frozen=True)
class Indicator:
    """A number on the wall: its titles, unit, rule, and how its value comes from summed measures.

    `level`: a running sum over all time (backlog), exact at any instant; else it is summed over `windows`.
    `groupings`: the sets of dimensions that are rolled into `indicators`; any other is computed on demand from panes.
    `alert`: the rule its first finals are judged by (levels only); the indicator's name is the rule's.
    """

    name: str
    vi: str
    en: str
    unit: str
    rule: str
    value: Value = field(default_factory=Count)
    level: bool = False
    windows: tuple[str, ...] = WINDOWS
    groupings: tuple[Dims, ...] = ((),)
    legal: str = ""
    alert: Above | None = None

    @property
    def view(self) -> str:
        """The name of its board view, of which further views take an end."""
        return f"v_{self.name.replace('.', '_')}"

    def __post_init__(self) -> None:
        unknown = [w for w in self.windows if w not in WINDOWS]
        if unknown:
            raise DeclarationError(f"{self.name}: no window {unknown[0]!r}; there are {', '.join(WINDOWS)}")
        if self.alert is None:
            return
        if not self.level:
            raise DeclarationError(f"{self.name}: an alert is judged at every step of a level; declare level=True, or no alert")
        if self.alert.by not in self.groupings:
            there = ", ".join(map(str, self.groupings))
            raise DeclarationError(
                f"{self.name}: its alert is judged by {self.alert.by}, which is not rolled; groupings are {there}"
            )


@dataclass(frozen=True)
class Board:
    """The board of a stream, and what of it stands on the overview; indicators and dimensions by name.

    `names`: titles of dimensions (vi, en). `tiles`: numbers for the chosen value of the stream's first dimension. `rankings`:
    (indicator, dimension), the highest first. `lines`: indicators of one unit over time in one panel, levels by themselves.
    `ahead`: levels shown for the coming working days. `overview_...`: what the overview takes of these.
    """

    name: str
    vi: str
    en: str
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    tiles: tuple[str, ...] = ()
    rankings: tuple[tuple[str, str], ...] = ()
    lines: tuple[tuple[str, ...], ...] = ()
    ahead: tuple[str, ...] = ()
    overview_tiles: tuple[str, ...] = ()
    overview_rankings: tuple[tuple[str, str], ...] = ()
    overview_ahead: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stream:
    """One stream: the contract it reads, its dimensions, indicators and how events contribute.

    `item` is a NamedTuple whose first field is `time` (ms) and whose others are fields of the contract's data: what the
    history of an entity keeps of an event. `rank` orders events of one entity that have the same time and sequence.
    `times`: fields of data that are times; they are given as ms and must lie within [first year, event time + 10 years].
    `units`: TOML files that name the values of dimensions: every row of every list begins with code and name (or has these keys).
    `data_files`: files that contributions read; what they hold decides what is counted (a calendar, a table of codes).
    `lifecycle(history)` gives (opened_at, ended_at, due_at, dims) of an entity, for people who look at the table.
    """

    name: str
    contract: Contract
    dimensions: Dims
    indicators: tuple[Indicator, ...]
    contributions: Callable[[Sequence[Any]], list[Row]] | None = None
    item: type[tuple[Any, ...]] | None = None
    rank: Callable[[Any], int] | None = None
    lifecycle: Callable[[Sequence[Any]], tuple[int | None, int | None, int | None, Dims]] | None = None
    columns: Callable[[pl.DataFrame], Mapping[str, pl.DataFrame]] | None = None
    times: tuple[str, ...] = ()
    grain: int = MINUTE
    delay: int = MINUTE
    restate: int = 35 * DAY
    data_files: tuple[Path, ...] = ()
    units: tuple[Path, ...] = ()
    board: Board | None = None

    @cached_property
    def widths(self) -> dict[str, int]:
        """How many measures each indicator has, by its name."""
        return {i.name: len(i.value.measures) for i in self.indicators}

    @property
    def topic(self) -> str:
        """The topic the stream reads."""
        return self.contract.topic

    def indicator(self, name: str) -> Indicator:
        """The indicator of that name.  Raises KeyError."""
        return {i.name: i for i in self.indicators}[name]
