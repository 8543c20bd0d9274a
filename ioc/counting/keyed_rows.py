"""Keyed rows: histories, panes and marks, the rows a worker counts with: read by key, one SELECT a table, and written whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from ioc.counting import seen
from ioc.counting.held import Part
from ioc.counting.panes import Key, Pane
from ioc.counting.seen import Ints, Marks
from ioc.events.block import Block
from ioc.store.clickhouse import Store, literal
from ioc.store.state import Place, table
from ioc.vocabulary import Measures


def histories(store: Store, generation: str, wanted: Mapping[Place, set[str]]) -> dict[tuple[Place, str], bytes]:
    """The stored histories of entities, by place and entity; absent where there is none."""
    names = sorted({name for entities in wanted.values() for name in entities})
    if not names:
        return {}
    frame = store.query(
        "SELECT topic, partition, entity, history FROM entities "
        f"WHERE generation = {literal(generation)} AND entity IN {literal(tuple(names))} "
        "ORDER BY offset DESC LIMIT 1 BY generation, entity, topic, partition"
    )
    columns = (frame["topic"], frame["partition"], frame["entity"], frame["history"].cast(pl.Binary))
    rows = zip(*(column.to_list() for column in columns), strict=True)
    return {((t, p), e): h for t, p, e, h in rows if e in wanted.get((t, p), ())}


def panes(store: Store, generation: str, wanted: Mapping[Place, set[Key]]) -> dict[tuple[Place, Key], tuple[int, Measures]]:
    """The stored panes of the wanted keys, by place and key, with their offsets."""
    keys = {key for lacking in wanted.values() for key in lacking}
    if not keys:
        return {}
    ats, knowns = sorted({key[2] for key in keys}), sorted({key[3] for key in keys})
    frame = store.query(
        "SELECT topic, partition, indicator, dims, toUnixTimestamp64Milli(at), toUnixTimestamp64Milli(known), offset, measures "
        "FROM panes "
        f"WHERE generation = {literal(generation)} AND indicator IN {literal(tuple(sorted({k[0] for k in keys})))} "
        f"AND at IN {_moments(ats)} AND known IN {_moments(knowns)} "
        "ORDER BY offset DESC LIMIT 1 BY generation, indicator, at, dims, known, topic, partition"
    )
    found = {}
    for topic, partition, indicator, dims, at, known, offset, measures in frame.rows():
        key = (indicator, tuple(dims), at, known)
        if key in wanted.get((topic, partition), ()):
            found[(topic, partition), key] = (offset, tuple(measures))
    return found


def load_panes(store: Store, generation: str, block: Block, parts: Sequence[Part], lacking: Sequence[set[Key]]) -> None:
    """Put the stored panes of the keys that each batch's part lacks into it."""
    held = {batch.place: part for batch, part in zip(block.batches, parts, strict=True)}
    for (place, key), pane in panes(store, generation, dict(zip(held, lacking, strict=True))).items():
        held[place].panes.put(key, *pane)


def entity_rows(generation: str, block: Block, by_batch: Sequence[Sequence[tuple[Any, ...]]]) -> pa.Table:
    """Entities (entity, offset, opened_at, ended_at, due_at, dims, packed history) of each batch as rows of the table."""
    rows = list(chain.from_iterable(by_batch))
    entities, offsets, opened, ended, due, dims, histories = zip(*rows, strict=True) if rows else ((),) * 7
    columns = _origin(generation, block, list(map(len, by_batch))) | {
        "entity": pa.array(entities, pa.string()),
        "offset": pa.array(offsets, pa.int64()),
        "opened_at": pa.array(opened, pa.int64()),
        "ended_at": pa.array(ended, pa.int64()),
        "due_at": pa.array(due, pa.int64()),
        "dims": _lists(dims, pa.string()),
        "history": pa.array(histories, pa.string()),
    }
    return table("entities", columns)


def pane_rows(generation: str, block: Block, by_batch: Sequence[Sequence[tuple[Key, Pane]]]) -> pa.Table:
    """Panes of each batch as rows of the table."""
    changed = list(chain.from_iterable(by_batch))
    keys, rows = zip(*changed, strict=True) if changed else ((), ())
    offsets, measures = zip(*rows, strict=True) if rows else ((), ())
    indicators, dims, ats, knowns = zip(*keys, strict=True) if keys else ((), (), (), ())
    columns = _origin(generation, block, list(map(len, by_batch))) | {
        "indicator": pa.array(indicators, pa.string()),
        "dims": _lists(dims, pa.string()),
        "at": pa.array(ats, pa.int64()),
        "known": pa.array(knowns, pa.int64()),
        "offset": pa.array(offsets, pa.int64()),
        "measures": _lists(measures, pa.int64()),
    }
    return table("panes", columns)


