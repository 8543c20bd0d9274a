"""Demo: sends a province to Kafka, its history at full speed and then its present as it happens.

The history carries the header `ioc-received`, so that the centre counts it as if it had been there (docs/exactness.md:
reception time); the present carries none. Stopped or cut off, the demo goes on where it was: see `ioc.province.demo_state`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import structlog

from ioc.catalog import REJECTS, load
from ioc.errors import ServiceAway
from ioc.events.batch import RECEIVED
from ioc.kafka import KafkaError, Sender, send_to_all
from ioc.province.demo_state import State, moved, remember, state_of
from ioc.province.model import Outgoing, Province
from ioc.settings import Settings
from ioc.times import iso

Progress = Callable[[int, int], None]
"""Is told (events sent, time reached in ms)."""
CHUNK = 10_000
"""Events between two acknowledgements of the history."""
SLICE = 0.1
"""Seconds between two sendings of the present."""
LATE_BATCH = 5_000
"""Events sent at once when the feed is behind."""
PATIENCE = (1, 2, 4, 8, 15)
"""Seconds to wait for Kafka before trying again; the last for ever."""
_log = structlog.get_logger()


@dataclass(frozen=True)
class Sent:
    """How many events Kafka has taken, in how many seconds."""

    events: int
    seconds: float


def wall_ms() -> int:
    """The wall clock, ms."""
    return time.time_ns() // 1_000_000


def quiet(events: int, reached_ms: int) -> None:
    """Progress nobody wants to see."""


async def run_history(settings: Settings, province: Province, progress: Progress = quiet) -> Sent:
    """Send the history, between two heartbeats in every partition; nothing if it was sent before. The topics must exist.

    Cut off, it goes on where it was when called again.  Raises ServiceAway or KafkaError when Kafka goes away.
    """
    state, began, sent = state_of(settings, province), time.monotonic(), 0
    if state.loaded:
        return Sent(0, 0.0)
    events = province.history(state.sent_until)
    first = next(events, None)
    latest = first.due_ms if first else province.start
    async with Sender(settings, linger_ms=20) as sender:
        await _beat(sender, "begin", latest)
        for event in chain([first] if first else [], events):
            latest = max(latest, event.due_ms)
            await sender.send(event.topic, event.key, event.value, [(RECEIVED, b"%d" % latest)])
            sent += 1
            if sent % CHUNK == 0:
                await sender.flush()
                remember(settings, state := moved(state, event.due_ms))
                progress(sent, latest)
        await sender.flush()
        await _beat(sender, "end", province.anchor)
    remember(settings, moved(state, province.anchor, loaded=True))
    progress(sent, province.anchor)
    return Sent(sent, time.monotonic() - began)


async def _beat(sender: Sender, name: str, at: int) -> None:
    """A heartbeat of the import into every partition, received at `at` ms. All topics: feeds are final when all are."""
    beat = {
        "specversion": "1.0", "id": f"demo-{name}-{at}", "source": "/ioc/demo", "type": "vn.ioc.heartbeat.v1",
        "time": iso(at), "data": {"origin": "import"},
    }  # fmt: skip
    await send_to_all(sender, (*load().topics, REJECTS), None, json.dumps(beat).encode(), [(RECEIVED, b"%d" % at)])


async def run_live(
    settings: Settings,
    province: Province,
    rate: float,
    stop: asyncio.Event,
    progress: Progress = quiet,
    now: Callable[[], int] = wall_ms,
) -> Sent:
    """Send the present, about `rate` events a second, until `stop` is set; what was due meanwhile comes first, late.

    Kafka may go away and come back: the demo waits, and sends everything that was due then.
    """
    began, state = time.monotonic(), state_of(settings, province)
    feed = _Feed(settings, state, province.live(max(state.sent_until, province.anchor), now(), rate), progress, now)
    sending = asyncio.create_task(feed.send())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({sending, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not sending.done():
        sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending
    remember(settings, feed.state)
    return Sent(feed.sent, time.monotonic() - began)


class _Feed:
    """The present on its way to Kafka."""

    def __init__(
        self, settings: Settings, state: State, events: Iterator[Outgoing], progress: Progress, now: Callable[[], int]
    ) -> None:
        self._settings, self._events, self._progress, self._now = settings, events, progress, now
        self.state, self.sent = state, 0
        self._next = next(events)
        self._on_the_way: list[Outgoing] = []
        """Taken from the province, not yet acknowledged: sent again when Kafka comes back."""

    async def send(self) -> None:
        """Send for ever, through as many connections as it takes."""
        tries = 0
        while True:
            before = self.sent
            try:
                async with _connected(self._settings) as sender:
                    if tries:
                        _log.info("demo: Kafka is back, sending on", behind_s=self._behind())
                    await self._send_through(sender)
            except (ServiceAway, KafkaError, OSError) as error:
                tries = 1 if self.sent > before else tries + 1
                wait = PATIENCE[min(tries, len(PATIENCE)) - 1]
                _log.warning("demo: Kafka is away, trying again", wait_s=wait, behind_s=self._behind(), error=str(error))
                await asyncio.sleep(wait)

    async def _send_through(self, sender: Sender) -> None:
        kept = 0.0
        while True:
            self._take()
            for event in self._on_the_way:
                await sender.send(event.topic, event.key, event.value)
            await sender.flush()
            if self._on_the_way:
                self.sent += len(self._on_the_way)
                self.state = moved(self.state, self._on_the_way[-1].due_ms)
                self._on_the_way.clear()
                if time.monotonic() - kept >= 1:
                    kept = time.monotonic()
                    remember(self._settings, self.state)
                    self._progress(self.sent, self.state.sent_until)
            if self._next.due_ms > self._now():
                await asyncio.sleep(SLICE)

    def _take(self) -> None:
        """Take what is due."""
        now = self._now()
        while self._next.due_ms <= now and len(self._on_the_way) < LATE_BATCH:
            self._on_the_way.append(self._next)
            self._next = next(self._events)

    def _behind(self) -> int:
        oldest = self._on_the_way[0] if self._on_the_way else self._next
        return max(0, self._now() - oldest.due_ms) // 1000


@contextlib.asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Sender]:
    """A sender that is let go after a few seconds even if Kafka does not answer."""
    sender = await Sender(settings).__aenter__()
    try:
        yield sender
    finally:
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(5):
                await sender.__aexit__(None, None, None)
