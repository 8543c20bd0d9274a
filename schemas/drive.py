"""Drive tests (đo kiểm 5G): what a phone or a scanner saw, sample by sample, on one drive."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Strict, Whole
from schemas.ran import Rat


class Sample(Strict):
    """One sample of a trace, taken at the event's time. What is left out the device did not tell."""

    trace: Annotated[Code, Field(description="one drive of one device, e.g. may-do-003/2026-12-01; a day of driving at most")]
    number: Annotated[
        Whole, Field(ge=0, le=10_000_000, description="of the sample in its trace: the order where the device's clock goes back")
    ]
    site: Annotated[Code, Field(description="site (gNB, eNB) of the serving cell")] | None = None
    cell: Annotated[Code, Field(description="serving cell")] | None = None
    rat: Rat | None = None
    rsrp: Annotated[float, Field(ge=-156, le=-31, description="RSRP of the serving cell, dBm")] | None = None


class RanDrive(Envelope[Sample]):
    """A device on a drive told what serves it, and how strongly."""

    event_type: ClassVar[str] = "vn.ioc.ran.drive.v1"
    topic: ClassVar[str] = "ioc.events.drive"
    entity_key: ClassVar[str] = "trace"

    type: Literal["vn.ioc.ran.drive.v1"]
