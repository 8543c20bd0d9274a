"""Fast lane: many events parsed at once by pyarrow against the contract's Arrow schema, then checked as columns. Pure.

It may only be stricter than the exact lane: whatever it does not like is handed back, and pydantic gives the verdict.
Both lanes end in the same frame (`frame`), so what is counted does not depend on the lane.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from ioc.events.arrow_schema import Shape, too_many
from ioc.events.digest import digest
from ioc.events.normal import in_nfc
from ioc.events.packed import MOST, packed
from schemas.envelope import ATTRIBUTE, Envelope

_CLOSE, _BETWEEN = pa.scalar(b"}\n", pa.binary()), pa.scalar(b"", pa.binary())
_ROOM = 64
"""Bytes a value may grow by when it is wrapped."""
SAMPLE = 32
"""Values looked at to guess which fields a block has: pyarrow spends a third of its time on fields that are not there."""
EXTENSIONS = 32
"""More attributes than brokers and SDKs add are no guess any more, and each would be a column of a whole block."""
FEW = 512
"""Rows that are looked at all at once: to find the texts that repeat takes longer than to look at so many of them."""
LARGE = 8_000
"""Values parsed at once: what one of them spoils costs so many to be looked at again."""
SMALL = 32
"""A failing block of so few values is not halved again: pydantic is faster than so many parses (a flood of bad events)."""


def parse(shape: Shape, indices: Sequence[int], values: Sequence[bytes] | pa.Array) -> tuple[pl.DataFrame, list[int]]:
    """The frame of the values that pass every check, and the indices of all others.

    `indices` name the values (ascending); values hold no line feed. The frame is `frame`'s.
    """
    whole, tables, refused = packed(values) if isinstance(values, Sequence) else values, list[pa.Table](), list[int]()
    for start in range(0, len(whole), LARGE):
        parsed, odd = _parse(shape, indices[start : start + LARGE], whole[start : start + LARGE])
        tables += parsed
        refused += odd
    if not tables:
        return frame(shape, _table(shape, [], [])), refused
    raw = pl.concat([_flat(shape, table) for table in tables]) if len(tables) > 1 else _flat(shape, tables[0])
    few = len(raw) <= FEW
    checks = [*shape.scalars, *(check for forms in shape.texts.values() for check in forms if few)]
    good = raw.select("_i", pl.all_horizontal(checks).alias("ok"))
    for name, inner in shape.lists.items():
        items = raw.lazy().filter(pl.col(name).list.len() > 0).select("_i", name).explode(name).unnest(name)
        bad = items.filter(~pl.all_horizontal(inner)).collect()["_i"]
        if shape.contract.limits is not None and shape.contract.limits.field == name and shape.contract.limits.attempts:
            bad = pl.concat([bad, too_many(shape.contract, items)])
        if len(bad):
            good = good.with_columns(pl.col("ok") & ~pl.col("_i").is_in(bad.implode()))
    passed = good["ok"]
    for name, forms in shape.texts.items() if not few else ():
        distinct = raw[name].unique().drop_nulls()  # they repeat: each is looked at once
        wrong = distinct.to_frame().filter(~pl.all_horizontal(forms)).to_series()
        if len(wrong):
            passed &= ~raw[name].is_in(wrong.implode()).fill_null(False)
    if passed.all():
        return _finish(shape, raw), sorted(refused)
    refused += raw.filter(~passed)["_i"].to_list()
    return _finish(shape, raw.filter(passed)), sorted(refused)


def frame(shape: Shape, table: pa.Table) -> pl.DataFrame:
    """The frame both lanes end in, from a table of `o` (index) and `e` (document).

    Columns: `_i` index, `_id`, `_source`, `_time` (ms), `_sequence` (0 where there is none), `_replaces`, the fields of
    data (times as ms), `_hash` (64-bit hash of data: of moments, not of how they were written). Texts are in NFC.
    """
    return _finish(shape, _flat(shape, table))


def from_events(shape: Shape, indices: Sequence[int], events: Sequence[Envelope[Any]]) -> pl.DataFrame:
    """The same frame from events the exact lane accepted."""
    return frame(shape, _table(shape, indices, [e.model_dump() for e in events]))


def _table(shape: Shape, indices: Sequence[int], documents: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.table({"o": pa.array(indices, pa.int64()), "e": pa.array(documents, pa.struct(list(shape.schema)))})


def _parse(shape: Shape, indices: Sequence[int], values: pa.Array) -> tuple[list[pa.Table], list[int]]:
    """Tables of all values that parse; a block that fails is halved until it is small, then the exact lane takes it."""
    if not len(values):
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


def _block(shape: Shape, values: pa.Array) -> pa.Table | None:
    """One parse; None unless exactly the rows o = 0..n-1 come back, each with a document."""
    count = len(values)
    if values.nbytes + _ROOM * count > MOST:
        return None
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    found = None
    try:
        values.cast(pa.string())  # pyarrow.json does not check UTF-8
        wrapped = pc.binary_join_element_wise(_prefixes(count), values, _CLOSE, _BETWEEN)
        buffer, longest = _bytes_of(wrapped), pc.max(pc.binary_length(values)).as_py()
        if count > 8 * SAMPLE:
            found = _read(buffer, longest, _usual(shape, _each(values, count // SAMPLE)))
        if found is None:
            found = _read(buffer, longest, shape.schema)
        if found is None and SMALL < count <= 8 * SAMPLE:
            found = _read(buffer, longest, _usual(shape, _each(values, count // SMALL)))
    except pa.ArrowInvalid:
        return None
    right = (
        found is not None
        and found.num_rows == count
        and found["e"].null_count == 0
        and np.array_equal(found["o"].to_numpy(), np.arange(count))
    )
    return found if right else None


@cache
def _numbers(count: int) -> pa.Array:
    return pa.array([b'{"o":%d,"e":' % number for number in range(count)], pa.binary())


def _prefixes(count: int) -> pa.Array:
    """What stands before each value. Made for a power of two of them, so that it is seldom made."""
    return _numbers(1 << (count - 1).bit_length())[:count]


def _each(values: pa.Array, step: int) -> list[bytes]:
    found: list[bytes] = values.take(pa.array(range(0, len(values), step))).to_pylist()
    return found


def _bytes_of(values: pa.Array) -> pa.Buffer:
    """The values of an array that was just made, side by side."""
    _, ends, data = values.buffers()
    return data.slice(0, np.frombuffer(ends, np.int32, len(values) + 1)[-1])


def _read(buffer: pa.Buffer, longest: int, schema: pa.Schema) -> pa.Table | None:
    try:
        return pj.read_json(
            pa.BufferReader(buffer),
            # blocks that fit the cache: measured 0.8 of the time of one block for everything
            pj.ReadOptions(block_size=max(1 << 20, 2 * longest)),
            pj.ParseOptions(
                explicit_schema=pa.schema([("o", pa.int64()), ("e", pa.struct(list(schema)))]), unexpected_field_behavior="error"
            ),
        )
    except pa.ArrowInvalid:
        return None


def _usual(shape: Shape, sample: Sequence[bytes]) -> pa.Schema:
    """The schema without the fields that no value of the sample has, and with the texts of extensions that some have.

    A guess: what else comes makes the parse fail.
    """
    try:
        found = [orjson.loads(value) for value in sample]
        names, inner = set().union(*found), set().union(*(document["data"] for document in found))
        extensions = [name for name in names if re.fullmatch(ATTRIBUTE, name) and name not in shape.schema.names]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return shape.schema
    kept = [field for field in shape.schema if field.name in names and field.name != "data"]
    data = [field for field in shape.schema.field("data").type if field.name in inner]
    kept += [pa.field(name, pa.string()) for name in sorted(extensions)] if len(extensions) <= EXTENSIONS else []
    return pa.schema([*kept, pa.field("data", pa.struct(data))]) if data else shape.schema


def _flat(shape: Shape, table: pa.Table) -> pl.DataFrame:
    """Envelope columns with a leading underscore, data's fields beside them, and `data`: whether there is one."""
    documents = pl.DataFrame(pl.from_arrow(table))
    flat = documents.select(pl.col("o").alias("_i"), pl.col("e")).unnest("e")
    envelope = {field.name: field.type for field in shape.schema if field.name != "data"}
    inner = {field.name: field.type for field in shape.schema.field("data").type}
    there = {field.name for field in flat.schema["data"].fields}  # type: ignore[attr-defined]
    return flat.select(
        "_i",
        *(
            pl.col(name).alias(f"_{name}") if name in flat.columns else _nothing(kind).alias(f"_{name}")
            for name, kind in envelope.items()
        ),
        pl.when(pl.col("data").is_not_null()).then(pl.lit(True)).alias("data"),  # whether it is there: halves differ in fields
        *(pl.col("data").struct.field(name) if name in there else _nothing(kind).alias(name) for name, kind in inner.items()),
    )


