"""Due times: from when on what is due is due soon, in working days. Pure; for every stream of entities with a due time."""

from __future__ import annotations

from functools import lru_cache

from ioc.calendar.workdays import Beyond, calendar
from ioc.times import DAY, OFFSET, floor


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
