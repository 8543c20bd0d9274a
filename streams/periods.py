"""Periods (kỳ): the month, quarter and year of the province that instants lie in, for what is told of a period (`Within`). Pure."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from ioc.times import DAY, OFFSET

KINDS = ("month", "quarter", "year")
SAME, ANOTHER = (1, 1, 1), (0, 0, 0)


def same_periods(a: int, b: int) -> tuple[int, int, int]:
    """For each kind of period (month, quarter, year): 1 where both instants (ms) lie in the same one, else 0."""
    one, other = _month((a + OFFSET) // DAY), _month((b + OFFSET) // DAY)
    if one == other:
        return SAME
    return ANOTHER if one // 12 != other // 12 else (0, int(one // 3 == other // 3), 1)


@lru_cache(maxsize=1 << 14)
def _month(day: int) -> int:
    """The month of a local day, counted from the year 0."""
    found = date(1970, 1, 1) + timedelta(days=day)
    return found.year * 12 + found.month - 1
