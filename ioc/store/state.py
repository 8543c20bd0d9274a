"""State: rows in the form of the store's tables, the checkpoints, and which generation of a stream is read."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from ioc.events.decode import Clock
from ioc.store.clickhouse import Store, literal
from ioc.store.form import TABLES
from ioc.vocabulary import Dims, Stream

Place = tuple[str, int]
"""Topic and partition."""
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
    schema = TABLES[name].arrow
    return pa.table({column: _array(columns[column], schema[column]) for column in schema})


def _array(values: Any, dtype: pa.DataType) -> Any:
    if isinstance(values, pl.Series):
        values = values.to_arrow()
    return values.cast(dtype) if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, dtype)


def rows_table(name: str, rows: Iterable[Sequence[Any]]) -> pa.Table:
    """The same from rows in the order of the schema."""
    schema = TABLES[name].arrow
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return table(name, dict(zip(schema, columns, strict=True)))


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


class Following:
    """The checkpoints of a stage as they move. Ten minutes leave a row each, so that all of them are read now and then only; in
    between those that were written in the last hour."""

    WHOLE = 600.0
    """Seconds after which all are read again, whatever the store's clock did."""
    YOUNG = "toStartOfTenMinutes(written_at) >= toStartOfTenMinutes(now() - INTERVAL 1 HOUR)"

    def __init__(self, store: Store, stage: str) -> None:
        self.store, self.stage = store, stage
        self.forget()

    def forget(self) -> None:
        """Read all of them the next time."""
        self._known: dict[tuple[str, str, int], Checkpoint] = {}
        self._read_at = -math.inf

    def read(self) -> dict[tuple[str, str, int], Checkpoint]:
        """As `checkpoints`."""
        now = time.monotonic()
        if now - self._read_at >= self.WHOLE:
            self._known, self._read_at = checkpoints(self.store, self.stage), now
        else:
            young = checkpoints(self.store, self.stage, where=self.YOUNG)
            nothing = Checkpoint()
            self._known |= {key: c for key, c in young.items() if c.next >= self._known.get(key, nothing).next}
        return dict(self._known)


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


def step_of(store: Store, stage: str, generation: str) -> int | None:
    """How far a generation came in such a stage (ms), whatever its stream was called then; None: it has not begun."""
    return max((step for (own, _), step in steps(store, stage).items() if own == generation), default=None)


def save_step(store: Store, stage: str, generation: str, stream: str, step: int) -> None:
    """Write such a position; an earlier one than is stored changes nothing."""
    store.insert("checkpoints", checkpoint_rows(stage, {(generation, stream, 0): Checkpoint(step)}))


def generations(store: Store) -> dict[str, tuple[str, list[Dims]]]:
    """By stream, also by those that are declared no more: the generation the views read, and the names of its dimensions, then
    those it had before. A store of before kept no names."""
    found: dict[str, tuple[str, list[Dims]]] = {}
    for stream, generation, names in store.query("SELECT stream, generation, dimensions FROM generations ORDER BY since").rows():
        _, before = found.get(stream, ("", []))
        found[stream] = (generation, ([tuple(names)] if names else []) + [known for known in before if known != tuple(names)])
    return found


def read_by_views(store: Store, stream: Stream, generation: str) -> None:
    """From now on the views read this generation of the stream."""
    row = f"{literal(stream.name)}, {literal(generation)}, {literal(list(stream.dimensions))}"
    store.command(f"INSERT INTO generations (stream, generation, dimensions) VALUES ({row})")
