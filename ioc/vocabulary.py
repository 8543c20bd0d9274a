"""Vocabulary: what a stream declares. Frozen data and pure functions; nothing here computes a number by itself.

A stream with state gives `contributions(history) -> rows`; one without gives `columns(frame) -> {indicator: frame}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ioc.errors import DeclarationError
from ioc.folds import Contribution, Contributions, Fold, Lifecycle, Part, told, told_apart
from ioc.rules import ALL, PERIODS, Above, Dims, Legal, Look, above
from ioc.sums import Ints
from ioc.times import DAY, MINUTE
from ioc.values import (  # fmt: skip
    NO_LIMIT,
    Chain,
    Count,
    Coverage,
    Covered,
    Due,
    Limited,
    Mean,
    Measured,
    Measures,
    Needed,
    Quantiles,
    Ratio,
    Silent,
    Terms,
    TimeToBreach,
    Value,
    Within,
    due,
)
from schemas import Contract

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "ALL", "PERIODS", "THINGS", "UNITS", "UNKNOWN", "WINDOWS", "Above", "Board", "Chain", "Contribution", "Contributions",
    "Count", "Coverage", "Covered", "Dims", "Due", "Fold", "Indicator", "Legal", "Lifecycle", "Limited", "Look", "Mean",
    "Measured", "Measures", "Needed", "Part", "Quantiles", "Ratio", "Rollup", "Silent", "Stream", "Terms", "TimeToBreach",
    "Told", "Value", "Within", "above", "told", "told_apart",
]  # fmt: skip

THINGS = ("1", "hồ sơ", "người", "lượt", "phản ánh", "cuộc gọi")
"""Units of what is counted: dossiers, people, times, citizens' reflections, calls; 1: anything else."""
UNITS = (
    *THINGS, "%", "kbit/s", "dBm", "ngày", "giây", "phút", "giờ làm việc", "hồ sơ/giờ làm việc", "hồ sơ/ngày làm việc", "°C",
    "lần/giây", "bit/J",
)  # fmt: skip
"""All units an indicator may have; a new one is drawn as `ioc.boards.units.UNITS` says."""
WINDOWS = ("1h", "1d", "7d", *PERIODS)
UNKNOWN = "?"
"""The value of a dimension no event has stated."""


