"""Paced: the archive through topics of the run and a worker of it, at the pace of reception: the live centre again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.catalog import PROGRESS, REJECTS
from ioc.counting import from_archive
from ioc.embedded.workers import worker_of
from ioc.errors import IocError, UsageError
from ioc.events.exact_lane import Reject
from ioc.events.rejects import pack, refused
from ioc.events.replayed import HOLE, REPLAYED, arrived, carried
from ioc.replaying import new_run
from ioc.replaying import paced as pacing
from ioc.replaying.pace import Pace
from ioc.replaying.paced import Going, Record, in_order, paced, plan
from ioc.settings import Settings
from ioc.store import runs, tables
from ioc.store.runs import REPLAYING, Run, through_topics
from ioc.times import DAY, HOUR, MINUTE, SECOND
from tests import brute
from tests.counting import CATALOG, EVERY, count, everything, more_in_proof, pipeline
from tests.ioc.replaying.test_replay import Centre, elsewhere, whole_log
from tests.logs import START, batch, by_place, random_log, record
from tests.services import wait_until

# ---- a record on its way

RECORDS = st.lists(
    st.builds(
        brute.Record,
        st.just("t"),
        st.just(0),
        st.integers(0, 9),
        st.none() | st.binary(max_size=9),
        st.none() | st.binary(max_size=9),
        st.integers(0, 4_000_000_000_000),
        st.lists(st.tuples(st.sampled_from(("ioc-received", REPLAYED, "x")), st.binary(max_size=5))).map(tuple),
    ),
    min_size=1,
)


@given(RECORDS)
def test_a_record_arrives_as_it_was_whatever_headers_it_had(records: list[brute.Record]) -> None:
    sent = [replace(r, timestamp=7, headers=tuple(carried(r.headers, r.timestamp))) for r in records]
    assert arrived(batch(sent, 0, 10)) == batch(records, 0, 10)


def test_what_stands_for_a_hole_is_left_out() -> None:
    event = brute.Record("t", 0, 1, b"k", b"v", 5, tuple(carried((), 5)))
    hole = replace(event, offset=0, key=None, value=None, headers=tuple(HOLE))
    assert arrived(batch([hole, event])) == batch([replace(event, headers=())], 0, 2)


@pytest.mark.parametrize("headers", [(), (("ioc-received", b"5"),), ((REPLAYED, b"soon"),), ((REPLAYED, b"9" * 30),)])
def test_a_record_that_no_replay_sent_is_no_part_of_a_run(headers: tuple[tuple[str, bytes], ...]) -> None:
    with pytest.raises(IocError, match="someone else wrote"):
        arrived(batch([brute.Record("t", 0, 3, b"k", b"v", 5, headers)]))


# ---- the pace


def test_an_idle_stretch_takes_no_longer_than_it_may() -> None:
    pace = Pace(START, 60, ((START + HOUR, START + 9 * HOUR), (START + 10 * HOUR, START + DAY)), 10)
    assert [pace.seconds(START + at) for at in (-1, 0, HOUR, 9 * HOUR, 10 * HOUR, DAY, DAY + MINUTE)] == [
        0,
        0,
        60,
        70,
        130,
        140,
        141,
    ]
    assert Pace(START).seconds(START + DAY) == 0.0


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30), st.floats(0.01, 1e6), st.floats(0, 100))
def test_records_are_due_in_order_and_never_further_apart_than_they_were(times: list[int], speed: float, longest: float) -> None:
    times = sorted(times)
    gaps = [(a, b) for a, b in pairwise(times) if b - a > longest * speed * SECOND]
    pace = Pace(times[0], speed, tuple(gaps), longest)
    due = [pace.seconds(at) for at in times]
    for (a, b), (x, y) in zip(pairwise(times), pairwise(due), strict=True):
        assert y - x == pytest.approx(min((b - a) / SECOND / speed, longest), abs=1e-6 * max(1, y))


# ---- the order, from a real archive


@pytest.fixture
def centre(store_url: str, broker: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Centre]:
    """A live archive in the store of the session; its runs have topics on the broker of the session."""
    made = Centre(store_url, f"p{random.Random(request.node.name).randrange(1 << 40)}")
    made.settings = made.settings.model_copy(update={"kafka_bootstrap": broker, "data_dir": tmp_path})
    yield made
    for run in made.made:
        new_run.drop(made.settings, CATALOG, run)
    made.close()


def with_holes(log: list[brute.Record], rng: random.Random) -> list[brute.Record]:
    """The same log as transactions or compaction leave it."""
    found = []
    for records in by_place(log).values():
        gone = rng.randrange(1, 5)
        for r in records:
            gone += rng.choice((0, 0, 0, 1, 3))
            found.append(replace(r, offset=r.offset + gone))
    return found


def start(
    centre: Centre, suffix: str, speed: float | None = None, begin: int | None = None, end: int | None = None
) -> list[Going]:
    """Replay through topics; what was told on the way."""
    run = f"{centre.name}-{suffix}".replace("_", "-")
    told: list[Going] = []
    planned = plan(centre.settings, Run(run, through_topics(speed), begin, end, REPLAYING, 0), speed)
    centre.made.append(run)
    paced(centre.settings, CATALOG, planned, told.append)
    return told


@pytest.mark.parametrize("seed", more_in_proof(1, 3))
def test_the_order_is_that_of_reception_and_every_offset_is_kept(
    centre: Centre, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(from_archive, "CHUNK", rng.choice((3, 20_000)))
    log = with_holes(whole_log() if seed == 2 else random_log(rng, 60), rng)
    count(pipeline(centre.store), log, rng, most=60)
    ends = from_archive.held(centre.store)
    found = list(in_order(centre.store, ends))
    assert [r.due for r in found] == sorted(r.due for r in found)
    places: dict[tuple[str, int], list[Record]] = {}
    for r in found:
        places.setdefault(r.place, []).append(r)
    assert all([r.offset for r in records] == list(range(len(records))) for records in places.values())
    sent = {(*r.place, r.offset): (r.key, r.value) for r in found if not r.hole}
    beats = {
        (t, p, o)
        for t, p, o in centre.store.query("SELECT topic, partition, offset FROM events WHERE verdict = 'heartbeat'").rows()
    }
    assert sent.keys() == {(r.topic, r.partition, r.offset) for r in log}
    assert {place: v for place, v in sent.items() if place not in beats} == {
        (r.topic, r.partition, r.offset): (r.key, r.value) for r in log if (r.topic, r.partition, r.offset) not in beats
    }
    for place, records in by_place(log).items():  # an independent clock
        before = [at for _, at in brute.clock(records, False, 600_000)][1:]
        due = [r.due for r in places[place] if not r.hole][:-1]
        assert all(d in (b, pacing.NEVER) for d, b in zip(due, before, strict=True))


def test_the_plan_knows_the_stretches_in_which_nothing_was_received(centre: Centre) -> None:
    log = whole_log()
    count(pipeline(centre.store), log)
    run = Run(f"{centre.name}-plan", "", None, None, REPLAYING, 0)
    found = plan(centre.settings, run, 1_000, longest=15)
    marks = sorted({r.due for r in in_order(centre.store, found.asked.ends)} - {pacing.NEVER})
    assert (found.pace.begin, found.last) == (marks[0], marks[-1])
    assert list(found.pace.idle) == [(a, b) for a, b in pairwise(marks) if b - a > 15_000 * SECOND]
    assert found.seconds == pytest.approx(sum(min(15, (b - a) / 1_000_000) for a, b in pairwise(marks)))
    later = plan(centre.settings, replace(run, begin=marks[0] + MINUTE), 1_000, longest=15)
    assert later.pace.begin == marks[0] + MINUTE
    assert plan(centre.settings, run, None).seconds == 0.0


def test_a_log_with_too_many_holes_is_replayed_directly(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    centre.live([replace(r, offset=r.offset + 1000) for r in whole_log()[:40]], random.Random(1))
    monkeypatch.setattr(pacing, "HOLES", 1000)
    with pytest.raises(UsageError, match="use --direct"):
        start(centre, "many")


# ---- through a broker and a worker


@pytest.mark.slow
def test_a_paced_replay_is_the_live_centre_again_row_by_row(centre: Centre) -> None:
    """A loaded past, records without the header in it, live ones, rejects of the gateway; holes in the offsets."""
    rng = random.Random(11)
    value = pack(refused(Reject("bad_json", "", "no JSON"), b"rubbish", (), START))
    gateway = [record(value, n, START + 50 * DAY + n, topic=REJECTS, partition=0) for n in (5, 6, 9)]
    log = [*with_holes(whole_log(), rng), *elsewhere(), *gateway]
    centre.live(log, rng, topics=EVERY)
    began = time.monotonic()
    told = start(centre, "whole", speed=600_000)
    took = time.monotonic() - began
    assert took > plan(centre.settings, Run("other", "", None, None, REPLAYING, 0), 600_000).seconds > 5
    assert told[-1].left == 0 < told[0].left
    assert told[-1].records == len(log)
    assert everything(centre.run()) == everything(centre.store), "every row, with its offset and what was known when"
    found = centre.diff()
    assert (found.shown, found.differences, found.left_out) == ([], 0, {})
    assert found.steps > 10_000
    assert [(r.source, r.state) for r in runs.runs(centre.store)] == [("archive, x600000", runs.ENDED)]
    with pytest.raises(UsageError, match="is a replay"):
        new_run.open_import(centre.settings, CATALOG, centre.made[-1])
    topics = new_run.drop(centre.settings, CATALOG, centre.made.pop())
    assert {t.split(".", 3)[3] for t in topics} == {t.removeprefix("ioc.") for t in (*CATALOG.topics, REJECTS, PROGRESS)}


@pytest.mark.proof
@pytest.mark.slow
def test_a_part_of_the_time_is_paced_and_what_came_before_goes_first(centre: Centre) -> None:
    log = with_holes(whole_log(), random.Random(3))
    centre.live(log, random.Random(3))
    begin, end = START + 3 * DAY + 7 * MINUTE, START + 6 * DAY + 90 * MINUTE
    told = start(centre, "part", 100_000, begin, end)
    before = [going for going in told if going.at < begin]
    assert before
    assert all(going.left == told[0].left for going in before), "no time passes for what came before"
    assert told[-1].left == 0
    found = centre.diff()
    assert (found.shown, found.differences) == ([], 0)
    low, high = found.ranges["dossiers"]
    assert low == begin
    assert end - 2 * HOUR < high <= end
    with worker_of(centre.settings, centre.made[-1]) as again:
        assert again.poll() is None, "a worker that is started again finds the log it has counted"
    centre.replay("direct", begin, end)
    assert everything(centre.run()) == everything(centre.run(-2)), "the direct replay is the same run"


@pytest.mark.slow
@pytest.mark.parametrize("seed", more_in_proof(0, 2))
def test_a_random_log_makes_no_difference_as_fast_as_it_goes(centre: Centre, seed: int) -> None:
    rng = random.Random(seed + 40)
    centre.live(random_log(rng, 60), rng)
    start(centre, f"r{seed}")
    assert everything(centre.run()) == everything(centre.store)
    assert centre.diff().differences == 0


# ---- broken off


def test_a_replay_that_was_killed_is_known_as_broken_off(centre: Centre) -> None:
    run = Run(f"{centre.name}-gone".replace("_", "-"), through_topics(60), None, None, REPLAYING, 0)
    centre.made.append(run.name)
    tables.migrate(runs.run_store(centre.settings, run.name), CATALOG)
    for seconds, state in ((runs.GONE + 1, runs.BROKEN_OFF), (runs.GONE - 30, REPLAYING)):
        centre.store.command(
            "INSERT INTO runs (name, source, state, created_at) "
            f"VALUES ('{run.name}', '{run.source}', '{REPLAYING}', now64(3) - INTERVAL {seconds} SECOND)"
        )
        assert [r.state for r in runs.runs(centre.store)] == [state]
    with pytest.raises(UsageError, match="is being replayed"):
        new_run.drop(centre.settings, CATALOG, run.name)
    runs.note(centre.settings, replace(run, state=runs.BROKEN_OFF))


def test_a_replay_that_goes_on_is_noted_again_and_again(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(f"{centre.name}-on".replace("_", "-"), through_topics(60), None, None, REPLAYING, 0)
    new_run.create(centre.settings, CATALOG, run)
    centre.made.append(run.name)
    monkeypatch.setattr(runs, "NOTE", 0.05)

    def until_told() -> None:
        with runs.replaying(centre.settings, run):
            notes = "SELECT count() AS n FROM runs WHERE state = 'replaying'"
            wait_until(lambda: centre.store.query(notes)["n"][0] > 3, "it is noted again")
            with pytest.raises(UsageError, match="is being replayed"):
                new_run.drop(centre.settings, CATALOG, run.name)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        until_told()
    assert [r.state for r in runs.runs(centre.store)] == [runs.BROKEN_OFF]


async def test_a_replay_is_broken_off_though_the_client_had_its_answer_at_the_same_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`asyncio.wait_for` of Python 3.11 then gives the answer and drops the cancellation."""
    posted = []

    class Busy:
        def __init__(self, settings: Settings) -> None:
            self.next: dict[object, int] = {}

        async def __aenter__(self) -> Busy:
            return self

        async def __aexit__(self, *_: object) -> None:
            return None

        async def post(self, *record: object) -> None:
            posted.append(record)

        async def push(self) -> None:
            answer = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(lambda: (answer.set_result(None), sending.cancel()))
            await asyncio.wait_for(answer, 5)

        flush = push

    monkeypatch.setattr(pacing, "Sender", Busy)
    plan = SimpleNamespace(run=SimpleNamespace(name="x"), pace=Pace(0, 1.0, (), 10.0), seconds=100.0)
    of = pacing._Sending(Settings(data_dir=tmp_path), plan, SimpleNamespace(poll=lambda: None), lambda _: None)  # type: ignore[arg-type]
    records = [Record(at, (brute.DOSSIER, 0), offset, None, b"", ()) for offset, at in enumerate((0, 500, 1_000))]
    sending = asyncio.create_task(of.send(records))
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert len(posted) == 1, "the second is due later, and is not sent any more"
