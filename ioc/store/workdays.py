"""Workdays: on which days the province's offices are open: Mon-Fri less the public holidays of PyPI `holidays`. Pure.

Tết and swapped days are in it, as far as they are decreed; later years are the calendar's rule.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

FIRST, LAST = date(2000, 1, 1), date(2049, 12, 31)


@cache
def days_off() -> tuple[date, ...]:
    """The days from FIRST to LAST on which offices are closed, weekends included.

    >>> date(2026, 4, 30) in days_off(), date(2026, 5, 4) in days_off()
    (True, False)
    """
    import holidays  # it takes a while to load, and is wanted only where a store is brought to its form

    calendar = holidays.country_holidays("VN")
    days = (FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1))
    return tuple(day for day in days if not calendar.is_working_day(day))
