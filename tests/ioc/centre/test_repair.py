"""Repair: a gap is accepted where there is one, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ioc.centre import repair
from ioc.counting.pipeline import MEASURE
from ioc.errors import ForeignLog, UsageError
from ioc.events.batch import record_hash
from ioc.kafka import TopicPartition
from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.store.state import Checkpoint
from tests.counting import real_store
from tests.streams_queue import CATALOG, QUEUE, TOPIC

OWN = (CATALOG.generations[QUEUE.name], TOPIC, 0)
PLACE = TopicPartition(TOPIC, 0)


@dataclass
class Found:
    """The record a log has at 9."""

    value: bytes = b"nine"
    offset: int = 9
    timestamp: int = 1
    key: bytes | None = None


COUNTED = Checkpoint(10, partitions=1, last_offset=9, last_hash=record_hash(9, 1, None, b"nine"))


def accept(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    begin: int,
    end: int,
    record: Any,
    counted: Checkpoint = COUNTED,
    partitions: int = 1,
) -> tuple[int, int]:
    """Accept a gap beside a log of these bounds."""

    async def bounds(*_: object) -> dict[TopicPartition, tuple[int, int]]:
        return {TopicPartition(TOPIC, n): (begin, end) for n in range(partitions)}

    async def read_at(*_: object) -> dict[TopicPartition, Any]:
        return {PLACE: record}

    monkeypatch.setattr(repair, "bounds", bounds)
    monkeypatch.setattr(repair, "read_at", read_at)
    store.insert("checkpoints", state.checkpoint_rows(MEASURE, {OWN: counted}))
    return repair.accept_gap(store.settings.model_copy(update={"clickhouse_database": store.database}), CATALOG, TOPIC, 0)


def test_where_the_log_is_the_one_that_was_counted_no_record_is_skipped(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker was stopped, and 40 events came meanwhile."""
    store = real_store(store_url, "gap_none", CATALOG)
    with pytest.raises(UsageError, match=r"has no gap: .* counted, to 10 of 50; 40 records are still to be counted"):
        accept(store, monkeypatch, 0, 50, Found())
    with pytest.raises(UsageError, match="has no gap"):  # retention took what was counted, and no more
        accept(store, monkeypatch, 10, 50, None)
    assert state.checkpoints(store, MEASURE)[OWN] == COUNTED


def test_a_gap_is_accepted_once_with_what_was_lost(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = real_store(store_url, "gap_real", CATALOG)
    assert accept(store, monkeypatch, 15, 50, None) == (10, 15)
    after = state.checkpoints(store, MEASURE)[OWN]
    assert (after.next, after.lost, after.last_offset) == (15, 5, -1)
    with pytest.raises(UsageError, match="has no gap"):
        accept(store, monkeypatch, 15, 50, None, after)


def test_another_log_is_accepted_and_one_with_other_partitions_or_a_shorter_one_is_not(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = real_store(store_url, "gap_other", CATALOG)
    with pytest.raises(ForeignLog, match="has 2 partitions, but was counted with 1"):
        accept(store, monkeypatch, 0, 50, Found(), partitions=2)
    with pytest.raises(ForeignLog, match="another or a truncated log"):
        accept(store, monkeypatch, 0, 5, None)
    assert accept(store, monkeypatch, 0, 50, Found(b"other")) == (10, 50)
