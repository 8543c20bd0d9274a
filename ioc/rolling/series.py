"""Series: an indicator's latest and first-final values over a range of steps, from summed panes. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ioc.calendar.windows import LEVEL, Ints, changes, enters, leaves
from ioc.values import Matrix
from ioc.vocabulary import Indicator


@dataclass(frozen=True)
class Entries:
    """Panes summed by step: dimensions d0, d1, ... in `dims`; `at` and `known` = max(at, known), floored to the step (ms);
    `sums` of shape (rows, measures)."""

    dims: pl.DataFrame
    at: Ints
    known: Ints
    sums: Matrix


def series(indicator: Indicator, window: str, size: int, entries: Entries, first: int, last: int) -> pl.DataFrame:
    """Rows of the steps in (first, last] at which something enters or leaves, and what holds at `first` already.

    `size`: the step (ms). Columns: d0, d1, ..., `at` (ms), those of `measured`, `first_value`, `first_n`. A step has a row even
    if it makes no difference there: who knew less may have written one, and its write may still be on its way.
    """
    out = leaves(window, entries.at, size) if window != LEVEL else np.full(len(entries.at), 1 << 62, np.int64)
    latest, sums = _changes(entries, enters(entries.at, size), out, first, last)
    final, first_sums = _changes(entries, enters(entries.known, size), out, first, last)
    keys = latest.columns
    both = (
        latest.with_columns(_l=pl.int_range(len(latest), dtype=pl.Int64))
        .join(final.with_columns(_f=pl.int_range(len(final), dtype=pl.Int64)), on=keys, how="full", coalesce=True)
        .sort(keys)
        .with_columns(pl.col("_l", "_f").forward_fill().over(keys[:-1]))
        .fill_null(-1)
    )
    zero = np.zeros((1, entries.sums.shape[1]), np.int64)
    now = measured(indicator, np.concatenate([sums, zero])[both["_l"].to_numpy()])
    then = measured(indicator, np.concatenate([first_sums, zero])[both["_f"].to_numpy()])
    rows = both.drop("_l", "_f").hstack(now).with_columns(first_value=then["value"], first_n=then["n"])
    return rows.select(*keys, *now.columns, "first_value", "first_n")


def measured(indicator: Indicator, sums: Matrix) -> pl.DataFrame:
    """Columns value, lo, hi, n, and one for each further name (p90, ...); null where there is no value."""
    columns = indicator.value.bounds(sums)
    named = {name: columns[3 * i] for i, name in enumerate(indicator.value.names)}
    high = np.where(np.isposinf(columns[2]), np.nan, columns[2])  # an open bucket has no upper bound
    numbers = {"value": columns[0], "lo": columns[1], "hi": high, "n": indicator.value.n(sums)} | named
    return pl.DataFrame(numbers, nan_to_null=True)


def _changes(entries: Entries, into: Ints, out: Ints, first: int, last: int) -> tuple[pl.DataFrame, Matrix]:
    """Sums where entries come in at `into` and go at `out`; what goes before it comes never counts."""
    counts = into < out
    dims = entries.dims.filter(pl.Series(counts))
    sums = entries.sums[counts]
    return changes(
        pl.concat([dims, dims]), np.concatenate([into[counts], out[counts]]), np.concatenate([sums, -sums]), first, last
    )
