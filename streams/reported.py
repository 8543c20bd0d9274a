"""Reported: the demo's departments: what they report of each statistic, when, and what they restate. It counts nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from typing import NamedTuple

from ioc.calendar.workdays import calendar
from ioc.times import DAY, HOUR, MINUTE, OFFSET, SECOND, local_day, to_ms
from ioc.vocabulary import Told
from streams.definitions import DATA, EPOCH, Definition, Kind, begins, definitions, first_day, year, year_gone

SENDER = "/thongke/thanhhoa"
Chance = Callable[..., float]
LONGEST: dict[Kind, int] = {"day": 16, "month": 75, "quarter": 75, "year": 60}
"""Days within which a report comes after its period, beside those until it is due, and is restated."""
EVEN = (1.0,) * 12
SUMMER = (0.35, 0.45, 0.5, 1.0, 1.55, 2.25, 2.3, 1.5, 0.7, 0.5, 0.45, 0.45)
TREASURY = (1.4, 0.7, 0.9, 1.05, 0.9, 0.95, 1.1, 0.9, 0.95, 1.0, 0.9, 1.25)
HARVESTS = (0.0, 0.0, 0.1, 0.2, 3.0, 3.6, 0.1, 0.2, 2.6, 2.0, 0.2, 0.0)


class Course(NamedTuple):
    """How a figure of the demo goes: a flow of `level` a year, or a stock or rate that is `level` at the end of 2026.

    `growth`: of a flow by the year (0.08), of a stock what is added in a year; `begin`: a running total begins each year with this.
    """

    level: float
    growth: float
    months: tuple[float, ...] = ()
    """The season of a flow."""
    week: tuple[float, float] = (1.0, 1.0)
    """What working days and other days have of it."""
    spread: float = 0.05
    begin: float | None = None
    digits: int = 0


OFFICE, LEISURE, CLINIC = (1.4, 0.1), (0.72, 1.6), (1.2, 0.5)
COURSES: dict[str, Course] = {
    "grdp_growth": Course(10.6, 0.3, spread=0.07, digits=2),
    "industry_growth": Course(15.2, 0.4, spread=0.12, digits=2),
    "consumer_prices": Course(3.4, -0.1, spread=0.12, digits=2),
    "retail_sales": Course(247_000, 0.105, EVEN),
    "exports": Course(8_650, 0.1, EVEN, spread=0.09, digits=1),
    "grain_output": Course(1_490, -0.005, HARVESTS, spread=0.02, digits=1),
    "enterprises_new": Course(3_200, 0.07, EVEN, spread=0.15),
    "poverty_rate": Course(0.95, -0.5, spread=0.02, digits=2),
    "traffic_accidents": Course(560, -0.06, EVEN, spread=0.2),
    "budget_revenue": Course(50_200, 0.09, TREASURY, OFFICE, 0.3, digits=1),
    "budget_spending": Course(51_000, 0.08, EVEN, spread=0.1, digits=1),
    "investment_disbursed": Course(96.0, 0.5, spread=0.01, begin=2.0, digits=2),
    "schools_standard": Course(89.2, 1.4, spread=0.001, digits=1),
    "graduation_rate": Course(99.3, 0.1, spread=0.002, digits=2),
    "cashless_tuition": Course(98.5, 2.0, spread=0.004, digits=1),
    "insurance_coverage": Course(95.4, 0.6, spread=0.002, digits=2),
    "hospital_beds": Course(43.2, 0.6, spread=0.002, digits=1),
    "patients": Course(8_900_000, 0.04, EVEN, CLINIC, 0.12),
    "health_records/14797": Course(93.0, 3.0, spread=0.002, digits=1),
    "health_records/14758": Course(92.0, 3.0, spread=0.002, digits=1),
    "health_records/16531": Course(90.5, 4.0, spread=0.002, digits=1),
    "health_records/14845": Course(76.0, 6.0, spread=0.004, digits=1),
    "tourism_visitors/16531": Course(9_300_000, 0.07, SUMMER, LEISURE, 0.25),
    "tourism_visitors/15991": Course(1_750_000, 0.08, SUMMER, LEISURE, 0.3),
    "tourism_visitors/14956": Course(330_000, 0.12, EVEN, LEISURE, 0.3),
    "tourism_visitors/15361": Course(225_000, 0.05, EVEN, LEISURE, 0.3),
    "tourism_revenue": Course(51_500, 0.11, SUMMER, spread=0.08, digits=1),
    "dti": Course(10, -1, spread=0.08),
    "dti_score": Course(782, 21, spread=0.01, digits=1),
    "dti_government": Course(391, 9, spread=0.01, digits=1),
    "dti_economy": Course(193, 7, spread=0.01, digits=1),
    "dti_society": Course(198, 5, spread=0.01, digits=1),
    "officials_trained": Course(9_800, 0.06, EVEN, spread=0.3),
    "villages_covered": Course(4_352, 6, spread=0.0003),
}
COMMUNES = date(2025, 7, 1).toordinal() - EPOCH
"""From this day on the codes of communes mean these."""
UNDEFINED = "ocop_products"
"""A statistic that is reported every month and defined nowhere, as happens."""


def demo(chance: Chance, day: int) -> Iterator[Told]:
    """What is reported on a day."""
    yield from _between(chance, day, day + 1)


def stock(chance: Chance, day: int) -> Iterator[Told]:
    """What was reported before: from the beginning of last year on, so that this year stands beside it."""
    yield from _between(chance, first_day("year", year("day", day) - 1), day)


def past(chance: Chance) -> Iterator[Told]:
    """What stands in the report of 6 October 2022: the rank among the provinces and what it aims at, and what was shown."""
    place, plan = {"series": "dti", "period": "2021", "value": 12.0}, {"plan": 10.0, "among": 63}
    yield Told(to_ms("2022-08-08T02:00:00Z"), SENDER, "dti/2021/1", place | plan)
    for series, value in (("exhibition_companies", 10.0), ("exhibition_stands", 14.0)):
        yield Told(
            to_ms("2022-10-06T01:00:00Z"), SENDER, f"{series}/2022/1", {"series": series, "period": "2022", "value": value}
        )


def _between(chance: Chance, since: int, until: int) -> Iterator[Told]:
    """What is reported from one day to another, of every period whose report may come then."""
    known, begin, end = definitions(), since * DAY - OFFSET, until * DAY - OFFSET
    for series, course in COURSES.items():
        code, _, unit = series.partition("/")
        definition = known[code]
        first = since - LONGEST[definition.period] - 2 * (definition.due_days or 0)
        first = max(first, COMMUNES) if unit else first
        for number in range(_number(definition.period, first), _number(definition.period, until) + 1):
            told = _reports(chance, series, definition, course, number)
            yield from (one for one in told if begin <= one.time < end)
    for number in range(_number("month", since) - 1, _number("month", until)):
        time = begins("month", number + 1) + 3 * DAY + 9 * HOUR
        if begin <= time < end:
            data = {
                "series": UNDEFINED,
                "period": _text("month", number),
                "value": 600.0 + number % 40,
                "department": "000.00.07.H56",
            }
            yield Told(time, SENDER, f"{UNDEFINED}/{data['period']}/1", data)


def _reports(chance: Chance, series: str, definition: Definition, course: Course, number: int) -> Iterator[Told]:
    """The report of a period, and what may restate it."""
    kind, text = definition.period, _text(definition.period, number)

    def luck(what: str) -> float:
        return chance("statistic", series, text, what)

    due = definition.due(number)
    if due is None:
        return
    value = _value(luck, definition, course, number)
    unit = series.partition("/")[2]
    data: dict[str, object] = {"series": series, "period": text, "value": value}
    if unit:
        data["department"] = _offices()[unit]
    of = year(kind, number)
    if definition.plan and definition.planned(of, unit) is None:
        data["plan"] = _planned(definition, of, unit)
    second = number % 60 * SECOND
    time = _time(luck, definition, number, due) + second
    yield Told(time, SENDER, f"{series}/{text}/1", data)
    if luck("restated") < (0.02 if kind == "day" else 0.08):
        again = _office(local_day(time) + (1 if kind == "day" else 8 + int(12 * luck("when"))), luck("again")) + second
        changed = round(value * (1 + 0.03 * (luck("by") - 0.4)), course.digits)
        yield Told(again + SECOND // 2, SENDER, f"{series}/{text}/2", data | {"value": changed, "note": "Số liệu điều chỉnh"})


def _time(luck: Callable[[str], float], definition: Definition, number: int, due: int) -> int:
    """When it is reported: mostly before it is due, at times after."""
    late, kind = luck("late"), definition.period
    if kind == "day" and late < 0.06:
        return due + int((0.2 + 4 * luck("delay")) * HOUR) + (DAY if late < 0.012 else 0)
    if kind == "day":
        return due - 5 * MINUTE - int(80 * luck("time")) * MINUTE
    if late < 0.14:
        return _office(local_day(due) + 1 + int(9 * luck("delay")), luck("time"))
    end = local_day(begins(kind, number + 1))
    return _office(max(end, local_day(due) - int(3 * luck("early"))), luck("time"), due)


def _office(day: int, luck: float, before: int | None = None) -> int:
    """A time of a working day, at or after that day; where it has to be before a time, at or before its day."""
    while not calendar().works(day):
        day += 1 if before is None else -1
    return day * DAY - OFFSET + 8 * HOUR + int(luck * 8 * 60) * MINUTE


def _value(luck: Callable[[str], float], definition: Definition, course: Course, number: int) -> float:
    """A figure: a flow by season, weekday and chance; a stock by what has been added to it."""
    kind, of = definition.period, year(definition.period, number)
    noise = 1 + course.spread * 2 * (luck("value") - 0.5)
    gone, days = year_gone(kind, number)
    if course.months:
        share = _share(course, kind, number, days)
        level = course.level * float((1 + course.growth) ** (of - 2026))
        return max(0.0, round(level * share * noise, course.digits))
    end = course.level + course.growth * (of - 2026)
    if course.begin is not None:
        return round(course.begin + (end - course.begin) * float((gone / days) ** 1.15) * noise, course.digits)
    value = (end - course.growth * (1 - gone / days)) * noise
    return max(1.0 if definition.rank else 0.0, round(min(value, 100.0) if definition.unit == "%" else value, course.digits))


def _share(course: Course, kind: Kind, number: int, days: int) -> float:
    """The share of a year's flow that a period has."""
    whole = sum(course.months)
    if kind == "day":
        month = date.fromordinal(number + EPOCH).month
        return course.months[month - 1] / whole * 12 / days * course.week[not calendar().works(number)]
    size = 12 // {"month": 12, "quarter": 4, "year": 1}[kind]
    place = number % (12 // size) * size
    return sum(course.months[place : place + size]) / whole


def _planned(definition: Definition, of: int, unit: str) -> float:
    """A plan for a year that the file has none for: as that of the nearest year."""
    plan = definition.plan[min(definition.plan, key=lambda known: abs(int(known) - of))]
    return plan[unit] if isinstance(plan, dict) else plan


def _number(kind: Kind, day: int) -> int:
    """The period a day lies in."""
    on = date.fromordinal(day + EPOCH)
    return {"day": day, "month": 12 * on.year + on.month - 1, "quarter": 4 * on.year + (on.month - 1) // 3, "year": on.year}[kind]


def _text(kind: Kind, number: int) -> str:
    """A period as events name it."""
    if kind == "quarter":
        return f"{number // 4}-Q{number % 4 + 1}"
    day = date.fromordinal(first_day(kind, number) + EPOCH).isoformat()
    return day[: {"year": 4, "month": 7, "day": 10}[kind]]


@cache
def _offices() -> dict[str, str]:
    """The agency of each commune."""
    listed = tomllib.loads((DATA / "agencies.toml").read_text(encoding="utf-8"))
    return {commune: code for code, _, commune, _ in listed["communes"]}
