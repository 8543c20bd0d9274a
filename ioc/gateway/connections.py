"""Connections: who does not finish the head of a request is let go, and who is refused before the end of a body hears why."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import h11
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""Seconds for the head of a request; uvicorn itself waits for ever."""
ARRIVED_S = 0.01
"""Seconds in which a body that has arrived with its head is read; of a larger one the answer does not wait for the rest."""
LINGER_S, LINGER_IDLE_S = 10.0, 2.0
"""Seconds in which the rest of a refused body is still read, and how long one waits for more of it."""


class Impatient(H11Protocol):
    """Uvicorn's connection with a time limit for heads; where all places are taken, the oldest unfinished head gives its up."""

    late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The time of the first head begins."""
        super().connection_made(transport)
        self.late = self.loop.call_later(HEAD_S, transport.abort)
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            unfinished = [c for c in self.connections if isinstance(c, Impatient) and c is not self and c.late]
            if unfinished:
                min(unfinished, key=lambda c: c.late.when() if c.late else 0.0).transport.abort()

    def data_received(self, data: bytes) -> None:
        """A whole head stops the time, the first bytes of the next one start it."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self.late is None:
            self.late = self.loop.call_later(HEAD_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to wait for."""
        self._stop()
        super().connection_lost(exc)

    def _stop(self) -> None:
        if self.late:
            self.late.cancel()
            self.late = None


class Lingering:
    """ASGI middleware: an answer to a body that was not read to its end goes first, then the rest is read and dropped.

    A connection closed with bytes unread is reset, and the answer is lost with it (RFC 9112, section 9.6).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        head = Headers(scope=scope)
        unread = head.get("content-length", "0") != "0" or "transfer-encoding" in head
        silent = "expect" in head  # until "100 Continue" is said: after a refusal nothing comes

        async def received() -> Message:
            nonlocal unread, silent
            silent = False
            message = await receive()
            unread = unread and bool(message.get("more_body"))
            return message

        async def sent(message: Message) -> None:
            begins = message["type"] == "http.response.start"
            if unread and not silent and (begins or not message.get("more_body")):
                if not begins:  # the answer goes first
                    await send({**message, "more_body": True})
                    message = {"type": "http.response.body"}
                with suppress(TimeoutError):
                    async with asyncio.timeout(0) as limit:
                        end = asyncio.get_running_loop().time() + (ARRIVED_S if begins else LINGER_S)
                        while unread:
                            limit.reschedule(min(end, asyncio.get_running_loop().time() + LINGER_IDLE_S))
                            await received()
            if unread and begins:
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        await self.app(scope, received, sent)
