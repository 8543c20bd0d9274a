"""Workdays: working time against a count day by day, and no number where the calendar knows none."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

import holidays
import pytest

from ioc.calendar.workdays import DAY_OF_WORK, PROVINCE, Hours, days_off, from_datetime, to_datetime
from ioc.times import HOUR, MINUTE


def at(day: date, clock: int) -> int:
    """An instant (ms) of a day in the province; `clock` in ms."""
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=PROVINCE)) + clock


def test_the_due_time_is_the_nth_working_day_after_the_receipt_at_the_same_clock() -> None:
    calendar, hours, chance = holidays.country_holidays("VN"), Hours(), random.Random(21)
    for _ in range(300):
        day = date(2001, 1, 1) + timedelta(days=chance.randrange(30_000))
        clock = chance.randrange(8 * HOUR, 11 * HOUR)  # before noon: nothing is rolled to the next day
        limit = chance.randrange(1, 60)
        if not calendar.is_working_day(day):
            assert not hours.works((day - date(1970, 1, 1)).days)
            continue
        due = day
        for _ in range(limit):
            due += timedelta(days=1)
            while not calendar.is_working_day(due):
                due += timedelta(days=1)
        assert to_datetime(hours.due(at(day, clock), limit), PROVINCE) == to_datetime(at(due, clock), PROVINCE)


def test_working_time_and_moments_are_each_others_inverse() -> None:
    hours, chance = Hours(), random.Random(7)
    for _ in range(1000):
        w = chance.randrange(24_000 * DAY_OF_WORK // MINUTE) * MINUTE
        assert hours.at(hours.moment(w)) == w


def test_where_the_calendar_knows_no_day_there_is_an_error_instead_of_a_number() -> None:
    hours = Hours()
    for day in (date(1999, 12, 31), date(2100, 1, 1)):
        with pytest.raises(ValueError, match="known from 2000 to 2099"):
            hours.at(at(day, 9 * HOUR))
        with pytest.raises(ValueError, match="known from 2000 to 2099"):
            hours.works((day - date(1970, 1, 1)).days)
    with pytest.raises(ValueError, match="known from 2000 to 2099"):
        hours.due(at(date(2099, 12, 30), 9 * HOUR), 5)
    with pytest.raises(ValueError, match="known from 2000 to 2099"):
        hours.moment(-1)
    with pytest.raises(ValueError, match="at least one working day, not 0"):
        hours.due(at(date(2026, 4, 20), 9 * HOUR), 0)


def test_days_off_are_all_days_that_are_no_working_days() -> None:
    calendar, off = holidays.country_holidays("VN"), days_off()
    assert (off[0], off[-1].year) == (date(2000, 1, 1), 2049)
    found = [date(2000, 1, 1) + timedelta(days=n) for n in range((date(2050, 1, 1) - date(2000, 1, 1)).days)]
    assert list(off) == [day for day in found if not calendar.is_working_day(day)]
