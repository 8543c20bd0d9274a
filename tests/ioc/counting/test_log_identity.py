"""The same log: a worker goes on only in the log it counted; a topic made anew under the same name is another one."""

from __future__ import annotations

import random

import pytest
from aiokafka import TopicPartition

from ioc.counting import log_identity
from ioc.errors import ForeignLog
from ioc.events.batch import record_hash
from ioc.store.state import Checkpoint
from tests.brute import RAN, Record
from tests.counting import pipeline
from tests.fake import FakeStore
from tests.logs import START, batch, ran, record

PLACE = TopicPartition(RAN, 0)


def log_of(count: int, received: int = START + 1_000_000, cell: str = "c") -> list[Record]:
    return [record(ran(cell, str(i), START + i), i, received + i) for i in range(count)]


def counted(log: list[Record]) -> Checkpoint:
    """The checkpoint after the log."""
    made = pipeline(FakeStore(), 1, topics=(RAN,))
    made.run([batch(log)])
    return made.checkpoints[RAN, 0]


def goes_on(checkpoint: Checkpoint, log: list[Record], begin: int = 0, partitions: int = 1) -> bool:
    """Whether a worker goes on from its checkpoint in this log, of which retention has left what begins at `begin`."""
    there = {r.offset: r for r in log if r.offset >= begin}
    try:
        log_identity.verify(PLACE, checkpoint, begin, len(log), there.get(checkpoint.last_offset), partitions)
    except ForeignLog:
        return False
    return True


def another_log_is_refused() -> None:
    """All ways to be another log; raises AssertionError."""
    checkpoint = counted(log_of(20))
    assert goes_on(checkpoint, log_of(20))
    assert goes_on(checkpoint, log_of(50)), "it has grown"
    assert goes_on(checkpoint, log_of(50), begin=20), "retention took no more than was counted"
    assert not goes_on(checkpoint, log_of(50), begin=21), "and here more"
    assert goes_on(checkpoint, log_of(50), begin=19), "the last record counted is the first that is left"
    assert not goes_on(checkpoint, log_of(50, cell="d"), begin=19), "and there another one"
    assert not goes_on(checkpoint, log_of(19)), "made anew and shorter, or cut off"
    assert not goes_on(checkpoint, log_of(0))
    assert not goes_on(checkpoint, log_of(50, cell="d")), "made anew with other events"
    assert not goes_on(checkpoint, log_of(50, received=START + 2_000_000)), "made anew, the same events sent again"
    assert not goes_on(checkpoint, [r for r in log_of(50) if r.offset != 19]), "another record is missing where the last was"
    assert not goes_on(checkpoint, log_of(50), partitions=2)


def test_another_log_under_the_same_name_is_refused() -> None:
    another_log_is_refused()


def test_a_log_nothing_was_counted_of_may_be_any() -> None:
    rng = random.Random(1)
    for _ in range(20):
        assert goes_on(Checkpoint(), log_of(rng.randrange(5), cell=rng.choice("ab")))


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("record_hash", lambda offset, timestamp, key, value: counted(log_of(20)).last_hash),
        ("verify", lambda place, checkpoint, begin, end, record, partitions: None),
    ],
    ids=["record hash", "identity of the log"],
)
def test_the_cases_find_the_rule_switched_off(name: str, mutant: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_identity, name, mutant)
    with pytest.raises(AssertionError):
        another_log_is_refused()


def test_the_hash_of_a_record_without_its_time_would_take_the_same_events_sent_again_for_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("ioc.counting.log_identity", "ioc.counting.pipeline"):
        monkeypatch.setattr(f"{module}.record_hash", lambda offset, timestamp, key, value: record_hash(offset, 0, key, value))
    with pytest.raises(AssertionError, match="sent again"):
        another_log_is_refused()
