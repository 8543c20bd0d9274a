"""Workfile: the file of the working calendar, read and checked; a fault has its line and says what is right. Pure.

The form is that of `streams/data/calendar.toml`; docs/calendar.md tells it. Days are days since 1970, clocks ms since midnight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from ioc.calendar.rules import Name, Rules, Shape, Swap, Week
from ioc.calendar.statements import Fault, NotToml, Table, tables
from ioc.times import HOUR, MINUTE

EPOCH = date(1970, 1, 1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_OR_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})(?:/(\d{4}-\d{2}-\d{2}))?")
CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"


def number(day: date) -> int:
    """A date as days since 1970."""
    return (day - EPOCH).days


def named(day: int) -> str:
    """A day as the file writes it."""
    return (EPOCH + timedelta(days=day)).isoformat()


def read(text: str) -> tuple[Rules | None, list[Fault]]:
    """The rules of a file, or None and all its faults in the order of lines."""
    try:
        found, faults = tables(text)
    except NotToml as error:
        return None, [error.fault]
    reader = Reader(found, faults)
    rules = reader.rules()
    return (None, sorted(faults)) if faults else (rules, [])


class Reader:
    """Goes through the tables of a file and notes every fault."""

    def __init__(self, found: dict[str, list[Table]], faults: list[Fault]) -> None:
        self._tables, self._faults = found, faults
        self._top = found[""][0]

    def _fault(self, line: int, reason: str) -> None:
        self._faults.append(Fault(line, reason))

    def rules(self) -> Rules | None:
        """What the file says; None where too little of it can be read."""
        for name in self._tables.keys() - {"", "hours", "closed", "open"}:
            for table in self._tables[name]:
                self._fault(table.line, f"there is no table {name!r}; there are [[hours]], [closed] and [open]")
        for name in ("closed", "open"):
            begun, *more = self._tables.get(name) or [self._top]
            for table in more:
                if all(fault.line != table.line for fault in self._faults):
                    self._fault(table.line, f"[{name}] stands twice, first in line {begun.line}; write it once")
        self._keys(self._top, ("version", "source", "from", "to", "published_to"))
        version, source = self._text(self._top, "version"), self._sources()
        first, last, published = (self._day(self._top, key) for key in ("from", "to", "published_to"))
        if first is None or last is None or published is None:
            return None
        if not first <= published <= last:
            self._fault(self._top.lines["published_to"], "published_to lies between from and to; from is the earliest")
            return None
        weeks = tuple(self._weeks(first, last))
        rules = Rules(version, source, first, last, published, weeks)
        if weeks and weeks[0].first <= first:
            lines = self._closed(rules)
            self._open(rules, lines)
            if not any(rules.shape(day) for day in range(first, last + 1)):
                self._fault(self._tables["hours"][0].line, "the offices are open on no day at all")
        return rules

    # ---- single values

    def _keys(self, table: Table, known: tuple[str, ...]) -> None:
        for key in table.values.keys() - set(known):
            self._fault(table.lines[key], f"there is no key {key!r} here; there are {', '.join(known)}")

    def _text(self, table: Table, key: str) -> str:
        value = table.values.get(key)
        if not isinstance(value, str) or not value.strip():
            self._fault(table.lines.get(key, table.line), f'{key} is a text, e.g. {key} = "2026-1"')
            return ""
        return value

    def _sources(self) -> tuple[str, ...]:
        value = self._top.values.get("source")
        if not isinstance(value, list) or not value or not all(isinstance(text, str) and text.strip() for text in value):
            said = 'source lists the laws and decisions the file rests on, e.g. source = ["Bộ luật Lao động 2019, Điều 112"]'
            self._fault(self._top.lines.get("source", 1), said)
            return ()
        return tuple(value)

    def _day(self, table: Table, key: str) -> int | None:
        value = table.values.get(key)
        if type(value) is not date:  # a time of a day is a date, too
            said = f"{key} is a day without quotes, e.g. {key} = 2026-01-01"
            self._fault(table.lines.get(key, table.line), said if key in table.values else f"{key} is missing: {said}")
            return None
        return number(value)

    def _name(self, line: int, value: Any) -> Name:
        if not isinstance(value, list) or len(value) != 2 or not all(isinstance(text, str) and text.strip() for text in value):
            self._fault(line, 'a name is Vietnamese and English, e.g. ["Quốc khánh", "National Day"]')
            return ("", "")
        return (value[0], value[1])

    # ---- hours

    def _weeks(self, first: int, last: int) -> Iterator[Week]:
        before: Week | None = None
        for table in self._tables.get("hours", []):
            week = self._week(table)
            if week is None:
                continue
            line = table.lines["from"]
            if before is None and week.first > first:
                self._fault(line, f"from {named(first)} to {named(week.first - 1)} no hours are in force: a hole; begin earlier")
            if before is not None and week.first <= before.first:
                self._fault(
                    line, f"hours from {named(week.first)} follow those from {named(before.first)}; each block begins later"
                )
            if week.first > last:
                self._fault(line, f"these hours are never in force: the calendar ends on {named(last)}")
            yield week
            before = week
        if not self._tables.get("hours"):
            self._fault(1, 'no [[hours]]: write e.g. from = 2000-01-01 and mon-fri = ["07:30-11:30", "13:30-17:00"] below it')

    def _week(self, table: Table) -> Week | None:
        first = self._day(table, "from")
        shapes: list[Shape] = [()] * 7
        lines = [0] * 7
        for key, value in table.values.items():
            if key in ("from", "receipts_until"):
                continue
            line = table.lines[key]
            for weekday in self._weekdays(line, key):
                if lines[weekday]:
                    self._fault(line, f"{WEEKDAYS[weekday]} has hours in line {lines[weekday]} already; name each weekday once")
                shapes[weekday], lines[weekday] = self._shape(line, value), line
        until = self._until(table, shapes)
        if not any(lines):
            self._fault(table.line, 'no weekday has hours; write e.g. mon-fri = ["07:30-11:30", "13:30-17:00"]')
        return None if first is None else Week(first, tuple(shapes), until)

    def _weekdays(self, line: int, key: str) -> range:
        begin, _, end = key.partition("-")
        if begin in WEEKDAYS and (end or begin) in WEEKDAYS[WEEKDAYS.index(begin) :]:
            return range(WEEKDAYS.index(begin), WEEKDAYS.index(end or begin) + 1)
        self._fault(line, f"there is no key {key!r} here; there are from, receipts_until, mon ... sun and e.g. mon-fri")
        return range(0)

    def _shape(self, line: int, value: Any) -> Shape:
        found: list[tuple[int, int]] = []
        if not isinstance(value, list) or not value:
            self._fault(line, 'hours are a list, e.g. ["07:30-11:30", "13:30-17:00"]; a day without hours is left out')
            return ()
        for text in value:
            match = re.fullmatch(f"{CLOCK}-{CLOCK}", text) if isinstance(text, str) else None
            if match is None:
                self._fault(line, f'{text!r} are no hours; write e.g. "07:30-11:30"')
                return ()
            opens, closes = (int(match[i]) * HOUR + int(match[i + 1]) * MINUTE for i in (1, 3))
            if closes <= opens:
                self._fault(line, f"{text} closes before it opens")
            if found and opens <= found[-1][1]:
                self._fault(line, f"{text} begins before the period before it has ended, or at once; periods rise, with a break")
            found.append((opens, closes))
        return tuple(found)

    def _until(self, table: Table, shapes: list[Shape]) -> int | None:
        value = table.values.get("receipts_until")
        if value is None:
            return None
        match = re.fullmatch(CLOCK, value) if isinstance(value, str) else None
        if match is None:
            self._fault(table.lines["receipts_until"], 'receipts_until is a time in quotes, e.g. "15:00"')
            return None
        until = int(match[1]) * HOUR + int(match[2]) * MINUTE
        if not any(shape and shape[0][0] < until < shape[-1][1] for shape in shapes):
            self._fault(table.lines["receipts_until"], f"receipts_until {value} lies within no day's office hours")
        return until

    # ---- single days

    def _days(self, rules: Rules, line: int, key: str) -> range:
        match = DAY_OR_DAYS.fullmatch(key)
        try:
            begin, end = (number(date.fromisoformat(text)) for text in (match[1], match[2] or match[1])) if match else (1, 0)
        except ValueError:
            begin, end = 1, 0
        if begin > end:
            self._fault(line, f'{key!r} is no day, nor days in order; write 2026-01-01, or "2026-02-16/2026-02-20" in quotes')
        elif not rules.first <= begin <= end <= rules.last:
            self._fault(line, f"{key} lies outside of {named(rules.first)} to {named(rules.last)}, for which the file holds")
        return range(begin, end + 1)

    def _closed(self, rules: Rules) -> dict[int, int]:
        """Fill in the closed days; the line of each."""
        lines: dict[int, int] = {}
        for table in self._tables.get("closed", [])[:1]:
            for key, value in table.values.items():
                line = table.lines[key]
                name = self._name(line, value)
                for day in self._days(rules, line, key):
                    if day in lines:
                        self._fault(line, f"{named(day)} is closed in line {lines[day]} already; name each day once")
                    rules.closed[day], lines[day] = name, line
        return lines

    def _open(self, rules: Rules, closed: dict[int, int]) -> None:
        """Fill in the days with hours of their own."""
        replaced: dict[int, int] = {}
        for table in self._tables.get("open", [])[:1]:
            for key, value in table.values.items():
                line = table.lines[key]
                days = self._days(rules, line, key)
                if len(days) > 1:
                    self._fault(line, "days worked are named one by one")
                elif days and days[0] in closed:
                    self._fault(line, f"{key} is closed in line {closed[days[0]]}: a day is closed or open, not both")
                elif days and (swap := self._swap(rules, line, days[0], value, replaced)):
                    rules.opened[days[0]] = swap

    def _swap(self, rules: Rules, line: int, day: int, value: Any, replaced: dict[int, int]) -> Swap | None:
        known = {"name", "instead_of", "hours"}
        if not isinstance(value, dict) or not value.keys() <= known or not value.keys() & {"instead_of", "hours"}:
            said = 'write { instead_of = 2026-08-31, name = ["...", "..."] }, or hours = ["07:30-11:30"] of its own'
            self._fault(line, said)
            return None
        name, usual = self._name(line, value.get("name")), rules.week(max(day, rules.first)).shapes
        shape, other = usual[(day + 3) % 7], value.get("instead_of")
        if "hours" in value:
            shape = self._shape(line, value["hours"])
        elif shape:
            self._fault(line, f"{named(day)} is a working day anyway; remove it, or give it hours of its own")
        if other is None:
            return Swap(name, shape, None)
        if type(other) is not date:
            self._fault(line, "instead_of is a day without quotes, e.g. 2026-08-31")
            return None
        instead = number(other)
        if instead in replaced:
            self._fault(line, f"{other} is worked in line {replaced[instead]} already; a day is swapped once")
        if instead not in rules.closed or not usual[(instead + 3) % 7]:
            self._fault(line, f"{other} is no day off of an office day: what was swapped stands in [closed], and would be worked")
        replaced[instead] = line
        return Swap(name, shape if "hours" in value else usual[(instead + 3) % 7], instead)
