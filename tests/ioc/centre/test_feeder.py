"""Feeder: how it asks Kafka, and what it does at one time. What it does about rebalances, crashes and gaps: `test_faults`."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from ioc import kafka
from ioc.catalog import load
from ioc.centre import feeder
from ioc.centre.feeder import Feeder
from ioc.counting.pipeline import Pipeline
from ioc.events.batch import Batch
from ioc.events.block import Block
from ioc.kafka import Columns, Sender, TopicPartition
from ioc.settings import Settings
from ioc.store.state import Checkpoint
from tests.fake import FakeStore

PLACE = TopicPartition("t", 0)
PATIENCE = 10.0


# ---- a real broker


class Counting(Pipeline):
    """A pipeline that notes the size of each poll."""

    polls: list[int]

    def decode(self, batches: Sequence[Batch]) -> Any:
        self.polls += [sum(map(len, batches))] if batches else []
        return super().decode(batches)


@asynccontextmanager
async def fed(broker: str, topic: str) -> AsyncIterator[tuple[Counting, Sender]]:
    """A feeder at work on an empty topic, its pipeline (into memory), and a sender."""
    settings, catalog = Settings(kafka_bootstrap=broker), load()
    await kafka.create_topics(settings, {topic: 1})
    made = Counting(catalog, FakeStore(), settings)
    made.polls = []
    live = catalog.streams[0].topic
    failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    draining: set[asyncio.Task[None]] = set()

    async def nudge() -> None:  # the agent drains in a task of its own: a nudge is given up after half a second
        draining.add(asyncio.create_task(found.drain()))

    found = Feeder(settings, made, {topic: live}, topic, nudge, failed.set_exception)
    async with asyncio.timeout(60), Sender(settings, linger_ms=0) as sender:
        running = asyncio.create_task(found.run())
        await found.assigned.wait()
        try:
            yield made, sender
        finally:
            found.stop()
            await running
    assert not failed.done(), failed.exception()


async def counted(made: Counting, wanted: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while sum(c.next for c in made.checkpoints.values()) < wanted:  # noqa: ASYNC110 - counted in a thread
            await asyncio.sleep(0.01)


async def test_records_that_come_one_by_one_are_gathered_into_few_polls(broker: str) -> None:
    async with fed(broker, "feeder.few") as (made, sender):
        began = time.monotonic()
        for number in range(100):
            await (await sender.send("feeder.few", b"k", b"%d" % number))
            await asyncio.sleep(0.01)
        await counted(made, 100)
        took = time.monotonic() - began
    assert sum(made.polls) == 100
    assert len(made.polls) <= took * 1000 / feeder.GAP + 2


async def test_a_backlog_is_not_waited_for(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeder, "GAP", int(2_000 * PATIENCE))
    async with fed(broker, "feeder.backlog") as (made, sender):
        noise = random.Random(1).randbytes(feeder.FEW)  # it cannot be packed
        for _ in range(2):  # the first may be what ended the wait that had begun
            await (await sender.send("feeder.backlog", b"k", noise))
        await counted(made, 1)


# ---- partitions taken over


async def test_what_another_worker_counts_while_its_partitions_are_taken_over_is_no_truncated_log() -> None:
    """It writes its last checkpoint, and the log grows, between our look at the one and at the other."""
    size, failures = [10], []

    def assign(*_: Any) -> dict[Any, Checkpoint]:
        size[0] = 20
        return {("t", 0): Checkpoint(next=20, partitions=1)}

    async def ends(_: Any) -> dict[TopicPartition, int]:
        return {PLACE: size[0]}

    async def begins(_: Any) -> dict[TopicPartition, int]:
        return {PLACE: 0}

    taken: Any = SimpleNamespace(assign=assign)
    found = Feeder(Settings(), taken, {"t": "t"}, "g", partial(asyncio.sleep, 0), failures.append)
    found._consumer = SimpleNamespace(
        partitions_for_topic=lambda _: {0}, beginning_offsets=begins, end_offsets=ends, seek=lambda *_: None
    )
    await found.on_partitions_assigned([PLACE])
    assert failures == []
    assert found.assigned.is_set()


# ---- a log that never ends


class Log:
    """Stands for aiokafka's consumer: one more record whenever it is asked."""

    def __init__(self, **_: Any) -> None:
        self.next = 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def subscribe(self, topics: list[str], listener: Any) -> None: ...

    async def getmany(self, **_: Any) -> dict[TopicPartition, Columns]:
        await asyncio.sleep(0)
        self.next += 1
        return {PLACE: Columns(array("q", [self.next - 1]), [None], [b"{}"], array("q", [0]))}


class Steps:
    """Stands for the pipeline: notes what begins and ends, by the poll's first offset; a poll is written only once the next is
    counted and the one after it decoded, if `overlapping`."""

    def __init__(self, overlapping: bool) -> None:
        self.overlapping, self.lock = overlapping, threading.Condition()
        self.done: dict[str, int] = {"decoded": -1, "counted": -1, "written": -1}

    def _step(self, name: str, number: int) -> None:
        with self.lock:
            assert self.done[name] == number - 1, "in the order of the log"
            self.done[name] = number
            self.lock.notify_all()

    def decode(self, batches: Sequence[Batch]) -> list[Any]:
        for batch in batches:
            self._step("decoded", batch.start)
        return [SimpleNamespace(block=Block([batch]), number=batch.start) for batch in batches]

    def count(self, works: Sequence[Any]) -> list[int]:
        for work in works:
            self._step("counted", work.number)
        return [work.number for work in works]

    def write(self, rows: Sequence[int]) -> None:
        for number in rows:
            with self.lock:
                going_on = not self.overlapping or self.lock.wait_for(partial(self._is_ahead_of, number), PATIENCE)
            assert going_on, "nothing is done while rows are written"
            self._step("written", number)

    def _is_ahead_of(self, number: int) -> bool:
        return self.done["counted"] > number and self.done["decoded"] > number + 1

    def settle(self) -> None: ...


