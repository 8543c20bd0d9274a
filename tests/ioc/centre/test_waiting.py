"""Waiting: what an import or a replay waits for comes, however little its log holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ioc.alerting.alerts import Alerter, judged
from ioc.centre.live import wait_rolled
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import RUN
from ioc.times import MINUTE
from tests.brute import DOSSIER, Record
from tests.counting import CATALOG, count, pipeline, real_store
from tests.logs import START, beat, by_place, dossier, record

ONE = dossier("D", "a", "received", START)
LOGS: dict[str, tuple[list[dict[str, Any]], int]] = {
    "nothing": ([], 0),
    "one row": ([ONE], 0),
    "one minute": ([ONE, dossier("E", "b", "received", START + MINUTE - 1)], MINUTE - 1),
    "all rejected": ([ONE | {"time": "05/01/2026"}] * 3, 0),
    "two minutes": ([ONE, dossier("E", "b", "received", START + 2 * MINUTE)], 2 * MINUTE),
}
"""Events, and how long after START the last was received."""


def log_of(events: Sequence[dict[str, Any]], last: int) -> list[Record]:
    """As an import leaves it in two partitions: heartbeats around the events."""
    found = [record(event, n, START, 2) for n, event in enumerate(events, 1)]
    for partition in (0, 1):
        found.insert(0, record(beat(START), 0, START, partition=partition))
        found.append(record(beat(START + last), 9, START + last, partition=partition))
    return found


@pytest.mark.parametrize("kind", LOGS)
def test_a_run_is_rolled_and_judged_as_soon_as_it_is_counted_however_short_its_log(store_url: str, kind: str) -> None:
    log = log_of(*LOGS[kind])
    store = real_store(store_url, f"{RUN}waiting_{kind.replace(' ', '_')}")
    count(pipeline(store, 2, sealed=True, topics=(DOSSIER,)), log)
    Roller(CATALOG, store, store.settings).step()
    Alerter(CATALOG, store, run=True).step()
    assert judged(store, CATALOG), "no step was there to judge, and that is known"
    wait_rolled(store, CATALOG, {place: records[-1].offset + 1 for place, records in by_place(log).items()}, patience=0)
