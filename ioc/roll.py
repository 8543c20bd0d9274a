"""Roll: panes become rows of `indicators`: first finals as the watermark passes, restated steps, and the open step.

Everything is recomputed from panes at every write, so a lost nudge, a crash or a second roller changes nothing; the row with
the highest `as_of` (positions counted before the panes were read) wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from ioc import state
from ioc.catalog import Catalog
from ioc.clickhouse import Store, literal
from ioc.decode import Clock
from ioc.pipeline import MEASURE
from ioc.series import Entries, grouped, measured, series
from ioc.settings import Settings
from ioc.state import Checkpoint, Place
from ioc.times import floor
from ioc.vocabulary import Indicator, Matrix, Stream
from ioc.windows import LEVEL, leaves, step, window_start

ROLL = "roll"
NEVER = -(1 << 62)


@dataclass
class Progress:
    """How far a stream is rolled: positions by partition, and the watermark up to which first finals are written (ms)."""

    positions: dict[Place, int] = field(default_factory=dict)
    watermark: int | None = None


class Roller:
    """Rolls all streams of a store. One at a time works; two do no harm."""

    def __init__(self, catalog: Catalog, store: Store, settings: Settings) -> None:
        self.catalog, self.store, self.settings = catalog, store, settings
        self.live = False
        """Whether a live heartbeat has been counted: from then on the pacemaker beats."""
        self._progress: dict[str, Progress] = {}
        self._shown: dict[str, pl.DataFrame] = {}
        self._as_of: dict[str, int] = {}
        self._began: dict[str, int] = {}

    def forget(self) -> None:
        """Drop what is remembered: another roller may have gone on."""
        self._progress.clear()
        self._shown.clear()
        self._as_of.clear()

    def step(self) -> None:
        """Bring `indicators` up to what is counted now."""
        counted = state.checkpoints(self.store, MEASURE)
        self.live = any(c.clock.live is not None for c in counted.values())
        received = [c.clock.received for c in counted.values() if c.clock.received is not None]
        for stream in self.catalog.streams:
            generation = self.catalog.generations[stream.name]
            own = {(t, p): c for (g, t, p), c in counted.items() if g == generation}
            if own and received:
                self._stream(stream, generation, own, max(received) + 1)

    def _stream(self, stream: Stream, generation: str, counted: Mapping[Place, Checkpoint], now: int) -> None:
        as_of = sum(c.next for c in counted.values())
        if stream.name not in self._progress:
            self._progress[stream.name] = self._load(generation)
        progress = self._progress[stream.name]
        watermark = self._watermark(stream, counted)
        changed = self._changed(generation, progress, counted)
        rows: list[pl.DataFrame] = []
        if watermark is not None:
            if progress.watermark is None:
                progress.watermark = self._beginning(stream)
            for indicator in stream.indicators:
                own = changed.filter(pl.col("indicator") == indicator.name)
                rows += self._indicator(stream, generation, indicator, own, progress.watermark, watermark)
        if len(changed) or self._as_of.get(stream.name) != as_of:
            rows += self._open(stream, generation, now)
        self._write(generation, stream, rows, as_of)
        if watermark is not None and progress.watermark is not None:
            progress.watermark = max(progress.watermark, watermark)
        self._save(generation, progress, counted)
        self._as_of[stream.name] = as_of

    # ---- how far

    def _load(self, generation: str) -> Progress:
        stored = {(t, p): c for (g, t, p), c in state.checkpoints(self.store, ROLL).items() if g == generation}
        marks = [c.clock.received for c in stored.values() if c.clock.received is not None]
        return Progress({place: c.next for place, c in stored.items()}, max(marks) if marks else None)

    def _save(self, generation: str, progress: Progress, counted: Mapping[Place, Checkpoint]) -> None:
        clock = Clock(progress.watermark)
        if all(progress.positions.get(p) == c.next for p, c in counted.items()):
            return
        rows = {(generation, *place): replace(c, clock=clock) for place, c in counted.items()}
        self.store.insert("checkpoints", state.checkpoint_rows(ROLL, rows))
        progress.positions = {place: c.next for place, c in counted.items()}

    def _watermark(self, stream: Stream, counted: Mapping[Place, Checkpoint]) -> int | None:
        """The lowest watermark of all partitions, on the grain; None until every partition has one."""
        partitions = max(c.partitions for c in counted.values())
        marks = [c.clock.received for c in counted.values() if c.clock.received is not None]
        return floor(min(marks) - stream.delay, stream.grain) if len(marks) == partitions else None

    def _beginning(self, stream: Stream) -> int:
        """Where first finals begin: steps before any partition's first reception have none. It never changes."""
        if stream.name not in self._began:
            frame = self.store.query(
                "SELECT toUnixTimestamp64Milli(argMin(received_at, offset)) AS at FROM events "
                f"WHERE topic = {literal(stream.topic)} GROUP BY partition"
            )
            self._began[stream.name] = floor(max(frame["at"].to_list()) - stream.delay, stream.grain)
        return self._began[stream.name]

    def _changed(self, generation: str, progress: Progress, counted: Mapping[Place, Checkpoint]) -> pl.DataFrame:
        """Indicator, dims and `at` of the panes changed since the last roll."""
        news = [
            f"(topic = {literal(topic)} AND partition = {partition} AND offset >= {rolled})"
            for (topic, partition), c in counted.items()
            if c.next > (rolled := progress.positions.get((topic, partition), 0))
        ]
        return self.store.query(
            "SELECT DISTINCT indicator, dims, toUnixTimestamp64Milli(at) AS at FROM panes "
            f"WHERE generation = {literal(generation)} AND ({' OR '.join(news) or '0'})"
        )

    # ---- steps that are final

    def _indicator(
        self, stream: Stream, generation: str, indicator: Indicator, changed: pl.DataFrame, before: int, watermark: int
    ) -> list[pl.DataFrame]:
        rows = []
        for window in (LEVEL,) if indicator.level else indicator.windows:
            size = step(window, stream.grain)
            first, last = floor(before, size), floor(watermark, size)
            if last > first:
                rows.append(self._series(stream, generation, indicator, window, first, last))
            late = changed.filter(pl.col("at") < first)
            if len(late) and window != LEVEL:
                rows += self._restated(stream, generation, indicator, window, late, first, watermark)
        return rows

    def _restated(
        self, stream: Stream, generation: str, indicator: Indicator, window: str, late: pl.DataFrame, last: int, watermark: int
    ) -> list[pl.DataFrame]:
        """The steps up to `last` that late panes touch, within `restate`."""
        size = step(window, stream.grain)
        horizon = floor(watermark - stream.restate, size)
        at = late["at"].to_numpy()
        out = leaves(window, at, size)
        touched = out > horizon
        if not touched.any():
            return []
        begin = max(floor(int(at[touched].min()), size), horizon)
        end = min(int(out[touched].max()), last)
        if end <= begin:
            return []
        found = self._series(stream, generation, indicator, window, begin, end)
        groups = self._groups(stream, indicator, late.filter(pl.Series(touched)))
        return [found.join(groups, on=groups.columns, how="semi")]

    def _groups(self, stream: Stream, indicator: Indicator, panes: pl.DataFrame) -> pl.DataFrame:
        dims = panes.select(pl.col("dims").list.get(i).alias(f"d{i}") for i in range(len(stream.dimensions))).unique()
        zero = np.zeros(len(dims), np.int64)
        return grouped(Entries(dims, zero, zero, zero[:, None]), stream.dimensions, indicator.groupings).dims.unique()

    def _series(self, stream: Stream, generation: str, indicator: Indicator, window: str, first: int, last: int) -> pl.DataFrame:
        """Rows of the steps in (first, last]: those that differ from the step before, and those that have a row already.

        The very first step of a window has a row for all that holds there: no row before it could be carried forward.
        """
        size = step(window, stream.grain)
        low = NEVER if window == LEVEL else window_start(window, first)
        entries = self._entries(stream, generation, indicator, size, low, first if window == LEVEL else NEVER, last)
        found = series(indicator, window, size, grouped(entries, stream.dimensions, indicator.groupings), first, last)
        stored = self.store.query(
            f"SELECT DISTINCT dims, toUnixTimestamp64Milli(at) AS step FROM indicators WHERE generation = {literal(generation)} "
            f"AND indicator = {literal(indicator.name)} AND window = {literal(window)} "
            f"AND at > fromUnixTimestamp64Milli({first}) AND at <= fromUnixTimestamp64Milli({last})"
        )
        dims = [f"d{i}" for i in range(len(stream.dimensions))]
        there = stored.select(*(pl.col("dims").list.get(i).alias(d) for i, d in enumerate(dims)), at="step")
        if first == floor(self._beginning(stream), size):
            opening = found.filter((pl.col("at") == first) & ((pl.col("n") != 0) | (pl.col("first_n") != 0)))
            there = pl.concat([there, opening.select(*dims, at=pl.lit(first + size, pl.Int64))]).unique()
        zero = measured(indicator, np.zeros((1, len(indicator.value.measures)), np.int64))
        rows = _at_stored(found, there, dims, zero.with_columns(first_value=pl.col("value"), first_n=pl.col("n")))
        return rows.with_columns(indicator=pl.lit(indicator.name), window=pl.lit(window), until=pl.col("at"))

    def _entries(
        self, stream: Stream, generation: str, indicator: Indicator, size: int, low: int, opening: int, high: int
    ) -> Entries:
        """Panes with low <= at < high, summed by step; those before `opening` are summed into the step that ends there."""
        names = ", ".join(f"dims[{i + 1}] AS d{i}" for i in range(len(stream.dimensions)))
        groups = ", ".join(f"d{i}" for i in range(len(stream.dimensions)))
        at, known = (
            f"greatest(intDiv(toUnixTimestamp64Milli({c}), {size}), {opening // size - 1})" for c in ("at", "greatest(at, known)")
        )
        since = f"AND at >= fromUnixTimestamp64Milli({low}) " if low != NEVER else ""
        frame = self.store.query(
            f"SELECT {names}, {at} AS a, {known} AS k, sumForEach(measures) AS m FROM panes FINAL "
            f"WHERE generation = {literal(generation)} AND indicator = {literal(indicator.name)} {since}"
            f"AND at < fromUnixTimestamp64Milli({high}) GROUP BY {groups}, a, k"
        )
        return Entries(
            frame.select(groups.split(", ")),
            frame["a"].cast(pl.Int64).to_numpy() * size,
            frame["k"].cast(pl.Int64).to_numpy() * size,
            matrix(frame["m"], len(indicator.value.measures)),
        )

    # ---- the open step

    def _open(self, stream: Stream, generation: str, now: int) -> list[pl.DataFrame]:
        """The provisional rows of all indicators that differ from those shown last."""
        rows = []
        for indicator in stream.indicators:
            windows = (LEVEL,) if indicator.level else indicator.windows
            ends = {w: floor(now - 1, step(w, stream.grain)) + step(w, stream.grain) for w in windows}
            found = self._open_rows(stream, generation, indicator, ends, now)
            keys = ["window", *(f"d{i}" for i in range(len(stream.dimensions)))]
            shown = self._shown.get(indicator.name)
            self._shown[indicator.name] = found
            if shown is not None:
                same = [c for c in found.columns if c not in ("at", "until")]
                found = found.join(shown.select(same), on=same, how="anti", nulls_equal=True)
            rows.append(found.sort(keys))
        return rows

    def _open_rows(
        self, stream: Stream, generation: str, indicator: Indicator, ends: Mapping[str, int], now: int
    ) -> pl.DataFrame:
        names = [f"d{i}" for i in range(len(stream.dimensions))]
        starts = {w: NEVER if w == LEVEL else window_start(w, end) for w, end in ends.items()}
        sums = ", ".join(
            f"sumForEachIf(measures, toUnixTimestamp64Milli(at) >= {start}) AS m{i}" for i, start in enumerate(starts.values())
        )
        low = min(starts.values())
        since = f"AND at >= fromUnixTimestamp64Milli({low}) " if low != NEVER else ""
        frame = self.store.query(
            f"SELECT {', '.join(f'dims[{i + 1}] AS {n}' for i, n in enumerate(names))}, {sums} FROM panes FINAL "
            f"WHERE generation = {literal(generation)} AND indicator = {literal(indicator.name)} {since}"
            f"AND at < fromUnixTimestamp64Milli({now}) GROUP BY {', '.join(names)}"
        )
        width, rows, count = len(indicator.value.measures), [], len(indicator.groupings)
        zero = np.zeros(len(frame), np.int64)
        every = grouped(Entries(frame.select(names), zero, zero, zero[:, None]), stream.dimensions, indicator.groupings).dims
        groups, sum_up = summing(every)
        for i, (window, end) in enumerate(ends.items()):
            sums_of = sum_up(np.tile(matrix(frame[f"m{i}"], width), (count, 1)))
            rows.append(groups.hstack(measured(indicator, sums_of)).with_columns(window=pl.lit(window), at=pl.lit(end, pl.Int64)))
        return pl.concat(rows).with_columns(
            indicator=pl.lit(indicator.name),
            until=pl.lit(now, pl.Int64),
            first_value=pl.lit(None, pl.Float64),
            first_n=pl.lit(None, pl.Int64),
        )

    def _write(self, generation: str, stream: Stream, rows: Sequence[pl.DataFrame], as_of: int) -> None:
        dims = [f"d{i}" for i in range(len(stream.dimensions))]
        known = {i.name: i.value.names for i in stream.indicators}
        for frame in rows:
            if frame.is_empty():
                continue
            names = known[frame["indicator"][0]]
            other = pl.col("value").ne_missing(pl.col("first_value")) | pl.col("n").ne(pl.col("first_n"))
            restated = pl.col("first_n").is_not_null() & other
            full = frame.with_columns(dims=pl.concat_list(dims), restated=restated)
            size = len(full)
            columns: dict[str, Any] = {
                c: full[c] for c in ("indicator", "window", "dims", "value", "lo", "hi", "n", "first_value", "restated")
            }
            columns |= {c: full[c].cast(pl.Datetime("ms", "UTC")) for c in ("at", "until")}
            stats = full.select(names).to_dicts() if names else [{}] * size
            columns["stats"] = [[(k, v) for k, v in row.items() if v is not None] for row in stats]
            columns |= {"generation": [generation] * size, "as_of": [as_of] * size}
            self.store.insert("indicators", state.table("indicators", columns))


