"""Proxy: stands between the workers and the store, and does to the nth insert into a table what a trap says.

Every worker has a port of its own here, so the proxy knows whose request it holds and whom to kill at that very moment.
"""

from __future__ import annotations

import asyncio
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

BOUNDARIES = ("events", "panes", "entities", "seen", "rejects", "checkpoints", "indicators")
ERROR = b"Code: 241. DB::Exception: memory limit exceeded (a trap of the chaos tests)\n"
REFUSAL = (
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain\r\nX-ClickHouse-Exception-Code: 241\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(ERROR), ERROR)
)
LANDING = 0.2
"""Seconds between two attempts to land a late write while the store itself is away."""


@dataclass
class Trap:
    """What happens at the nth insert into a table: before it is forwarded, and whether, when and with what answer it is.

    `hurt`: the signal the worker gets, `after`: only once the row is written. `forward`: at once, `late` (the worker's connection
    is cut now, the write lands once it is released), or never. `answer`: whether the worker gets to know.
    """

    kind: str
    table: str
    nth: int = 1
    hurt: signal.Signals | None = None
    after: bool = False
    forward: str = "now"
    answer: bytes | None = None
    """Sent instead of the store's; empty: the connection is cut; None: the store's own."""
    who: str = ""
    struck: threading.Event = field(default_factory=threading.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    landed: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Use as a context manager; `port(name)` opens a port for a worker. `away`: every connection is refused."""

    def __init__(self, store: int, hurt: Callable[[str, signal.Signals], object]) -> None:
        self._store, self._hurt = store, hurt
        self._traps: list[Trap] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._ports: dict[str, int] = {}
        self.away = False
        self.written: Counter[str] = Counter()
        """Inserts the store has acknowledged to a worker, by table."""

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def port(self, name: str) -> int:
        """The port of a worker, opened at the first call."""
        if name not in self._ports:
            self._ports[name] = asyncio.run_coroutine_threadsafe(self._listen(name), self._loop).result(10)
        return self._ports[name]

    def set(self, trap: Trap) -> None:
        """From now on the trap counts inserts into its table."""
        self._loop.call_soon_threadsafe(self._traps.append, trap)

    def drop(self, trap: Trap) -> None:
        """Take a trap away that did not strike."""
        self._loop.call_soon_threadsafe(lambda: self._traps.remove(trap) if trap in self._traps else None)

    def release(self, trap: Trap) -> None:
        """Let the write of a late trap land."""
        self._loop.call_soon_threadsafe(trap.release.set)

    # ---- all below runs in the proxy's own loop

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, name: str) -> int:
        server = await asyncio.start_server(lambda r, w: self._serve(name, r, w), "127.0.0.1", 0, limit=1 << 20)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, who: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after the other; every failure cuts it."""
        store: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (request := await message(reader)) and not self.away:
                table = table_of(request)
                trap = self._due(table)
                if trap is not None:
                    answer = await self._strike(trap, who, request)
                else:
                    store = store or await asyncio.open_connection("127.0.0.1", self._store, limit=1 << 20)
                    store[1].write(request)
                    answer = await message(store[0])
                    if self.away:
                        break
                if not answer:
                    break
                self.written[table] += answer.startswith(b"HTTP/1.1 200")
                writer.write(answer)
                await writer.drain()
        for each in (writer, store and store[1]):
            if each:
                each.transport.abort()  # a reset, not an end in order

    def _due(self, table: str) -> Trap | None:
        """The trap that this insert springs."""
        for trap in self._traps:
            if trap.table == table:
                trap.nth -= 1
                if trap.nth <= 0:
                    self._traps.remove(trap)
                    return trap
        return None

    async def _strike(self, trap: Trap, who: str, request: bytes) -> bytes:
        trap.who = who
        if trap.hurt and not trap.after:
            self._hurt(who, trap.hurt)
        answer = b""
        if trap.forward == "now":
            answer = await self._ask(request)
        elif trap.forward == "late":
            task = self._loop.create_task(self._land(trap, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if trap.hurt and trap.after:
            self._hurt(who, trap.hurt)
        trap.struck.set()
        return answer if trap.answer is None else trap.answer

    async def _land(self, trap: Trap, request: bytes) -> None:
        """The write that everybody thought lost reaches the store after all."""
        await trap.release.wait()
        answer = b""
        while not answer:
            with suppress(OSError, asyncio.IncompleteReadError):
                answer = await self._ask(request)
            if not answer:
                await asyncio.sleep(LANDING)
        trap.landed.set()

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._store, limit=1 << 20)
        try:
            writer.write(request)
            return await message(reader)
        finally:
            writer.close()


async def message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP request or response, whole; empty at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    if length:
        return head + await reader.readexactly(int(length[1]))
    if not re.search(rb"\r\ntransfer-encoding: *chunked", head, re.IGNORECASE):
        return head
    parts = [head]
    while True:
        size = await reader.readuntil(b"\r\n")
        parts += [size, await reader.readexactly(int(size, 16) + 2)]
        if int(size, 16) == 0:
            return b"".join(parts)


def table_of(request: bytes) -> str:
    """The table an insert goes into, or nothing."""
    line, _, rest = request.partition(b"\r\n")
    body = rest.partition(b"\r\n\r\n")[2][:400]
    found = re.search(r"INSERT INTO (?:`?\w+`?\.)?`?(\w+)`?[ (]", unquote_plus(line.decode("latin-1")) + body.decode("latin-1"))
    return found[1] if found else ""
