"""Definitions (định nghĩa chỉ tiêu): what each statistic is, its periods, its plans, and until when a report of it is due.

A statistic is a line of `streams/data/statistics.toml`. A period is a number of its kind: the next one is one more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from ioc.calendar.workdays import Beyond, calendar
from ioc.times import DAY, HOUR, OFFSET
from ioc.tomls import Strict, load
from schemas.envelope import Code

DATA = Path(__file__).parent / "data"
STATISTICS = DATA / "statistics.toml"
SCALE = 10_000
"""Steps of 1 in which figures are kept, whatever their unit."""
EPOCH = date(1970, 1, 1).toordinal()
Kind = Literal["year", "quarter", "month", "day"]
A_YEAR: Mapping[Kind, int] = {"year": 1, "quarter": 4, "month": 12}
"""How many periods of a kind a year has, where all years have as many."""
Year = Annotated[str, Field(pattern=r"^20[0-9]{2}$")]
Figure = Annotated[float, Field(ge=-(10**11), le=10**11)]


class Definition(Strict):
    """A statistic. What the fields mean stands in the head of the file."""

    code: Code
    name: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)]
    unit: Annotated[str, Field(min_length=1)]
    period: Kind
    periods: Literal["sum", "mean", "last"]
    units: Literal["sum", "mean"] | None = None
    better: Literal["higher", "lower"] = "higher"
    rank: bool = False
    department: Code
    due_days: Annotated[int, Field(ge=0, le=250)] | None = None
    due_hour: Annotated[int, Field(ge=1, le=24)] = 17
    plan: dict[Year, Figure | dict[Code, Figure]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _holds_together(self) -> Definition:
        if not self.name.endswith(f" ({self.unit})"):
            raise ValueError(
                f"the name of {self.code} ends with its unit: write {self.name!r} + ' ({self.unit})'; boards show no other"
            )
        if "/" in self.code:
            raise ValueError(f"{self.code}: a code has no /; what comes after it is a unit")
        if "sum" in (self.units, self.periods) and (self.unit == "%" or self.rank):
            raise ValueError(f"{self.code}: per cent and ranks do not add up; write 'last' or 'mean'")
        if any(isinstance(plan, dict) != (self.units is not None) for plan in self.plan.values()):
            raise ValueError(
                f"{self.code}: a plan is a number by year; where there are units, one for each: {{ 2026 = {{ 16531 = 9 }} }}"
            )
        return self

    def planned(self, year: int, unit: str) -> int | None:
        """The plan of a year, in steps; of a unit its own."""
        plan = self.plan.get(str(year))
        figure = plan.get(unit) if isinstance(plan, dict) else plan
        return None if figure is None else scaled(figure)

    def takes(self, period: Period, of_unit: bool, at: int) -> bool:
        """Whether a report is one of it: its period of its kind, of a unit where it has units, and of what has begun."""
        return period.kind == self.period and of_unit == (self.units is not None) and begins(*period) <= at

    def due(self, number: int) -> int | None:
        """Until when (ms) the report of a period is due; None: none is waited for, or the calendar does not know its days."""
        return None if self.due_days is None else _due(self.period, number, self.due_days, self.due_hour)


class _Statistics(Strict):
    statistic: list[Definition]
    reporter: list[Annotated[list[str], Field(min_length=2, max_length=2)]]

    @model_validator(mode="after")
    def _each_once(self) -> _Statistics:
        codes = [one.code for one in self.statistic]
        if doubled := [code for code in codes if codes.count(code) > 1]:
            raise ValueError(f"statistic {doubled[0]} is there twice")
        return self


@cache
def definitions() -> dict[str, Definition]:
    """By code, what `streams/data/statistics.toml` says.  Raises UsageError."""
    return {one.code: one for one in load(STATISTICS, _Statistics, f"streams/data/{STATISTICS.name}").statistic}


def scaled(figure: float) -> int:
    """A figure in steps."""
    return round(figure * SCALE)


class Period(NamedTuple):
    """A period as a number of its kind: years, quarters and months since the year 0, days since 1970."""

    kind: Kind
    number: int


@lru_cache(maxsize=1 << 14)
def period(text: str) -> Period:
    """The period that a text of `schemas.envelope.PERIOD` names."""
    year = int(text[:4])
    if "Q" in text:
        return Period("quarter", 4 * year + int(text[6]) - 1)
    if len(text) == 4:
        return Period("year", year)
    if len(text) == 7:
        return Period("month", 12 * year + int(text[5:]) - 1)
    return Period("day", date.fromisoformat(text).toordinal() - EPOCH)


@lru_cache(maxsize=1 << 14)
def first_day(kind: Kind, number: int) -> int:
    """The first day of a period, since 1970."""
    if kind == "day":
        return number
    year, place = divmod(number, A_YEAR[kind])
    return date(year, 1 + place * 12 // A_YEAR[kind], 1).toordinal() - EPOCH


def begins(kind: Kind, number: int) -> int:
    """When a period begins (ms)."""
    return first_day(kind, number) * DAY - OFFSET


@lru_cache(maxsize=1 << 14)
def year(kind: Kind, number: int) -> int:
    """The year of a period."""
    return date.fromordinal(number + EPOCH).year if kind == "day" else number // A_YEAR[kind]


def numbers(kind: Kind, of: int, last: int) -> range:
    """The periods of a year to the last one."""
    return range(first_day("year", of) if kind == "day" else of * A_YEAR[kind], last + 1)


@lru_cache(maxsize=1 << 14)
def year_before(kind: Kind, number: int) -> int | None:
    """The same period of the year before; None: there is none (29 February)."""
    if kind != "day":
        return number - A_YEAR[kind]
    day = date.fromordinal(number + EPOCH)
    return None if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1).toordinal() - EPOCH


@lru_cache(maxsize=1 << 14)
def year_gone(kind: Kind, number: int) -> tuple[int, int]:
    """How many days of its year have gone when a period ends, of how many."""
    of = year(kind, number)
    begun, ended = (first_day("year", one) for one in (of, of + 1))
    return first_day(kind, number + 1) - begun, ended - begun


@lru_cache(maxsize=1 << 14)
def _due(kind: Kind, number: int, days: int, hour: int) -> int | None:
    """At an hour of the n-th working day after the last day of a period; n = 0: of this day itself, worked or not."""
    end = begins(kind, number + 1)
    try:
        day = calendar().day_after(end - 1, days)[0] if days else end - DAY
    except Beyond:
        return None
    return day + hour * HOUR
