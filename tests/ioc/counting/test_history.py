"""History: each event's difference is that of the log up to it, whatever order they come in and whoever is ahead."""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.catalog import generation
from ioc.counting.difference import difference
from ioc.counting.history import LIMIT, History, Item, raised
from ioc.events.exact_lane import Reject
from ioc.vocabulary import Contributions
from streams.dossiers import RANK, STREAM, Step
from tests import brute
from tests.logs import JULY, START, dossier, random_history, text

DAY = brute.DAY


def item(event: dict[str, Any], offset: int) -> Item:
    """What `measure` makes of an event."""
    data = event["data"]
    at, due = brute.ms(event["time"]), data.get("due_at")
    said = data | {"time": at, "due_at": brute.ms(due) if due else None}
    step = Step(*(said.get(name) for name in Step._fields))
    sequence = int(event.get("sequence") or 0)
    digest = hash(str(sorted(data.items()))) & 0xFFFF
    return Item(at, sequence, RANK[step.state], event["source"], event["id"], offset, digest, event.get("replaces"), step)


def add_up(total: Contributions, change: Contributions) -> Contributions:
    keys = total.keys() | change.keys()
    summed = {k: tuple(map(sum, zip(*[c[k] for c in (total, change) if k in c], strict=True))) for k in keys}
    return {k: m for k, m in summed.items() if any(m)}


def play(events: list[dict[str, Any]]) -> tuple[History, Contributions, list[Any]]:
    """A history that took the events in this order: itself, the sum of differences, and the outcomes."""
    history, total, outcomes = History(STREAM), {}, []
    for offset, event in enumerate(events):
        outcome = history.add(item(event, offset))
        outcomes.append(outcome)
        if isinstance(outcome, dict):
            total = add_up(total, outcome)
    return history, total, outcomes


def truth(events: list[dict[str, Any]]) -> Contributions:
    return brute.contributions(events)


@given(st.integers(0, 10**9), st.integers(1, 12), st.sampled_from((START, JULY)))
def test_any_order_of_arrival_ends_in_the_same_sum_as_the_brute_force(seed: int, size: int, start: int) -> None:
    rng = random.Random(seed)
    events = random_history(rng, "D", size, start)
    first = play(events)
    for _ in range(3):
        rng.shuffle(events)
        history, total, _ = play(events)
        assert total == first[1] == truth(events)
        assert [i[:5] for i in history.items] == [i[:5] for i in first[0].items]


def test_the_random_histories_are_no_easy_ones() -> None:
    rng, seen = random.Random(1), Counter()
    for _ in range(600):
        told = brute.in_order(random_history(rng, "D", 8, rng.choice((START, JULY))))
        counts = Counter(what for what, _, _ in brute.state_before(told, 1 << 60).flows)
        rows, life = truth(told), [brute.state_before(told, brute.ms(e["time"]) + 1) for e in told]
        seen.update({name for name, *_ in rows})
        waits = [(a, b) for a, b in pairwise(life) if a.since and a.asked and b.asked != a.asked]
        seen.update(
            name
            for name, is_so in {
                "asked twice": any(s.since and s.asked and s.requests > 1 for s in life),
                "answered": any(b.since for _, b in waits),
                "answered, due later": any(b.since and None is not a.due != b.due for a, b in waits),
                "answered, due as before": any(b.since and None is not a.due == b.due for a, b in waits),
                "ended while asked": any(not b.since for _, b in waits),
                "overdue while asked": any(s.since and s.asked and s.requests == 1 and s.overdue(s.asked) for s in life),
                "due by law": any(s.since and s.due and s.stated_due is None for s in life),
                "due by law, moved": any(s.since and s.due and s.stated_due is None and s.waited for s in life),
                "never due": bool(life[-1:]) and life[-1].opened is not None and life[-1].due is None,
                "opened twice": counts["dossier.reopened"] > 1,
                "withdrawn unreceived": any(s.state == "withdrawn" and s.opened is None for s in life),
                "ended unreceived": any(end.at == end.opened for s in life[-1:] for end in s.ends),
                "units on both sides": {True, False} <= {"@" in dims[4] for _, dims, _ in rows if dims[4] != "?"},
                "late": any(end.late for s in life[-1:] for end in s.ends),
                "three at once": max(Counter(e["time"] for e in told).values(), default=0) > 2,
            }.items()
            if is_so
        )
    own = {i.name for i in STREAM.indicators if not i.looks}
    assert seen.keys() >= own
    assert min(seen.values()) >= 3, seen.most_common()[-3:]
    assert len(seen) == len(own) + 15


