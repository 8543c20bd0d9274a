"""Foresight against brute force: at a hundred instants of a hard log what is read, what is rolled and what is shown agree."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ioc.alerting.alerts import Alerter
from ioc.asking import read
from ioc.asking.evidence import evidence
from ioc.asking.question import scope
from ioc.calendar.looks import shifts
from ioc.catalog import Catalog
from ioc.errors import UsageError
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.times import iso, to_ms
from ioc.vocabulary import Indicator, Needed, TimeToBreach, above
from streams.dossiers import STREAM
from tests import brute, rolled
from tests.brute import DAY, DOSSIER, HOUR, MINUTE, Record
from tests.brute_foresight import DAYS, PERIODS, Foresight, Panes, day_end, looked_back, panes
from tests.counting import more_in_proof, pipeline, poll, real_store
from tests.ioc.alerting import test_judge
from tests.logs import beat, dossier, record

START, LENGTH, PARTITIONS = to_ms("2026-04-13T20:31:00Z"), 28 * DAY, 2
"""A Tuesday morning in the province, hours before the offices open; a long weekend and two holidays lie within."""
OVERDUE = {(): 4, ("agency",): 1, ("procedure",): 0}
BACKLOG = {(): 45, ("agency",): 12, ("procedure",): 20}
NAMES = [
    *(f"dossier.overdue_ahead_{n}" for n in DAYS),
    "dossier.arrivals", "dossier.capacity", "dossier.needed_daily", "dossier.time_to_breach",
    *(f"dossier.{word}_{period}" for period in PERIODS for word in ("to_handle", "carried_over", "late_share")),
]  # fmt: skip
RULE = above(2, hold="2h", clear=1, by=("agency",))


def _declared(one: Indicator) -> Indicator:
    """The same with limits and rules that a small log breaks."""
    if isinstance(one.value, Needed):
        return replace(one, value=replace(one.value, limits=OVERDUE), alert=RULE)
    if isinstance(one.value, TimeToBreach):
        return replace(one, value=replace(one.value, limits=BACKLOG))
    return replace(one, alert=above(3, clear=3, by=("agency",))) if one.name.endswith("ahead_2") else one


CATALOG = Catalog((replace(STREAM, indicators=tuple(map(_declared, STREAM.indicators))),))


@cache
def log() -> list[Record]:
    """Dossiers with due times ahead; most events at once, some late by minutes, hours or days, some doubled, some corrected."""
    rng, made = random.Random(1), []
    for n in range(150):
        at = START + rng.randrange(LENGTH)
        states = ("received", rng.choice(("processing", "supplement")), rng.choice(("completed", "returned", "processing")))
        for i, state in enumerate(states):
            when = at + i * rng.randrange(1, 5 * DAY)
            due = {"due_at": when + rng.choice((-HOUR, HOUR, DAY, 4 * DAY, 9 * DAY, 40 * DAY))} if rng.random() < 0.6 else {}
            if due and rng.random() < 0.3:
                due["due_at"] = (when + 3 * DAY) // DAY * DAY - 7 * HOUR + rng.choice((-1, 0, 1))  # a midnight
            more = {"agency": rng.choice("ABC")} if rng.random() < 0.7 else {}
            more |= {"procedure": rng.choice("PQ")} if rng.random() < 0.4 else {}
            more |= {"replaces": f"e{n}-{i - 1}"} if i and rng.random() < 0.1 else {}
            made.append((dossier(f"D{n}", f"e{n}-{i}", state, when, **due, **more), when + _late(rng)))
            if rng.random() < 0.05:
                made.append((made[-1][0], made[-1][1] + rng.randrange(DAY)))
    records = [record(event, 0, at, PARTITIONS) for event, at in made if at < START + LENGTH]
    for at in range(START, START + LENGTH, 23 * MINUTE):
        records += [record(beat(at), 0, at + p * 20_000, topic=DOSSIER, partition=p) for p in range(PARTITIONS)]
    offsets = dict.fromkeys(range(PARTITIONS), -1)
    found = []
    for one in sorted(records, key=lambda r: r.timestamp):
        offsets[one.partition] += 1
        found.append(replace(one, offset=offsets[one.partition]))
    return found


def _late(rng: random.Random) -> int:
    return rng.choice((0, 0, 0, 0, 30_000, 20 * MINUTE, 5 * HOUR, 3 * DAY))


@cache
def all_panes() -> Panes:
    return panes(brute.truth(log(), PARTITIONS))


def expected(group: Mapping[str, str], at: int, known: int | None) -> dict[str, float | None]:
    return Foresight(all_panes(), group, at, known, OVERDUE, BACKLOG).values()


@pytest.fixture(scope="module")
def store(store_url: str) -> Store:
    """The log came in, cut at random and rolled now and then, by a new roller now and then."""
    rng, found = random.Random(7), real_store(store_url, "foresight", CATALOG)
    made, roller = pipeline(found, PARTITIONS, CATALOG, topics=(DOSSIER,)), Roller(CATALOG, found, found.settings)
    while poll(made, log(), rng, rng.choice((5, 60, 300))):
        if rng.random() < 0.4:
            roller.step()
        if rng.random() < 0.1:
            roller = Roller(CATALOG, found, found.settings)
    roller.step()
    Alerter(CATALOG, found, run=True).step()
    return found


GROUPS = [{}, *({"agency": a} for a in ("A", "B", "C", "?")), *({"procedure": p} for p in ("P", "Q"))]


def near(value: float | None) -> object:
    return value if value is None else pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("seed", more_in_proof(1, 5))
def test_at_a_hundred_past_instants_what_was_known_is_what_brute_force_says(store: Store, seed: int) -> None:
    """Of all and by agency; the latest value says what came of it."""
    rng, something, changed = random.Random(seed), 0, 0
    for turn in range(20):
        at = START + rng.randrange(3 * DAY // MINUTE, (LENGTH + 3 * DAY) // MINUTE) * MINUTE
        at = at if rng.random() < 0.7 else (at + 7 * HOUR) // DAY * DAY - 7 * HOUR  # midnight
        right = {agency: expected({"agency": agency} if agency != "*" else {}, at, at) for agency in "*ABC?"}
        came = expected({}, at, None)
        for name in NAMES:
            known = read.value(store, CATALOG, name, at, known=at, by=["agency"])
            if turn % 3 == 0:
                known += read.value(store, CATALOG, name, at, known=at)
                (latest,) = read.value(store, CATALOG, name, at)
                assert latest.value == near(came[name]), (name, iso(at))
                changed += latest.value != right["*"][name]
            for answer in known:
                assert answer.value == near(right[answer.dims["agency"]][name]), (name, answer.dims, iso(at))
                something += bool(answer.value)
    assert something > 400
    assert changed > 5, "what was foreseen is often not what came"


def test_first_finals_in_the_views_are_what_was_known_at_every_hour(store: Store) -> None:
    span = rolled.finals(log(), PARTITIONS)
    assert span is not None
    rng = random.Random(4)
    hours = range((span[0] // HOUR + 1) * HOUR, span[1] + 1, HOUR)
    for group in GROUPS:
        dims = [group.get(d, "*") for d in STREAM.dimensions]
        at_step, begins = {}, dict[str, int]()
        for name in NAMES:
            frame = store.query(
                f"SELECT toUnixTimestamp64Milli(at) AS step, value, first_value FROM v_{name.replace('.', '_')} "
                f"WHERE dims = {dims} AND until >= at ORDER BY step"
            ).rename({"step": "at"})
            at_step[name] = rolled.held(frame)
            begins[name] = frame["at"].min() if len(frame) else span[1]
        for at in rng.sample(hours, 100):
            right = expected(group, at, at)
            for name in NAMES:
                nothing = None if name == "dossier.time_to_breach" or "late_share" in name else 0.0
                first = at_step[name](at)[1] if at >= begins[name] else nothing
                assert first == near(right[name]), (name, group, iso(at))


def test_a_first_final_is_read_at_every_minute_and_evidence_is_as_much_as_the_number_says(store: Store) -> None:
    at = START + 17 * DAY + 13 * MINUTE
    for name in NAMES:
        (first,) = read.value(store, CATALOG, name, at, first=True)
        assert first.value == near(expected({}, at, at)[name])
    for name in ("dossier.overdue_ahead_3", "dossier.capacity"):
        (number,) = read.value(store, CATALOG, name, at, where={"agency": "A"})
        asked = scope(store, CATALOG, name, at=at, where={"agency": "A"})
        assert sum(found.n for found in evidence(store, CATALOG, store.settings, asked)) == number.n > 0
    with pytest.raises(UsageError, match=r"ask for the evidence of dossier\.overdue$"):
        next(evidence(store, CATALOG, store.settings, scope(store, CATALOG, "dossier.needed_daily", at=at)))
    (none,) = read.value(store, CATALOG, "dossier.needed_daily", at, where={"channel": "?"})
    assert none.value is None
    assert "limits by *, agency, procedure only" in " ".join(none.notes)


def test_alerts_are_judged_from_first_finals_hour_by_hour(store: Store) -> None:
    span = rolled.finals(log(), PARTITIONS)
    assert span is not None
    first = (span[0] // HOUR + 1) * HOUR
    hours, count = range(first, span[1] + 1, HOUR), 0
    right = {agency: [expected({"agency": agency}, at, at) for at in hours] for agency in "ABC?"}
    for name, rule in (("dossier.needed_daily", RULE), ("dossier.overdue_ahead_2", above(3, clear=3, by=("agency",)))):
        frame = store.query(
            f"SELECT dims[1], toUnixTimestamp64Milli(at), transition, value FROM alerts FINAL WHERE rule = '{name}' ORDER BY at"
        )
        scaled = replace(rule, hold=rule.hold // HOUR * test_judge.GRAIN)
        for agency, values in right.items():
            told = test_judge.brute(scaled, [one[name] for one in values])
            transitions = [(first + step * HOUR, to, value) for step, to, value in told]
            assert [row[1:] for row in frame.rows() if row[0] == agency] == transitions, (name, agency)
            count += len(transitions)
    assert count > 10


def test_tiles_show_what_is_read_now(store: Store) -> None:
    for name in NAMES:
        frame = store.query(f"SELECT agency, value FROM v_{name.replace('.', '_')}_now WHERE procedure = '*'")
        shown = dict(frame.rows())
        for answer in (*read.value(store, CATALOG, name), *read.value(store, CATALOG, name, by=["agency"])):
            assert shown[answer.dims["agency"]] == near(answer.value), (name, answer.dims)


@pytest.mark.proof
def test_a_roller_that_goes_on_shows_what_is_read_at_every_turn(store_url: str) -> None:
    """Over midnights and openings, with its ledger; the last days of the log come record by record."""
    rng, found = random.Random(5), real_store(store_url, "foresight_on", CATALOG)
    made, roller = pipeline(found, PARTITIONS, CATALOG, topics=(DOSSIER,)), Roller(CATALOG, found, found.settings)
    early = [r for r in log() if r.timestamp < START + LENGTH - 2 * DAY]
    while poll(made, early, rng, 500):
        pass
    roller.step()
    turns, kept = 0, 0
    while poll(made, log(), rng, 12):
        before = roller._ledgers.get(STREAM.name)
        roller.step()
        turns, kept = turns + 1, kept + (before is not None and roller._ledgers.get(STREAM.name) is before)
        if rng.random() < 0.15:
            test_tiles_show_what_is_read_now(found)
    assert turns > 20
    assert kept > turns // 2


def test_the_end_of_a_coming_day_is_told_to_the_millisecond() -> None:
    rng = random.Random(6)
    for _ in range(300):
        at = START + rng.randrange(LENGTH)
        at = at if rng.random() < 0.5 else (at + 7 * HOUR) // DAY * DAY - 7 * HOUR + rng.choice((-1, 0, 1))
        for n in DAYS:
            (one,) = shifts(ahead=n)
            assert one.back(at) == day_end(at, n), (iso(at), n)
    for _ in range(40):
        at = START + 11 * DAY + rng.randrange((LENGTH - 11 * DAY) // MINUTE) * MINUTE
        assert shifts(last=75)[1].back(at) == looked_back(at), iso(at)


def test_a_shift_there_and_back_say_the_same_at_every_edge() -> None:
    """`to(a) < T` exactly where `a < back(T)`, also before the calendar begins and after it ends."""
    rng = random.Random(8)
    edges = [
        to_ms(f"{y}-01-01T00:00:00Z") + rng.randrange(-40 * DAY, 40 * DAY)
        for y in (1990, 2000, 2026, 2100, 2150)
        for _ in range(30)
    ]
    edges += [day * DAY + clock * MINUTE - 7 * HOUR + ms for day in range(20_570, 20_584)
              for clock in (0, 450, 690, 810, 1020) for ms in (-1, 0, 1)]  # fmt: skip
    moved = [one for n in (1, 3, 10) for one in shifts(ahead=n)] + [*shifts(last=75), *shifts(last=3)]
    moved += [one for period in PERIODS for one in shifts(this=period)]
    for shift in moved:
        to = shift.to(np.array(edges, np.int64)).tolist()
        for at in rng.sample(edges, 60):
            back = shift.back(at)
            assert [t < at for t in to] == [a < back for a in edges], iso(at)
