"""Centre: a whole centre on a folder, as `ioc up` runs it: until all of its past is final, and what it takes while it runs."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from ioc.bench.cores import OTHERS, cores, peak
from ioc.bench.report import COMMAND, Report
from ioc.catalog import Catalog
from ioc.embedded import centre as embedded
from ioc.embedded.children import spawn, stop, tail
from ioc.embedded.ports import free_ports
from ioc.embedded.stack import python
from ioc.errors import ServiceAway
from ioc.province.demo_state import remembered
from ioc.rolling.reached import ROLL, watermarks
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.times import floor

SUMMED = ("broker", "store", "worker", "gateway", "wall")
"""Whose processor time is added up; the feed and the supervisor are shown beside them."""
PATIENCE = 7200.0
"""Seconds a past may take until it is final."""
CALM, SOON = 30.0, 3.0
"""Seconds a centre is left alone before it is measured; and without a merge, until the store counts as settled."""
SETTLING = 600.0
"""Seconds after which it is measured although the store still merges."""
BEHIND = 10_000
"""A feed further behind than this (ms) has not caught up."""
CROWDED = 0.25
"""The share of the machine that others may take before a measurement is doubted."""
AGAIN = 5
"""How often a short command is run."""


@dataclass
class Centre:
    """A centre that runs: its folder, the process of `ioc up`, when it was started (monotonic), its addresses."""

    folder: Path
    process: Popen[bytes]
    began: float
    settings: Settings

    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.began

    def wait(self, reached: Callable[[], bool], what: str, patience: float = PATIENCE, every: float = 0.25) -> None:
        """Return once it is so.  Raises ServiceAway when the centre ends, or is not there after `patience` seconds."""
        end = time.monotonic() + patience
        while not reached():
            if self.process.poll() is not None or time.monotonic() > end:
                raise ServiceAway(f"the centre does not come so far ({what}); its output ends with:\n{tail(_log(self.folder))}")
            time.sleep(every)  # nothing tells from outside how far a centre is

    def final(self, catalog: Catalog, until: int) -> bool:
        """Whether the steps of every stream are final up to the last one that its delay allows at `until` (ms)."""
        marks = watermarks(state.checkpoints(Store(self.settings), ROLL))
        return all(marks.get(catalog.generations[s.name], 0) >= floor(until - s.delay, s.grain) for s in catalog.streams)

    def caught_up(self) -> bool:
        """Whether the feed sends the present."""
        feed = remembered(self.settings)
        return feed is not None and feed.sent_until > time.time_ns() // 1_000_000 - BEHIND

    def settle(self, say: Callable[[str], None]) -> None:
        """Leave the centre alone until its store has merged what the past left behind."""
        say("settling ...")
        time.sleep(CALM)
        store, end, calm = Store(self.settings), time.monotonic() + SETTLING, 0.0
        while calm < SOON and time.monotonic() < end:
            time.sleep(0.5)
            calm = 0.0 if store.query("SELECT count() AS n FROM system.merges")["n"][0] else calm + 0.5

    def pids(self) -> dict[str, int]:
        """Its processes by name, the supervisor last."""
        found = {s.name: s.pid for s in embedded.status(self.folder).services if s.pid and s.state == "ready"}
        return found | {"supervisor": self.process.pid}

    def measure(self, name: str, seconds: float, report: Report, aim: float | None, say: Callable[[str], None]) -> None:
        """Note the cores it takes, and the most memory its processes have held."""
        say(f"{name}: measuring for {seconds:.0f} s ...")
        pids = self.pids()
        found = cores(pids, seconds)
        if found[OTHERS] > CROWDED * (os.cpu_count() or 1):
            say(f"{name}: others took {found[OTHERS]:.1f} cores meanwhile, so the centre may have got less than it would take")
        report.note(name, sum(found[child] for child in SUMMED if child in found), "cores", aim, **found)
        held = {child: peak(pid) for child, pid in pids.items() if child in SUMMED}
        report.note(f"{name}, peak memory", sum(held.values()), "MB", **held)

    def end_feed(self) -> None:
        """Stop the demo as a user would: it is not started again."""
        os.kill(self.pids()["demo"], signal.SIGTERM)
        self.wait(lambda: "demo" not in self.pids(), "its feed ends", 30)


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Centre]:
    """A centre on the folder on ports of its own, ready, for as long as the block lasts. Nothing of the user's own settings
    reaches it.  Raises ServiceAway when it does not start."""
    ports = dict(zip(("KAFKA", "STORE", "GATEWAY", "WALL"), free_ports(4), strict=True))
    env = {name: value for name, value in os.environ.items() if not name.startswith("IOC_")}
    env |= {f"IOC_{name}_PORT": str(port) for name, port in ports.items()} | {"IOC_GRAFANA_PORT": "0"}
    began = time.monotonic()
    child = spawn(python("ioc", "up", "--data", str(folder), *arguments), env, _log(folder))
    bare = Settings(data_dir=folder, kafka_bootstrap="", clickhouse_url="", clickhouse_database="ioc")
    made = Centre(folder, child, began, bare)
    try:
        made.wait(lambda: _ready(folder, child.pid), "it is ready", every=0.05)
        made.settings = embedded.endpoints(bare)
        yield made
    finally:
        stop(child, 90)


def _ready(folder: Path, pid: int) -> bool:
    found = embedded.status(folder)
    return found.ready and found.pid == pid


def _log(folder: Path) -> Path:
    return folder / "logs" / "supervisor.log"


def short_commands(folder: Path, report: Report, say: Callable[[str], None]) -> None:
    """Note how long `ioc status` and `ioc indicators` take, the median of some runs. The centre of the folder has ended."""
    say("short commands ...")
    for command, code in ((("status", "--data", str(folder)), ServiceAway.exit_code), (("indicators",), 0)):
        took = [seconds_of(command, code) for _ in range(AGAIN + 1)][1:]  # the first one also reads the files
        report.note(f"ioc {command[0]}", statistics.median(took), "s", COMMAND, most=max(took))


def seconds_of(command: tuple[str, ...], code: int) -> float:
    """How long a command takes that ends with the code.  Raises ServiceAway when it ends otherwise: that is no measurement."""
    began = time.perf_counter()
    done = subprocess.run(python("ioc", *command), capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode != code:
        raise ServiceAway(f"`ioc {' '.join(command)}` ended with {done.returncode}: {done.stderr[-500:]}")
    return took
