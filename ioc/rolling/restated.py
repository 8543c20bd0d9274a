"""Restated: which steps that were final already are touched by events that came late, and so are written again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl

from ioc.calendar.windows import LEVEL, leaves, step
from ioc.rolling.imported import groups_of
from ioc.rolling.steps import Span, size_of, windows_of
from ioc.store.clickhouse import Store, literal
from ioc.store.state import Checkpoint, Place
from ioc.times import floor
from ioc.vocabulary import Indicator, Stream


def late(
    store: Store,
    stream: Stream,
    generation: str,
    positions: Mapping[Place, int],
    counted: Mapping[Place, Checkpoint],
    before: int,
) -> pl.DataFrame:
    """Indicator, dims and `at` (ms) of the panes before `before` that were changed from `positions` on, but for levels."""
    news = [
        f"(topic = {literal(topic)} AND partition = {partition} AND offset >= {rolled})"
        for (topic, partition), c in counted.items()
        if c.next > (rolled := positions.get((topic, partition), 0))
    ]
    names = tuple(i.name for i in stream.indicators if not i.level) or ("",)
    return store.query(
        "SELECT DISTINCT indicator, dims, toUnixTimestamp64Milli(at) AS step FROM panes "
        f"WHERE generation = {literal(generation)} AND indicator IN {literal(names)} "
        f"AND at < fromUnixTimestamp64Milli({before}) AND ({' OR '.join(news) or '0'})"
    ).rename({"step": "at"})


def restated(stream: Stream, changed: pl.DataFrame, before: int, watermark: int) -> list[Span]:
    """The steps that were final already and that changed panes touch, within `restate`. Levels are never restated."""
    spans: list[Span] = []
    if changed.is_empty():
        return spans
    for indicator, window, size in all_windows(stream):
        if window == LEVEL:
            continue
        last, horizon = floor(before, size), floor(watermark - stream.restate, size)
        late = changed.filter((pl.col("indicator") == indicator.name) & (pl.col("at") < last))
        at = late["at"].to_numpy()
        out = leaves(window, at, size)
        touched = out > horizon
        if not touched.any():
            continue
        begin = max(floor(int(at[touched].min()), size), horizon)
        end = min(int(out[touched].max()), last)
        if end > begin:
            groups, opening = (groups_of(stream, indicator, late.filter(pl.Series(w))) for w in (touched, touched & (at < begin)))
            spans.append(Span(indicator, window, begin, end, groups, opening))
    return spans


def portions(stream: Stream, spans: Sequence[Span], length: int) -> Iterator[list[Span]]:
    """The same steps, `length` (ms) of time at once."""
    first, last = min((s.first for s in spans), default=0), max((s.last for s in spans), default=0)
    for begin in range(first, last, length):
        pieces = []
        for span in spans:
            size = step(span.window, stream.grain)
            low, high = max(span.first, floor(begin, size)), min(span.last, floor(begin + length, size))
            if low < high:
                opening = span.opening if low == span.first else None
                pieces.append(replace(span, first=low, last=high, opening=opening))
        yield pieces


def all_windows(stream: Stream) -> Iterator[tuple[Indicator, str, int]]:
    """Every indicator with each of its windows and their steps (ms)."""
    for indicator in stream.indicators:
        for window in windows_of(indicator):
            yield indicator, window, size_of(stream, indicator, window)
