"""Farms (nông trại): temperature, humidity and soil moisture by farm, crop and commune, and the share of time out of range.

Stateless: each period contributes once, at its end. Averages are sums of value x seconds over sums of seconds, so periods of any
length mix rightly. What range a crop does well in is data (`streams/data/crops.toml`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from math import cos, pi
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import Field, model_validator

from ioc.times import DAY, MINUTE, OFFSET
from ioc.tomls import Strict, load
from ioc.units.identity import identity
from ioc.vocabulary import UNKNOWN, Board, Indicator, Legal, Mean, Ratio, Rollup, Stream, Told
from schemas.envelope import Code
from schemas.farm import FarmMeasured

DATA = Path(__file__).parent / "data"
CROPS, FARMS = DATA / "crops.toml", DATA / "farms.toml"
QUANTITIES = ("temperature", "humidity", "soil_moisture")
SENDER = "/nongtrai/thanhhoa"
SCALE = 10
"""Steps of the integer sums: tenths of °C and of %."""


Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class Crop(Strict):
    """A crop: for each quantity the lowest and the highest value in which it does well."""

    code: Code
    name: Annotated[str, Field(min_length=1)]
    temperature: Range
    humidity: Range
    soil_moisture: Range

    @model_validator(mode="after")
    def _low_first(self) -> Crop:
        for low, high in (self.temperature, self.humidity, self.soil_moisture):
            if low > high:
                raise ValueError(f"a range is [lowest, highest]; these are {[low, high]}")
        return self


class _Crops(Strict):
    crop: list[Crop]

    @model_validator(mode="after")
    def _each_once(self) -> _Crops:
        codes = [crop.code for crop in self.crop]
        if doubled := [code for code in codes if codes.count(code) > 1]:
            raise ValueError(f"crop {doubled[0]} is there twice")
        return self


@cache
def crops() -> pl.DataFrame:
    """The ranges: columns crop, and the lowest and highest value of each quantity.  Raises UsageError."""
    found = load(CROPS, _Crops, f"streams/data/{CROPS.name}").crop
    ranges = {f"{end} {q}": [getattr(crop, q)[n] for crop in found] for q in QUANTITIES for n, end in enumerate(("low", "high"))}
    return pl.DataFrame({"crop": [crop.code for crop in found]} | ranges, schema_overrides=dict.fromkeys(ranges, pl.Float64))


def columns(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Measures by indicator: frames of `_i` (the event's row), `at` (ms), farm, crop, unit and the measures.

    `frame` has the contract's fields, and `_i` and `_time` of each event.
    """
    placed = [UNKNOWN if unit is None else identity(unit, at) for unit, at in frame.select("unit", "_time").rows()]
    base = frame.select(
        "_i", "farm", "period_s", *QUANTITIES,
        at=pl.col("_time"), crop=pl.col("crop").fill_null(UNKNOWN), unit=pl.Series(placed, dtype=pl.String), n=pl.lit(1, pl.Int64),
    )  # fmt: skip
    group = ("_i", "at", "farm", "crop", "unit")
    found = {}
    for quantity in QUANTITIES:
        scaled = (pl.col(quantity) * SCALE).round().cast(pl.Int64) * pl.col("period_s")
        known = base.filter(pl.col(quantity).is_not_null())
        found[f"farm.{quantity}"] = known.select(*group, "n", sum=scaled, weight="period_s")
    stated = pl.any_horizontal(pl.col(quantity).is_not_null() for quantity in QUANTITIES)
    out = pl.any_horizontal(
        (pl.col(q) < pl.col(f"low {q}")) | (pl.col(q) > pl.col(f"high {q}")) for q in QUANTITIES
    ).fill_null(False)  # fmt: skip
    judged = base.filter(stated).join(crops(), on="crop", how="inner", maintain_order="left")
    outside = pl.when(out).then("period_s").otherwise(0)
    return found | {"farm.out_of_range": judged.select(*group, "n", out=outside.cast(pl.Int64), all="period_s")}


