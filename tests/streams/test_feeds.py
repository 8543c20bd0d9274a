"""Feeds: each record counts for its source when it is received, statements are reconciled, silence is judged by what is usual."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.asking import read
from ioc.asking.evidence import evidence
from ioc.asking.feeds import feeds, gaps
from ioc.asking.question import scope
from ioc.calendar.looks import reach, shifts
from ioc.calendar.workdays import calendar
from ioc.catalog import Catalog
from ioc.counting.samples import fault
from ioc.errors import DeclarationError, UsageError
from ioc.events import rejects
from ioc.events.exact_lane import Reject
from ioc.events.rejects import pack, refused
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.times import to_ms
from ioc.values import Silent
from ioc.vocabulary import Look
from streams.feeds import DAYS, FEW, REJECTS, STREAM, WEEKS
from tests import brute, brute_feeds, rolled
from tests.brute import DAY, DOSSIER, HOUR, MINUTE, RAN, Record, partition_of
from tests.brute_feeds import of_day, silence
from tests.counting import CATALOG, count, panes, pipeline, poll, real_store, verdicts
from tests.fake import FakeStore
from tests.logs import START, beat, dossier, ran, random_log, record, text

FEED = "ioc.events.feed"
ALL_TOPICS = STREAM.topics
MONDAY = to_ms("2026-03-22T17:00:00Z")
"""A midnight in the province, before a Monday; 27 April (Giỗ Tổ), 30 April and 1 May are holidays."""
HOLIDAYS = {date(2026, 4, 27), date(2026, 4, 30), date(2026, 5, 1)}


def stated(source: str, identity: str, at: int, until: int, events: int) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": identity, "source": source, "type": "vn.ioc.feed.stated.v1", "time": text(at),
        "data": {"feed": source, "until": text(until), "events": events},
    }  # fmt: skip


def numbered(log: Sequence[Record]) -> list[Record]:
    """The records with the offsets that the broker would give them."""
    ends: dict[tuple[str, int], int] = {}
    found = []
    for r in log:
        offset = ends.get((r.topic, r.partition), 0)
        ends[r.topic, r.partition] = offset + 1
        found.append(Record(r.topic, r.partition, offset, r.key, r.value, r.timestamp, r.headers))
    return found


# ---- what each record says


def test_what_each_record_says_of_its_source() -> None:
    unknown = dossier("D", "u", "received", START, source="/a", colour="red")
    log = numbered([
        record(dossier("D", "e1", "received", START, source="/a"), 0, START + 2_000),
        record(dossier("D", "e1", "received", START, source="/a"), 0, START + 3_000),
        record(unknown, 0, START + HOUR),
        record(b"rubbish", 0, START + HOUR),
        record(dossier("D", "e2", "processing", START + 1, source="*"), 0, START + 2 * HOUR),
        record(ran("c1", "r1", START, source="/b"), 0, START + DAY),
        record(beat(START), 0, START + DAY, topic=DOSSIER),
    ])  # fmt: skip
    store = FakeStore()
    count(pipeline(store, 1), log)
    own = {(k[0], k[1], k[2]): m for k, (_, m) in panes(store).items() if k[0].startswith("feed.")}
    judged = [
        ("/a", log[0], "accepted", START), ("/a", log[1], "duplicate", None), ("/a", log[2], "rejected", None),
        ("?", log[3], "rejected", None), ("?", log[4], "accepted", START + 1), ("/b", log[5], "accepted", START),
    ]  # fmt: skip
    right = brute_feeds.summed([brute_feeds.rows(s, r.timestamp, v, t, r is log[2]) for s, r, v, t in judged])
    assert own == right
    assert own["feed.clean", ("/a",), START // HOUR * HOUR] == (1, 2, 2)
    assert own["feed.clean", ("/a",), START // HOUR * HOUR + HOUR] == (1, 1, 1), "a field that the contract does not have"


def test_what_the_gateway_refused_counts_for_the_source_it_claims_and_heartbeats_move_its_topic() -> None:
    reject = refused(Reject("bad_json", "", "no"), json.dumps({"source": "/a", "id": "1"}).encode(), (), START)
    log = numbered([
        Record(REJECTS, 0, 0, b"/a", pack(reject), START + MINUTE),
        Record(REJECTS, 0, 0, None, json.dumps(beat(START)).encode(), START + 2 * MINUTE),
        Record(REJECTS, 0, 0, None, b"somebody else's", START + 3 * MINUTE),
    ])  # fmt: skip
    store = FakeStore()
    made = pipeline(store, 1, topics=ALL_TOPICS)
    count(made, log)
    assert list(verdicts(store).values()) == [("rejected", "bad_json"), ("heartbeat", ""), ("rejected", "bad_json")]
    assert {k[1]: m for k, (_, m) in panes(store).items() if k[0] == "feed.correct"} == {("/a",): (1, 1, 1), ("?",): (1, 1, 1)}
    assert made.checkpoints[REJECTS, 0].clock.live == 1


def test_a_statement_adds_up_and_a_repeat_is_a_duplicate() -> None:
    key = b"/a"
    events = [
        stated("/a", "s1", START + DAY, START + DAY - 7 * HOUR, 10),
        stated("/a", "s1", START + DAY, START + DAY - 7 * HOUR, 10),
        stated("/a", "s2", START + 2 * DAY, START + DAY - 7 * HOUR, -1),
    ]
    log = numbered([Record(FEED, partition_of(key, 2), 0, key, json.dumps(e).encode(), START + 3 * DAY) for e in events])
    store = FakeStore()
    count(pipeline(store, 2, topics=ALL_TOPICS), log)
    assert [v for v, _ in verdicts(store).values()] == ["accepted", "duplicate", "accepted"]
    sums = {k[2]: m for k, (_, m) in panes(store).items() if k[0] == "feed.complete" and m[1]}
    assert sums == {of_day(START + DAY - 7 * HOUR - 1): (0, 9, 0)}
    twice = replace(STREAM, records=lambda frame: STREAM.columns(frame.select("_i", feed="source", until="time", events="_time")))  # type: ignore[misc]
    with pytest.raises(DeclarationError, match=r"feed.complete: columns and records both count"):
        count(pipeline(FakeStore(), 2, Catalog((twice,)), ALL_TOPICS), log)


def element_beats(n: int, at: int) -> bytes:
    """A heartbeat of a network element, as the collector hands it on: no stream counts its type."""
    data = {"element": "gnb", "domain": "heartbeat", "name": "Heartbeat_gNB", "interval_s": 300, "body": "{}"}
    head = {"specversion": "1.0", "id": f"beat-{n}/0", "source": "/ves/gnb", "type": "vn.ioc.ran.notified.v1"}
    return json.dumps({**head, "time": text(at), "data": data}).encode()


def test_what_no_stream_counts_is_archived_and_counted_by_its_source_and_an_element_that_stops_beating_is_silent(
    store_url: str,
) -> None:
    made, end = real_store(store_url, "feeds_elements"), MONDAY + 8 * DAY
    times = range(MONDAY, end, 5 * MINUTE)
    log = [Record(RAN, 0, 0, b"gnb", element_beats(n, at), at) for n, at in enumerate(times)]
    moves = [*range(MONDAY, end, 12 * HOUR), *range(end, end + 4 * HOUR, HOUR)]
    beats = [Record(t, 0, 0, None, json.dumps(beat(at)).encode(), at) for t in ALL_TOPICS for at in moves]
    count(pipeline(made, 1, topics=ALL_TOPICS), numbered(sorted([*log, *beats], key=lambda r: r.timestamp)))
    kept = made.query("SELECT verdict, count() AS n FROM events WHERE source = '/ves/gnb' GROUP BY verdict").rows()
    assert kept == [("accepted", len(times))]
    Roller(SILENCE, made, made.settings).step()
    held = rolled.held(rows(made, "feed.silent", "level", "/ves/gnb"))
    assert [held(end + hours * HOUR)[0] for hours in (0, 1, 2)] == [0, 12, 12], "twelve beats an hour are usual"


# ---- values


@pytest.fixture(scope="module")
def store(store_url: str) -> Store:
    """A log that is hard on purpose, of three sources, with what they state of it; rolled."""
    made = real_store(store_url, "feeds")
    roller, more, rng = Roller(rolled.only(*STREAM.widths), made, made.settings), True, random.Random(2)
    counting = pipeline(made, 2, topics=ALL_TOPICS)
    while more:
        more = poll(counting, log(), rng, 60)
        roller.turn()
    roller.step()
    return made


@cache
def log() -> list[Record]:
    own = random_log(random.Random(4), 160)
    end = max(r.timestamp for r in own) + 2 * DAY
    quiet = [topic for topic in ALL_TOPICS if topic not in (DOSSIER, RAN)]
    beats = [Record(t, p, 0, None, json.dumps(beat(at)).encode(), at)
             for at, topics in ((START, quiet), (end, ALL_TOPICS)) for t in topics for p in range(2)]  # fmt: skip
    said = [stated("/s", f"s{n}", START + n * DAY + DAY, until, 7) for n, until in enumerate(ENDS)]
    told = [Record(FEED, partition_of(b"/s", 2), 0, b"/s", json.dumps(e).encode(), end - HOUR) for e in said]
    return numbered([*beats[: 2 * len(quiet)], *own, *told, *beats[2 * len(quiet) :]])


ENDS = [START + n * DAY + 17 * HOUR for n in range(12)]
"""Midnights in the province."""


@cache
def counted(name: str) -> list[tuple[str, int, tuple[int, ...]]]:
    """What brute force says that an indicator counts: source, `at` and measures."""
    truth = brute.truth([r for r in log() if r.topic in (DOSSIER, RAN)], 2)
    rows = [(dims[0], at, m) for (i, dims, at, *_), (_, m) in truth.panes.items() if i == name]
    if name == "feed.complete":
        return rows + [("/s", of_day(end - 1), (0, 7, 0)) for end in ENDS]
    for r in log():  # a statement is a record of its source, too
        if r.topic == FEED and b"stated" in (r.value or b""):
            added = brute_feeds.rows("/s", r.timestamp, "accepted", brute.ms(json.loads(r.value or b"")["time"]))
            rows += [("/s", at, measures) for (indicator, _, at), measures in added.items() if indicator == name]
    return rows


def summed(name: str, source: str | None, since: int, until: int) -> tuple[int, ...]:
    rows = [m for own, at, m in counted(name) if since <= at < until and source in (None, own)]
    return tuple(map(sum, zip(*rows, strict=True)))


def value_of(name: str, sums: tuple[int, ...]) -> float | None:
    """What is shown of these sums. Of the delay its quantiles are judged where histograms are."""
    if name == "feed.received":
        return sums[0]
    part, whole, _ = sums
    if not whole:
        return None
    return 100 * part / whole if name == "feed.complete" else 100 * (1 - part / whole)


@pytest.mark.parametrize("source", [None, "/s", "/other", "/r", "?"])
def test_values_and_rolled_rows_are_what_brute_force_says(store: Store, source: str | None) -> None:
    now = read.now(store)
    assert now is not None
    asked, compared = {"source": source} if source else {}, 0
    for at in range(START + 12 * DAY + HOUR, now, 11 * HOUR):
        for indicator in (i for i in STREAM.indicators if not i.looks):
            name, window = indicator.name, "7d" if indicator.name == "feed.complete" else "1d"
            (answer,) = read.value(store, CATALOG, name, at, window, asked)
            sums = summed(name, source, at - (7 * DAY if window == "7d" else DAY), at)
            if not sums:
                assert answer.n == 0
                continue
            compared += 1
            assert answer.n == {1: sums[0], 3: sums[-1]}.get(len(sums), sum(sums)), (name, at)
            if name != "feed.delay":
                assert answer.value == pytest.approx(value_of(name, sums)), (name, at)
    assert compared > 8
    held = rolled.held(rows(store, "feed.received", "1d", source or "*"))
    for at in range(now // HOUR * HOUR - 10 * DAY, now, 5 * HOUR):
        assert (held(at)[0] or 0) == sum(summed("feed.received", source, at - DAY, at)), at


def rows(store: Store, name: str, window: str, source: str) -> pl.DataFrame:
    return store.query(
        f"SELECT toUnixTimestamp64Milli(at) AS step, value AS v, first_value FROM v_{name.replace('.', '_')} "
        f"WHERE window = '{window}' AND source = '{source}' ORDER BY step"
    ).rename({"step": "at"})


@pytest.mark.parametrize("name", ["feed.received", "feed.correct", "feed.clean", "feed.complete"])
def test_behind_a_number_stand_as_many_records_as_it_says(store: Store, name: str) -> None:
    """Also where an earlier generation of another stream has kept the same rejects."""
    store.command("INSERT INTO rejects SELECT * REPLACE ('older' AS generation) FROM rejects WHERE generation != 'older'")
    for where in ({}, {"source": "/s"}, {"agency": "?"}):
        asked = scope(
            store, CATALOG, name, window="7d" if name == "feed.complete" else "1d", where=where, at=to_ms(text(START + 13 * DAY))
        )
        found = list(evidence(store, CATALOG, store.settings, asked))
        (answer,) = read.answers(store, asked)
        assert sum(f.n for f in found) == answer.n
        assert len({(f.topic, f.partition, f.offsets) for f in found}) == len(found)


# ---- silence


def mean(rng: random.Random, at: int, working: bool) -> int:
    """How many come in an hour: a portal's by day on working days, few else."""
    hour = (at + 7 * HOUR) // HOUR % 24
    return rng.randrange(6, 20) if working and 8 <= hour < 17 else rng.choice((0, 0, 1))


