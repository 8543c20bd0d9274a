"""A roller that stands still before a write and goes on after another has rolled on: its rows change nothing."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from pyarrow import Table

from ioc.asking import read
from ioc.errors import ServiceAway
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from tests.brute import DAY, DOSSIER, HOUR, MINUTE
from tests.counting import CATALOG, count, pipeline, poll, real_store
from tests.ioc.events.test_event_time import NOW, Log
from tests.ioc.rolling import test_open_step as tiles
from tests.ioc.rolling import test_roll as hours
from tests.logs import dossier, record
from tests.rolled import RECEIVED, judge, only

ROLLED = only(RECEIVED)
Rows = tuple[str, Table]


def stands_still(late: list[Rows]) -> Callable[..., None]:
    """An insert of a roller that stands still before it writes, and ends there: what it would have written is in `late`."""
    insert = Store.insert

    def stops(self: Store, table: str, rows: Table, *, durable: bool = False) -> None:
        if table == "indicators":
            late.append((table, rows))
        elif rows["stage"][0].as_py() == "roll":
            raise ServiceAway("it stands still, and ends there")
        else:
            insert(self, table, rows, durable=durable)

    return stops


def test_an_open_step_that_lands_after_the_step_has_ended_is_not_read_as_its_value(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(until=NOW + 3 * HOUR)
    log.put("A", NOW + MINUTE, NOW + MINUTE)
    log.put("B", NOW - DAY, NOW + 2 * HOUR)
    records = log.records()
    store = real_store(store_url, "zombie_roller")
    made, late, insert = pipeline(store, 2, topics=(DOSSIER,)), list[Rows](), Store.insert
    count(made, [r for r in records if r.timestamp <= NOW + HOUR])

    monkeypatch.setattr(Store, "insert", stands_still(late))
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
        insert(store, table, rows)
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
    late, insert = list[Rows](), Store.insert

    for until in (evening - MINUTE, evening + MINUTE, evening + HOUR):
        for number, own in enumerate(records):
            count_to(number, sum(r[0] <= until for r in own))
        if until == evening + MINUTE:
            monkeypatch.setattr(Store, "insert", stands_still(late))
            with pytest.raises(ServiceAway):
                roller.step()
            monkeypatch.undo()
        else:
            Roller(ROLLED, store, store.settings).step()
    assert late
    for table, rows in late:
        insert(store, table, rows)
    for agency in ("a", "b"):
        frame = hours.rows(store, "dossier.received", "1d", (agency, *"****"))
        for at in range(start + HOUR, evening, HOUR):
            inside = [t for t, _, a in log.facts if a == agency and t < at]
            assert hours.held(frame, at) == (len(inside), 0), (agency, at)


def test_of_two_rollers_that_take_turns_on_one_store_each_shows_what_holds_then(store_url: str) -> None:
    """What one shows between two turns of the other is overwritten, though to the other nothing has changed."""
    store, rng, polled = real_store(store_url, "two_rollers"), random.Random(3), tiles.log()
    made = pipeline(store, tiles.PARTITIONS, topics=(DOSSIER,))
    both, more, told = [Roller(tiles.ROLLED, store, store.settings) for _ in range(2)], True, 0
    while more:
        more = poll(made, polled, rng, most=100)
        rng.choice(both).step()
        for window in ("1h", "7d"):
            truth = {a.dims["agency"]: a.value for a in read.value(store, CATALOG, tiles.NAME, window=window, by=["agency"])}
            shown = tiles.shown(store, window)
            assert {a: v for a, (v, _) in shown.items() if v and a != "*"} == {a: v for a, v in truth.items() if v}, window
            told += len(truth)
    assert told > 100


def test_an_overtaken_roller_writes_nothing_in_its_next_turn_and_begins_anew_in_the_one_after(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, polled, insert = real_store(store_url, "overtaken"), tiles.log(), Store.insert
    made = pipeline(store, tiles.PARTITIONS, topics=(DOSSIER,))
    count(made, [r for r in polled if r.timestamp < tiles.START + DAY])
    first, second = (Roller(tiles.ROLLED, store, store.settings) for _ in range(2))
    first.step()
    second.step()
    count(made, [r for r in polled if r.timestamp < tiles.START + 2 * DAY], random.Random(1), 1_000)
    tables: list[str] = []

    def noted(self: Store, table: str, rows: object, *, durable: bool = False) -> None:
        tables.append(table)
        insert(self, table, rows, durable=durable)

    monkeypatch.setattr(Store, "insert", noted)
    assert not first.turn()
    assert not tables
    first.turn()
    assert "indicators" in tables


def test_an_open_row_that_lands_after_another_roller_has_begun_is_not_the_one_that_is_read(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though no more was counted for either: panes without their checkpoint are all that the second knows more."""
    store, insert, now = real_store(store_url, "late_open_row"), Store.insert, tiles.START + 8 * DAY
    own, late = [r for r in tiles.log() if r.timestamp <= now], list[Rows]()
    came = [
        record(dossier(f"L{n}", f"l{n}", "received", now - 20 * MINUTE, agency="A"), 0, now + 1, tiles.PARTITIONS)
        for n in range(5)
    ]
    offsets = [itertools.count(sum(r.partition == p for r in own)) for p in range(tiles.PARTITIONS)]
    came = [replace(r, offset=next(offsets[r.partition])) for r in came]
    count(pipeline(store, tiles.PARTITIONS, topics=(DOSSIER,)), own)

    def uncounted(self: Store, table: str, rows: Table, *, durable: bool = False) -> None:
        if table == "checkpoints":
            raise ServiceAway("panes are there, and who counted them ends")
        insert(self, table, rows, durable=durable)

    monkeypatch.setattr(Store, "insert", stands_still(late))
    with pytest.raises(ServiceAway):
        Roller(tiles.ROLLED, store, store.settings).step()
    monkeypatch.setattr(Store, "insert", uncounted)
    with pytest.raises(ServiceAway):
        count(pipeline(store, tiles.PARTITIONS, topics=(DOSSIER,)), came)
    monkeypatch.undo()
    roller = Roller(tiles.ROLLED, store, store.settings)
    roller.step()
    count(pipeline(store, tiles.PARTITIONS, topics=(DOSSIER,)), came)
    roller.step()
    for table, rows in late:
        insert(store, table, rows)
    truth = {a.dims["agency"]: a.value for a in read.value(store, CATALOG, tiles.NAME, window="7d", by=["agency"])}
    assert late
    assert {a: v for a, (v, _) in tiles.shown(store, "7d").items() if v and a != "*"} == {a: v for a, v in truth.items() if v}
