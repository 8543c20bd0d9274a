"""Chaos: real processes under faults of every kind, and not a row lost, doubled or wrong (`make chaos`: 1,000)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ioc.store.clickhouse import Store
from tests import brute
from tests.chaos.judge import judge
from tests.chaos.run import chaos
from tests.counting import count, pipeline, real_store
from tests.logs import by_place, random_log

LOG = random_log(random.Random(11), 60)
ENDS = {place: records[-1].offset + 1 for place, records in by_place(LOG).items()}


@pytest.fixture
def counted(store_url: str) -> Store:
    """A store that has counted the log."""
    store = real_store(store_url, "chaos_judge")
    count(pipeline(store), LOG)
    return store


def judged(store: Store) -> tuple[int, int, int]:
    found = judge(store, LOG, 2, ENDS)
    return found.counts["lost"], found.counts["doubled"], found.counts["wrong"]


def test_the_judge_finds_what_is_lost_doubled_and_wrong(counted: Store) -> None:
    assert judged(counted) == (0, 0, 0)
    place = next(p for p, (verdict, _) in brute.truth(LOG, 2).verdicts.items() if verdict == "accepted")
    lost = "topic = '{}' AND partition = {} AND offset = {}".format(*place)
    counted.command(f"ALTER TABLE events DELETE WHERE {lost} SETTINGS mutations_sync = 2")
    assert judged(counted) == (1, 0, 0)
    counted.command("INSERT INTO seen SELECT * REPLACE (hash + 1 AS hash) FROM seen ORDER BY offset LIMIT 1")
    assert judged(counted) == (1, 1, 0)
    counted.command(
        "INSERT INTO events SELECT * REPLACE (offset + 1000 AS offset) FROM events WHERE verdict = 'accepted' LIMIT 1"
    )
    assert judged(counted) == (1, 2, 0)
    counted.command("INSERT INTO panes SELECT * REPLACE (offset + 1 AS offset, [7] AS measures) FROM panes ORDER BY ALL LIMIT 1")
    assert judged(counted) == (1, 2, 1)
    counted.command("INSERT INTO entities SELECT * REPLACE (offset + 1 AS offset, '[]' AS history) FROM entities LIMIT 1")
    assert judged(counted) == (1, 2, 2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_some_faults_lose_double_and_falsify_nothing(tmp_path: Path) -> None:
    result = chaos(tmp_path, 6, seed=4)
    assert result.findings.clean, "\n".join([result.summary(), *result.findings.examples])
    assert result.faults >= 6


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_workers_stopped_past_their_session_and_group_offsets_moved_lose_double_and_falsify_nothing(tmp_path: Path) -> None:
    stopped, moved = "stopped past its session, then continued", "group offsets moved or deleted"
    result = chaos(tmp_path, 5, seed=5, weights={moved: 1}, strikes={stopped: 1})
    assert result.findings.clean, "\n".join([result.summary(), *result.findings.examples])
    assert {kind for kind, _ in result.struck} == {stopped, moved}


@pytest.mark.proof
@pytest.mark.timeout(3 * 3600)
def test_a_thousand_faults_lose_double_and_falsify_nothing(tmp_path: Path) -> None:
    result = chaos(tmp_path, 1_000, seed=random.SystemRandom().randrange(1 << 16))
    assert result.findings.clean, "\n".join([result.summary(), *result.findings.examples])
