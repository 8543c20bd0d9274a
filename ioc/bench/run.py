"""Run: the benchmark's course: servers, topics filled, each path in a process of its own, one after the other."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ioc.bench.events import Pair, dossier_step, dossiers, radio
from ioc.bench.latency import latency
from ioc.bench.servers import peak, servers
from ioc.catalog import Catalog, load
from ioc.centre import live
from ioc.embedded.stack import environment
from ioc.embedded.workers import worker_of
from ioc.errors import ServiceAway
from ioc.events.batch import RECEIVED
from ioc.kafka import Sender, bounds, create_topics
from ioc.rolling.roll import Roller
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.times import DAY
from schemas.dossier import DossierChanged
from schemas.ran import RanMeasured

RAN, DOSSIER = RanMeasured.topic, DossierChanged.topic
RATE, LATENCY_SECONDS = 5_000, 20.0
TARGETS = {"measure, coordinates": 0.40, "measure, archive": 0.20, "dossiers, archive": 0.06}
"""At least so much of the raw fetch of the same run."""


@dataclass
class Report:
    """`rows`: by path: events, seconds, per_second, ratio to the raw fetch of the same topic, cpu (s), mb (peak), target.
    `latency`: ms. `queries`: seconds. `memory`: MB at the peak, by process."""

    events: int
    partitions: int
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    latency: dict[str, float] = field(default_factory=dict)
    queries: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)


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
        result["per_second"] = result["events"] / result["seconds"]
        if raw is not None:
            result["ratio"] = result["per_second"] / self.report.rows[raw]["per_second"]
        if name in TARGETS:
            result["target"] = TARGETS[name]
        self.report.rows[name] = result
        return result

    async def fill(self, topic: str, pairs: Iterable[Pair], begin: int | None = None, step: int = 0) -> None:
        """Send the events. `begin`, `step` (ms): as a past that is loaded in order, each with its reception."""
        self.say(f"filling {topic} ...")
        async with Sender(self.settings, linger_ms=20) as sender:
            for i, (key, value) in enumerate(pairs):
                await sender.post(topic, key, value, [] if begin is None else [(RECEIVED, b"%d" % (begin + i * step))])
            await sender.flush()

    def streams(self, opened: int) -> None:
        """Fetch, lanes, and both streams through the pipeline."""
        now, count = time.time_ns() // 1_000_000, self.report.events
        asyncio.run(create_topics(self.settings, dict.fromkeys([*self.catalog.topics], self.settings.partitions)))
        step = dossier_step(count)
        asyncio.run(self.fill(DOSSIER, dossiers(count, now, opened), now - count * step, step))
        asyncio.run(live.go_live(self.settings, self.catalog))
        asyncio.run(self.fill(RAN, radio(count, now)))
        self.path("raw fetch, radio", None, "bench", "paths", "raw", RAN)
        self._baseline()
        lanes = self.path("decode, fast lane", "raw fetch, radio", "bench", "paths", "lanes", RAN)
        exact = {"events": lanes.pop("exact_events"), "seconds": lanes.pop("exact_seconds")}
        exact["per_second"] = exact["events"] / exact["seconds"]
        self.report.rows["decode, exact lane"] = exact | {
            "ratio": exact["per_second"] / self.report.rows["raw fetch, radio"]["per_second"]
        }
        self.path("measure, coordinates", "raw fetch, radio", "bench_coordinates", "paths", "measure", RAN, False)
        self.path("measure, archive", "raw fetch, radio", "bench_archive", "paths", "measure", RAN, True)
        self.path("raw fetch, dossiers", None, "bench", "paths", "raw", DOSSIER)
        self.path("dossiers, archive", "raw fetch, dossiers", "bench_dossiers", "paths", "measure", DOSSIER, True)

    def _baseline(self) -> None:
        try:
            self.path("Faust hopping table", "raw fetch, radio", "bench", "baseline", RAN)
        except ServiceAway as error:
            self.say(f"no baseline: {error}")

    def queries(self) -> None:
        """A first roll of all that was counted, and reads of thirty days as boards do them."""
        settings = self.settings.model_copy(update={"clickhouse_database": "bench_dossiers"})
        store = Store(settings)
        self.say("rolling and reading 30 days ...")
        self._timed("first roll of the dossiers (s)", lambda: Roller(self.catalog, store, settings).step())
        since = f"at >= (SELECT now FROM v_now) - INTERVAL {30 * DAY // 1000} SECOND"
        for view, window in (("v_dossier_backlog", "level"), ("v_dossier_received", "day"), ("v_dossier_on_time_share", "7d")):
            where = f"window = '{window}' AND procedure = '*' AND channel = '*' AND {since}"
            read = partial(store.query, f"SELECT at, agency, value FROM {view} WHERE {where}")
            self._timed(f"{view}, {window}, by agency, 30 days (s)", read)

    def _timed(self, name: str, work: Callable[[], Any]) -> None:
        started = time.perf_counter()
        work()
        self.report.queries[name] = time.perf_counter() - started

    def whole(self, loaded: int) -> None:
        """A whole worker: latency at a steady rate, and its memory, at last with `loaded` more dossiers open."""
        settings = self.settings.model_copy(update={"clickhouse_database": "bench_live"})
        live.prepare(settings, self.catalog)
        with worker_of(settings) as worker:
            asyncio.run(live.go_live(settings, self.catalog))
            self.say(f"{RATE} events a second for {LATENCY_SECONDS:.0f} s ...")
            self.report.latency = asyncio.run(latency(settings, self.catalog, RATE, LATENCY_SECONDS))
            self.report.memory["worker"] = peak(worker.pid)
            if loaded:
                now = time.time_ns() // 1_000_000
                asyncio.run(self.fill(DOSSIER, dossiers(loaded, now, loaded)))
                self.say(f"counting {loaded:,} open dossiers ...")
                self._wait(settings)
                self.report.memory[f"worker with {loaded:,} open dossiers"] = peak(worker.pid)

    def _wait(self, settings: Settings) -> None:
        """Return once a worker has counted and rolled all there is."""
        ends = {(p.topic, p.partition): end for p, (_, end) in asyncio.run(bounds(settings, self.catalog.topics)).items()}
        live.wait_counted(Store(settings), self.catalog, ends, None, 300.0)
        live.wait_rolled(Store(settings), self.catalog, ends, 600.0)


def bench(
    events: int, opened: int, partitions: int, say: Callable[[str], None], only: str | None = None, loaded: int = 0
) -> Report:
    """Run the benchmark on servers of its own. `opened`: open dossiers. `only`: streams or whole. `loaded`: see `Bench.whole`."""
    report, catalog = Report(events, partitions), load()
    if only != "whole":
        with servers(partitions, say) as (settings, pids):
            one = Bench(settings, catalog, say, report)
            one.streams(opened)
            one.queries()
            report.memory |= {f"{name} at full speed": peak(pid) for name, pid in pids.items()}
    if only != "streams":
        with servers(partitions, say) as (settings, pids):
            Bench(settings, catalog, say, report).whole(loaded)
            report.memory |= {name: peak(pid) for name, pid in pids.items()}
    return report
