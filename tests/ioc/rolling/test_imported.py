"""Imported: a past that comes into a live centre reaches the boards as latest values, and first finals stay what they are."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest

from ioc.asking import read
from ioc.boards import sql
from ioc.boards.expand import filled, timed
from ioc.boards.words import VI
from ioc.calendar.windows import window_start
from ioc.catalog import Catalog, load
from ioc.events import murmur
from ioc.events.batch import Batch
from ioc.events.heartbeats import heartbeat
from ioc.rolling.imported import HISTORY, underway
from ioc.rolling.lead import LEAD
from ioc.rolling.reached import beginning
from ioc.rolling.roll import Roller
from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.times import DAY, HOUR, MINUTE, from_datetime, iso
from tests.counting import pipeline, real_store
from tests.ioc.rolling.test_roll import START, STEPS, TOPIC, held, received, rows
from tests.rolled import only

CATALOG = Catalog((load().stream_of("dossier.backlog"),))
STREAM = CATALOG.streams[0]
Fact = tuple[int, int, str, bool]
"""Event time, reception, agency, and whether it is imported."""
LIVE = [(START + n * 7 * HOUR, START + n * 7 * HOUR + MINUTE, "ab"[n % 2], False) for n in range(1, 24)]
IMPORT = START + 6 * DAY + HOUR
PAST = [(START - 300 * DAY + n * 9 * DAY, IMPORT + n * 20_000, "ac"[n % 2], True) for n in range(36)]
"""From ten months before the centre began to within it, in twelve minutes."""
END = START + 8 * DAY


def log(facts: list[Fact], until: int) -> list[Batch]:
    """The log up to a reception: two partitions, heartbeats of a live centre, imported events with their header."""
    beats = [(at, None, heartbeat("pacemaker", at), ()) for at in range(START, END, 5 * MINUTE)]
    own = []
    for number, (at, reception, agency, past) in enumerate(facts):
        headers = (("ioc-received", b"%d" % at),) if past else ()
        own.append((reception, f"d{number}".encode(), received(number, at, agency), headers))
    batches = []
    for partition in (0, 1):
        mine = [r for r in own if murmur.partitions([r[1]], 2)[0] == partition]
        found = [r for r in sorted([*mine, *beats], key=lambda r: r[0]) if r[0] <= until]
        at, keys, values, headers = zip(*found, strict=True)
        size = len(found)
        batches.append(
            Batch(TOPIC, partition, 0, size, range(size), keys, values, at, {i: h for i, h in enumerate(headers) if h})
        )
    return batches


def rest(batch: Batch, start: int) -> Batch:
    """The records from an offset on."""
    return batch.cut([start])[1] if start else batch


def centre(url: str, name: str, facts: list[Fact], *stops: int) -> Store:
    """A store in which the log was counted and rolled, up to each of the receptions in turn, then whole."""
    store = real_store(url, name, CATALOG)
    made = pipeline(store, 2, CATALOG, (TOPIC,))
    roller, reached = Roller(CATALOG, store, store.settings), [0, 0]
    for stop in (*stops, END):
        pieces = [rest(batch, reached[n]) for n, batch in enumerate(log(facts, stop))]
        made.run([piece for piece in pieces if len(piece)])
        reached = [piece.next for piece in pieces]
        roller.step()
    return store


@pytest.fixture(scope="module")
def imported(store_url: str) -> Store:
    return centre(store_url, "imported_rolled", LIVE + PAST, START + 5 * DAY, IMPORT + 5 * MINUTE, IMPORT + 20 * MINUTE)


def test_every_step_of_the_past_and_after_it_has_the_latest_value(imported: Store) -> None:
    facts = LIVE + PAST
    for dims, agency in ((("*",) * 5, None), (("a", *"****"), "a"), (("c", *"****"), "c")):
        level = rows(imported, "dossier.backlog", "level", dims)
        for at in range(START - 310 * DAY, END - HOUR, 11 * HOUR):
            true = sum(1 for t, _, a, _ in facts if t < at and agency in (None, a))
            assert held(level, at)[0] == true, (agency, iso(at))
        for window, size in STEPS.items():
            frame = rows(imported, "dossier.received", window, dims)
            for at in range((START - 310 * DAY) // size * size, END - HOUR, size * max(1, 7 * HOUR // size)):
                begin = window_start(window, at)
                true = sum(1 for t, _, a, _ in facts if begin <= t // MINUTE * MINUTE < at and agency in (None, a))
                assert held(frame, at)[0] == true, (agency, window, iso(at))


def test_what_looks_at_the_changed_panes_has_its_latest_value_too(imported: Store) -> None:
    """Ten months before the centre began, and for the ten working days in which each of the past is looked back at."""
    restated = 0
    for name in ("dossier.arrivals", "dossier.time_to_breach"):
        frame = rows(imported, name, "level")
        for at in range((START - 310 * DAY) // HOUR * HOUR, END - HOUR, 61 * HOUR):
            if at >= frame["at"][0]:
                (latest,) = read.value(imported, CATALOG, name, at)
                assert held(frame, at)[0] == latest.value, (name, iso(at))
                restated += latest.value not in (None, 0.0)
    assert restated > 60


def test_first_finals_are_what_they_were_and_none_stands_before_the_centre_began(imported: Store) -> None:
    began = beginning(imported, STREAM)
    facts = LIVE + PAST
    level = rows(imported, "dossier.backlog", "level")
    assert level.filter((pl.col("at") <= began) & pl.col("first_value").is_not_null()).is_empty()
    for at in range(began + MINUTE, END - HOUR, 5 * HOUR):
        _, first = held(level, at)
        assert first is not None
        surely = sum(1 for t, r, _, _ in facts if max(t, r) < at)
        maybe = sum(1 for t, r, _, _ in facts if max(t, r - 7 * MINUTE) < at)
        assert surely <= first <= maybe, iso(at)


def test_it_is_rolled_once_and_another_roller_finds_nothing_to_do(imported: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = CATALOG.generations[STREAM.name]
    assert underway(imported, generation) is None
    done = {key[1:]: c.next for key, c in state.checkpoints(imported, HISTORY).items()}
    assert done.keys() == {(TOPIC, 0), (TOPIC, 1)}
    stages: list[str] = []
    insert = Store.insert

    def recorded(store: Store, table: str, table_rows: pa.Table, **more: bool) -> None:
        stages.extend(table_rows["stage"].to_pylist() if table == "checkpoints" else ())
        insert(store, table, table_rows, **more)

    monkeypatch.setattr(Store, "insert", recorded)
    Roller(CATALOG, imported, imported.settings).step()
    assert stages == [LEAD], "it takes the lead and finds that all is done"


def test_it_waits_for_the_end_of_the_import_is_done_in_turns_and_tells_how_far_it_is(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ioc.rolling.roll.SLICE", 0.0)
    generation = CATALOG.generations[STREAM.name]
    store = real_store(store_url, "imported_turns", CATALOG)
    made = pipeline(store, 2, CATALOG, (TOPIC,))
    roller = Roller(CATALOG, store, store.settings)
    half = log(LIVE + PAST, IMPORT + 5 * MINUTE)
    made.run(half)
    roller.step()
    assert rows(store, "dossier.backlog", "level").filter(pl.col("at") < START).is_empty(), "it is still coming in"
    made.run([rest(batch, half[n].next) for n, batch in enumerate(log(LIVE + PAST, IMPORT + HOUR))])
    told = []
    while roller.turn():
        told.append(underway(store, generation))
    shown = [found for found in told if found]
    assert len(shown) > 3
    assert shown == sorted(shown)
    assert underway(store, generation) is None
    assert held(rows(store, "dossier.backlog", "level"), START - 100 * DAY)[0] == sum(t < START - 100 * DAY for t, *_ in PAST)


def test_while_it_is_rolled_lines_of_boards_have_no_points_that_nobody_knows(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step of a portion does not hold until the next one is rolled."""
    monkeypatch.setattr("ioc.rolling.roll.SLICE", 0.0)
    store = real_store(store_url, "imported_lines", CATALOG)
    made, roller = pipeline(store, 2, CATALOG, (TOPIC,)), Roller(only("dossier.backlog"), store, store.settings)
    before = log(LIVE, IMPORT - 1)
    made.run(before)
    roller.step()
    made.run([rest(batch, before[n].next) for n, batch in enumerate(log(LIVE + PAST, IMPORT + HOUR))])
    query = filled(sql.lines(STREAM, {"x": STREAM.indicator("dossier.backlog")}, VI), {"run": store.database, "agency": "*"})
    hidden, told = [], 0
    while roller.turn():
        asked = store.query(timed(query, START - 310 * DAY, END)).rows()
        hidden.append(sum(value is None for at, value in asked if from_datetime(at) > START - 300 * DAY))
        if underway(store, CATALOG.generations[STREAM.name]) is None:
            continue
        for at, value in asked[:-1]:
            true = sum(t < from_datetime(at) for t, r, *_ in LIVE + PAST if r <= IMPORT + HOUR)
            assert value in (None, true), iso(from_datetime(at))
            told += value == true
    assert len(set(hidden)) > 3, "more is known with every portion"
    assert told > 500
    assert None not in [value for _, value in store.query(timed(query, START - 299 * DAY, END)).rows()]


