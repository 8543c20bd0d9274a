"""Alerts: what is judged, from where on, and that crashes, cuts and a second alerter change no transition."""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from ioc.alerting import alerts
from ioc.alerting.alerts import Alerter
from ioc.alerting.judge import State
from ioc.alerting.removed import ALERT
from ioc.centre.repair import forget
from ioc.errors import ServiceAway
from ioc.rolling.roll import Roller
from ioc.store import state
from ioc.store.clickhouse import Store
from tests.brute import Record
from tests.counting import count, more_in_proof, pipeline, poll, real_store
from tests.ioc.alerting.test_judge import brute
from tests.logs import START, beat
from tests.streams_queue import CATALOG, QUEUE, TOPIC, change, record

SECOND = 1_000
NAME = "queue.waiting"
RULE = QUEUE.indicators[0].alert
assert RULE is not None
Found = list[tuple[str, int, str, float]]


class Desk:
    """A live log of one partition; times in seconds after START."""

    def __init__(self) -> None:
        self.log: list[Record] = []

    def put(self, desk: str, by: int, at: float, received: float | None = None, past: bool = False) -> None:
        """A change at a desk; `past`: it comes from a loaded past, whose reception is in the header."""
        event = change(desk, by, START + int(at * SECOND), f"e{len(self.log)}")
        self._add(event, at if received is None else received, past)

    def late(self, desk: str, by: int, at: float, received: float) -> None:
        """A change of a past that is imported into a live centre: its header is there and not believed."""
        event = change(desk, by, START + int(at * SECOND), f"e{len(self.log)}")
        header = ("ioc-received", b"%d" % (START + int(at * SECOND)))
        self.log.append(record(event, len(self.log), START + int(received * SECOND), headers=(header,)))

    def beat(self, at: float, past: bool = False) -> None:
        self._add(beat(START + int(at * SECOND)), at, past)

    def _add(self, event: dict[str, object], received: float, past: bool) -> None:
        at = START + int(received * SECOND)
        headers = (("ioc-received", b"%d" % at),) if past else ()
        self.log.append(record(event, len(self.log), at, headers=headers))


