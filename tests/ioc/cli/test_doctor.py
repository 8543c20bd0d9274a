"""Doctor: whatever stands still is told, with why and the way out; without a broker, whose answers are given here."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ioc.cli import doctor
from ioc.counting.pipeline import MEASURE
from ioc.embedded import centre
from ioc.events.decode import Clock
from ioc.kafka import TopicPartition
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.store.state import Checkpoint
from tests.counting import CATALOG, real_store

Look = Callable[..., dict[str, tuple[bool, str]]]


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Look:
    """The findings beside logs of the same bounds in every partition."""
    monkeypatch.setattr(doctor, "STILL", 0.3)

    def looked(store: Store, begin: int, end: int, partitions: int = 1) -> dict[str, tuple[bool, str]]:
        async def bounds(_: Settings, topics: tuple[str, ...]) -> dict[TopicPartition, tuple[int, int]]:
            return {TopicPartition(topic, n): (begin, end) for topic in topics for n in range(partitions)}

        monkeypatch.setattr(doctor, "bounds", bounds)
        settings = store.settings.model_copy(update={"clickhouse_database": store.database, "data_dir": tmp_path})
        return {what: (well, detail) for what, well, detail in doctor._findings(settings, CATALOG)}

    return looked


def counted(store: Store, position: int, live: int | None = None, received: int | None = None) -> None:
    """Everything is counted so far, in one partition a topic."""
    topics = (*CATALOG.topics, "ioc.rejects")
    rows = {
        (owner, topic, 0): Checkpoint(position, Clock(received, live), 1) for topic in topics for owner in CATALOG.owners(topic)
    }
    store.insert("checkpoints", state.checkpoint_rows(MEASURE, rows))


def test_partitions_that_grew_and_a_worker_that_counts_nothing_are_told_with_the_way_out(store_url: str, look: Look) -> None:
    store = real_store(store_url, "doctor_grown")
    counted(store, 20)
    assert all(well for well, _ in look(store, 0, 20).values())
    grown = look(store, 0, 20, partitions=2)
    well, told = grown["ioc.events.dossier"]
    assert not well
    assert "counting stands still: ioc.events.dossier has 2 partitions, but was counted with 1" in told
    assert "create the topic anew with as many as before, or start a new centre" in told
    well, told = look(store, 0, 30)["ioc.events.dossier:0"]
    assert not well
    assert told == "counting stands still at 20 of 30: for 0 s no worker has counted on; see `ioc status`"


def test_a_log_that_grows_while_it_is_looked_at_is_no_other_log(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found on a healthy centre: its ends were read first, and what was counted meanwhile lay behind them."""
    store, ends = real_store(store_url, "doctor_growing"), iter((20, 30, 40))
    counted(store, 10)

    async def bounds(_: Settings, topics: tuple[str, ...]) -> dict[TopicPartition, tuple[int, int]]:
        end = next(ends)
        counted(store, end + 5)  # a moment later
        return {TopicPartition(topic, 0): (0, end + 5 if end > 20 else end) for topic in topics}

    monkeypatch.setattr(doctor, "bounds", bounds)
    settings = store.settings.model_copy(update={"clickhouse_database": store.database, "data_dir": tmp_path})
    assert [detail for _, well, detail in doctor._findings(settings, CATALOG) if not well] == []


def test_a_live_centre_that_hears_nothing_more_is_told(store_url: str, look: Look) -> None:
    store, now = real_store(store_url, "doctor_silent"), time.time_ns() // 1_000_000
    counted(store, 20, live=3, received=now - 300_000)
    well, told = look(store, 0, 20)["heartbeats"]
    assert not well
    assert told.startswith("nothing was received for 30")
    counted(store, 20, live=3, received=now)
    assert "heartbeats" not in look(store, 0, 20)


def test_a_store_that_is_away_and_services_that_have_stopped_are_findings(tmp_path: Path, look: Look) -> None:
    store = Store(Settings(clickhouse_url="http://127.0.0.1:1", data_dir=tmp_path))
    why = "refused to run (exit code 1): ioc worker: ioc.events.dossier has 6 partitions"
    services = [
        {"name": "broker", "state": "ready", "pid": os.getpid(), "since": 1.0},
        {"name": "worker", "state": "away", "pid": None, "since": 1.0, "why": why},
    ]
    note = {"pid": os.getpid(), "since": 1.0, "ports": {}, "versions": {}, "complete": True, "services": services}
    with centre.owned(tmp_path):
        (tmp_path / centre.NOTE).write_text(json.dumps(note))
        found = look(store, 0, 20)
    assert found["worker"] == (False, f"away: {why}; it is not tried again: mend that, then `ioc down` and `ioc up`")
    assert not found["store"][0]
    assert "does not answer" in found["store"][1]
    assert "broker" not in found
