"""Workdays: on which days offices are open, and working time as one number: "five working days later" is an addition. Pure.

Mon-Fri 07:30-11:30 and 13:30-17:00, less the public holidays of PyPI `holidays`: Tết and swapped days are in it, as far as they
are decreed; later years are the calendar's rule. Contributions may use it: the calendar's version is in their generation.

>>> from datetime import datetime
>>> hours = Hours()
>>> received = from_datetime(datetime(2026, 4, 29, 9, 0, tzinfo=PROVINCE))  # a Wednesday; 30/4 and 1/5 are holidays
>>> to_datetime(hours.due(received, 5), PROVINCE).isoformat()
'2026-05-08T09:00:00+07:00'
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, timedelta
from functools import cache

from ioc.times import DAY, HOUR, MINUTE, PROVINCE, from_datetime, to_datetime

__all__ = ["DAY_OF_WORK", "OFFSET", "PROVINCE", "Hours", "days_off", "from_datetime", "local_day", "to_datetime"]

OFFSET = 7 * HOUR
"""The province's time is UTC+7 all year."""
OPENS, LUNCH, BACK, CLOSES = 7 * HOUR + 30 * MINUTE, 11 * HOUR + 30 * MINUTE, 13 * HOUR + 30 * MINUTE, 17 * HOUR
MORNING = LUNCH - OPENS
DAY_OF_WORK = MORNING + CLOSES - BACK
LATE = MORNING + 15 * HOUR - BACK
"""Receipts after 15:00 count from the next working day."""
EPOCH = date(1970, 1, 1)
FIRST, LAST = (date(2000, 1, 1) - EPOCH).days, (date(2099, 12, 31) - EPOCH).days
"""The days the calendar knows, as days since 1970: it has no lunar year after these."""
KNOWN = "working days are known from 2000 to 2099"
SHOWN = date(2049, 12, 31)
"""`days_off` ends here."""


@cache
def _days() -> tuple[int, ...]:
    """All working days the calendar knows, as days since 1970, in order."""
    import holidays  # it takes a while to load, and few processes want it

    calendar = holidays.country_holidays("VN")
    return tuple(day for day in range(FIRST, LAST + 1) if calendar.is_working_day(EPOCH + timedelta(days=day)))


@cache
def days_off() -> tuple[date, ...]:
    """The days from 2000 to 2049 on which offices are closed, weekends included.

    >>> date(2026, 4, 30) in days_off(), date(2026, 5, 4) in days_off()
    (True, False)
    """
    closed = set(range(FIRST, (SHOWN - EPOCH).days + 1)).difference(_days())
    return tuple(EPOCH + timedelta(days=day) for day in sorted(closed))


def local_day(ms: int) -> int:
    """The province's day a moment lies in, as days since 1970."""
    return (ms + OFFSET) // DAY


class Hours:
    """The office calendar. `w` is working time: milliseconds worked since 2000.  Raises ValueError where none is known."""

    def __init__(self) -> None:
        self._days = _days()

    def _index(self, day: int) -> int:
        """How many working days there are before a day."""
        if not FIRST <= day <= LAST:
            raise ValueError(f"{KNOWN}, not on day {day} since 1970")
        return bisect_left(self._days, day)

    def works(self, day: int) -> bool:
        """Whether the offices are open on a day."""
        index = self._index(day)
        return self._days[index : index + 1] == (day,)

    def at(self, ms: int) -> int:
        """The working time at a moment; outside office hours that of the next opening."""
        day, clock = divmod(ms + OFFSET, DAY)
        index = self._index(day)
        if self._days[index : index + 1] != (day,) or clock <= OPENS:
            return index * DAY_OF_WORK
        if clock >= CLOSES:
            return (index + 1) * DAY_OF_WORK
        return index * DAY_OF_WORK + (min(clock, LUNCH) - OPENS if clock < BACK else MORNING + clock - BACK)

    def moment(self, w: int) -> int:
        """The moment of a working time; between two days the opening of the later one."""
        index, worked = divmod(w, DAY_OF_WORK)
        if not 0 <= index < len(self._days):
            raise ValueError(f"{KNOWN}; there is no moment at {index} working days after 2000 began")
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
        """The due time (ngày hẹn trả) of a dossier received at `received` ms with a time limit of `days` >= 1 working days."""
        if days < 1:
            raise ValueError(f"a time limit is at least one working day, not {days}")
        return self.deadline(self.due_work(received, days))
