"""Worker: the Faust app. The only file that knows Faust.

    Feeder (service) -> channel -> measure (agent) -> ioc.progress -> roll (agent and timer) -> alert -> topic, webhook

What they do lies in `centre.feeder`, `counting.pipeline`, `rolling.roll`, `alerting.alerts` and `alerting.notify`. No exception
leaves an agent's loop: Faust would take the failed message for done. What cannot be survived ends the worker, and the supervisor
starts it anew.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import faust
import structlog
from faust.types import TP
from mode import Service

from ioc import kafka, logs
from ioc.alerting.alerts import Alerter
from ioc.alerting.notify import NOTIFY, PUBLISH, Teller, Topic
from ioc.alerting.webhook import Webhook
from ioc.catalog import PROGRESS, REJECTS, Catalog, load
from ioc.centre import garbage
from ioc.centre.due import Due
from ioc.centre.fate import Fate, ended
from ioc.centre.feeder import Feeder, describe
from ioc.centre.live import beat, check_generations
from ioc.counting.pipeline import Pipeline
from ioc.errors import IocError, WrongGeneration
from ioc.rolling.roll import Roller
from ioc.settings import Settings
from ioc.store.clickhouse import PATIENCE, Store, StoreError
from ioc.store.runs import IMPORT, of_run, run_named, run_names
from ioc.text import visible

log = structlog.get_logger()
BEAT = 5.0
"""Seconds between two heartbeats of the pacemaker."""
LOOK = 5.0
"""Seconds between two looks at what the views read."""
COLLECT = 600.0
"""Seconds between two looks for cycles among old objects."""


@dataclass(frozen=True)
class Parts:
    """What a worker of a centre, or of a run, is made of."""

    catalog: Catalog
    settings: Settings
    run: str | None
    fate: Fate
    views: Store
    feeder: Feeder
    roller: Roller
    alerter: Alerter
    tellers: tuple[Teller, ...]
    """A run tells nobody."""
    progress: TP
    """Who has this partition leads: it rolls, judges and tells."""
    counted: asyncio.Event
    """Something was counted that the roller is not told of yet."""
    due: Due = field(default_factory=Due)
    """The roller's next turn."""

    def stop(self) -> None:
        """Let go of what may take long."""
        for part in (self.feeder, self.roller, self.alerter):
            part.stop()

    def roll_and_judge(self) -> tuple[bool, bool]:
        """Whether there is more to roll at once, and whether anything was judged."""
        return self.roller.turn(), self.alerter.step()


def app(catalog: Catalog, settings: Settings, run: str | None, fate: Fate, replayed: bool = False) -> faust.App:
    """The Faust app of a centre, or of a run. `replayed`: the run's log is the archive's (`paced`). Nothing is started."""
    database, topic = (settings.clickhouse_database, str) if run is None else run_names(run)
    store, roller_store, *told = (Store(settings, database, patience=PATIENCE, run=run is not None) for _ in range(4))
    names = {topic(name): name for name in (*catalog.topics, REJECTS)}
    # the archive keeps the rules under which it was counted live (ioc.reread); an import into a run has its own receptions
    pipeline = Pipeline(catalog, store, settings, sealed=run is not None and not replayed)
    roller, alerter = Roller(catalog, roller_store, settings), Alerter(catalog, roller_store, run=run is not None)
    tellers = (Teller(catalog, told[0], PUBLISH, Topic(settings)), Teller(catalog, told[1], NOTIFY, Webhook(settings)))
    found = faust.App(f"ioc.roll.{database}", **_faust(settings))
    polls, counted = found.channel(maxsize=2), asyncio.Event()
    progress = found.topic(topic(PROGRESS), value_type=bytes, value_serializer="raw", acks=True)
    group = f"ioc.measure.{database}"
    feeder = Feeder(settings, pipeline, names, group, lambda: polls.put(b""), fate.fail, counted.set, replayed)
    views, telling = Store(settings, database, readonly=True), tellers if run is None else ()
    parts = Parts(catalog, settings, run, fate, views, feeder, roller, alerter, telling, TP(topic(PROGRESS), 0), counted)

    @found.agent(polls, name="measure")
    async def measure(stream: Any) -> None:
        async for _ in stream:
            await feeder.drain()

    @found.agent(progress, name="roll")
    async def roll(stream: Any) -> None:
        async for count in stream:
            parts.due.tell(count)

    found.service(Carrier(parts, found, progress))
    return found


