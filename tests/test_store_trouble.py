"""Store trouble: a disk that is full, and a store that is away while very many events come. The rest is chaos (`test_chaos`)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pyarrow as pa
import pytest

from ioc import kafka
from ioc.settings import Settings
from ioc.store import tables
from ioc.store.clickhouse import Store
from tests.brute import RAN, ms
from tests.chaos.judge import judge, read_back
from tests.chaos.scene import Scene, scene
from tests.counting import CATALOG, count, pipeline, real_store
from tests.disk import fill, small_disk
from tests.logs import dossier, ran, record

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BOUND = 650
"""MiB a worker may take while the store is away: what it holds at rest, two polls, and what the client fetches ahead."""


def assert_right(found: Scene) -> None:
    """Everything is counted, once."""
    ends = found.settle()
    partitions = found.centre.settings.partitions
    findings = judge(found.centre.store, read_back(found.centre.settings.kafka_bootstrap, partitions), partitions, ends)
    assert findings.clean, "\n".join(findings.examples)


def test_with_ioc_fsync_all_that_a_checkpoint_stands_for_is_on_disk_before_it(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, at = real_store(store_url, "fsync"), ms("2026-03-30T01:00:00Z")
    log = [record(ran("c1", "e1", at), 0, at, 2), record(dossier("D", "e2", "received", at), 0, at, 2)]
    tables.migrate(Store(Settings(clickhouse_url=store_url, fsync=True), store.database), CATALOG)
    inserted, insert = [], Store.insert

    def syncs() -> int:
        return int(store.query("SELECT value FROM system.events WHERE event = 'FileSync'")["value"].sum())

    def watched(self: Store, table: str, rows: pa.Table, *, durable: bool = False) -> None:
        before = syncs()
        insert(self, table, rows, durable=durable)
        if rows.num_rows:
            inserted.append((table, syncs() > before))

    monkeypatch.setattr(Store, "insert", watched)
    count(pipeline(store), log)
    assert {"events", "panes", "entities", "seen", "checkpoints"} <= {table for table, _ in inserted}
    assert all(synced for _, synced in inserted), inserted
    tables.migrate(store, CATALOG)  # as it is without IOC_FSYNC
    made = dict(store.query(f"SELECT name, engine_full FROM system.tables WHERE database = '{store.database}'").rows())
    assert "fsync_after_insert = 0" in made["panes"]
    assert "fsync_after_insert = 1" in made["checkpoints"]


def test_a_full_disk_ends_the_worker_with_a_clear_message_and_corrupts_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "store", "48m"), scene(tmp_path, "disk", 50, lambda what: None) as found:
        found.wait(lambda: found.proxy.written["checkpoints"] > 10, "a beginning is counted")
        fill(tmp_path / "store" / "filler")
        found.wait(lambda: any("not enough space" in how for how in found.endings), "a worker ends and says why")
        (tmp_path / "store" / "filler").unlink()
        with found.counts_on("after room was made"):
            pass
        assert_right(found)


@pytest.mark.proof
def test_while_the_store_is_away_memory_stays_bounded_and_the_worker_catches_up(tmp_path: Path) -> None:
    with scene(tmp_path, "away", 50, lambda what: None) as found:
        found.wait(lambda: found.proxy.written["checkpoints"] > 10, "a beginning is counted")
        found.proxy.away = True
        asyncio.run(flood(found, 200_000))
        before = found.feed.sent
        found.wait(lambda: found.feed.sent > before + 500, "more and more comes")
        found.proxy.away = False
        with found.counts_on("after the store came back"):
            pass
        assert_right(found)
        assert found.memory < BOUND


async def flood(found: Scene, count: int) -> None:
    """The same measurements of all cells again and again."""
    events = [ran(f"c{n % 40}", f"f{n}", 1_700_000_000_000 + n) for n in range(2_000)]
    records = [(event["data"]["cell"].encode(), orjson.dumps(event)) for event in events]
    async with kafka.Sender(found.centre.settings) as sender:
        for _ in range(count // len(records)):
            for key, value in records:
                await sender.post(RAN, key, value, [])
        await sender.flush()