@cache
def _nothing(kind: pa.DataType) -> pl.Expr:
    """A column of nulls of the Arrow type."""
    empty = pl.Series(pl.from_arrow(pa.array([], kind)))
    return pl.lit(None, empty.dtype)


def _finish(shape: Shape, flat: pl.DataFrame) -> pl.DataFrame:
    names = ("_time", *shape.times)
    times = (
        dict(zip(names, flat.select(map(ms, names)), strict=True)) if len(flat) <= FEW else {n: _moments(flat[n]) for n in names}
    )
    frame = in_nfc(
        flat.select(
            "_i",
            "_id",
            "_source",
            times["_time"],
            pl.col("_sequence").cast(pl.Int64).fill_null(0),
            "_replaces",
            *(times.get(name, pl.col(name)) for name in shape.data_fields),
        )
    )
    return frame.with_columns(digest(frame, shape.data_fields).alias("_hash"))


def _moments(texts: pl.Series) -> pl.Series:
    """Texts of times as ms; where they repeat, each is read once."""
    distinct = texts.unique()
    if 2 * len(distinct) >= len(texts):
        return texts.to_frame().select(ms(texts.name)).to_series()
    return texts.replace_strict(distinct, distinct.to_frame().select(ms(texts.name)).to_series(), return_dtype=pl.Int64)


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
