"""Paced: a replay through topics of the run and a worker of it, at the pace at which its records were received.

What was received before `run.begin` goes the same way first, as fast as it goes. Between partitions the order is that of
reception, within one the archive's; every record keeps its partition and its offset (`ioc.events.replayed`).
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from subprocess import Popen
from typing import NamedTuple

from ioc.catalog import Catalog
from ioc.centre.live import wait_counted, wait_rolled
from ioc.counting import from_archive
from ioc.embedded.workers import worker_of
from ioc.errors import IocError, ServiceAway, UsageError
from ioc.events.decode import NEVER
from ioc.events.exact_lane import Headers
from ioc.events.replayed import HOLE, carried
from ioc.kafka import Sender
from ioc.replaying import new_run
from ioc.replaying.pace import IDLE, Pace
from ioc.replaying.replay import Asked, Replayed, asked
from ioc.settings import Settings
from ioc.store import runs
from ioc.store.clickhouse import Store
from ioc.store.runs import Run, run_names
from ioc.store.state import Checkpoint, Place
from ioc.times import SECOND

HOLES = 20_000_000
"""Positions without a record that are filled at most: some two minutes of sending."""
NAP = 0.05
"""Seconds: what is due within so short a time is sent together."""
STEP = 1_000
"""Records after which what waits for others is sent, and progress is told."""
PATIENCE = 600.0
"""Seconds without a step of the run's worker after which a replay is given up."""


@dataclass(frozen=True)
class Plan:
    """A replay that may begin: the run, what it goes over, its pace, and the last reception (ms) that is waited for."""

    run: Run
    asked: Asked
    pace: Pace
    last: int

    @property
    def seconds(self) -> float:
        """How long it takes from `pace.begin` on (0: as fast as it goes)."""
        return self.pace.seconds(self.last)


@dataclass(frozen=True)
class Going:
    """How far a replay is: records sent, the reception that is replayed now (ms), and seconds of the pace to come."""

    records: int
    at: int
    left: float


def plan(settings: Settings, run: Run, speed: float | None, longest: float = IDLE) -> Plan:
    """The plan of a replay at `speed` times the pace of reception (None: as fast as it goes); stretches in which nothing was
    received take `longest` seconds at most.

    Raises UsageError when the run is there already or nothing lies in the time asked for.
    """
    live = Store(settings, readonly=True)
    wanted = asked(settings, live, run)
    holes = sum(end.next for end in wanted.ends.values()) - wanted.records
    if holes > HOLES:
        raise UsageError(f"the live log has {holes:,} positions without a record, too many for a topic of the run: use --direct")
    first, last = from_archive.receptions(live, wanted.ends) or (wanted.last, wanted.last)
    begin = first if run.begin is None else run.begin
    idle = [] if speed is None else from_archive.idle(live, wanted.ends, begin, longest * speed * SECOND)
    return Plan(run, wanted, Pace(begin, speed, tuple(idle), longest), last)


def paced(settings: Settings, catalog: Catalog, plan: Plan, progress: Callable[[Going], None]) -> Replayed:
    """Replay as planned; returns once everything is counted and rolled, and the run's worker has ended.

    Raises ServiceAway when that worker ends before or stands still.
    """
    run, live = plan.run, Store(settings, readonly=True)
    store = new_run.create(settings, catalog, run, plan.asked.partitions)
    with runs.replaying(settings, run), worker_of(settings, run.name) as worker:
        sending = _Sending(settings, plan, worker, progress)
        for _, part in groupby(in_order(live, plan.asked.ends), lambda record: record.due >= plan.pace.begin):
            asyncio.run(sending.send(part))
            wait_counted(store, catalog, sending.next, lambda _: sending.check(), PATIENCE)
        wait_rolled(store, catalog, sending.next, PATIENCE)
    return Replayed(replace(run, state=runs.ENDED), sending.records, plan.asked.last)


# ---- the records, in order


class Record(NamedTuple):
    """A record to send. `due`: the highest reception that moved its partition's watermark (ms), NEVER before the first one;
    `offset`: what it must get."""

    due: int
    place: Place
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def hole(self) -> bool:
        """Whether it stands for none."""
        return self.headers is HOLE


def in_order(live: Store, ends: dict[Place, Checkpoint]) -> Iterator[Record]:
    """The archive before the ends, and its holes, in the order of `due`; in a partition, in its own."""
    return heapq.merge(*(_of(live, place, end) for place, end in ends.items()), key=lambda record: record.due)


def _of(live: Store, place: Place, end: Checkpoint) -> Iterator[Record]:
    reached, position, due = 0, 0, NEVER
    while reached < end.next:
        batch = from_archive.batch(live, place, reached, end.next)
        for i, (offset, at) in enumerate(zip(batch.offsets, batch.timestamps, strict=True)):
            if from_archive.moves(batch, i, end):
                due = max(due, at)
            for hole in range(position, offset):
                yield Record(due, place, hole, None, None, HOLE)
            yield Record(due, place, offset, batch.keys[i], batch.values[i], carried(batch.headers.get(i, ()), at))
            position = offset + 1
        reached = batch.next


# ---- sending


@dataclass
class _Sending:
    """A replay under way. `next`: by live topic and partition, the position after the last record sent."""

    settings: Settings
    plan: Plan
    worker: Popen[bytes]
    progress: Callable[[Going], None]
    records: int = 0
    next: dict[Place, int] = field(default_factory=dict)

    async def send(self, part: Iterable[Record]) -> None:
        """Send records, each when it is due; returns once Kafka has them."""
        topic, pace = run_names(self.plan.run.name)[1], self.plan.pace
        clock = asyncio.get_running_loop().time
        async with Sender(self.settings) as sender:
            start = clock()
            for sent, record in enumerate(part, 1):
                at = pace.seconds(record.due)
                if (wait := start + at - clock()) > NAP:
                    await self._tell(sender, record, at)
                    await asyncio.sleep(wait)
                await sender.post(topic(record.place[0]), record.key, record.value, record.headers, record.place[1])
                self.records += not record.hole
                self.next[record.place] = record.offset + 1
                if sent % STEP == 0:
                    await self._tell(sender, record, at)
            await sender.flush()
            await self._tell(sender, record, at)
            there = {place: sender.next.get((topic(place[0]), place[1]), end) for place, end in self.next.items()}
            if there != self.next:
                raise IocError(f"someone else writes to the topics of {self.plan.run.name}; remove it and start it again")

    async def _tell(self, sender: Sender, record: Record, at: float) -> None:
        self.check()
        await sender.push()
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError  # Ctrl-C: Python 3.11's wait_for, in the client, drops it when its answer has just come
        self.progress(Going(self.records, max(record.due, 0), self.plan.seconds - at))

    def check(self) -> None:
        """Raise ServiceAway when the run's worker has ended."""
        if self.worker.poll() is not None:
            log = self.settings.data_dir / "logs" / f"worker-{self.plan.run.name}.log"
            raise ServiceAway(f"the worker of the run has ended; its output stands in {log}")
