"""Farms: sums of readings by hand, and a season of the demo against a brute force that shares no code with the stream."""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from ioc.asking import read
from ioc.catalog import Catalog
from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.province.incidents import chance
from ioc.province.model import Province
from ioc.province.text import event_of
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.times import to_ms
from streams import farms
from streams.farms import STREAM
from tests import brute_farms
from tests.brute import DAY, HOUR, MINUTE, Record
from tests.counting import CATALOG, count, panes, pipeline, real_store
from tests.fake import FakeStore
from tests.logs import beat, record, text

FARM = STREAM.topic
START = to_ms("2026-05-31T17:00:00Z")
LENGTHS = {"1h": HOUR, "1d": DAY, "7d": 7 * DAY}


def reading(farm: str, at: int, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"{farm}/{at}", "source": "/s", "type": "vn.ioc.farm.measured.v1", "time": text(at),
        "data": {"farm": farm, "period_s": 600} | data,
    }  # fmt: skip


def counted(*events: dict[str, Any]) -> dict[tuple[str, tuple[str, ...]], tuple[int, ...]]:
    """Measures by indicator and group."""
    log = [
        record(e, n, to_ms(e["time"]) + 1, topic=FARM, partition=0, key=e["data"]["farm"].encode()) for n, e in enumerate(events)
    ]
    store = FakeStore()
    count(pipeline(store, 1, Catalog((STREAM,)), (FARM,)), log)
    return {(k[0], tuple(k[1])): m for k, (_, m) in panes(store).items()}


def test_what_a_reading_states_counts_for_the_seconds_it_stands_for() -> None:
    of = ("F", "lua", "15469@2025-07-01")
    assert counted(reading("F", START, crop="lua", unit="15469", temperature=30.04, soil_moisture=39.9)) == {
        ("farm.temperature", of): (300 * 600, 600, 1),
        ("farm.soil_moisture", of): (399 * 600, 600, 1),
        ("farm.out_of_range", of): (600, 600, 1),
    }


def test_a_bound_is_within_the_range_and_a_crop_without_one_is_not_judged() -> None:
    found = counted(
        reading("F", START, crop="lua", temperature=35, humidity=95, soil_moisture=40),
        reading("G", START, crop="sen", temperature=70),
        reading("H", START, temperature=70),
        reading("I", START, crop="lua"),
    )
    assert found["farm.out_of_range", ("F", "lua", "?")] == (0, 600, 1)
    assert [key for key in found if key[1][0] != "F"] == [
        ("farm.temperature", ("G", "sen", "?")),
        ("farm.temperature", ("H", "?", "?")),
    ]


def test_a_commune_is_that_of_the_code_list_in_force_then() -> None:
    before, after = to_ms("2025-06-30T16:59:00Z"), to_ms("2025-06-30T17:00:00Z")
    found = counted(*(reading("F", at, unit="14758", humidity=50) for at in (before, after)))
    assert {dims[2] for _, dims in found} == {"14758", "14758@2025-07-01"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("temperature = [13, 35]", "temperature = [35, 13]", "a range is [lowest, highest]; these are [35.0, 13.0]"),
        ("temperature = [13, 35]", "temperature = [13]", "at least 2 items"),
        ('code = "mia"', 'code = "lua"', "crop lua is there twice"),
        ('name = "Lúa"', 'nom = "Lúa"', "line 4"),
    ],
)
def test_a_table_of_crops_that_is_wrong_is_told_before_anything_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str
) -> None:
    file = tmp_path / "crops.toml"
    file.write_text(farms.CROPS.read_text().replace(old, new))
    monkeypatch.setattr(farms, "CROPS", file)
    with pytest.raises(UsageError) as told:
        farms.crops.__wrapped__()
    assert said in str(told.value)


# ---- a season of the demo


@cache
def log(days: int) -> list[Record]:
    """What the demo sends of farms, as received when it was sent, in one partition."""
    first_day = (START + 7 * HOUR) // DAY
    told = (one for day in range(first_day, first_day + days) for one in farms.demo(partial(chance, 7), day))
    sent = [event_of(STREAM.contract, one) for one in sorted(told, key=lambda one: one.time)]
    records = [Record(FARM, 0, n, e.key, e.value, e.time_ms + 1_000, ()) for n, e in enumerate(sent, 1)]
    first, last = (
        record(beat(at), n, at, topic=FARM, partition=0) for n, at in ((0, START), (len(sent) + 1, START + days * DAY))
    )
    return [first, *records, last]


