"""Servers: a broker and a store of the benchmark's own, in a folder that goes with them."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from ioc.embedded import broker
from ioc.embedded.children import spawn, stop, tail
from ioc.embedded.ports import answers, free_ports, listens
from ioc.errors import ServiceAway
from ioc.settings import Settings

PATIENCE = 60.0


@contextmanager
def servers(partitions: int, say: Callable[[str], None], home: Path | None = None) -> Iterator[tuple[Settings, dict[str, int]]]:
    """Settings of a running broker and store, and their process ids by name. The broker has the flags of a real centre."""
    broker.prepare(say)
    with tempfile.TemporaryDirectory(prefix="ioc-bench-", dir=home, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "kafka").mkdir()
        ports = free_ports(3)
        commands = {
            "broker": broker.command(folder / "kafka", ports[0], ports[1]),
            "store": [sys.executable, "-m", "ioc.embedded.store", "--path", str(folder / "store"), "--port", str(ports[2])],
        }
        ready = {"broker": lambda: listens(ports[0]), "store": lambda: answers(ports[2], "/ping")}
        children: dict[str, Popen[bytes]] = {}
        try:
            for child, command in commands.items():
                children[child] = spawn(command, os.environ, folder / f"{child}.log")
            for child, is_ready in ready.items():
                _wait(children[child], is_ready, folder / f"{child}.log", child)
            settings = Settings(
                data_dir=folder,
                kafka_bootstrap=f"127.0.0.1:{ports[0]}",
                clickhouse_url=f"http://127.0.0.1:{ports[2]}",
                partitions=partitions,
            )
            yield settings, {child: process.pid for child, process in children.items()}
        finally:
            for process in children.values():
                stop(process, 10)


def _wait(child: Popen[bytes], ready: Callable[[], bool], log: Path, name: str) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        if child.poll() is not None or time.monotonic() > end:
            raise ServiceAway(f"the benchmark's {name} does not start:\n{tail(log)}")
        time.sleep(0.05)  # nothing tells when a server listens
