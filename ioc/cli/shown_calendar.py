"""Shown calendar: the working calendar as people read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ioc.calendar.rules import Shape, Week
from ioc.calendar.workdays import PROVINCE, WorkCalendar
from ioc.calendar.workfile import EPOCH, WEEKDAYS, named, number
from ioc.cli.common import table
from ioc.errors import UsageError
from ioc.times import HOUR, MINUTE

if TYPE_CHECKING:
    from rich.table import Table

NAMES = ("Thứ Hai / Mon", "Thứ Ba / Tue", "Thứ Tư / Wed", "Thứ Năm / Thu", "Thứ Sáu / Fri", "Thứ Bảy / Sat", "Chủ nhật / Sun")
SHOWN = 12
"""Changed days that are told one by one."""


def year(calendar: WorkCalendar, asked: int | None) -> range:
    """The days of a year, this one if none was asked for.  Raises UsageError outside of the calendar."""
    wanted = datetime.now(UTC).astimezone(PROVINCE).year if asked is None else asked
    return _known(calendar, str(wanted), *(_midwinter(wanted), _midwinter(wanted + 1)))


def _midwinter(year: int) -> date | None:
    return date(year, 1, 1) if 1 <= year <= 9999 else None


def month(calendar: WorkCalendar, asked: str) -> range:
    """The days of a month.  Raises UsageError outside of the calendar."""
    match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", asked)
    if match is None or asked < "0001":
        raise UsageError(f"--month {asked!r} is no month; write e.g. 2026-02")
    first = date(int(match[1]), int(match[2]), 1)
    return _known(calendar, asked, first, (first + timedelta(days=31)).replace(day=1) if first.year < 9999 else None)


def _known(calendar: WorkCalendar, asked: str, begin: date | None, end: date | None) -> range:
    rules = calendar.rules
    if begin is None or end is None or number(end) <= rules.first or number(begin) > rules.last:
        raise UsageError(f"the calendar holds from {named(rules.first)} to {named(rules.last)}; {asked} lies outside")
    return range(max(number(begin), rules.first), min(number(end) - 1, rules.last) + 1)


def worked(ms: int) -> str:
    """Working time in hours, minutes, and seconds if there are some."""
    hours, rest = divmod(abs(ms), HOUR)
    minutes, seconds = divmod(rest, MINUTE)
    return f"{'-' if ms < 0 else ''}{hours} h {minutes:02} min" + (f" {seconds / 1000:g} s" if seconds else "")


def hours(shape: Shape) -> str:
    """Office hours as the file writes them."""
    return ", ".join(f"{_clock(opens)}-{_clock(closes)}" for opens, closes in shape)


def _clock(ms: int) -> str:
    return f"{ms // HOUR:02}:{ms % HOUR // MINUTE:02}"


def summary(calendar: WorkCalendar) -> str:
    """A file in one sentence."""
    rules = calendar.rules
    days = sum(calendar.works(day) for day in range(rules.first, rules.last + 1))
    swapped = sum(swap.instead_of is not None for swap in rules.opened.values())
    return (
        f"version {rules.version}, {named(rules.first)} to {named(rules.last)}, published to {named(rules.published)}: "
        f"{days:,} working days, {len(rules.closed):,} days off by name, {swapped} swapped"
    )


def changes(old: WorkCalendar, new: WorkCalendar) -> str:
    """On which days two calendars differ."""
    begin, end = min(old.first, new.first), max(old.rules.last, new.rules.last)
    differ = [(day, a, b) for day in range(begin, end + 1) if (a := _said(old, day)) != (b := _said(new, day))]
    told = [f"  {named(day)}: {a} -> {b}" for day, a, b in differ[:SHOWN]]
    more = [f"  and {len(differ) - SHOWN:,} days more"] if len(differ) > SHOWN else []
    receipts = ["  receipts_until differs"] if _receipts(old) != _receipts(new) else []
    if not differ and not receipts:
        return "the same days and hours as in the calendar in force"
    return "\n".join(["unlike the calendar in force:", *told, *more, *receipts])


def _said(calendar: WorkCalendar, day: int) -> str:
    if not calendar.first <= day <= calendar.rules.last:
        return "unknown"
    return hours(calendar.hours(day)) or "closed"


def _receipts(calendar: WorkCalendar) -> list[tuple[int, int | None]]:
    """From when which hour holds for receipts; weeks that only go on are left out."""
    found = [(max(week.first, calendar.first), week.until) for week in calendar.rules.weeks]
    return [next(group) for _, group in groupby(found, key=lambda one: one[1])]


def _why(calendar: WorkCalendar, day: int) -> str:
    """The name of a day that is unlike its weekday."""
    rules = calendar.rules
    name = rules.opened[day].name if day in rules.opened else rules.closed.get(day)
    return " / ".join(name) if name else ""


def _weeks(calendar: WorkCalendar, days: range) -> list[Week]:
    """The weeks of hours in force on some of the days."""
    return [week for week, _ in groupby(map(calendar.rules.week, days))]


def of_year(calendar: WorkCalendar, days: range) -> Iterator[str | Table]:
    """A year: its months, what is unlike other weeks, the hours."""
    rules = calendar.rules
    lines = []
    for start, group in groupby(days, key=lambda day: named(day)[:7]):
        those = list(group)
        time = sum(map(calendar.worked_on, those))
        lines.append((start, sum(map(calendar.works, those)), worked(time), len([d for d in those if not calendar.works(d)])))
    lines.append(("năm / year", sum(line[1] for line in lines), worked(sum(map(calendar.worked_on, days))),
                  sum(line[3] for line in lines)))  # fmt: skip
    columns = ("tháng / month", "ngày làm việc / working days", "giờ / hours", "ngày nghỉ / days off")
    yield table("", columns, lines)
    off = [(named(d), _weekday(d), _why(calendar, d)) for d in days if d in rules.closed]
    yield table("\nNgày nghỉ lễ, Tết / Holidays", ("ngày / day", "thứ / weekday", "tên / name"), off)
    open_days = [(named(d), _weekday(d), hours(calendar.hours(d)), _why(calendar, d)) for d in days if d in rules.opened]
    if open_days:
        columns = ("ngày / day", "thứ / weekday", "giờ / hours", "tên / name")
        yield table("\nNgày làm bù, ngày có giờ riêng / Swapped days, days with hours of their own", columns, open_days)
    yield "\nGiờ làm việc / Office hours"
    for week in _weeks(calendar, days):
        until = "" if week.until is None else f"; nhận sau / received after {_clock(week.until)}: ngày hôm sau / the next day"
        yield f"từ / from {named(week.first)}: " + "; ".join(_by_shape(week)) + until
    yield f"\nPhiên bản / version {rules.version}. " + "; ".join(rules.source)
    if days[-1] > rules.published:
        yield f"Chưa công bố sau / Not yet decreed after {named(rules.published)}: the law's own days, without swapped days."


def _by_shape(week: Week) -> Iterator[str]:
    for shape, group in groupby(range(7), key=lambda weekday: week.shapes[weekday]):
        those = list(group)
        if shape:
            yield WEEKDAYS[those[0]] + (f"-{WEEKDAYS[those[-1]]}" if len(those) > 1 else "") + f" {hours(shape)}"


def of_month(calendar: WorkCalendar, days: range) -> Iterator[str | Table]:
    """A month, day by day."""
    lines = [(named(d), _weekday(d), hours(calendar.hours(d)) or "nghỉ / closed", _why(calendar, d)) for d in days]
    yield table("", ("ngày / day", "thứ / weekday", "giờ làm việc / office hours", "tên / name"), lines)
    yield f"{sum(map(calendar.works, days))} ngày làm việc / working days, {worked(sum(map(calendar.worked_on, days)))}"
    if days[-1] > calendar.rules.published:
        yield f"Chưa công bố sau / Not yet decreed after {named(calendar.rules.published)}: the law's own days."


def _weekday(day: int) -> str:
    return NAMES[(EPOCH + timedelta(days=day)).weekday()]


def as_json(calendar: WorkCalendar, days: range) -> dict[str, Any]:
    """Days as data."""
    rules = calendar.rules
    swaps = {day: swap.instead_of for day, swap in rules.opened.items()}
    return {
        "version": rules.version,
        "source": rules.source,
        "from": named(rules.first),
        "to": named(rules.last),
        "published_to": named(rules.published),
        "working_days": sum(map(calendar.works, days)),
        "worked_ms": sum(map(calendar.worked_on, days)),
        "days": [
            {
                "day": named(day),
                "works": calendar.works(day),
                "hours": [f"{_clock(opens)}-{_clock(closes)}" for opens, closes in calendar.hours(day)],
                "name": _why(calendar, day) or None,
                "instead_of": named(other) if (other := swaps.get(day)) is not None else None,
            }
            for day in days
        ],
    }
