"""Takeover: from where each assigned partition goes on, after its log has shown the record the checkpoint ends with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ioc import kafka
from ioc.counting.log_identity import verify
from ioc.counting.pipeline import Pipeline
from ioc.events.replayed import before
from ioc.kafka import TopicPartition
from ioc.settings import Settings

Positions = dict[TopicPartition, int]


async def taken_over(
    consumer: Any,
    pipeline: Pipeline,
    settings: Settings,
    topics: Mapping[str, str],
    assigned: Sequence[TopicPartition],
    replayed: bool,
) -> Positions:
    """The positions from which the pipeline counts on; it holds the partitions then. `topics`: Kafka name -> live name;
    `replayed`: they bring the archive.

    Raises IocError where a log is not the one that was counted.
    """
    counts = {topics[name]: len(consumer.partitions_for_topic(name) or ()) for name in topics}
    live = {place: (topics[place.topic], place.partition) for place in assigned}
    found = await asyncio.to_thread(pipeline.assign, list(live.values()), counts)
    # after the checkpoints: what whoever had them counted last must not lie behind the log's end
    begins = await consumer.beginning_offsets(assigned)
    ends = await consumer.end_offsets(assigned)
    lasts = {p: found[live[p]].last_offset for p in assigned if found[live[p]].last_offset >= 0}
    records = await kafka.read_at(settings, {p: o for p, o in lasts.items() if o >= begins[p]}) if lasts else {}
    positions: Positions = {}
    for place in assigned:
        checkpoint = found[live[place]]
        last = _as_counted(records.get(place), replayed)
        verify(place, checkpoint, begins[place], ends[place], last, counts[topics[place.topic]])
        if checkpoint.last_offset < 0 and checkpoint.next < begins[place] and not checkpoint.partitions:
            checkpoint = pipeline.begin_at(live[place], begins[place])
        positions[place] = checkpoint.next
    return positions


def _as_counted(record: Any, replayed: bool) -> Any:
    """A record of the log with the timestamp it was counted with; None where there is none, or none was replayed."""
    if record is None or not replayed:
        return record
    was = before(record.headers, f"{record.topic}:{record.partition} holds a record at {record.offset} that")
    return replace(record, timestamp=was[0]) if was else None
