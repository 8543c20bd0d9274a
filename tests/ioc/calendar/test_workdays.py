"""Workdays: working time at every edge, by hand and against a count minute by minute; scalars and arrays say the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.calendar.workdays import WorkCalendar, calendar, days_off, file
from ioc.calendar.workfile import read
from ioc.times import DAY, HOUR, MINUTE, OFFSET
from tests.brute_worktime import works
from tests.ioc.calendar.worked import WEEK, Worked, local_of, ms_of

FORCE = calendar()
SPLIT = ["07:30-11:30", "13:30-17:00"]
"""Usual office hours."""


def made(text: str) -> WorkCalendar:
    rules, faults = read(text)
    assert rules is not None, faults
    return WorkCalendar(rules)


def at(text: str) -> int:
    """An instant (ms) by its local time: `2026-02-13 16:30`, seconds and fractions where they matter."""
    return ms_of(datetime.fromisoformat(text))


def said(ms: int) -> str:
    return local_of(ms).isoformat(" ", "auto").removesuffix(":00")


# ---- by hand

HOURS = [
    # (from, to, worked)
    ("2026-11-30 07:30", "2026-11-30 11:30", 4 * HOUR),  # a Monday morning
    ("2026-11-30 07:30", "2026-11-30 11:29:59.999", 4 * HOUR - 1),
    ("2026-11-30 11:30", "2026-11-30 13:30", 0),  # lunch
    ("2026-11-30 11:29:59.999", "2026-11-30 13:30:00.001", 2),
    ("2026-11-30 13:30", "2026-11-30 17:00", 3 * HOUR + 30 * MINUTE),
    ("2026-11-30 16:59:59.999", "2026-12-01 07:30:00.001", 2),
    ("2026-11-29 23:59:59.999", "2026-11-30 07:30", 0),  # a Sunday night
    ("2026-11-29 22:00", "2026-11-30 08:00", 30 * MINUTE),
    ("2026-11-27 16:00", "2026-11-29 22:00", HOUR),  # a Friday afternoon to a Sunday night
    ("2026-02-13 16:00", "2026-02-23 08:30", 2 * HOUR),  # Tết: the week of 16 to 20 February is off
    ("2026-02-14 09:00", "2026-02-22 23:00", 0),
    ("2026-08-21 16:00", "2026-08-22 08:30", 2 * HOUR),  # 22 August 2026: a Saturday worked instead of Monday 31
    ("2026-08-22 00:00", "2026-08-23 00:00", 7 * HOUR + 30 * MINUTE),
    ("2026-08-28 17:00", "2026-09-03 07:30", 0),  # 29 to 2 September: weekend, swapped day, National Day
    ("2026-11-30 09:00", "2026-11-27 16:00", -150 * MINUTE),  # backwards is negative
]


@pytest.mark.parametrize(("begin", "end", "worked"), HOURS)
def test_what_is_worked_between_two_instants(begin: str, end: str, worked: int) -> None:
    assert FORCE.between(at(begin), at(end)) == worked
    assert FORCE.between(at(end), at(begin)) == -worked


ADDED = [
    # (from, working time, the instant)
    ("2026-11-30 07:30", 4 * HOUR, "2026-11-30 11:30"),  # a closing, never the next opening
    ("2026-11-30 07:30", 4 * HOUR + 1, "2026-11-30 13:30:00.001"),
    ("2026-11-30 09:00", 6 * HOUR, "2026-11-30 17:00"),
    ("2026-11-30 17:00", MINUTE, "2026-12-01 07:31"),
    ("2026-11-29 22:00", 30 * MINUTE, "2026-11-30 08:00"),  # a Sunday night
    ("2026-11-29 22:00", 0, "2026-11-29 22:00"),
    ("2026-02-13 16:30", 12 * HOUR, "2026-02-24 11:30"),  # over Tết
    ("2026-08-21 17:00", 7 * HOUR + 30 * MINUTE, "2026-08-22 17:00"),  # the swapped Saturday is worked
    ("2026-11-30 11:30", -4 * HOUR, "2026-11-30 07:30"),
    ("2026-11-30 13:30", -MINUTE, "2026-11-30 11:29"),
    ("2026-11-30 07:30", -7 * HOUR - 30 * MINUTE, "2026-11-27 07:30"),  # backwards it is an opening
    ("2026-02-23 07:30", -1, "2026-02-13 16:59:59.999"),
]


@pytest.mark.parametrize(("begin", "work", "there"), ADDED)
def test_working_time_added_to_an_instant(begin: str, work: int, there: str) -> None:
    assert FORCE.add(at(begin), work) == at(there)


DAYS = [
    # (from, working days, the instant)
    ("2026-11-30 09:00", 1, "2026-12-01 09:00"),
    ("2026-11-27 09:00", 1, "2026-11-30 09:00"),
    ("2026-02-13 10:15", 1, "2026-02-23 10:15"),  # Tết
    ("2026-08-21 10:15", 1, "2026-08-22 10:15"),  # the swapped Saturday
    ("2026-08-28 10:15", 1, "2026-09-03 10:15"),
    ("2026-11-30 07:30", 1, "2026-11-30 17:00"),  # a whole day ends with its closing
    ("2026-11-29 23:00", 1, "2026-11-30 17:00"),
    ("2026-11-30 17:00", 1, "2026-12-01 17:00"),
    ("2026-11-30 12:00", 1, "2026-12-01 13:30"),
    ("2026-11-30 09:00", -1, "2026-11-27 09:00"),
    ("2026-11-30 07:30", -1, "2026-11-27 07:30"),
    ("2026-11-30 17:00", -3, "2026-11-26 07:30"),
    ("2026-11-29 23:00", 0, "2026-11-29 23:00"),
]


@pytest.mark.parametrize(("begin", "days", "there"), DAYS)
def test_working_days_added_to_an_instant(begin: str, days: int, there: str) -> None:
    assert FORCE.add_days(at(begin), days) == at(there)


DUE = [
    # (received, time limit, due): receipts after 15:00 count from the next working day
    ("2026-11-27 15:00", 5, "2026-12-04 15:00"),
    ("2026-11-27 15:00:00.001", 5, "2026-12-04 17:00"),
    ("2026-11-27 15:01", 5, "2026-12-04 17:00"),  # a Friday
    ("2026-11-27 16:59", 5, "2026-12-04 17:00"),
    ("2026-11-29 20:00", 5, "2026-12-04 17:00"),
    ("2026-11-30 07:30", 5, "2026-12-04 17:00"),
    ("2026-11-30 07:31", 5, "2026-12-07 07:31"),
    ("2026-02-13 15:01", 5, "2026-02-27 17:00"),  # over Tết
    ("2026-08-21 16:00", 1, "2026-08-22 17:00"),
]


@pytest.mark.parametrize(("received", "days", "due"), DUE)
def test_when_a_dossier_is_due(received: str, days: int, due: str) -> None:
    assert FORCE.due(at(received), days) == at(due)
    assert FORCE.due_work(at(received), days) == FORCE.at(at(due))


def test_between_two_days_a_moment_is_an_opening_and_a_deadline_a_closing() -> None:
    monday = FORCE.at(at("2026-11-30 07:30"))
    assert FORCE.at(at("2026-11-27 17:00")) == FORCE.at(at("2026-11-29 20:00")) == monday
    assert FORCE.moment(monday) == at("2026-11-30 07:30")
    assert FORCE.deadline(monday) == at("2026-11-27 17:00")
    assert FORCE.moment(monday + 4 * HOUR) == FORCE.deadline(monday + 4 * HOUR) == at("2026-11-30 13:30")


def test_coming_working_days_run_from_midnight_to_midnight() -> None:
    friday = at("2026-02-13 23:59")
    assert FORCE.day_after(friday, 1) == (at("2026-02-23 00:00"), at("2026-02-24 00:00"))
    assert FORCE.day_after(friday, 2) == (at("2026-02-24 00:00"), at("2026-02-25 00:00"))
    assert FORCE.day_after(at("2026-08-21 00:00"), 1)[0] == at("2026-08-22 00:00")
    assert FORCE.day_after(at("2026-08-29 12:00"), 1)[0] == at("2026-09-03 00:00")
    with pytest.raises(ValueError, match="counted from 1, not from 0"):
        FORCE.day_after(friday, 0)


HALF = f"""
version = "t"
source = ["t"]
from = 2026-06-01
to = 2026-07-31
published_to = 2026-07-31
[[hours]]
from = 2026-06-01
mon-fri = {SPLIT}
sat = ["07:30-11:30"]
receipts_until = "15:00"
[[hours]]
from = 2026-07-01
mon-fri = ["07:00-11:30", "13:30-17:00"]
[open]
2026-06-19 = {{ hours = ["07:30-11:30"], name = ["Nửa ngày", "Half a day"] }}
""".replace("'", '"')


def test_hours_may_differ_by_weekday_day_and_date() -> None:
    found = made(HALF)
    assert found.between(at("2026-06-06 00:00"), at("2026-06-07 00:00")) == 4 * HOUR, "a Saturday morning"
    assert found.add_days(at("2026-06-05 16:00"), 1) == at("2026-06-06 11:30"), "a Saturday ends at 11:30"
    assert found.add_days(at("2026-06-18 16:00"), 1) == at("2026-06-19 11:30"), "half a day before"
    assert found.add_days(at("2026-06-08 16:00"), -1) == at("2026-06-06 11:30"), "backwards, too, it stays on its day"
    assert found.between(at("2026-06-30 00:00"), at("2026-07-02 00:00")) == 15 * HOUR + 30 * MINUTE, "another summer"
    assert not found.works((date(2026, 7, 4) - date(1970, 1, 1)).days)
    assert found.due(at("2026-06-05 15:30"), 1) == at("2026-06-06 11:30"), "after 15:00, until the closing of the next day"
    assert found.due(at("2026-07-01 16:00"), 1) == at("2026-07-02 16:00"), "no such rule any more"


def test_what_is_received_over_lunch_is_received_after_a_time_that_lies_before_or_in_it() -> None:
    found = made(HALF.replace('"15:00"', '"11:30"'))
    assert found.due(at("2026-06-08 11:29"), 1) == at("2026-06-09 11:29")
    assert found.due(at("2026-06-08 11:30"), 1) == at("2026-06-09 13:30"), "at the very time it is in time"
    for clock in ("11:31", "13:29", "13:30", "14:00"):
        assert found.due(at(f"2026-06-08 {clock}"), 1) == at("2026-06-09 17:00"), clock
    found = made(HALF.replace('"15:00"', '"12:00"'))
    assert found.due(at("2026-06-08 12:00"), 1) == at("2026-06-09 13:30")
    assert found.due(at("2026-06-08 12:01"), 1) == at("2026-06-09 17:00")


# ---- where nothing is known


def test_where_the_calendar_knows_no_day_there_is_an_error_instead_of_a_number() -> None:
    known = "known from 2000-01-01 to 2049-12-31"
    asks: list[Callable[[], object]] = [
        *(lambda ms=ms: FORCE.at(ms) for ms in (at("2000-01-01 00:00") - 1, at("2050-01-01 00:00"), 10**16, -(10**16))),
        lambda: FORCE.works((date(2050, 1, 1) - date(1970, 1, 1)).days),
        lambda: FORCE.due(at("2049-12-30 09:00"), 5),
        lambda: FORCE.add(at("2049-12-31 09:00"), 8 * HOUR),
        lambda: FORCE.add(at("2000-01-04 09:00"), -2 * HOUR),
        lambda: FORCE.add_days(at("2049-12-31 09:00"), 1),
        lambda: FORCE.add_days(at("2000-01-04 09:00"), -1),
        lambda: FORCE.day_after(at("2049-12-31 09:00"), 1),
        lambda: FORCE.moment(-1),
        lambda: FORCE.moment(FORCE.before[-1]),
        lambda: FORCE.deadline(0),
        lambda: FORCE.deadline(FORCE.before[-1] + 1),
        lambda: FORCE.many.at(np.array([at("2026-01-01 00:00"), at("2050-01-01 00:00")])),
        lambda: FORCE.many.moment(-1),
        lambda: FORCE.many.add_days(at("2049-12-31 09:00"), 1),
    ]
    for ask in asks:
        with pytest.raises(ValueError, match=known):
            ask()
    assert FORCE.deadline(FORCE.before[-1]) == at("2049-12-31 17:00")
    assert FORCE.add(at("2049-12-31 09:00"), 6 * HOUR) == at("2049-12-31 17:00")
    with pytest.raises(ValueError, match="at least one working day, not 0"):
        FORCE.due(at("2026-04-20 09:00"), 0)


# ---- against a count minute by minute


@st.composite
def files(draw: st.DrawFn) -> str:
    """A calendar of a few weeks with several kinds of hours, days off and swapped days."""
    begin = date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 400)))
    days = [begin + timedelta(days=n) for n in range(draw(st.integers(8, 24)))]
    shape = st.sampled_from([SPLIT, ["07:00-11:30"], ["08:00-12:00", "13:00-17:00", "18:00-18:30"], ["00:00-23:59"]])
    lines = ['version = "t"', 'source = ["t"]', f"from = {days[0]}", f"to = {days[-1]}", f"published_to = {days[-1]}"]
    starts = [days[0], *draw(st.lists(st.sampled_from(days[1:]), max_size=2, unique=True).map(sorted))]
    shapes = {}
    for start in starts:
        cut = draw(st.integers(1, 5))
        hours = {"mon" if cut == 1 else f"mon-{WEEK[cut - 1]}": draw(shape), WEEK[cut]: draw(shape)}
        shapes[start] = {n: h for n, h in enumerate([hours[next(iter(hours))]] * cut + [hours[WEEK[cut]]])}
        lines += ["[[hours]]", f"from = {start}", *(f"{key} = {value}" for key, value in hours.items())]
        lunch = ['receipts_until = "12:30"'] if any(len(periods) > 1 for periods in hours.values()) else []
        lines += draw(st.sampled_from([[], ['receipts_until = "11:00"'], lunch]))

    def usual(day: date, weekday: int) -> list[str]:
        return shapes[max(start for start in starts if start <= day)].get(weekday, [])

    closed = draw(st.lists(st.sampled_from(days), max_size=6, unique=True))
    name = '["vi", "en"]'
    opened: list[str] = []
    swapped: set[date] = set()
    for day in draw(st.lists(st.sampled_from(days), max_size=3, unique=True)):
        instead = [off for off in closed if off not in swapped and usual(day, off.weekday())]
        if day in closed:
            continue
        if not usual(day, day.weekday()) and instead:
            swapped.add(instead[0])
            opened.append(f"{day} = {{ instead_of = {instead[0]}, name = {name} }}")
        else:
            opened.append(f"{day} = {{ hours = {draw(shape)}, name = {name} }}")
    text = [*lines, "[open]", *opened, "[closed]", *(f"{day} = {name}" for day in closed)]
    return "\n".join(text).replace("'", '"') + "\n"


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, list[int], list[int], list[int]]:
    """A file, instants in it (minutes from its begin), working minutes and working days to add."""
    text = draw(files())
    span = len(Worked(text).days) * 24 * 60
    edges = [d * 1440 + c for d in range(span // 1440) for c in (0, 449, 450, 690, 691, 810, 900, 901, 1019, 1020, 1021)]
    times = st.lists(st.one_of(st.sampled_from(edges), st.integers(0, span - 1)), min_size=6, max_size=6)
    return (
        text,
        draw(times),
        draw(st.lists(st.sampled_from([0, 1, -1, 240, 210, 450, -450, 1000, -700]), min_size=6, max_size=6)),
        draw(st.lists(st.integers(-4, 6), min_size=6, max_size=6)),
    )


def or_none(ask: Callable[[], int]) -> int | None:
    try:
        return ask()
    except ValueError:
        return None


@given(questions())
def test_every_number_is_that_of_a_count_minute_by_minute(asked: tuple[str, list[int], list[int], list[int]]) -> None:
    text, times, minutes, days = asked
    truth = Worked(text)
    if not truth.minutes:
        assert read(text)[0] is None, "a calendar on which nobody works is refused"
        return
    found = made(text)
    begin = datetime.combine(truth.days[0], datetime.min.time())
    assert [found.works((day - date(1970, 1, 1)).days) for day in truth.days] == [bool(truth.of_day[day]) for day in truth.days]
    for minute, work, n in zip(times, minutes, days, strict=True):
        start = begin + timedelta(minutes=minute)
        ms, other = ms_of(start), ms_of(begin + timedelta(minutes=times[0]))
        assert found.at(ms) == truth.between(begin, start) * MINUTE
        assert found.between(ms, other) == truth.between(start, begin + timedelta(minutes=times[0])) * MINUTE
        for known, wanted in (
            (or_none(lambda ms=ms, work=work: found.add(ms, work * MINUTE)), truth.add(start, work)),
            (or_none(lambda ms=ms, n=n: found.add_days(ms, n)), truth.add_days(start, n)),
            (or_none(lambda ms=ms, n=n: found.due(ms, n)), truth.due(start, n) if n > 0 else None),
        ):
            assert known == (None if wanted is None else ms_of(wanted)), (said(ms), work, n)
        coming = [day for day in truth.working_days if day > start.date()]
        bounds = or_none(lambda ms=ms: found.day_after(ms, 2)[0])
        assert bounds == (ms_of(datetime.combine(coming[1], datetime.min.time())) if len(coming) > 1 else None)


@given(files(), st.integers(0, 2**32))
def test_arrays_say_what_scalars_say(text: str, luck: int) -> None:
    if not Worked(text).minutes:
        return
    agree(made(text), random.Random(luck), 60)


def test_arrays_say_what_scalars_say_of_the_calendar_in_force() -> None:
    agree(FORCE, random.Random(5), 3000)


def agree(found: WorkCalendar, chance: random.Random, count: int) -> None:
    """Scalars and arrays, at instants of a ms and at edges."""
    begin, end = found.first * DAY - OFFSET, (found.rules.last + 1) * DAY - OFFSET
    edges = [begin, end - 1]
    for _ in range(count):
        day = chance.randrange(found.first, found.rules.last + 1)
        for clock in [edge for period in found.hours(day) for edge in period]:
            edges += [day * DAY - OFFSET + clock + d for d in (-1, 0, 1)]
    times = [ms for ms in edges if begin <= ms < end] + [chance.randrange(begin, end) for _ in range(count)]
    works = [chance.choice([0, 1, -1, chance.randrange(-40 * HOUR, 40 * HOUR)]) for _ in times]
    days = [chance.randrange(-6, 7) for _ in times]
    many = found.many
    assert many.at(np.array(times)).tolist() == [found.at(ms) for ms in times]
    assert many.between(np.array(times), times[0]).tolist() == [found.between(ms, times[0]) for ms in times]
    goals = [w for w in (found.at(ms) for ms in times) if 0 < w < found.before[-1]]
    assert many.moment(np.array(goals)).tolist() == [found.moment(w) for w in goals]
    assert many.deadline(np.array(goals)).tolist() == [found.deadline(w) for w in goals]
    for scalar, array, more in ((found.add, many.add, works), (found.add_days, many.add_days, days)):
        asked = [(ms, n, there) for ms, n in zip(times, more, strict=True) if (there := told(scalar, ms, n)) is not None]
        if asked:
            ms, n, there = map(list, zip(*asked, strict=True))
            assert array(np.array(ms), np.array(n)).tolist() == there
        for ms_, n_ in zip(times[:40], more, strict=False):
            assert or_none(lambda ms=ms_, n=n_, f=array: int(f(ms, n))) == told(scalar, ms_, n_)


def told(scalar: Callable[[int, int], int], ms: int, n: int) -> int | None:
    return or_none(lambda: scalar(ms, n))


# ---- the file in force


@cache
def text_in_force() -> str:
    return file().read_text(encoding="utf-8")


def test_the_calendar_in_force_has_the_days_that_were_published() -> None:
    """`holidays` seeded the file; a decision that it does not have stands in the brute force, too."""
    for n in range((date(2026, 12, 31) - date(2000, 1, 1)).days + 1):
        day = date(2000, 1, 1) + timedelta(days=n)
        assert FORCE.works((day - date(1970, 1, 1)).days) == works(day), day


def test_days_off_are_all_days_on_which_nobody_works() -> None:
    truth = Worked(text_in_force())
    assert list(days_off()) == [day for day in truth.days if not truth.of_day[day]]
    assert (days_off()[0], days_off()[-1]) == (date(2000, 1, 1), date(2049, 12, 26))
