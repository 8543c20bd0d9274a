"""Series: an indicator's latest and first-final values over a range of steps, from summed panes. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ioc.calendar.windows import CALENDAR, LEVEL, Ints, begun, changes, enters, leaves
from ioc.values import Matrix, Measured, completed, within
from ioc.vocabulary import Dims, Indicator


@dataclass(frozen=True)
class Entries:
    """Panes summed by step: dimensions d0, d1, ... in `dims`; `at` and `known` = max(at, known), floored to the step (ms);
    `sums` of shape (rows, measures). `dimensions`: their names, where something stands beside the sums."""

    dims: pl.DataFrame
    at: Ints
    known: Ints
    sums: Matrix
    dimensions: Dims = ()


def series(indicator: Indicator, window: str, size: int, entries: Entries, first: int, last: int) -> pl.DataFrame:
    """Rows of the steps in (first, last] at which something enters or leaves, and what holds at `first` already.

    `size`: the step (ms). Columns: d0, d1, ..., `at` (ms), those of `measured`, `first_value`, `first_n`; in order of groups and
    steps. A step has a row even if it makes no difference there: who knew less may have written one, and its write may still be
    on its way. So has each step of a calendar period of what is due, for more is due there.
    """
    names, groups = numbered(entries.dims)
    into = enters(entries.at, size)
    out = leaves(window, entries.at, size) if window != LEVEL else np.full(len(into), 1 << 62, np.int64)
    known = np.minimum(enters(entries.known, size), out)
    used = np.flatnonzero(entries.sums.any(axis=0))  # of a histogram mostly few
    width = len(used)
    late = np.flatnonzero((known > into) & (into < out))
    counts = np.flatnonzero(into < out)  # what goes before it comes never counts
    parts = [(into, counts, 1, 0), (out, counts, -1, 0)]
    if len(late):  # behind the sums stands what a first final lacks of them
        parts += [(into, late, 1, width), (known, late, -1, width)]
    each = isinstance(indicator.value, Measured) and window in CALENDAR
    every = np.arange(first + size, last + 1, size) if each else np.zeros(0, np.int64)
    count = sum(len(rows) for _, rows, *_ in parts) + len(every) * len(names)
    measures = np.zeros((count, 2 * width if len(late) else width), np.int64)
    end = 0
    for _, rows, sign, column in parts:
        begin, end = end, end + len(rows)
        measures[begin:end, column : column + width] = sign * entries.sums[rows[:, None], used]
    of, at, sums = changes(
        np.concatenate([*(groups[rows] for _, rows, *_ in parts), np.repeat(np.arange(len(names)), len(every))]),
        np.concatenate([*(steps[rows] for steps, rows, *_ in parts), np.tile(every, len(names))]),
        measures,
        first,
        last,
    )
    full = np.zeros((len(sums), entries.sums.shape[1]), np.int64)
    full[:, used] = sums[:, :width]
    beside = indicator.beside(names.rows(), entries.dimensions, of, begun(window, at), at)
    now = then = measured(indicator, window, full, beside)
    if len(late):
        full[:, used] -= sums[:, width:]
        then = measured(indicator, window, full, beside)
    frame = names[of].with_columns(at=pl.Series(at, dtype=pl.Int64)).hstack(now)
    return frame.with_columns(first_value=then["value"], first_n=then["n"])


def numbered(groups: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
    """The distinct rows of texts in order, and the number of each row among them."""
    code = np.zeros(len(groups), np.int64)
    for column in groups:
        texts = column.to_arrow().dictionary_encode()
        order = np.argsort(np.array(texts.dictionary.to_pylist(), object))
        code = code * len(order) + np.argsort(order)[texts.indices.to_numpy()]
    _, rows, numbers = np.unique(code, return_index=True, return_inverse=True)
    return groups[rows], numbers


def measured(indicator: Indicator, window: str, sums: Matrix, beside: Ints | None = None) -> pl.DataFrame:
    """Columns value, lo, hi, n, and one for each further name (p90, ...); null where there is no value."""
    sums = within(indicator.value, window, sums)
    columns = indicator.value.bounds(completed(indicator.value, sums, beside))
    named = {name: columns[3 * i] for i, name in enumerate(indicator.value.names)}
    high = np.where(np.isposinf(columns[2]), np.nan, columns[2])  # an open bucket has no upper bound
    numbers = {"value": columns[0], "lo": columns[1], "hi": high, "n": indicator.value.n(sums)} | named
    return pl.DataFrame(numbers, nan_to_null=True)
