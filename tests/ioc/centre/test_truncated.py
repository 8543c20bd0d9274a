"""Truncated: a log that has lost records, or is another under the same name, is refused, and the way out really leads out."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from ioc import kafka
from ioc.centre import live
from ioc.errors import ServiceAway
from ioc.settings import Settings
from tests.brute import DOSSIER, Record
from tests.centre import Centre
from tests.chaos.judge import judge, read_back
from tests.chaos.traffic import Traffic
from tests.services import ROOT, wait_until

pytestmark = pytest.mark.slow
PARTITIONS = 2
GONE = TopicPartition(DOSSIER, 1)


def send(centre: Centre, traffic: Traffic, count: int) -> dict[tuple[str, int], int]:
    """Send events; the ends of the log."""

    async def all_of_them() -> None:
        async with kafka.Sender(centre.settings) as sender:
            for _ in range(count):
                for r in traffic.next(time.time_ns() // 1_000_000):
                    await sender.send(r.topic, r.key, r.value, r.headers, r.partition)
            await sender.flush()

    asyncio.run(all_of_them())
    return centre.ends()


def administer(centre: Centre, call: str, *arguments: object) -> None:
    """One call of the broker's administration."""

    async def calling() -> None:
        admin = AIOKafkaAdminClient(**kafka.connection(centre.settings))
        await admin.start()
        try:
            await getattr(admin, call)(*arguments)
        finally:
            await admin.close()

    asyncio.run(calling())


