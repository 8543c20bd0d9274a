"""Archive: every record with its verdict, and the rejects with their reasons, as rows of `events` and `rejects`. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from ioc.counting.who import claimed
from ioc.events.block import Block
from ioc.events.decode import Decoded
from ioc.events.packed import packed
from ioc.events.rejects import KEPT
from ioc.store.form import HEADERS, TIME
from ioc.store.state import rows_table, table


def archive(decoded: Decoded, who: pl.DataFrame, verdicts: Sequence[str], values: bool) -> pa.Table:
    """Rows of `events`. `values`: with key, headers and value; heartbeats are kept by coordinates, reception and headers."""
    block = decoded.block
    size = len(block)
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
                *claimed(decoded, index),
                size,
            )
        )
    return rows_table("rejects", rows)
