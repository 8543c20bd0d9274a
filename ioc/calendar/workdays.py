"""Workdays: the working calendar as numbers: "five working days later" is an addition. Pure but for reading its file.

`streams/data/calendar.toml` says on which days and hours offices are open. Contributions may use it: the file is among their
stream's `data_files`, so a changed calendar is another generation. All instants are ms; a working time `w` is ms worked since
the calendar's begin. Where the file says nothing there is an error, `Beyond`, instead of a number.

>>> from datetime import datetime
>>> received = from_datetime(datetime(2026, 4, 29, 9, 0, tzinfo=PROVINCE))  # a Wednesday; 30/4 and 1/5 are holidays
>>> to_datetime(calendar().due(received, 5), PROVINCE).isoformat()
'2026-05-08T09:00:00+07:00'
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import accumulate
from typing import TYPE_CHECKING

from ioc.calendar import Beyond
from ioc.calendar.rules import Rules, Shape
from ioc.calendar.workfile import EPOCH, named, read
from ioc.errors import UsageError
from ioc.times import DAY, OFFSET, PROVINCE, from_datetime, local_day, to_datetime

if TYPE_CHECKING:
    from ioc.calendar.many import Many

__all__ = ["PROVINCE", "Beyond", "WorkCalendar", "calendar", "days_off", "from_datetime", "load", "to_datetime"]

Periods = tuple[tuple[int, int, int], ...]
"""The office hours of a day: (opens, closes, ms worked that day before it opens) of each period."""


class WorkCalendar:
    """Working time under one file. Raises Beyond for instants and working times that the file does not hold for."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.first = rules.first
        self.periods: list[Periods] = []
        """The office hours of each day from `first` on; none: closed."""
        lengths: list[int] = []
        until: list[int] = []
        alike: dict[Shape, tuple[Periods, int]] = {}
        for week, end in zip(rules.weeks, [*(week.first for week in rules.weeks[1:]), rules.last + 1], strict=True):
            for day in range(max(week.first, rules.first), end):
                kind = rules.shape(day, week)
                if kind not in alike:
                    alike[kind] = _kind(kind)
                periods, length = alike[kind]
                self.periods.append(periods)
                lengths.append(length)
                until.append(DAY if week.until is None else week.until)
        self._begin = self.first * DAY - OFFSET
        self._size = len(self.periods)
        self.before = [0, *accumulate(lengths)]
        """The working time before each day, and that of all days."""
        self._workdays = [index for index, length in enumerate(lengths) if length]
        self._ordinals = [0, *accumulate(1 if length else 0 for length in lengths)]
        self._until = [until[index] for index in self._workdays]
        """The clock of a working day after which receipts count from the next one: it may stand still then, over lunch."""

    @cached_property
    def many(self) -> Many:
        """The same over numpy arrays of int64."""
        from ioc.calendar.many import Many

        return Many(self)

    # ---- days, as days since 1970

    def _index(self, day: int) -> int:
        index = day - self.first
        if not 0 <= index < self._size:
            raise self._unknown(f"day {day} since 1970")
        return index

    def _unknown(self, what: str) -> Beyond:
        return Beyond(f"working days are known from {named(self.first)} to {named(self.rules.last)}, not for {what}")

    def works(self, day: int) -> bool:
        """Whether offices are open on a day."""
        return bool(self.periods[self._index(day)])

    def hours(self, day: int) -> Shape:
        """When the offices open and close on a day, ms since midnight; none: closed."""
        return tuple((opens, closes) for opens, closes, _ in self.periods[self._index(day)])

    def worked_on(self, day: int) -> int:
        """How much is worked on a day, ms."""
        index = self._index(day)
        return self.before[index + 1] - self.before[index]

    def day_after(self, ms: int, n: int) -> tuple[int, int]:
        """Midnight to midnight of the n-th working day after the day of an instant; n >= 1."""
        if n < 1:
            raise ValueError(f"coming working days are counted from 1, not from {n}")
        ordinal = self._ordinals[self._index(local_day(ms)) + 1] + n - 1
        if ordinal >= len(self._workdays):
            raise self._unknown(f"the working day number {n} after {named(local_day(ms))}")
        start = (self.first + self._workdays[ordinal]) * DAY - OFFSET
        return start, start + DAY

    def days_off(self) -> tuple[date, ...]:
        """The days on which offices are closed, weekends included."""
        return tuple(EPOCH + timedelta(days=self.first + i) for i, periods in enumerate(self.periods) if not periods)

    # ---- working time

    def _place(self, ms: int) -> tuple[int, int]:
        """(its number among all days, what is worked in it by then) of an instant's day; after its closing the next day."""
        day, clock = divmod(ms + OFFSET, DAY)
        index = day - self.first
        if not 0 <= index < self._size:
            raise self._unknown(f"day {day} since 1970")
        for opens, closes, done in self.periods[index]:
            if clock < closes:
                return index, done + (clock - opens if clock > opens else 0)
        return index + 1, 0

    def at(self, ms: int) -> int:
        """The working time at an instant; outside office hours that of the next opening."""
        index, worked = self._place(ms)
        return self.before[index] + worked

    def _instant(self, index: int, worked: int) -> int:
        """When so much of a day has been worked: between two periods the later opening; its closing if it has no more."""
        for opens, closes, done in self.periods[index]:
            if worked - done < closes - opens:
                return self._begin + index * DAY + opens + worked - done
        return self._begin + index * DAY + self.periods[index][-1][1]

    def moment(self, w: int) -> int:
        """The instant of a working time; between two periods the opening of the later one."""
        index = bisect_right(self.before, w) - 1
        if not 0 <= index < self._size:
            raise self._unknown(f"the working time of {w} ms after the first day began")
        return self._instant(index, w - self.before[index])

    def deadline(self, w: int) -> int:
        """The instant of a working time, where between two days it is the closing of the earlier one."""
        index = bisect_left(self.before, w) - 1
        if not 0 <= index < self._size:
            raise self._unknown(f"a deadline {w} ms of work after the first day began")
        return self._instant(index, w - self.before[index])

    def between(self, a: int, b: int) -> int:
        """What is worked between two instants, ms; negative where b is before a."""
        return self.at(b) - self.at(a)

    def add(self, ms: int, work: int) -> int:
        """The instant nearest to `ms` such that `work` ms are worked between the two: a closing, never the next opening.

        Before `ms` where `work` is negative: there it is an opening. Without work it is `ms`.
        """
        w = self.at(ms)
        if not work:
            return ms
        return self.moment(w + work - 1) + 1 if work > 0 else self.moment(w + work)

    # ---- working days

    def _moved(self, ordinal: int, worked: int, days: int) -> int:
        if days > 0 and not worked:  # whole days: they end with the closing of the last
            ordinal, worked = ordinal - 1, DAY
        if not 0 <= ordinal + days < len(self._workdays):
            raise self._unknown(f"{days} working days from where {ordinal} have gone by")
        return self._instant(self._workdays[ordinal + days], worked)

    def add_days(self, ms: int, days: int) -> int:
        """`days` working days after an instant (before, if negative), when as much of that day has been worked as of this one,
        or at its closing if it is shorter. What has not begun at an opening ends, going forward, with a closing."""
        index, worked = self._place(ms)
        return self._moved(self._ordinals[index], worked, days) if days else ms

    def due(self, received: int, days: int) -> int:
        """The due time (ngày hẹn trả) of a dossier received at `received` ms with a time limit of `days` >= 1 working days."""
        if days < 1:
            raise ValueError(f"a time limit is at least one working day, not {days}")
        index, worked = self._place(received)
        ordinal = self._ordinals[index]
        if worked and (received + OFFSET) % DAY > self._until[ordinal]:
            ordinal, worked = ordinal + 1, 0
        return self._moved(ordinal, worked, days)

    def due_work(self, received: int, days: int) -> int:
        """The working time at which such a dossier is due."""
        return self.at(self.due(received, days))


def _kind(shape: Shape) -> tuple[Periods, int]:
    """The periods of a kind of day, and how much is worked on it."""
    done = [0, *accumulate(closes - opens for opens, closes in shape)]
    return tuple((opens, closes, before) for (opens, closes), before in zip(shape, done, strict=False)), done[-1]


def file() -> Traversable:
    """The file of the calendar in force."""
    return files("streams") / "data" / "calendar.toml"


def load(path: Traversable) -> WorkCalendar:
    """The calendar of a file.  Raises UsageError that names the line of the first fault, and says what is right."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: the file is not UTF-8 ({error.reason} at byte {error.start})") from None
    rules, faults = read(text)
    if rules is None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise UsageError(f"{path}:{faults[0].line}: {faults[0].reason}{more}; `ioc calendar check {path}` tells all")
    return WorkCalendar(rules)


@cache
def calendar() -> WorkCalendar:
    """The calendar in force, read once in the life of a process."""
    return load(file())


@cache
def days_off() -> tuple[date, ...]:
    """The days on which offices are closed, weekends included.

    >>> date(2026, 4, 30) in days_off(), date(2026, 5, 4) in days_off()
    (True, False)
    """
    return calendar().days_off()
