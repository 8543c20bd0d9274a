"""Fast lane: many events parsed at once by pyarrow against the contract's Arrow schema, then checked as columns. Pure.

It may only be stricter than the exact lane: whatever it does not like is handed back, and pydantic gives the verdict.
Both lanes end in the same frame (`frame`), so what is counted does not depend on the lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.json as pj
import xxhash

from ioc.shape import Shape
from schemas.envelope import Envelope

_CLOSE = b"}\n"
_PREFIX: list[bytes] = []
SMALL = 32
"""A failing block of so few values is not halved again: pydantic is faster than so many parses (a flood of bad events)."""


def _prefixes(count: int) -> list[bytes]:
    while len(_PREFIX) < count:
        _PREFIX.append(b'{"o":%d,"e":' % len(_PREFIX))
    return _PREFIX


def parse(shape: Shape, indices: Sequence[int], values: Sequence[bytes]) -> tuple[pl.DataFrame, list[int]]:
    """The frame of the values that pass every check, and the indices of all others.

    `indices` name the values (ascending); values hold no line feed. The frame is `frame`'s.
    """
    tables, refused = _parse(shape, indices, values)
    if not tables:
        return frame(shape, _table(shape, [], [])), refused
    raw = _flat(shape, pa.concat_tables(tables))
    good = raw.select("_i", pl.all_horizontal(shape.scalars).alias("ok"))
    for name, checks in shape.lists.items():
        items = raw.lazy().filter(pl.col(name).list.len() > 0).select("_i", name).explode(name).collect()
        bad = items.with_row_index("_row").unnest(name).filter(~pl.all_horizontal(checks))["_i"].unique()
        good = good.with_columns(pl.col("ok") & ~pl.col("_i").is_in(bad.implode()))
    passed = good["ok"]
    refused += raw.filter(~passed)["_i"].to_list()
    return _finish(shape, raw.filter(passed)), sorted(refused)


def frame(shape: Shape, table: pa.Table) -> pl.DataFrame:
    """The frame both lanes end in, from a table of `o` (index) and `e` (document).

    Columns: `_i` index, `_id`, `_source`, `_time` (ms), `_sequence` (0 where there is none), `_replaces`, the fields of
    data (times as ms), `_hash` (64-bit hash of data).
    """
    return _finish(shape, _flat(shape, table))


def from_events(shape: Shape, indices: Sequence[int], events: Sequence[Envelope[Any]]) -> pl.DataFrame:
    """The same frame from events the exact lane accepted."""
    return frame(shape, _table(shape, indices, [e.model_dump() for e in events]))


def _table(shape: Shape, indices: Sequence[int], documents: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.table({"o": pa.array(indices, pa.int64()), "e": pa.array(documents, pa.struct(list(shape.schema)))})


def _parse(shape: Shape, indices: Sequence[int], values: Sequence[bytes]) -> tuple[list[pa.Table], list[int]]:
    """Tables of all values that parse; a block that fails is halved until it is small, then the exact lane takes it."""
    if not values:
        return [], []
    table = _block(shape, values)
    if table is not None:
        return [table.set_column(0, "o", pa.array(indices, pa.int64()))], []
    if len(values) <= SMALL:
        return [], list(indices)
    half = len(values) // 2
    left, left_refused = _parse(shape, indices[:half], values[:half])
    right, right_refused = _parse(shape, indices[half:], values[half:])
    return left + right, left_refused + right_refused


def _block(shape: Shape, values: Sequence[bytes]) -> pa.Table | None:
    """One parse; None unless exactly the rows o = 0..n-1 come back, each with a document."""
    count = len(values)
    pieces: list[bytes] = [_CLOSE] * (3 * count)
    pieces[0::3] = _prefixes(count)[:count]
    pieces[1::3] = values
    buffer = b"".join(pieces)
    try:
        if not buffer.isascii():
            buffer.decode()  # pyarrow does not check UTF-8
        table = pj.read_json(
            pa.BufferReader(buffer),
            pj.ReadOptions(use_threads=False, block_size=len(buffer) + 1),
            pj.ParseOptions(
                explicit_schema=pa.schema([("o", pa.int64()), ("e", pa.struct(list(shape.schema)))]),
                unexpected_field_behavior="error",
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    right = table.num_rows == count and table["e"].null_count == 0 and np.array_equal(table["o"].to_numpy(), np.arange(count))
    return table if right else None


def _flat(shape: Shape, table: pa.Table) -> pl.DataFrame:
    """Envelope columns with a leading underscore, data's fields beside them, and `data` itself for the null check."""
    documents = pl.DataFrame(pl.from_arrow(table.combine_chunks()))
    flat = documents.select(pl.col("o").alias("_i"), pl.col("e")).unnest("e")
    names = {name: f"_{name}" for name in shape.contract.model_fields if name != "data"}
    return flat.rename(names).with_columns(pl.col("data").struct.field(*shape.data_fields))


