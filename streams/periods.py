"""Periods (kỳ): the month, quarter and year of the province that instants lie in, and what a state says of each of them. Pure.

For indicators that are told of what belongs to a period (`Within`): they have a part and a whole for each kind of period.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from ioc.times import DAY, OFFSET
from ioc.vocabulary import Contribution, Dims, Measures

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


class Standing(NamedTuple):
    """How something stands from an instant on (ms): it belongs to the periods that `base` lies in, and counts there if `holds`."""

    at: int
    dims: Dims
    base: int
    holds: bool


def stood(rows: list[Contribution], indicator: str, standings: Iterable[Standing]) -> None:
    """Part and whole of each period in which something stood (in the order of time): it counts once, as it stood last in it.

    A row says what changed since the standing before, in the periods that go on; of a new period nothing has been said.
    """
    before: Standing | None = None
    for now in standings:
        said = _measures(now, same_periods(now.base, now.at))
        if before is not None:
            own = zip(same_periods(before.base, before.at), same_periods(before.at, now.at), strict=True)
            taken = _measures(before, tuple(belongs * goes_on for belongs, goes_on in own))
            if before.dims != now.dims:
                _add(rows, indicator, before.dims, now.at, tuple(-n for n in taken))
            else:
                said = tuple(new - old for new, old in zip(said, taken, strict=True))
        _add(rows, indicator, now.dims, now.at, said)
        before = now


def _measures(standing: Standing, periods: tuple[int, ...]) -> Measures:
    return tuple(n for belongs in periods for n in (belongs * standing.holds, belongs))


def _add(rows: list[Contribution], indicator: str, dims: Dims, at: int, measures: Measures) -> None:
    if any(measures):
        rows.append((indicator, dims, at, measures))