@cache
def sums(days: int) -> dict[tuple[str, str, str], tuple[list[int], list[tuple[int, int]]]]:
    """By indicator, dimension and value: times, and what was summed before each, (part, whole)."""
    found: dict[tuple[str, str, str], list[tuple[int, int, int]]] = defaultdict(list)
    for one in log(days)[1:-1]:
        event = json.loads(one.value or b"")
        at = round(datetime.fromisoformat(event["time"]).timestamp() * 1000)
        for (name, (farm, crop, unit)), (part, whole, _) in brute_farms.rows(event).items():
            for dimension, value in {"*": "*", "farm": farm, "crop": crop, "unit": unit}.items():
                found[name, dimension, value].append((at, part, whole))
    return {key: _running(sorted(rows)) for key, rows in found.items()}


def _running(rows: list[tuple[int, int, int]]) -> tuple[list[int], list[tuple[int, int]]]:
    totals = [(0, 0)]
    for _, part, whole in rows:
        totals.append((totals[-1][0] + part, totals[-1][1] + whole))
    return [at for at, *_ in rows], totals


def expected(days: int, name: str, window: str, until: int) -> Iterator[tuple[str, str, float | None]]:
    """(dimension, value, what it is) over [until - length, until); the day begins at midnight of the province."""
    scale = 100 if name == "farm.out_of_range" else 0.1
    since = until - LENGTHS[window] if window in LENGTHS else (until - 1 + 7 * HOUR) // DAY * DAY - 7 * HOUR
    for (own, dimension, value), (at, totals) in sums(days).items():
        if own == name:
            low, high = (totals[bisect_right(at, t - 1)] for t in (since, until))
            part, whole = (b - a for a, b in zip(low, high, strict=True))
            yield dimension, value, part / whole * scale if whole else None


@pytest.mark.parametrize("days", [8, pytest.param(365, marks=pytest.mark.proof)])
def test_every_indicator_is_what_brute_force_says_at_a_hundred_instants(store_url: str, days: int) -> None:
    store, rng = real_store(store_url, f"farms_{days}"), random.Random(days)
    count(pipeline(store, 1, topics=(FARM,)), log(days))
    Roller(Catalog((STREAM,), CATALOG.generations), store, store.settings).step()
    names, compared = [i.name for i in STREAM.indicators], 0
    for n in range(100):
        until = START + rng.randrange(days * DAY) // MINUTE * MINUTE + MINUTE
        name, window = names[n % len(names)], rng.choice((*LENGTHS, "day"))
        dimension = rng.choice(("*", "farm", "crop", "unit"))
        shall = {v: x for d, v, x in expected(days, name, window, until) if d == dimension and x is not None}
        answers = read.value(store, CATALOG, name, until, window, by=[] if dimension == "*" else [dimension])
        own = {a.dims.get(dimension, "*"): a.value for a in answers if a.value is not None}
        assert own == pytest.approx(shall), (name, window, dimension, until)
        compared += len(own)
        step = until // HOUR * HOUR  # rolled steps of a day's window end at whole hours
        rolled = _rolled(store, name, step)
        assert rolled == pytest.approx(next(x for d, _, x in expected(days, name, "1d", step) if d == "*")), (name, step)
    assert compared > 500


def _rolled(store: Store, name: str, step: int) -> float | None:
    """What the rolled rows say of the last day at a step: the value, which is the first one known."""
    frame = store.query(
        f"SELECT value, first_value FROM v_{name.replace('.', '_')} WHERE window = '1d' AND dims = ['*', '*', '*'] "
        f"AND toUnixTimestamp64Milli(at) <= {step} ORDER BY at DESC LIMIT 1"
    )
    (value, first), *_ = frame.rows() or [(None, None)]
    assert value == first
    return value  # type: ignore[no-any-return]


def test_the_demos_readings_are_accepted_and_believable_and_hours_out_of_range_are_few_but_not_none() -> None:
    events = [one for one in log(5)[1:-1] if isinstance(exact(one.value, (), CATALOG.accepted(FARM)), Reject)]
    assert not events
    (at, totals) = sums(5)["farm.out_of_range", "*", "*"]
    assert 0.01 < totals[-1][0] / totals[-1][1] < 0.3
    assert len({json.loads(one.value or b"")["data"]["farm"] for one in log(5)[1:-1]}) == 13
    assert len(at) == 5 * 48 * 13


def test_the_demo_sends_the_past_and_then_the_present_of_a_stream_that_tells_its_own() -> None:
    province, since = Province(7, START + DAY, DAY, bad=0, streams=[STREAM]), START + DAY - HOUR
    past = [event for event in province.history(since) if event.topic == FARM]
    assert [event.value for event in past] == [r.value for r in log(1)[1:-1] if r.timestamp > since]
    present = islice((event for event in province.live(START + DAY, START + DAY, 5) if event.topic == FARM), 13)
    assert [event.value for event in present] == [r.value for r in log(2)[1:-1]][48 * 13 : 49 * 13]