def _at_stored(found: pl.DataFrame, there: pl.DataFrame, dims: list[str], nothing: pl.DataFrame) -> pl.DataFrame:
    """Rows that differ from the step before, and for every stored step what holds there now (`nothing`: a row of zero sums)."""
    changed = found.filter("_changed").drop("_changed")
    missing = there.join(changed, on=[*dims, "at"], how="anti").sort("at")
    if missing.is_empty():
        return changed
    held = missing.join_asof(found.drop("_changed").sort("at"), on="at", by=dims, strategy="backward", check_sortedness=False)
    bare = held.filter(pl.col("n").is_null()).select(*dims, "at").join(nothing, how="cross")
    return pl.concat([changed, held.drop_nulls("n").select(changed.columns), bare.select(changed.columns)])


def summing(dims: pl.DataFrame) -> tuple[pl.DataFrame, Callable[[Matrix], Matrix]]:
    """The distinct rows of `dims`, sorted, and a function that sums a matrix with a row for each of `dims` to them."""
    if dims.is_empty():
        return dims, lambda sums: sums
    order = dims.with_row_index("_row").sort(dims.columns)
    rows = order["_row"].to_numpy()
    starts = np.flatnonzero(order.select(new=pl.struct(dims.columns).rle_id().diff().fill_null(1) != 0)["new"].to_numpy())
    return order[starts].drop("_row"), lambda sums: np.add.reduceat(sums[rows], starts, axis=0)


def matrix(column: pl.Series, width: int) -> Matrix:
    """A column of measure arrays as a matrix of shape (rows, width); an empty array (nothing was summed) is a row of zeros."""
    result = np.zeros((len(column), width), np.int64)
    full = (column.list.len() > 0).to_numpy()
    if full.any():
        result[full] = column.filter(pl.Series(full)).cast(pl.List(pl.Int64)).list.to_array(width).to_numpy()
    return result
