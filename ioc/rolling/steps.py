"""Steps: rows of `indicators` for steps that are final, each computed anew from panes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ioc.calendar.looks import STEP
from ioc.calendar.windows import CALENDAR, LEVEL, begun, step, window_start
from ioc.rolling.series import Entries, measured, series
from ioc.store.clickhouse import Store, literal
from ioc.times import DAY, floor
from ioc.values import Matrix
from ioc.vocabulary import ALL, Indicator, Stream

NEVER = -(1 << 62)
EARLIEST, LATEST = -2_208_988_800_000, 10_413_791_999_000
"""What the store's times can hold: the years 1900 to 2299."""
NAMED = 500
"""Groups a statement may name; more are read whole and left out afterwards."""
LONG = DAY
"""Of so many steps, and more, one kind of window is looked at at a time, and of a level one indicator."""


@dataclass(frozen=True)
class Span:
    """Steps in (first, last] of one indicator and window, for which rows are wanted (ms).

    `groups`: of these groups only (d0, d1, ...). `opening`: these have a row at their first step, for what they hold at `first`
    is not what was written there. `whole`: nothing was written before, so that is every group that holds something at `first`.

    Any other row is at a step where something enters or leaves, so that who knows more has a row there, too: what an overtaken
    roller still writes is overwritten.
    """

    indicator: Indicator
    window: str
    first: int
    last: int
    groups: pl.DataFrame | None = None
    opening: pl.DataFrame | None = None
    whole: bool = False


def windows_of(indicator: Indicator) -> tuple[str, ...]:
    """The windows an indicator is rolled for."""
    return (LEVEL,) if indicator.level else indicator.windows


def size_of(stream: Stream, indicator: Indicator, window: str) -> int:
    """The step of an indicator's window (ms)."""
    return STEP if indicator.looks else step(window, stream.grain)


def moment(ms: int) -> str:
    """A time as SQL, within what the store can hold."""
    return f"fromUnixTimestamp64Milli({min(max(ms, EARLIEST), LATEST)})"


def rows(
    store: Store,
    stream: Stream,
    generation: str,
    spans: Sequence[Span],
    level: Callable[[Indicator, int], Entries] | None = None,
) -> Iterator[pl.DataFrame]:
    """The rows of the spans, a frame for each that has some: steps at which something enters or leaves, and steps that have a row
    already. They come as they are computed, span by span.

    `level`: what counts for a level up to a step, where it is known without a look at its past.
    """
    if not spans:
        return
    long = max(s.last for s in spans) - min(s.first for s in spans) > LONG
    written = {} if long else stored(store, stream, generation, spans)
    some_stored = _with_rows(store, generation, spans) if long else set()
    reads: dict[tuple[str, int, int], list[str]] = {}
    for window in dict.fromkeys(s.window for s in spans):
        own = [s for s in spans if s.window == window]
        together = "calendar" if window in CALENDAR else window
        reads.setdefault((together, min(s.first for s in own), max(s.last for s in own)), []).append(window)
    for (_, begin, end), windows in reads.items():
        own = [s for s in spans if s.window in windows]
        for some in [[s] for s in own] if windows == [LEVEL] and end - begin > LONG else [own]:
            first, last = min(s.first for s in some), max(s.last for s in some)
            if windows == [LEVEL] and level is not None:
                panes = {(s.indicator.name, LEVEL): level(s.indicator, last) for s in some}
            else:
                panes = entries(store, stream, generation, [s.indicator for s in some], windows, first, last, only=only_of(some))
            if long:
                rewritten = [s for s in some if (s.indicator.name, s.window) in some_stored]
                written = stored(store, stream, generation, rewritten) if rewritten else {}
            for span in some:
                held, there = panes[span.indicator.name, span.window], written.get((span.indicator.name, span.window))
                if len(held.at) or there is not None or span.opening is not None:  # most indicators are silent for long
                    yield row_frame(stream, span, held, there)


