"""Notify: transitions of alerts go to the topic `ioc.alerts` and to a signed webhook, in order, and again until they are taken.

Each way out keeps its own position, so that a receiver that is away holds up neither the judging nor the other. It is written
after the answer: a crash between the two sends the transitions of one step again, with the same `Idempotency-Key`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Protocol

import stamina
import structlog

from ioc.alerting.removed import ALERT
from ioc.alerting.webhook import Reply, Told
from ioc.catalog import ALERTS, Catalog
from ioc.errors import ServiceAway
from ioc.kafka import KafkaError, Sender
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store, literal
from ioc.vocabulary import Dims

log = structlog.get_logger()
PUBLISH, NOTIFY = "publish", "notify"
"""The stages under which the topic and the webhook keep their positions."""
LONGEST = 60.0
"""Seconds between two tries, at most."""


class WayOut(Protocol):
    """Where transitions are told. Raises ServiceAway when it is to be tried again."""

    async def tell(self, told: Told) -> Reply | None:
        """Tell one; None: nothing of the answer need be kept."""


class Topic:
    """The topic `ioc.alerts`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def tell(self, told: Told) -> Reply | None:
        """Returns once Kafka has the record. Alerts are rare: a connection each."""
        try:
            async with Sender(self._settings) as sender:
                await (await sender.send(ALERTS, told.key, told.event()))
        except KafkaError as error:
            raise ServiceAway(f"Kafka does not take an alert ({error})") from error
        return None


class Teller:
    """Tells one way out what was judged. One at a time works; two say the same twice."""

    def __init__(self, catalog: Catalog, store: Store, stage: str, way_out: WayOut) -> None:
        self.catalog, self.store, self.stage, self.way_out = catalog, store, stage, way_out
        self.wake = asyncio.Event()
        """Set it when there may be something to tell."""

    async def run(self, leads: Callable[[], bool]) -> None:
        """Tell whatever there is, as long as this process leads. Never returns."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            if leads():
                await self.tell(leads)

    async def tell(self, leads: Callable[[], bool]) -> None:
        """Tell what is due; returns when all is told, or when another process leads."""
        for stream, (generation, names) in (await asyncio.to_thread(self._streams)).items():
            due, judged = await asyncio.to_thread(self._due, stream, generation, names)
            for at, together in groupby(due, key=lambda told: told.at):
                for told in together:
                    if not await self._until_taken(told, generation, leads):
                        return
                await asyncio.to_thread(state.save_step, self.store, self.stage, generation, stream, at)
            if judged is not None:
                await asyncio.to_thread(state.save_step, self.store, self.stage, generation, stream, judged)

    def _streams(self) -> dict[str, tuple[str, list[Dims]]]:
        """Generation and names of dimensions of every stream, also of those that are declared no more: their alerts ended."""
        ours, stored = self.catalog.generations, state.generations(self.store)
        gone = {name: one for name, one in stored.items() if name not in ours and one[0] not in ours.values()}
        had = {name: names for name, (_, names) in stored.items()}
        return {s.name: (ours[s.name], [s.dimensions, *had.get(s.name, [])]) for s in self.catalog.streams} | gone

    def _due(self, stream: str, generation: str, names: Sequence[Dims]) -> tuple[list[Told], int | None]:
        """What is judged and not told, in order, and the step up to which that is all (None: nothing new was judged).

        A generation goes on where any other one stands: what was counted anew, or by a declaration of before, is no news.
        """
        judged = state.step_of(self.store, ALERT, generation)
        positions = [step for (g, name), step in state.steps(self.store, self.stage).items() if stream == name or g == generation]
        told = max(positions, default=0)
        if judged is None or judged <= told:
            return [], None
        frame = self.store.query(
            "SELECT rule, dims, toUnixTimestamp64Milli(at) AS step, transition, value, threshold, clear, reason "
            f"FROM alerts FINAL WHERE generation = {literal(generation)} "
            f"AND at > fromUnixTimestamp64Milli({told}) AND at <= fromUnixTimestamp64Milli({judged}) ORDER BY at, rule, dims"
        )
        of = {indicator.name: indicator for indicator in self.catalog.indicators()}
        return [
            Told(rule, tuple(dims), at, transition, value, threshold, clear, reason, of.get(rule), _named(dims, names))
            for rule, dims, at, transition, value, threshold, clear, reason in frame.iter_rows()
        ], judged

    async def _until_taken(self, told: Told, generation: str, leads: Callable[[], bool]) -> bool:
        """Try until there is an answer for good, and keep it. False: another process leads by now."""
        retrying: Any = stamina.retry_context(
            on=ServiceAway, attempts=None, timeout=None, wait_initial=0.5, wait_max=LONGEST, wait_jitter=1.0
        )
        async for attempt in retrying:
            with attempt:
                if not leads():
                    return False
                answer = await self.way_out.tell(told)
        if answer is not None:
            if answer.status // 100 != 2:
                log.error("a webhook refuses an alert", rule=told.rule, dims=told.dims, status=answer.status, answer=answer.text)
            row = (generation, told.rule, told.dims, told.at, told.transition, answer.status, answer.text)
            await asyncio.to_thread(self.store.insert, "notifications", state.rows_table("notifications", [row]))
        return True


def _named(dims: Sequence[str], names: Sequence[Dims]) -> Dims:
    """The names of a group's dimensions: those the stream has or had, as many as fit; 1, 2, ... where a store kept none."""
    return next((fit for fit in names if len(fit) == len(dims)), tuple(str(i + 1) for i in range(len(dims))))
