"""Connections: who does not finish the head of a request is let go, so that nobody holds a place by saying nothing."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""Seconds for the head of a request; uvicorn itself waits for ever."""


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
