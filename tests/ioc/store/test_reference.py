"""Reference: unit names and days off of an existing centre follow their files, at every start."""

from __future__ import annotations

from datetime import date

from ioc.calendar.workdays import days_off
from ioc.store import reference, tables
from ioc.store.clickhouse import Store
from tests.counting import CATALOG, real_store

FIRST = {"a": "Sở A", "b": "Sở B", "c": "Sở C"}
DAYS = (date(2026, 1, 1), date(2026, 4, 30))


def names(store: Store) -> dict[str, str]:
    return dict(store.query("SELECT code, name FROM v_units").rows())


def closed(store: Store) -> set[date]:
    return set(store.query("SELECT day FROM days_off")["day"].to_list())


def test_names_and_days_that_change_are_changed_in_the_store_and_told(store_url: str) -> None:
    store = real_store(store_url, "reference_follows")
    reference.follow(store, FIRST, DAYS)
    told = reference.follow(store, {"a": "Sở A", "b": "Sở B mới", "d": "Sở D"}, (date(2026, 1, 1), date(2026, 1, 2)))
    assert names(store) == {"a": "Sở A", "b": "Sở B mới", "d": "Sở D"}
    assert closed(store) == {date(2026, 1, 1), date(2026, 1, 2)}
    assert told == [
        "unit names follow their files: b: Sở B -> Sở B mới; d: new, Sở D; c: gone, was Sở C",
        "days off follow their files: 2026-01-02: closed; 2026-04-30: open",
    ]


def test_nothing_is_written_or_told_where_nothing_changed(store_url: str) -> None:
    store = real_store(store_url, "reference_same")
    assert tables.migrate(store, CATALOG) == [], "the first filling of an empty store is no change either"
    parts = "SELECT name FROM system.parts WHERE database = currentDatabase() AND table IN ('units', 'days_off') AND active"
    before = store.query(parts)["name"].to_list()
    assert tables.migrate(store, CATALOG) == []
    assert store.query(parts)["name"].to_list() == before


def test_a_store_made_with_other_files_has_the_programs_after_its_start(store_url: str) -> None:
    store = real_store(store_url, "reference_older")
    store.command("ALTER TABLE units DELETE WHERE 1 SETTINGS mutations_sync = 2")
    store.command("INSERT INTO units (code, name) VALUES ('000.00.20.H56', 'x')")
    store.command("ALTER TABLE days_off DELETE WHERE day >= '2026-01-01' SETTINGS mutations_sync = 2")
    told = tables.migrate(store, CATALOG)
    assert names(store) == CATALOG.units()
    assert closed(store) == set(days_off())
    assert [sentence.split(":")[0] for sentence in told] == ["unit names follow their files", "days off follow their files"]
    assert "more" in told[1]
