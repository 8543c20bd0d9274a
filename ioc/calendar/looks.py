"""Looks: from which instant on a contribution counts for who looks ahead, or back over working time. Pure.

A look is one or two shifts. A shift moves the time of a contribution: it counts at T if `to(at)` < T, that is
if `at` < `back(T)`. So a level that looks elsewhere is one over the same panes; what was known then is found as ever.

The value at T is that of the instant just before T, so midnight belongs to the day that ends there, as for `day` or `week`.

>>> from ioc.times import iso, to_ms
>>> friday, monday = to_ms("2026-05-08T03:00:00Z"), to_ms("2026-05-11T09:00:00Z")
>>> (one,) = shifts(ahead=1)
>>> iso(one.back(friday)), iso(one.back(to_ms("2026-05-08T17:00:00Z"))), iso(one.back(to_ms("2026-05-08T17:00:00.001Z")))
('2026-05-08T17:00:00Z', '2026-05-08T17:00:00Z', '2026-05-11T17:00:00Z')
>>> iso(int(one.to(np.array([monday]))[0]))
'2026-05-08T17:00:00Z'
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from ioc.calendar.windows import Ints, period_end, window_start
from ioc.calendar.workdays import WorkCalendar, calendar
from ioc.times import DAY, HOUR, OFFSET, local_day

STEP = HOUR
"""How often what looks is rolled and judged: a day's end is no matter of minutes."""
NEVER, EVER = -(1 << 61), 1 << 61
"""Before and behind all times: beyond the calendar's end everything counts, for nothing is known of the days that come."""


class Shift(NamedTuple):
    """Counts with this sign. `to`: from which instant on; `back`: contributions before which time count at an instant (ms)."""

    sign: int
    to: Callable[[Ints], Ints]
    back: Callable[[int], int]


HERE = Shift(1, lambda at: at, lambda at: at)


@cache
def shifts(
    ahead: int = 0, last: int = 0, this: str = "", hours: int = 0, days: int = 0, workday: bool = False
) -> tuple[Shift, ...]:
    """The shifts of a look: at the end of the n-th working day, counted from that of T on if it is one; or over the last n
    working hours, in which everything counts from its own time on until so much working time has passed; or over the calendar
    period of T to date, in which it counts until the period ends; or over so many hours that end some days before T."""
    if ahead:
        return (Shift(1, lambda at: _day_before(at, ahead), lambda at: _day_end(at, ahead)),)
    if last:
        return HERE, Shift(-1, lambda at: _leaves(at, last * HOUR), lambda at: _since(at, last * HOUR))
    if this:
        return HERE, Shift(-1, lambda at: _ends(at, this), lambda at: window_start(this, at))
    if hours:
        off = _holidays(calendar()) if workday else np.empty(0, np.int64)
        return (
            Shift(1, lambda at: _begins(at + days * DAY, off), lambda at: _begun(at, off) - days * DAY),
            Shift(
                -1,
                lambda at: _passes(at + days * DAY, hours * HOUR, off),
                lambda at: (at - hours * HOUR if _begun(at, off) == at else _begun(at, off)) - days * DAY,
            ),
        )
    return (HERE,)


def reach(
    at: int, ahead: int = 0, last: int = 0, this: str = "", hours: int = 0, days: int = 0, workday: bool = False
) -> tuple[int, int]:
    """What a look counts at an instant: contributions with since <= `at` < until (ms)."""
    first, *rest = shifts(ahead, last, this, hours, days, workday)
    return rest[0].back(at) if rest else NEVER, first.back(at)


def _ends(at: Ints, period: str) -> Ints:
    """The ends of the calendar periods: all begin with a whole hour."""
    hours, place = np.unique(np.asarray(at, np.int64) // HOUR * HOUR, return_inverse=True)
    return np.array([period_end(period, int(hour)) for hour in hours], np.int64)[place.ravel()]


@cache
def _workdays(known: WorkCalendar) -> Ints:
    """All working days there are, as days since 1970."""
    return np.flatnonzero(np.diff(np.array(known.before, np.int64))) + known.first


@cache
def _holidays(known: WorkCalendar) -> Ints:
    """When the holidays begin: days that are closed though their weekday has office hours."""
    rules = known.rules
    return _midnight(np.array([d for d in sorted(rules.closed) if not known.works(d) and rules.usual(d)], np.int64))


def _begun(at: int, holidays: Ints) -> int:
    """Where the holiday of an instant began; the instant itself on any other day. Midnight belongs to the day that ends."""
    place = int(np.searchsorted(holidays, at)) - 1
    return int(holidays[place]) if place >= 0 and at <= holidays[place] + DAY else at


def _begins(at: Ints, holidays: Ints) -> Ints:
    """From when on what would count from `at` on does: on a holiday nothing does, and when it has ended all does."""
    if not len(holidays):
        return at
    place = np.searchsorted(holidays, at, side="right") - 1
    end = holidays[place.clip(min=0)] + DAY
    return np.where((place >= 0) & (at < end), end, at)


def _passes(at: Ints, span: int, holidays: Ints) -> Ints:
    """Until when it does: over the span, or until a holiday begins."""
    begins = _begins(at, holidays)
    ends = np.maximum(at + span, begins)
    if not len(holidays):
        return ends
    place = np.searchsorted(holidays, np.where(begins > at, begins - 1, at), side="right")
    return np.where(place < len(holidays), np.minimum(ends, holidays[place.clip(max=len(holidays) - 1)]), ends)


def _midnight(day: Ints | int) -> Ints:
    return np.asarray(day, np.int64) * DAY - OFFSET


def _day_end(at: int, n: int) -> int:
    """The end of the n-th working day from that of the instant just before `at` on."""
    days = _workdays(calendar())
    place = int(np.searchsorted(days, local_day(at - 1))) + n - 1
    return int(_midnight(days[place] + 1)) if place < len(days) else EVER


def _day_before(at: Ints, n: int) -> Ints:
    """The end of the n-th working day before the day of `at`: after it, that day's end is no farther than n ends away."""
    days = _workdays(calendar())
    place = np.searchsorted(days, (at + OFFSET) // DAY) - n
    return np.where(place < 0, NEVER, _midnight(days[place.clip(min=0)] + 1))


def _since(at: int, span: int) -> int:
    """The first instant from which to `at` there are at most `span` ms of working time."""
    w = int(_worked(np.array(at, np.int64))) - span
    return calendar().moment(w - 1) + 1 if w > 0 else NEVER


def _leaves(at: Ints, span: int) -> Ints:
    """The last instant to which there are at most `span` ms of working time from `at` on."""
    w = _worked(at) + span
    known = w < calendar().before[-1]
    return np.where(known, calendar().many.moment(np.where(known, w, 0)), EVER)


def _worked(at: Ints) -> Ints:
    """The working time, also before the calendar begins and after it ends."""
    first, last = _midnight(calendar().first), _midnight(calendar().rules.last + 1) - 1
    return calendar().many.at(np.clip(at, first, last))