def coming(seed: int, weeks: int = 6) -> list[int]:
    """When records of a portal come that is dead for two days and a half at the end."""
    rng, found = random.Random(seed), []
    for hour in range(weeks * 7 * 24 - 60):
        at = MONDAY + hour * HOUR
        day = date(1970, 1, 1) + timedelta(days=(at + 7 * HOUR) // DAY)
        working = day.weekday() < 5 and day not in HOLIDAYS
        found += [at + rng.randrange(HOUR) for _ in range(mean(rng, at, working))]
    return sorted(found)


def one(n: int, at: int) -> bytes:
    return json.dumps(dossier(f"D{n}", "e", "received", at, source="/p")).encode()


def test_silence_is_what_brute_force_says_at_every_hour(store_url: str) -> None:
    came, name = coming(1), "feeds_silence"
    made = real_store(store_url, name)
    end = came[-1] + 60 * HOUR
    log = [Record(DOSSIER, 0, 0, f"D{n}".encode(), b"rubbish" if n % 2 else one(n, at), at) for n, at in enumerate(came)]
    beats = [Record(t, 0, 0, None, json.dumps(beat(at)).encode(), at) for t in ALL_TOPICS for at in range(MONDAY, end, 3 * HOUR)]
    whole = numbered(sorted([*log, *beats], key=lambda r: r.timestamp))
    counting, roller, rng, more = (
        pipeline(made, 1, topics=ALL_TOPICS),
        Roller(SILENCE, made, made.settings),
        random.Random(3),
        True,
    )
    while more:
        more = poll(counting, whole, rng, 400)
        if rng.random() < 0.3:
            roller.step()
    roller.step()
    by = {"/p": [at for n, at in enumerate(came) if not n % 2], "?": [at for n, at in enumerate(came) if n % 2]}
    by["*"] = came
    told = 0
    for hours, indicator in ((1, "feed.silent"), (24, "feed.silent_day")):
        for source, times in by.items():
            held = rolled.held(rows(made, indicator, "level", source))
            for at in range(MONDAY + 5 * 7 * DAY, end // HOUR * HOUR - HOUR, HOUR):
                right = silence(times, at, hours, HOLIDAYS.__contains__)
                assert held(at) == (right, right), (indicator, source, at)
                told += right > 0
    assert told > 20
    (answer,) = read.value(made, CATALOG, "feed.silent", came[-1] // HOUR * HOUR + 26 * HOUR, where={"source": "/p"})
    assert answer.value == silence(by["/p"], came[-1] // HOUR * HOUR + 26 * HOUR, 1, HOLIDAYS.__contains__)


SILENCE = rolled.only("feed.received", "feed.silent", "feed.silent_day")


@given(st.integers(0, 60 * 24), st.sampled_from((1, 5, 24)), st.sampled_from((0, 1, 7, 28)), st.booleans(), st.integers(-1, 1))
def test_a_look_at_hours_counts_what_lies_in_them_and_nothing_on_a_holiday(
    after: int, hours: int, days: int, workday: bool, beside: int
) -> None:
    """Both ways of a shift, at every edge, over weeks with holidays beside each other."""
    at = MONDAY + 3 * 7 * DAY + after * HOUR
    since, until = reach(at, hours=hours, days=days, workday=workday)
    today = date(1970, 1, 1) + timedelta(days=(at - 1 + 7 * HOUR) // DAY)
    off = workday and today in HOLIDAYS
    assert (since >= until) if off else (since, until) == (at - days * DAY - hours * HOUR, at - days * DAY)
    plus, minus = shifts(0, 0, "", hours, days, workday)
    for edge in (since, until, at - days * DAY, at - days * DAY - HOUR):
        one = np.array([edge + beside], np.int64)
        counts = int(plus.to(one)[0]) < at, int(minus.to(one)[0]) < at
        assert counts == (bool(one[0] < plus.back(at)), bool(one[0] < minus.back(at)))
        assert counts[0] - counts[1] == (since <= one[0] < until)


def test_the_days_that_are_taken_for_holidays_are_those_of_the_calendar() -> None:
    known = calendar()
    closed = {date(1970, 1, 1) + timedelta(days=d) for d in range(MONDAY // DAY, MONDAY // DAY + 60) if not known.works(d)}
    assert {d for d in closed if d.weekday() < 5} == HOLIDAYS


def test_unusual_is_the_lowest_day_or_the_second_lowest_week() -> None:
    value = Silent(DAYS, WEEKS)
    sums = np.array([
        [0, 5, 6, 7, 8, 9, 9, 9, 0, 0, 0, 0],
        [0, 0, 6, 7, 8, 9, 9, 9, 0, 8, 9, 9],
        [1, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9],
    ])  # fmt: skip
    assert value.bounds(sums)[0].tolist() == [5, 8, 0, 0]


@pytest.mark.parametrize(
    "wrong", [{"hours": 25}, {"days": 1}, {"hours": 1, "days": -1}, {"workday": True}, {"hours": 1, "last": 1}]
)
def test_a_look_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="hours"):
        Look("feed.received", **wrong)


def test_a_catalog_gives_a_topics_own_stream_before_the_one_that_counts_records() -> None:
    assert [s.name for s in CATALOG.of_topic(DOSSIER)] == ["dossiers", "feeds"]
    assert [s.name for s in CATALOG.of_topic(RAN)] == ["alarms", "ran", "feeds"]
    assert CATALOG.keeper(DOSSIER) == CATALOG.generations["dossiers"]
    assert CATALOG.keeper(REJECTS) == REJECTS == rejects.TOPIC
    assert Catalog((STREAM,)).keeper(DOSSIER) == DOSSIER


def by_chance(above: int) -> float:
    """The highest probability, over all rates, that an hour is silent by chance beside a past that is usual above a number."""
    worst = 0.0
    for rate in (n / 10 for n in range(1, 400)):
        more = 1 - sum(math.exp(-rate) * rate**k / math.factorial(k) for k in range(above + 1))
        weeks = 4 * more**3 * (1 - more) + more**4
        worst = max(worst, math.exp(-rate) * (more**7 + weeks))
    return worst


def test_chance_alone_is_hardly_ever_called_silence() -> None:
    assert by_chance(FEW) < 1 / 30_000
    assert by_chance(4) > 1 / (24 * 15)
    assert {i.alert.threshold for i in STREAM.indicators if i.alert} == {FEW}


# ---- what a person asks


def test_numbers_that_never_came_are_named_and_so_is_a_source_that_does_not_number_its_events(store_url: str) -> None:
    made = real_store(store_url, "feeds_gaps")
    counting, numbers = pipeline(made, 1, topics=(DOSSIER,)), [9, 1, 2, 4, 5, 12, 4]
    events = [
        dossier(f"D{n}", f"e{n}", "received", START + n * DAY, source="/a", sequence=f"00{s}") for n, s in enumerate(numbers)
    ]
    events += [
        dossier("E", "none", "received", START, source="/a"),
        dossier("F", "other", "received", START, source="/b", sequence="7"),
    ]
    events.append(dossier("G", "bad", "no state", START, source="/a", sequence="3"))
    count(counting, numbered([record(e, 0, START + 20 * DAY) for e in events]))
    found = gaps(made, "/a", None, None, 10)
    assert (found.first, found.last, found.came, found.shared, found.lost) == (1, 12, 6, 1, 6)
    assert [(first, last) for first, last, _ in found.missing] == [(3, 3), (6, 8), (10, 11)]
    assert [at for *_, at in found.missing] == [START + 3 * DAY, START, START + 5 * DAY]
    assert [m[:2] for m in gaps(made, "/a", None, None, 1).missing] == [(3, 3)]
    assert gaps(made, "/a", START + DAY, START + 4 * DAY, 10).missing == [(3, 3, START + 3 * DAY)]
    assert gaps(made, "/b", None, None, 10).lost == 0
    assert gaps(made, "/c", None, None, 10).first is None


def test_a_list_of_feeds_says_what_each_value_says(store: Store) -> None:
    at = START + 13 * DAY
    every = {row["source"]: row for row in feeds(store, CATALOG, at)}
    rows = {source: row for source, row in every.items() if len(row) > 5}
    assert rows.keys() == {"/s", "/other", "/r", "?"}
    never = every["/portal/thanhhoa"]
    assert (never["feed.received"], never["name"]) == (0, "Cổng dịch vụ công tỉnh Thanh Hóa")
    with pytest.raises(UsageError, match="is to come: what is counted ends at"):
        feeds(store, CATALOG, to_ms("2099-01-01T00:00:00Z"))
    for source, row in rows.items():
        assert row["contact"] == row["agency"] == "?"
        for name in ("feed.received", "feed.clean", "feed.silent"):
            (answer,) = read.value(store, CATALOG, name, at, None if name == "feed.silent" else "1d", {"source": source})
            assert (row.get(name) or 0) == (answer.value or 0)


@pytest.mark.parametrize(
    ("records", "says"),
    [
        (lambda frame: {"feed.received": frame.select("_i", "source", at="_time")}, "no column 'count'"),
        (lambda frame: {"feed.received": frame.select("_i", "source", at="time", count="_i")}, "'at' has no value"),
    ],
)
def test_what_counts_records_is_tried_before_anything_is_counted(records: Any, says: str) -> None:
    assert fault(STREAM) is None
    assert says in (fault(replace(STREAM, records=records)) or "")
