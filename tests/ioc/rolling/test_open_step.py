"""The open step: what boards show now is what the panes hold in the window that ends now, whoever rolled and whenever."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import polars as pl
import pytest
from pyarrow import Table

from ioc.asking import read
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.times import DAY, HOUR, MINUTE, from_datetime, to_ms
from tests import rolled
from tests.brute import DOSSIER, Record
from tests.counting import CATALOG, count, pipeline, poll, real_store
from tests.logs import beat, dossier, record

START = to_ms("2026-05-18T22:31:00Z")
"""Half an hour into a step of an hour, and into one of six."""
PARTITIONS = 2
NAME = "dossier.received"
ROLLED = rolled.only(NAME)
WINDOWS = ("1h", "1d", "7d", "day")
RANDOM = random.Random(14)


def log() -> list[Record]:
    """Eight days of dossiers of four agencies, one of which sent a single one; then one in which nothing comes but heartbeats."""
    events = [
        dossier(f"D{n}", f"e{n}", "received", START + RANDOM.randrange(8 * DAY), agency=RANDOM.choice("ABC")) for n in range(150)
    ]
    events.append(dossier("D", "e", "received", START + 7 * HOUR, agency="D"))
    records = [record(event, 0, to_ms(event["time"]), PARTITIONS) for event in events]
    for at in range(START, START + 9 * DAY, 20 * MINUTE):
        records += [record(beat(at), 0, at, topic=DOSSIER, partition=p) for p in range(PARTITIONS)]
    offsets = [itertools.count() for _ in range(PARTITIONS)]
    return [replace(r, offset=next(offsets[r.partition])) for r in sorted(records, key=lambda r: r.timestamp)]


def shown(store: Store, window: str) -> dict[str, tuple[float | None, int]]:
    """Value and `until` of every agency's tile."""
    view = f"v_{NAME.replace('.', '_')}_now"
    frame: pl.DataFrame = store.query(
        f"SELECT agency, value, until FROM {view} WHERE window = '{window}' AND arraySlice(dims, 2) = ['*', '*', '*', '*']"
    )
    return {agency: (value, from_datetime(until)) for agency, value, until in frame.rows()}


def test_a_tile_holds_what_the_window_that_ends_at_its_until_holds(store_url: str) -> None:
    """Also when the last dossier of an agency leaves the window in the middle of a step, and no roller saw it before."""
    store, rng, polled = real_store(store_url, "open_step"), random.Random(5), log()
    made, roller, left = pipeline(store, PARTITIONS, topics=(DOSSIER,)), Roller(ROLLED, store, store.settings), 0
    more = True
    while more:
        more = poll(made, polled, rng, most=200)
        roller = rng.choice((roller, Roller(ROLLED, store, store.settings)))
        roller.step()
        for window in WINDOWS:
            truth = {a.dims["agency"]: a.value for a in read.value(store, CATALOG, NAME, window=window, by=["agency"])}
            truth["*"] = sum(value or 0 for value in truth.values())
            tiles = shown(store, window)
            assert {a: v for a, (v, _) in tiles.items() if v} == {a: v for a, v in truth.items() if v}, window
            assert {until for _, until in tiles.values()} == {read.now(store)}
            left += sum(not value for value, _ in tiles.values())
    assert left > 10, "agencies must have left their windows"


@pytest.mark.parametrize("apart", [False, True], ids=["whole", "its checkpoint lands later"])
def test_no_two_rows_of_one_as_of_tell_different_things_though_more_is_counted_meanwhile(
    store_url: str, monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    """The open step of a long past is shown first and again at its end; which of two equals a tile takes is chance."""
    store = real_store(store_url, "open_equals")
    made, insert, finals = pipeline(store, 1, topics=(DOSSIER,)), Store.insert, Roller._finals
    told: dict[tuple[object, ...], set[float | None]] = {}
    now = START + 40 * DAY
    one = record(dossier("D", "e", "received", START + HOUR), 1, START + HOUR, partition=0)
    begin, end = (record(beat(at), n, at, topic=DOSSIER, partition=0) for n, at in ((0, START), (2, now)))
    more = [record(dossier(f"D{n}", f"e{n}", "received", now - HOUR + n), 3 + n, now + n, partition=0) for n in range(3)]
    later, on_the_way, counting = iter([more]), list[Table](), []

    def noted(self: Store, table: str, rows: Table, *, durable: bool = False) -> None:
        for row in rows.to_pylist() if table == "indicators" else ():
            told.setdefault(tuple(str(row[key]) for key in ("window", "dims", "at", "as_of")), set()).add(row["value"])
        if apart and counting and table == "checkpoints":
            on_the_way.append(rows)
        else:
            insert(self, table, rows, durable=durable)

    def while_more_comes(*arguments: object) -> None:
        for records in later:
            counting.append(True)
            count(made, records)
            counting.clear()
        finals(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "insert", noted)
    monkeypatch.setattr(Roller, "_finals", while_more_comes)
    count(made, [begin, one, end])
    roller = Roller(rolled.only("dossier.backlog"), store, store.settings)
    assert roller.turn()
    roller.turn()
    assert bool(on_the_way) == apart
    for rows in on_the_way:
        insert(store, "checkpoints", rows)
    roller.step()
    assert {key: values for key, values in told.items() if len(values) > 1} == {}
    assert store.query("SELECT value FROM v_dossier_backlog_now WHERE dims = ['*', '*', '*', '*', '*']")["value"].to_list() == [4]
