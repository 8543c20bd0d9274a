"""The open step: what boards show now is what the panes hold in the window that ends now, whoever rolled and whenever."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import polars as pl

from ioc.asking import read
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.times import DAY, HOUR, MINUTE, from_datetime, to_ms
from tests import rolled
from tests.brute import DOSSIER, Record
from tests.counting import CATALOG, pipeline, poll, real_store
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
