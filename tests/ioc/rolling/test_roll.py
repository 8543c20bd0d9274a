"""Roll: first finals, restated steps and the open step, against windows counted by hand."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from ioc.alerting.alerts import Alerter
from ioc.asking import read
from ioc.calendar.windows import window_start
from ioc.catalog import Catalog, load
from ioc.counting.pipeline import MEASURE, Pipeline
from ioc.events import murmur
from ioc.events.batch import Batch
from ioc.events.heartbeats import heartbeat
from ioc.rolling.lead import LEAD
from ioc.rolling.reached import ROLL
from ioc.rolling.roll import Roller
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.times import DAY, HOUR, MINUTE, iso, to_ms
from tests import rolled
from tests.counting import count, pipeline, real_store
from tests.ioc.alerting.test_alerts import Desk, transitions
from tests.streams_queue import CATALOG as QUEUES
from tests.streams_queue import TOPIC as QUEUE_TOPIC

TOPIC = "ioc.events.dossier"
ROLLED = rolled.only("dossier.backlog", "dossier.received")
DIMENSIONS = load().stream_of("dossier.backlog").dimensions
START = to_ms("2026-03-30T01:00:00Z")
"""A Monday morning; the week, the month and the quarter end within the log."""
Record = tuple[int, bytes | None, bytes]
"""Reception, key, value."""


def received(number: int, at: int, agency: str) -> bytes:
    data = {"dossier": f"d{number}", "state": "received", "agency": agency, "procedure": "p", "channel": "online"}
    event = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "/t",
        "type": "vn.ioc.dossier.changed.v1",
        "time": iso(at),
        "data": data,
    }
    return json.dumps(event).encode()


class Log:
    """A live log in two partitions: events with a reception of their own, heartbeats every five minutes."""

    def __init__(self) -> None:
        self.records: list[list[Record]] = [[], []]
        self.facts: list[tuple[int, int, str]] = []
        """Event time, reception, agency."""

    def event(self, at: int, reception: int, agency: str) -> None:
        number = len(self.facts)
        key = f"d{number}".encode()
        self.records[int(murmur.partitions([key], 2)[0])].append((reception, key, received(number, at, agency)))
        self.facts.append((at, reception, agency))

    def batches(self, until: int, chance: random.Random) -> list[list[Batch]]:
        pieces = []
        for number, own in enumerate(self.records):
            beats: list[Record] = [(at, None, heartbeat("pacemaker", at)) for at in range(START, until, 5 * MINUTE)]
            rows = sorted([*own, *beats], key=lambda r: r[0])
            size = len(rows)
            whole = Batch(TOPIC, number, 0, size, range(size), [r[1] for r in rows], [r[2] for r in rows], [r[0] for r in rows])
            pieces.append(whole.cut(chance.choices((60, 400, 1_500), k=400)))
        return pieces


@pytest.fixture
def store(store_url: str) -> Callable[[str], Store]:
    return lambda name: real_store(store_url, f"roll_{name}")


def roll(store: Store, pieces: Sequence[Sequence[Batch]], chance: random.Random) -> None:
    """Count the batches, the partitions at their own pace, and roll now and then; a new roller takes over in between."""
    settings = Settings(clickhouse_url=store.settings.clickhouse_url, partitions=2)
    pipeline = Pipeline(load(), store, settings)
    pipeline.assign([(TOPIC, 0), (TOPIC, 1)], {TOPIC: 2})
    roller = Roller(ROLLED, store, settings)
    queues = [list(p) for p in pieces]
    while any(queues):
        ready = [q for q in queues if q]
        pipeline.run([q.pop(0) for q in chance.sample(ready, chance.randint(1, len(ready)))])
        if chance.random() < 0.3:
            chance.choice((roller.step, roller.turn))()
        if chance.random() < 0.05:
            roller = Roller(ROLLED, store, settings)
    roller.step()


def rows(store: Store, indicator: str, window: str, dims: Sequence[str] = ("*",) * 5) -> pl.DataFrame:
    """The rows of a group as readers see them."""
    where = " AND ".join(f"{name} = '{value}'" for name, value in zip(DIMENSIONS, dims, strict=True))
    return store.query(
        "SELECT toUnixTimestamp64Milli(at) AS step, value, first_value, restated, toUnixTimestamp64Milli(until) AS until_ms "
        f"FROM v_{indicator.replace('.', '_')} WHERE window = '{window}' AND {where} ORDER BY step"
    ).rename({"step": "at", "until_ms": "until"})


def held(frame: pl.DataFrame, at: int) -> tuple[float | None, float | None]:
    """What readers carry forward: value and first value of the last row at or before a step."""
    before = frame.filter(pl.col("at") <= at)
    return (before["value"][-1], before["first_value"][-1]) if len(before) else (0.0, 0.0)


def busy(seed: int) -> Log:
    """Three days: most events at once, some minutes late, some days late, a few with a clock ahead."""
    chance, log = random.Random(seed), Log()
    for _ in range(300):
        reception = START + chance.randrange(MINUTE, 3 * DAY)
        late = chance.choice([0, 0, 0, 20 * MINUTE, 30 * HOUR, -5 * MINUTE])
        log.event(max(START - 10 * DAY, reception - late), reception, chance.choice(["a", "b"]))
    return log


UNTIL = START + 3 * DAY + 10 * MINUTE


STEPS = {"1h": 5 * MINUTE, "1d": HOUR, "day": HOUR, "week": HOUR, "month": HOUR, "quarter": HOUR}


@pytest.mark.parametrize(
    ("portion", "seconds"), [(10 * DAY, 1.0), (2 * HOUR, 0.0), pytest.param(6 * HOUR, 1.0, marks=pytest.mark.proof)]
)
def test_every_step_has_the_latest_value_and_the_one_first_known(
    portion: int, seconds: float, store: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ioc.rolling.roll.PORTION", portion)
    monkeypatch.setattr("ioc.rolling.roll.SLICE", seconds)  # 0: a turn is one portion
    log, chance = busy(1), random.Random(2)
    found = store("steps")
    roll(found, log.batches(UNTIL, chance), chance)
    cases = itertools.product(STEPS.items(), ((("*",) * 5, None), (("a", *"****"), "a")))
    for (window, step), (dims, agency) in cases:
        frame = rows(found, "dossier.received", window, dims)
        for at in range((START + HOUR) // step * step, START + 3 * DAY, step):
            begin = window_start(window, at)
            inside = [(t, r) for t, r, a in log.facts if begin <= t // MINUTE * MINUTE < at and agency in (None, a)]
            value, first = held(frame, at)
            assert value == len(inside), (window, iso(at))
            assert first is not None
            # known: event time or the watermark of the record before, whichever is later
            surely = sum(1 for t, r in inside if max(t, r) < at)
            maybe = sum(1 for t, r in inside if max(t, r - 7 * MINUTE) < at)
            assert surely <= first <= maybe, (window, iso(at))


def test_first_finals_and_values_do_not_depend_on_batches_rollers_or_pace(store: Callable[[str], Store]) -> None:
    log = busy(3)
    seen = []
    for seed in (4, 5, 6):
        chance = random.Random(seed)
        found = store(f"pace{seed}")
        roll(found, log.batches(UNTIL, chance), chance)
        finals = [
            rows(found, "dossier.received", w).filter(pl.col("first_value").is_not_null()) for w in ("1h", "1d", "7d", "month")
        ]
        level = rows(found, "dossier.backlog", "level").filter(pl.col("first_value").is_not_null())
        steps = range(START + HOUR, START + 3 * DAY, 5 * MINUTE)
        seen.append(([[held(f, at) for at in steps] for f in finals], [held(level, at)[1] for at in steps]))
    assert seen[0] == seen[1] == seen[2]
    assert any(value != first for series in seen[0][0] for value, first in series), "late events must have restated something"


def test_the_open_step_counts_to_now_and_is_overwritten_by_the_final_one(store: Callable[[str], Store]) -> None:
    log = Log()
    log.event(START + HOUR, START + HOUR, "a")
    found, chance = store("open"), random.Random(7)
    roll(found, log.batches(START + HOUR + 3 * MINUTE, chance), chance)
    last = rows(found, "dossier.backlog", "level")
    assert (last["value"][-1], last["first_value"][-1]) == (1, None)
    assert last["until"][-1] == START + HOUR + 1, "now is the highest reception plus 1 ms"


def quiet(size: int) -> tuple[Log, list[tuple[Batch, ...]]]:
    """An event and an hour in which nothing more happens; the last polls bring `size` heartbeats each."""
    log = Log()
    log.event(START + HOUR, START + HOUR, "a")
    whole = [p[0] for p in log.batches(START + 2 * HOUR, random.Random(1))]
    cuts = [[b for b in batch.cut([len(batch) - 6, *[size] * (6 // size)]) if len(b)] for batch in whole]
    return log, list(zip(*cuts, strict=True))


def test_an_open_row_gets_its_first_final_even_if_nothing_happens_in_its_step(store: Callable[[str], Store]) -> None:
    _, polls = quiet(3)
    found, settings = store("quiet"), Settings(partitions=2)
    pipeline = Pipeline(load(), found, settings)
    pipeline.assign([(TOPIC, 0), (TOPIC, 1)], {TOPIC: 2})
    for poll in polls:
        pipeline.run(poll)
        Roller(ROLLED, found, settings).step()  # each one shows its open rows anew
    level = rows(found, "dossier.backlog", "level")
    for at in range(START + HOUR + MINUTE, START + 2 * HOUR - 6 * MINUTE, MINUTE):
        assert held(level, at) == (1, 1), iso(at)


class Late(Store):
    """A store whose inserts are still on their way, but for the lead: what is rolled is rolled behind it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.settings, store.database)
        self.under_way: list[tuple[str, pa.Table]] = []

    def insert(self, table: str, rows: pa.Table, *, durable: bool = False) -> None:
        if table == "checkpoints" and rows["stage"].to_pylist() == [LEAD]:
            super().insert(table, rows, durable=durable)
        else:
            self.under_way.append((table, rows))


