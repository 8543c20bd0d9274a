"""What is worked, minute by minute: the independent truth about a calendar file. It shares no code with `ioc.calendar`.

It reads the file with `tomllib` and writes down every minute of every day on which offices are open. All else is counting.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

ZONE = timedelta(hours=7)
WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def ms_of(local: datetime) -> int:
    """A naive local time as ms since 1970."""
    return round((local - ZONE).replace(tzinfo=UTC).timestamp() * 1000)


def local_of(ms: int) -> datetime:
    return datetime.fromtimestamp(0, UTC).replace(tzinfo=None) + timedelta(milliseconds=ms) + ZONE


class Worked:
    """The minutes that are worked under a file, as naive local datetimes, in order."""

    def __init__(self, text: str) -> None:
        self.file: dict[str, Any] = tomllib.loads(text)
        self.days = [self.file["from"] + timedelta(days=n) for n in range((self.file["to"] - self.file["from"]).days + 1)]
        closed = set()
        for key in self.file.get("closed", {}):
            begin, _, end = key.partition("/")
            day = date.fromisoformat(begin)
            while day <= date.fromisoformat(end or begin):
                closed.add(day)
                day += timedelta(days=1)
        self.of_day = {day: self._minutes(day, closed) for day in self.days}

    def _usual(self, day: date, weekday: int) -> list[str]:
        hours = [block for block in self.file["hours"] if block["from"] <= day][-1]
        for key, periods in hours.items():
            if key not in ("from", "receipts_until"):
                begin, _, end = key.partition("-")
                if WEEK.index(begin) <= weekday <= WEEK.index(end or begin):
                    return list(periods)
        return []

    def _minutes(self, day: date, closed: set[date]) -> list[datetime]:
        own = self.file.get("open", {}).get(day.isoformat())
        if own and "hours" in own:
            periods = own["hours"]
        elif own:
            periods = self._usual(day, own["instead_of"].weekday())
        else:
            periods = [] if day in closed else self._usual(day, day.weekday())
        found = []
        for period in periods:
            opens, closes = (datetime.fromisoformat(f"{day}T{clock}") for clock in period.split("-"))
            while opens < closes:
                found.append(opens)
                opens += timedelta(minutes=1)
        return found

    @cached_property
    def minutes(self) -> list[datetime]:
        return [minute for day in self.days for minute in self.of_day[day]]

    @cached_property
    def working_days(self) -> list[date]:
        return [day for day in self.days if self.of_day[day]]

    def until(self, day: date) -> str | None:
        found: str | None = [block for block in self.file["hours"] if block["from"] <= day][-1].get("receipts_until")
        return found

    # ---- stepping; times are whole minutes

    def between(self, a: datetime, b: datetime) -> int:
        """Minutes worked from a to b, one by one."""
        if b < a:
            return -self.between(b, a)
        return sum(a <= minute < b for minute in self.minutes)

    def add(self, start: datetime, minutes: int) -> datetime | None:
        """Step from the start until so many minutes have been worked; None where the calendar ends before."""
        there = [m for m in self.minutes if m >= start] if minutes > 0 else [m for m in self.minutes if m < start][::-1]
        if not minutes:
            return start
        if len(there) < abs(minutes):
            return None
        last = there[abs(minutes) - 1]
        return last + timedelta(minutes=1) if minutes > 0 else last

    def _place(self, start: datetime) -> tuple[date | None, int]:
        """The working day a time lies in or before (None: after the last), and how many of its minutes have been worked."""
        for day in self.working_days:
            here = self.of_day[day]
            if day == start.date() and start <= here[-1]:
                return day, sum(minute < start for minute in here)
            if day > start.date():
                return day, 0
        return None, 0

    def _on(self, day: date, worked: int) -> datetime:
        """When so many minutes of a day have been worked and the next begins; its closing where there is none."""
        here = self.of_day[day]
        return here[worked] if worked < len(here) else here[-1] + timedelta(minutes=1)

    def add_days(self, start: datetime, days: int) -> datetime | None:
        """Go from working day to working day; None where the calendar ends before."""
        if not days:
            return start
        day, worked = self._place(start)
        place = len(self.working_days) if day is None else self.working_days.index(day)
        whole = days > 0 and worked == 0  # such days end with their closing
        goal = place + days - whole
        if not 0 <= goal < len(self.working_days):
            return None
        return self._on(self.working_days[goal], 24 * 60 if whole else worked)

    def due(self, received: datetime, days: int) -> datetime | None:
        """Days from the receipt, or from the next opening where it came after the hour."""
        day, worked = self._place(received)
        until = self.until(day) if day else None
        if day and worked and until and received > datetime.fromisoformat(f"{day}T{until}"):
            received = datetime.combine(day, datetime.max.time()).replace(second=0, microsecond=0)
        return self.add_days(received, days)