def demo(chance: Callable[..., float], day: int) -> Iterator[Told]:
    """Every farm every half hour: the seasons and the hours of the place, weather of some days, and water as it is given."""
    month = [17, 17.5, 20, 24, 27.5, 29.5, 29.5, 28.5, 27, 25, 21.5, 18.5]
    place, rest = divmod((day % 365.25) / 365.25 * 12, 1)
    season = month[int(place)] * (1 - rest) + month[(int(place) + 1) % 12] * rest
    weather = 6 * (chance("weather", day // 3) - 0.5) + 2 * (chance("weather", day) - 0.5)
    listed = tomllib.loads(FARMS.read_text(encoding="utf-8"))
    for farm, _, unit, crop in listed["farm"]:
        under_glass = crop in ("rau", "dua_luoi")
        dry = 1.4 + 1.2 * chance(farm, "soil")
        for half in range(48):
            hour, time = half / 2, day * DAY - OFFSET + half * 30 * MINUTE
            noise = [chance(farm, time, what) - 0.5 for what in "abc"]
            sun = cos((hour - 14) / 24 * 2 * pi)
            warmth = season + weather * (0.4 if under_glass else 1) + (2 if under_glass else 4) * sun + noise[0]
            wet = min(99.0, max(30.0, 82 - 1.8 * weather - 9 * sun + 6 * noise[1]))
            since = (day * 24 + hour + 24 * chance(farm, "watered")) % (24 * (3 if under_glass else 6))
            soil = min(98.0, max(8.0, (78 if crop != "dua" else 62) - dry * since / 8 + 3 * noise[2]))
            yield Told(
                time, SENDER, f"{farm}/{time // MINUTE}",
                {"farm": farm, "crop": crop, "unit": unit, "period_s": 1_800, "temperature": round(warmth, 1),
                 "humidity": round(wet, 1), "soil_moisture": round(soil, 1)},
            )  # fmt: skip


BY = ((), ("farm",), ("crop",), ("unit",))
WINDOWS = ("1h", "1d", "7d", "day")
OWN = Legal("project's own", "2026-12-01")

STREAM = Stream(
    name="farms",
    contract=FarmMeasured,
    dimensions=("farm", "crop", "unit"),
    columns=columns,
    indicators=(
        Indicator("farm.temperature", "Nhiệt độ", "Temperature", "°C", "sum(temperature x seconds) / sum(seconds)",
                  Mean(SCALE), windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("farm.humidity", "Độ ẩm không khí", "Humidity", "%", "sum(humidity x seconds) / sum(seconds)",
                  Mean(SCALE), windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("farm.soil_moisture", "Độ ẩm đất", "Soil moisture", "%", "sum(soil_moisture x seconds) / sum(seconds)",
                  Mean(SCALE), windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("farm.out_of_range", "Thời gian ngoài ngưỡng cây trồng", "Time out of the crop's range", "%",
                  "seconds in which any quantity stated is outside of what streams/data/crops.toml says of the crop / seconds of crops "
                  "that stand there", Ratio("out", "all"), windows=WINDOWS, groupings=BY, legal=OWN),
    ),
    data_files=(CROPS, DATA / "units.toml"),
    reads=crops,
    units=(CROPS, FARMS),
    rollups=(Rollup("district", of="unit", tree=DATA / "units"), Rollup("province", of="unit", tree=DATA / "units")),
    board=Board(
        "farms", "Nông trại", "Farms",
        names={"farm": ("Nông trại", "Farm"), "crop": ("Cây trồng", "Crop"), "unit": ("Xã, phường", "Commune")},
        tiles=("farm.temperature", "farm.humidity", "farm.soil_moisture", "farm.out_of_range"),
        rankings=(("farm.out_of_range", "farm"), ("farm.out_of_range", "crop")),
        lines=(("farm.temperature",), ("farm.humidity", "farm.soil_moisture"), ("farm.out_of_range",)),
    ),
    demo=demo,
)  # fmt: skip
