"""Real services for tests: a broker and a store, each a process of its own on a free port, gone when the test run is gone.

Synchronous on purpose: they serve as session fixtures, and every test brings its own client and event loop.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from ioc.embedded import broker as embedded_broker
from ioc.embedded.children import spawn, stop
from ioc.embedded.ports import answers, free_ports, listens

ROOT = Path(__file__).parents[1]


_TAKEN: list[socket.socket] = []


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now, and that no other call of any test process here got."""
    while True:
        mark = socket.socket(socket.AF_UNIX)  # see `ioc.embedded.ports.Ports`; the name is another, for a centre is to take it
        with suppress(OSError):
            mark.bind(f"\0ioc-test-port-{(port := free_ports(1)[0])}")
            _TAKEN.append(mark)
            return port
        mark.close()


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Poll the condition until it is true; after `seconds` fail with `what`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)


@contextmanager
def running(name: str, command: list[str], folder: Path, ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a child; its output in folder/<name>.log, shown when it ends before it is ready."""
    log = folder / f"{name}.log"
    child = spawn(command, {**os.environ, "PYTHONPATH": str(ROOT)}, log)
    try:
        wait_until(lambda: ready() or child.poll() is not None, f"{name} is ready; see {log}")
        assert child.poll() is None, f"{name} ended at its start:\n{log.read_text()[-3000:]}"
        yield child
    finally:
        stop(child, 10)


@cache
def _formatted() -> Path:
    """A formatted log folder, made once: Java takes a second for it."""
    folder = Path(tempfile.mkdtemp(prefix="ioc-formatted-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    embedded_broker.prepare(print)
    embedded_broker.command(folder, free_port(), free_port(), fast_start=True)
    return folder / "kafka" / "topics"


def broker_command(folder: Path, port: int, controller_port: int) -> list[str]:
    """The command of a broker with its data in the folder, which is made and formatted if absent."""
    if not (topics := folder / "kafka" / "topics").exists():
        shutil.copytree(_formatted(), topics)
    return embedded_broker.command(folder, port, controller_port, fast_start=True)


@contextmanager
def running_broker(folder: Path, port: int = 0) -> Iterator[str]:
    """A broker with its data in the folder (made if absent); yields its bootstrap address."""
    port = port or free_port()
    with running("broker", broker_command(folder, port, free_port()), folder, lambda: listens(port)):
        yield f"127.0.0.1:{port}"


@contextmanager
def running_store(folder: Path, port: int = 0) -> Iterator[str]:
    """An embedded store with its data in the folder (made if absent); yields its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [sys.executable, "-m", "ioc.embedded.store", "--path", str(folder / "store"), "--port", str(port)]
    with running("store", command, folder, lambda: answers(port, "/ping")):
        yield f"http://127.0.0.1:{port}"