@dataclass(frozen=True)
class Indicator:
    """A number on the wall: its titles, unit, rule, and how its value comes from summed measures.

    `level`: a running sum over all time (backlog), exact at any instant; else it is summed over `windows`.
    `groupings`: the sets of dimensions that are rolled into `indicators`; any other is computed on demand from panes.
    `each`: dimensions over whose values it is never summed, for they have no sum (đồng and per cent): it is told of one of them,
    or of each, and never of all.
    `alert`: the rule its first finals are judged by (levels only); the indicator's name is the rule's.
    `looks`: it has no panes of its own; each of its measures is what a look at those of another indicator of the stream
    finds. It is a level, rolled and judged once an hour.
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
    each: Dims = ()
    legal: Legal | None = None
    alert: Above | None = None
    looks: tuple[Look, ...] = ()

    @property
    def view(self) -> str:
        """The name of its board view, of which further views take an end."""
        return f"v_{self.name.replace('.', '_')}"

    def limits(self, groups: Iterable[Dims], dimensions: Sequence[str]) -> list[int] | None:
        """The limit of each group of the stream with these dimensions, where the value has limits."""
        if not isinstance(self.value, Limited):
            return None
        fixed = (tuple(name for name, value in zip(dimensions, group, strict=True) if value != ALL) for group in groups)
        return [self.value.limits.get(names, NO_LIMIT) for names in fixed]

    def beside(self, groups: Sequence[Dims], dimensions: Sequence[str], of: Ints, begins: Ints, ends: Ints) -> Ints | None:
        """What stands beside the sums of each row, where the value takes it: the limit of its group (the `of`-th), or the seconds
        that are due of it in its window [begin, end) (ms)."""
        if isinstance(self.value, Measured):
            leaves = np.array(self.value.due.leaves(), object).reshape(-1, len(dimensions))
            own = np.ones((len(groups), len(leaves)), bool)
            for n, values in enumerate(zip(*groups, strict=True)):
                asked = np.array(values, object)[:, None]
                own &= (asked == ALL) | (asked == leaves[None, :, n])
            return due(self.value, own, of, begins, ends)
        limits = self.limits(groups, dimensions)
        return None if limits is None else np.array(limits, np.int64)[of]

    def __post_init__(self) -> None:
        unknown = [w for w in self.windows if w not in WINDOWS]
        if unknown:
            raise DeclarationError(f"{self.name}: no window {unknown[0]!r}; there are {', '.join(WINDOWS)}")
        for dims in (*self.groupings, *([self.alert.by] if self.alert else [])):
            if over := [name for name in self.each if name not in dims]:
                raise DeclarationError(f"{self.name}: {dims} sums over {over[0]}, of which it is told each; name it there")
        if self.looks:
            if not self.level:
                raise DeclarationError(f"{self.name}: what looks at other indicators is a level; declare level=True")
            if len(self.looks) != len(self.value.measures):
                said = f"{len(self.looks)} looks, and the value takes {len(self.value.measures)}"
                raise DeclarationError(f"{self.name}: {said}: {', '.join(self.value.measures)}")
        if isinstance(self.value, Limited):
            lacking = [grouping for grouping in self.groupings if self.value.limits.get(grouping, -1) < 0]
            if lacking or not self.looks:
                raise DeclarationError(
                    f"{self.name}: declare looks, and a limit of 0 or more for each of its groupings {lacking}"
                )
        if isinstance(self.value, Measured) and self.level:
            raise DeclarationError(f"{self.name}: what is due is due in a window; declare level=False")
        if isinstance(self.value, Within) and (self.level or set(self.windows) - set(self.value.windows)):
            raise DeclarationError(
                f"{self.name}: it is told of {', '.join(self.value.windows)}: declare windows of these, no level"
            )
        if self.alert is not None and not self.level:
            raise DeclarationError(f"{self.name}: an alert is judged at every step of a level; declare level=True, or no alert")


@dataclass(frozen=True)
class Rollup:
    """Groups of the values of a dimension, joined when numbers are read: for them nothing more is counted, and nothing stored.

    `of`: the dimension. Either `tree`, a folder of units (`ioc.units`): the group is the unit's ancestor on the level that `name`
    names; or `file`, a TOML file with a row for each value, as those of `Stream.units`: the group is what the row says under
    `key` or, without one, the name of the list it stands in. `names`: what people call groups that are words of ours; then the
    file has these groups alone. With `cells`, a registry of cells (`ioc.units.cells`), the values are its sites: the group is
    that of the commune a site stands in at the time that is asked about.
    """

    name: str
    of: str
    tree: Path | None = None
    file: Path | None = None
    key: str = ""
    cells: Path | None = None
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Board:
    """The board of a stream, and what of it stands on the overview; indicators, dimensions and rollups by name.

    `names`: titles of dimensions and rollups (vi, en). `opens`: the value of the stream's first dimension that it opens with,
    where what it shows is not summed over all of them. `tiles`: numbers for the chosen value of the stream's first dimension, or
    the chosen group of one of the rollups `choices`.
    `rankings`: (indicator, dimension or rollup), the highest first. `maps`: (indicator, dimension of sites), each where it stands
    (a rollup with `cells` says where). `lines`: indicators of one unit over time in one panel,
    levels by themselves. `ahead`: levels shown for the coming working days, by what looks ahead at them. `feeds`: a table of who
    sends, and whom to call. `overview_...`: what the overview takes of these.
    """

    name: str
    vi: str
    en: str
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    opens: str = ALL
    tiles: tuple[str, ...] = ()
    rankings: tuple[tuple[str, str], ...] = ()
    maps: tuple[tuple[str, str], ...] = ()
    lines: tuple[tuple[str, ...], ...] = ()
    ahead: tuple[str, ...] = ()
    choices: Dims = ()
    feeds: bool = False
    overview_tiles: tuple[str, ...] = ()
    overview_rankings: tuple[tuple[str, str], ...] = ()
    overview_ahead: tuple[str, ...] = ()


class Told(NamedTuple):
    """An event of the demo's province: when it became true (ms), who sends it, its id and its data (times as texts)."""

    time: int
    source: str
    id: str
    data: Mapping[str, object]


