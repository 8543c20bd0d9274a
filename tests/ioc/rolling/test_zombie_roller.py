"""A roller that stands still before a write and goes on after another has rolled on: its rows change nothing."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from pyarrow import Table

from ioc.asking import read
from ioc.centre.repair import forget
from ioc.errors import ServiceAway
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from tests.brute import DAY, DOSSIER, HOUR, MINUTE, Record
from tests.counting import CATALOG, count, pipeline, poll, real_store
from tests.ioc.events.test_event_time import NOW, Log
from tests.ioc.rolling import test_open_step as tiles
from tests.ioc.rolling import test_roll as hours
from tests.logs import beat, dossier, record
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


def moments(*events: tuple[int, str, str, str], beats: Iterable[int]) -> list[Record]:
    """Records of events (time, dossier, state, agency) and of heartbeats, each received when it happened."""
    made = [record(dossier(name, f"{name}/{at}", to, at, agency=of), 0, at, tiles.PARTITIONS) for at, name, to, of in events]
    made += [record(beat(at), 0, at, topic=DOSSIER, partition=p) for at in beats for p in range(tiles.PARTITIONS)]
    offsets = [itertools.count() for _ in range(tiles.PARTITIONS)]
    return [replace(r, offset=next(offsets[r.partition])) for r in sorted(made, key=lambda r: r.timestamp)]


def test_what_came_and_went_before_a_takeover_is_shown_as_gone(store_url: str) -> None:
    """The first showed a dossier of an agency that had none before; to the second all of that is new, and adds up to nothing."""
    t = tiles.START + DAY
    others = [(tiles.START + n * HOUR, f"D{n}", "received", "B") for n in range(20)]
    own = [(t + 1_000, "X", "received", "A"), (t + 14_000, "X", "completed", "A")]
    log = moments(*others, *own, beats=(*range(tiles.START, t, 5 * MINUTE), *range(t, t + 2 * MINUTE, 5_000)))
    store, rolling = real_store(store_url, "came_and_went"), only("dossier.backlog")
    made, first = pipeline(store, tiles.PARTITIONS, topics=(DOSSIER,)), Roller(rolling, store, store.settings)
    for until in (t - 10 * MINUTE, t + 6_000):
        count(made, [r for r in log if r.timestamp <= until])
        first.step()
    where = "WHERE dims = ['A', '*', '*', '*', '*']"
    assert store.query(f"SELECT value FROM v_dossier_backlog_now {where}").rows() == [(1.0,)]
    second = Roller(rolling, store, store.settings)
    for until in (t + 21_000, t + 31_000):
        count(made, [r for r in log if r.timestamp <= until])
        second.step()
        assert store.query(f"SELECT value FROM v_dossier_backlog_now {where}").rows() == [(0.0,)]


def test_while_a_log_is_counted_again_nothing_is_rolled_and_no_final_row_is_lost(store_url: str) -> None:
    rng = random.Random(2)
    some = [(tiles.START + rng.randrange(9 * HOUR), f"D{n}", "received", rng.choice("ABC")) for n in range(200)]
    log = moments(*some, beats=range(tiles.START, tiles.START + 9 * HOUR, MINUTE))
    store, rolling = real_store(store_url, "counted_again"), only("dossier.backlog", RECEIVED)

    def rows() -> list[tuple[object, ...]]:
        return [
            row
            for view in ("v_dossier_backlog", "v_dossier_received")
            for row in store.query(f"SELECT window, dims, at, value, first_value FROM {view} ORDER BY window, dims, at").rows()
        ]

    count(pipeline(store, tiles.PARTITIONS, topics=(DOSSIER,)), log)
    Roller(rolling, store, store.settings).step()
    before = rows()
    forget(store)
    made, roller = pipeline(store, tiles.PARTITIONS, topics=(DOSSIER,)), Roller(rolling, store, store.settings)
    for until in range(tiles.START + 90 * MINUTE, tiles.START + 10 * HOUR, 3 * HOUR):
        count(made, [r for r in log if r.timestamp <= until])
        roller.step()
    count(made, log)
    roller.step()
    assert rows() == before
    assert len(before) > 500


def test_two_rollers_that_take_the_lead_from_each_other_leave_it_longer_each_time(store_url: str) -> None:
    store = real_store(store_url, "lead_fight")
    count(pipeline(store, tiles.PARTITIONS, topics=(DOSSIER,)), moments(beats=[tiles.START]))
    first, second = (Roller(tiles.ROLLED, store, store.settings) for _ in range(2))
    first.turn()
    pauses = []
    for _ in range(4):
        second.turn()
        first.turn()
        assert not first.leading
        pauses.append(first.pause)
        first.turn()
        second.turn()
    assert pauses == [5, 10, 20, 40]
    first.forget()
    assert not first.pause
