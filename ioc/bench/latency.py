"""Latency: from handing an event to Kafka until the rows that count it can be read, at a steady rate, with a whole worker."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from ioc.bench.events import radio
from ioc.catalog import Catalog
from ioc.centre import live
from ioc.kafka import Sender
from ioc.rolling.reached import ROLL
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store
from schemas.ran import RanMeasured

TICK = 0.01
"""Seconds between two bursts of the producer."""
WARM = 3.0
"""Seconds at both ends that are not the steady state: the worker's first polls and its first roll, and the few last events, which
wait for the roll after the usual pause. They are in the figures but for the `steady` ones."""


async def latency(settings: Settings, catalog: Catalog, rate: int, seconds: float) -> dict[str, float]:
    """Milliseconds (p50, p99, max, and p99 of the steady state) until an event's row is visible: until the roller, which saves
    its position after its rows, is past the event's offset. Looked at every 20 ms, which is in the result."""
    topic = RanMeasured.topic
    sent: list[tuple[int, int, float]] = []
    seen: list[tuple[float, dict[int, int]]] = []
    store = Store(settings)
    done = asyncio.Event()

    def note(at: float, future: asyncio.Future[Any]) -> None:
        meta = future.result()
        sent.append((meta.partition, meta.offset, at))

    async def watch() -> None:
        while not done.is_set():
            found = await asyncio.to_thread(state.checkpoints, store, ROLL, [topic])
            seen.append((time.perf_counter(), {p: c.next for (_, _, p), c in found.items()}))
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    async with Sender(settings) as sender:
        begun, events, count = time.perf_counter(), radio(int(rate * seconds), time.time_ns() // 1_000_000, seed=7), 0
        while time.perf_counter() - begun < seconds:
            due = int((time.perf_counter() - begun) * rate) - count
            for key, value in islice(events, due):
                future = await sender.send(topic, key, value)
                future.add_done_callback(partial(note, time.perf_counter()))
            count += due
            await asyncio.sleep(TICK)
        took = time.perf_counter() - begun
        await sender.flush()
        wanted = {(topic, p): o + 1 for p, o, _ in sorted(sent)}
        await asyncio.to_thread(live.wait_counted, store, catalog, wanted, None, 60.0)
        while any(seen[-1][1].get(p, 0) < position for (_, p), position in wanted.items()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # the watcher looks
        done.set()
        await watching
    found, handed = [], []
    for partition in {p for p, _, _ in sent}:
        own = np.array([(o, at) for p, o, at in sent if p == partition])
        positions = np.array([at.get(partition, 0) for _, at in seen])
        when = np.array([at for at, _ in seen])
        found.append(when[np.searchsorted(positions, own[:, 0], side="right")] - own[:, 1])
        handed.append(own[:, 1] - begun)
    ms, since = np.concatenate(found) * 1000, np.concatenate(handed)
    steady = ms[(since >= WARM) & (since < seconds - WARM)] if seconds > 2 * WARM else ms
    return {
        "events": len(ms),
        "per_second": len(ms) / took,
        "p50_ms": float(np.quantile(ms, 0.5)),
        "p99_ms": float(np.quantile(ms, 0.99)),
        "max_ms": float(ms.max()),
        "steady_p99_ms": float(np.quantile(steady, 0.99)),
    }
