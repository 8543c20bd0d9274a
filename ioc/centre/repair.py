"""Repair: the two things a person must decide on: going on although records were lost, and counting again from earlier."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from ioc.catalog import REJECTS, Catalog
from ioc.counting.log_identity import verify
from ioc.counting.pipeline import MEASURE
from ioc.errors import ForeignLog, UsageError
from ioc.kafka import TopicPartition, bounds, read_at
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store, literal


def accept_gap(settings: Settings, catalog: Catalog, topic: str, partition: int) -> tuple[int, int]:
    """Go on at the log's beginning although records were lost; recorded in the checkpoint. Returns (old, new) position.

    Raises UsageError where there is no gap, ForeignLog where no gap is the trouble.
    """
    store, place = Store(settings), TopicPartition(topic, partition)
    stored, rows, old = state.checkpoints(store, MEASURE, [topic]), {}, 0
    logs = asyncio.run(bounds(settings, [topic]))  # after the checkpoints: a log that grows is no other one
    if place not in logs:
        raise UsageError(f"{topic} has no partition {partition}; it has {len(logs)}")
    begin, end = logs[place]
    for owner in catalog.owners(topic):
        checkpoint = stored.get((owner, topic, partition))
        if checkpoint is None:
            raise UsageError(f"{topic}:{partition} has no checkpoint, so there is no gap to accept")
        there = {place: checkpoint.last_offset} if begin <= checkpoint.last_offset < end else {}
        last = asyncio.run(read_at(settings, there)).get(place) if there else None
        try:
            verify(place, checkpoint, begin, end, last, len(logs))
        except ForeignLog as refusal:
            if not refusal.acceptable:
                raise
            old, position = checkpoint.next, begin if begin > checkpoint.next else end
            lost = checkpoint.lost + max(0, position - checkpoint.next)
            rows[owner, topic, partition] = replace(checkpoint, next=position, last_offset=-1, last_hash=0, lost=lost)
    if not rows:
        counted = min(stored[owner, topic, partition].next for owner in catalog.owners(topic))
        raise UsageError(
            f"{topic}:{partition} has no gap: its log is the one that was counted, to {counted} of {end}; "
            f"{end - counted} records are still to be counted, and nothing was skipped"
        )
    store.insert("checkpoints", state.checkpoint_rows(MEASURE, rows), durable=True)
    return old, position


def rewind(settings: Settings, catalog: Catalog, hours: int | None = None) -> int:
    """Delete checkpoints so that counting starts again earlier: all of them, or those younger than `hours`. Returns how many.

    What is counted again gives the same rows. Raises ForeignLog where it would not: another log, or one whose beginning is gone
    (retention), where the reception before the first record decides when that one became known.
    """
    store = Store(settings)
    asyncio.run(_same_logs(settings, catalog, store, hours))
    return forget(store, hours)


def forget(store: Store, hours: int | None = None) -> int:
    """Delete checkpoints of the counting. No position is ever set by hand: a whole older row takes over, or the beginning."""
    where = f"stage = {literal(MEASURE)} AND {_younger(hours)}"
    count = int(store.query(f"SELECT count() AS n FROM checkpoints WHERE {where}")["n"][0])
    store.command(f"ALTER TABLE checkpoints DELETE WHERE {where} SETTINGS mutations_sync = 2")
    return count


def _younger(hours: int | None) -> str:
    return "1" if hours is None else f"written_at > now64(3) - INTERVAL {int(hours)} HOUR"


async def _same_logs(settings: Settings, catalog: Catalog, store: Store, hours: int | None) -> None:
    """Raise ForeignLog unless every log is the one that was counted and still has what would be counted again."""
    topics = (*catalog.topics, REJECTS)
    newest = {key: c for key, c in state.checkpoints(store, MEASURE, topics).items() if key[0] in catalog.owners(key[1])}
    older = state.checkpoints(store, MEASURE, topics, f"NOT ({_younger(hours)})")
    first = store.query("SELECT topic, partition, min(offset) AS first FROM events GROUP BY topic, partition")
    firsts = {(t, p): n for t, p, n in first.rows()}
    logs = await bounds(settings, topics)
    counts = Counter(place.topic for place in logs)
    for found in (newest, older):
        lasts = {TopicPartition(t, p): c.last_offset for (_, t, p), c in found.items()}
        there = {place: at for place, at in lasts.items() if place in logs and logs[place][0] <= at < logs[place][1]}
        records = await read_at(settings, there) if there else {}
        for key in sorted(newest.keys() & found.keys()):
            place, back = TopicPartition(*key[1:]), older.get(key)
            begin, end = logs.get(place, (0, 0))
            start = back.next if back else firsts.get(key[1:], begin)
            again = f"{place.topic}:{place.partition}: counting would start again at {start}"
            if newest[key].lost > (back.lost if back else 0):
                raise ForeignLog(f"{again}, before a gap that was accepted: the rows would not be the same; nothing was deleted")
            if begin > start:
                raise ForeignLog(f"{again}, but the log begins at {begin}: the rows would not be the same; nothing was deleted")
            verify(place, found[key], begin, end, records.get(place), counts[place.topic])
