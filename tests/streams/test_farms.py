"""Farms: sums of readings by hand. Seasons of the demo are judged in test_seasons.py."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from ioc.catalog import Catalog
from ioc.errors import UsageError
from ioc.province.model import Province
from ioc.times import to_ms
from streams import farms
from streams.farms import STREAM
from tests import brute_farms, season
from tests.brute import DAY, HOUR
from tests.counting import count, panes, pipeline
from tests.fake import FakeStore
from tests.logs import record, text

FARM = STREAM.topic
START = to_ms("2026-05-31T17:00:00Z")


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


def test_the_demos_hours_out_of_range_are_few_but_not_none() -> None:
    sent = [json.loads(one.value or b"") for one in season.log(STREAM, 5)[2:-2]]
    judged = [m for e in sent for (name, *_), m in brute_farms.rows([e]).items() if name == "farm.out_of_range"]
    assert 0.01 < sum(out for out, *_ in judged) / sum(whole for _, whole, _ in judged) < 0.3
    assert len(sent) == len(judged) == 5 * 48 * 13
    assert len({event["data"]["farm"] for event in sent}) == 13


def test_the_demo_sends_the_past_and_then_the_present_of_a_stream_that_tells_its_own() -> None:
    anchor = season.END - DAY
    province, since = Province(7, anchor, DAY, bad=0, streams=[STREAM]), anchor - HOUR
    two_days = [(r.timestamp, r.value) for r in season.log(STREAM, 2)[2:-2]]
    past = [event.value for event in province.history(since) if event.topic == FARM]
    assert past == [value for at, value in two_days if since <= at < anchor]
    present = islice((event.value for event in province.live(anchor, anchor, 5) if event.topic == FARM), 13)
    assert [*present] == [value for at, value in two_days if at >= anchor][:13]
