"""The receipt log as a centre counts it, without Kafka: as batches, and counted into a real store."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

from ioc.catalog import load
from ioc.counting.pipeline import Pipeline
from ioc.events import murmur
from ioc.events.batch import RECEIVED, Batch
from ioc.events.heartbeats import heartbeat
from ioc.importing.maps import load_map
from ioc.importing.order import Ordered
from ioc.importing.translate import read_events
from ioc.settings import Settings
from ioc.store import tables
from ioc.store.clickhouse import Store
from tests import brute_receipt as brute
from tests.data import needs
from tests.services import running_store

TOPIC = "ioc.events.dossier"
PARTITIONS = 4
needs_receipt = needs("dossiers/receipt.csv.gz")
"""For the known truths of the real log; all else holds of one made by chance, too."""


def batches(folder: Path, log: Path = brute.RECEIPT) -> list[Batch]:
    """What `ioc import LOG --map receipt` leaves in the log: one batch a partition, a heartbeat at both ends."""
    records: list[list[tuple[bytes | None, bytes, int]]] = [[] for _ in range(PARTITIONS)]
    with Ordered(read_events([log], load_map("receipt")), folder) as events:
        rows = [(event.time_ms, event.key, event.value) for event in events]
    latest = rows[0][0] or 0
    for part in records:
        part.append((None, heartbeat("import", latest), latest))
    for (at, key, value), number in zip(rows, murmur.partitions([key for _, key, _ in rows], PARTITIONS).tolist(), strict=True):
        latest = max(latest, at or 0)
        records[number].append((key, value, latest))
    for part in records:
        part.append((None, heartbeat("import", latest), latest))
    return [_batch(number, part) for number, part in enumerate(records)]


def _batch(partition: int, records: Sequence[tuple[bytes | None, bytes, int]]) -> Batch:
    size = len(records)
    headers = {i: [(RECEIVED, b"%d" % at)] for i, (_, _, at) in enumerate(records)}
    keys, values = [key for key, _, _ in records], [value for _, value, _ in records]
    return Batch(TOPIC, partition, 0, size, range(size), keys, values, [time.time_ns() // 1_000_000] * size, headers)


def count(store: Store, settings: Settings, log: Sequence[Batch], seed: int) -> None:
    """Count the log, cut at random; every cut gives the same numbers."""
    chance = random.Random(seed)
    pipeline = Pipeline(load(), store, settings)
    pipeline.assign([(TOPIC, b.partition) for b in log], {TOPIC: PARTITIONS})
    pieces = [b.cut(chance.choices((1, 40, 700, 3000), k=100)) for b in log]
    for together in zip_longest(*pieces):
        pipeline.run([piece for piece in together if piece is not None])


@contextmanager
def counted(folder: Path, seed: int = 1, log: Path = brute.RECEIPT) -> Iterator[Settings]:
    """A running store in which the log was counted, cut at random; gives the settings that reach it."""
    with running_store(folder) as url:
        settings = Settings(clickhouse_url=url, data_dir=folder)
        store = Store(settings)
        tables.migrate(store, load())
        count(store, settings, batches(folder, log), seed)
        yield settings