def test_the_late_rows_of_a_killed_roller_change_nothing_its_successor_wrote(store: Callable[[str], Store]) -> None:
    _, polls = quiet(6)
    found, settings = store("zombie"), Settings(partitions=2)
    late = Late(found)
    pipeline = Pipeline(load(), found, settings)
    pipeline.assign([(TOPIC, 0), (TOPIC, 1)], {TOPIC: 2})
    for poll, roller in zip(polls, (Roller(ROLLED, late, settings), Roller(ROLLED, found, settings)), strict=True):
        pipeline.run(poll)
        roller.step()
    for name, table in late.under_way:
        found.insert(name, table)
    level = rows(found, "dossier.backlog", "level")
    for at in range(START + HOUR + MINUTE, START + 2 * HOUR - 6 * MINUTE, MINUTE):
        assert held(level, at) == (1, 1), iso(at)


def test_what_is_known_at_the_beginning_has_a_row_at_the_first_step(store: Callable[[str], Store]) -> None:
    log = Log()
    log.event(START - 3 * HOUR, START, "a")
    found, chance = store("beginning"), random.Random(1)
    # the log of one partition begins later than the other, where the event is counted already
    pieces = log.batches(START + HOUR, chance)
    quiet = next(i for i, own in enumerate(log.records) if not own)
    later = Batch(TOPIC, quiet, 0, 1, [0], [None], [heartbeat("pacemaker", START)], [START + 30 * MINUTE])
    end = Batch(TOPIC, quiet, 1, 2, [1], [None], [heartbeat("pacemaker", START)], [START + HOUR])
    pieces[quiet] = [later, end]
    roll(found, pieces, chance)
    level = rows(found, "dossier.backlog", "level")
    assert held(level, START + 30 * MINUTE) == (1, 1)
    assert held(level, START + 29 * MINUTE) == (0.0, 0.0), "steps before a partition's first reception have none"


