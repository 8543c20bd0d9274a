"""Data: what the wall asks the store: one query for all who look at the same thing, asked again when something was counted.

A question is a panel's query with its variables filled in, and a time range. One task a question keeps its answer fresh and ends
when nobody has looked for a while. The checkpoint is written last: where there is no new one nothing has changed, and nothing is
asked again, so that a run that has ended costs a small query twice a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

import polars as pl

from ioc.boards.expand import identifier, timed
from ioc.embedded.centre import status, stopped
from ioc.errors import IocError, ServiceAway, UsageError
from ioc.settings import Settings
from ioc.store.clickhouse import RUN, Store
from ioc.store.runs import run_names, runs

EVERY = 0.5
"""Seconds between two looks at a database, and of a question at its pulse."""
SHARE = 3.0
"""A question rests this many times as long as it took: slow queries slow the wall, never the worker."""
LONGEST = 10.0
"""Seconds a question rests at most: one that hung with the store must not rest for as long again."""
UNSEEN = 15.0
"""Seconds without a viewer after which a question is no longer asked."""
LATE = 30_000
"""A live centre whose now lags the wall clock by more than this (ms) has no feed."""
SILENT = 15.0
"""Seconds without a pulse after which a store that hangs is taken for an absent one."""
CLIENTS = 2
"""Queries at once, of all who look: what waits for its turn rests longer, too."""
PULSE = """SELECT maxIf(received, stage = 'measure') + 1 AS now, toUnixTimestamp64Milli(max(written_at)) AS written
    FROM {}.checkpoints WHERE received IS NOT NULL OR stage != 'measure'"""
T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """`sql`: variables are filled in, macros are not. `span`: ms back from the database's now; None: from its first step."""

    database: str
    sql: str
    span: int | None = None


@dataclass(frozen=True)
class Pulse:
    """A database: its now (ms, None: nothing was received), its last checkpoint, of a run name and state; when heard."""

    now: int | None = None
    written: int | None = None
    run: str = ""
    state: str = ""
    error: str = ""
    away: bool = False
    heard: float = field(default_factory=time.monotonic)

    def silent(self) -> bool:
        """Whether the store is away, or hangs."""
        return self.away or time.monotonic() - self.heard > SILENT


@dataclass(frozen=True)
class Fetched:
    """The last good answer, for the time range [begin, end] (ms), and what went wrong since."""

    frame: pl.DataFrame | None = None
    begin: int = 0
    end: int = 0
    error: str = ""
    away: bool = False
    written: int | None = None
    lost: bool = False
    """Whether the feed was lost then: the queries tell it, by the store's clock."""


class Kept(Generic[T]):
    """A value that one task renews for as long as somebody looks at it."""

    def __init__(self, first: T, renew: Callable[[T], Awaitable[T]], forget: Callable[[], object]) -> None:
        self.value = first
        self._renew, self._forget = renew, forget
        self._seen = 0.0
        self._task: asyncio.Task[None] | None = None

    def look(self) -> T:
        """The value as it is now; the task goes on (or begins)."""
        self._seen = time.monotonic()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        elif self._task.done():
            self._task.result()  # it ends by an error of ours alone: shown to whoever looks
        return self.value

    async def _run(self) -> None:
        try:
            while time.monotonic() - self._seen < UNSEEN:
                began = time.monotonic()
                self.value = await self._renew(self.value)
                await asyncio.sleep(min(max(EVERY, SHARE * (time.monotonic() - began)), LONGEST))
        finally:
            self._forget()


class Wall:
    """The questions that are looked at now. All of it belongs to one event loop; the store is asked from threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._threads = ThreadPoolExecutor(CLIENTS, "questions")
        self._beats = ThreadPoolExecutor(1, "pulses")  # a lost feed shows at once, however many questions wait
        self._kept: dict[Hashable, Kept[Any]] = {}

    def pulse(self, database: str) -> Pulse:
        """How a database is."""
        found: Pulse = self._look(database, Pulse(), partial(self._beat, database))
        return found

    def database(self, run: str | None) -> str:
        """The database of a run, called by its name or its database; of the live centre without one."""
        if run is None or run == self.settings.clickhouse_database or run.startswith(RUN):
            return run or self.settings.clickhouse_database
        try:
            return run_names(run)[0]
        except UsageError:
            return run  # the panels say that it is not there

    def lost(self, database: str, pulse: Pulse) -> bool:
        """Whether the live centre's now lags the wall clock: a run has a clock of its own."""
        live = database == self.settings.clickhouse_database
        return live and (pulse.now is None or time.time_ns() // 1_000_000 - pulse.now > LATE)

    def stopped(self, database: str) -> list[tuple[str, str]]:
        """The services of the live centre that have stopped, each with why: what `ioc status` and `ioc doctor` tell."""
        if database != self.settings.clickhouse_database:
            return []
        found = status(self.settings.data_dir.absolute())
        fallen = {s.name for s in found.services if s.why}
        return [(name, told) for name, told in stopped(found) if name in fallen]

    def answer(self, question: Question) -> Fetched:
        """The newest answer to a question."""
        self.pulse(question.database)
        found: Fetched = self._look(question, Fetched(), partial(self._ask, question))
        return found

    async def _query(self, sql: str) -> pl.DataFrame:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: self._store().query(sql))

    def _look(self, key: Hashable, first: T, renew: Callable[[T], Awaitable[T]]) -> T:
        if key not in self._kept:
            self._kept[key] = Kept(first, renew, lambda: self._kept.pop(key, None))
        kept: Kept[T] = self._kept[key]
        return kept.look()

    async def _beat(self, database: str, before: Pulse) -> Pulse:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._beats, self._pulse_of, database)
        except IocError as error:
            return replace(before, error=str(error), away=isinstance(error, ServiceAway))

    async def _ask(self, question: Question, before: Fetched) -> Fetched:
        pulse = self.pulse(question.database)
        if pulse.written is None:  # not heard yet, or never: no question without the database's now
            return replace(before, error=pulse.error, away=pulse.away)
        lost = self.lost(question.database, pulse)
        if (pulse.written, lost) == (before.written, before.lost) and not before.error:
            return before
        try:
            end = pulse.now or 0
            begin = await self._first(question.database) if question.span is None else max(0, end - question.span)
            frame = await self._query(timed(question.sql, begin, end))
            return Fetched(frame, begin, end, written=pulse.written, lost=lost)
        except IocError as error:
            return replace(before, error=str(error), away=isinstance(error, ServiceAway))

    async def _first(self, database: str) -> int:
        """The first step of a database (ms)."""
        row = (await self._query(f"SELECT toUnixTimestamp64Milli(min(at)) FROM {identifier(database)}.indicators")).row(0)
        return int(row[0])

    def _pulse_of(self, database: str) -> Pulse:
        now, written = self._store().query(PULSE.format(identifier(database))).row(0)
        if database == self.settings.clickhouse_database:
            return Pulse(now, written)
        run = next((run for run in runs(self._store()) if run_names(run.name)[0] == database), None)
        return Pulse(now, written, run.name if run else database, run.state if run else "")

    def _store(self) -> Store:
        return Store(self.settings, readonly=True)  # all share one client
