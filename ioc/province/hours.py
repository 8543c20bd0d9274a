"""Office hours: working time as one number, so that "five working days later" is an addition. Pure.

Mon-Fri 07:30-11:30 and 13:30-17:00, less the public holidays of PyPI `holidays` (Tết and swapped days among them).

>>> from datetime import datetime
>>> hours = Hours()
>>> received = from_datetime(datetime(2026, 4, 29, 9, 0, tzinfo=PROVINCE))  # a Wednesday; 30/4 and 1/5 are holidays
>>> to_datetime(hours.due(received, 5), PROVINCE).isoformat()
'2026-05-08T09:00:00+07:00'
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, timedelta

import holidays

from ioc.times import DAY, HOUR, MINUTE, PROVINCE, from_datetime, to_datetime

__all__ = ["DAY_OF_WORK", "OFFSET", "PROVINCE", "Hours", "from_datetime", "local_day", "to_datetime"]

OFFSET = 7 * HOUR
"""The province's time is UTC+7 all year."""
OPENS, LUNCH, BACK, CLOSES = 7 * HOUR + 30 * MINUTE, 11 * HOUR + 30 * MINUTE, 13 * HOUR + 30 * MINUTE, 17 * HOUR
MORNING = LUNCH - OPENS
DAY_OF_WORK = MORNING + CLOSES - BACK
LATE = MORNING + 15 * HOUR - BACK
"""Receipts after 15:00 count from the next working day."""
EPOCH = date(1970, 1, 1)
FIRST = (date(2000, 1, 1) - EPOCH).days


def local_day(ms: int) -> int:
    """The province's day a moment lies in, as days since 1970."""
    return (ms + OFFSET) // DAY


class Hours:
    """The office calendar. `w` is working time: milliseconds worked since the year 2000."""

    def __init__(self) -> None:
        self._calendar = holidays.country_holidays("VN")
        self._days: list[int] = []
        self._until = FIRST

    def _reach(self, day: int) -> None:
        """Know all working days up to `day` and a year beyond."""
        while self._until <= day + 366:
            if self._calendar.is_working_day(EPOCH + timedelta(days=self._until)):
                self._days.append(self._until)
            self._until += 1

    def works(self, day: int) -> bool:
        """Whether the offices are open on a day."""
        self._reach(day)
        return self._days[bisect_left(self._days, day)] == day

    def at(self, ms: int) -> int:
        """The working time at a moment; outside office hours that of the next opening."""
        day, clock = divmod(ms + OFFSET, DAY)
        if day + 366 >= self._until:
            self._reach(day)
        index = bisect_left(self._days, day)
        if self._days[index] != day or clock <= OPENS:
            return index * DAY_OF_WORK
        if clock >= CLOSES:
            return (index + 1) * DAY_OF_WORK
        return index * DAY_OF_WORK + (min(clock, LUNCH) - OPENS if clock < BACK else MORNING + clock - BACK)

    def moment(self, w: int) -> int:
        """The moment of a working time; between two days the opening of the later one."""
        index, worked = divmod(w, DAY_OF_WORK)
        while index >= len(self._days):
            self._reach(self._until)
        return self._days[index] * DAY - OFFSET + worked + (OPENS if worked < MORNING else BACK - MORNING)

    def due_work(self, received: int, days: int) -> int:
        """The working time at which a dossier received at `received` ms is due after `days` working days."""
        w = self.at(received)
        if w % DAY_OF_WORK > LATE:
            w += DAY_OF_WORK - w % DAY_OF_WORK
        return w + days * DAY_OF_WORK

    def deadline(self, w: int) -> int:
        """The moment of a working time, where between two days it is the closing of the earlier one."""
        return self.moment(w) if w % DAY_OF_WORK else self.moment(w - 1) + 1

    def due(self, received: int, days: int) -> int:
        """The due time (ngày hẹn trả) of a dossier received at `received` ms with a time limit of `days` working days."""
        return self.deadline(self.due_work(received, days))
