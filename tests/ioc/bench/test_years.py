"""Three years: at any instant of a long past, panes and rolled rows are what a brute force says."""

from __future__ import annotations

import json
import os
import random
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from ioc.bench import years
from ioc.bench.events import dossiers
from ioc.errors import UsageError
from ioc.province.dossiers import LIFE
from ioc.province.model import Province
from ioc.rolling.reached import rolled
from ioc.rolling.roll import Roller
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.times import DAY
from tests import brute, brute_feeds, brutes
from tests.brute import DOSSIER, RAN, Record, partition_of
from tests.brutes import Row
from tests.counting import CATALOG, panes, pipeline, poll, real_store
from tests.logs import beat, record
from tests.rolled import finals
from tests.services import running_store
from tests.years import Sums, instants, judge_reader, judge_rolled
from tests.years_looks import judge_looks

PARTITIONS = 2
END = brute.ms("2026-06-01T00:00:00+07:00")
LENGTH = 3 * 365 * DAY
DOSSIERS = CATALOG.stream_of("dossier.backlog")
RADIO = CATALOG.stream_of("ran.rsrp")
FEEDS = CATALOG.stream_of("feed.received")
OTHERS = tuple(stream for stream in CATALOG.streams if brutes.of(stream.name))
"""Streams whose brute force tells entity by entity (`tests.brutes`)."""
OF = {stream.topic: stream for stream in (RADIO, DOSSIERS, *OTHERS)}


