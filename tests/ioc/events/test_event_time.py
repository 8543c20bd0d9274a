"""Event time: late, very late, tied, absurd, on another clock or at midnight; first finals and latest are those of the events."""

from __future__ import annotations

import random
from typing import Any

import polars as pl

from ioc.asking import read
from ioc.rolling.roll import Roller
from tests import brute
from tests.brute import DAY, DOSSIER, HOUR, MINUTE, Record, ms
from tests.counting import CATALOG, count, panes, pipeline, poll, real_store, verdicts
from tests.fake import FakeStore
from tests.logs import beat, dossier, record
from tests.rolled import RECEIVED, judge, only, roll, rows

NOW = ms("2026-03-30T01:00:00Z")
"""A Monday morning; the week, the month and the quarter end within two days."""


class Log:
    """A live log of dossiers in two partitions, in the order of reception."""

    def __init__(self, partitions: int = 2, every: int | None = 5 * MINUTE, until: int = NOW + 2 * DAY) -> None:
        self.partitions, self.rows = partitions, []
        for p in range(partitions) if every else ():
            self.rows += [(at, beat(at), {"partition": p, "key": b"", "topic": DOSSIER}) for at in range(NOW, until, every)]

    def put(self, name: str, at: int | str, received: int, **more: Any) -> None:
        """A dossier received by the office `at`, and by the log at `received`."""
        event = dossier(name, "a", "received", ms(at) if isinstance(at, str) else at)
        self.rows.append((received, event | {"time": at} if isinstance(at, str) else event, more))

    def records(self) -> list[Record]:
        """The records."""
        log, offsets = [], [0] * self.partitions
        for received, event, more in sorted(self.rows, key=lambda row: row[0]):
            made = record(event, 0, received, self.partitions, **more)
            log.append(Record(made.topic, made.partition, offsets[made.partition], made.key, made.value, received, made.headers))
            offsets[made.partition] += 1
        return log


def test_late_and_very_late_events_restate_every_step_of_five_weeks(store_url: str) -> None:
    rng, log = random.Random(1), Log(every=12 * HOUR, until=NOW + 60 * DAY)
    for i in range(90):
        received = NOW + rng.randrange(MINUTE, 60 * DAY)
        late = rng.choice((0, 0, 20_000, 3 * HOUR, 2 * DAY, 20 * DAY, 34 * DAY, 50 * DAY, 400 * DAY))
        log.put(f"D{i}", received - late, received)
    store = roll(store_url, "time_late", log.records(), 1)
    assert judge(store, log.records(), windows=("7d", "month", "quarter", "year")) > 1_000


def test_an_event_older_than_what_is_restated_shows_in_all_steps_that_are(store_url: str) -> None:
    """Nothing else happens for weeks: what readers carry forward from before the five weeks must not hide it."""
    log = Log(every=12 * HOUR, until=NOW + 50 * DAY + 2 * HOUR)
    log.put("A", NOW, NOW)
    log.put("B", NOW - DAY, NOW + 50 * DAY)
    store = roll(store_url, "time_horizon", log.records(), 1)
    assert judge(store, log.records(), windows=("quarter", "year")) > 700


def test_a_roller_that_takes_over_in_a_quiet_hour_takes_no_first_final_away(store_url: str) -> None:
    """It shows the open step anew; when the step ends as the one before, its row must say so."""
    log = Log(until=NOW + 2 * HOUR + 10 * MINUTE)
    log.put("A", NOW + MINUTE, NOW + MINUTE)
    store = real_store(store_url, "time_quiet")
    made = pipeline(store, 2, topics=(DOSSIER,))
    while poll(made, log.records(), random.Random(1), 4):
        Roller(only("dossier.backlog", RECEIVED), store, store.settings).step()
    Roller(only("dossier.backlog", RECEIVED), store, store.settings).step()
    judge(store, log.records())
    level = rows(store, "level", "dossier.backlog").filter(pl.col("at") <= NOW + 2 * HOUR)
    assert level["first_value"].to_list() == [0.0 if at <= NOW + MINUTE else 1.0 for at in level["at"]]


def test_ties_fall_on_the_right_side_of_every_step(store_url: str) -> None:
    log = Log()
    for i in range(40):
        at = NOW + i % 4 * 5 * MINUTE - i % 3
        log.put(f"D{i}", at, max(at, NOW + 20 * MINUTE))
    store = roll(store_url, "time_ties", log.records(), 1)
    assert judge(store, log.records(), windows=("1h", "1d", "day")) > 0


def test_an_idle_partition_holds_the_finals_back_and_heartbeats_alone_move_them_on(store_url: str) -> None:
    log = Log(until=NOW + 3 * HOUR)
    for i in range(30):
        log.put(f"D{i}", NOW + i * MINUTE, NOW + i * MINUTE)
    last = NOW + HOUR
    log.rows = [row for row in log.rows if row[0] <= last or row[2].get("partition") != 1]
    silent = roll(store_url, "time_idle", log.records(), 1)
    judge(silent, log.records())
    assert rows(silent, "1h").filter(pl.col("first_value").is_not_null())["at"].max() <= last
    log.rows += [(last + i * HOUR, beat(last + i * HOUR), {"partition": 1, "key": b"", "topic": DOSSIER}) for i in range(1, 3)]
    moved = roll(store_url, "time_moved", log.records(), 1)
    judge(moved, log.records())
    hours = rows(moved, "1h").filter(pl.col("first_value").is_not_null())
    assert (hours["at"].max(), hours["first_value"][-1]) == (NOW + 90 * MINUTE, 0), "an hour after the last event there is none"


