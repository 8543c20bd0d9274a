"""Due: when the roller takes its next turn. It is told of what was counted, by whichever process counted it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

ROLL = 2.0
"""Seconds between two rolls: a provisional row is overwritten at most that often, but for where much comes. Every one writes a
row for each number that moved, which the store has to merge: a roll a second costs it a third more."""
MANY = 500
"""Events counted since the last roll began that make the next one due at once."""
UNTOLD = 5.0
"""Seconds after which the roller looks though nobody told it of anything: a nudge may be lost."""
LEAST, LONGEST = 0.1, 10.0
"""Seconds of rest after a roll in any case, and at most."""


class Due:
    """When the next turn is due."""

    def __init__(self) -> None:
        self._told, self._many, self._count = asyncio.Event(), asyncio.Event(), 0

    def tell(self, count: bytes | None) -> None:
        """So many more events were counted (decimal; anything else: some)."""
        self._count += int(count) if count and len(count) < 12 and count.isdigit() else 0
        self._told.set()
        if self._count >= MANY:
            self._many.set()

    async def news(self) -> None:
        """Return when something was counted since the last time, or nobody told of anything for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(UNTOLD):
                await self._told.wait()
        self._told.clear()
        self._many.clear()
        self._count = 0

    async def rest(self, took: float) -> None:
        """After a turn of so many seconds, leave the machine to the others for half as long. A usual roll is due every other
        second, one of many events as soon as that."""
        pause = min(max(took / 2, LEAST), LONGEST)
        await asyncio.sleep(pause)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(ROLL - took - pause, 0)):
                await self._many.wait()