def loaded(count: int, opened: int) -> list[Record]:
    """Three years of dossiers as a past that was loaded: each with its own reception, some late and some doubled."""
    step, offsets = LENGTH // count, Counter[int]()
    log: list[Record] = []

    def put(made: Record) -> None:
        log.append(
            Record(made.topic, made.partition, offsets[made.partition], made.key, made.value, made.timestamp, made.headers)
        )
        offsets[made.partition] += 1

    def beats(at: int) -> None:
        for partition in range(PARTITIONS):
            put(record(beat(at), 0, END, partition=partition, headers=received(at)))

    def received(at: int) -> tuple[tuple[str, bytes], ...]:
        return (("ioc-received", b"%d" % at),)

    beats(END - count * step)
    for i, (key, value) in enumerate(dossiers(count, END, opened, seed=3, step=step)):
        at = END - (count - i) * step
        put(record(value, 0, END, key=key, partition=partition_of(key, PARTITIONS), headers=received(at)))
    beats(END)
    return log


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.proof
@pytest.mark.parametrize(("count", "opened"), [(1_000, 20), (60_000, 500)])
def test_three_years_of_dossiers_are_what_a_brute_force_says(store_url: str, count: int, opened: int) -> None:
    log, rng = loaded(count, opened), random.Random(count)
    store = real_store(store_url, f"years_{count}")
    made, roller = pipeline(store, PARTITIONS, topics=(DOSSIER,)), Roller(CATALOG, store, Settings(clickhouse_url=store_url))
    while poll(made, log, rng, count // 10):
        if rng.random() < 0.2:
            roller.step()
    roller.step()

    truth = brute.truth(log, PARTITIONS)
    assert Counter(v for v, _ in truth.verdicts.values())["duplicate"] > 0
    assert panes(store) == truth.panes
    own = DOSSIERS.widths
    rows = [(i, d, at, known, m) for (i, d, at, known, *_), (_, m) in truth.panes.items() if i in own]
    sums = Sums(DOSSIERS.dimensions, rows)
    span = finals(log, PARTITIONS)
    assert span is not None
    assert rolled(store, CATALOG.generations[DOSSIERS.name]) == span[1]
    asked = instants(*span, seed=count)
    assert judge_reader(store, CATALOG, DOSSIERS, sums, asked, seed=1) > 1_000
    assert judge_rolled(store, DOSSIERS, sums, asked, span[1]) > 10_000
    assert judge_looks(store, CATALOG, DOSSIERS, sums, asked, seed=2) > 10_000
    lost = next(row for row in rows if row[0] == "dossier.received")
    less = Sums(DOSSIERS.dimensions, (row for row in rows if row is not lost))
    with pytest.raises(AssertionError, match="received"):
        judge_rolled(store, DOSSIERS, less, asked, span[1])


@pytest.mark.proof
def test_the_store_that_the_benchmark_keeps_is_what_a_brute_force_says() -> None:
    folder = Path(os.environ.get("IOC_TEST_YEARS") or years.default_folder())
    years.make(folder, CATALOG, print)
    province = years.province_of(Settings(data_dir=folder))
    judge_kept(folder, province)


@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_a_year_of_the_demo_is_what_a_brute_force_says_and_what_was_foreseen_what_was_known(tmp_path: Path) -> None:
    folder, days = Path(os.environ.get("IOC_TEST_YEAR") or tmp_path / "year"), (365 * DAY, DAY)
    years.make(folder, CATALOG, print, *days)
    judge_kept(folder, years.province_of(Settings(data_dir=folder), *days))


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_a_kept_store_is_made_once_and_is_what_a_brute_force_says(tmp_path: Path) -> None:
    folder, said = tmp_path / "kept", list[str]()
    days = (4 * DAY, DAY)
    assert not years.is_kept(folder, CATALOG, *days)
    years.make(folder, CATALOG, said.append, *days)
    assert years.is_kept(folder, CATALOG, *days), said
    assert not years.is_kept(folder, CATALOG), "it is no store of three years"
    before = len(said)
    years.make(folder, CATALOG, said.append, *days)
    assert len(said) == before, "it is there"
    judge_kept(folder, years.province_of(Settings(data_dir=folder), *days))


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    for taken in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(UsageError, match="holds something else"):
            years.make(taken, CATALOG, print)
    assert (tmp_path / "thesis.txt").exists()


def judge_kept(folder: Path, province: Province) -> None:
    """Reader and rows of a kept store at 100 instants of each stream; what came after its past counts in none of them."""
    sums, begins = sums_of(province)
    with running_store(folder) as url:
        store = Store(Settings(clickhouse_url=url))
        for stream in (DOSSIERS, RADIO, FEEDS, *OTHERS):
            until = province.anchor - stream.delay - stream.grain  # the last steps are final only after the past
            asked = instants(begins[stream.name] + stream.delay + 2 * stream.grain, until, seed=7)
            assert judge_reader(store, CATALOG, stream, sums[stream.name], asked, seed=2) > 100
            assert judge_rolled(store, stream, sums[stream.name], asked, until) > 1_000
            if any(indicator.looks for indicator in stream.indicators):
                assert judge_looks(store, CATALOG, stream, sums[stream.name], asked, seed=3) > 100


def sums_of(province: Province) -> tuple[dict[str, Sums], dict[str, int]]:
    """The contributions of its past by stream, each known when its event came, and when that begins. Of the feeds all of it."""
    sums = {s.name: Sums(s.dimensions) for s in (DOSSIERS, RADIO, FEEDS, *OTHERS)}
    begins, feeds = dict[str, int](), dict[Any, tuple[int, ...]]()
    with get_context("spawn").Pool() as pool:
        lives = _lives(province, sums, begins, feeds)
        while some := list(islice(lives, 4_096)):
            for stream, rows in pool.imap_unordered(told_by_event, some, 64):
                sums[stream].add(rows)
    sums[FEEDS.name].add((*key, measures) for key, measures in feeds.items())
    return sums, begins | {FEEDS.name: min(begins.values())}


def _lives(
    province: Province, sums: Mapping[str, Sums], begins: dict[str, int], feeds: dict[Any, tuple[int, ...]]
) -> Iterator[tuple[str, list[bytes], int]]:
    """The events of each entity with its stream and when that begins, of a dossier once it is over; radio is added up at once."""
    latest, waiting = 0, OrderedDict[bytes, tuple[int, list[bytes]]]()  # a dict is slow to lose its first
    others: dict[tuple[str, bytes], list[bytes]] = {}
    for event in province.history():
        assert latest <= event.due_ms, "all came in order: it was known when it happened"
        assert event.time_ms == event.due_ms or event.due_ms <= province.start, "but for what there was before"
        latest = event.due_ms
        told = json.loads(event.value)
        hour = latest // brute.HOUR * brute.HOUR
        for (indicator, dims, at), measures in brute_feeds.rows(
            told["source"], latest, "accepted", brute.ms(told["time"])
        ).items():
            key = (indicator, dims, at, hour)
            feeds[key] = brute.plus(feeds.get(key), measures)
        begins.setdefault(OF[event.topic].name, latest)
        if event.topic == RAN:
            sums[RADIO.name].add(brutes.panes(brute.radio(told), latest, brute.LEVELS))
            continue
        if event.topic != DOSSIER:
            others.setdefault((OF[event.topic].name, event.key), []).append(event.value)
            continue
        waiting.setdefault(event.key, (latest, []))[1].append(event.value)
        key, (began, values) = next(iter(waiting.items()))
        if began < latest - LIFE - DAY:  # it is over
            yield DOSSIERS.name, values, 0
            del waiting[key]
    yield from ((DOSSIERS.name, values, 0) for _, values in waiting.values())
    yield from ((stream, values, begins[stream]) for (stream, _), values in others.items())


def told_by_event(entity: tuple[str, Sequence[bytes], int]) -> tuple[str, list[Row]]:
    """What each event of an entity adds to what those before it said."""
    stream, values, since = entity
    if stream != DOSSIERS.name:
        return stream, brutes.told(stream, values, since)
    history, said, found = list[brute.Event](), brute.Rows(), list[Row]()
    for value in values:
        history.append(json.loads(value))
        before, said = said, brute.contributions(history)
        found += brutes.panes(brute.minus(said, before), brute.ms(history[-1]["time"]), brute.LEVELS)
    return stream, found
