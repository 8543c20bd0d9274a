"""Diff: two databases of one log, step by step: what was first shown, what holds as known at the end, alerts and rejects.

A row of `indicators` stands for all steps up to the next one, so two stores may hold other rows and still say the same. First
finals are read as they were written; latest values are summed from panes, of both sides as known at the same instant, for the
live centre knows more by now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ioc.calendar.windows import LEVEL
from ioc.catalog import Catalog
from ioc.errors import UsageError
from ioc.replaying import episodes
from ioc.replaying.compared import Side, finals, latest, rejects, same_finals, same_panes
from ioc.rolling.reached import beginning, rolled
from ioc.rolling.series import measured
from ioc.rolling.steps import size_of
from ioc.settings import Settings
from ioc.store.runs import BROKEN_OFF, IMPORT, REPLAYING
from ioc.times import floor
from ioc.vocabulary import Indicator, Stream

NOTHING = float("nan")
"""A value where there are no data; equal to itself in a frame."""


@dataclass(frozen=True)
class Difference:
    """One difference. `at`: the first step it holds for (ms; None: a reject). `what`: first, latest, latest n, alert, reject, ...

    Of a reject `indicator` is its topic and `dims` its partition and offset.
    """

    indicator: str
    window: str
    dims: tuple[str, ...]
    at: int | None
    what: str
    left: float | str | None
    right: float | str | None


@dataclass
class Compared:
    """What was compared, by stream the steps in (from, to] (ms), and the differences (`shown`: the first ones)."""

    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Streams that were not compared, and why."""
    latest_only: bool = False
    steps: int = 0
    indicators: int = 0
    no_step: list[str] = field(default_factory=list)
    """Indicators that have no whole step in the range: the step of their shortest window is longer."""
    alerts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By indicator the steps in (from, to] (ms) in which the transitions of its alert were compared."""
    unjudged: list[str] = field(default_factory=list)
    """Indicators whose alert was not compared, as the two have judged no step in common."""
    differences: int = 0
    shown: list[Difference] = field(default_factory=list)


def diff(settings: Settings, catalog: Catalog, left: str, right: str, limit: int = 50) -> Compared:
    """Compare two of `live` and the runs. `limit`: how many differences are kept to be shown.  Raises UsageError."""
    sides = (Side.open(settings, left), Side.open(settings, right))
    for side in sides:
        if side.run is not None and side.run.state in (REPLAYING, BROKEN_OFF):
            raise UsageError(
                f"run {side.name!r} has not come to its end ({side.run.state}): wait for its replay, or remove it with "
                f"`ioc replay drop {side.name}` and start it again"
            )
    found = Compared(latest_only=any(side.run is not None and side.run.source == IMPORT for side in sides))
    for stream in catalog.streams:
        span = _range(sides, stream, found)
        if span is None:
            continue
        found.ranges[stream.name] = span
        for indicator in stream.indicators:
            before = found.steps
            for frame in _indicator(sides, stream, indicator, span, found):
                _keep(found, frame, limit)
            if indicator.alert is not None and not found.latest_only:
                compared, frame = episodes.differing(sides, stream, indicator, span)
                _keep(found, frame, limit)
                found.alerts |= {} if compared is None else {indicator.name: compared}
                found.unjudged += [indicator.name] if compared is None else []
            if found.steps > before:
                found.indicators += 1
            else:
                found.no_step.append(indicator.name)
    if not found.latest_only:
        _keep(found, rejects(sides), limit)
    return found


def _keep(found: Compared, frame: pl.DataFrame, limit: int) -> None:
    found.differences += len(frame)
    rows = frame.select("indicator", "window", "dims", "at", "what", "left", "right").head(limit - len(found.shown)).rows()
    found.shown += [Difference(i, w, tuple(d), at, *rest) for i, w, d, at, *rest in rows]


def _range(sides: tuple[Side, Side], stream: Stream, found: Compared) -> tuple[int, int] | None:
    """The steps that both sides have: (from, to], from where both began and were asked to, to where both are rolled."""
    ends = [rolled(s.store, s.generations[stream.name]) if stream.name in s.generations else None for s in sides]
    lacking = [s.name for s, end in zip(sides, ends, strict=True) if end is None]
    if lacking:
        found.left_out[stream.name] = f"{' and '.join(lacking)}: no step is final, as not every partition has been received from"
        return None
    begins = [beginning(s.store, stream) for s in sides]
    begin = min(begins) if found.latest_only else max(begins)  # a file has its own receptions
    asked = [s.run for s in sides if s.run is not None]
    low = max([begin, *(run.begin for run in asked if run.begin is not None)])
    high = min([*(end for end in ends if end is not None), *(run.end for run in asked if run.end is not None)])
    if high <= low:
        found.left_out[stream.name] = "the two have no step in common"
        return None
    return low, high


def _indicator(
    sides: tuple[Side, Side], stream: Stream, indicator: Indicator, span: tuple[int, int], found: Compared
) -> Iterator[pl.DataFrame]:
    """The differences of all windows, as frames."""
    known = None if found.latest_only else span[1]
    same = same_panes(sides, stream, indicator, span[1], known)
    same_first = found.latest_only or same_finals(sides, stream, indicator, span[1])
    for window in (LEVEL,) if indicator.level else indicator.windows:
        size = size_of(stream, indicator, window)
        first, last = floor(span[0], size), floor(span[1], size)
        if last <= first:
            continue
        found.steps += (last - first) // size
        if not same_first:
            left, right = (finals(side, stream, indicator, window, first + size, last) for side in sides)
            yield _differing(left, right, indicator, window)
        if not same:
            left, right = (latest(side, stream, indicator, window, first, last, known) for side in sides)
            yield _differing(left, right, indicator, window)


# ---- where they differ


def _differing(left: pl.DataFrame, right: pl.DataFrame, indicator: Indicator, window: str) -> pl.DataFrame:
    """The steps from which on the two say something else, in the form of `Difference`: the first column that differs."""
    names = [c for c in left.columns if c.startswith("d") and c[1:].isdigit()]
    values = [c for c in left.columns if c not in (*names, "at")]
    sides = [frame.with_columns(pl.col(values).cast(pl.Float64).fill_null(NOTHING)) for frame in (left, right)]
    both = sides[0].join(sides[1], on=[*names, "at"], how="full", coalesce=True, suffix="_right").sort(*names, "at")
    empty = _empty(indicator, window)
    filled = both.with_columns(
        pl.col(f"{c}{side}").forward_fill().over(names).fill_null(empty[c]) for c in values for side in ("", "_right")
    )
    cases = [(pl.col(c).ne(pl.col(f"{c}_right")), c) for c in values]
    return filled.filter(pl.any_horizontal(differs for differs, _ in cases)).select(
        indicator=pl.lit(indicator.name),
        window=pl.lit(window),
        dims=pl.concat_list(names),
        at="at",
        what=pl.coalesce(pl.when(differs).then(pl.lit(c)) for differs, c in cases),
        left=pl.coalesce(pl.when(differs).then(c) for differs, c in cases).fill_nan(None),
        right=pl.coalesce(pl.when(differs).then(f"{c}_right") for differs, c in cases).fill_nan(None),
    )


def _empty(indicator: Indicator, window: str) -> dict[str, float]:
    """The values where nothing was counted and no row is written."""
    row = measured(indicator, window, np.zeros((1, len(indicator.value.measures)), np.int64)).row(0, named=True)
    filled = {name: NOTHING if value is None else float(value) for name, value in row.items()}
    return {"first": filled["value"], "latest": filled["value"], **{f"latest {name}": value for name, value in filled.items()}}