@given(st.integers(0, 10**9), st.integers(1, 9))
def test_repeats_in_the_log_are_duplicates_and_other_data_under_a_used_id_is_refused(seed: int, size: int) -> None:
    rng = random.Random(seed)
    events = random_history(rng, "D", size)
    _, total, _ = play(events)
    other = dossier("D", "e0", "received", START + DAY, department="x", source=events[0]["source"])
    log = [*events, *rng.sample(events, len(events)), other]
    history, again, outcomes = play(log)
    assert again == total
    assert outcomes[size : 2 * size] == [None] * size
    assert isinstance(outcomes[-1], Reject)
    assert outcomes[-1].reason == "id_reused"
    assert len(history.items) == size


@pytest.mark.parametrize(
    ("again", "says"),
    [
        (dossier("D", "a", "completed", START + 20 * DAY), "another time (2022-10-08T00:00:00Z, now 2022-10-26T00:00:00Z);"),
        (dossier("D", "a", "completed", START + 2 * DAY, replaces="b"), "another `replaces` (None, now 'b');"),
        (dossier("D", "a", "stopped", START + 2 * DAY), "other data;"),
        (dossier("D", "a", "stopped", START), "another time (2022-10-08T00:00:00Z, now 2022-10-06T00:00:00Z) and other data;"),
    ],
)
@pytest.mark.parametrize("ahead", [False, True])
def test_a_used_id_with_anything_else_that_counts_is_refused_and_the_message_says_what(
    again: dict[str, Any], says: str, ahead: bool
) -> None:
    first = dossier("D", "a", "completed", START + 2 * DAY)
    history = play([first, dossier("D", "c", "received", START)] if not ahead else [first])[0]
    if ahead:  # the stored row is already beyond the event that is counted
        history.add(item(dossier("D", "c", "received", START), 9))
    before = history.pack()
    outcome = history.add(item(again, 5))
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.field) == ("id_reused", "id")
    assert f"'a' of '/s' was used at offset 0 for {says}" in outcome.message
    assert "`replaces`: 'a'" in outcome.message
    assert history.pack() == before


def test_a_repeat_with_another_sequence_is_a_duplicate_for_a_file_that_grew_gives_its_rows_other_places() -> None:
    first = dossier("D", "a", "received", START, sequence="3")
    assert play([first, first | {"sequence": "4"}, {k: v for k, v in first.items() if k != "sequence"}])[2][1:] == [None, None]


@given(st.integers(0, 10**9), st.integers(1, 9), st.booleans())
def test_a_history_that_is_ahead_gives_each_event_the_difference_it_had(seed: int, size: int, packed: bool) -> None:
    rng = random.Random(seed)
    events = random_history(rng, "D", size)
    log = [*events, *rng.sample(events, size // 2)]
    rng.shuffle(log)
    history, _, outcomes = play(log)
    if packed:
        history = History.unpack(STREAM, history.pack())
    before = history.pack()
    start = rng.randrange(len(log))
    for offset in range(start, len(log)):
        assert history.add(item(log[offset], offset)) == outcomes[offset]
    assert history.pack() == before


@given(st.integers(0, 10**9), st.integers(2, 9))
def test_a_history_from_any_moment_goes_on_as_the_one_that_never_stopped(seed: int, size: int) -> None:
    events = random_history(random.Random(seed), "D", size)
    _, _, outcomes = play(events)
    for stop in range(size):
        stored = History.unpack(STREAM, play(events[:stop])[0].pack())
        assert [stored.add(item(e, stop + i)) for i, e in enumerate(events[stop:])] == outcomes[stop:]


def test_a_correction_counts_instead_of_what_it_replaces_whichever_comes_first() -> None:
    wrong = dossier("D", "a", "received", START, agency="A", due_at=START + 2 * DAY)
    right = dossier("D", "b", "received", START, agency="B", due_at=START + 3 * DAY, replaces="a")
    last = dossier("D", "c", "received", START, agency="C", replaces="b")
    only = truth([dossier("D", "c", "received", START, agency="C")])
    for order in ([wrong, right, last], [last, right, wrong], [right, last, wrong], [wrong, last, right]):
        assert play(order)[1] == only
    assert play([wrong, right])[1] == truth([dossier("D", "b", "received", START, agency="B", due_at=START + 3 * DAY)])


def test_a_correction_of_another_source_replaces_nothing() -> None:
    events = [dossier("D", "a", "received", START), dossier("D", "b", "processing", START + DAY, replaces="a", source="/other")]
    assert ("dossier.received", ("?", "?", "counter", "?", "?"), START) in play(events)[1]


def test_a_declaration_that_raises_is_a_reject_that_leaves_all_as_it_was() -> None:
    def failing(history: Any) -> Any:
        if any(step.state == "stopped" for step in history):
            raise ValueError("no such end")
        return STREAM.contributions(history) if STREAM.contributions else []

    stream = replace(STREAM, contributions=failing, lifecycle=lambda history: 1 / 0)  # type: ignore[arg-type, return-value]
    history = History(stream)
    assert isinstance(history.add(item(dossier("D", "a", "received", START), 0)), dict)
    before = history.pack()
    bad = history.add(item(dossier("D", "b", "stopped", START + DAY), 1))
    assert bad == raised(ValueError("no such end"))
    assert bad.reason == "contributions"  # type: ignore[union-attr]
    assert history.pack() == before
    assert isinstance(history.add(item(dossier("D", "c", "completed", START + DAY), 2)), dict)
    assert isinstance(history.add(item(dossier("D", "b", "stopped", START + DAY), 1)), Reject), "ahead: the same verdict"
    assert history.lifecycle() == (None, None, None, ())


def test_a_difference_has_no_zeros_and_takes_back_what_is_gone() -> None:
    a, b, c = (("i", (), n) for n in range(3))
    before = [(*a, (1, 0)), (*b, (2, 1)), (*c, (3, 0))]
    assert difference([(*a, (1, 0)), (*b, (2, 2))], before) == {b: (0, 1), c: (-3, 0)}
    assert difference([(*a, (1, 0)), (*a, (1, 1))], [(*a, (2, 1))]) == {}
    assert difference(before, before) == {}


@given(st.integers(0, 10**9), st.booleans())
def test_an_entity_has_at_most_so_many_events_whoever_is_ahead_and_repeats_stay_duplicates(seed: int, reverse: bool) -> None:
    rng = random.Random(seed)
    events = random_history(rng, "D", 9)
    log = [*events[: 4 if reverse else 9], *events]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ioc.counting.history.LIMIT", 5)
        history, total, outcomes = play(log)
        counted = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, dict)]
        refused = {o.reason for o in outcomes if isinstance(o, Reject)}
        before = history.pack()
        assert [history.add(item(e, i)) for i, e in enumerate(log)] == outcomes, "ahead: the same verdicts"
    assert len(counted) == 5
    assert refused == {"too_many"}
    assert total == truth([log[i] for i in counted])
    assert history.pack() == before