def _finish(shape: Shape, flat: pl.DataFrame) -> pl.DataFrame:
    return flat.with_columns(_hash(shape, flat)).select(
        "_i",
        "_id",
        "_source",
        ms("_time"),
        pl.col("_sequence").cast(pl.Int64).fill_null(0),
        "_replaces",
        *(ms(name) if name in shape.times else pl.col(name) for name in shape.data_fields),
        "_hash",
    )


def ms(name: str) -> pl.Expr:
    """A column of RFC 3339 texts as ms, like `ioc.times.to_ms`."""
    text = pl.col(name)
    whole = text.str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ms").cast(pl.Int64)
    fraction = text.str.extract(r"\.([0-9]{1,3})").str.pad_end(3, "0").cast(pl.Int64).fill_null(0)
    tail = text.str.slice(-6)
    minutes = tail.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + tail.str.slice(4, 2).cast(pl.Int64, strict=False)
    sign = pl.when(tail.str.starts_with("-")).then(-60_000).otherwise(60_000)
    offset = pl.when(text.str.ends_with("Z")).then(0).otherwise(minutes * sign)
    return (whole + fraction - offset).alias(name)


def _hash(shape: Shape, flat: pl.DataFrame) -> pl.Series:
    """64-bit hash of data, the same for the same content however it was written: fields in the contract's order."""
    plain = [name for name in shape.data_fields if name not in shape.lists]
    text = flat.select("_i", pl.concat_str([_text(flat.schema[n], n) for n in plain], separator="\x1f").alias("text"))
    for name in shape.lists:
        items = flat.lazy().filter(pl.col(name).list.len() > 0).select("_i", name).explode(name).unnest(name)
        schema = items.collect_schema()
        fields = [c for c in schema.names() if c != "_i"]
        joined = items.select("_i", pl.concat_str([_text(schema[c], c) for c in fields], separator="\x1f").alias("item"))
        lists = joined.group_by("_i", maintain_order=True).agg(pl.col("item").str.join("\x1e")).collect()
        text = text.join(lists, on="_i", how="left", maintain_order="left").select(
            "_i", pl.concat_str("text", pl.col("item").fill_null(""), separator="\x1d").alias("text")
        )
    digest = xxhash.xxh3_64_intdigest
    return pl.Series("_hash", [digest(t) for t in text["text"].cast(pl.Binary).to_list()], dtype=pl.UInt64)


def _text(dtype: pl.DataType, name: str) -> pl.Expr:
    """A value as text, or `-` where there is none: a string with its length before it (it may hold any separator), floats by
    their bits (-0.0 as 0.0), independent of formatting."""
    column = pl.col(name)
    if dtype == pl.Float64:
        # numpy adds the zero: polars takes `x + 0.0` for x, and -0.0 would stay what it is
        column = column.map_batches(lambda s: pl.Series(s.name, (s.to_numpy() + 0.0).view(np.int64)), return_dtype=pl.Int64)
    if dtype == pl.String:
        return pl.concat_str(column.str.len_bytes().cast(pl.String), pl.lit("+"), column).fill_null("-")
    return pl.concat_str(pl.lit("+"), column.cast(pl.String)).fill_null("-")
