"""Judge: what Kafka holds against what the store says. The truth is brute force over the records read back."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from ioc.store.clickhouse import Store
from tests import brute, counting
from tests.brute import DOSSIER, HOUR, RAN, Record
from tests.chaos import steps

Place = tuple[str, int]
SHOWN = 5
"""Examples of a finding that are named."""
KEYS = {
    "events": "topic, partition, offset",
    "rejects": "generation, topic, partition, offset",
    "panes": "generation, indicator, at, dims, known, topic, partition, offset",
    "entities": "generation, entity, topic, partition, offset",
    "seen": "generation, topic, partition, hour, identity, offset",
}


@dataclass
class Findings:
    """How many rows are lost, doubled or wrong, and a few of them by name."""

    events: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, kind: str, what: str, found: Iterable[Any]) -> None:
        """Count the rows found, and keep some."""
        rows = list(found)
        self.counts[kind] += len(rows)
        self.examples += [f"{kind}: {what}: {row}" for row in rows[:SHOWN]]

    def compare(self, what: str, is_: Mapping[Any, Any], shall: Mapping[Any, Any]) -> None:
        """Every key of both must have the same row."""
        self.compared[what] += len(shall)
        keys = is_.keys() | shall.keys()
        self.add("wrong", what, ((k, "is", is_.get(k), "shall", shall.get(k)) for k in keys if is_.get(k) != shall.get(k)))

    @property
    def clean(self) -> bool:
        """Nothing was found."""
        return not sum(self.counts.values())


def read_back(bootstrap: str, partitions: int) -> list[Record]:
    """All committed records of all topics that are counted, read by a plain consumer from the beginning."""
    return asyncio.run(_read_back(bootstrap, [TopicPartition(t, p) for t in counting.EVERY for p in range(partitions)]))


async def _read_back(bootstrap: str, places: list[TopicPartition]) -> list[Record]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", group_id=None) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        records: list[Record] = []
        while any([await consumer.position(p) < ends[p] for p in places]):
            for place, found in (await consumer.getmany(timeout_ms=500, max_records=5_000)).items():
                records += [
                    Record(place.topic, place.partition, r.offset, r.key, r.value, r.timestamp, tuple(r.headers)) for r in found
                ]
        return records


def judge(store: Store, records: list[Record], partitions: int, ends: Mapping[Place, int]) -> Findings:
    """Compare the store with the records. `ends`: up to where every record must be in it (later ones may be)."""
    found = Findings(events=sum(brute._type(r) != "vn.ioc.heartbeat.v1" for r in records))
    log = {(r.topic, r.partition, r.offset): r for r in records}
    truth = brute.truth(records, partitions)
    held = counting.verdicts(store)
    due = {place for place in log if place[2] < ends.get(place[:2], 0)}
    found.add("lost", "no row in events", sorted(due - held.keys()))
    found.add("doubled", "a row for no record", sorted(held.keys() - log.keys()))
    for table, keys in KEYS.items():
        found.add("doubled", f"{table}: two rows of one version", store.query(contradictions(table, keys)).rows())
    there = held.keys() & log.keys()
    found.compare("verdicts", {p: held[p] for p in there}, {p: truth.verdicts[p] for p in there})
    found.compare("panes", counting.panes(store), truth.panes)
    found.compare("entities", entities(store), true_entities(truth, log))
    found.compare("seen", seen(store), true_seen(truth, log))
    steps.compare(found, store, truth, records)
    return found


def contradictions(table: str, keys: str) -> str:
    """Keys under which there are rows of one version that differ (equal ones are one row; ReplacingMergeTree drops the rest)."""
    return f"SELECT {keys}, count() AS n FROM (SELECT DISTINCT * FROM {table}) GROUP BY {keys} HAVING n > 1"


def entities(store: Store) -> dict[Any, Any]:
    """(topic, partition, dossier) -> version of the row; of its events time, sequence, source, id, offset, replaces."""
    frame = store.query("SELECT topic, partition, entity, offset, history FROM entities FINAL")
    return {
        (t, p, e): (o, frozenset((i[0], i[1], i[3], i[4], i[5], i[7]) for i in json.loads(history)))
        for t, p, e, o, history in frame.rows()
    }


def true_entities(truth: brute.Truth, log: Mapping[Any, Record]) -> dict[Any, Any]:
    """The same from the accepted records."""
    found: dict[Any, set[Any]] = {}
    for place, (verdict, _) in truth.verdicts.items():
        if verdict == "accepted" and place[0] == DOSSIER:
            e = json.loads(log[place].value or b"")
            order = (brute.ms(e["time"]), int(e.get("sequence") or 0))
            item = (*order, e["source"], e["id"], place[2], e.get("replaces"))
            found.setdefault((*place[:2], e["data"]["dossier"]), set()).add(item)
    return {key: (max(i[4] for i in items), frozenset(items)) for key, items in found.items()}


def seen(store: Store) -> dict[Any, Any]:
    """(topic, partition, offset) -> hour of the events a stream without state has counted."""
    frame = store.query("SELECT topic, partition, offset, hour FROM seen FINAL")
    return {(t, p, o): hour for t, p, o, hour in frame.rows()}


def true_seen(truth: brute.Truth, log: Mapping[Any, Record]) -> dict[Any, Any]:
    """The same from the accepted records."""
    return {
        place: brute.ms(json.loads(log[place].value or b"")["time"]) // HOUR
        for place, (verdict, _) in truth.verdicts.items()
        if verdict == "accepted" and place[0] == RAN
    }
