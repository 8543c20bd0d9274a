"""State: the form of the store's rows, and the checkpoints: how far each partition was counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from ioc.events.decode import Clock
from ioc.store.clickhouse import Store, literal

Place = tuple[str, int]
"""Topic and partition."""
TIME = pa.timestamp("ms", tz="UTC")
_PLACE = {"topic": pa.string(), "partition": pa.int32(), "offset": pa.int64()}
_MAYBE = {"key": pa.binary(), "value": pa.binary()}
SCHEMAS: dict[str, dict[str, pa.DataType]] = {
    "events": _PLACE
    | {"key": pa.binary(), "headers": pa.list_(pa.struct({"name": pa.string(), "value": pa.binary()})), "value": pa.binary()}
    | {"received_at": TIME, "type": pa.string(), "source": pa.string(), "id": pa.string(), "time": TIME, "entity": pa.string()}
    | {"verdict": pa.string()},
    "panes": {"generation": pa.string(), "indicator": pa.string(), "dims": pa.list_(pa.string()), "at": TIME, "known": TIME}
    | _PLACE
    | {"measures": pa.list_(pa.int64())},
    "entities": {"generation": pa.string(), "entity": pa.string()}
    | _PLACE
    | {"opened_at": TIME, "ended_at": TIME, "due_at": TIME, "dims": pa.list_(pa.string()), "history": pa.string()},
    "seen": {"generation": pa.string()} | _PLACE | {"hour": pa.uint32(), "identity": pa.binary(16), "hash": pa.uint64()},
    "rejects": {"generation": pa.string()}
    | _PLACE
    | {"reason": pa.string(), "field": pa.string(), "message": pa.string()}
    | _MAYBE
    | {"received_at": TIME, "type": pa.string(), "source": pa.string(), "id": pa.string(), "size": pa.int64()},
    "checkpoints": {
        "generation": pa.string(),
        "stage": pa.string(),
        "topic": pa.string(),
        "partition": pa.int32(),
        "next": pa.int64(),
    }
    | {"received": pa.int64(), "live": pa.int64(), "partitions": pa.int32(), "last_offset": pa.int64(), "last_hash": pa.uint64()}
    | {"lost": pa.int64(), "shown": pa.int64()},
    "indicators": {
        "generation": pa.string(),
        "indicator": pa.string(),
        "window": pa.string(),
        "dims": pa.list_(pa.string()),
        "at": TIME,
    }
    | {
        "value": pa.float64(),
        "lo": pa.float64(),
        "hi": pa.float64(),
        "n": pa.int64(),
        "stats": pa.map_(pa.string(), pa.float64()),
    }
    | {"first_value": pa.float64(), "restated": pa.bool_(), "until": TIME, "as_of": pa.uint64()},
    "alerts": {"generation": pa.string(), "rule": pa.string(), "dims": pa.list_(pa.string()), "at": TIME}
    | {"transition": pa.string(), "value": pa.float64(), "threshold": pa.float64(), "clear": pa.float64(), "reason": pa.string()}
    | {"as_of": pa.uint64()},
    "notifications": {"generation": pa.string(), "rule": pa.string(), "dims": pa.list_(pa.string()), "at": TIME}
    | {"transition": pa.string(), "status": pa.uint16(), "answer": pa.string()},
}


BEGINNING = Clock()
"""Nothing of the log was seen yet."""


@dataclass(frozen=True)
class Checkpoint:
    """How far a partition was counted: positions, the clock there, and the last record by which the log is recognised."""

    next: int = 0
    clock: Clock = BEGINNING
    partitions: int = 0
    last_offset: int = -1
    last_hash: int = 0
    lost: int = 0
    """Positions that were skipped because the log no longer has them (`ioc doctor --accept-gap`)."""
    shown: int | None = None
    """Of a roll: the instant to which the rows of open steps count (ms)."""


def table(name: str, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """An Arrow table in the form of a store table; columns in any order, those with a default left out."""
    schema = SCHEMAS[name]
    return pa.table({column: _array(columns[column], schema[column]) for column in schema})


def _array(values: Any, dtype: pa.DataType) -> Any:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(dtype)
    if isinstance(values, pl.Series):
        return values.to_arrow().cast(dtype)
    return pa.array(values, dtype)


def rows_table(name: str, rows: Iterable[Sequence[Any]]) -> pa.Table:
    """The same from rows in the order of the schema."""
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMAS[name])
    return table(name, dict(zip(SCHEMAS[name], columns, strict=True)))


def checkpoints(
    store: Store, stage: str, topics: Iterable[str] | None = None, where: str = "1"
) -> dict[tuple[str, str, int], Checkpoint]:
    """The last checkpoint by (generation, topic, partition); of two at one position the one written later (an accepted gap).

    `where`: of those rows of the table only.
    """
    of_topics = f"AND topic IN {literal(tuple(topics))}" if topics is not None else ""
    frame = store.query(
        "SELECT generation, topic, partition, next, received, live, partitions, last_offset, last_hash, lost, shown "
        f"FROM checkpoints WHERE stage = {literal(stage)} AND {where} {of_topics} "
        "ORDER BY next DESC, written_at DESC LIMIT 1 BY generation, topic, partition"
    )
    return {
        (g, t, p): Checkpoint(n, Clock(r, live), count, o, h, lost, shown)
        for g, t, p, n, r, live, count, o, h, lost, shown in frame.rows()
    }


def checkpoint_rows(stage: str, rows: Mapping[tuple[str, str, int], Checkpoint]) -> pa.Table:
    """Checkpoints as rows of the table."""
    return rows_table(
        "checkpoints",
        [
            (g, stage, t, p, c.next, c.clock.received, c.clock.live, c.partitions, c.last_offset, c.last_hash, c.lost, c.shown)
            for (g, t, p), c in rows.items()
        ],
    )


def steps(store: Store, stage: str) -> dict[tuple[str, str], int]:
    """Positions of the stages that go by steps instead of offsets: (generation, stream) -> step (ms) up to which it is done."""
    return {(generation, stream): c.next for (generation, stream, _), c in checkpoints(store, stage).items()}


def save_step(store: Store, stage: str, generation: str, stream: str, step: int) -> None:
    """Write such a position; an earlier one than is stored changes nothing."""
    store.insert("checkpoints", checkpoint_rows(stage, {(generation, stream, 0): Checkpoint(step)}))
