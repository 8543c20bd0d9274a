"""Window truth: the windows another engine expects of a real out-of-order log, exactly; nothing is lost, however late."""

from __future__ import annotations

import gzip
import itertools
import json
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from ioc.asking import read
from ioc.calendar import windows
from ioc.catalog import Catalog
from ioc.rolling.roll import Roller
from ioc.rolling.series import Entries, series
from ioc.times import HOUR, MINUTE, SECOND, iso, to_ms
from ioc.vocabulary import ALL, Stream
from tests.brute import Record, partition_of
from tests.counting import count, panes, pipeline, real_store
from tests.data import DATA, needs
from tests.fake import FakeStore
from tests.logs import record
from tests.streams_cars import CARS, IMPULSE

pytestmark = needs("window_truth/cars.json.gz")
FOLDER = DATA / "window_truth"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines()]


def log_of(stream: Stream, rows: list[tuple[str, dict[str, Any]]], partitions: int) -> list[Record]:
    """(time, data) in the order of arrival; each is received when the latest event so far has happened."""
    offsets: Counter[int] = Counter()
    log, now, contract = [], 0, stream.contract
    for number, (time, data) in enumerate(rows):
        now = max(now, to_ms(time))
        event = {
            "specversion": "1.0",
            "id": str(number),
            "source": "/truth",
            "type": contract.event_type,
            "time": time,
            "data": data,
        }
        made = record(event, 0, now, partitions, topic=contract.topic, key=data[contract.entity_key].encode())
        place = partition_of(made.key or b"", partitions)
        log.append(replace(made, partition=place, offset=offsets[place]))
        offsets[place] += 1
    return log


def cars(partitions: int = 1) -> list[Record]:
    with gzip.open(FOLDER / "cars.json.gz", "rt") as file:
        found = [json.loads(line) for line in file]
    assert len(found) == 7_932
    latest = itertools.accumulate((e["timestamp"] for e in found), max)
    assert sum(e["timestamp"] < so_far for e, so_far in zip(found, latest, strict=True)) == 488, "out of order"
    rows = [
        (e["timestamp"], {"driver": str(e["driver_id"]), "event_type": e["event_type"], "location": e["location"]}) for e in found
    ]
    return log_of(CARS, rows, partitions)


def counted(stream: Stream, log: list[Record], seed: int, partitions: int = 1, store: Any = None) -> Any:
    """The store after the log came in, in batches cut at random."""
    found = FakeStore() if store is None else store
    made = pipeline(found, partitions, Catalog((stream,)), (stream.topic,), sealed=True)
    count(made, log, random.Random(seed), random.Random(seed).choice((300, 3_000)))
    return found