def doctor(centre: Centre, *arguments: str, code: int = 0) -> str:
    """What `ioc doctor` says."""
    settings = centre.settings
    own = {"IOC_KAFKA_BOOTSTRAP": settings.kafka_bootstrap, "IOC_CLICKHOUSE_URL": settings.clickhouse_url}
    env = {**os.environ, "PYTHONPATH": str(ROOT), "IOC_DATA_DIR": str(centre.folder), **own}
    command = [sys.executable, "-m", "ioc", "doctor", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def refused(centre: Centre) -> str:
    """The worker ends with exit code 1; what it says."""
    centre.start("worker", may_end=True)
    wait_until(lambda: centre.ended("worker"), "the worker refuses")
    assert centre.exit_code("worker") == 1
    return next(line for line in reversed(centre.log("worker").splitlines()) if line.startswith("ioc worker:"))


def test_records_deleted_are_no_beginning_and_before_they_were_counted_refused_until_the_gap_is_accepted(tmp_path: Path) -> None:
    with Centre(tmp_path, PARTITIONS) as centre:
        traffic = Traffic(random.Random(1), PARTITIONS)
        centre.start("worker")
        centre.wait_counted(send(centre, traffic, 300))
        centre.kill("worker", signal.SIGTERM)
        records = read_back(centre.settings.kafka_bootstrap, PARTITIONS)
        before = live.counted(centre.store, centre.catalog)
        counted = before[DOSSIER, 1]

        # all was counted, but its first record would become known at its own reception, not at that of the record before
        administer(centre, "delete_records", {GONE: RecordsToDelete(counted // 2)})
        says = doctor(centre, "--rewind", code=1)
        assert f"counting would start again at 0, but the log begins at {counted // 2}" in says
        assert live.counted(centre.store, centre.catalog) == before
        doctor(centre, "--rewind", "--hours", "0")  # deletes none: the newest checkpoint takes over from itself

        end = send(centre, traffic, 300)[DOSSIER, 1]
        known = {(r.topic, r.partition, r.offset): r for r in records}
        known |= {(r.topic, r.partition, r.offset): r for r in read_back(centre.settings.kafka_bootstrap, PARTITIONS)}
        records = list(known.values())
        begin = (counted + end) // 2
        administer(centre, "delete_records", {GONE: RecordsToDelete(begin)})

        says = refused(centre)
        assert f"records {counted} to {begin - 1} were never counted and are gone" in says
        assert "ioc doctor --accept-gap ioc.events.dossier:1" in says
        assert f"goes on at {begin} (was {counted})" in doctor(centre, "--accept-gap", "ioc.events.dossier:1")

        centre.start("worker")
        centre.wait_counted(wanted := send(centre, traffic, 20))
        live.wait_rolled(centre.store, centre.catalog, wanted)  # the open step is compared, too
        centre.kill("worker", signal.SIGTERM)
        found = {row["what"]: row["detail"] for row in json.loads(doctor(centre, "--json"))}
        assert found["accepted gaps"] == f"{begin - counted} positions"
        assert_right_but_for_the_gap(centre, records, counted, begin)
        says = doctor(centre, "--rewind", code=1)
        assert "ioc.events.dossier:1: counting would start again at 0, before a gap that was accepted" in says
        assert_right_but_for_the_gap(centre, records, counted, begin)


def assert_right_but_for_the_gap(centre: Centre, before: list[Record], low: int, high: int) -> None:
    """What is left of the log, and what was counted before it was cut, is counted once and rightly."""
    known = {(r.topic, r.partition, r.offset): r for r in before}
    known |= {(r.topic, r.partition, r.offset): r for r in read_back(centre.settings.kafka_bootstrap, PARTITIONS)}
    left = [r for (t, p, o), r in sorted(known.items()) if (t, p) != (DOSSIER, 1) or not low <= o < high]
    findings = judge(centre.store, left, PARTITIONS, live.counted(centre.store, centre.catalog))
    assert findings.clean, "\n".join(findings.examples)


def test_a_topic_that_was_deleted_and_created_anew_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with Centre(tmp_path, PARTITIONS) as centre:
        traffic = Traffic(random.Random(2), PARTITIONS)
        centre.start("worker")
        centre.wait_counted(send(centre, traffic, 100))
        administer(centre, "delete_topics", [DOSSIER])
        live.prepare(centre.settings, centre.catalog)
        send(centre, traffic, 10)
        centre.kill("worker", signal.SIGTERM)
        says = refused(centre)
        assert "ioc.events.dossier:" in says
        assert "another or a truncated log" in says
        assert "start a new centre" in says
        before = live.counted(centre.store, centre.catalog)
        assert "another or a truncated log" in doctor(centre, "--rewind", code=1), "what was counted is not in it"
        assert live.counted(centre.store, centre.catalog) == before

        send(centre, traffic, 200)  # it is as long as the old one now, and accepted
        assert "--accept-gap" in refused(centre)
        for partition in range(PARTITIONS):
            doctor(centre, "--accept-gap", f"{DOSSIER}:{partition}")
        assert "before a gap that was accepted" in doctor(centre, "--rewind", code=1)


async def test_a_topic_a_broker_still_lists_after_its_end_is_created_anew(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stale(_: AIOKafkaAdminClient) -> list[str]:
        return ["ioc.gone"]

    monkeypatch.setattr(AIOKafkaAdminClient, "list_topics", stale)
    settings = Settings(kafka_bootstrap=broker)
    assert await kafka.create_topics(settings, {"ioc.gone": 1}) == ["ioc.gone"]
    assert await kafka.create_topics(settings, {"ioc.gone": 1}) == []
    assert await kafka.bounds(settings, ["ioc.gone"]) == {TopicPartition("ioc.gone", 0): (0, 0)}


async def test_who_may_not_create_topics_needs_them_there(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: AIOKafkaAdminClient, topics: list[NewTopic]) -> SimpleNamespace:
        return SimpleNamespace(topic_errors=[(topic.name, 29, "Authorization failed.") for topic in topics])

    settings = Settings(kafka_bootstrap=broker)
    await kafka.create_topics(settings, {"ioc.there": 1})
    monkeypatch.setattr(AIOKafkaAdminClient, "create_topics", refuse)
    assert await kafka.create_topics(settings, {"ioc.there": 1}) == []
    with pytest.raises(ServiceAway, match=r"topic ioc\.missing cannot be created: error 29"):
        await kafka.create_topics(settings, {"ioc.there": 1, "ioc.missing": 1})
