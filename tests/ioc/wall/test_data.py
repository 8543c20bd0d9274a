"""Who looks at the same thing shares one query; nothing is asked while nothing was counted, and nothing when nobody looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from ioc.errors import ServiceAway
from ioc.settings import Settings
from ioc.store.clickhouse import StoreError
from ioc.times import HOUR
from ioc.wall import data
from ioc.wall.data import Pulse, Question, Wall

NOW = 1_767_576_605_000


class Counted:
    """A store that counts what it is asked; `written` is its last checkpoint."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pulses, self.written = 0, 1
        self.error: Exception | None = None

    def query(self, sql: str) -> pl.DataFrame:
        if self.error:
            raise self.error
        if "checkpoints" in sql:
            self.pulses += 1
            return pl.DataFrame({"now": [NOW], "written": [self.written]})
        self.asked.append(sql)
        return pl.DataFrame({"value": [len(self.asked)]})


class Asking(Wall):
    """A wall over that store."""

    def __init__(self, store: Counted) -> None:
        super().__init__(Settings())
        self.counted = store

    def _store(self) -> Any:
        return self.counted


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Asking:
    monkeypatch.setattr(data, "EVERY", 0.01)
    monkeypatch.setattr(data, "UNSEEN", 0.3)
    return Asking(Counted())


async def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "not within 20 s"
        await asyncio.sleep(0.005)


QUESTION = Question("ioc", "SELECT value FROM v WHERE at >= $__fromTime AND at <= $__toTime", HOUR)


async def test_a_lost_feed_is_asked_for_though_nothing_was_counted(wall: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queries tell by the store's clock that nothing comes in; without a new checkpoint nobody would ask them."""
    monkeypatch.setattr(data, "LATE", 1 << 60)
    await until(lambda: wall.answer(QUESTION).frame is not None)
    monkeypatch.setattr(data, "LATE", 0)
    await until(lambda: wall.answer(QUESTION).lost)
    assert len(wall.counted.asked) == 2


def test_a_run_is_asked_for_by_its_name_or_its_database(wall: Asking) -> None:
    asked = (None, "ioc", "morning-1", "ioc_run_morning_1", "No such")
    assert [wall.database(run) for run in asked] == ["ioc", "ioc", "ioc_run_morning_1", "ioc_run_morning_1", "No such"]


async def test_the_name_of_a_database_ends_no_quotes(wall: Asking) -> None:
    asked: list[str] = []

    def refuses(sql: str) -> pl.DataFrame:
        asked.append(sql)
        raise StoreError("there is no such database")

    wall.counted.query = refuses  # type: ignore[method-assign]
    await until(lambda: wall.pulse('a".t WHERE 0 --').error)
    assert 'FROM "a\\".t WHERE 0 --".checkpoints' in asked[0]


async def test_all_who_look_at_the_same_share_one_query(wall: Asking) -> None:
    await until(lambda: all(wall.answer(QUESTION).frame is not None for _ in range(50)))
    assert wall.counted.asked == [
        f"SELECT value FROM v WHERE at >= toDateTime({NOW // 1000 - 3600}) AND at <= toDateTime({NOW // 1000})"
    ]


async def test_a_question_is_asked_again_only_after_a_new_checkpoint(wall: Asking) -> None:
    await until(lambda: wall.answer(QUESTION).frame is not None)
    before = wall.counted.pulses
    await until(lambda: (wall.answer(QUESTION), wall.counted.pulses > before + 5)[1])
    assert len(wall.counted.asked) == 1
    wall.counted.written += 1
    await until(lambda: wall.answer(QUESTION).frame["value"][0] == 2)  # type: ignore[index]


async def test_nothing_is_asked_when_nobody_looks(wall: Asking) -> None:
    await until(lambda: wall.answer(QUESTION).frame is not None)
    await until(lambda: not wall._kept)
    assert wall.answer(QUESTION).frame is None, "who comes later begins anew"


async def test_an_error_stands_beside_the_last_good_answer_and_goes_away_by_itself(wall: Asking) -> None:
    await until(lambda: wall.answer(QUESTION).frame is not None)
    wall.counted.error, wall.counted.written = ServiceAway("the store does not answer"), 2
    await until(lambda: (wall.answer(QUESTION), wall.pulse("ioc").silent())[1])
    assert wall.answer(QUESTION).frame is not None
    wall.counted.error = None
    await until(lambda: not wall.pulse("ioc").silent() and wall.answer(QUESTION).frame["value"][0] == 2)  # type: ignore[index]
    assert wall.answer(QUESTION).error == ""


async def test_a_refused_query_is_told_to_the_panel(wall: Asking) -> None:
    wall.counted.error = StoreError("Unknown table 'v'")
    await until(lambda: wall.answer(QUESTION).error)
    assert (wall.answer(QUESTION).error, wall.answer(QUESTION).away) == ("Unknown table 'v'", False)


def test_a_pulse_not_heard_for_long_is_a_store_that_hangs() -> None:
    assert not Pulse().silent()
    assert Pulse(heard=time.monotonic() - data.SILENT - 1).silent()
