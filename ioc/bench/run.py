"""Run: the benchmark's course: servers, topics filled, each path in a process of its own, one after the other."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ioc.bench import centre, pm, report, years
from ioc.bench.cores import peak
from ioc.bench.events import Pair, dossier_step, dossiers, radio
from ioc.bench.latency import latency
from ioc.bench.report import Report
from ioc.bench.servers import servers
from ioc.catalog import REJECTS, Catalog, load
from ioc.centre import live
from ioc.embedded.stack import environment
from ioc.embedded.workers import worker_of
from ioc.errors import ServiceAway
from ioc.events.batch import RECEIVED
from ioc.kafka import Sender, bounds, create_topics
from ioc.province.demo_state import remembered
from ioc.rolling.roll import Roller
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.times import DAY
from schemas.dossier import DossierChanged
from schemas.ran import RanMeasured

RAN, DOSSIER = RanMeasured.topic, DossierChanged.topic
VES = 60_000
"""Events of network functions that the gateway is asked to take."""
RATE, LATENCY_SECONDS = 5_000, 20.0
PARTS = ("streams", "roll", "pm", "whole", "centre", "start", "years")
"""What `only` may name: both streams; the dossiers and their first roll alone; PM files; a whole worker; a centre with the demo's
feed and without; its start, and that of a short command; a centre after three years."""


@dataclass(frozen=True)
class Sizes:
    """`events` of each stream, dossiers `opened` at any time, and `loaded` ones in the worker whose memory is measured (0: none);
    the `history` a centre has, and how many `seconds` it is measured."""

    events: int
    opened: int
    partitions: int
    loaded: int
    history: str = "60d"
    seconds: float = 60.0


@dataclass
class Bench:
    """One benchmark under way."""

    settings: Settings
    catalog: Catalog
    say: Callable[[str], None]
    report: Report

    def path(self, name: str, raw: str | None, database: str, module: str, *arguments: Any) -> dict[str, Any]:
        """Run a path in a process of its own and note its result under `name`."""
        self.say(f"{name} ...")
        given = [json.dumps(a) if module == "paths" and i else str(a) for i, a in enumerate(arguments)]
        env = {**os.environ, **environment(self.settings.model_copy(update={"clickhouse_database": database}))}
        done = subprocess.run(
            [sys.executable, "-m", f"ioc.bench.{module}", *given],
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=3600,
        )
        lines = re.findall(r"\{.*\}", done.stdout)  # Faust prints more
        if done.returncode or not lines:
            raise ServiceAway(f"the path {name!r} ended with {done.returncode}:\n{done.stdout[-500:]}\n{done.stderr[-2000:]}")
        result: dict[str, Any] = json.loads(lines[-1])
        self.report.path(name, result, raw)
        return result

    async def fill(self, topic: str, pairs: Iterable[Pair], begin: int | None = None, step: int = 0) -> None:
        """Send the events. `begin`, `step` (ms): as a past that is loaded in order, each with its reception."""
        self.say(f"filling {topic} ...")
        async with Sender(self.settings, linger_ms=20) as sender:
            for i, (key, value) in enumerate(pairs):
                await sender.post(topic, key, value, [] if begin is None else [(RECEIVED, b"%d" % (begin + i * step))])
            await sender.flush()

    def begin(self, opened: int) -> None:
        """The topics, dossiers as a loaded past, and then time counts."""
        now, count = time.time_ns() // 1_000_000, self.report.events
        asyncio.run(create_topics(self.settings, dict.fromkeys([*self.catalog.topics, REJECTS], self.settings.partitions)))
        step = dossier_step(count)
        asyncio.run(self.fill(DOSSIER, dossiers(count, now, opened), now - count * step, step))
        asyncio.run(live.go_live(self.settings, self.catalog))

    def radio(self) -> None:
        """Fetch, lanes, and the radio stream through the pipeline."""
        asyncio.run(self.fill(RAN, radio(self.report.events, time.time_ns() // 1_000_000)))
        self.path("raw fetch, radio", None, "bench", "paths", "raw", RAN)
        self._baseline()
        lanes = self.path("decode, fast lane", "raw fetch, radio", "bench", "paths", "lanes", RAN)
        exact = {"events": lanes.pop("exact_events"), "seconds": lanes.pop("exact_seconds")}
        self.report.path("decode, exact lane", exact, "raw fetch, radio")
        self.path("measure, coordinates", "raw fetch, radio", "bench_coordinates", "paths", "measure", RAN, False)
        self.path("measure, archive", "raw fetch, radio", "bench_archive", "paths", "measure", RAN, True)
        self.path("VES events", None, "bench", "paths", "collector", min(self.report.events, VES))

    def dossiers(self, opened: int) -> None:
        """The dossiers through the pipeline, their first roll, and reads of thirty days as boards do them."""
        self.path("raw fetch, dossiers", None, "bench", "paths", "raw", DOSSIER)
        self.path("dossiers, archive", "raw fetch, dossiers", "bench_dossiers", "paths", "measure", DOSSIER, True)
        settings = self.settings.model_copy(update={"clickhouse_database": "bench_dossiers"})
        store = Store(settings)
        self.say("rolling and reading 30 days ...")
        full = opened >= 100_000 and self.report.events >= 1_000_000
        name = f"first roll of {opened:,} dossiers over 30 days"
        self._timed(name, lambda: Roller(self.catalog, store, settings).step(), report.FIRST_ROLL if full else None)
        since = f"at >= (SELECT now FROM v_now) - INTERVAL {30 * DAY // 1000} SECOND"
        for view, window in (("v_dossier_backlog", "level"), ("v_dossier_received", "day"), ("v_dossier_on_time_share", "7d")):
            where = f"window = '{window}' AND procedure = '*' AND channel = '*' AND {since}"
            read = partial(store.query, f"SELECT at, agency, value FROM {view} WHERE {where}")
            self._timed(f"{view}, {window}, by agency, 30 days", read)

    def pm(self) -> None:
        """PM files: read, sent, and counted with the archive."""
        asyncio.run(create_topics(self.settings, dict.fromkeys([*self.catalog.topics, REJECTS], self.settings.partitions)))
        asyncio.run(live.go_live(self.settings, self.catalog))
        with tempfile.TemporaryDirectory(prefix="ioc-bench-") as name:
            folder = Path(name)
            results = pm.write(folder, self.report.events, time.time_ns() // 1_000_000 // pm.PERIOD * pm.PERIOD)
            self.say(f"reading {results:,} results of PM files ...")
            self.report.note("PM results per second, files to events", results / pm.seconds_to_read(folder), "/s")
            began = time.perf_counter()
            asyncio.run(self.fill(RAN, pm.pairs(folder)))
            self.report.note("PM results per second, read and sent", results / (time.perf_counter() - began), "/s")
        counted = self.path("PM files, archive", None, "bench_pm", "paths", "measure", RAN, True)
        self.report.note("PM results per second, counted", results / counted["seconds"], "/s")

    def _baseline(self) -> None:
        try:
            self.path("Faust hopping table", "raw fetch, radio", "bench", "baseline", RAN)
        except ServiceAway as error:
            self.say(f"no baseline: {error}")

    def _timed(self, name: str, work: Callable[[], Any], aim: float | None = None) -> None:
        started = time.perf_counter()
        work()
        self.report.note(name, time.perf_counter() - started, "s", aim)

    def whole(self, loaded: int) -> None:
        """A whole worker: latency at a steady rate, and its memory, at last with `loaded` more dossiers open."""
        settings = self.settings.model_copy(update={"clickhouse_database": "bench_live"})
        live.prepare(settings, self.catalog)
        with worker_of(settings) as worker:
            asyncio.run(live.go_live(settings, self.catalog))
            self.say(f"{RATE} events a second for {LATENCY_SECONDS:.0f} s ...")
            found = asyncio.run(latency(settings, self.catalog, RATE, LATENCY_SECONDS))
            self.report.note(
                f"p99 from produce to visible row at {RATE:,} events/s", found.pop("p99_ms"), "ms", report.P99, **found
            )
            self.report.note("worker, peak memory at that rate", peak(worker.pid), "MB")
            if loaded:
                now = time.time_ns() // 1_000_000
                asyncio.run(self.fill(DOSSIER, dossiers(loaded, now, loaded)))
                self.say(f"counting {loaded:,} open dossiers ...")
                self._wait(settings)
                aim = report.LOADED if loaded >= 1_000_000 else None
                self.report.note(f"worker, peak memory with {loaded:,} open dossiers", peak(worker.pid), "MB", aim)

    def _wait(self, settings: Settings) -> None:
        """Return once a worker has counted and rolled all there is."""
        ends = {(p.topic, p.partition): end for p, (_, end) in asyncio.run(bounds(settings, self.catalog.topics)).items()}
        live.wait_counted(Store(settings), self.catalog, ends, None, 300.0)
        live.wait_rolled(Store(settings), self.catalog, ends, 600.0)


def bench(sizes: Sizes, say: Callable[[str], None], only: str | None = None, folder: Path | None = None) -> Report:
    """Run the benchmark on servers and centres of its own. `only`: one of `PARTS`. `folder`: where the store of three years is
    kept; without `only` it is measured if it is there."""
    kept = folder or years.default_folder()
    found, catalog = Report(sizes.events, sizes.partitions), load()
    if only in (None, "streams", "roll"):
        with servers(sizes.partitions, say) as (settings, pids):
            one = Bench(settings, catalog, say, found)
            one.begin(sizes.opened)
            if only != "roll":
                one.radio()
            one.dossiers(sizes.opened)
            for name, pid in pids.items():
                found.note(f"{name}, peak memory at full speed", peak(pid), "MB")
    if only in (None, "pm"):
        with servers(sizes.partitions, say) as (settings, _):
            Bench(settings, catalog, say, found).pm()
    if only in (None, "whole"):
        with servers(sizes.partitions, say) as (settings, pids):
            Bench(settings, catalog, say, found).whole(sizes.loaded)
            for name, pid in pids.items():
                found.note(f"{name}, peak memory beside a worker", peak(pid), "MB")
    if only in (None, "centre", "start"):
        with tempfile.TemporaryDirectory(prefix="ioc-bench-", ignore_cleanup_errors=True) as name:
            home = Path(name) / "centre"
            _centre(home, catalog, sizes, found, say, loads=only != "start")
            if only != "centre":
                centre.short_commands(home, found, say)
    if only == "years" or (only is None and years.is_kept(kept, catalog)):
        years.make(kept, catalog, say)
        years.measure(kept, catalog, sizes.seconds, found, say)
    return found


def _centre(folder: Path, catalog: Catalog, sizes: Sizes, found: Report, say: Callable[[str], None], loads: bool) -> None:
    """A centre from its start with the demo's past until all of it is final; then, with `loads`, under the demo's feed, and when
    that has ended."""
    say(f"`ioc up` with {sizes.history} of the demo's past ...")
    aim = report.FINAL if sizes.history == "60d" else None
    with centre.running(folder, "--history", sizes.history) as one:
        found.note("`ioc up` until the wall is up", one.seconds(), "s")
        state = remembered(one.settings)
        assert state is not None  # the past is loaded before the wall starts
        one.wait(lambda: one.final(catalog, state.anchor), "all of the past is final")
        found.note("`ioc up` until all of the past is final", one.seconds(), "s", aim)
        if loads:
            one.settle(say)
            one.measure("demo", sizes.seconds, found, report.DEMO, say)
            one.end_feed()
            one.settle(say)
            one.measure("quiet centre", sizes.seconds, found, report.QUIET, say)