def steps_of(store: Any, stream: Stream, name: str, window: str, size: int, grouping: tuple[str, ...]) -> dict[Any, Any]:
    """(dims, step) -> row of the kernel's series, for every step from the first to the last at which it is not empty."""
    rows = [(*key[1], key[2], key[3], measures) for key, (_, measures) in panes(store).items() if key[0] == name]
    width = len(stream.dimensions)
    at = np.array([r[width] for r in rows]) // size * size
    known = np.maximum(np.array([r[width + 1] for r in rows]) // size * size, at)
    dims = pl.DataFrame([r[:width] for r in rows], schema=[f"d{i}" for i in range(width)], orient="row")
    summed = [pl.lit(ALL).alias(f"d{i}") for i, name in enumerate(stream.dimensions) if name not in grouping]
    entries = Entries(dims.with_columns(summed), at, known, np.array([r[-1] for r in rows], np.int64))
    last = int(at.max()) + windows.ROLLING[window][0] + 2 * size
    found = series(stream.indicator(name), window, size, entries, 0, last)
    held: dict[Any, Any] = {}
    for row in found.filter(pl.col("at") > 0).sort("at").to_dicts():
        held.setdefault(tuple(row[f"d{i}"] for i in range(width)), []).append(row)
    full = {}
    for group, changes in held.items():
        for row, after in zip(changes, [*changes[1:], None], strict=True):
            end = after["at"] if after else row["at"] + size
            full.update({(group, step): row for step in range(row["at"], end, size) if row["n"]})
    return full


@pytest.mark.parametrize(("seed", "partitions"), [(1, 1), (2, 1), (3, 4)])
def test_hourly_counts_and_the_most_active_driver_of_every_minute_are_the_expected_ones(seed: int, partitions: int) -> None:
    store = counted(CARS, cars(partitions), seed, partitions)
    by_type = steps_of(store, CARS, "cars.events", "1h", HOUR, ("event_type",))
    assert {(kind, iso(at - HOUR)): row["value"] for ((kind, _), at), row in by_type.items()} == {
        (row["event_type"], row["hour"] + "Z"): row["count"] for row in lines("hourly_by_event_type.json")
    }
    best: dict[int, tuple[float, int]] = {}
    for ((_, driver), at), row in steps_of(store, CARS, "cars.events", "1h", MINUTE, ("driver",)).items():
        best[at] = max(best.get(at, (0, 0)), (row["value"], int(driver)))  # at a tie the query takes the higher number
    expected = {to_ms(r["end"] + "Z"): (r["count"], r["driver_id"]) for r in lines("most_active_driver_last_hour.json")}
    assert len(expected) == 1_557
    assert best == expected


def test_the_roller_and_the_reader_give_the_expected_hours_too(store_url: str) -> None:
    catalog = Catalog((CARS,))
    store = real_store(store_url, "window_truth", catalog)
    counted(CARS, cars(2), 4, 2, store)
    Roller(catalog, store, store.settings).step()
    rolled = store.query(
        "SELECT dims[1] AS kind, toUnixTimestamp64Milli(at) AS at, value, first_value FROM indicators FINAL "
        f"WHERE window = '1h' AND dims[2] = '{ALL}' AND dims[1] != '{ALL}' ORDER BY at"
    )
    expected = lines("hourly_by_event_type.json")
    for row in expected[:-2]:  # the last hour is not over
        end = to_ms(row["hour"] + "Z") + HOUR
        held = rolled.filter((pl.col("kind") == row["event_type"]) & (pl.col("at") <= end)).tail(1)
        assert held.select("value", "first_value").row(0) == (row["count"], row["count"]), row
    for row in random.Random(1).sample(expected, 8):
        (answer,) = read.value(
            store, catalog, "cars.events", to_ms(row["hour"] + "Z") + HOUR, "1h", {"event_type": row["event_type"]}
        )
        assert answer.value == row["count"]


@pytest.mark.parametrize(
    ("delay", "size", "late"),
    [(0, MINUTE, 17), (0, 5 * MINUTE, 5), (0, HOUR, 0), (5 * SECOND, MINUTE, 0), (MINUTE, MINUTE, 0)],
)
def test_as_many_events_revise_a_closed_window_as_others_would_drop(delay: int, size: int, late: int) -> None:
    stream = replace(CARS, delay=delay)
    found = panes(counted(stream, cars(), 5))
    revising = {key: m[0] for key, (_, m) in found.items() if key[3] // size > key[2] // size}
    assert sum(revising.values()) == late
    assert sum(m[0] for _, m in found.values()) == 7_932, "and none is dropped"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_count_least_and_greatest_of_a_sliding_window_are_the_expected_ones(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(windows.ROLLING, "10s", (10 * SECOND, 2 * SECOND))
    rows = [(e["timestamp"], {"subtask": str(e["subtask_index"]), "counter": e["counter"]}) for e in lines("impulse.json")]
    if seed > 1:
        random.Random(seed).shuffle(rows)
    store = counted(IMPULSE, log_of(IMPULSE, rows, 1), seed)
    least, greatest = (
        steps_of(store, IMPULSE, name, "10s", 2 * SECOND, ("subtask",)) for name in ("impulse.least", "impulse.greatest")
    )
    found = [
        {
            "count": row["n"],
            "end": iso(at)[:-1],
            "max": greatest[group, at]["lo"],
            "min": row["lo"],
            "start": iso(at - 10_000)[:-1],
        }
        for (group, at), row in sorted(least.items(), key=lambda item: item[0][1])
    ]
    assert found == lines("sliding_window_end.json")
