"""Pipeline: the tables are a function of the log, however it is cut, repeated or interrupted. Judge: brute force.

Workers that race for it: `test_schedules`.
"""

from __future__ import annotations

import random
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.counting import seen
from ioc.counting.held import ENTITY_BYTES, LIFE_BYTES, Entities
from ioc.counting.history import History
from ioc.errors import IocError, ServiceAway
from ioc.events.batch import Batch, record_hash
from ioc.events.decode import Clock
from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.store.state import Checkpoint
from tests import brute, brute_kpis
from tests.counting import CATALOG, OF_LOGS, count, everything, panes, pipeline, poll, real_store, verdicts
from tests.fake import FakeStore, away
from tests.ioc.counting.test_history import item
from tests.logs import START, batch, beat, by_place, dossier, ran, random_log, record

DOSSIERS = CATALOG.stream_of("dossier.backlog")
SEEDS = st.integers(0, 10**9)
FEW = settings(max_examples=settings().max_examples // 3)
"""A schedule takes 0.2 s."""


def right(store: Store, log: list[brute.Record], partitions: int = 2) -> None:
    """The store holds what the brute force says."""
    truth = brute.truth(log, partitions)
    assert verdicts(store) == truth.verdicts
    assert panes(store) == truth.panes


def test_the_random_logs_hold_everything_that_is_hard() -> None:
    found: Counter[tuple[str, str]] = Counter()
    indicators: Counter[str] = Counter()
    for seed in range(20):
        truth = brute.truth(random_log(random.Random(seed), 40), 2)
        found.update(truth.verdicts.values())
        indicators.update(key[0] for key in truth.panes)
    assert {reason for _, reason in found} >= {"id_reused", "bad_json", "key_mismatch", "misrouted", "too_old", "too_new", ""}
    assert {verdict for verdict, _ in found} == {"accepted", "duplicate", "rejected", "heartbeat"}
    assert min(found["accepted", ""], found["duplicate", ""]) > 50
    assert set(indicators) >= {i.name for s in OF_LOGS for i in s.indicators if not i.looks} - {
        "ran.ul_throughput", "ran.rsrp", "ran.registration", *brute_kpis.BOUNDED, *brute_kpis.RATES,
    }  # fmt: skip


@given(SEEDS)
@FEW
def test_any_cuts_give_what_the_brute_force_gives(seed: int) -> None:
    rng = random.Random(seed)
    log = random_log(rng, 40)
    store = FakeStore()
    count(pipeline(store), log, rng, rng.choice((2, 6, 30)) + 1)
    right(store, log)


@pytest.mark.parametrize("nth", range(1, 12))
def test_stopping_at_any_insert_and_starting_again_gives_the_right_tables(nth: int) -> None:
    """Seven tables a poll: stopping after each of them, twice over."""
    log, store = random_log(random.Random(3), 60), FakeStore()
    store.before = lambda n, table, rows: n != nth or away()
    first = pipeline(store)
    with pytest.raises(ServiceAway):
        count(first, log, random.Random(1), 25)
    with pytest.raises(KeyError):
        count(first, log, random.Random(1), 25)  # what it holds in memory is not to be trusted; it must take its partitions again
    count(pipeline(store), log, random.Random(2), 25)
    right(store, log)


def test_the_checkpoint_is_written_last() -> None:
    store, order = FakeStore(), []
    store.before = lambda n, table, rows: order.append(table) or True
    count(pipeline(store), random_log(random.Random(3), 40))
    assert set(order) == {"entities", "seen", "panes", "events", "rejects", "checkpoints"}
    assert order.index("checkpoints") == len(order) - 1


def test_one_poll_is_one_insert_a_table_for_all_partitions() -> None:
    store, order = FakeStore(), []
    store.before = lambda n, table, rows: order.append(table) or True
    log = random_log(random.Random(4), 80, 4)
    assert len(by_place(log)) > 4
    count(pipeline(store, 4), log)
    assert len(order) == len(set(order))


# ---- on the real store


def test_the_real_store_holds_what_the_brute_force_says(store_url: str) -> None:
    for seed in (1, 2, 3):
        log = random_log(random.Random(seed), 120)
        store = real_store(store_url, f"pipeline_cuts_{seed}")
        count(pipeline(store), log, random.Random(seed), 40)
        right(store, log)
        assert len(panes(store)) > 50


def test_other_cuts_and_a_second_pass_from_the_beginning_change_nothing_in_the_real_store(store_url: str) -> None:
    log = random_log(random.Random(7), 150)
    store, other = real_store(store_url, "pipeline_again"), real_store(store_url, "pipeline_whole")
    count(pipeline(store), log, random.Random(1), 12)
    count(pipeline(other), log)
    once = everything(store)
    assert min(len(rows) for rows in once.values()) > 2
    assert everything(other) == once
    store.command("TRUNCATE TABLE checkpoints")
    count(pipeline(store), log, random.Random(2), 50)
    assert everything(store) == once
    right(store, log)


def test_takeovers_and_crashes_on_the_real_store_end_in_the_truth(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, log = random.Random(11), random_log(random.Random(11), 100)
    monkeypatch.setattr(seen, "LIMIT", 10)
    monkeypatch.setattr("ioc.counting.pipeline.PANE_BYTES", 1 << 20)
    store = real_store(store_url, "pipeline_faults")
    insert, fault = store.insert, {"in": 0}

    def failing(table: str, rows: pa.Table, *, durable: bool = False) -> None:
        fault["in"] -= 1
        if fault["in"] == 0:
            raise ServiceAway("away")
        insert(table, rows, durable=durable)

    monkeypatch.setattr(store, "insert", failing)
    workers, faults = [pipeline(store, cache_mb=8), pipeline(store, cache_mb=8)], 0
    for _ in range(24):
        who = rng.randrange(2)
        fault["in"] = rng.randrange(1, 12)
        try:
            poll(workers[who], log, rng)
        except ServiceAway:
            faults += 1
            workers[who] = pipeline(store, cache_mb=8)
    fault["in"] = 0
    count(pipeline(store), log, rng)
    assert faults > 5
    right(store, log)


def test_a_new_pipeline_goes_on_where_the_checkpoint_says_with_its_clock(store_url: str) -> None:
    store = real_store(store_url, "pipeline_checkpoint")
    now = START + 10 * brute.DAY
    log = [
        record(dossier("D1", "a", "received", START), 0, now, headers=(("ioc-received", str(START).encode()),)),
        record(beat(now), 1, now, key=b"", partition=0, topic=brute.DOSSIER),
        record(dossier("D1", "b", "processing", START), 5, now + 1),
    ]
    first = pipeline(store, 1, topics=(brute.DOSSIER,))
    first.run([batch(log, 0, 8)])
    place = (brute.DOSSIER, 0)
    assert first.checkpoints[place].last_hash == record_hash(5, now + 1, log[2].key, log[2].value)
    again = pipeline(store, 1, topics=(brute.DOSSIER,))
    assert again.checkpoints == first.checkpoints
    kept = again.checkpoints[place]
    assert (kept.next, kept.clock.received, kept.clock.live, kept.last_offset, kept.partitions) == (8, now + 1, 1, 5, 1)
    again.run([Batch(brute.DOSSIER, 0, 8, 11, [], [], [], [])])  # only transaction markers
    assert again.checkpoints[place].next == 11
    assert again.checkpoints[place].last_offset == 5


def test_many_checkpoints_become_few_rows_and_the_last_one_stands(store_url: str) -> None:
    store, last = real_store(store_url, "pipeline_checkpoints"), 2_000
    for next_ in (*range(last - 40, last + 1), last - 41):  # a worker that was overtaken writes last
        row = Checkpoint(next_, Clock(next_), 1)
        store.insert("checkpoints", state.checkpoint_rows("measure", {("g", "t", p): row for p in range(2)}))
    store.command("OPTIMIZE TABLE checkpoints FINAL")
    assert store.query("SELECT count() AS n FROM checkpoints")["n"][0] <= 2 * 2  # one in ten minutes; they may be of two
    assert state.checkpoints(store, "measure") == {("g", "t", p): Checkpoint(last, Clock(last), 1) for p in range(2)}


@pytest.mark.parametrize("merged", [False, True])
def test_of_two_checkpoints_at_one_position_the_later_one_stands_whatever_was_merged(store_url: str, merged: bool) -> None:
    store = real_store(store_url, "pipeline_accepted")
    for ago, last in ((60, 49), (0, -1)):  # `ioc doctor --accept-gap` where the log has another record at the last position
        store.command(
            "INSERT INTO checkpoints (generation, stage, topic, next, last_offset, written_at) "
            f"VALUES ('g', 'measure', 't', 50, {last}, now64(3) - INTERVAL {ago} MINUTE)"
        )
    if merged:
        store.command("OPTIMIZE TABLE checkpoints FINAL")
    assert state.checkpoints(store, "measure")["g", "t", 0].last_offset == -1


def test_a_batch_that_does_not_begin_at_the_checkpoint_is_refused() -> None:
    store = FakeStore()
    made = pipeline(store, 1)
    records = [record(ran("c", str(i), START + i), i, START + brute.HOUR) for i in range(4)]
    made.run([batch(records[:2], 0)])
    for bad in (batch(records[:2], 0), batch(records[3:], 3), batch(records[1:], 1)):
        with pytest.raises(IocError, match="a batch begins at"):
            made.run([bad])
    made.run([batch(records[2:], 2)])
    right(store, records, 1)


def test_two_batches_of_one_partition_in_a_poll_are_refused() -> None:
    records = [record(ran("c", str(i), START + i), i, START + brute.HOUR) for i in range(4)]
    made = pipeline(FakeStore(), 1)
    for second in (batch(records[:2], 0), batch(records[2:], 2)):
        with pytest.raises(IocError, match="two batches of one partition in one poll"):
            made.run([batch(records[:2], 0), second])


def test_partitions_given_up_and_taken_again_start_from_the_store() -> None:
    store, log = FakeStore(), random_log(random.Random(5), 60)
    made = pipeline(store)
    poll(made, log, random.Random(1), 10)
    made.revoke([(brute.DOSSIER, 0)])
    with pytest.raises(KeyError):
        made.run([batch([r for r in log if (r.topic, r.partition) == (brute.DOSSIER, 0)])])
    made.assign([(brute.DOSSIER, 0)], {brute.DOSSIER: 2})
    count(made, log, random.Random(2))
    right(store, log)


def test_the_room_for_entities_is_shared_by_those_who_have_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted among those who have none, a stream of records took half of it: dossiers were read again from the store."""
    limits: list[int] = []
    monkeypatch.setattr("ioc.counting.held.Entities.settle", lambda _, limit: limits.append(limit))
    made = pipeline(FakeStore(), 4)
    made.settle()
    assert len(limits) == 8, "dossiers and alarms, in four partitions each"
    assert sum(limits) == (made.settings.cache_mb << 20) * 3 // 4


def test_ended_dossiers_make_room_for_open_ones() -> None:
    def history(name: str, *states: str) -> History:
        made = History(DOSSIERS)
        for n, one in enumerate(states):
            made.add(item(dossier(name, f"{name}-{n}", one, START + n), n))
        return made

    held = Entities()
    lives = {"A": ["received"], "B": ["received", "completed"], "C": ["received"], "D": ["received", "refused"]}
    for name, states in lives.items():
        held.put(name, history(name, *states))
    held.put("D", history("D", "received", "refused", "received"))
    for _ in range(2):
        held.settle(1 << 20)
    assert held.lacking("ABCD") == set()
    held.settle(sum(len(held.get(DOSSIERS, name).pack()) + ENTITY_BYTES + LIFE_BYTES for name in "ABCD") - 1)  # type: ignore[union-attr]
    assert held.lacking("ABCD") == {"B"}, "the only one that has ended, though A was used before it"
    held.settle(0)
    assert held.lacking("ABCD") == set("ABCD")
