"""Levels: how many are in a state, told as +1 where one comes into it and -1 where it leaves. Pure; for every stream of entities."""

from __future__ import annotations

from functools import lru_cache

from ioc.calendar.workdays import Beyond, calendar
from ioc.times import DAY, OFFSET, floor
from ioc.vocabulary import Contribution, Dims

ONE, TAKE = (1,), (-1,)
"""One more, one less."""


def on(rows: list[Contribution], indicator: str, dims: Dims, start: int, end: int | None) -> None:
    """The level is 1 in [start, end) (ms); no end: from then on."""
    if end is None:
        rows.append((indicator, dims, start, ONE))
    elif start < end:
        rows += ((indicator, dims, start, ONE), (indicator, dims, end, TAKE))


@lru_cache(maxsize=1 << 14)
def nearing(due: int, days: int) -> tuple[int, int]:
    """From when on (ms) what is due then is due soon, `days` working days before, and from when on it is due today.

    Where the calendar has no days it is never due soon.
    """
    try:
        soon = calendar().add_days(due, -days)
    except Beyond:
        soon = due
    return soon, floor(due - 1, DAY, OFFSET)