@dataclass(frozen=True)
class Stream:
    """One stream: the contract it reads, its dimensions, indicators and how events contribute.

    `item` is a NamedTuple whose first field is `time` (ms) and whose others are fields of the contract's data: what the
    history of an entity keeps of an event (times as ms). `rank` orders events of one entity that have the same time and sequence.
    `units`: TOML files that name the values of dimensions: every row of every list begins with code and name (or has these keys).
    `data_files`: files that contributions read; what they hold decides what is counted (a calendar, a table of codes). `reads()`
    reads them, and raises UsageError where one is wrong: before anything is counted, not as a reject of every event.
    `rollups`: groups of the dimensions' values, for values, boards and alerts.
    `lifecycle(history)` gives (opened_at, ended_at, due_at, dims) of an entity, for people who look at the table.
    `contributions` and `lifecycle` may be plain functions or, faster, folds with the same `begin` and `advance`.
    `demo(chance, day)` gives the events that the demo's province sends on a local day (days since 1970), in any order: a pure
    function, for which `chance(*what)` is a number in [0, 1) that depends on the demo's seed and its arguments alone. It is none
    of the code that counts. `stock(chance, day)`: the same of what there was before that day and is there still. A stream of
    entities is told of from 45 days before the demo's past on, so that what is open does not begin with nothing. `pasts`: worked
    pasts by name, which `ioc import --example NAME` sends: each gives its events.
    `most`: how many events of one entity are counted, where that may be more than 2,000: of what is told daily for years.
    `records(frame)` counts every record of all its topics, whatever became of it, as `columns(frame)` the contract's events: its
    frame has the columns `_i`, `_time` (reception, ms), topic, type, source, verdict, reason, `foreign` (it has fields that
    its contract does not) and `time` of the event (ms; none: no event).
    """

    name: str
    contract: Contract
    dimensions: Dims
    indicators: tuple[Indicator, ...]
    contributions: Callable[[Sequence[Any]], list[Contribution]] | None = None
    item: type[tuple[Any, ...]] | None = None
    rank: Callable[[Any], int] | None = None
    lifecycle: Callable[[Sequence[Any]], Lifecycle] | None = None
    columns: Callable[[pl.DataFrame], Mapping[str, pl.DataFrame]] | None = None
    records: Callable[[pl.DataFrame], Mapping[str, pl.DataFrame]] | None = None
    more_topics: tuple[str, ...] = ()
    grain: int = MINUTE
    delay: int = MINUTE
    restate: int = 35 * DAY
    most: int | None = None
    data_files: tuple[Path, ...] = ()
    reads: Callable[[], object] | None = None
    units: tuple[Path, ...] = ()
    board: Board | None = None
    more_boards: tuple[Board, ...] = ()
    """Further boards of the stream; names of dimensions and choices are those of `board`."""
    rollups: tuple[Rollup, ...] = ()
    demo: Callable[[Callable[..., float], int], Iterable[Told]] | None = None
    stock: Callable[[Callable[..., float], int], Iterable[Told]] | None = None
    pasts: Mapping[str, Callable[[Callable[..., float]], Iterable[Told]]] = field(default_factory=dict)

    def rollup(self, name: str) -> Rollup | None:
        """The rollup of that name, if there is one."""
        return next((rollup for rollup in self.rollups if rollup.name == name), None)

    def leaves(self, names: Sequence[str]) -> Dims:
        """The dimensions that a grouping by dimensions and rollups needs, in the order they are declared."""
        needed = {rollup.of if (rollup := self.rollup(name)) else name for name in names}
        return tuple(name for name in self.dimensions if name in needed)

    @cached_property
    def widths(self) -> dict[str, int]:
        """How many measures each indicator that has panes of its own has, by its name."""
        return {i.name: len(i.value.measures) for i in self.indicators if not i.looks}

    @cached_property
    def one_walk(self) -> bool:
        """Whether contributions and lifecycle are folds that walk alike, so that one walk serves both."""
        one, other = self.contributions, self.lifecycle
        return isinstance(one, Fold) and isinstance(other, Fold) and (one.begin, one.advance) == (other.begin, other.advance)

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """The code that counts."""
        given = [f for f in (self.contributions, self.columns, self.records, self.rank) if f is not None]
        return tuple(part for f in given for part in (f.functions if isinstance(f, Fold) else (f,)))

    @property
    def topic(self) -> str:
        """The topic of the stream's own events."""
        return self.contract.topic

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics the stream reads."""
        return (self.topic, *(topic for topic in self.more_topics if topic != self.topic))

    def indicator(self, name: str) -> Indicator:
        """The indicator of that name.  Raises KeyError."""
        return {i.name: i for i in self.indicators}[name]
