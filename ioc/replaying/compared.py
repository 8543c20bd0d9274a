"""Compared: what the live centre or a run says: first finals as written, latest values from panes, and rejects. Read only."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ioc.asking.question import moment
from ioc.calendar.looks import reach
from ioc.counting import from_archive
from ioc.errors import WrongGeneration
from ioc.rolling import looked
from ioc.rolling.series import series
from ioc.rolling.steps import dimensions, entries, size_of
from ioc.settings import Settings
from ioc.store.clickhouse import Store, literal
from ioc.store.runs import LIVE, Run, run_named, run_names
from ioc.vocabulary import Indicator, Stream


@dataclass(frozen=True)
class Side:
    """One of the two databases, read only. `run`: None for the live centre."""

    name: str
    store: Store
    run: Run | None
    generations: dict[str, str]

    @classmethod
    def open(cls, settings: Settings, name: str) -> Side:
        """The side of that name.  Raises UsageError naming the runs there are."""
        run = None if name == LIVE else run_named(Store(settings, readonly=True), name)
        store = Store(settings, None if run is None else run_names(name)[0], readonly=True, run=run is not None)
        return cls(name, store, run, dict(store.query("SELECT stream, generation FROM v_generation").rows()))


def finals(side: Side, stream: Stream, indicator: Indicator, window: str, first: int, last: int) -> pl.DataFrame:
    """d0, d1, ..., `at`, `first`: the first finals as written, from step `first` on; provisional rows are none."""
    names = ", ".join(f"dims[{i + 1}] AS d{i}" for i in range(len(stream.dimensions)))
    frame = side.store.query(
        f"SELECT {names}, toUnixTimestamp64Milli(at) AS step, first_value AS first FROM indicators FINAL "
        f"WHERE generation = {literal(side.generations[stream.name])} AND indicator = {literal(indicator.name)} "
        f"AND window = {literal(window)} AND at <= {moment(last)} AND until >= at"
    )
    return _from_step(frame.rename({"step": "at"}), first)


def same_finals(sides: tuple[Side, Side], stream: Stream, indicator: Indicator, high: int) -> bool:
    """Whether the first finals up to `high` are written in the same rows, whatever the window: then all steps hold the same.

    Rows may differ where the steps do not: a step that changes nothing may have a row on one side only.
    """
    each = [
        f"SELECT window, dims, at, first_value, {sign} AS side FROM {side.store.database}.indicators FINAL "
        f"WHERE generation = {literal(side.generations[stream.name])} AND indicator = {literal(indicator.name)} "
        f"AND at <= {moment(high)} AND until >= at"
        for side, sign in zip(sides, (1, -1), strict=True)
    ]
    counts = f"SELECT sum(side) AS n FROM ({' UNION ALL '.join(each)}) GROUP BY window, dims, at, first_value HAVING n != 0"
    return bool(sides[0].store.query(f"SELECT count() AS n FROM ({counts})")["n"][0] == 0)


def latest(
    side: Side, stream: Stream, indicator: Indicator, window: str, first: int, last: int, known: int | None
) -> pl.DataFrame:
    """d0, d1, ..., `at`, `latest`, `latest lo`, ...: the values from panes in (first, last], as known at `known`."""
    size, generation = size_of(stream, indicator, window), side.generations[stream.name]
    if indicator.looks:
        panes = looked.entries(side.store, stream, generation, [indicator], first, last, known)[indicator.name]
    else:
        panes = entries(side.store, stream, generation, [indicator], [window], first, last, known)[indicator.name, window]
    frame = series(indicator, window, size, panes, first, last)
    return _from_step(frame.select(*dimensions(stream), "at", *_renamed(indicator)), first + size)


def _from_step(frame: pl.DataFrame, first: int) -> pl.DataFrame:
    """The rows from step `first` on; the last one before it holds there."""
    names = [c for c in frame.columns if c.startswith("d") and c[1:].isdigit()]
    moved = frame.sort("at").with_columns(pl.max_horizontal("at", pl.lit(first, pl.Int64)))
    return moved.unique([*names, "at"], keep="last", maintain_order=True)


def _renamed(indicator: Indicator) -> list[pl.Expr]:
    columns = ["value", "n", "lo", "hi", *indicator.value.names]
    return [pl.col(c).alias("latest" if c == "value" else f"latest {c}") for c in dict.fromkeys(columns)]


def same_panes(sides: tuple[Side, Side], stream: Stream, indicator: Indicator, high: int, known: int | None) -> bool:
    """Whether the panes before `high`, summed over partitions and `known`, are the same: then all values are. Of an indicator
    that looks at others: theirs, as far as it looks.

    Raises WrongGeneration when a side was counted with other measures than this program's.
    """
    then = f"AND known < {moment(known)} " if known is not None else ""
    reaches = [reach(high, *look.where)[1] for look in indicator.looks]
    names = tuple(look.of for look in indicator.looks) or (indicator.name,)
    each = [
        f"SELECT indicator, dims, at, {measures} AS m, length(measures) AS width FROM {side.store.database}.panes FINAL "
        f"WHERE generation = {literal(side.generations[stream.name])} AND indicator IN {literal(names)} {then}"
        f"AND at < {moment(max([high, *reaches]))}"
        for side, measures in zip(sides, ("measures", "arrayMap(x -> -x, measures)"), strict=True)
    ]
    frame = sides[0].store.query(
        "SELECT count() AS n, groupUniqArrayArray(widths) AS widths FROM (SELECT groupUniqArray(width) AS widths "
        f"FROM ({' UNION ALL '.join(each)}) GROUP BY indicator, dims, at HAVING arrayExists(x -> x != 0, sumForEach(m)))"
    )
    differing, widths = frame.row(0)
    if differing and widths != [1 if indicator.looks else len(indicator.value.measures)]:
        raise WrongGeneration(f"{indicator.name} was counted with other measures than this program's: run `ioc rebuild`")
    return not differing


def rejects(sides: tuple[Side, Side]) -> pl.DataFrame:
    """What only one side refused, or for another reason, among the records both have counted."""
    held = [from_archive.held(side.store) for side in sides]
    places = {place: min(held[0][place].next, held[1][place].next) for place in held[0].keys() & held[1].keys()}
    spans = [f"(topic = {literal(t)} AND partition = {p} AND offset < {end})" for (t, p), end in places.items()]
    begins = [side.run.begin for side in sides if side.run is not None and side.run.begin is not None]
    since = f"AND received_at > {moment(max(begins))} " if begins else ""
    each = [
        f"SELECT topic, partition, offset, reason, {number} AS side FROM {side.store.database}.rejects FINAL "
        f"WHERE (generation IN (SELECT generation FROM {side.store.database}.v_generation) OR generation = topic) {since}"
        f"AND ({' OR '.join(spans) or '0'})"
        for number, side in enumerate(sides)
    ]
    return sides[0].store.query(
        "SELECT topic AS indicator, '' AS window, [toString(partition), toString(offset)] AS dims, NULL::Nullable(Int64) AS at, "
        "'reject' AS what, anyIf(reason, side = 0) AS left, anyIf(reason, side = 1) AS right "
        f"FROM ({' UNION ALL '.join(each)}) GROUP BY topic, partition, offset HAVING left != right "
        "ORDER BY topic, partition, offset"
    )
