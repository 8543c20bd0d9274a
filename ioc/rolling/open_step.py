"""Open step: the windows that are open now, summed from all panes, and their rows of `indicators`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from ioc.calendar.looks import NEVER as ALWAYS
from ioc.calendar.looks import reach
from ioc.calendar.windows import LEVEL, step, window_start
from ioc.rolling.series import measured
from ioc.rolling.steps import NEVER, alike, dimensions, groups_sql, matrix, moment, size_of
from ioc.store.clickhouse import Store, literal
from ioc.sums import Ints, Matrix
from ioc.times import floor
from ioc.vocabulary import Dims, Indicator, Stream


class Opened(NamedTuple):
    """The groups of an indicator in a window that is open, with their sums, shape (groups, measures), and what stands beside."""

    indicator: Indicator
    window: str
    groups: list[Dims]
    sums: Matrix
    beside: Ints | None = None

    def completed(self, stream: Stream, now: int) -> Opened:
        """With the limit of each group, or what is due of it up to `now` (ms)."""
        begin = now if self.window == LEVEL else window_start(self.window, floor(now - 1, stream.grain) + stream.grain)
        each = np.arange(len(self.groups))
        return self._replace(
            beside=self.indicator.beside(self.groups, stream.dimensions, each, np.full(len(each), begin), np.full(len(each), now))
        )

    def shown(self) -> list[bytes]:
        """Of each group what decides its row."""
        if self.beside is None:
            return [sums.tobytes() for sums in self.sums]
        return [sums.tobytes() + beside.tobytes() for sums, beside in zip(self.sums, self.beside, strict=True)]

    def only(self, some: Sequence[int]) -> Opened:
        """Some of the groups."""
        beside = None if self.beside is None else self.beside[some]
        return self._replace(groups=[self.groups[i] for i in some], sums=self.sums[some], beside=beside)


def opened(
    store: Store,
    stream: Stream,
    generation: str,
    to: int,
    now: int,
    final: int | None,
    known: int | None = None,
) -> Iterator[Opened]:
    """The sums of every window that ends at `to`, over the panes with at < `now` (ms), by group.

    `final`: up to where steps are final (None: none is); a group that has left its window since is there, too, for no other row
    tells of it. `known`: only what was known before then (ms).
    """
    for level in (True, False):
        for some in alike(stream, (i for i in stream.indicators if i.level == level and not i.looks)):
            for windows in dict.fromkeys((LEVEL,) if level else i.windows for i in some):
                own = [i for i in some if level or i.windows == windows]
                yield from _opened(store, stream, generation, own, windows, to, now, final, known)
    for some in alike(stream, (i for i in stream.indicators if i.looks)):
        yield from _looked(store, stream, generation, some, now, known)


def _opened(
    store: Store,
    stream: Stream,
    generation: str,
    indicators: Sequence[Indicator],
    windows: Sequence[str],
    to: int,
    now: int,
    final: int | None,
    known: int | None,
) -> Iterator[Opened]:
    dims = dimensions(stream)
    starts = [NEVER if w == LEVEL else window_start(w, to) for w in windows]
    least = min(NEVER if w == LEVEL or final is None else window_start(w, floor(final, step(w, stream.grain))) for w in windows)
    sums = ", ".join(f"sumForEachIf(measures, toUnixTimestamp64Milli(at) >= {start}) AS m{i}" for i, start in enumerate(starts))
    since = f"AND at >= fromUnixTimestamp64Milli({least}) " if least != NEVER else ""
    then = f"AND known < fromUnixTimestamp64Milli({known}) " if known is not None else ""
    frame = store.query(
        f"SELECT indicator, {', '.join(f'g.{i + 1} AS {d}' for i, d in enumerate(dims))}, {sums} FROM panes FINAL "
        f"ARRAY JOIN {groups_sql(stream, indicators[0])} AS g "
        f"WHERE generation = {literal(generation)} AND indicator IN {literal(tuple(i.name for i in indicators))} {since}{then}"
        f"AND at < fromUnixTimestamp64Milli({now}) GROUP BY indicator, {', '.join(dims)}"
    )
    groups = frame.partition_by("indicator", as_dict=True)
    for indicator in indicators:
        if (own := groups.get((indicator.name,))) is not None:
            names = own.select(dims).rows()
            for i, window in enumerate(windows):
                yield Opened(indicator, window, names, matrix(own[f"m{i}"], len(indicator.value.measures)))


def _looked(
    store: Store, stream: Stream, generation: str, indicators: Sequence[Indicator], now: int, known: int | None
) -> Iterator[Opened]:
    """What looks at the panes of others sees at `now`."""
    spans = {look: (look.of, *reach(now, *look.where)) for i in indicators for look in i.looks}
    wanted = sorted(set(spans.values()))
    inside = [
        f"indicator = {literal(name)} AND at < {moment(until)}" + (f" AND at >= {moment(since)}" if since > ALWAYS else "")
        for name, since, until in wanted
    ]
    dims = dimensions(stream)
    sums = ", ".join(f"sumIf(measures[1], {one}) AS m{n}" for n, one in enumerate(inside))
    then = f" AND known < {moment(known)}" if known is not None else ""
    frame = store.query(
        f"SELECT {', '.join(f'g.{i + 1} AS {d}' for i, d in enumerate(dims))}, {sums} FROM panes FINAL "
        f"ARRAY JOIN {groups_sql(stream, indicators[0])} AS g WHERE generation = {literal(generation)} "
        f"AND ({' OR '.join(f'({one})' for one in inside)}){then} GROUP BY {', '.join(dims)}"
    )
    names = frame.select(dims).rows()
    for indicator in indicators:
        columns = [frame[f"m{wanted.index(spans[look])}"].to_numpy() for look in indicator.looks]
        yield Opened(indicator, LEVEL, names, np.column_stack(columns).astype(np.int64))


def provisional(stream: Stream, indicator: Indicator, found: Sequence[Opened], now: int) -> pl.DataFrame:
    """The rows of the open steps of one indicator. A row stands at the end of its step, but its window looks back from `now`: a
    board says what its title says."""
    groups = [g for one in found for g in one.groups]
    dims = pl.DataFrame(groups, schema=dict.fromkeys(dimensions(stream), pl.String), orient="row")
    ends = [floor(now - 1, size) + size for size in (size_of(stream, indicator, one.window) for one in found)]
    sizes = [len(one.groups) for one in found]
    values = pl.concat([measured(indicator, one.window, one.sums, one.beside) for one in found])
    return dims.hstack(values).with_columns(
        window=pl.Series([one.window for one, n in zip(found, sizes, strict=True) for _ in range(n)], dtype=pl.String),
        at=pl.Series(np.repeat(ends, sizes), dtype=pl.Int64),
        indicator=pl.lit(indicator.name),
        until=pl.lit(now, pl.Int64),
        first_value=pl.lit(None, pl.Float64),
        first_n=pl.lit(None, pl.Int64),
    )
