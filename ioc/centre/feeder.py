"""Feeder: carries batches from Kafka to the pipeline, below Faust's per-message path.

It owns a consumer of its own group, seeks to our checkpoints when partitions are assigned, and hands each poll to the
`measure` agent through a channel. While the store is away it polls with its partitions paused, so that the group does not think
it dead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from ioc import kafka
from ioc.centre.takeover import taken_over
from ioc.counting.held import Work
from ioc.counting.pipeline import Pipeline, Rows
from ioc.errors import IocError
from ioc.events.batch import Batch
from ioc.events.replayed import arrived
from ioc.kafka import TopicPartition
from ioc.settings import Settings
from ioc.store.state import Place

log = structlog.get_logger()
IN_FLIGHT, SMALL_ONES = 4, 2
"""Polls on their way: one being written, one counted, one decoded, one waiting. Of small ones two: a third would wait longer
here, behind both, than its records wait in the broker for the next poll, which they make larger."""
LARGE = 20_000
"""Records of one poll at most. So many on their way are no small polls."""
GAP, FEW = 2000, 128 << 10
"""Milliseconds the broker gathers records for, and bytes that end its wait. Every poll is a handful of inserts, however little is
in it: a centre of 50 events a second would keep two cores busy with polls of five. A pause of our own would cost it twice,
for the client fetches ahead and holds what it found."""
STALLED = 5.0
"""Seconds without a counted poll after which the group is told that we live (far below max_poll_interval)."""
REVOKE_PATIENCE = 30.0
"""Seconds a rebalance waits for polls on their way; what comes later is harmless (docs/exactness.md)."""


@dataclass
class Poll:
    """One poll: batches, the assignment each partition was read under, and the future that ends when all are in the store."""

    batches: list[Batch]
    epochs: dict[Place, int]
    done: asyncio.Future[None]

    @property
    def records(self) -> int:
        """How many it brought; none where the log has holes only."""
        return sum(map(len, self.batches))


@dataclass
class Decoded:
    """A poll that is decoded and to be counted."""

    poll: Poll
    works: list[Work]


@dataclass
class Counted:
    """A poll that is counted and to be written."""

    poll: Poll
    rows: Rows


class Feeder(kafka.ConsumerRebalanceListener):  # type: ignore[misc]
    """Polls the topics (Kafka name -> live name) and nudges the agent, which calls `drain`; `counted` is called after each poll
    that was written, `failed` gets what ends the worker. `replayed`: the topics bring the archive (`ioc.events.replayed`).

    The nudge carries nothing: Faust empties its channels when its own group rebalances, and nothing may be lost by that.
    """

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        topics: Mapping[str, str],
        group: str,
        nudge: Callable[[], Awaitable[Any]],
        failed: Callable[[BaseException], Any],
        counted: Callable[[], Any] = lambda: None,
        replayed: bool = False,
    ) -> None:
        self._replayed = replayed
        self.settings, self.pipeline, self.topics, self.group = settings, pipeline, dict(topics), group
        self._nudge, self._failed, self._counted = nudge, failed, counted
        self.records = 0
        """How many were counted and written."""
        self._next: dict[TopicPartition, int] = {}
        self._epoch = 0
        self._epochs: dict[Place, int] = {}
        self._waiting: deque[Poll] = deque()
        self._draining = False
        self._flying: dict[asyncio.Future[None], int] = {}
        """The polls on their way, and how many records they have."""
        self._lock = asyncio.Lock()
        self._stop = asyncio.Event()
        self.assigned = asyncio.Event()

    async def run(self) -> None:
        """Feed until `stop`."""
        self._consumer = kafka.consumer(
            self.settings,
            self.group,
            columns=True,
            max_poll_interval_ms=300_000,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            fetch_max_wait_ms=GAP,
            fetch_min_bytes=FEW,
            rebalance_timeout_ms=60_000,
        )
        self._consumer.subscribe(list(self.topics), listener=self)
        await self._consumer.start()
        try:
            while not self._stop.is_set():
                await self._turn()
        finally:
            await self._consumer.stop()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stop.set()

    async def _turn(self) -> None:
        """One poll, or a wait while too much is on its way."""
        if self._waiting and not self._draining:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):  # it waits while Faust's own group rebalances
                    await self._nudge()
        if not self._room():
            done, _ = await asyncio.wait(self._flying, timeout=STALLED, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                await self._keep_membership()
            return
        try:
            polled: dict[TopicPartition, kafka.Columns] = await self._consumer.getmany(timeout_ms=200, max_records=LARGE)
        except kafka.NoOffsetForPartitionError:
            if self._consumer.assignment() <= self._next.keys():
                raise
            await asyncio.sleep(0.02)  # assigned, but our own positions are still being looked up
            return
        # no await until the poll is stamped: a rebalance in between would mix two assignments
        batches = []
        for place, found in polled.items():
            if found and place in self._next:
                batch = Batch.of(*self._place(place), self._next[place], found)
                self._next[place] = batch.next
                batches.append(arrived(batch) if self._replayed else batch)
        if batches:
            poll = Poll(
                batches,
                {b.place: self._epochs[b.place] for b in batches},
                asyncio.get_running_loop().create_future(),
            )
            self._flying[poll.done] = poll.records
            poll.done.add_done_callback(self._flying.pop)
            self._waiting.append(poll)

    def _room(self) -> bool:
        """Whether one more poll may be on its way."""
        return len(self._flying) < (IN_FLIGHT if sum(self._flying.values()) >= LARGE else SMALL_ONES)

    async def _keep_membership(self) -> None:
        """A poll of nothing: who does not poll is taken for dead. A pause throws fetched records away: for stalls only."""
        paused = self._consumer.assignment()
        self._consumer.pause(*paused)
        await self._consumer.getmany(timeout_ms=0)
        self._consumer.resume(*(paused & self._consumer.assignment()))

    async def drain(self) -> None:
        """Count the polls that wait, and those that come meanwhile (called by the agent)."""
        if self._draining:
            return
        self._draining = True
        decoded: Decoded | None = None
        counted: Counted | None = None
        try:
            while self._waiting or decoded or counted:
                following = self._waiting.popleft() if self._waiting else None
                decoded, counted = await self._advance(following, decoded, counted)
        finally:
            self._draining = False

    async def _advance(
        self, following: Poll | None, decoded: Decoded | None, counted: Counted | None
    ) -> tuple[Decoded | None, Counted | None]:
        """Decode a poll while the one before is counted and the one before that is written, where so many are on their way.
        Returns the first two.

        What was read under an earlier assignment is left to whoever reads it again; what is counted already is written, which is
        harmless (docs/exactness.md). Whatever goes wrong here ends the worker: no batch is ever skipped.
        """
        polls = [poll for poll in (following, decoded and decoded.poll, counted and counted.poll) if poll]
        try:
            async with self._lock:
                batches = [b for b in following.batches if self._ours(following, b.place)] if following else []
                works = [w for w in decoded.works if self._all_ours(decoded.poll, w)] if decoded else []
                done = await asyncio.gather(
                    asyncio.to_thread(self.pipeline.write, counted.rows) if counted else asyncio.sleep(0),
                    asyncio.to_thread(self.pipeline.count, works),
                    asyncio.to_thread(self.pipeline.decode, batches),
                    return_exceptions=True,  # no thread may go on when the lock is free again
                )
                # the write first: it took the partitions from under the others
                _, rows, ahead = (_well(result) for result in done)
                await asyncio.to_thread(self.pipeline.settle)
            if counted:
                if not counted.poll.done.done():
                    counted.poll.done.set_result(None)
                self.records += counted.poll.records
                self._counted()
            return Decoded(following, ahead) if following else None, Counted(decoded.poll, rows) if decoded else None
        except asyncio.CancelledError:
            self._let_go()
            for poll in polls:
                poll.done.cancel()  # the worker was told to stop; the polls will be read again
            raise
        except BaseException as error:
            self._let_go()
            for poll in polls:
                if not poll.done.done():
                    poll.done.set_exception(error)
                    poll.done.exception()  # retrieved: it is reported through `failed`
            self._failed(error)
            raise

    def _let_go(self) -> None:
        """What is in memory may be ahead of the store for good: nothing is read or counted until partitions are assigned anew."""
        self._epochs.clear()
        self._next.clear()

    def _ours(self, poll: Poll, place: Place) -> bool:
        return self._epochs.get(place) == poll.epochs[place]

    def _all_ours(self, poll: Poll, work: Work) -> bool:
        """A rebalance takes all partitions at once: where it took some only, the others' next batch would be refused as a gap."""
        return all(self._ours(poll, batch.place) for batch in work.block.batches)

    # ---- rebalances (called by aiokafka between two polls)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Let what is on its way be counted, then forget the partitions."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=REVOKE_PATIENCE)
        async with self._lock:
            self.pipeline.revoke([self._place(p) for p in revoked])
            for place in revoked:
                self._epochs.pop(self._place(place), None)
        for place in revoked:
            self._next.pop(place, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Start each partition from our checkpoint, after the log has shown the record the checkpoint ends with."""
        try:
            await self._assign(list(assigned))
        except Exception as error:
            self._failed(error)
            raise

    async def _assign(self, assigned: list[TopicPartition]) -> None:
        if not assigned:
            return
        async with self._lock:
            self._epoch += 1
            positions = await taken_over(self._consumer, self.pipeline, self.settings, self.topics, assigned, self._replayed)
            for place, position in positions.items():
                self._next[place] = position
                self._epochs[self._place(place)] = self._epoch
                self._consumer.seek(place, position)
        log.info("partitions assigned", partitions=len(assigned), positions=sum(positions.values()))
        self.assigned.set()

    def _place(self, place: TopicPartition) -> Place:
        return self.topics[place.topic], place.partition


def _well(result: Any) -> Any:
    if isinstance(result, BaseException):
        raise result
    return result


def describe(error: BaseException) -> str:
    """One line for the log and the terminal."""
    return str(error) if isinstance(error, IocError) else f"{type(error).__name__}: {error}"