def transitions(store: Store) -> Found:
    """(desk, seconds after START, transition, value), in order."""
    frame = store.query(
        "SELECT dims[1], toUnixTimestamp64Milli(at), transition, value FROM alerts FINAL ORDER BY at, dims, transition"
    )
    return [(desk, (at - START) // SECOND, to, value) for desk, at, to, value in frame.rows()]


def judged(store: Store, log: Sequence[Record], partitions: int = 1, run: bool = False) -> Found:
    """The transitions once everything is counted, rolled and judged."""
    count(pipeline(store, partitions, CATALOG, (TOPIC,)), log)
    Roller(CATALOG, store, store.settings).step()
    Alerter(CATALOG, store, run=run).step()
    return transitions(store)


def test_a_backlog_fires_once_and_resolves_once(store_url: str) -> None:
    desk = Desk()
    desk.beat(0)
    desk.put("A", 21, 10.5)
    desk.put("B", 20, 10.5)
    desk.put("A", -9, 20.5)
    desk.put("A", -2, 25.5)
    desk.beat(60)
    assert judged(real_store(store_url, "alerts_once", CATALOG), desk.log) == [
        ("A", 14, "firing", 21.0),
        ("A", 26, "resolved", 10.0),
    ]


def test_an_alert_that_is_not_over_is_one_row_of_the_view_without_an_end(store_url: str) -> None:
    desk, store = Desk(), real_store(store_url, "alerts_view", CATALOG)
    desk.beat(0)
    desk.put("A", 21, 10.5)
    desk.put("A", -21, 20.5)
    desk.put("A", 30, 30.5)
    desk.beat(60)
    judged(store, desk.log)
    frame = store.query("SELECT * EXCEPT (fired_at, resolved_at), fired_at < resolved_at AS ends FROM v_alerts ORDER BY fired_at")
    assert frame.columns == [
        "rule", "indicator", "group", "dims", "fired_value", "threshold", "clear", "resolved_value", "state", "reason", "ends",
    ]  # fmt: skip
    same = (NAME, NAME, "A", ["A"])
    assert frame.rows() == [
        (*same, 21.0, 20.0, 10.0, 0.0, "resolved", "", 1),
        (*same, 30.0, 20.0, 10.0, None, "firing", "", None),
    ]


def test_only_steps_after_going_live_are_judged_and_the_first_may_fire(store_url: str) -> None:
    desk = Desk()
    desk.beat(0, past=True)
    desk.put("over", 30, 10, past=True)
    desk.put("over", -30, 40, past=True)
    desk.put("still", 30, 50, past=True)
    desk.beat(60, past=True)
    store = real_store(store_url, "alerts_past", CATALOG)
    assert judged(store, desk.log) == [], "a past that is loaded is no news"
    desk.beat(100.5)
    desk.beat(110)
    assert judged(store, desk.log) == [("still", 101, "firing", 30.0)], "what waits when the centre goes live is real"


def test_a_backlog_that_began_just_before_going_live_is_held_from_its_beginning(store_url: str) -> None:
    desk = Desk()
    desk.beat(0, past=True)
    desk.put("A", 30, 99, past=True)
    desk.beat(99, past=True)
    desk.beat(100)
    desk.beat(110)
    assert judged(real_store(store_url, "alerts_before", CATALOG), desk.log) == [("A", 103, "firing", 30.0)]


@pytest.mark.parametrize("leaves", [False, True])
def test_going_live_alerts_alike_judged_at_once_or_as_it_comes_in(store_url: str, leaves: bool) -> None:
    """The alerter follows the roller closely, which has not come as far as the first live heartbeat when that is counted."""
    desk = Desk()
    desk.beat(0, past=True)
    desk.put("A", 30, 90 if leaves else 99.5, past=True)
    if leaves:
        desk.put("A", -30, 99.5, past=True)
    desk.beat(99.8, past=True)
    for at in (100.2, 105, 110, 115, 120):
        desk.beat(at)
    whole = judged(real_store(store_url, f"alerts_at_once_{leaves}".lower(), CATALOG), desk.log)
    store = real_store(store_url, f"alerts_closely_{leaves}".lower(), CATALOG)
    own = pipeline(store, 1, CATALOG, (TOPIC,))
    roller, alerter = Roller(CATALOG, store, store.settings), Alerter(CATALOG, store, run=False)
    for number in range(len(desk.log)):
        count(own, desk.log[: number + 1])
        roller.step()
        alerter.step()
    assert transitions(store) == whole
    assert [(name, to) for name, _, to, _ in whole] == ([] if leaves else [("A", "firing")])


def test_where_judging_begins_is_asked_for_once_until_it_is_reached(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked for at every roll of a centre's first minutes, with four queries a stream."""
    asked: list[int | None] = []
    begins = alerts.begins
    monkeypatch.setattr(alerts, "begins", lambda *given, **more: asked.append(begins(*given, **more)) or asked[-1])
    desk, store = Desk(), real_store(store_url, "alerts_begin", CATALOG)
    own, roller = pipeline(store, 1, CATALOG, (TOPIC,)), Roller(CATALOG, store, store.settings)
    alerter = Alerter(CATALOG, store, run=False)
    desk.beat(0, past=True)
    desk.put("A", 30, 50, past=True)
    desk.beat(100.2)
    for at in (100.3, 100.4, 120):
        desk.beat(at)
        count(own, desk.log)
        roller.step()
        alerter.step()
        assert len(asked) == (1 if at < 120 else 2)
    assert [(name, to) for name, _, to, _ in transitions(store)] == [("A", "firing")]


def test_a_run_judges_all_its_steps(store_url: str) -> None:
    desk = Desk()
    desk.beat(0, past=True)
    desk.put("A", 30, 10, past=True)
    desk.put("A", -30, 40, past=True)
    desk.beat(60, past=True)
    found = judged(real_store(store_url, "alerts_run", CATALOG), desk.log, run=True)
    assert found == [("A", 14, "firing", 30.0), ("A", 41, "resolved", 0.0)]


def test_a_past_imported_into_a_live_centre_is_no_alert(store_url: str) -> None:
    """All of it is known at once: what had come and gone never waited as far as anybody knew."""
    desk = Desk()
    desk.beat(0)
    desk.beat(100)
    desk.put("A", 50, 10, received=101)
    desk.put("A", -50, 60, received=101)
    desk.beat(200)
    assert judged(real_store(store_url, "alerts_import", CATALOG), desk.log) == []


def test_while_a_loaded_past_is_counted_again_from_its_beginning_nothing_is_judged(store_url: str) -> None:
    """`ioc doctor --rewind`: the roller's checkpoints stand, those of what is counted are gone until the first batch."""
    desk = Desk()
    desk.beat(0, past=True)
    desk.put("A", 21, 10.5, past=True)
    desk.beat(60, past=True)
    store = real_store(store_url, "alerts_rewound", CATALOG)
    assert judged(store, desk.log) == []
    forget(store)
    assert not Alerter(CATALOG, store, run=False).step()


def test_a_late_event_changes_no_transition_that_was_judged(store_url: str) -> None:
    desk = Desk()
    desk.beat(0)
    desk.put("A", 30, 10.5)
    desk.beat(30)
    store = real_store(store_url, "alerts_late", CATALOG)
    before = judged(store, desk.log)
    assert before == [("A", 14, "firing", 30.0)]
    desk.put("A", -30, 11, received=31)  # they had left at once: told too late to undo the alert
    desk.put("B", 30, 5, received=31)  # they had waited: told too late to have alerted then
    desk.put("B", -30, 20, received=31)
    desk.beat(60)
    assert judged(store, desk.log) == [*before, ("A", 30, "resolved", 0.0)]


def busy(rng: random.Random) -> Desk:
    """Two desks that fill and empty, a third of the changes told late."""
    desk, waiting, at = Desk(), {"A": 0, "B": 0}, 1.0
    desk.beat(0)
    for _ in range(80):
        at += rng.choice((0.2, 0.5, 1, 2, 4))
        name, target = rng.choice("AB"), rng.choice((0, 8, 15, 25, 30))
        if target == waiting[name]:
            desk.beat(at)
        else:
            desk.put(name, target - waiting[name], at - rng.choice((0, 0, 0, 0, 3, 8)), at)
            waiting[name] = target
    desk.beat(at + 20)
    return desk


@pytest.mark.parametrize("seed", more_in_proof(1, 3))
def test_any_cut_crash_and_second_alerter_give_the_transitions_of_the_brute_force(store_url: str, seed: int) -> None:
    rng = random.Random(seed)
    log = busy(rng).log
    store = real_store(store_url, f"alerts_brute_{seed}", CATALOG)
    made, roller = pipeline(store, 1, CATALOG, (TOPIC,)), Roller(CATALOG, store, store.settings)
    alerters = [Alerter(CATALOG, store, run=False) for _ in range(2)]
    more = True
    while more:
        more = poll(made, log, rng, 20)
        roller.step()
        for place in range(2):
            if rng.random() < 0.2:
                alerters[place] = Alerter(CATALOG, store, run=False)  # it has crashed and starts anew
            if rng.random() < 0.5:
                alerters[place].step()
    Alerter(CATALOG, store, run=False).step()
    wanted = truth(log)
    assert len(wanted) > 5
    assert transitions(store) == wanted


def truth(log: Sequence[Record]) -> Found:
    """By docs/exactness.md: a change is known at its time, or when the watermark had come so far; half-open steps."""
    changes, highest = [], None
    for r in log:
        event = json.loads(r.value or b"")
        if "change" in event["data"]:
            before = r.timestamp if highest is None else highest
            time = int(datetime.fromisoformat(event["time"]).timestamp() * SECOND + 0.5)
            known = max(time, before - SECOND) // SECOND * SECOND
            changes.append((event["data"]["desk"], max(time, known), event["data"]["change"]))
        highest = max(r.timestamp, highest or 0)
    assert highest is not None
    found: Found = []
    for desk in sorted({d for d, *_ in changes}):
        steps = range(START, highest - SECOND + 1, SECOND)
        values = [float(sum(n for d, at, n in changes if d == desk and at < step)) for step in steps]
        assert RULE is not None
        found += [(desk, step, to, value) for step, to, value in brute(RULE, values, 1)]  # type: ignore[misc]
    return sorted(found, key=lambda row: (row[1], row[0], row[2]))


# ---- crashes, and what is on its way


def stops_before(table: str, stage: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Writes to the table (of the stage) fail until the function given back is called."""
    insert = Store.insert

    def stops(self: Store, name: str, rows: object, *, durable: bool = False) -> None:
        if name == table and (not stage or stage in rows["stage"].to_pylist()):  # type: ignore[index]
            raise ServiceAway("it ends here")
        insert(self, name, rows, durable=durable)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "insert", stops)
    return monkeypatch.undo


def test_a_crash_between_the_rows_and_the_position_alerts_once(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, store = Desk(), real_store(store_url, "alerts_crash", CATALOG)
    desk.beat(0)
    desk.put("A", 30, 10.5)
    desk.beat(30)
    count(pipeline(store, 1, CATALOG, (TOPIC,)), desk.log)
    Roller(CATALOG, store, store.settings).step()
    alerter = Alerter(CATALOG, store, run=False)
    restore = stops_before("checkpoints", ALERT, monkeypatch)
    with pytest.raises(ServiceAway):
        alerter.step()
    restore()
    assert state.steps(store, ALERT) == {}
    assert transitions(store) == [("A", 14, "firing", 30.0)]
    desk.put("A", -30, 40)
    desk.beat(60)
    assert judged(store, desk.log) == [("A", 14, "firing", 30.0), ("A", 41, "resolved", 0.0)]
    alerter.step()
    assert store.query("SELECT count() AS n FROM alerts FINAL")["n"][0] == 2


def test_a_crash_before_the_rows_loses_no_transition(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, store = Desk(), real_store(store_url, "alerts_lost", CATALOG)
    desk.beat(0)
    desk.put("A", 30, 10.5)
    desk.beat(30)
    count(pipeline(store, 1, CATALOG, (TOPIC,)), desk.log)
    Roller(CATALOG, store, store.settings).step()
    alerter = Alerter(CATALOG, store, run=False)
    restore = stops_before("alerts", "", monkeypatch)
    with pytest.raises(ServiceAway):
        alerter.step()
    restore()
    assert transitions(store) == []
    alerter.step()
    assert transitions(store) == [("A", 14, "firing", 30.0)], "what is remembered is what is in the store"


def test_steps_whose_rows_are_still_on_their_way_are_not_judged(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, store = Desk(), real_store(store_url, "alerts_way", CATALOG)
    desk.beat(0)
    desk.put("A", 30, 10.5)
    desk.beat(30)
    count(pipeline(store, 1, CATALOG, (TOPIC,)), desk.log)
    restore = stops_before("indicators", "", monkeypatch)
    with pytest.raises(ServiceAway):
        Roller(CATALOG, store, store.settings).step()
    restore()
    alerter = Alerter(CATALOG, store, run=False)
    assert not alerter.step()
    Roller(CATALOG, store, store.settings).step()
    assert alerter.step()
    assert transitions(store) == [("A", 14, "firing", 30.0)]


def test_an_alerter_left_behind_writes_nothing_that_differs(store_url: str) -> None:
    desk, store = Desk(), real_store(store_url, "alerts_zombie", CATALOG)
    desk.beat(0)
    desk.put("A", 30, 10.5)
    desk.beat(13)
    count(pipeline(store, 1, CATALOG, (TOPIC,)), desk.log)
    Roller(CATALOG, store, store.settings).step()
    zombie = Alerter(CATALOG, store, run=False)
    zombie.step()
    desk.put("A", -30, 40)
    desk.put("A", 30, 50)
    desk.beat(80)
    wanted = judged(store, desk.log)
    assert [to for *_, to, _ in wanted] == ["firing", "resolved", "firing"]
    zombie.step()
    assert transitions(store) == wanted
    assert store.query("SELECT count() AS n FROM alerts FINAL")["n"][0] == 3
    assert state.steps(store, ALERT) == {(CATALOG.generations["queue"], "queue"): START + 79 * SECOND}


# ---- each rule is needed


def no_look_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "look_back", lambda rule, grain, rows, value, firing, position: State(value, None, firing))


def judges_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    right = alerts.begins
    monkeypatch.setattr(alerts, "begins", lambda store, stream, generation, run: right(store, stream, generation, run=True))


def position_first(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Alerter._judge

    def saves_first(self: Alerter, stream: Any, generation: str, *rest: Any) -> None:
        state.save_step(self.store, ALERT, generation, stream.name, rest[-1])
        right(self, stream, generation, *rest)

    monkeypatch.setattr(Alerter, "_judge", saves_first)


@pytest.mark.parametrize(
    ("mutant", "finds"),
    [
        (no_look_back, "test_a_backlog_that_began_just_before_going_live_is_held_from_its_beginning"),
        (judges_the_past, "test_only_steps_after_going_live_are_judged_and_the_first_may_fire"),
        (position_first, "test_a_crash_before_the_rows_loses_no_transition"),
    ],
)
def test_an_alerter_with_one_rule_switched_off_is_found_out(
    store_url: str, monkeypatch: pytest.MonkeyPatch, mutant: Callable[[pytest.MonkeyPatch], None], finds: str
) -> None:
    mutant(monkeypatch)
    test = globals()[finds]
    with pytest.raises(AssertionError):
        test(store_url, pytest.MonkeyPatch()) if "monkeypatch" in inspect.signature(test).parameters else test(store_url)


def a_past_in_halves(desk: Desk, begin: float) -> None:
    """A past of years ago comes in: 50 waited, told first, and had left, told two minutes later. The whole leaves 25."""
    desk.beat(begin, past=True)  # an import opens with a heartbeat of its own in every partition
    desk.late("A", 50, -9_000, begin)
    desk.late("B", 50, -9_000, begin)
    desk.beat(begin + 60)
    desk.late("A", -25, -8_000, begin + 120)
    desk.late("B", -50, -8_000, begin + 120)


@pytest.mark.parametrize("closely", [False, True])
def test_a_past_that_comes_into_a_live_centre_bit_by_bit_alerts_nobody(store_url: str, closely: bool) -> None:
    """What it leaves is judged ten minutes after its end, as what waits when a centre goes live, however often one looks."""
    desk, store = Desk(), real_store(store_url, f"alerts_bits_{closely}".lower(), CATALOG)
    for at in (0, 50):
        desk.beat(at)
    a_past_in_halves(desk, 100.5)
    for at in (230, 400, 810, 820, 822, 830):
        desk.beat(at)
    desk.put("A", 1, 1_000.5)
    desk.put("B", 1, 1_000.5)
    desk.beat(1_020)
    if closely:
        own = pipeline(store, 1, CATALOG, (TOPIC,))
        roller = Roller(CATALOG, store, store.settings)
        for number in range(len(desk.log)):
            count(own, desk.log[: number + 1])
            roller.step()
            Alerter(CATALOG, store, run=False).step()  # always a new one: its memory is the store's
    found = transitions(store) if closely else judged(store, desk.log)
    assert found == [("A", 824, "firing", 25.0)]


def test_an_alert_that_holds_while_a_past_comes_in_is_told_once_and_ends_after_it(store_url: str) -> None:
    desk = Desk()
    desk.beat(0)
    desk.put("A", 30, 10.5)
    desk.beat(50)
    desk.beat(100.5, past=True)
    desk.late("A", -25, -9_000, 100.5)
    for at in (110, 400, 700):
        desk.beat(at)
    desk.put("A", -1, 900.5)
    desk.beat(910)
    found = judged(real_store(store_url, "alerts_through_import", CATALOG), desk.log)
    assert found == [("A", 14, "firing", 30.0), ("A", 701, "resolved", 5.0)]


def test_what_is_late_without_being_imported_alerts_as_before(store_url: str) -> None:
    desk = Desk()
    desk.beat(0)
    desk.put("A", 30, -9_000, received=100.5)
    desk.beat(120)
    assert [to for _, _, to, _ in judged(real_store(store_url, "alerts_outage", CATALOG), desk.log)] == ["firing"]
