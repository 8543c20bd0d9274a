"""Feeder: how often it asks Kafka. What it does about rebalances, crashes and gaps: `test_faults`."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from ioc import feeder, kafka
from ioc.feeder import Feeder
from ioc.kafka import TopicPartition
from ioc.settings import Settings

TOPIC = "ioc.events.dossier"
PLACE = TopicPartition(TOPIC, 0)


class Log:
    """Stands for aiokafka's consumer: a log that has `size` records whenever it is asked, and notes when it was."""

    def __init__(self, size: int, **_: Any) -> None:
        self.size, self.asked, self.next = size, list[float](), 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def subscribe(self, topics: list[str], listener: Any) -> None: ...

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        self.asked.append(asyncio.get_running_loop().time())
        first, self.next = self.next, self.next + self.size
        record = {"timestamp": 0, "key": None, "value": b"{}", "headers": ()}
        return {PLACE: [SimpleNamespace(offset=offset, **record) for offset in range(first, self.next)]}


async def polls(monkeypatch: pytest.MonkeyPatch, size: int, gap: float, number: int) -> list[float]:
    """When a feeder asked, `number` times, of a log that always has `size` records; each poll is counted at once."""
    log = Log(size)
    monkeypatch.setattr(feeder, "GAP", gap)
    monkeypatch.setattr(kafka, "consumer", lambda *_, **__: log)

    async def nudge() -> None:
        while fed._waiting:
            fed._waiting.popleft().done.set_result(None)
        if len(log.asked) >= number:
            fed.stop()

    fed = Feeder(Settings(kafka_bootstrap="nowhere:1"), None, {TOPIC: TOPIC}, "g", nudge, pytest.fail)  # type: ignore[arg-type]
    fed._next[PLACE], fed._epochs[TOPIC, 0] = 0, 1
    async with asyncio.timeout(10):
        await fed.run()
    return log.asked


async def test_polls_that_bring_little_are_not_asked_for_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = await polls(monkeypatch, 5, 0.05, 6)
    assert all(later - earlier >= 0.049 for earlier, later in pairwise(asked))


async def test_polls_that_bring_much_follow_each_other_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(await polls(monkeypatch, feeder.FEW, 3_600, 6)) >= 6  # an hour apart, if it waited


async def test_a_feeder_that_waits_for_more_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(await polls(monkeypatch, 1, 3_600, 1)) == 1
