"""Streams for tests alone: cars (events by type and driver, by the minute) and impulses (a counter, by two seconds).

The logs and the windows that must come out are those of `window_truth` (ArroyoSystems/arroyo).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field

from ioc.vocabulary import Indicator, Quantiles, Stream
from schemas.envelope import Code, Envelope, Strict


class Car(Strict):
    """What a car did."""

    driver: Code
    event_type: Code
    location: Code


class CarEvent(Envelope[Car]):
    """A car picked somebody up or dropped him off."""

    event_type: ClassVar[str] = "test.car.v1"
    topic: ClassVar[str] = "ioc.events.cars"
    entity_key: ClassVar[str] = "driver"

    type: Literal["test.car.v1"]


class Impulse(Strict):
    """One step of a counter."""

    subtask: Code
    counter: Annotated[int, Field(ge=0, le=99)]


class ImpulseEvent(Envelope[Impulse]):
    """A counter went on."""

    event_type: ClassVar[str] = "test.impulse.v1"
    topic: ClassVar[str] = "ioc.events.impulse"
    entity_key: ClassVar[str] = "subtask"

    type: Literal["test.impulse.v1"]


def cars(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Each event counts one."""
    one = pl.lit(1, pl.Int64).alias("count")
    return {"cars.events": frame.select("_i", pl.col("_time").alias("at"), "event_type", "driver", one)}


EACH = tuple(range(100))
"""A bucket for each value of the counter: the lower bound of a quantile's bucket is the value itself."""


def impulses(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Each event counts one in the bucket of its counter."""
    base = frame.select("_i", pl.col("_time").alias("at"), "subtask", "counter")
    buckets = [(pl.col("counter") == edge).cast(pl.Int64).alias(f"ge_{edge}") for edge in EACH]
    counted = base.select("_i", "at", "subtask", *buckets)
    return {"impulse.least": counted, "impulse.greatest": counted}


CARS = Stream(
    name="cars",
    contract=CarEvent,
    dimensions=("event_type", "driver"),
    columns=cars,
    indicators=(Indicator("cars.events", "Sự kiện", "Events", "1", "+1 for each", groupings=((), ("event_type",), ("driver",))),),
)
IMPULSE = Stream(
    name="impulse",
    contract=ImpulseEvent,
    dimensions=("subtask",),
    columns=impulses,
    grain=2_000,
    indicators=(
        Indicator("impulse.least", "Nhỏ nhất", "Least", "1", "the lower bound of p0", Quantiles(EACH, (0.0,)), windows=()),
        Indicator(
            "impulse.greatest", "Lớn nhất", "Greatest", "1", "the lower bound of p100", Quantiles(EACH, (1.0,)), windows=()
        ),
    ),
)
