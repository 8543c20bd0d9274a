"""Purity: the numbers are a function of the events: not of cuts, partitions, their pace, the order of arrival or repeats.

First finals and values are read off the panes by hand: what counts before T, and of that what was known before T.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.counting.pipeline import Pipeline
from ioc.store.state import Checkpoint
from tests import brute
from tests.brute import DAY, MINUTE, Record
from tests.counting import TOPICS, count, panes, pipeline, poll
from tests.fake import FakeStore
from tests.logs import START, batch, beat, by_place, ran, random_history, random_log, record

FEW = settings(max_examples=settings().max_examples // 3)


def of_facts(store: FakeStore) -> dict[Any, tuple[int, tuple[int, ...]]]:
    """Panes but for those of feeds: what says how events came depends on how they came."""
    return {key: pane for key, pane in panes(store).items() if not key[0].startswith("feed.")}


def summed(store: FakeStore, *fields: int) -> dict[Any, tuple[int, ...]]:
    """Panes summed over all but the given fields of their key (indicator, dims, at, known, topic, partition), without zeros."""
    sums: dict[Any, tuple[int, ...]] = {}
    for key, (_, measures) in of_facts(store).items():
        name = tuple(key[f] for f in fields)
        sums[name] = brute.plus(sums.get(name), measures)
    return {name: measures for name, measures in sums.items() if any(measures)}


def values(store: FakeStore, first: bool) -> dict[Any, tuple[int, ...]]:
    """The running sums of each indicator at many steps: latest, or first final."""
    sums: dict[Any, tuple[int, ...]] = {}
    for (indicator, dims, at, known, *_), (_, measures) in of_facts(store).items():
        for step in range(START - 2 * DAY, START + 16 * DAY, DAY // 2):
            if max(at, known if first else at) < step:
                sums[indicator, dims, step] = brute.plus(sums.get((indicator, dims, step)), measures)
    return {name: measures for name, measures in sums.items() if any(measures)}


@given(st.integers(0, 10**9))
@FEW
def test_any_cuts_and_interleaving_and_every_batch_delivered_again_give_the_same_panes_and_first_finals(seed: int) -> None:
    rng = random.Random(seed)
    log = random_log(rng, 40, 3)
    one, other = FakeStore(), FakeStore()
    for place in rng.sample(sorted(by_place(log)), len(by_place(log))):  # one partition wholly after the other
        count(pipeline(one, 3), [r for r in log if (r.topic, r.partition) == place])
    made = pipeline(other, 3)
    while poll(made, log, rng, rng.choice((3, 20))):
        if rng.random() < 0.5:
            _again(made, log, rng)
    assert summed(one, 0, 1, 2, 3) == summed(other, 0, 1, 2, 3)
    assert values(one, True) == values(other, True)
    assert values(one, False) == values(other, False)


def _again(made: Pipeline, log: Iterable[Record], rng: random.Random) -> None:
    """A partition is delivered again, from its beginning to where it was or a little further, to the same worker."""
    place = rng.choice(list(made.checkpoints))
    was = made.checkpoints[place]
    rest = [r for r in log if (r.topic, r.partition) == place and r.offset < was.next]
    if rest:
        made.checkpoints[place] = Checkpoint()
        made.begin_at(place, 0)
        for piece in batch(rest, 0, was.next).cut(rng.choices((1, 5), k=4)):
            made.run([piece])
        assert made.checkpoints[place] == was


def pool(rng: random.Random) -> list[dict[str, Any]]:
    """Events that are valid in any order: no id is used for two things, no time lies ahead."""
    events = [e for d in range(4) for e in random_history(rng, f"D{d}", rng.randrange(1, 8))]
    return events + [ran(f"c{i % 3}", f"r{i}", START + rng.randrange(6) * 30_000, i) for i in range(10)]


def arrived(events: list[dict[str, Any]], rng: random.Random, partitions: int) -> FakeStore:
    """The store after the events came in this order, with repeats, heartbeats and gaps between them."""
    offsets: Counter[Any] = Counter()
    log, now = [], START + 12 * DAY

    def put(event: dict[str, Any], **more: Any) -> None:
        made = record(event, 0, now, partitions, **more)
        offset = offsets[made.topic, made.partition] + rng.randrange(2)
        offsets[made.topic, made.partition] = offset + 1
        log.append(Record(made.topic, made.partition, offset, made.key, made.value, now))

    for i, event in enumerate(events):
        now += rng.choice((0, 1_000, 3 * MINUTE))
        put(event)
        if rng.random() < 0.3:
            put(rng.choice(events[: i + 1]))
        if rng.random() < 0.2:
            put(beat(now), topic=rng.choice(TOPICS), partition=rng.randrange(partitions), key=b"")
    store = FakeStore()
    count(pipeline(store, partitions), log, rng)
    return store


@given(st.integers(0, 10**9), st.integers(1, 6), st.integers(1, 6))
@FEW
def test_any_order_of_arrival_repeats_and_any_number_of_partitions_give_the_same_latest_values(
    seed: int, some: int, other: int
) -> None:
    rng = random.Random(seed)
    events = pool(rng)
    first = arrived(events, rng, some)
    rng.shuffle(events)
    second = arrived(events, rng, other)
    assert summed(first, 0, 1, 2) == summed(second, 0, 1, 2)
    assert values(first, False) == values(second, False)


@given(st.integers(0, 10**9))
@FEW
def test_by_the_panes_themselves_no_event_in_order_changes_what_was_before_it(seed: int) -> None:
    """The law of causality through the whole path: in the order of event time, without corrections, nothing is restated."""
    rng = random.Random(seed)
    events = [e | {"replaces": None} for e in pool(rng)]
    events.sort(key=lambda e: brute.ms(e["time"]))
    store, offsets = FakeStore(), Counter[Any]()
    made = pipeline(store, 2)
    for event in events:
        at = brute.ms(event["time"])
        before = {k: m for k, m in summed(store, 0, 1, 2).items() if k[2] < at // MINUTE * MINUTE}
        one = record(event, 0, at, 2, headers=(("ioc-received", str(at).encode()),))
        place = (one.topic, one.partition)
        made.run([batch([Record(*place, offsets[place], one.key, one.value, at, one.headers)])])
        offsets[place] += 1
        assert {k: m for k, m in summed(store, 0, 1, 2).items() if k[2] < at // MINUTE * MINUTE} == before