def test_a_silent_partition_holds_the_finals_back(store: Callable[[str], Store]) -> None:
    log, chance = busy(8), random.Random(9)
    pieces = log.batches(UNTIL, chance)
    found = store("silent")
    roll(found, [pieces[0], []], chance)
    assert rows(found, "dossier.received", "1h").filter(pl.col("first_value").is_not_null()).is_empty()


def alone(store: Store, records: Sequence[Sequence[Record]]) -> tuple[Pipeline, Callable[[int, int], None], Roller]:
    """A pipeline, a function that counts a partition's records up to one of them, and a roller."""
    settings = Settings(clickhouse_url=store.settings.clickhouse_url, partitions=2)
    pipeline = Pipeline(load(), store, settings)
    pipeline.assign([(TOPIC, 0), (TOPIC, 1)], {TOPIC: 2})

    def count(number: int, end: int) -> None:
        start = pipeline.checkpoints[TOPIC, number].next
        at, keys, values = zip(*records[number][start:end], strict=True)
        pipeline.run([Batch(TOPIC, number, start, end, range(start, end), keys, values, at)])

    return pipeline, count, Roller(load(), store, settings)


def beats(*at: int) -> list[Record]:
    return [(t, None, heartbeat("pacemaker", t)) for t in at]


def test_no_provisional_row_stays_where_a_step_is_final(store: Callable[[str], Store]) -> None:
    """The value does not change there, so no row is written for the step but that of the time when it was open."""
    log = Log()
    log.event(START + MINUTE, START + MINUTE, "a")
    found, minutes = store("final"), range(0, 60, 2)
    records = [sorted([*own, *beats(*(START + m * MINUTE for m in minutes))], key=lambda r: r[0]) for own in log.records]
    _, count, roller = alone(found, records)
    for end in (8, 20, 30):
        for number in (0, 1):
            count(number, end)
        roller.forget()  # another roller: it shows its open step anew
        roller.step()
    left = found.query(
        "SELECT indicator, window, at FROM indicators FINAL WHERE until < at AND at <= "
        "(SELECT fromUnixTimestamp64Milli(assumeNotNull(max(received))) FROM checkpoints WHERE stage = 'roll')"
    )
    assert left.rows() == []
    assert held(rows(found, "dossier.backlog", "level"), START + 50 * MINUTE) == (1, 1)


