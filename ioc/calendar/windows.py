"""Windows: which steps a pane counts for, and sums over steps as change points. Pure.

A pane at `a` counts for the value at T when T - w <= a < T (rolling), or when a < T lies in the same calendar period as the
instant just before T. Both are an interval of steps [enter, leave), so a series is a cumulative sum of entries and leaves.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ioc.times import DAY, HOUR, MINUTE, PROVINCE, from_datetime, to_datetime

if TYPE_CHECKING:
    pass

Ints = NDArray[np.int64]
ROLLING = {"1h": (HOUR, 5 * MINUTE), "1d": (DAY, HOUR), "7d": (7 * DAY, 6 * HOUR)}
"""Length and step of rolling windows, ms."""
CALENDAR = ("day", "week", "month", "quarter", "year")
CALENDAR_STEP = HOUR
LEVEL = "level"
"""The `window` of a level indicator's rows."""


def step(window: str, grain: int) -> int:
    """The step of a window in ms; that of a level is the grain. Steps are multiples of the grain (a coarser grain wins)."""
    if window == LEVEL:
        return grain
    found = ROLLING[window][1] if window in ROLLING else CALENDAR_STEP
    return -(-found // grain) * grain


def window_start(window: str, at: int) -> int:
    """Where the window that ends at `at` begins (ms): for calendar periods, that of the instant just before `at`.

    >>> from ioc.times import iso, to_ms
    >>> iso(window_start("day", to_ms("2022-10-06T17:00:00Z")))
    '2022-10-05T17:00:00Z'
    >>> iso(window_start("month", to_ms("2022-10-06T17:00:00Z")))
    '2022-09-30T17:00:00Z'
    """
    if window in ROLLING:
        return at - ROLLING[window][0]
    return _period(window, _local_day(at - 1))[0]


def begun(window: str, at: Ints) -> Ints:
    """Where the windows that end at `at` begin; a level has none."""
    if window == LEVEL:
        return at
    steps, of = np.unique(at, return_inverse=True)
    return np.array([window_start(window, int(one)) for one in steps], np.int64)[of.reshape(-1)]


def period_end(window: str, at: int) -> int:
    """The end (ms) of the calendar period that `at` lies in."""
    return _period(window, _local_day(at))[1]


def _local_day(at: int) -> date:
    return to_datetime(at, PROVINCE).date()


def _period(window: str, day: date) -> tuple[int, int]:
    if window == "day":
        first, after = day, day + timedelta(1)
    elif window == "week":
        first = day - timedelta(day.weekday())
        after = first + timedelta(7)
    else:
        months = {"month": 1, "quarter": 3, "year": 12}[window]
        month = (day.month - 1) // months * months
        first = date(day.year, month + 1, 1)
        after = date(day.year + (month + months) // 12, (month + months) % 12 + 1, 1)
    return _midnight(first), _midnight(after)


def _midnight(day: date) -> int:
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=PROVINCE))


def enters(at: Ints, size: int) -> Ints:
    """The first step after `at`."""
    return at // size * size + size


def leaves(window: str, at: Ints, size: int) -> Ints:
    """The first step a pane at `at` no longer counts for."""
    if window in ROLLING:
        # the first multiple of the step above at + w: T - w <= at no longer holds
        return (at + ROLLING[window][0]) // size * size + size
    ends = {int(a): period_end(window, int(a)) for a in np.unique(at // HOUR * HOUR)}
    period = np.array([ends[int(a)] for a in at // HOUR * HOUR], np.int64) if len(at) else at
    return period // size * size + size


def changes(groups: Ints, steps: Ints, measures: Ints, first: int, last: int) -> tuple[Ints, Ints, Ints]:
    """Sums of each group at the steps where something enters or leaves, within (first, last].

    `groups`: the number of each entry's group; `steps`: the step of each entry; `measures`: what it adds (shape (entries,
    measures)). Everything up to and with `first` is summed into the opening. Returns groups and steps, in this order, and the
    sums, shape (rows, measures).
    """
    steps = np.maximum(steps, first)
    rows = np.flatnonzero(steps <= last)
    rows = rows[np.argsort(groups[rows] * (last - first + 1) + (steps[rows] - first))]
    groups, steps = groups[rows], steps[rows]
    if not len(rows):
        return groups, steps, measures[:0]
    own = np.flatnonzero(np.append(True, (groups[1:] != groups[:-1]) | (steps[1:] != steps[:-1])))
    groups, steps = groups[own], steps[own]
    total = np.add.reduceat(measures[rows], own, axis=0).cumsum(axis=0)
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    base = np.zeros((len(starts), total.shape[1]), np.int64)
    base[1:] = total[starts[1:] - 1]
    return groups, steps, total - np.repeat(base, np.diff(np.append(starts, len(groups))), axis=0)
