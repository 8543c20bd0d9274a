"""Replay: the archive counted again is the live centre again, and the diff finds whatever is not."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ioc.catalog import REJECTS, Catalog
from ioc.counting import from_archive
from ioc.counting.pipeline import MEASURE, Pipeline
from ioc.errors import UsageError
from ioc.events.batch import Batch
from ioc.events.exact_lane import Reject
from ioc.events.rejects import pack, refused
from ioc.replaying import new_run
from ioc.replaying import replay as replaying
from ioc.replaying.diff import Compared, diff
from ioc.replaying.replay import Replayed, replay
from ioc.rolling.roll import Roller
from ioc.store import runs, state, tables
from ioc.store.clickhouse import Store, StoreError
from ioc.store.runs import DIRECT, IMPORT, REPLAYING, Run, run_names
from ioc.store.state import Checkpoint
from ioc.times import DAY, HOUR, MINUTE, iso
from ioc.vocabulary import Contribution
from streams import dossiers
from tests import brute_receipt
from tests.brute import DOSSIER, RAN, Record
from tests.counting import CATALOG, EVERY, TOPICS, everything, more_in_proof, pipeline, poll, real_store
from tests.logs import START, beat, by_place, dossier, ran, random_log, record
from tests.receipt import batches
from tests.receipt import count as count_receipt


class Centre:
    """A live database with a log in it, and its runs, all of which go at the end."""

    def __init__(self, url: str, name: str) -> None:
        self.store = real_store(url, f"replay_{name}")
        self.settings = self.store.settings.model_copy(update={"clickhouse_database": self.store.database})
        self.made: list[str] = []
        self.name = name

    def live(self, log: list[Record], rng: random.Random, partitions: int = 2, topics: Sequence[str] = TOPICS) -> None:
        """Count a log as a worker does: cut at random, the roller now and then, another one later."""
        made = pipeline(self.store, partitions, topics=topics)
        roller = Roller(CATALOG, self.store, self.settings)
        while poll(made, log, rng, most=max(15, len(log) // 15)):
            if rng.random() < 0.15:
                roller.step()
            if rng.random() < 0.05:
                roller = Roller(CATALOG, self.store, self.settings)
        roller.step()

    def replay(
        self, suffix: str = "run", begin: int | None = None, end: int | None = None, catalog: Catalog = CATALOG
    ) -> Replayed:
        """Replay into a run of this centre."""
        run = f"{self.name}-{suffix}".replace("_", "-")
        self.made.append(run)
        return replay(self.settings, catalog, Run(run, DIRECT, begin, end, REPLAYING, 0), lambda fed, known: None)

    def diff(self, left: str = "live", right: str | None = None, catalog: Catalog = CATALOG) -> Compared:
        """The diff with the run made last."""
        return diff(self.settings, catalog, left, right or self.made[-1])

    def run(self, number: int = -1) -> Store:
        """The database of the run made last, or of another one."""
        return Store(self.settings, run_names(self.made[number])[0])

    def close(self) -> None:
        for run in self.made:
            self.store.command(f"DROP DATABASE IF EXISTS {run_names(run)[0]}")


@pytest.fixture
def centre(store_url: str, request: pytest.FixtureRequest) -> Iterator[Centre]:
    name = f"t{random.Random(request.node.name).randrange(1 << 40)}"
    made = Centre(store_url, name)
    yield made
    made.close()


# ---- a log with everything in it

NOW = START + 40 * DAY
PARTS = 2


def whole_log() -> list[Record]:
    """A loaded past (headers; and a record without one, received long after), the first live heartbeats, then live records:
    late, doubled, refused, corrected, with clocks ahead, and refused by the gateway."""
    rng = random.Random(5)
    log: list[Record] = []
    offsets: dict[tuple[str, int], int] = {}

    def put(made: Record, received: int, past: bool) -> None:
        place = (made.topic, made.partition)
        headers = (("ioc-received", b"%d" % received),) if past else ()
        at = NOW - HOUR if past else received
        offsets[place] = offsets.get(place, 0) + 1
        log.append(replace(made, offset=offsets[place] - 1, timestamp=at, headers=headers))

    def beats(at: int, past: bool = False) -> None:
        for topic in TOPICS:
            for number in range(PARTS):
                put(record(beat(at), 0, at, topic=topic, partition=number), at, past)

    def some(day: int, past: bool) -> None:
        begin = START + day * DAY if past else NOW + day * HOUR
        for number in range(12):
            at = begin + number * 17 * MINUTE
            name = f"{'p' if past else 'l'}{day}-{number}"
            late = rng.choice((0, 0, 0, 3 * HOUR, 2 * DAY, -4 * MINUTE))
            more = {"agency": rng.choice("AB"), "due_at": at + rng.randrange(1, 60) * HOUR}
            event = dossier(name, "r", "received", at - late, **more)
            put(record(event, 0, at, PARTS), at, past)
            chance = rng.random()
            if chance < 0.2:
                put(record(event, 0, at, PARTS), at + MINUTE, past)
            elif chance < 0.4:
                put(
                    record(dossier(name, "c", "received", at - late + HOUR, replaces="r", **more), 0, at, PARTS),
                    at + MINUTE,
                    past,
                )
            elif chance < 0.6:
                put(record(dossier(name, "e", "completed", at + HOUR), 0, at, PARTS), at + HOUR, past)
            elif chance < 0.7:
                put(record(b"rubbish", 0, at, partition=number % PARTS), at, past)
            elif chance < 0.8:
                put(record(dossier(name, "f", "received", NOW + 9 * DAY), 0, at, PARTS), at, past)
            put(record(ran(f"c{number % 3}", f"{name}", at - late, 10.0 + number), 0, at, PARTS), at, past)

    beats(START, past=True)
    for day in range(5):
        some(day, past=True)
    # the gateway took one while the past was loading: it has no header and moves no watermark
    put(record(dossier("early", "r", "received", NOW - HOUR), 0, NOW, PARTS), NOW - HOUR, past=False)
    for day in range(5, 7):
        some(day, past=True)
    beats(START + 8 * DAY, past=True)
    beats(NOW)
    for hour in range(0, 30, 3):
        some(hour, past=False)
        beats(NOW + hour * HOUR + 220 * MINUTE)
    beats(NOW + 2 * DAY)
    return log


def elsewhere() -> list[Record]:
    """The heartbeats of the topics in which else nothing comes, without which no step of what counts all records is final."""
    found = []
    for topic in (topic for topic in EVERY if topic not in TOPICS):
        for number in range(PARTS):
            for offset, (at, past) in enumerate(((START, True), (NOW, False), (NOW + 2 * DAY, False))):
                headers = (("ioc-received", b"%d" % at),) if past else ()
                found.append(record(beat(at), offset, NOW - HOUR if past else at, topic=topic, partition=number, headers=headers))
    return found


@pytest.fixture(scope="module")
def whole(store_url: str) -> Iterator[Centre]:
    """A centre that has counted that log, once for the tests that only add runs."""
    made = Centre(store_url, "whole")
    made.live([*whole_log(), *elsewhere()], random.Random(1), topics=EVERY)
    yield made
    made.close()


def test_a_replay_of_a_loaded_past_and_a_live_log_is_the_live_centre_again(whole: Centre) -> None:
    centre = whole
    done = centre.replay()
    assert done.records == len(whole_log()) + len(elsewhere())
    found = centre.diff()
    assert found.shown == []
    assert found.differences == 0
    assert found.left_out == {}
    assert found.steps > 10_000
    assert everything(centre.run()) == everything(centre.store), "every row, with its offset and what was known when"
    assert {d.state for d in runs.runs(centre.store)} == {runs.ENDED}


@pytest.mark.proof
def test_the_log_of_that_proof_is_hard(whole: Centre) -> None:
    """Under the rules of a sealed log, in which every record moves the watermark, its first finals would be others."""
    centre = whole
    verdicts = set(centre.store.query("SELECT DISTINCT verdict FROM events")["verdict"].to_list())
    assert verdicts == {"accepted", "duplicate", "rejected", "heartbeat"}
    restated = centre.store.query("SELECT count() AS n FROM indicators FINAL WHERE restated")["n"][0]
    assert restated > 100
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replaying, "Pipeline", lambda *given: Pipeline(*given, sealed=True))
        centre.replay("sealed")
    assert "first" in {d.what for d in centre.diff().shown}


@pytest.mark.parametrize("seed", more_in_proof(1, 6))
def test_a_random_log_replayed_in_any_cut_makes_no_difference(centre: Centre, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    centre.live(random_log(rng, 40), rng)
    monkeypatch.setattr(from_archive, "CHUNK", rng.choice((3, 20)) if seed % 2 else 20_000)
    monkeypatch.setattr(from_archive, "BYTES", rng.choice((1, 2_000)) if seed % 3 == 0 else 32 << 20)
    monkeypatch.setattr(replaying, "ROLL_EVERY", rng.choice((4, 100)))
    centre.replay()
    assert everything(centre.run()) == everything(centre.store)
    found = centre.diff()
    assert (found.shown, found.differences) == ([], 0)
    assert found.steps or found.left_out


# ---- the diff finds what is not the same


@pytest.fixture(scope="module")
def counted(store_url: str) -> Iterator[Centre]:
    """A live log, counted once for the tests that change their own run of it."""
    made = Centre(store_url, "counted")
    made.live(whole_log()[:130], random.Random(2))
    made.replay("same")
    assert made.diff().differences == 0
    yield made
    made.close()


@pytest.fixture(scope="module")
def copied(counted: Centre) -> Store:
    """The database of a run that every test fills anew: to make one takes longer than to fill it."""
    run = f"{counted.name}-copy"
    counted.made.append(run)
    return new_run.create(counted.settings, CATALOG, Run(run, DIRECT, None, None, runs.ENDED, 0))


@pytest.fixture
def replayed(counted: Centre, copied: Store) -> Centre:
    """The same with a run that makes no difference, until the test changes it: a copy of one that was replayed."""
    for table in tables.TABLES:
        copied.command(f"TRUNCATE TABLE {table}")
        copied.command(f"INSERT INTO {table} SELECT * FROM {counted.run(0).database}.{table}")
    counted.made.remove(run := f"{counted.name}-copy")
    counted.made.append(run)  # the one made last is what a test asks of
    return counted


def change(store: Store, table: str, columns: str, where: str) -> None:
    """Write a row again by hand with other columns, always the same one: the first pane, or a row of the last step."""
    order = {"panes": "at, indicator, dims, known, topic, partition", "indicators": "at DESC, indicator, window, dims"}[table]
    found = f"SELECT * FROM {table} FINAL WHERE {where} ORDER BY {order} LIMIT 1"
    store.command(f"INSERT INTO {table} SELECT * REPLACE ({columns}) FROM ({found})")


def test_one_first_final_changed_by_hand_is_named(replayed: Centre) -> None:
    row = (
        "indicator = 'dossier.received' AND window = '1h' AND dims = ['*', '*', '*', '*', '*'] AND first_value > 0 AND until = at"
    )
    at = replayed.store.query(f"SELECT toUnixTimestamp64Milli(max(at)) AS m FROM indicators FINAL WHERE {row}")["m"][0]
    change(replayed.run(), "indicators", "first_value + 1 AS first_value, as_of + 1 AS as_of", f"{row} AND at = '{iso(at)[:-1]}'")
    found = replayed.diff()
    one = found.shown[0]
    assert (found.differences, one.indicator, one.window, one.dims) == (1, "dossier.received", "1h", ("*",) * 5)
    assert (one.at, one.what, one.right) == (at, "first", (one.left or 0.0) + 1)


def test_one_pane_changed_by_hand_is_named_in_every_window_it_counts_for(replayed: Centre) -> None:
    row = "indicator = 'ran.dl_throughput' AND at > '2022-10-07'"
    assert replayed.store.query(f"SELECT count() AS n FROM panes FINAL WHERE {row}")["n"][0]
    change(replayed.run(), "panes", "arrayMap(x -> x * 2 + 1, measures) AS measures, offset + 1 AS offset", row)
    found = replayed.diff()
    assert {d.indicator for d in found.shown} == {"ran.dl_throughput"}
    assert {d.what for d in found.shown} <= {"latest", "latest n", "latest lo", "latest hi"}
    stream = CATALOG.stream_of("ran.dl_throughput")
    assert {d.window for d in found.shown} == set(stream.indicator("ran.dl_throughput").windows)


def test_one_reject_changed_or_missing_is_named_with_its_place(replayed: Centre) -> None:
    where = "reason = 'bad_json'"
    topic, partition, offset = replayed.store.query(f"SELECT topic, partition, offset FROM rejects WHERE {where}").row(0)
    place = f"topic = '{topic}' AND partition = {partition} AND offset = {offset}"
    replayed.run().command(f"ALTER TABLE rejects UPDATE reason = 'schema' WHERE {place} SETTINGS mutations_sync = 2")
    assert [(d.left, d.right) for d in replayed.diff().shown] == [("bad_json", "schema")]
    replayed.run().command(f"ALTER TABLE rejects DELETE WHERE {place} SETTINGS mutations_sync = 2")
    found = replayed.diff()
    assert [(d.what, d.indicator, d.dims, d.left, d.right) for d in found.shown] == [
        ("reject", topic, (str(partition), str(offset)), "bad_json", "")
    ]


def test_a_provisional_row_is_never_compared(replayed: Centre) -> None:
    change(replayed.run(), "indicators", "value + 5 AS value, 7 AS first_value, as_of + 1 AS as_of", "until < at")
    assert replayed.diff().differences == 0


def test_a_row_at_a_step_where_nothing_changes_is_no_difference(replayed: Centre) -> None:
    backlog = "indicator = 'dossier.backlog' AND dims = ['*', '*', '*', '*', '*'] AND until = at"
    steps = replayed.store.query(f"SELECT toUnixTimestamp64Milli(at) AS step FROM indicators FINAL WHERE {backlog} ORDER BY at")
    at = next(a for a, b in itertools.pairwise(steps["step"].to_list()) if b > a + 2 * MINUTE)
    moved = f"fromUnixTimestamp64Milli({at + MINUTE})"
    run, count = replayed.run(), f"SELECT count() AS n FROM indicators FINAL WHERE {backlog}"
    before = run.query(count)["n"][0]
    change(run, "indicators", f"{moved} AS at, {moved} AS until", f"{backlog} AND at = fromUnixTimestamp64Milli({at})")
    assert run.query(count)["n"][0] == before + 1
    assert replayed.diff().differences == 0


def test_differences_beyond_the_limit_are_counted(replayed: Centre) -> None:
    replayed.run().command("TRUNCATE TABLE indicators")
    found = diff(replayed.settings, CATALOG, "live", replayed.made[-1], limit=3)
    assert len(found.shown) == 3 < found.differences
    assert {d.what for d in found.shown} == {"first"}


def test_live_changed_by_hand_is_found_as_a_run_is(centre: Centre) -> None:
    centre.live(whole_log()[:60], random.Random(2))
    centre.replay()
    change(centre.store, "panes", "arrayMap(x -> x * 2 + 1, measures) AS measures, offset + 1 AS offset", "at > '2022-10-06'")
    final = "indicator = 'dossier.backlog' AND until = at AND first_value > 0"
    change(centre.store, "indicators", "first_value + 1 AS first_value, as_of + 1 AS as_of", final)
    assert {d.what.split()[0] for d in centre.diff().shown} == {"first", "latest"}


def one_agency(history: list[dossiers.Step]) -> list[Contribution]:
    """Another rule: agency B is not counted."""
    return [row for row in dossiers.contributions(history) if row[1][0] != "B"]


def test_a_replay_under_other_declarations_differs_where_they_do(replayed: Centre) -> None:
    changed = Catalog(tuple(replace(s, contributions=one_agency) if s.name == "dossiers" else s for s in CATALOG.streams))
    replayed.replay("other", catalog=changed)
    found = replayed.diff(catalog=changed)
    assert {d.dims[0] for d in found.shown} <= {"*", "B"}
    assert {d.indicator.split(".")[0] for d in found.shown} == {"dossier"}
    assert {d.what for d in diff(replayed.settings, changed, "live", replayed.made[-1], 100_000).shown} >= {"first", "latest"}


# ---- part of the time


def test_a_replay_of_part_of_the_time_has_the_live_values_as_they_were_known_then(whole: Centre) -> None:
    centre, log = whole, whole_log()
    centre.replay("all")
    all_of_it = centre.made[-1]
    begin, end = START + 3 * DAY + 7 * MINUTE, START + 6 * DAY + 90 * MINUTE
    done = centre.replay("part", begin, end)
    assert 0 < done.records < len(log)
    run = centre.run()
    assert run.query("SELECT max(received) AS m FROM checkpoints WHERE stage = 'measure'")["m"][0] < end
    for other in ("live", all_of_it):
        found = centre.diff(other)
        assert (found.shown, found.differences) == ([], 0)
        low, high = found.ranges["dossiers"]
        assert low == begin
        assert end - 2 * HOUR < high <= end
    then = f"fromUnixTimestamp64Milli({high})"
    later = centre.store.query(f"SELECT count() AS n FROM panes FINAL WHERE at < {then} AND known >= {then}")["n"][0]
    assert later, "live knows more of that time by now"
    change(centre.store, "panes", "measures AS measures", "1")  # the same row again is no change
    assert centre.diff().differences == 0


def test_the_end_cuts_the_past_by_its_own_receptions(whole: Centre) -> None:
    """The record without a header was received long after, and goes with the past it lies in."""
    centre = whole
    centre.replay("past", end=NOW - 2 * HOUR)
    assert centre.run().query("SELECT count() AS n FROM events FINAL WHERE entity = 'early'")["n"][0] == 1
    assert centre.diff().differences == 0
    received = {(t, p): c for (_, t, p), c in state.checkpoints(centre.run(), MEASURE).items()}
    assert {c.clock.live for c in received.values()} == {None}


def test_what_the_gateway_refused_is_replayed_too(centre: Centre) -> None:
    made = pipeline(centre.store, 1, topics=(DOSSIER, RAN, REJECTS))
    value = pack(refused(Reject("bad_json", "", "no JSON"), b"rubbish", (), START))
    log = [record(value, n, START + n, topic=REJECTS, partition=0) for n in range(3)]
    while poll(made, log):
        pass
    centre.replay()
    assert everything(centre.run()) == everything(centre.store)


def test_what_the_gateway_refused_after_the_end_is_not_replayed(centre: Centre) -> None:
    made = pipeline(centre.store, 1, topics=(DOSSIER, RAN, REJECTS))
    value = pack(refused(Reject("bad_json", "", "no JSON"), b"rubbish", (), START))
    log = [record(value, n, START + n * MINUTE, topic=REJECTS, partition=0) for n in range(3)]
    while poll(made, log):
        pass
    centre.replay(end=START + 2 * MINUTE)
    assert centre.run().query("SELECT offset FROM rejects FINAL ORDER BY offset")["offset"].to_list() == [0, 1]


def test_a_run_of_a_file_is_compared_by_latest_values(centre: Centre) -> None:
    """Its log has other places and other receptions."""
    past = [r for r in whole_log()[:120] if r.headers]
    centre.live(past, random.Random(6))
    run = f"{centre.name}-file"
    centre.made.append(run)
    store = new_run.create(centre.settings, CATALOG, Run(run, IMPORT, None, None, "open", 0))
    made = pipeline(store, 2, sealed=True)
    for records in by_place(past).values():
        moved = [replace(r, offset=n, timestamp=r.timestamp + DAY, headers=()) for n, r in enumerate(records)]
        while poll(made, moved):
            pass
    Roller(CATALOG, store, centre.settings).step()
    found = centre.diff()
    assert found.latest_only
    assert found.steps
    assert "first" not in {d.what for d in found.shown}


# ---- a run cannot write live


def rows_of(store: Store) -> dict[str, list[object]]:
    return everything(store) | {"indicators": store.query("SELECT * FROM indicators FINAL ORDER BY ALL").rows()}


def test_a_run_whose_database_is_gone_ends_with_an_error_and_touches_nothing(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    centre.live(whole_log()[:60], random.Random(7))
    before = rows_of(centre.store)
    monkeypatch.setattr(from_archive, "CHUNK", 20)
    real = from_archive.batch

    def batch(store: Store, place: tuple[str, int], start: int, end: int) -> Batch:
        if start >= 20:
            centre.store.command(f"DROP DATABASE IF EXISTS {run_names(centre.made[-1])[0]}")
        return real(store, place, start, end)

    monkeypatch.setattr(from_archive, "batch", batch)
    with pytest.raises(StoreError, match="run_"):
        centre.replay()
    assert rows_of(centre.store) == before


def test_a_run_without_its_database_in_the_settings_is_refused_by_the_store(centre: Centre) -> None:
    log = whole_log()[:20]
    centre.live(log, random.Random(8))
    before = rows_of(centre.store)
    for database in (None, "", centre.store.database, "default"):
        store = Store(centre.settings, database, run=True)
        with pytest.raises(StoreError, match="a run reaches its own database"):
            pipeline(store, 2)
        with pytest.raises(StoreError, match="a run reaches its own database"):
            store.create([])
    good = runs.run_store(centre.settings, "some")
    good.database = ""
    row = state.checkpoint_rows(MEASURE, {("g", "t", 0): Checkpoint(1)})
    with pytest.raises(StoreError, match="a run reaches its own database"):
        good.insert("checkpoints", row)
    with pytest.raises(UsageError):
        runs.run_store(centre.settings, "")
    with pytest.raises(StoreError, match="no database is named"):
        Store(centre.settings, "").insert("checkpoints", row)
    assert rows_of(centre.store) == before


def test_a_connection_that_loses_its_database_still_writes_into_the_runs(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every insert names its database: what the connection falls back to, here the live one, gets nothing."""
    store = new_run.create(centre.settings, CATALOG, Run(f"{centre.name}-lost", DIRECT, None, None, REPLAYING, 0))
    centre.made.append(f"{centre.name}-lost")
    with monkeypatch.context() as lost:
        lost.setattr(store._client(), "database", centre.store.database)
        store.insert("checkpoints", state.checkpoint_rows(MEASURE, {("g", "t", 0): Checkpoint(1)}))
    assert len(state.checkpoints(centre.run(), MEASURE)) == 1
    assert state.checkpoints(centre.store, MEASURE) == {}