def test_an_entity_with_as_many_events_as_it_may_have_is_counted_in_seconds() -> None:
    begun = time.process_time()
    step = dossier("D", "a", "received", START)
    history = History(STREAM)
    for i in range(LIMIT):
        event = step | {"id": f"e{i}", "time": text(START + i * 1000)}
        assert isinstance(history.add(item(event, i)), dict)
    outcome = history.add(item(step | {"id": "one more"}, LIMIT))
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.message) == (
        "too_many",
        f"its entity has {LIMIT} events already, as many as one may have; begin another one",
    )
    assert history.add(item(step | {"id": "e0"}, LIMIT + 1)) is None
    assert len(history.pack()) < 400_000
    assert time.process_time() - begun < 20


def test_a_stream_may_say_how_many_events_an_entity_has() -> None:
    few, step = History(replace(STREAM, most=3)), dossier("D", "a", "received", START)
    outcomes = [few.add(item(step | {"id": f"e{i}", "time": text(START + i * 1000)}, i)) for i in range(4)]
    assert [type(outcome) for outcome in outcomes] == [dict, dict, dict, Reject]
    assert outcomes[3].message.startswith("its entity has 3 events already")  # type: ignore[union-attr]
    assert generation(replace(STREAM, most=3)) != generation(STREAM)


@pytest.mark.parametrize("name", ["D'1", 'D"\\', "Hồ sơ 1", "\U0001f3db"])
def test_a_packed_history_is_the_history(name: str) -> None:
    history, _, _ = play([dossier(name, "a", "received", START, agency=name, sequence="9" * 18, source=name)])
    again = History.unpack(STREAM, history.pack())
    assert (again.items, again.offset, again.lifecycle()) == (history.items, 0, history.lifecycle())


class Named(NamedTuple):
    """Fields with the names of what every tuple has."""

    time: int
    count: int | None  # type: ignore[assignment]
    index: str | None  # type: ignore[assignment]


def test_fields_may_have_the_names_of_what_every_tuple_has() -> None:
    def counted(history: Any) -> Any:
        return [("dossier.received", ("?",) * 5, step.time, (step.count or 1,)) for step in history]

    stream = replace(STREAM, item=Named, contributions=counted, lifecycle=None)
    history = History(stream)
    for n, step in enumerate([Named(START, 3, None), Named(START, None, "x"), Named(START, None, None)]):
        change = history.add(Item(START, 0, 0, "/s", f"e{n}", n, n, None, step))
        assert change == {("dossier.received", ("?",) * 5, START): (step.count or 1,)}
    assert [one.step for one in History.unpack(stream, history.pack()).items] == [one.step for one in history.items]


@pytest.mark.parametrize("size", [1, 2, 6])
def test_a_packed_history_takes_no_more_memory_than_it_is_long(size: int) -> None:
    logs = [random_history(random.Random(seed), "D", size) for seed in range(100)]
    for log in logs:
        play(log)  # whatever is made once is there
    tracemalloc.start()
    try:
        packed = [play(log)[0].pack() for log in logs]
        gc.collect()  # Python keeps freed tuples for the next ones
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < sum(map(len, packed)) + 1000 * len(packed)
