"""Log identity: whether a partition still is the log that was counted, by its bounds and by the last record counted. Pure."""

from __future__ import annotations

from typing import Any

from ioc.errors import ForeignLog
from ioc.events.batch import record_hash
from ioc.kafka import TopicPartition
from ioc.store.state import Checkpoint


def verify(place: TopicPartition, checkpoint: Checkpoint, begin: int, end: int, record: Any, partitions: int) -> None:
    """Raise ForeignLog unless the log is the one the checkpoint counted (docs/exactness.md)."""
    name = f"{place.topic}:{place.partition}"
    if checkpoint.partitions and checkpoint.partitions != partitions:
        raise ForeignLog(other_partitions(place.topic, partitions, checkpoint.partitions))
    if end < checkpoint.next:
        raise ForeignLog(
            f"{name} ends at {end}, before the {checkpoint.next} that were counted: another or a truncated log; bring the old"
            " log back, or start a new centre for this one (another IOC_CLICKHOUSE_DATABASE, or another IOC_DATA_DIR)"
        )
    if checkpoint.last_offset < 0:
        return
    way = f"; if that is meant to be: `ioc doctor --accept-gap {name}`"
    if begin > checkpoint.next:
        gone = f"records {checkpoint.next} to {begin - 1} were never counted and are gone"
        raise ForeignLog(f"{name} begins at {begin}; {gone}{way}", acceptable=True)
    if begin > checkpoint.last_offset:
        return  # retention took the record we would compare; what follows it is there
    if record is None or record.offset != checkpoint.last_offset:
        raise ForeignLog(
            f"{name} has no record at {checkpoint.last_offset}, which was counted: another log{way}", acceptable=True
        )
    if record_hash(record.offset, record.timestamp, record.key, record.value) != checkpoint.last_hash:
        raise ForeignLog(
            f"{name} has another record at {checkpoint.last_offset} than the one that was counted{way}", acceptable=True
        )


def other_partitions(topic: str, now: int, before: int) -> str:
    """What is told of a topic whose number of partitions has changed, with the way out."""
    return (
        f"{topic} has {now} partitions, but was counted with {before}: keys moved between partitions; "
        "create the topic anew with as many as before, or start a new centre"
    )
