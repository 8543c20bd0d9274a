"""Statistics events (chỉ tiêu, số liệu báo cáo): what a department reports of a period, one event a report.

A report of a period that was reported before restates it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Period, Strict, Text, Whole

LARGEST = 100_000_000
"""Of a reported value: those of a year's days, and their difference from the year before, fit 10^15 steps of a ten-thousandth."""


class Statistic(Strict):
    """What a report says. A department holds from the report that states it, a plan from then on for the year of its period."""

    series: Annotated[
        Code,
        Field(
            description="mã chỉ tiêu, e.g. dti; of a commune mã chỉ tiêu/mã đơn vị hành chính, e.g. tourism_visitors/16531",
            examples=["dti", "tourism_visitors/16531"],
        ),
    ]
    period: Annotated[Period, Field(description="kỳ báo cáo (năm, quý, tháng, ngày), e.g. 2026, 2026-Q1, 2026-05, 2026-05-14")]
    value: Annotated[
        float,
        Field(
            ge=-LARGEST,
            le=LARGEST,
            description="giá trị, in the unit of its definition, to four decimals; where larger: in a larger unit",
        ),
    ]
    plan: (
        Annotated[float, Field(ge=-(10**11), le=10**11, description="kế hoạch của năm, in place of the one of its definition")]
        | None
    ) = None
    department: Annotated[Code, Field(description="cơ quan báo cáo; none: the one that its definition names")] | None = None
    among: Annotated[Whole, Field(ge=1, le=1_000_000, description="of a rank: among how many, e.g. 63")] | None = None
    note: Annotated[Text, Field(description="nguồn, ghi chú")] | None = None


class StatisticReported(Envelope[Statistic]):
    """A department reported a statistic of a period."""

    event_type: ClassVar[str] = "vn.ioc.statistic.reported.v1"
    topic: ClassVar[str] = "ioc.events.statistic"
    entity_key: ClassVar[str] = "series"

    type: Literal["vn.ioc.statistic.reported.v1"]
