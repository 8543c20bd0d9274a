"""Archive: every record with its verdict, and the rejects with their reasons, as rows of `events` and `rejects`. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from ioc.counting.results import FIRST, LAST
from ioc.events.block import Block
from ioc.events.decode import Decoded
from ioc.events.packed import packed
from ioc.events.rejects import KEPT, claims
from ioc.store.form import HEADERS, TIME
from ioc.store.state import rows_table, table
from schemas import Contract
from schemas.heartbeat import Heartbeat


def archive(decoded: Decoded, verdicts: Sequence[str], values: bool) -> pa.Table:
    """Rows of `events`. `values`: with key, headers and value; heartbeats are kept by coordinates, reception and headers."""
    block = decoded.block
    size = len(block)
    who = _who(decoded, size)
    columns = {
        "topic": pa.repeat(block.topic, size),
        "partition": pa.array(block.partitions),
        "offset": pa.array(block.offsets),
        "received_at": pa.array(decoded.received, pa.int64()).cast(TIME),
        "verdict": pa.array(verdicts, pa.string()),
        "time": who["time"].to_arrow().cast(TIME),
        "key": packed(block.keys) if values else pa.nulls(size, pa.binary()),
        "headers": _headers(block if values else None, size),
        "value": _kept(decoded) if values else pa.nulls(size, pa.binary()),
    }
    return table("events", columns | {name: who[name] for name in ("type", "source", "id", "entity")})


def _kept(decoded: Decoded) -> pa.Array | pa.ChunkedArray:
    """The values as they came, but those of heartbeats, which all say the same."""
    if not decoded.beats:
        return decoded.block.packed
    beats = set(decoded.beats)
    return packed([None if i in beats else value for i, value in enumerate(decoded.block.values)])


def _headers(block: Block | None, size: int) -> pa.Array:
    if block is None or not block.headers:
        return pa.array([[]], HEADERS.arrow).take(pa.repeat(0, size))
    given = [[{"name": n, "value": v or b""} for n, v in block.headers.get(i, ())] for i in range(size)]
    return pa.array(given, HEADERS.arrow)


def _who(decoded: Decoded, size: int) -> pl.DataFrame:
    """Type, source, id, time and entity of every record: of valid events as decoded, of rejects as their bytes claim."""
    known = [_identified(decoded.contracts[kind], frame) for kind, frame in decoded.frames.items() if len(frame)]
    seen = {i for found in known for i in found["_i"].to_list()} if decoded.rejects else set()
    others = [(i, *_claimed(decoded, i), None, "") for i in decoded.rejects if i not in seen]
    others += [(i, Heartbeat.event_type, "", "", None, "") for i in decoded.beats]
    if others or len(known) != 1:  # else they are in order
        who = pl.concat([_EMPTY, *known, pl.DataFrame(others, schema=_EMPTY.schema, orient="row")]).sort("_i")
    else:
        who = known[0]
    assert len(who) == size, "every record has exactly one verdict"
    # other times than the store can hold are archived as null; the bytes hold them
    return who.with_columns(time=pl.when(pl.col("time").is_between(FIRST, LAST)).then(pl.col("time")))


_EMPTY = pl.DataFrame(
    schema={"_i": pl.Int64, "type": pl.String, "source": pl.String, "id": pl.String, "time": pl.Int64, "entity": pl.String}
)


def _identified(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "_i",
        pl.lit(contract.event_type).alias("type"),
        pl.col("_source").alias("source"),
        pl.col("_id").alias("id"),
        pl.col("_time").alias("time"),
        pl.col(contract.entity_key).alias("entity"),
    )


def _claimed(decoded: Decoded, index: int) -> tuple[str, str, str]:
    """(type, source, id) that the bytes of a reject claim."""
    block = decoded.block
    if index in decoded.refused:
        record = decoded.refused[index]
        return record.type, record.source, record.id
    source, identity, kind = claims(block.values[index] or b"", block.headers.get(index, ()))
    return kind, source, identity


def reject_rows(decoded: Decoded, generation: str) -> pa.Table:
    """Rows of `rejects`; at most KEPT bytes of what was sent (the record itself is in `events`)."""
    block = decoded.block
    rows = []
    for index, reject in sorted(decoded.rejects.items()):
        record = decoded.refused.get(index)
        value = record.value if record else block.values[index]
        size = record.size if record else len(value or b"")
        rows.append(
            (
                generation,
                block.topic,
                int(block.partitions[index]),
                int(block.offsets[index]),
                reject.reason,
                reject.field,
                reject.message,
                block.keys[index],
                value[:KEPT] if value is not None else None,
                int(decoded.received[index]),
                *_claimed(decoded, index),
                size,
            )
        )
    return rows_table("rejects", rows)