def row_frame(stream: Stream, span: Span, panes: Entries, there: pl.DataFrame | None) -> pl.DataFrame:
    """The rows of one span. `there`: groups and `at` of those that are written already."""
    indicator, size = span.indicator, size_of(stream, span.indicator, span.window)
    dims = dimensions(stream)
    if there is None:
        there = pl.DataFrame(
            schema={"indicator": pl.String, "window": pl.String, **dict.fromkeys(dims, pl.String), "at": pl.Int64}
        )
    found = series(indicator, span.window, size, panes, span.first, span.last)
    there = there.drop("indicator", "window").filter(pl.col("at").is_between(span.first, span.last, closed="right"))
    # the step before the first one keeps its old row, or has none: the first one must not be read from there
    opening = span.opening
    if span.whole:
        opening = found.filter((pl.col("at") == span.first) & ((pl.col("n") != 0) | (pl.col("first_n") != 0)))
    if opening is not None and len(opening):
        there = pl.concat([there, opening.select(*dims, at=pl.lit(span.first + size, pl.Int64))]).unique()
    result = _at_stored(found, span.first, there, dims, lambda bare: _nothing(stream, indicator, span.window, bare))
    if span.groups is not None:
        result = result.join(span.groups, on=dims, how="semi")
    return result.with_columns(indicator=pl.lit(indicator.name), window=pl.lit(span.window), until=pl.col("at"))


def _nothing(stream: Stream, indicator: Indicator, window: str, bare: pl.DataFrame) -> pl.DataFrame:
    """Groups and `at` with rows of zero sums."""
    at, each = bare["at"].to_numpy(), np.arange(len(bare))
    beside = indicator.beside(bare.drop("at").rows(), stream.dimensions, each, begun(window, at), at)
    zeros = measured(indicator, window, np.zeros((len(bare), len(indicator.value.measures)), np.int64), beside)
    return bare.hstack(zeros).with_columns(first_value="value", first_n="n")


def _at_stored(
    found: pl.DataFrame, first: int, there: pl.DataFrame, dims: list[str], nothing: Callable[[pl.DataFrame], pl.DataFrame]
) -> pl.DataFrame:
    """The rows after `first`, and for every stored step what holds there now (`nothing`: rows of zero sums)."""
    changed = found.filter(pl.col("at") > first)
    missing = there.join(changed, on=[*dims, "at"], how="anti").sort("at")
    if missing.is_empty():
        return changed
    held = missing.join_asof(found.sort("at"), on="at", by=dims, strategy="backward", check_sortedness=False)
    bare = nothing(held.filter(pl.col("n").is_null()).select(*dims, "at"))
    whole = pl.concat([changed, held.drop_nulls("n").select(changed.columns), bare.select(changed.columns)])
    return whole.sort(*dims, "at")


def _with_rows(store: Store, generation: str, spans: Sequence[Span]) -> set[tuple[str, str]]:
    """The indicators and windows that have rows in the spans: of a past that is rolled first none has."""
    first, last = min(s.first for s in spans), max(s.last for s in spans)
    frame = store.query(
        f"SELECT DISTINCT indicator, window FROM indicators WHERE generation = {literal(generation)} "
        f"AND at > fromUnixTimestamp64Milli({first}) AND at <= fromUnixTimestamp64Milli({last})"
    )
    return set(frame.select("indicator", "window").rows())


def stored(store: Store, stream: Stream, generation: str, spans: Sequence[Span]) -> dict[tuple[object, ...], pl.DataFrame]:
    """By indicator and window: those, groups and `at` of the steps that have rows."""
    alike: dict[tuple[str, int, int], list[str]] = {}
    for s in spans:
        alike.setdefault((s.window, s.first, s.last), []).append(s.indicator.name)
    where = " OR ".join(
        f"(indicator IN {literal(tuple(indicators))} AND window = {literal(window)} "
        f"AND at > fromUnixTimestamp64Milli({first}) AND at <= fromUnixTimestamp64Milli({last}))"
        for (window, first, last), indicators in alike.items()
    )
    names = ", ".join(f"dims[{i + 1}] AS {d}" for i, d in enumerate(dimensions(stream)))
    return (
        store.query(
            f"SELECT DISTINCT indicator, window, {names}, toUnixTimestamp64Milli(at) AS step FROM indicators "
            f"WHERE generation = {literal(generation)} AND ({where}) {within('dims.', only_of(spans))}"
        )
        .rename({"step": "at"})
        .partition_by("indicator", "window", as_dict=True)
    )


def only_of(spans: Iterable[Span]) -> pl.DataFrame | None:
    """The groups that all of the spans together want, or None: too many to name, or all."""
    groups = [s.groups for s in spans]
    if any(g is None for g in groups):
        return None
    found = pl.concat([g for g in groups if g is not None]).unique()
    return found if len(found) <= NAMED else None


def within(prefix: str, only: pl.DataFrame | None) -> str:
    """A condition on the group in an array or a tuple."""
    if only is None or not only.columns:
        return ""
    place = "{}[{}]" if prefix == "dims." else "{}.{}"
    group = ", ".join(place.format(prefix.rstrip("."), i + 1) for i in range(len(only.columns)))
    return f"AND ({group}) IN ({', '.join(literal(tuple(row)) for row in only.rows())}) "


