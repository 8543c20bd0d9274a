"""Outlet: a Sender that is opened again after a failure, so that the gateway outlives its broker's restarts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from ioc.errors import ServiceAway
from ioc.kafka import KafkaError, Sender
from ioc.settings import Settings

AGAIN_S = 2.0
"""Seconds between two attempts to open a sender: a broker that starts is found soon, one that is away is left in peace."""
CLOSING_S = 5.0
"""Seconds a broken sender gets to close; it may wait for a broker that does not come back."""
_log = structlog.get_logger()


class Outlet:
    """`async with Outlet(settings) as outlet`: opens a Sender in the background and replaces it once a record failed.

    A Sender ends with its first failure, because order among its later records is no longer certain. What failed is never
    sent again from here: the producer is told (503) and sends it again.
    """

    def __init__(self, settings: Settings, opening: Callable[[Settings], Sender] = Sender) -> None:
        self._settings = settings
        self._opening = opening
        self._sender: Sender | None = None
        self._broken = asyncio.Event()

    async def __aenter__(self) -> Outlet:
        self._keeper = asyncio.create_task(self._keep_open())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeper
        await self._close()

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> asyncio.Future[Any]:
        """As `Sender.send`. Raises ServiceAway at once while there is no sender."""
        if self._sender is None:
            raise ServiceAway(f"Kafka at {self._settings.kafka_bootstrap} does not answer")
        try:
            future = await self._sender.send(topic, key, value, headers)
        except KafkaError:
            self._broken.set()
            raise
        future.add_done_callback(self._done)
        return future

    async def alive(self) -> bool:
        """Whether there is a sender and a broker accepts connections now (an idle sender does not notice that it went away)."""
        if self._sender is None:
            return False
        for address in self._settings.kafka_bootstrap.split(","):
            host, _, port = address.strip().rpartition(":")
            with contextlib.suppress(OSError, ValueError, TimeoutError):
                async with asyncio.timeout(1.0):
                    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                writer.close()
                return True
        return False

    def _done(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and future.exception() is not None:
            self._broken.set()

    async def _keep_open(self) -> None:
        while True:
            try:
                self._broken = asyncio.Event()
                self._sender = await self._opening(self._settings).__aenter__()
            except (ServiceAway, KafkaError, OSError) as error:
                _log.warning("gateway waits for Kafka", error=str(error))
                await asyncio.sleep(AGAIN_S)
                continue
            await self._broken.wait()
            _log.warning("a record was not stored; the connection to Kafka is opened again")
            await self._close()

    async def _close(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            with contextlib.suppress(TimeoutError, KafkaError, OSError):
                async with asyncio.timeout(CLOSING_S):
                    await sender.__aexit__(None, None, None)