def test_what_was_there_before_the_first_final_step_is_in_it(store: Callable[[str], Store]) -> None:
    """One partition begins long before the other: no step before both has a first final, but the first one has all."""
    log = Log()
    while not log.records[0]:
        log.event(START, START, "a")
    count_all = len(log.records[0])
    records = [[*log.records[0], *beats(START + 50 * DAY)], beats(START + 3 * HOUR, START + 50 * DAY)]
    found = store("opening")
    _, count, roller = alone(found, records)
    count(0, len(records[0]))
    count(1, 2)
    roller.step()
    at = START + 3 * HOUR + 10 * MINUTE
    assert held(rows(found, "dossier.backlog", "level"), at) == (count_all, count_all)
    assert held(rows(found, "dossier.received", "1d"), START + 4 * HOUR) == (count_all, count_all)
    assert held(rows(found, "dossier.received", "1d"), START + 30 * HOUR) == (0, 0)


def test_late_events_counted_before_every_partition_had_a_record_have_left_by_the_first_step(
    store: Callable[[str], Store],
) -> None:
    """Found by chaos: the first roll wrote again what the later ones of them touch, and not where the earlier ones leave."""
    log = Log()
    for late in (30, 33):
        log.event(START - late * HOUR, START, "a")
    assert [len(own) for own in log.records] == [1, 1], "one in each partition"
    records = [[*own, *beats(START + HOUR, START + 8 * HOUR)] for own in log.records]
    found = store("early")
    _, count, roller = alone(found, records)
    count(first := next(number for number, own in enumerate(log.records) if own[0][1] == b"d0"), 2)
    roller.step()  # the other partition has no record: nothing is final
    for number in (first, 1 - first):
        count(number, len(records[number]))
    roller.step()
    one_day = rows(found, "dossier.received", "1d")
    for at in range(START - 40 * HOUR, START + 7 * HOUR, HOUR):
        truth = sum(at - DAY <= event < at for event, *_ in log.facts)
        assert held(one_day, at)[0] == truth, iso(at)


