"""Paths: what is measured, each in a process of its own: `python -m ioc.bench.paths NAME ARGUMENTS` prints its result as JSON.

A path reads the topic from its beginning to the end it had when the benchmark had filled it. The time runs from the first record
to the last; starting and joining a group are not in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ioc import kafka
from ioc.bench.collector import collector
from ioc.bench.cores import peak
from ioc.catalog import load
from ioc.centre import garbage
from ioc.centre.feeder import Feeder
from ioc.counting.pipeline import Pipeline
from ioc.events import fast_lane
from ioc.events.arrow_schema import shape
from ioc.events.exact_lane import exact
from ioc.kafka import TopicPartition
from ioc.settings import Settings
from ioc.store import tables
from ioc.store.clickhouse import Store

Result = dict[str, Any]
"""events, seconds, and what else a path has to tell."""
LANES = 100_000
"""Events the decode lanes are measured with."""
EXACT = 20_000


async def raw(settings: Settings, topic: str) -> Result:
    """aiokafka alone: the records of all partitions, fetched and counted."""
    ends = {p: end for p, (_, end) in (await kafka.bounds(settings, [topic])).items()}
    consumer = kafka.consumer(settings)
    consumer.assign(list(ends))
    await consumer.start()
    try:
        await consumer.seek_to_beginning()
        count, wanted, started = 0, sum(ends.values()), 0.0
        while count < wanted:
            found = await consumer.getmany(timeout_ms=1000, max_records=20_000)
            started = started or time.perf_counter()
            count += sum(map(len, found.values()))
        return {"events": count, "seconds": time.perf_counter() - started}
    finally:
        await consumer.stop()


async def _values(settings: Settings, topic: str, count: int) -> list[bytes]:
    consumer = kafka.consumer(settings)
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.start()
    values: list[bytes] = []
    try:
        await consumer.seek_to_beginning()
        while len(values) < count and (found := await consumer.getmany(timeout_ms=2000, max_records=20_000)):
            values += [r.value for records in found.values() for r in records]
        return values[:count]
    finally:
        await consumer.stop()


async def lanes(settings: Settings, topic: str) -> Result:
    """The decode lanes alone, in batches of 20,000, from memory: fast (columns) and exact (pydantic)."""
    values = await _values(settings, topic, LANES)
    contracts = load().accepted(topic)
    kind = next(c for t, c in contracts.items() if f'"{t}"'.encode() in values[-1])
    form, batches = shape(kind), [values[i : i + 20_000] for i in range(0, len(values), 20_000)]
    fast_lane.parse(form, range(len(batches[0])), batches[0])  # threads are started, patterns compiled
    started = time.perf_counter()
    for batch in batches:
        fast_lane.parse(form, range(len(batch)), batch)
    columns = time.perf_counter()
    for value in values[:EXACT]:
        exact(value, (), contracts)
    done = time.perf_counter()
    return {
        "events": len(values),
        "seconds": columns - started,
        "exact_events": len(values[:EXACT]),
        "exact_seconds": done - columns,
    }


async def measure(settings: Settings, topic: str, archive: bool) -> Result:
    """The feeder and the pipeline as in the worker, into a database of its own, until the topic's end is counted.

    `flat`: the cost of an event over all of them, by that over the first tenth.
    """
    catalog, store = load(), Store(settings)
    tables.migrate(store, catalog)
    pipeline = Pipeline(catalog, store, settings, archive_values=archive)
    ends = {(p.topic, p.partition): end for p, (_, end) in (await kafka.bounds(settings, [topic])).items()}
    began: list[float] = []

    async def nudge() -> None:
        began.append(time.perf_counter())
        wake.set()

    failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    wake = asyncio.Event()
    feeder = Feeder(settings, pipeline, {topic: topic}, f"bench.{settings.clickhouse_database}", nudge, failed.set_exception)
    feeding = asyncio.create_task(feeder.run())
    total = sum(ends.values())
    tenth = asyncio.create_task(_reached(pipeline, total // 10))
    while (
        any(pipeline.checkpoints[place].next < end for place, end in ends.items() if place in pipeline.checkpoints) or not began
    ):
        waiting = asyncio.create_task(wake.wait())
        await asyncio.wait([waiting, feeding, failed], return_when=asyncio.FIRST_COMPLETED)
        if failed.done() or feeding.done():
            raise failed.exception() or RuntimeError("the feeder has ended")
        wake.clear()
        await feeder.drain()
    seconds = time.perf_counter() - began[0]
    feeder.stop()
    await feeding
    first, count = await tenth
    return {"events": total, "seconds": seconds, "flat": seconds / total / ((first - began[0]) / count)}


async def _reached(pipeline: Pipeline, wanted: int) -> tuple[float, int]:
    """When so many records were counted, and how many it were then."""
    while (count := sum(c.next for c in pipeline.checkpoints.values())) < wanted:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return time.perf_counter(), count


PATHS: dict[str, Callable[..., Awaitable[Result]]] = {"raw": raw, "lanes": lanes, "measure": measure, "collector": collector}


def main() -> None:
    """Run one path and print its result."""
    name, *arguments = sys.argv[1:]
    garbage.seldom()
    started = time.process_time()
    result: Any = asyncio.run(PATHS[name](Settings(), *map(json.loads, arguments)))  # type: ignore[arg-type]
    print(json.dumps(result | {"cpu": time.process_time() - started, "mb": peak(os.getpid())}))


if __name__ == "__main__":
    main()