def _origin(generation: str, block: Block, sizes: Sequence[int]) -> dict[str, Any]:
    """Generation, topic and partition of as many rows of each batch."""
    return {
        "generation": pa.repeat(generation, sum(sizes)),
        "topic": pa.repeat(block.topic, sum(sizes)),
        "partition": pa.array(np.repeat([batch.partition for batch in block.batches], sizes)),
    }


def _lists(rows: Sequence[Sequence[Any]], kind: pa.DataType) -> pa.Array:
    """Short lists as one array: each object once, for most rows share theirs; and from the flat content, three times as fast as
    from the lists."""
    objects = np.fromiter(map(id, rows), np.int64, len(rows))
    _, first, which = np.unique(objects, return_index=True, return_inverse=True)
    distinct = [rows[i] for i in first.tolist()]
    ends = pa.array(list(accumulate(map(len, distinct), initial=0)), pa.int32())
    return pa.ListArray.from_arrays(ends, pa.array(list(chain.from_iterable(distinct)), kind)).take(pa.array(which))


def _moments(values: Sequence[int]) -> str:
    return f"(SELECT fromUnixTimestamp64Milli(arrayJoin({literal(list(values))}), 'UTC'))"


def highest_known(store: Store, generation: str) -> dict[Place, int]:
    """The highest `known` (ms) of any pane, by place."""
    frame = store.query(
        "SELECT topic, partition, toUnixTimestamp64Milli(max(known)) FROM panes "
        f"WHERE generation = {literal(generation)} GROUP BY topic, partition"
    )
    return {(t, p): known for t, p, known in frame.rows()}


def seen_rows(generation: str, block: Block, by_batch: Sequence[tuple[Ints, Marks]]) -> pa.Table:
    """Marks of each batch, and the hours of their events, as rows of the table."""
    identities = b"".join(marks.identities.tobytes() for _, marks in by_batch)
    columns = _origin(generation, block, [len(marks) for _, marks in by_batch]) | {
        "offset": pa.array(np.concatenate([marks.offsets for _, marks in by_batch])),
        "hour": pa.array(np.concatenate([hours for hours, _ in by_batch])),
        "identity": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(identities) // 16, [None, pa.py_buffer(identities)]),
        "hash": pa.array(np.concatenate([marks.hashes for _, marks in by_batch])),
    }
    return table("seen", columns)


def seen_hours(store: Store, generation: str, wanted: Mapping[Place, Sequence[int]]) -> dict[tuple[Place, int], Marks | None]:
    """All marks of the wanted hours, by place and hour; None for an hour that has more than fit.

    Hours that would not fit together are left out: for one batch they are looked up by key, too.
    """
    found: dict[tuple[Place, int], Marks | None] = {
        (place, hour): seen.EMPTY for place, hours in wanted.items() for hour in hours
    }
    where = _seen_where(generation, wanted)
    if not where:
        return found
    sizes = store.query(f"SELECT topic, partition, hour, count() FROM seen WHERE {where} GROUP BY topic, partition, hour")
    held = dict.fromkeys(wanted, 0)
    for topic, partition, hour, count in sizes.sort("hour", descending=True).rows():
        place = (topic, partition)
        if count > seen.LIMIT // 2:
            found[place, hour] = None
        elif held[place] + count > seen.LIMIT:
            del found[place, hour]
        else:
            held[place] += count
    small = {place: [h for h in hours if found.get((place, h)) is not None] for place, hours in wanted.items()}
    where = _seen_where(generation, small)
    if where and len(sizes):
        frame = store.query(f"SELECT topic, partition, hour, identity, hash, offset FROM seen WHERE {where}")
        for (topic, partition, hour), own in frame.partition_by("topic", "partition", "hour", as_dict=True).items():
            found[(str(topic), int(partition)), int(hour)] = _marks(own)
    return found


def seen_marks(store: Store, generation: str, place: Place, hours: Sequence[int], identities: seen.Bits) -> Marks:
    """The marks of single identities in hours too large to keep."""
    asked = literal([identity.tobytes().hex() for identity in identities])
    return _marks(
        store.query(
            f"SELECT identity, hash, offset FROM seen WHERE {_seen_where(generation, {place: hours})} "
            f"AND identity IN (SELECT unhex(arrayJoin({asked})))"
        )
    )


def _marks(frame: pl.DataFrame) -> Marks:
    identities = seen.packed(frame["identity"].cast(pl.Binary).to_list())
    return Marks.of(identities, frame["hash"].to_numpy(), frame["offset"].to_numpy())


def _seen_where(generation: str, wanted: Mapping[Place, Sequence[int]]) -> str:
    places = [
        f"(topic = {literal(topic)} AND partition = {partition} AND hour IN {literal(tuple(hours))})"
        for (topic, partition), hours in wanted.items()
        if hours
    ]
    return f"generation = {literal(generation)} AND ({' OR '.join(places)})" if places else ""
