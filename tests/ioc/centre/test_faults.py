"""Faults: processes are killed while the receipt log comes in, and the numbers are those of the log all the same."""

from __future__ import annotations

import asyncio
import gzip
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from ioc.importing.importer import Sent, run_import
from ioc.importing.maps import load_map
from tests import brute_receipt as brute
from tests.centre import Centre
from tests.services import wait_until

pytestmark = pytest.mark.slow
SPEED = 4_000_000.0
"""The sixteen months of the log in about ten seconds, so that there is an import to be disturbed."""
ALL, JUNE = (0, brute.ms("2100-01-01T00:00:00+00:00")), brute.ms("2011-06-01T00:00:00+00:00")


@dataclass(frozen=True)
class Log:
    """A log of some dossiers, and what is true of it."""

    path: Path
    events: int
    truth: dict[str, int]
    june: tuple[int, int]
    """Backlog, and those of it that are overdue."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Every fifth dossier of the receipt log."""
    path = brute.part(tmp_path_factory.mktemp("log") / "log.csv.gz", 5)
    cases = brute.cases(path)
    rows = gzip.decompress(path.read_bytes()).count(b"\n") - 1
    truth = {f"dossier.{f.__name__}": f(*ALL, among=cases) for f in (brute.received, brute.resolved)}
    truth |= {"dossier.resolved_late": brute.late(*ALL, among=cases), "dossier.backlog": brute.backlog(ALL[1], among=cases)}
    events = rows + truth["dossier.received"] + truth["dossier.resolved"]
    return Log(path, events, truth, (brute.backlog(JUNE, among=cases), brute.overdue(JUNE, among=cases)))


def bring_in(centre: Centre, log: Log, speed: float | None = SPEED, pause: Callable[[int], object] = lambda sent: None) -> Sent:
    return asyncio.run(
        run_import(
            centre.settings,
            [log.path],
            load_map("receipt"),
            speed=speed,
            shift_to_now=False,
            limit=None,
            topics=str,
            progress=lambda sent, total: pause(sent),
        )
    )


def sums(centre: Centre, before: str = "2100-01-01") -> dict[str, int]:
    frame = centre.store.query(
        "SELECT indicator, sumForEach(measures)[1] AS s FROM panes FINAL "
        f"WHERE at < toDateTime64('{before}', 3, 'UTC') AND NOT startsWith(indicator, 'feed.') GROUP BY indicator"
    )
    return {name: total for name, total in frame.rows()}


def verdicts(centre: Centre) -> dict[str, int]:
    frame = centre.store.query("SELECT verdict, count() FROM events FINAL WHERE topic = 'ioc.events.dossier' GROUP BY verdict")
    return dict(frame.rows())


def assert_truth(centre: Centre, log: Log) -> None:
    found = sums(centre)
    assert {name: found[name] for name in log.truth} == log.truth
    then = sums(centre, "2011-06-01 00:00:00")
    assert (then["dossier.backlog"], then["dossier.overdue"]) == log.june
    assert verdicts(centre) == {"accepted": log.events, "heartbeat": 8}, "every record once, none lost, none doubled"


def test_kill_9_of_worker_store_and_broker_during_an_import_changes_no_number(tmp_path: Path, log: Log) -> None:
    with Centre(tmp_path) as centre, ThreadPoolExecutor() as pool:
        centre.start("worker")
        struck, told = Event(), [0]  # until all have struck the last eighth is kept back

        def heard(sent: int) -> None:
            told[0] = sent
            if 8 * sent >= 7 * log.events:
                struck.wait(120)

        running = pool.submit(bring_in, centre, log, SPEED / 2, heard)
        for number, victim in enumerate(("worker", "store", "broker"), 1):
            wait_until(lambda n=number: 5 * told[0] > n * log.events and centre.positions() > 0, f"time to kill {victim}")  # type: ignore[misc]
            assert not running.done(), "the import must be under way when the fault strikes"
            centre.kill(victim)
            centre.start(victim)
            if centre.ended("worker"):
                centre.start("worker")
        struck.set()
        sent = running.result()
        assert sent.sent == log.events
        if centre.ended("worker"):
            centre.start("worker")
        centre.wait_counted(sent.next)
        assert_truth(centre, log)


def test_importing_again_makes_duplicates_and_another_log_under_the_same_name_is_refused(tmp_path: Path, log: Log) -> None:
    with Centre(tmp_path) as centre:
        centre.start("worker")
        centre.wait_counted(bring_in(centre, log, None).next)
        before = sums(centre)
        centre.wait_counted(bring_in(centre, log, None).next)
        assert sums(centre) == before
        assert verdicts(centre) == {"accepted": log.events, "duplicate": log.events, "heartbeat": 16}
        centre.kill("worker", signal.SIGTERM)
        centre.store.command(
            "ALTER TABLE checkpoints UPDATE last_hash = last_hash + 1 WHERE partition = 2 SETTINGS mutations_sync = 2"
        )
        centre.start("worker", may_end=True)
        wait_until(lambda: centre.ended("worker"), "the worker refuses")
        assert centre.exit_code("worker") == 1
        assert "ioc doctor --accept-gap ioc.events.dossier:2" in centre.log("worker")


def test_a_worker_that_joins_and_one_that_leaves_change_no_number(tmp_path: Path, log: Log) -> None:
    with Centre(tmp_path) as centre, ThreadPoolExecutor() as pool:
        centre.start("worker")
        left = Event()  # until then the last third is kept back
        running = pool.submit(bring_in, centre, log, SPEED, lambda sent: 3 * sent < 2 * log.events or left.wait(120))
        wait_until(lambda: centre.positions() > log.events // 10, "the first worker counts")
        centre.start("worker2")
        centre.kill("worker", signal.SIGTERM)
        assert not running.done(), "events must still be coming"
        left.set()
        centre.wait_counted(running.result().next)
        assert_truth(centre, log)
