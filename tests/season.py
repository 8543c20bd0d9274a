"""Season: some days of what the demo sends of one stream, counted and rolled, and judged by the stream's brute force."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from operator import attrgetter

from ioc.catalog import Catalog
from ioc.province.model import Province
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.times import DAY, to_ms
from ioc.vocabulary import Stream
from tests import brute, brutes
from tests.brute import Record
from tests.counting import CATALOG, count, pipeline, real_store
from tests.logs import beat, record
from tests.rolled import finals
from tests.years import Sums, instants, judge_reader, judge_rolled

END = to_ms("2026-06-09T17:00:00Z")
"""Midnight of the province."""
PARTITIONS = 2


def log(stream: Stream, days: int) -> list[Record]:
    """What the demo sends of a stream in so many days, and of what was there before; each is received when it is sent."""
    province = Province(7, END, days * DAY, bad=0, streams=[stream])
    sent = [one for one in merge(*province.others(0, END), key=attrgetter("due_ms")) if one.topic == stream.topic]
    offsets, records = [1] * PARTITIONS, list[Record]()
    for event in sent:
        partition = brute.partition_of(event.key, PARTITIONS)
        records.append(Record(stream.topic, partition, offsets[partition], event.key, event.value, event.due_ms, ()))
        offsets[partition] += 1
    first = [record(beat(sent[0].due_ms), 0, sent[0].due_ms, topic=stream.topic, partition=p) for p in range(PARTITIONS)]
    last = [record(beat(END), offsets[p], END, topic=stream.topic, partition=p) for p in range(PARTITIONS)]
    return [*first, *records, *last]


def sums(stream: Stream, records: Sequence[Record]) -> Sums:
    """What the brute force says the records add."""
    histories: dict[bytes, list[bytes]] = {}
    since = records[0].timestamp
    for one in records:
        if b"vn.ioc.heartbeat" not in (one.value or b""):
            histories.setdefault(one.key or b"", []).append(one.value or b"")
    return Sums(stream.dimensions, (row for values in histories.values() for row in brutes.told(stream.name, values, since)))


def stored(url: str, stream: Stream, records: list[Record], name: str) -> Store:
    """A store in which the records were counted and rolled."""
    store = real_store(url, name)
    count(pipeline(store, PARTITIONS, topics=(stream.topic,)), records)
    Roller(Catalog((stream,), CATALOG.generations), store, store.settings).step()
    return store


def judge(url: str, stream: Stream, days: int) -> tuple[int, int]:
    """Reader and rolled rows at a hundred instants: how many values were compared of each.  Raises AssertionError."""
    records = log(stream, days)
    store, told, span = stored(url, stream, records, f"season_{stream.name}"), sums(stream, records), finals(records, PARTITIONS)
    assert span is not None
    asked = instants(max(span[0], END - days * DAY), span[1], seed=days)
    return (
        judge_reader(store, CATALOG, stream, told, asked, seed=1),
        judge_rolled(store, stream, told, asked, span[1]),
    )