def test_heartbeats_only_are_no_numbers(store_url: str) -> None:
    log = Log(until=NOW + 5 * HOUR)
    store = roll(store_url, "time_beats", log.records(), 1)
    assert judge(store, log.records()) == 0
    assert panes(store) == {}
    assert {verdict for verdict, _ in verdicts(store).values()} == {"heartbeat"}


def test_absurd_times_and_a_fast_clock_are_refused_or_early_and_move_nothing(store_url: str) -> None:
    log, when = Log(until=NOW + 5 * HOUR), NOW + HOUR
    absurd = (
        "1948-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "2090-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    )
    for i, at in enumerate((*absurd, when + 10 * MINUTE + 1, when + 59 * MINUTE)):
        log.put(f"X{i}", at, when)
    log.put("fast", when + 10 * MINUTE, when)  # as far ahead as a centre lets a clock be
    for i in range(30):
        log.put(f"D{i}", when + i * 10_000, when + i * 10_000)
    store = roll(store_url, "time_absurd", log.records(), 1)
    reasons = sorted(reason for verdict, reason in verdicts(store).values() if verdict == "rejected")
    assert reasons == ["too_new"] * 4 + ["too_old"] * 3
    assert judge(store, log.records()) == 0, "nobody's step was closed before its time"
    assert sum(m[0] for key, (_, m) in panes(store).items() if key[0] == RECEIVED) == 31


def test_the_provinces_midnight_ends_days_weeks_months_quarters_and_years(store_url: str) -> None:
    for name, midnight in (
        ("quarter", "2026-03-31T17:00:00Z"),
        ("year", "2026-12-31T17:00:00Z"),
        ("week", "2026-04-05T17:00:00Z"),
    ):
        log = Log(every=None)
        for p in range(2):
            beats = range(ms(midnight) - 4 * HOUR, ms(midnight) + 4 * HOUR, 30 * MINUTE)
            log.rows += [(at, beat(at), {"partition": p, "key": b"", "topic": DOSSIER}) for at in beats]
        for i, after in enumerate((-3 * HOUR, -1, 0, 1, HOUR - 1, HOUR, -1, 0)):
            at = ms(midnight) + after
            log.put(f"D{i}", at, at + (2 * HOUR if i > 5 else 0))
        store = roll(store_url, f"time_midnight_{name}", log.records(), 1)
        assert judge(store, log.records()) > 0
        ends = rows(store, "day").filter(pl.col("at") == ms(midnight))
        assert ends["value"].to_list() == [3], "the last millisecond of a day is in it, the first of the next is not"


def test_daylight_saving_offsets_are_the_instants_they_name() -> None:
    """Rome, 29 March 2026: 01:59:59+01:00 is followed by 03:00:00+02:00; 25 October: 02:30 comes twice, an hour apart."""
    pairs = (
        ("2026-03-29T01:59:59.999+01:00", "2026-03-29T00:59:59.999Z"),
        ("2026-03-29T03:00:00+02:00", "2026-03-29T01:00:00Z"),
        ("2025-10-26T02:30:00+02:00", "2025-10-26T00:30:00Z"),
        ("2025-10-26T02:30:00+01:00", "2025-10-26T01:30:00Z"),
        ("2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00Z"),  # no clock on a wall showed it; it is an instant all the same
    )
    found = []
    for number in range(2):
        log, store = Log(1, every=None), FakeStore()
        for i, pair in enumerate(pairs):
            log.put(f"D{i}", pair[number], NOW)
        count(pipeline(store, 1, topics=(DOSSIER,)), log.records())
        assert panes(store) == brute.truth(log.records(), 1).panes
        found.append(panes(store))
    assert found[0] == found[1]
    assert {key[2] for key in found[0] if key[0] == "dossier.backlog"} == {ms(utc) for _, utc in pairs}


def test_an_old_log_into_a_live_centre_has_no_first_finals_and_the_right_latest_values(store_url: str) -> None:
    log, rng = Log(until=NOW + 6 * HOUR), random.Random(3)
    past = [ms("2012-05-01T00:00:00Z") + rng.randrange(30 * DAY) for _ in range(40)] + [
        NOW - rng.randrange(DAY) for _ in range(40)
    ]
    for i, at in enumerate(past):
        log.put(f"D{i}", at, NOW + 2 * HOUR + i, headers=(("ioc-received", str(at).encode()),))
    store = roll(store_url, "time_old", log.records(), 1)
    assert judge(store, log.records()) > 0
    before = rows(store, "1d").filter(pl.col("at") < NOW + 2 * HOUR)
    began = min(r.timestamp for r in log.records())
    assert set(before.filter(pl.col("at") > began)["first_value"]) <= {0}, "late by definition"
    assert set(before.filter(pl.col("at") < began - MINUTE)["first_value"]) == {None}, "before the first reception there is none"
    assert before["value"].max() > 0  # type: ignore[operator]
    for at in (ms("2012-05-08T00:00:00Z"), ms("2012-06-01T00:00:00Z"), NOW):
        (answer,) = read.value(store, CATALOG, RECEIVED, at, "7d")
        assert answer.value == sum(at - 7 * DAY <= t // MINUTE * MINUTE < at for t in past)
        (first,) = read.value(store, CATALOG, RECEIVED, at, "7d", first=True)
        assert first.value == (0 if at == NOW else None), "a step before the first reception has none"
