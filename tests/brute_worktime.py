"""Brute force of working time: day by day with `datetime`, nothing of the engine. All instants are ms, all clocks the province's.

An instant that is reached by working is the nearest one: a closing, not the next opening; backwards an opening.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache

HOUR, DAY = 3_600_000, 86_400_000
PERIODS = ((7 * HOUR + HOUR // 2, 11 * HOUR + HOUR // 2), (13 * HOUR + HOUR // 2, 17 * HOUR))
DAY_OF_WORK = sum(closes - opens for opens, closes in PERIODS)
RECEIPTS_UNTIL = 15 * HOUR
"""What is received later that day counts from the next working day."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SWAPPED = {date(2026, 1, 2): False, date(2026, 1, 10): True}
"""Days that were swapped by a decision which the package `holidays` does not have."""


@lru_cache(maxsize=1 << 16)
def ms(text: str) -> int:
    """Milliseconds of an RFC 3339 time."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


@cache
def works(day: date) -> bool:
    """Whether offices are open on a day."""
    return SWAPPED[day] if day in SWAPPED else _holidays().is_working_day(day)


@cache
def _holidays():  # type: ignore[no-untyped-def]
    import holidays

    return holidays.country_holidays("VN")


def local(at: int) -> tuple[date, int]:
    """The province's day and the ms since its midnight."""
    days, clock = divmod(at + 7 * HOUR, DAY)
    return EPOCH.date() + timedelta(days=days), clock


def midnight(day: date) -> int:
    """When a day begins in the province."""
    return (day - EPOCH.date()).days * DAY - 7 * HOUR


def periods(day: date) -> list[tuple[int, int]]:
    """The office hours of a day, as instants."""
    return [(midnight(day) + opens, midnight(day) + closes) for opens, closes in PERIODS] if works(day) else []


def days(first: date, step: int) -> Iterator[date]:
    """A day and those that follow it, or come before it."""
    while True:
        yield first
        first += timedelta(days=step)


@lru_cache(maxsize=1 << 16)
def worked(since: int, until: int) -> int:
    """What is worked between two instants."""
    total, last = 0, local(until)[0]
    for day in days(local(since)[0], 1):
        if day > last:
            return total
        total += sum(max(0, min(closes, until) - max(opens, since)) for opens, closes in periods(day))
    raise AssertionError


@lru_cache(maxsize=1 << 16)
def later(at: int, work: int) -> int:
    """The instant when so much has been worked since another one."""
    if not work:
        return at
    for day in days(local(at)[0], 1):
        for opens, closes in periods(day):
            begins = max(opens, at)
            if begins < closes:
                if work <= closes - begins:
                    return begins + work
                work -= closes - begins
    raise AssertionError


@lru_cache(maxsize=1 << 16)
def days_before(at: int, count: int) -> int:
    """The instant so many working days before another one."""
    work = count * DAY_OF_WORK
    if not work:
        return at
    for day in days(local(at)[0], -1):
        for opens, closes in reversed(periods(day)):
            ends = min(closes, at)
            if opens < ends:
                if work <= ends - opens:
                    return ends - work
                work -= ends - opens
    raise AssertionError


@lru_cache(maxsize=1 << 16)
def limit(received: int, count: int) -> int:
    """When a time limit of so many working days ends: at the same clock, or with the last of them where all are whole.

    A receipt of the lunch break has the next afternoon's opening for its clock.
    """
    today, clock = local(received)
    opens, closes = PERIODS[0][0], PERIODS[-1][1]
    begun = works(today) and opens < clock <= RECEIPTS_UNTIL
    whole = works(today) and clock <= opens
    for day in days(today if whole else today + timedelta(days=1), 1):
        count -= works(day)
        if not count:
            if PERIODS[0][1] <= clock < PERIODS[1][0]:
                clock = PERIODS[1][0]
            return midnight(day) + (clock if begun else closes)
    raise AssertionError
