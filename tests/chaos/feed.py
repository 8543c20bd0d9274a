"""Feed: a thread that sends events through every fault: first a past, then live ones, and transactions on demand."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ioc import kafka
from ioc.catalog import Catalog
from ioc.centre import live
from ioc.errors import IocError
from ioc.settings import Settings
from tests.brute import HOUR, MINUTE, Record
from tests.chaos.traffic import Traffic

PAST = 3 * HOUR
"""How much of a past is loaded before the centre goes live: steps of every window become final in it."""
LOADED = 400
"""Events of that past."""
BROKEN = (KafkaError, IocError, OSError, TimeoutError)


class Feed:
    """Use as a context manager. `rate`: events a second, without what follows them."""

    def __init__(self, settings: Settings, catalog: Catalog, seed: str, rate: float) -> None:
        self._settings, self._catalog, self._rate = settings, catalog, rate
        self._traffic = Traffic(random.Random(seed), settings.partitions)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="feed", daemon=True)
        self._stop = asyncio.Event()
        self._open: AIOKafkaProducer | None = None
        self.sent = 0
        self.live = threading.Event()
        self.transactions: Counter[str] = Counter()

    def __enter__(self) -> Feed:
        self._thread.start()
        self._running = asyncio.run_coroutine_threadsafe(self._run(), self._loop)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(TimeoutError):
            self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def stop(self) -> None:
        """Send no more, and return once Kafka has what was sent."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._running.result(120)

    def transaction(self, end: str) -> None:
        """Some events in a transaction that is then `committed`, `aborted`, or `deserted`: left open for its successor to end."""
        asyncio.run_coroutine_threadsafe(self._transaction(end), self._loop).result(120)
        self.transactions[end] += 1

    # ---- all below runs in the feed's own loop

    async def _run(self) -> None:
        past = iter(self._past())
        while not self._stop.is_set():
            with suppress(*BROKEN):
                async with kafka.Sender(self._settings) as sender:
                    while not self._stop.is_set():
                        await self._send(sender, past)
        if self.transactions:  # the last one may still be open, and would hold back what comes after it
            await self._transaction("committed")
            await self._desert(self._open)

    def _past(self) -> list[int]:
        now = time.time_ns() // 1_000_000
        return [now - PAST + i * (PAST - MINUTE) // LOADED for i in range(LOADED)]

    async def _send(self, sender: kafka.Sender, past: Any) -> None:
        """The next event: of the past, as fast as it goes, then the going live, then at the rate."""
        received = next(past, None)
        if received is None and not self.live.is_set():
            await sender.flush()
            await live.beat(sender, self._catalog)
            self.live.set()
        for record in self._traffic.next(time.time_ns() // 1_000_000, received):
            await sender.send(record.topic, record.key, record.value, record.headers, record.partition)
            self.sent += 1
        if received is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 1 / self._rate)
        if self._stop.is_set():
            await sender.flush()

    async def _transaction(self, end: str) -> None:
        """Until it went through: a broker that is killed meanwhile ends a transaction its own way."""
        while True:
            try:
                if self._open is None:
                    self._open = await self._producer()
                await self._open.begin_transaction()
                await self._put(self._open, [r for _ in range(8) for r in self._traffic.next(time.time_ns() // 1_000_000)])
                if end == "committed":
                    await self._open.commit_transaction()
                elif end == "aborted":
                    await self._open.abort_transaction()
                else:
                    await self._desert(self._open)
                return
            except BROKEN:
                await self._desert(self._open)
                await asyncio.sleep(0.2)  # the broker is away or coming up

    async def _producer(self) -> AIOKafkaProducer:
        made = AIOKafkaProducer(
            **kafka.connection(self._settings), transactional_id="chaos", transaction_timeout_ms=15_000, request_timeout_ms=10_000
        )
        try:
            await asyncio.wait_for(made.start(), 15)
        except BaseException:
            await made.stop()
            raise
        return made

    async def _put(self, producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
        waiting = [await producer.send(r.topic, r.value, r.key, r.partition) for r in records]
        await asyncio.wait_for(asyncio.gather(*waiting), 15)
        self.sent += len(records)

    async def _desert(self, producer: AIOKafkaProducer | None) -> None:
        """Leave without ending the transaction, as a killed producer does; the next one fences it."""
        self._open = None
        if producer is not None:
            with suppress(*BROKEN, asyncio.CancelledError):
                await producer._sender.close()
            await producer.client.close()
            producer._closed = True  # or it warns of what we do on purpose