# ---- runs come and go


def test_a_name_is_taken_once_and_is_free_again_after_the_drop(centre: Centre) -> None:
    centre.live(whole_log()[:20], random.Random(9))
    centre.replay("again")
    with pytest.raises(UsageError, match=rf"`ioc replay drop {centre.made[-1]}`"):
        centre.replay("again")
    assert new_run.drop(centre.settings, CATALOG, centre.made[-1]) == []
    assert runs.runs(centre.store) == []
    with pytest.raises(UsageError, match="there are none"):
        new_run.drop(centre.settings, CATALOG, centre.made[-1])
    centre.replay("again")
    assert [run.state for run in runs.runs(centre.store)] == [runs.ENDED]


def test_a_name_that_folds_into_another_runs_database_makes_none_and_drops_none(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_broker(*_: object) -> list[str]:
        raise AssertionError("it must be refused before any topic is asked for")

    for call in ("bounds", "create_topics", "delete_topics"):
        monkeypatch.setattr(new_run, call, no_broker)
    first, folded = f"{centre.name}-a-b".replace("_", "-"), f"{centre.name}-a_b".replace("_", "-").replace("a-b", "a_b")
    centre.made.append(first)
    new_run.create(centre.settings, CATALOG, Run(first, DIRECT, None, None, "ended", 0))
    for call in (new_run.check_new, lambda s, n: new_run.open_import(s, CATALOG, n), lambda s, n: new_run.drop(s, CATALOG, n)):
        with pytest.raises(UsageError, match=f"the run '{first}' has its database"):
            call(centre.settings, folded)
    assert [run.name for run in runs.runs(centre.store)] == [first]
    new_run.drop(centre.settings, CATALOG, first)
    new_run.create(centre.settings, CATALOG, Run(folded, DIRECT, None, None, "ended", 0))
    assert [run.name for run in runs.runs(centre.store)] == [folded], "the dropped one is not there again by the other's database"
    with pytest.raises(UsageError, match=f"the run '{folded}' has its database"):
        new_run.drop(centre.settings, CATALOG, first)


def test_the_live_centre_is_no_run(centre: Centre) -> None:
    for name in ("live", "x"):
        settings = centre.settings.model_copy(update={"clickhouse_database": run_names("x")[0]})
        with pytest.raises(UsageError, match="the centre itself"):
            new_run.drop(settings, CATALOG, name)
        with pytest.raises(UsageError, match="the centre itself"):
            replay(settings, CATALOG, Run(name, DIRECT, None, None, REPLAYING, 0), lambda fed, known: None)


def test_a_replay_of_nothing_says_what_the_archive_holds(centre: Centre) -> None:
    with pytest.raises(UsageError, match="archive is empty"):
        centre.replay()
    centre.live(whole_log()[:20], random.Random(9))
    for begin, end in ((None, START - DAY), (NOW + 9 * DAY, None)):
        with pytest.raises(UsageError, match="the archive holds what was received from 2022-10-06T00:00:00Z"):
            centre.replay(begin=begin, end=end)
    assert runs.runs(centre.store) == []


@pytest.mark.proof
@pytest.mark.parametrize(("every", "records", "steps"), [(12, 900, 1_000_000), (5, 2_000, 3_000_000)])
def test_the_receipt_log_replayed_makes_no_difference(
    centre: Centre, tmp_path: Path, every: int, records: int, steps: int
) -> None:
    log = batches(tmp_path, brute_receipt.part(tmp_path / "log.csv.gz", every))
    count_receipt(centre.store, centre.settings, log, 1)
    Roller(CATALOG, centre.store, centre.settings).step()
    assert centre.replay().records == sum(map(len, log)) > records
    found = centre.diff()
    assert (found.shown, found.differences) == ([], 0)
    assert found.steps > steps
