"""A paced replay beside a whole live centre, by the command line: nothing live changes; broken off, it says what to do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from ioc.centre.live import wait_rolled
from ioc.kafka import Sender, connection
from ioc.store import runs
from ioc.store.clickhouse import literal
from tests.brute import Record
from tests.centre import Centre
from tests.counting import CATALOG, TOPICS
from tests.ioc.replaying.test_replay import whole_log
from tests.logs import START, dossier, record
from tests.services import ROOT, wait_until

pytestmark = pytest.mark.slow
PARTITIONS = 2
TABLES = ("panes", "entities", "seen", "rejects", "alerts")
Positions = dict[tuple[str, int], int]


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """A centre that has loaded a past, gone live, and received more since; its live log has the holes of transactions."""
    with Centre(tmp_path_factory.mktemp("paced"), PARTITIONS) as made:
        made.start("worker")
        past = [r for r in whole_log() if r.headers]
        asyncio.run(send(made, past))
        asyncio.run(transaction(made, past[:40]))
        made.beat()
        asyncio.run(send(made, [r for r in whole_log() if not r.headers][:60]))
        asyncio.run(transaction(made, [record(dossier(f"T{n}", "1", "received", START), 0, START, PARTITIONS) for n in range(9)]))
        made.wait_counted(made.ends())
        wait_rolled(made.store, made.catalog, made.ends())
        yield made


async def send(centre: Centre, records: Sequence[Record]) -> None:
    async with Sender(centre.settings) as sender:
        for r in records:
            await sender.post(r.topic, r.key, r.value, r.headers, r.partition)
        await sender.flush()


async def transaction(centre: Centre, records: Sequence[Record]) -> None:
    """The records in transactions of three."""
    async with AIOKafkaProducer(**connection(centre.settings), transactional_id="portal") as producer:
        for first in range(0, len(records), 3):
            async with producer.transaction():
                for r in records[first : first + 3]:
                    await producer.send_and_wait(r.topic, r.value, r.key, r.partition, headers=list(r.headers))


def command(centre: Centre, *arguments: str) -> tuple[list[str], dict[str, str]]:
    named = {"KAFKA_BOOTSTRAP": centre.settings.kafka_bootstrap, "CLICKHOUSE_URL": centre.settings.clickhouse_url}
    env = {**os.environ, "PYTHONPATH": str(ROOT), **{f"IOC_{name}": value for name, value in named.items()}}
    return [sys.executable, "-m", "ioc", *arguments, "--data", str(centre.folder / "operator")], env


def ioc(centre: Centre, *arguments: str) -> str:
    line, env = command(centre, *arguments)
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
    return done.stdout


def state(centre: Centre, run: str) -> str | None:
    return {each.name: each.state for each in runs.runs(centre.store)}.get(run)


def fingerprint(centre: Centre, before: Positions) -> dict[str, tuple[int, int]]:
    """Of every table: a hash over the rows of records before the positions, and how many there are."""
    spans = " OR ".join(f"(topic = {literal(t)} AND partition = {p} AND offset < {end})" for (t, p), end in before.items())
    ours = {name: "1" if name == "alerts" else spans for name in TABLES}
    return {
        name: centre.store.query(f"SELECT groupBitXor(cityHash64(*)), count() FROM {name} FINAL WHERE {where}").row(0)
        for name, where in ours.items()
    }


def test_a_paced_replay_makes_no_difference_and_changes_nothing_live(centre: Centre) -> None:
    noted = centre.ends()
    before = fingerprint(centre, noted)
    assert sum(count for _, count in before.values()) > 200
    told = json.loads(ioc(centre, "replay", "start", "morning", "--speed", "x1000000", "--idle", "1", "--json"))
    assert told["records"] > 300
    found = json.loads(ioc(centre, "replay", "diff", "live", "morning", "--json"))
    # it is live for minutes, and the steps of feeds are hours; of other streams nothing but heartbeats came, and a step of theirs
    # is in common only where a minute ended meanwhile
    quiet = {stream.name for stream in CATALOG.streams if {*TOPICS}.isdisjoint(stream.topics)}
    left_out = found["left_out"]
    assert (found["differences"], {*left_out.values()}) == (0, {"the two have no step in common"})
    assert {"feeds"} <= left_out.keys() <= {"feeds", *quiet}
    assert found["steps"] > 1_000_000
    holes = "SELECT max(offset) + 1 > count() FROM events FINAL WHERE topic = 'ioc.events.dossier' AND partition = 0"
    assert ioc(centre, "sql", holes, "--run", "morning").split()[-1] == "1", "the live log's holes are the run's"
    later = centre.ends()
    centre.wait_counted(later)
    assert fingerprint(centre, noted) == before
    spans = " OR ".join(
        f"(topic = {literal(t)} AND partition = {p} AND offset >= {begin} AND offset < {later[t, p]})"
        for (t, p), begin in noted.items()
    )
    added = centre.store.query(f"SELECT verdict, count() AS n FROM events FINAL WHERE {spans} GROUP BY verdict").rows()
    assert added == [("heartbeat", sum(later.values()) - sum(noted.values()))], "the live pacemaker's, and nothing else"


@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.proof)])
def test_a_replay_that_is_broken_off_says_what_to_do_next(centre: Centre, how: signal.Signals) -> None:
    run = f"slow-{how.name.lower()}"
    line, env = command(centre, "replay", "start", run, "--speed", "1")
    child = subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ready = centre.folder / "operator" / "run" / f"worker-{run}.ready"
    wait_until(lambda: ready.exists() or child.poll() is not None, "the replay goes on")
    worker = int(ready.read_text())
    assert state(centre, run) == "replaying"
    child.send_signal(how)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert f"`ioc replay drop {run}`" in err
    assert "Traceback" not in err
    assert state(centre, run) == "broken off"
    assert not Path(f"/proc/{worker}").exists(), "its worker is gone"
    assert f"ioc.run.{run}.events.dossier" in ioc(centre, "replay", "drop", run)


def test_a_replay_whose_worker_is_killed_ends_with_the_reason(centre: Centre) -> None:
    line, env = command(centre, "replay", "start", "hurt", "--speed", "1", "--idle", "1")
    child = subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ready = centre.folder / "operator" / "run" / "worker-hurt.ready"
    wait_until(lambda: ready.exists() or child.poll() is not None, "the replay goes on")
    os.kill(int(ready.read_text()), signal.SIGKILL)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, "the worker of the run has ended" in err) == (3, True), err
    assert state(centre, "hurt") == "broken off"
    ioc(centre, "replay", "drop", "hurt")
