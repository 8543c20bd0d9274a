"""Faults: processes are killed while the receipt log comes in, and the numbers are those of the log all the same."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from ioc.importing.importer import Sent, run_import
from ioc.importing.mapping import load_map
from tests import brute_receipt as brute
from tests.centre import Centre
from tests.data import needs
from tests.services import wait_until

pytestmark = [needs("dossiers/receipt.csv.gz"), pytest.mark.slow]
SPEED = 4_000_000.0
"""The sixteen months of the log in about ten seconds, so that there is an import to be disturbed."""
TRUTH = {"dossier.received": 1434, "dossier.resolved": 1329, "dossier.resolved_late": 377, "dossier.backlog": 105}


def import_receipt(centre: Centre, speed: float | None = SPEED, pause: Callable[[int], object] = lambda sent: None) -> Sent:
    return asyncio.run(
        run_import(
            centre.settings,
            [brute.RECEIPT],
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
        f"WHERE at < toDateTime64('{before}', 3, 'UTC') GROUP BY indicator"
    )
    return {name: total for name, total in frame.rows() if name in TRUTH or name == "dossier.overdue"}


def verdicts(centre: Centre) -> dict[str, int]:
    frame = centre.store.query("SELECT verdict, count() FROM events FINAL WHERE topic = 'ioc.events.dossier' GROUP BY verdict")
    return dict(frame.rows())


def assert_truth(centre: Centre) -> None:
    found = sums(centre)
    assert {name: found[name] for name in TRUTH} == TRUTH
    then = sums(centre, "2011-06-01 00:00:00")
    assert (then["dossier.backlog"], then["dossier.overdue"]) == (197, 45)
    assert verdicts(centre) == {"accepted": 11_340, "heartbeat": 8}, "every record once, none lost, none doubled"


@pytest.mark.parametrize("victim", ["worker", "store", "broker"])
def test_kill_9_during_an_import_changes_no_number(victim: str, tmp_path: Path) -> None:
    with Centre(tmp_path) as centre, ThreadPoolExecutor() as pool:
        centre.start("worker")
        running = pool.submit(import_receipt, centre)
        for least in (1_500,):
            wait_until(lambda least=least: centre.positions() > least, f"{least} positions are counted")
            assert not running.done(), "the import must be under way when the fault strikes"
            centre.kill(victim)
            centre.start(victim)
        sent = running.result()
        assert sent.sent == 11_340
        if centre.ended("worker"):
            centre.start("worker")
        centre.wait_counted(sent.next)
        assert_truth(centre)


def test_importing_again_changes_nothing_and_all_are_duplicates(tmp_path: Path) -> None:
    with Centre(tmp_path) as centre:
        centre.start("worker")
        centre.wait_counted(import_receipt(centre, None).next)
        before = sums(centre)
        centre.wait_counted(import_receipt(centre, None).next)
        assert sums(centre) == before
        assert verdicts(centre) == {"accepted": 11_340, "duplicate": 11_340, "heartbeat": 16}


def test_a_worker_that_joins_and_one_that_leaves_change_no_number(tmp_path: Path) -> None:
    with Centre(tmp_path) as centre, ThreadPoolExecutor() as pool:
        centre.start("worker")
        left = Event()  # until then the last third is kept back
        running = pool.submit(import_receipt, centre, SPEED, lambda sent: sent < 7_500 or left.wait(120))
        wait_until(lambda: centre.positions() > 1_000, "the first worker counts")
        centre.start("worker2")
        centre.kill("worker", signal.SIGTERM)
        assert not running.done(), "events must still be coming"
        left.set()
        centre.wait_counted(running.result().next)
        assert_truth(centre)


def test_another_log_under_the_same_name_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with Centre(tmp_path) as centre:
        centre.start("worker")
        centre.wait_counted(import_receipt(centre, None).next)
        centre.kill("worker", signal.SIGTERM)
        centre.store.command(
            "ALTER TABLE checkpoints UPDATE last_hash = last_hash + 1 WHERE partition = 2 SETTINGS mutations_sync = 2"
        )
        centre.start("worker", may_end=True)
        wait_until(lambda: centre.ended("worker"), "the worker refuses")
        assert centre.exit_code("worker") == 1
        assert "ioc doctor --accept-gap ioc.events.dossier:2" in centre.log("worker")
