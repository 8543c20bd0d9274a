"""The embedded store: a process that owns a chDB folder and answers ClickHouse's HTTP protocol on 127.0.0.1.

    python -m ioc.embedded.store --path DIR --port N [--parent PID] [--token-file FILE]      (port 0: a free one, printed)

It uses `chdb` itself rather than clickhouse_connect's chDB client: opening a chDB connection costs 0.1 ms, so every request gets
a fresh one with its own database and settings (nothing leaks from one to the next), and `send_insert` takes a body from memory
where the client would write a temporary file. With a token file, its text is the password of `default`.
Exit codes: 0 stopped, 2 usage, 3 folder owned by another or port taken.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TextIO

import uvicorn
from starlette.applications import Starlette

from ioc.embedded.store_engine import Engine
from ioc.embedded.store_http import Endpoint
from ioc.embedded.store_mend import Mender
from ioc.errors import IocError, ServiceAway, UsageError

GRACE = 10  # seconds running requests get to finish after SIGTERM; what then still runs is cancelled


def own(path: Path) -> TextIO:
    """Take the folder for this process, or say who has it. The lock ends with the process, however it ends."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)  # also one that was made before: what is in it is nobody else's
    lock = (path / "owner.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise ServiceAway(f"{path} is owned by process {lock.read().strip() or '?'}: stop it or choose another --path") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def listen(port: int) -> socket.socket:
    """A socket on 127.0.0.1, never on another address: nothing is encrypted."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it; asyncio forgets it: 44 ms an answer
    try:
        sock.bind(("127.0.0.1", port))
        sock.listen(1024)
    except OSError as error:
        sock.close()
        raise ServiceAway(f"port {port} on 127.0.0.1 cannot be used ({error.strerror}): choose another --port") from None
    return sock


def serve(path: Path | str, port: int, parent: int | None = None, token: str = "") -> None:
    """Serve the folder until SIGTERM, SIGINT or the end of process `parent`. ServiceAway: folder owned or port taken.

    `token`: the password of `default`; empty: none is asked for.
    """
    os.environ["TZ"] = "UTC"  # the engine takes the process's zone for its own
    time.tzset()
    with listen(port) as sock, own(Path(path)):
        endpoint = Endpoint(engine := Engine.open(Path(path)), token)

        @contextlib.asynccontextmanager
        async def life(_: Starlette) -> AsyncIterator[None]:
            if parent is not None:
                _end_with(parent, lambda: setattr(server, "should_exit", True))
            print(f"embedded store: http://127.0.0.1:{sock.getsockname()[1]} serves {path}", flush=True)
            mending = asyncio.create_task(endpoint.mend(Mender(engine.ask, Path(path))))
            yield
            mending.cancel()
            await asyncio.to_thread(endpoint.close)

        config = uvicorn.Config(
            endpoint.app(life),
            loop="asyncio",  # and h11: what else is installed (the wall brings uvloop and httptools) decides nothing here
            http="h11",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            h11_max_incomplete_event_size=1 << 20,  # bound parameters may stand in the URL, as a real server allows
        )
        server = uvicorn.Server(config)
        for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again after its clean stop: that must not kill us
            signal.signal(number, lambda *_: None)
        server.run(sockets=[sock])


def _end_with(parent: int, stop: Callable[[], None]) -> None:
    """Call `stop` once process `parent` is gone. A pidfd, because PR_SET_PDEATHSIG fires when the starting *thread* ends."""
    try:
        watch = os.pidfd_open(parent)
    except ProcessLookupError:
        stop()
        return
    asyncio.get_running_loop().add_reader(watch, stop)


def _token(file: Path | None) -> str:
    """The text of the file; UsageError when there is none: a store without a password must not come of a wrong path."""
    if file is None:
        return ""
    try:
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token-file {file} cannot be read: {error}") from None
    if not token:
        raise UsageError(f"--token-file {file} is empty")
    return token


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ioc.embedded.store", description="Serve a chDB folder as ClickHouse over HTTP.")
    parser.add_argument("--path", required=True, type=Path, help="the folder; made if missing")
    parser.add_argument("--port", required=True, type=int, help="port on 127.0.0.1; 0: a free one, printed")
    parser.add_argument("--parent", type=int, help="end when this process ends")
    parser.add_argument("--token-file", type=Path, help="its text is the password of `default`; without it none is asked for")
    given = parser.parse_args(argv)
    try:
        serve(given.path, given.port, given.parent, _token(given.token_file))
    except IocError as error:
        print(f"embedded store: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
