"""Farm events (nông trại): what the sensors of one farm read over a period that *ends* at the event's time."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Strict, Whole


class Read(Strict):
    """Means over the period, each where there is a sensor for it."""

    farm: Annotated[Code, Field(description="farm or plot (nông trại), e.g. NT-001")]
    crop: Annotated[Code, Field(description="what grows there (cây trồng), a code of streams/data/crops.toml")] | None = None
    unit: Annotated[Code, Field(description="code of the commune (mã đơn vị hành chính) in force at the event's time")] | None = (
        None
    )
    period_s: Annotated[Whole, Field(ge=1, le=86_400, description="length of the period in seconds, which ends at `time`")]
    temperature: Annotated[float, Field(ge=-60, le=80, description="air temperature, °C")] | None = None
    humidity: Annotated[float, Field(ge=0, le=100, description="relative humidity of the air, %")] | None = None
    soil_moisture: Annotated[float, Field(ge=0, le=100, description="water in the soil, % of field capacity")] | None = None


class FarmMeasured(Envelope[Read]):
    """The sensors of a farm reported one period."""

    event_type: ClassVar[str] = "vn.ioc.farm.measured.v1"
    topic: ClassVar[str] = "ioc.events.farm"
    entity_key: ClassVar[str] = "farm"

    type: Literal["vn.ioc.farm.measured.v1"]