async def fed_without_end(monkeypatch: pytest.MonkeyPatch, steps: Steps, polls: int) -> list[bool]:
    """Feed until so many polls are counted. For each, whether the agent's call was still at work when it was told."""
    monkeypatch.setattr(kafka, "consumer", lambda *_, **__: Log())
    told: list[bool] = []
    draining: set[asyncio.Task[None]] = set()

    async def nudge() -> None:
        draining.add(asyncio.create_task(found.drain()))
        await asyncio.sleep(0)

    def tell() -> None:
        told.append(any(not task.done() for task in draining))
        if len(told) == polls:
            found.stop()

    found = Feeder(Settings(kafka_bootstrap="nowhere:1"), steps, {"t": "t"}, "g", nudge, pytest.fail, tell)  # type: ignore[arg-type]
    found._next[PLACE], found._epochs["t", 0] = 0, 1
    async with asyncio.timeout(PATIENCE):
        await found.run()
    for task in draining:
        task.cancel()
    await asyncio.gather(*draining, return_exceptions=True)
    return told


async def test_each_poll_is_told_of_when_it_is_counted_though_the_log_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The roller waits for this: it rolled every second time only while events kept coming."""
    assert await fed_without_end(monkeypatch, Steps(overlapping=False), 5) == [True] * 5


async def test_a_poll_is_written_while_the_next_is_counted_and_the_one_after_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(overlapping=True)
    monkeypatch.setattr(feeder, "LARGE", 1)
    await fed_without_end(monkeypatch, steps, 5)
    assert steps.done["written"] >= 4


async def test_of_small_polls_two_are_on_their_way_and_of_large_ones_four() -> None:
    loop, large = asyncio.get_running_loop(), feeder.LARGE

    def room(*sizes: int) -> bool:
        found = Feeder(Settings(), SimpleNamespace(), {}, "g", asyncio.sleep, pytest.fail)  # type: ignore[arg-type]
        found._flying = {loop.create_future(): size for size in sizes}
        return found._room()

    assert all(room(*sizes) for sizes in ((), (1,), (large,), (large, 1), (large, large, large)))
    assert not any(room(*sizes) for sizes in ((1, 1), (1, large - 2), (large, large, large, 1)))


# ---- what is left behind


def records_of(topic: str, partition: int, start: int) -> Batch:
    return Batch(topic, partition, start, start + 3, range(start, start + 3), [b"k"] * 3, [b"{}"] * 3, [1_700_000_000_000] * 3)


async def test_after_a_failure_nothing_is_counted_on_top_of_a_poll_that_was_never_written() -> None:
    """The poll before the one that could not be decoded is counted but not written: it must not be passed over."""
    catalog, store, failures = load(), FakeStore(), list[BaseException]()
    topic = catalog.streams[0].topic
    made = Pipeline(catalog, store, Settings(clickhouse_url="http://127.0.0.1:1"))
    made.assign([(topic, 0), (topic, 1)], {topic: 2})
    found = Feeder(Settings(), made, {topic: topic}, "g", asyncio.sleep, failures.append)  # type: ignore[arg-type]
    found._epochs = {(topic, 0): 1, (topic, 1): 1}
    decode = made.decode

    def broken(batches: Sequence[Batch]) -> Any:
        if any(batch.partition == 1 for batch in batches):
            raise MemoryError
        return decode(batches)

    made.decode = broken  # type: ignore[method-assign]
    for partition, start in ((0, 0), (1, 0), (0, 3)):
        done = asyncio.get_running_loop().create_future()
        found._waiting.append(feeder.Poll([records_of(topic, partition, start)], {(topic, partition): 1}, done))
    with pytest.raises(MemoryError):
        await found.drain()
    await found.drain()  # Faust starts an agent again that has failed
    assert len(failures) == 1
    written = {(r["partition"], r["offset"]) for r in store.tables["events"].values()}
    ends = {(r["partition"], r["next"]) for r in store.tables["checkpoints"].values()}
    assert all((partition, offset) in written for partition, end in ends for offset in range(end))


async def test_a_poll_of_holes_only_is_counted_and_makes_room() -> None:
    """Where a live log's beginning is gone, a replay's topic begins with records that stand for nothing."""
    catalog, store = load(), FakeStore()
    topic = catalog.streams[0].topic
    made = Pipeline(catalog, store, Settings())
    made.assign([(topic, 0)], {topic: 1})
    found = Feeder(Settings(), made, {topic: topic}, "g", asyncio.sleep, pytest.fail)  # type: ignore[arg-type]
    found._epochs = {(topic, 0): 1}
    for batch in (Batch(topic, 0, 0, 3, [], [], [], []), Batch(topic, 0, 3, 5, [], [], [], []), records_of(topic, 0, 5)):
        done = asyncio.get_running_loop().create_future()
        found._waiting.append(feeder.Poll([batch], {(topic, 0): 1}, done))
        await found.drain()
        assert done.done()
    assert made.checkpoints[topic, 0].next == 8
    assert found.records == 3