def test_an_event_older_than_what_is_restated_is_in_all_steps_that_are(store: Callable[[str], Store]) -> None:
    log = Log()
    now = START + 80 * DAY
    log.event(START + 10 * DAY, now, "a")  # in the second quarter, 70 days late
    number = 0 if log.records[0] else 1
    records = [beats(START, now - HOUR, now - MINUTE), beats(START, now - HOUR, now - MINUTE)]
    records[number] += log.records[number]
    records = [[*own, *beats(now + HOUR)] for own in records]
    found = store("horizon")
    _, count, roller = alone(found, records)
    for end in (3, 4, 5):
        for place in (0, 1):
            if end <= len(records[place]):
                count(place, end)
        roller.step()
    frame = rows(found, "dossier.received", "quarter")
    assert held(frame, now - 20 * DAY) == (1, 0)
    assert held(frame, now - 40 * DAY) == (0, 0), "what is older than `restate` is read from panes"


def test_years_in_which_nothing_happened_cost_few_statements(
    store: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a past of long ago was loaded: the watermark passes fifteen years at once."""
    log = Log()
    log.event(START, START, "a")
    later = START + 15 * 365 * DAY
    records = [[*own, *beats(START, later)] for own in log.records]
    found = store("idle_years")
    _, count, roller = alone(found, records)
    for number in (0, 1):
        count(number, len(records[number]))
    asked, query = [], Store.query
    monkeypatch.setattr(Store, "query", lambda self, sql, settings=None: (asked.append(sql), query(self, sql, settings))[1])
    roller.step()
    monkeypatch.undo()
    assert len(asked) < 500
    assert held(rows(found, "dossier.backlog", "level"), later - HOUR) == (1, 1)
    assert held(rows(found, "dossier.received", "year"), later - HOUR) == (0, 0)


def test_the_open_step_is_shown_before_a_long_past_is_rolled(store: Callable[[str], Store]) -> None:
    """After a past was loaded the boards are of today at once, though it takes minutes until its steps are final."""
    log = Log()
    log.event(START, START, "a")
    now = START + 60 * DAY
    records = [[*own, *beats(START, now)] for own in log.records]
    found = store("at_once")
    _, count, roller = alone(found, records)
    for number in (0, 1):
        count(number, len(records[number]))
    roller.stop()  # it leaves before the first portion of final steps
    roller.step()
    shown = rows(found, "dossier.backlog", "level")
    assert (shown["value"].to_list(), shown["until"].to_list()) == ([1], [now + 1])


def test_a_long_past_of_one_stream_keeps_no_other_waiting(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its final steps are written in turns, the others' open steps are shown; it counts as rolled at the end of it only."""
    monkeypatch.setattr("ioc.rolling.roll.SLICE", 0.0)
    catalog = Catalog((load().stream_of("dossier.backlog"), QUEUES.streams[0]))
    found, desk, log = real_store(store_url, "long_past", catalog), Desk(), Log()
    log.event(START, START, "a")
    made = pipeline(found, 2, catalog, (TOPIC,))
    made.assign([(QUEUE_TOPIC, 0)], {QUEUE_TOPIC: 1})
    whole = (sorted([*own, *beats(START, START + 60 * DAY)], key=lambda r: r[0]) for own in log.records)
    for number, records in enumerate(whole):
        at, keys, values = zip(*records, strict=True)
        made.run([Batch(TOPIC, number, 0, len(at), range(len(at)), keys, values, at)])
    desk.beat(0)
    count(made, desk.log)
    roller, alerter = Roller(catalog, found, found.settings), Alerter(catalog, found, run=False)
    assert roller.turn(), "ten days of sixty"
    desk.put("A", 30, 10.5)
    desk.beat(30)
    count(made, desk.log)
    assert roller.turn()
    assert found.query("SELECT value FROM v_queue_waiting_now WHERE desk = 'A'")["value"].to_list() == [30]
    assert alerter.step()
    assert [(name, to) for name, _, to, _ in transitions(found)] == [("A", "firing")]
    assert {topic for _, topic, _ in state.checkpoints(found, ROLL)} == {QUEUE_TOPIC}
    while roller.turn():
        pass
    ends = {tuple(place): c.next for (_, *place), c in state.checkpoints(found, MEASURE).items()}
    assert {tuple(place): c.next for (_, *place), c in state.checkpoints(found, ROLL).items()} == ends


def test_what_one_stream_has_rolled_stays_when_the_next_one_fails(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog((load().stream_of("dossier.backlog"), QUEUES.streams[0]))
    found, desk, log = real_store(store_url, "one_fails", catalog), Desk(), Log()
    log.event(START, START, "a")
    made = pipeline(found, 2, catalog, (TOPIC,))
    made.assign([(QUEUE_TOPIC, 0)], {QUEUE_TOPIC: 1})
    for number, records in enumerate(sorted([*own, *beats(START, START + HOUR)], key=lambda r: r[0]) for own in log.records):
        at, keys, values = zip(*records, strict=True)
        made.run([Batch(TOPIC, number, 0, len(at), range(len(at)), keys, values, at)])
    desk.beat(0)
    count(made, desk.log)
    whole = Roller._stream

    def failing(self: Roller, stream: Any, *given: Any) -> bool:
        if stream is QUEUES.streams[0]:
            raise MemoryError
        return whole(self, stream, *given)

    monkeypatch.setattr(Roller, "_stream", failing)
    with pytest.raises(MemoryError):
        Roller(catalog, found, found.settings).turn()
    assert {topic for _, topic, _ in state.checkpoints(found, ROLL)} == {TOPIC}


def test_what_is_counted_during_the_turns_of_a_long_past_is_late_for_all_of_them(
    store: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its year is open at the end, though its own day was rolled turns ago and nothing else happens since."""
    monkeypatch.setattr("ioc.rolling.roll.SLICE", 0.0)
    log, now = Log(), START + 200 * DAY
    log.event(START, START, "a")
    log.event(START + 5 * DAY, now + HOUR, "a")
    records = [sorted([*own, *beats(START, now, now + 2 * HOUR)], key=lambda r: r[0]) for own in log.records]
    found = store("during")
    _, count_to, roller = alone(found, records)
    for number, own in enumerate(records):
        count_to(number, sum(r[0] <= now for r in own))
    assert roller.turn()
    for number, own in enumerate(records):
        count_to(number, len(own))
    roller.step()
    frame = rows(found, "dossier.received", "year")
    assert held(frame, now - 30 * DAY) == (2, 1)
    assert held(frame, now) == (2, 2), "the watermark was at the last minute"
    assert held(rows(found, "dossier.received", "1d"), now + 2 * HOUR)[0] == 0


def test_a_group_that_came_and_went_between_two_rolls_is_shown_as_it_is(store_url: str) -> None:
    """A step that became final with 5 in it lies between two open steps with 0: the second one is no repetition."""
    desk, found = Desk(), real_store(store_url, "came_and_went", QUEUES)
    own, roller = pipeline(found, 1, QUEUES, (QUEUE_TOPIC,)), Roller(QUEUES, found, found.settings)
    for events in ([("A", 5, 1, 1), ("A", -5, 2, 2)], [], [("A", 5, 10.5, 12.2), ("A", -5, 11.5, 12.25), ("B", 1, 12.3, 12.3)]):
        for event in events:
            desk.put(*event)
        if not events or not desk.log[2:]:
            desk.beat(5 if events else 9.9)
        count(own, desk.log)
        roller.step()
    now = {a.dims["desk"]: a.value for a in read.value(found, QUEUES, "queue.waiting", by=["desk"])}
    assert now == {"A": 0, "B": 1}
    shown = found.query("SELECT desk, value FROM v_queue_waiting_now WHERE desk != '*'")
    assert dict(shown.rows()) == now
