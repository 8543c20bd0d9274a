"""A roller that stands still before a write and goes on after another has rolled on: its rows change nothing."""

from __future__ import annotations

import random

import pytest

from ioc.errors import ServiceAway
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from tests.brute import DAY, DOSSIER, HOUR, MINUTE
from tests.counting import count, pipeline, real_store
from tests.ioc.events.test_event_time import NOW, Log
from tests.ioc.rolling import test_roll as hours
from tests.rolled import RECEIVED, judge, only

ROLLED = only(RECEIVED)


def test_an_open_step_that_lands_after_the_step_has_ended_is_not_read_as_its_value(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(until=NOW + 3 * HOUR)
    log.put("A", NOW + MINUTE, NOW + MINUTE)
    log.put("B", NOW - DAY, NOW + 2 * HOUR)
    records = log.records()
    store = real_store(store_url, "zombie_roller")
    made, late, insert = pipeline(store, 2, topics=(DOSSIER,)), [], Store.insert
    count(made, [r for r in records if r.timestamp <= NOW + HOUR])

    def stops(self: Store, table: str, rows: object, *, durable: bool = False) -> None:
        if table == "checkpoints":
            raise ServiceAway("it stands still, and ends there")
        late.append((table, rows))

    monkeypatch.setattr(Store, "insert", stops)
    with pytest.raises(ServiceAway):
        Roller(ROLLED, store, store.settings).step()
    monkeypatch.undo()
    count(made, records, random.Random(1), 1_000)
    Roller(ROLLED, store, store.settings).step()
    try:
        judge(store, records)
    except AssertionError as error:  # not what is expected to fail
        raise RuntimeError("wrong before the late rows land") from error
    for table, rows in late:
        insert(store, table, rows)  # type: ignore[arg-type]
    judge(store, records)


def test_rows_of_an_overtaken_roller_at_steps_where_nothing_of_the_group_changes_are_not_read(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It restates the hours since the earliest late event, of another agency; who knows more has no reason to touch them."""
    start, log = hours.START, hours.Log()
    evening = start + 20 * HOUR
    log.event(start + 5 * HOUR + MINUTE, evening, "a")
    log.event(start + 8 * HOUR + MINUTE, evening, "b")
    log.event(start + 3 * HOUR + MINUTE, evening + 10 * MINUTE, "b")
    minutes = hours.beats(*range(start, evening + HOUR, 5 * MINUTE))
    records = [sorted([*own, *minutes], key=lambda r: r[0]) for own in log.records]
    store = real_store(store_url, "zombie_groups")
    _, count_to, roller = hours.alone(store, records)
    late, insert = [], Store.insert

    def stops(self: Store, table: str, rows: object, *, durable: bool = False) -> None:
        if table == "checkpoints":
            raise ServiceAway("it stands still, and ends there")
        late.append((table, rows))

    for until in (evening - MINUTE, evening + MINUTE, evening + HOUR):
        for number, own in enumerate(records):
            count_to(number, sum(r[0] <= until for r in own))
        if until == evening + MINUTE:
            monkeypatch.setattr(Store, "insert", stops)
            with pytest.raises(ServiceAway):
                roller.step()
            monkeypatch.undo()
        else:
            Roller(ROLLED, store, store.settings).step()
    assert late
    for table, rows in late:
        insert(store, table, rows)  # type: ignore[arg-type]
    for agency in ("a", "b"):
        frame = hours.rows(store, "dossier.received", "1d", (agency, *"****"))
        for at in range(start + HOUR, evening, HOUR):
            inside = [t for t, _, a in log.facts if a == agency and t < at]
            assert hours.held(frame, at) == (len(inside), 0), (agency, at)