def dimensions(stream: Stream) -> list[str]:
    """The columns that name a group."""
    return [f"d{i}" for i in range(len(stream.dimensions))]


def groups_sql(stream: Stream, indicator: Indicator) -> str:
    """A ClickHouse array of tuples: the groups a pane counts for."""
    size = len(stream.dimensions)
    tuples = (
        [f"dims[{i + 1}]" if name in grouping else literal(ALL) for i, name in enumerate(stream.dimensions)]
        for grouping in indicator.groupings
    )
    return "[" + ", ".join(f"tuple({', '.join(parts)})" if size else "tuple('')" for parts in tuples) + "]"


def alike(stream: Stream, indicators: Iterable[Indicator]) -> list[list[Indicator]]:
    """The indicators by their groupings: those of one list can be read together."""
    found: dict[str, list[Indicator]] = {}
    for indicator in {i.name: i for i in indicators}.values():
        found.setdefault(groups_sql(stream, indicator), []).append(indicator)
    return list(found.values())


def entries(
    store: Store,
    stream: Stream,
    generation: str,
    indicators: Sequence[Indicator],
    windows: Sequence[str],
    first: int,
    last: int,
    known: int | None = None,
    only: pl.DataFrame | None = None,
) -> dict[tuple[str, str], Entries]:
    """By indicator and window, what counts for the window at the steps in (first, last], summed by group and step.

    `windows`: one, or calendar periods, which are read at once. Levels and calendar periods: what came before `first` is one
    step, for it leaves at one time. `known`: only what was known before then (ms). `only`: these groups.
    """
    size = step(windows[0], stream.grain)
    starts = {w: NEVER if w == LEVEL else window_start(w, first) for w in windows}
    lows = sorted(set(starts.values()), reverse=True)
    before = floor(first, size) - size if windows[0] == LEVEL or windows[0] in CALENDAR else NEVER
    at, known_at = (
        f"{ms} - positiveModulo({ms}, {size})" for ms in map("toUnixTimestamp64Milli({})".format, ("at", "greatest(at, known)"))
    )
    if before != NEVER:
        # what came before `first` stands at a step of its own for each beginning: the longer periods reach further back
        older = ", ".join(f"at >= fromUnixTimestamp64Milli({low}), {before - i * size}" for i, low in enumerate(lows[:-1]))
        at = f"multiIf({at} > {before}, {at}, {older}{', ' if older else ''}{before - (len(lows) - 1) * size})"
        known_at = f"greatest({known_at}, {before})"
    since = f"AND at >= fromUnixTimestamp64Milli({lows[-1]}) " if lows[-1] != NEVER else ""
    then = f"AND known < fromUnixTimestamp64Milli({known}) " if known is not None else ""
    dims, found = dimensions(stream), {}
    names = ", ".join(f"g.{i + 1} AS {d}" for i, d in enumerate(dims))
    for together in alike(stream, indicators):
        frame = store.query(
            f"SELECT indicator, {names}, {at} AS a, {known_at} AS k, sumForEach(measures) AS m FROM panes FINAL "
            f"ARRAY JOIN {groups_sql(stream, together[0])} AS g "
            f"WHERE generation = {literal(generation)} AND indicator IN {literal(tuple(i.name for i in together))} {since}{then}"
            f"AND at < fromUnixTimestamp64Milli({last}) {within('g.', only)}GROUP BY indicator, {', '.join(dims)}, a, k"
        )
        for indicator in together:
            own = frame.filter(pl.col("indicator") == indicator.name).cast({"a": pl.Int64, "k": pl.Int64})
            for window, start in starts.items():
                held = own.filter(pl.col("a") >= before - lows.index(start) * size) if before != NEVER else own
                steps = held["a"].to_numpy()
                found[indicator.name, window] = Entries(
                    held.select(dims),
                    np.maximum(steps, before),
                    held["k"].to_numpy(),
                    matrix(held["m"], len(indicator.value.measures)),
                    stream.dimensions,
                )
    return found


def matrix(column: pl.Series, width: int) -> Matrix:
    """A column of measure arrays as a matrix of shape (rows, width); an empty array (nothing was summed) is a row of zeros."""
    result = np.zeros((len(column), width), np.int64)
    full = (column.list.len() > 0).to_numpy()
    if full.any():
        result[full] = column.filter(pl.Series(full)).cast(pl.List(pl.Int64)).list.to_array(width).to_numpy()
    return result
