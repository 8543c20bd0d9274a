"""Digest: a 64-bit hash of a frame's rows, by columns. Pure.

The same for the same content however it was written, on every machine and with every version of our libraries: rows of the
store hold it. It tells accidents from each other; it is no defence against somebody who looks for collisions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

Bits = NDArray[np.uint64]
NULL = np.uint64(0x9E3779B97F4A7C15)
EMPTY = np.uint64(0xD1B54A32D192ED03)
"""What stands for a value that is not there, and for a list without items."""


def digest(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Hashes of the rows, from the columns in the given order: strings, integers, floats, booleans, lists of structs of them."""
    return pl.Series(_rows(frame, columns), dtype=pl.UInt64)


def _rows(frame: pl.DataFrame, columns: Sequence[str]) -> Bits:
    total = np.zeros(len(frame), np.uint64)
    for place, name in enumerate(columns):
        total += _column(frame[name]) * _odd(place)
    return _mixed(total)


def _column(values: pl.Series) -> Bits:
    if values.null_count() == len(values):
        return np.full(len(values), NULL)
    if isinstance(values.dtype, pl.List):
        found = _lists(values)
    elif values.dtype == pl.String:
        found = _texts(values)
    elif values.dtype == pl.Float64:
        # -0.0 is 0.0; numpy adds the zero, for polars takes `x + 0.0` for x
        found = _mixed((values.fill_null(0.0).to_numpy() + 0.0).view(np.uint64))
    else:
        found = _mixed(values.cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64))
    return np.where(values.is_null().to_numpy(), NULL, found) if values.null_count() else found


def _texts(values: pl.Series) -> Bits:
    """Most texts are codes that repeat: each is hashed once."""
    known = values.to_arrow().dictionary_encode()
    hash_of = xxhash.xxh3_64_intdigest
    hashes = np.array([hash_of(text) for text in known.dictionary.cast("binary").to_pylist()], np.uint64)
    found: Bits = hashes[known.indices.fill_null(0).to_numpy()]
    return found


def _lists(values: pl.Series) -> Bits:
    """By items and their places."""
    items = values.explode(empty_as_null=False, keep_nulls=False)
    lengths = values.list.len().fill_null(0).to_numpy().astype(np.int64)
    found = np.full(len(values), EMPTY)
    full = lengths > 0
    if not full.any():
        return found
    starts = np.cumsum(lengths) - lengths
    inner = items.struct.unnest()
    places = np.arange(len(items), dtype=np.int64) - np.repeat(starts, lengths)
    hashes = _mixed(_rows(inner, inner.columns) + places.astype(np.uint64) * NULL)
    found[full] = _mixed(np.add.reduceat(hashes, starts[full]))
    return found


def _odd(place: int) -> np.uint64:
    """An odd factor for each column, so that equal values in other columns make another hash."""
    return np.uint64((0x9FB21C651E98DF25 * (2 * place + 1)) & 0xFFFFFFFFFFFFFFFF | 1)


def _mixed(bits: Bits) -> Bits:
    """The finalizer of splitmix64 (Steele, Lea, Flood 2014): every bit of the result depends on every bit given."""
    bits = bits + NULL
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
