"""Folds: contributions told event by event are those of the whole history, and a packed history grows without a trace of how."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.counting.history import History, Item
from ioc.counting.samples import fault
from ioc.vocabulary import Contribution, Fold, Stream
from streams.dossiers import STREAM, Step, advance, contributions, lifecycle
from tests import brute
from tests.counting import count, everything, pipeline
from tests.fake import FakeStore
from tests.ioc.counting.test_history import item
from tests.logs import START, dossier, random_history, random_log

SEEDS = st.integers(0, 10**9)


def plainly(history: Sequence[Any]) -> list[Contribution]:
    """The same contributions as a function of the whole history."""
    return contributions(list(history))


PLAIN = replace(STREAM, contributions=plainly, lifecycle=lambda history: lifecycle(list(history)))


def random_items(rng: random.Random, size: int) -> list[Item]:
    """A log of one dossier: late, doubled, corrected events; most of them in order, and many that state nothing new."""
    events = random_history(rng, "D", size)
    quiet = [
        dossier("D", f"q{i}", rng.choice(("processing", "payment")), START + rng.randrange(16) * 6 * brute.HOUR)
        for i in range(size)
    ]
    log = [*events, *quiet, *rng.sample(events, size // 2)]
    log.sort(key=lambda e: brute.ms(e["time"])) if rng.random() < 0.5 else rng.shuffle(log)
    return [item(event, 2 * i) for i, event in enumerate(log)]


@given(SEEDS, st.integers(1, 9))
def test_a_fold_gives_each_event_the_difference_that_the_whole_history_gives(seed: int, size: int) -> None:
    rng = random.Random(seed)
    log = random_items(rng, size)
    fold, plain = History(STREAM), History(PLAIN)
    assert isinstance(STREAM.contributions, Fold)
    assert not isinstance(PLAIN.contributions, Fold)
    for one in log:
        assert fold.add(one) == plain.add(one)
        if rng.random() < 0.3:
            fold = History.unpack(STREAM, fold.pack())
        if rng.random() < 0.3:  # a worker that is behind counts an event again
            again = rng.choice(log[: log.index(one) + 1])
            assert fold.add(again) == plain.add(again)
        assert (fold.items, fold.offset, fold.lifecycle()) == (plain.items, plain.offset, plain.lifecycle())
        assert list(fold.contributions()) == list(plain.contributions())
        assert fold.offsets == tuple(sorted(item.offset for item in fold.items))


@given(SEEDS, st.integers(0, 12))
def test_no_event_changes_the_life_that_was_and_one_that_leaves_it_changes_no_contribution(seed: int, size: int) -> None:
    rng = random.Random(seed)
    life = contributions.begin()
    for one in sorted(random_items(rng, size)):
        before = repr(life), contributions.say(life), lifecycle.say(life)
        following = advance(life, one.step)  # type: ignore[arg-type]
        assert (repr(life), contributions.say(life), lifecycle.say(life)) == before
        if following == life:
            assert following is life, "an equal life that is another object would be told twice for nothing"
        life = following


def test_most_events_of_a_life_change_nothing() -> None:
    said = {"agency": "A", "procedure": "P", "channel": "online", "due_at": START + brute.DAY}
    life = contributions.life([Step(START, "received", **said), Step(START + 1, "processing")])
    assert advance(life, Step(START + 2, "processing")) is life
    assert advance(life, Step(START + 2, "processing", **said)) is life, "said again"
    assert advance(life, Step(START + 2, "processing", agency="A")) is life
    ended = contributions.life([Step(START, "received"), Step(START + 1, "stopped")])
    assert advance(ended, Step(START + 2, "stopped")) is not ended, "a step after the end is counted"


def stated(step: Any) -> list[Any]:
    """A step's fields up to the last one that states something."""
    return [*step][: max(i for i, said in enumerate(step, 1) if said is not None)]