class Carrier(Service):
    """Runs the feeder, the roller's timer, what tells of alerts, and the pacemaker beside the agents."""

    def __init__(self, parts: Parts, found: faust.App, progress: Any) -> None:
        self.parts, self.found, self.progress = parts, found, progress
        super().__init__(beacon=found.beacon)

    def leads(self) -> bool:
        """Whether this process is the one that rolls."""
        return self.parts.progress in self.found.consumer.assignment()

    @Service.task
    async def _feed(self) -> None:
        await self._survive(self.parts.feeder.run())

    @Service.task
    async def _roll(self) -> None:
        await self._survive(self._rolling())

    @Service.task
    async def _progress(self) -> None:
        told = 0
        while not self.should_stop:  # `drain` does not end while events come
            await self.parts.counted.wait()
            self.parts.counted.clear()
            counted = self.parts.feeder.records
            try:
                await self.progress.send(value=b"%d" % (counted - told))
                told = counted
            except Exception as error:  # the roller looks by itself, told or not
                log.warning("the roller was not told", reason=describe(error))

    @Service.task
    async def _tell(self) -> None:
        await self._survive(asyncio.gather(*(teller.run(self.leads) for teller in self.parts.tellers)))

    @Service.task
    async def _pace(self) -> None:
        if self.parts.run is None:
            await self._survive(self._pacing())

    @Service.timer(LOOK)
    async def _look(self) -> None:
        """After a rebuild the views read what a program with the new declarations counts: this one ends, and is started anew."""
        try:
            await asyncio.to_thread(check_generations, self.parts.views, self.parts.catalog)
        except WrongGeneration as error:
            self.parts.fate.fail(error)
        except IocError as error:  # the feeder and the roller wait for the store, and say so
            log.debug("what the views read was not told", reason=describe(error))

    @Service.timer(COLLECT)
    async def _collect(self) -> None:
        await asyncio.to_thread(garbage.collect)

    @Service.task
    async def _ready(self) -> None:
        await self.parts.feeder.assigned.wait()
        _note(self.parts.settings, self.parts.run)

    @Service.task
    async def _watch(self) -> None:
        await self.parts.fate.ended.wait()
        self.parts.stop()
        os.kill(os.getpid(), signal.SIGTERM)  # Faust leaves its group and stops in order

    async def _survive(self, work: Any) -> None:
        try:
            await work
        except Exception as error:
            self.parts.fate.fail(error)

    async def _rolling(self) -> None:
        more = False
        while not self.should_stop:
            if not more:
                await self.parts.due.news()
            started, more = time.monotonic(), False
            if self.leads():
                more, judged = await asyncio.to_thread(self.parts.roll_and_judge)
                if judged:
                    for teller in self.parts.tellers:
                        teller.wake.set()
                if not self.parts.roller.leading:
                    await self.sleep(self.parts.roller.pause)
            else:
                self.parts.roller.forget()
                self.parts.alerter.forget()
            if not more:
                await self.parts.due.rest(time.monotonic() - started)

    async def _pacing(self) -> None:
        while not self.should_stop:
            try:
                async with kafka.Sender(self.parts.settings) as sender:
                    while not self.should_stop:
                        if self.leads() and self.parts.roller.live:
                            await beat(sender, self.parts.catalog)
                        await self.sleep(BEAT)
            except (kafka.KafkaError, IocError) as error:
                log.warning("no heartbeat", reason=describe(error))
                await self.sleep(1.0)

    async def on_stop(self) -> None:
        """Faust stops: so does all that runs in threads."""
        self.parts.stop()


def _faust(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "broker": ";".join(f"kafka://{server}" for server in settings.kafka_bootstrap.split(",")),
        "store": "memory://",
        "datadir": str(settings.data_dir / "faust"),
        "logging_config": {"version": 1, "incremental": True},  # Faust takes all handlers away; ours is set again
        "loghandlers": [logs.STDERR],
        "web_enabled": False,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "stream_wait_empty": False,
        "broker_session_timeout": 10.0,
        "broker_heartbeat_interval": 2.0,
        "producer_acks": -1,
    }
    if settings.kafka_username:
        options["broker_credentials"] = faust.SASLCredentials(
            username=settings.kafka_username,
            password=settings.kafka_password.get_secret_value(),
            mechanism="SCRAM-SHA-512",
            ssl_context=kafka.connection(settings).get("ssl_context"),
        )
    elif settings.kafka_ca:
        options["broker_credentials"] = faust.SSLCredentials(kafka.connection(settings)["ssl_context"])
    return options


def _note(settings: Settings, run: str | None) -> None:
    """Tell the supervisor that this process has its partitions; it never reads half of it."""
    note = settings.data_dir / "run" / ("worker.ready" if run is None else f"worker-{run}.ready")
    note.parent.mkdir(parents=True, exist_ok=True)
    new = note.with_name(f"{note.name}.{os.getpid()}")
    new.write_text(str(os.getpid()))
    new.replace(note)


def main(settings: Settings, run: str | None = None, catalog: Catalog | None = None) -> int:
    """Run a worker until it is told to stop (0) or cannot go on (`ended`). `catalog`: of other streams.

    Raises ServiceAway, and what is a refusal.
    """
    try:
        fate = _run(settings, run, catalog or load())
    except StoreError as error:  # before it counted: a full store refuses for a moment only, and is no reason to give up
        fate = Fate()
        fate.fail(error)
    if fate.error is not None:
        print(visible(f"ioc worker: {describe(fate.error)}"), file=sys.stderr)
        return ended(fate.error)
    return 0


def _run(settings: Settings, run: str | None, catalog: Catalog) -> Fate:
    """Run a worker. Why it ended."""
    asyncio.run(kafka.bounds(settings, [run_names(run)[1](PROGRESS) if run else PROGRESS]))  # Faust would end without a reason
    (settings.data_dir / "faust").mkdir(parents=True, exist_ok=True)
    check_generations(Store(of_run(settings, run), patience=30), catalog)
    replayed = run is not None and run_named(Store(settings, readonly=True, patience=30), run).source != IMPORT
    garbage.seldom()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    fate = Fate()
    worker = faust.Worker(
        app(catalog, settings, run, fate, replayed), loop=loop, loglevel="WARNING", redirect_stdouts=False, quiet=True
    )
    worker.spinner = None  # it writes escapes into the log, lets in every debug line and shuts our handler to what is no warning
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        if fate.error is None and end.code:
            fate.error = worker.crash_reason or end.__context__ or IocError("Faust ended without a reason")
    return fate
