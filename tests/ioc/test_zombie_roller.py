"""A roller that stands still before a write and goes on after another has rolled on: its rows change nothing."""

from __future__ import annotations

import random

import pytest

from ioc.clickhouse import Store
from ioc.errors import ServiceAway
from ioc.roll import Roller
from tests.brute import DAY, DOSSIER, HOUR, MINUTE
from tests.counting import CATALOG, count, pipeline, real_store
from tests.ioc.test_event_time import NOW, Log
from tests.rolled import judge


def test_an_open_step_that_lands_after_the_step_has_ended_is_not_read_as_its_value(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(until=NOW + 3 * HOUR)
    log.put("A", NOW + MINUTE, NOW + MINUTE)
    log.put("B", NOW - DAY, NOW + 2 * HOUR)
    records = log.records()
    store = real_store(store_url, "zombie_roller")
    made, late, insert = pipeline(store, 2, topics=(DOSSIER,)), [], Store.insert
    count(made, [r for r in records if r.timestamp <= NOW + HOUR])

    def stops(self: Store, table: str, rows: object, *, durable: bool = False) -> None:
        if table == "checkpoints":
            raise ServiceAway("it stands still, and ends there")
        late.append((table, rows))

    monkeypatch.setattr(Store, "insert", stops)
    with pytest.raises(ServiceAway):
        Roller(CATALOG, store, store.settings).step()
    monkeypatch.undo()
    count(made, records, random.Random(1), 1_000)
    Roller(CATALOG, store, store.settings).step()
    try:
        judge(store, records)
    except AssertionError as error:  # not what is expected to fail
        raise RuntimeError("wrong before the late rows land") from error
    for table, rows in late:
        insert(store, table, rows)  # type: ignore[arg-type]
    judge(store, records)
