"""Workers for schedules: a pipeline that can fail, or stand still and go on later, before any step it takes to the store."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import polars as pl
import pyarrow as pa

from ioc.counting.pipeline import Pipeline
from ioc.errors import ServiceAway
from ioc.store.state import Place
from tests.counting import CATALOG
from tests.fake import NOWHERE, FakeStore

FATES = ("well", "well", "fails", "answer lost", "in part", "late", "twice", "stands still", "stands still")


class World(Protocol):
    """What workers have in common: the tables, what is on its way to them, and what has happened."""

    rng: random.Random
    store: FakeStore
    late: list[tuple[str, pa.Table]]
    happened: Counter[str]
    fetched: dict[Place, int]


class Door(FakeStore):
    """A worker's own way to the common tables."""

    def __init__(self, schedule: World, at: Callable[[str, pa.Table | None], None]) -> None:
        super().__init__()
        self.tables, self.common, self._at = schedule.store.tables, schedule.store, at
        self.fetched = schedule.fetched

    def insert(self, table: str, rows: pa.Table, *, durable: bool = False) -> None:
        if rows.num_rows:
            self._at(table, rows)
            self.common.land(table, rows)

    def query(self, sql: str, settings: Mapping[str, Any] | None = None) -> pl.DataFrame:
        self._at("", None)
        return super().query(sql, settings)


SMALL = NOWHERE.model_copy(update={"cache_mb": 8})


class Worker:
    """A pipeline whose polls run in a thread of their own, so that it can stand still in the midst; one runs at a time."""

    def __init__(self, schedule: World) -> None:
        self.schedule = schedule
        self.pipeline = Pipeline(CATALOG, Door(schedule, self._at), SMALL, sealed=False)
        self.failed = self.stands = False
        self._error: BaseException | None = None
        self._fate, self._left = "well", 0
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)

    def begin(self, job: Callable[[Pipeline], object], fate: str = "well", steps: int = 0) -> None:
        """Do a job until it ends or the worker stands still; its fate strikes at the given step to the store."""
        self._fate, self._left = fate, steps
        threading.Thread(target=self._live, args=(job,), daemon=True).start()
        self._wait()

    def go_on(self, fate: str = "well", steps: int = 0) -> None:
        """Go on from where it stands still."""
        self._fate, self._left, self.stands = fate, steps, False
        self._go.release()
        self._wait()

    def _wait(self) -> None:
        self._back.acquire()
        if self._error is not None:
            raise self._error

    def _live(self, job: Callable[[Pipeline], object]) -> None:
        try:
            job(self.pipeline)
        except ServiceAway:
            self.failed = True
        except BaseException as error:  # told to the main thread
            self._error = error
        self._back.release()

    def _at(self, table: str, rows: pa.Table | None) -> None:
        """Before a step to the store: a write to a table, or a read (no table)."""
        self._left -= 1
        if self._left != 0 or self._fate == "well":
            return None
        fate, schedule = self._fate, self.schedule
        schedule.happened[fate] += 1
        if fate == "stands still":
            self.stands = True
            self._back.release()
            self._go.acquire()
            return self._at(table, rows)
        if rows is not None:
            if fate == "answer lost":
                schedule.store.land(table, rows)
            elif fate == "in part":
                schedule.store.land(table, rows.filter(pa.array([schedule.rng.random() < 0.5 for _ in range(len(rows))])))
            elif fate in ("late", "twice"):
                schedule.late.append((table, rows))
            if fate == "twice":
                return None
        raise ServiceAway(fate)