@pytest.mark.parametrize("first", [1, pytest.param(0, marks=pytest.mark.proof)])
def test_a_past_in_a_partition_that_is_counted_when_time_stands_still_is_rolled_too(store_url: str, first: int) -> None:
    """As in a replay: the other partition has come to the end of the log, so that no record moves time any more."""
    store = real_store(store_url, f"imported_skewed_{first}", CATALOG)
    made, roller = pipeline(store, 2, CATALOG, (TOPIC,)), Roller(CATALOG, store, store.settings)
    whole = log(LIVE + PAST, IMPORT + HOUR)
    head = whole[1 - first].cut([8])[0]
    for batch in (head, whole[first], rest(whole[1 - first], head.next)):
        made.run([batch])
        roller.step()
    level = rows(store, "dossier.backlog", "level")
    for at in range(START - 310 * DAY, START, 31 * DAY):
        assert held(level, at)[0] == sum(t < at for t, *_ in PAST), iso(at)


def test_an_interrupted_one_is_done_again_by_the_next_roller(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ioc.rolling.roll.SLICE", 0.0)
    store = real_store(store_url, "imported_again", CATALOG)
    pipeline(store, 2, CATALOG, (TOPIC,)).run(log(LIVE + PAST, IMPORT + HOUR))
    roller = Roller(CATALOG, store, store.settings)
    while underway(store, CATALOG.generations[STREAM.name]) is None:
        assert roller.turn()
    Roller(CATALOG, store, store.settings).step()
    monkeypatch.undo()
    level = rows(store, "dossier.backlog", "level")
    for at in range(START - 310 * DAY, IMPORT, 17 * HOUR):
        assert held(level, at)[0] == sum(1 for t, r, *_ in LIVE + PAST if t < at and r <= IMPORT + HOUR), iso(at)