@given(SEEDS, st.integers(1, 9), st.sampled_from([STREAM, PLAIN]))
def test_the_bytes_of_a_packed_history_are_those_of_its_events_however_it_was_cut(seed: int, size: int, stream: Stream) -> None:
    rng = random.Random(seed)
    log = random_items(rng, size)
    packed = {}
    for chance in (0.0, 0.3, 1.0):  # packed at the end; now and then, as polls do; after each event
        history = History(stream)
        for one in log:
            history.add(one)
            if rng.random() < chance:
                history = History.unpack(stream, rng.choice((history.pack(), history.pack().decode())))
        packed[chance] = history.pack()
        assert history.pack() == orjson.dumps([[*i[:8], stated(i.step)] for i in history.items])
    assert len(set(packed.values())) == 1


def test_a_history_that_was_written_as_text_is_read_and_grows_as_bytes() -> None:
    first, second = (
        item(dossier("D", i, "received", START, agency="Xã Hạc Thành", source='/"\\\n'), n) for n, i in enumerate("ab")
    )
    history = History(STREAM)
    history.add(first)
    stored = History.unpack(STREAM, history.pack().decode())
    for one in (history, stored):
        one.add(second)
    assert stored.pack() == history.pack()
    assert stored.items == history.items == [first, second]


def test_an_answer_that_fails_refuses_the_event_that_leads_to_it_and_no_quiet_one_whoever_is_ahead() -> None:
    def failing(life: Any) -> list[Contribution]:
        if life.ended == "stopped":
            raise ValueError("no such end")
        return contributions.say(life)

    stream = replace(STREAM, contributions=replace(contributions, say=failing, apart=None))
    states = ("received", "processing", "stopped", "processing", "completed")
    log = [item(dossier("D", str(i), state, START + i), i) for i, state in enumerate(states)]
    history = History(stream)
    outcomes = [history.add(one) for one in log]
    assert [isinstance(o, dict) for o in outcomes] == [True, True, False, True, True]
    assert [history.add(one) for one in log] == outcomes, "ahead: the same verdicts"
    assert [i.id for i in history.items] == ["0", "1", "3", "4"]


def test_a_fold_that_changes_the_life_it_was_given_is_told_by_the_check() -> None:
    def grow(life: list[Any], step: Any) -> list[Any]:
        life.append(step)
        return life

    wrong = replace(STREAM, contributions=Fold(list, grow, plainly), lifecycle=None)
    assert "advance changed the life it was given" in str(fault(wrong))
    right = replace(STREAM, contributions=Fold(tuple, lambda life, step: (*life, step), plainly), lifecycle=None)
    assert fault(right) is None


def test_a_fold_that_tells_lives_apart_by_less_than_they_differ_in_is_told_by_the_check() -> None:
    wrong = replace(STREAM, contributions=replace(contributions, apart=lambda one, other: ([], [])))
    assert "apart leaves out rows" in str(fault(wrong))
    assert fault(STREAM) is None


@pytest.mark.parametrize("part", ["begin", "advance"])
def test_a_lifecycle_that_walks_otherwise_walks_by_itself(part: str) -> None:
    other: dict[str, Any] = {"begin": lambda: lifecycle.begin(), "advance": lambda life, step: advance(life, step)}
    history = History(
        replace(STREAM, lifecycle=replace(lifecycle, **{part: other[part]}, say=lambda life: (life.due, None, None, ())))
    )
    history.add(item(dossier("D", "a", "received", START, due_at=START + 5), 0))
    assert history.lifecycle() == (START + 5, None, None, ())


@given(SEEDS)
@settings(max_examples=settings().max_examples // 6)
def test_what_is_kept_of_lives_between_polls_changes_no_row(seed: int) -> None:
    log = random_log(random.Random(seed), 40)
    found = []
    for size in (0, 1 << 40):  # all lives stay; none does
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ioc.counting.held.LIFE_BYTES", size)
            store = FakeStore()
            count(pipeline(store), log, random.Random(seed), 6)
            found.append(everything(store))
    assert found[0] == found[1]
