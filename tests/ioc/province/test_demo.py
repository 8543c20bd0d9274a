"""The demo sends its history once, its present as it happens, and loses nothing on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from ioc.catalog import REJECTS, load
from ioc.errors import UsageError
from ioc.kafka import consumer, create_topics, partitions
from ioc.province.demo import Sent, run_history, run_live, wall_ms
from ioc.province.demo_state import open_province, remembered
from ioc.province.model import Province
from ioc.settings import Settings
from ioc.times import DAY, HOUR, MINUTE
from tests.services import free_port, running_broker

PARTITIONS = 3
TOPICS = (*load().topics, REJECTS)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_broker(tmp_path_factory.mktemp("demo") / "broker") as bootstrap:
        yield bootstrap


def settings_for(bootstrap: str, folder: Path) -> Settings:
    return Settings(kafka_bootstrap=bootstrap, data_dir=folder)


async def make_topics(settings: Settings) -> None:
    """The topics, if no test made them; each test reads from the ends it found."""
    await create_topics(settings, dict.fromkeys(TOPICS, PARTITIONS))


async def ends(settings: Settings) -> dict[Any, int]:
    client = consumer(settings)
    await client.start()
    try:
        places = [place for topic in TOPICS for place in await partitions(client, topic)]
        return dict(await client.end_offsets(places))
    finally:
        await client.stop()


async def records(settings: Settings, begins: dict[Any, int]) -> list[Any]:
    """All records from `begins` on, by partition."""
    until = await ends(settings)
    client = consumer(settings)
    await client.start()
    try:
        client.assign(list(begins))
        for place, offset in begins.items():
            client.seek(place, offset)
        found: list[Any] = []
        while any([await client.position(place) < until[place] for place in begins]):
            for batch in (await client.getmany(timeout_ms=500)).values():
                found += batch
        return found
    finally:
        await client.stop()


def values(found: list[Any]) -> set[bytes]:
    return {record.value for record in found if b"vn.ioc.heartbeat" not in record.value}


async def live_until(settings: Settings, province: Province, events: int, rate: float = 40) -> Sent:
    stop = asyncio.Event()
    running = run_live(settings, province, rate, stop, lambda sent, _: stop.set() if sent >= events else None)
    return await asyncio.wait_for(running, 60)


async def test_the_history_is_sent_once_between_heartbeats_with_rising_headers(broker: str, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    await make_topics(settings)
    before = await ends(settings)
    province = open_province(settings, seed=3, history_ms=6 * HOUR, now_ms=wall_ms())
    seen: list[int] = []
    sent = await run_history(settings, province, lambda events, reached: seen.append(events))
    found = await records(settings, before)
    assert values(found) == {event.value for event in province.history()}
    assert sent.events == seen[-1] == len(found) - 2 * PARTITIONS * len(TOPICS)
    for place in before:
        own = [r for r in found if (r.topic, r.partition) == (place.topic, place.partition)]
        stamps = [int(dict(r.headers)["ioc-received"]) for r in own]
        assert stamps == sorted(stamps)
        assert stamps[-1] == province.anchor
        for beat in (own[0], own[-1]):
            assert json.loads(beat.value)["data"] == {"origin": "import"}
    again = open_province(settings, seed=3, history_ms=9 * DAY, now_ms=wall_ms() + DAY)
    assert (again.anchor, again.start) == (province.anchor, province.start)
    assert (await run_history(settings, again)).events == 0


async def test_a_history_cut_off_goes_on_and_misses_nothing(broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(broker, tmp_path)
    await make_topics(settings)
    before = await ends(settings)
    monkeypatch.setattr("ioc.province.demo.CHUNK", 500)
    province = open_province(settings, seed=4, history_ms=6 * HOUR, now_ms=wall_ms())

    def pull_the_plug(events: int, reached: int) -> None:
        if events == 1000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await run_history(settings, province, pull_the_plug)
    state = remembered(settings)
    assert state is not None
    assert not state.loaded
    rest = await run_history(settings, open_province(settings, 4, 6 * HOUR, wall_ms()))
    everything = list(province.history())
    assert len(everything) - 1000 <= rest.events < len(everything)
    assert values(await records(settings, before)) == {event.value for event in everything}


async def test_the_present_flows_and_a_second_start_goes_on_where_it_was(broker: str, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    await make_topics(settings)
    before = await ends(settings)
    province = open_province(settings, seed=5, history_ms=HOUR, now_ms=wall_ms())
    await run_history(settings, province)
    first = await live_until(settings, province, 100)
    await asyncio.sleep(1)  # nobody sends
    second = await live_until(settings, open_province(settings, 5, HOUR, wall_ms()), 120)
    assert first.events >= 100
    assert second.events >= 120
    found = await records(settings, before)
    state = remembered(settings)
    assert state is not None
    due = takewhile(lambda e: e.due_ms <= state.sent_until, province.live(province.anchor, province.anchor, 40))
    live = {event.value for event in due}
    assert live <= values(found), "what was due between the two is sent too"
    assert not any(record.headers for record in found if record.value in live)


def test_another_seed_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    settings = settings_for("127.0.0.1:1", tmp_path)
    open_province(settings, 5, DAY, wall_ms())
    with pytest.raises(UsageError, match="begun with seed 5"):
        open_province(settings, 6, DAY, wall_ms())


async def test_while_kafka_is_away_the_demo_waits_and_then_sends_what_was_due(tmp_path: Path) -> None:
    port = free_port()
    settings = settings_for(f"127.0.0.1:{port}", tmp_path / "data")
    province = open_province(settings, seed=6, history_ms=HOUR, now_ms=wall_ms() - 2 * MINUTE)
    stop = asyncio.Event()
    live = asyncio.create_task(run_live(settings, province, 20, stop))
    await asyncio.sleep(1)
    assert not live.done(), "no Kafka at the start is no reason to end"
    for _ in range(2):
        with running_broker(tmp_path / "broker", port):
            await create_topics(settings, dict.fromkeys(TOPICS, PARTITIONS))
            await _until_sent(settings, wall_ms() - 500)
        await asyncio.sleep(1)  # the broker is away
    assert not live.done()
    with running_broker(tmp_path / "broker", port):
        await _until_sent(settings, wall_ms())
        stop.set()
        await live
        state = remembered(settings)
        assert state is not None
        found = values(await records(settings, dict.fromkeys(await ends(settings), 0)))
        due = takewhile(lambda e: e.due_ms <= state.sent_until, province.live(province.anchor, province.anchor, 20))
        assert {event.value for event in due} <= found


async def _until_sent(settings: Settings, until: int) -> None:
    for _ in range(600):
        state = remembered(settings)
        if state and state.sent_until >= until:
            return
        await asyncio.sleep(0.1)
    pytest.fail("the demo does not go on")
