"""Rows: frames of steps as rows of the table `indicators`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from ioc.rolling.steps import dimensions
from ioc.store import state
from ioc.vocabulary import Stream

ROWS = 500_000
"""Rows of one insert at most."""
MANY = 100_000
"""Rows that are worth an insert of their own, beside which more are computed."""


def written(frames: Iterable[pl.DataFrame], write: Callable[[Sequence[pl.DataFrame]], None]) -> int:
    """Write the frames as they come, those of `MANY` rows and more while the next ones are computed. Returns how many rows there
    were, once all are written.  Raises what `write` raises."""
    count, some, size, writing = 0, list[pl.DataFrame](), 0, None
    with ThreadPoolExecutor(1) as aside:
        for frame in frames:
            some.append(frame)
            size += len(frame)
            if size >= MANY:
                if writing is not None:
                    writing.result()
                writing = aside.submit(write, some)
                count, some, size = count + size, [], 0
    if writing is not None:
        writing.result()
    write(some)
    return count + size


def tables_of(generation: str, stream: Stream, rows: Sequence[pl.DataFrame], as_of: int) -> Iterator[pa.Table]:
    """What to insert: one table, or a few for very many rows; in the order of the key, so that the store need not sort."""
    ordered = sorted((frame for frame in rows if len(frame)), key=lambda f: (f["indicator"][0], f["window"][0]))
    tables = [_table(generation, stream, frame, as_of) for frame in ordered]
    if tables:
        whole = pa.concat_tables(tables)
        for first in range(0, len(whole), ROWS):
            yield whole.slice(first, ROWS)


def _table(generation: str, stream: Stream, frame: pl.DataFrame, as_of: int) -> pa.Table:
    """Rows of one indicator in the form of the table."""
    names = stream.indicator(frame["indicator"][0]).value.names
    other = pl.col("value").ne_missing(pl.col("first_value")) | pl.col("n").ne(pl.col("first_n"))
    full = frame.with_columns(dims=pl.concat_list(dimensions(stream)), restated=pl.col("first_n").is_not_null() & other)
    size = len(full)
    columns: dict[str, Any] = {
        c: full[c] for c in ("indicator", "window", "dims", "value", "lo", "hi", "n", "first_value", "restated")
    }
    columns |= {c: full[c].cast(pl.Datetime("ms", "UTC")) for c in ("at", "until")}
    columns |= {"stats": _stats(full, names), "generation": pa.repeat(generation, size), "as_of": pa.repeat(as_of, size)}
    return state.table("indicators", columns)


def _stats(frame: pl.DataFrame, names: Sequence[str]) -> pa.Array:
    """The named columns as one of maps from name to number, without nulls; by columns, for a past is millions of rows."""
    numbers = np.column_stack([np.zeros((len(frame), 0)), *(frame[name].cast(pl.Float64).to_numpy() for name in names)])
    there = ~np.isnan(numbers)
    ends = np.concatenate([[0], there.sum(axis=1).cumsum()])
    keys = np.tile(np.array(names, object), (len(frame), 1))[there]
    return pa.MapArray.from_arrays(
        pa.array(ends, pa.int32()), pa.array(keys, pa.string()), pa.array(numbers[there], pa.float64())
    )
