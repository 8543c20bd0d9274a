"""Due: the roller rests between two turns, unless much comes; who is never told looks all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from ioc.centre import due
from ioc.centre.due import Due

PATIENCE = 10.0


@pytest.fixture(autouse=True)
def _never(monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn is due by time alone."""
    monkeypatch.setattr(due, "ROLL", 1e6)
    monkeypatch.setattr(due, "UNTOLD", 1e6)
    monkeypatch.setattr(due, "LEAST", 0.0)


async def ends(waiting: Awaitable[None], told: Due, *counts: bytes | None) -> bool:
    """Whether it ends once the roller is told."""
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0)
    assert not task.done()
    for count in counts:
        told.tell(count)
    for _ in range(5):
        await asyncio.sleep(0)
    ended = task.done()
    task.cancel()
    return ended


async def test_a_turn_is_due_when_anything_was_counted_however_it_is_told() -> None:
    for told in (b"1", b"", b"no number", b"9" * 5000, None):
        made = Due()
        assert await ends(made.news(), made, told)


async def test_the_rest_after_a_turn_ends_when_many_events_were_counted_and_not_before() -> None:
    made = Due()
    assert not await ends(made.rest(0.0), made, b"%d" % (due.MANY - 1))
    assert await ends(made.rest(0.0), made, b"1")
    await made.news()
    assert not await ends(made.rest(0.0), made, b"%d" % (due.MANY - 1)), "what was rolled counts no more"


async def test_what_was_told_during_a_turn_is_not_lost() -> None:
    made = Due()
    made.tell(b"%d" % due.MANY)
    async with asyncio.timeout(PATIENCE):
        await made.rest(0.0)
        await made.news()


async def test_who_is_never_told_looks_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "UNTOLD", 0.01)
    async with asyncio.timeout(PATIENCE):
        await Due().news()


async def test_after_a_turn_the_machine_is_left_to_the_others_for_half_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    rested: list[float] = []
    sleep = asyncio.sleep

    async def rest(seconds: float) -> None:
        rested.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", rest)
    made = Due()
    for took in (0.0, 3.0, 1000.0):
        made.tell(b"%d" % due.MANY)
        await made.rest(took)
    assert rested == [due.LEAST, 1.5, due.LONGEST]
