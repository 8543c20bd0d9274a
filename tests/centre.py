"""A centre for fault tests: broker, store and workers as processes of their own, each of which can be killed and started anew."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from ioc.catalog import Catalog, load
from ioc.centre import live
from ioc.embedded.children import spawn, stop
from ioc.embedded.ports import answers, listens
from ioc.kafka import bounds
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from tests.services import ROOT, broker_command, free_port, wait_until

WORKER = """
import sys
from ioc.centre import due, feeder, worker
from ioc.settings import Settings
assert feeder.GAP, due.ROLL
assert hasattr(feeder, "GAP") and hasattr(due, "ROLL"), "the pace is set elsewhere now"
feeder.GAP, due.ROLL = 250, {}
sys.exit(worker.main(Settings()))
"""


class Centre:
    """Use as a context manager. `kill(name)` is kill -9; `start(name)` starts it on the same port and folder.

    `catalog`, `worker`: of other streams, and the code of a worker that counts them; `roll`: seconds between two
    rolls. `env`: more for the workers' environment.
    """

    def __init__(
        self,
        folder: Path,
        partitions: int = 4,
        catalog: Catalog | None = None,
        worker: str | None = None,
        roll: float = 3.0,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self._worker, self._more = folder, worker or WORKER.format(roll), dict(env or {})
        self._ports = {name: free_port() for name in ("broker", "controller", "store")}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.store_port: Callable[[str], int] = lambda name: self._ports["store"]
        """Where a worker finds the store: it may be a proxy's port."""
        self.catalog: Catalog = catalog or load()
        self.settings = Settings(
            data_dir=folder,
            kafka_bootstrap=f"127.0.0.1:{self._ports['broker']}",
            clickhouse_url=f"http://127.0.0.1:{self._ports['store']}",
            partitions=partitions,
        )

    def __enter__(self) -> Centre:
        self.start("broker")
        self.start("store")
        live.prepare(self.settings, self.catalog)
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._children.values()):
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                stop(child, 10)

    @property
    def store(self) -> Store:
        """A client of the store that waits a while for an absent one."""
        return Store(self.settings, patience=60)

    def start(self, name: str, *, may_end: bool = False) -> None:
        """Start the broker, the store, or a worker (any name that begins with `worker`), and wait until it serves."""
        self.launch(name)
        wait_until(lambda: self._ready(name) or self.ended(name), f"{name} serves; see {self.folder}/{name}.log", 60)
        assert may_end or not self.ended(name), self.log(name)[-3000:]

    def launch(self, name: str) -> None:
        """Start it without waiting."""
        self._children[name] = spawn(self._command(name), self._env(name), self.folder / f"{name}.log")

    def ready(self, name: str) -> bool:
        """Whether it serves; of a worker: whether it has had partitions since its start."""
        return self._ready(name)

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """kill -9 (or another signal); for a final one, wait until the process is gone."""
        self.signal(name, how)
        if how in (signal.SIGKILL, signal.SIGTERM):
            self._children[name].wait(30)

    def signal(self, name: str, how: signal.Signals) -> None:
        """Send a signal, and wait for nothing."""
        self._children[name].send_signal(how)

    def port(self, name: str) -> int:
        """The port of the broker or the store itself."""
        return self._ports[name]

    def ends(self) -> dict[tuple[str, int], int]:
        """The end of every partition of the event topics."""
        found = asyncio.run(bounds(self.settings, self.catalog.topics))
        return {(place.topic, place.partition): end for place, (_, end) in found.items()}

    def ended(self, name: str) -> bool:
        """Whether the process is gone."""
        return self._children[name].poll() is not None

    def exit_code(self, name: str) -> int | None:
        """How the process ended, or None while it runs."""
        return self._children[name].poll()

    def rss(self, name: str) -> int:
        """Memory of the process in MiB (0: gone)."""
        with suppress(psutil.Error):
            return int(psutil.Process(self._children[name].pid).memory_info().rss) >> 20
        return 0

    def log(self, name: str) -> str:
        """What the process has printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def positions(self) -> int:
        """Positions counted so far, over all partitions."""
        return sum(live.counted(self.store, self.catalog).values())

    def wait_counted(self, wanted: Mapping[tuple[str, int], int], patience: float = 90) -> None:
        """Wait until the checkpoints have passed the positions."""
        live.wait_counted(self.store, self.catalog, wanted, patience=patience)

    def beat(self) -> None:
        """Go live."""
        asyncio.run(live.go_live(self.settings, self.catalog))

    def _note(self, name: str) -> Path:
        return self.folder / name / "run" / "worker.ready"

    def _ready(self, name: str) -> bool:
        if name == "broker":
            return listens(self._ports["broker"])
        if name == "store":
            return answers(self._ports["store"], "/ping")
        note = self._note(name)
        return note.exists() and note.read_text() == str(self._children[name].pid)

    def _env(self, name: str) -> dict[str, str]:
        values = self.settings.model_dump(include={"kafka_bootstrap", "clickhouse_url", "partitions"})
        own = {f"IOC_{key.upper()}": str(value) for key, value in values.items()}
        own["IOC_CLICKHOUSE_URL"] = f"http://127.0.0.1:{self.store_port(name)}"
        return {**os.environ, "PYTHONPATH": str(ROOT), "IOC_DATA_DIR": str(self.folder / name), **own, **self._more}

    def _command(self, name: str) -> list[str]:
        if name == "broker":
            return broker_command(self.folder / "kafka", self._ports["broker"], self._ports["controller"])
        if name == "store":
            where = ("--path", str(self.folder / "store"), "--port", str(self._ports["store"]))
            return [sys.executable, "-m", "ioc.embedded.store", *where]
        return [sys.executable, "-c", self._worker]
