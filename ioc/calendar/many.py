"""Many: the working calendar over arrays; each function is that of `WorkCalendar` for every element. Pure.

Arguments are arrays of int64 or single integers; they are broadcast. One element beyond the calendar is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ioc.calendar import Beyond
from ioc.calendar.workfile import named
from ioc.times import DAY, OFFSET

if TYPE_CHECKING:
    from ioc.calendar.workdays import WorkCalendar

Ints = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max


class Many:
    """The calendar as columns: a row for each day, and a row for each kind of day with its periods side by side."""

    def __init__(self, calendar: WorkCalendar) -> None:
        self._first, self._last = calendar.first, calendar.rules.last
        self._begin = self._first * DAY - OFFSET
        self._size = len(calendar.periods)
        self._before = np.array(calendar.before, np.int64)
        kinds = list(dict.fromkeys(calendar.periods))
        number = {periods: row for row, periods in enumerate(kinds)}
        self._kind = np.array([number[periods] for periods in calendar.periods], np.int64)
        width = max(map(len, kinds))
        self._opens, self._closes, self._done = (np.zeros((len(kinds), width), np.int64) for _ in range(3))
        self._done += NEVER  # of periods that are not
        for row, periods in enumerate(kinds):
            for place, period in enumerate(periods):
                self._opens[row, place], self._closes[row, place], self._done[row, place] = period
        self._closing = self._closes.max(axis=1)
        works = np.diff(self._before) > 0
        self._workdays = np.flatnonzero(works)
        self._ordinals = np.append(0, np.cumsum(works))

    def _check(self, known: NDArray[np.bool_]) -> None:
        if not known.all():
            span = f"{named(self._first)} to {named(self._last)}"
            raise Beyond(f"working days are known from {span}; {np.count_nonzero(~known)} of {known.size} lie outside")

    def at(self, ms: Ints | int) -> Ints:
        """The working time at each instant; outside office hours that of the next opening."""
        day, clock = np.divmod(np.asarray(ms, np.int64) + OFFSET, DAY)
        index = day - self._first
        self._check((index >= 0) & (index < self._size))
        kind = self._kind[index]
        worked = np.clip(clock[..., None], self._opens[kind], self._closes[kind]) - self._opens[kind]
        return np.asarray(self._before[index] + worked.sum(-1), np.int64)

    def _instant(self, index: Ints, worked: Ints) -> Ints:
        """When so much of each day has been worked; its closing if it has no more."""
        kind = self._kind[index]
        period = (worked[..., None] >= self._done[kind]).sum(-1) - 1
        clock = self._opens[kind, period] + worked - self._done[kind, period]
        return np.asarray(self._begin + index * DAY + np.minimum(clock, self._closing[kind]), np.int64)

    def moment(self, w: Ints | int) -> Ints:
        """The instant of each working time; between two periods the opening of the later one."""
        w = np.asarray(w, np.int64)
        index = np.searchsorted(self._before, w, side="right") - 1
        self._check((index >= 0) & (index < self._size))
        return self._instant(index, w - self._before[index])

    def deadline(self, w: Ints | int) -> Ints:
        """The instant of each working time, where between two days it is the closing of the earlier one."""
        w = np.asarray(w, np.int64)
        index = np.searchsorted(self._before, w) - 1
        self._check((index >= 0) & (index < self._size))
        return self._instant(index, w - self._before[index])

    def between(self, a: Ints | int, b: Ints | int) -> Ints:
        """What is worked between instants, ms; negative where b is before a."""
        return self.at(b) - self.at(a)

    def add(self, ms: Ints | int, work: Ints | int) -> Ints:
        """The instants nearest to `ms` such that `work` ms are worked between (`WorkCalendar.add`)."""
        ms, work = np.broadcast_arrays(np.asarray(ms, np.int64), np.asarray(work, np.int64))
        later = (work > 0).astype(np.int64)
        goal = np.where(work == 0, 0, self.at(ms) + work - later)
        return np.where(work == 0, ms, self.moment(goal) + later)

    def add_days(self, ms: Ints | int, days: Ints | int) -> Ints:
        """Each instant `days` working days later (`WorkCalendar.add_days`)."""
        ms, days = np.broadcast_arrays(np.asarray(ms, np.int64), np.asarray(days, np.int64))
        w = self.at(ms)
        index = np.searchsorted(self._before, w, side="right") - 1
        worked = w - self._before[index]
        whole = (days > 0) & (worked == 0)
        goal = self._ordinals[index] + days - whole
        here = days == 0
        self._check((goal >= 0) & (goal < len(self._workdays)) | here)
        day = self._workdays[np.where(here, 0, goal)]
        return np.where(here, ms, self._instant(day, np.where(whole, DAY, worked)))
