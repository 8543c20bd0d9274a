"""Gateway and a real broker: what it says is stored is stored, and it outlives the broker's restart."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ioc.cli.asyncapi import examples
from ioc.events import rejects
from ioc.events.murmur import partitions
from ioc.gateway import app as gateway
from ioc.gateway import verdicts
from ioc.gateway.outlet import Outlet
from ioc.kafka import TopicPartition, create_topics, read_at
from ioc.settings import Settings
from tests.services import free_port, running_broker

RECEIVED = examples()["dossier_received_online"]
TOPICS = {"ioc.events.dossier": 4, rejects.TOPIC: 1}
BATCH = {"content-type": "application/cloudevents-batch+json"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    return tmp_path_factory.mktemp("gateway"), free_port()


@pytest.fixture
def settings(place: tuple[Path, int]) -> Iterator[Settings]:
    folder, port = place
    with running_broker(folder, port) as bootstrap:
        yield Settings(kafka_bootstrap=bootstrap)


def client(settings: Settings, outlet: Outlet) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(gateway.build(settings, outlet)), base_url="http://127.0.0.1", timeout=60
    )


async def until(http: httpx.AsyncClient, method: str, url: str, status: int, **request: Any) -> None:
    """Ask again until it answers with the status."""
    async with asyncio.timeout(60):
        while (await http.request(method, url, **request)).status_code != status:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def healthy(http: httpx.AsyncClient) -> None:
    await until(http, "GET", "/health", 200)


def batch(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{**RECEIVED, "id": f"{i}", "data": {**RECEIVED["data"], "dossier": f"hồ sơ {i}", **more}} for i in range(count)]


async def test_a_batch_lies_where_the_answer_says_and_a_reject_keeps_its_bytes(settings: Settings) -> None:
    await create_topics(settings, TOPICS)
    async with Outlet(settings) as outlet, client(settings, outlet) as http:
        await healthy(http)
        await http.post("/events", json=batch(500), headers=BATCH)
        start = time.perf_counter()
        answer = await http.post("/events", json=[*batch(500), {"id": "x"}], headers=BATCH)
        taken = time.perf_counter() - start
        *good, bad = answer.json()["events"]
    assert (answer.status_code, len(good), bad["reason"]) == (422, 500, "not_cloudevent")
    assert taken < 1, "some 50 ms on a quiet machine"
    shown = [(good[i], f"hồ sơ {i}".encode()) for i in (0, 123, 499)]
    for told, key in shown:
        spot = TopicPartition(told["topic"], told["partition"])
        assert told["partition"] == partitions([key], 4)[0]
        record = (await read_at(settings, {spot: told["offset"]}))[spot]
        assert (record.offset, record.key, json.loads(record.value)["id"]) == (told["offset"], key, told["id"])
    spot = TopicPartition(rejects.TOPIC, 0)
    kept = rejects.unpack((await read_at(settings, {spot: 0}))[spot].value)
    assert kept is not None
    assert (kept.value, kept.id, kept.reason) == (b'{"id":"x"}', "x", "not_cloudevent")


async def test_it_starts_without_a_broker_and_outlives_its_restart(
    place: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "STORED_S", 2.0)
    folder, port = place
    settings = Settings(kafka_bootstrap=f"127.0.0.1:{port}")

    def start() -> Any:
        running = running_broker(folder, port)
        running.__enter__()
        return running

    async with Outlet(settings) as outlet, client(settings, outlet) as http:
        assert (await http.post("/events", json=batch(1), headers=BATCH)).status_code == 503
        for _ in range(2):
            running = await asyncio.to_thread(start)
            try:
                await create_topics(settings, TOPICS)
                await healthy(http)
                await until(http, "POST", "/events", 202, json=batch(2), headers=BATCH)
            finally:
                await asyncio.to_thread(running.__exit__, None, None, None)
            assert (await http.get("/health")).status_code == 503
            assert (await http.post("/events", json=batch(1), headers=BATCH)).status_code == 503
