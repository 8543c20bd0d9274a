"""Sites on a board: where they stand, and the communes they are of, as of the time that is asked about."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ioc.asking.read import value
from ioc.asking.unknown import unknown_sites
from ioc.boards import sql
from ioc.boards.build import Builder
from ioc.boards.derive import boards
from ioc.boards.expand import filled
from ioc.boards.lint import faults
from ioc.boards.words import EN, VI
from ioc.catalog import Catalog
from ioc.errors import DeclarationError
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.store.tables import board_views
from ioc.times import DAY, HOUR, MINUTE, to_ms
from ioc.units import reading
from streams.cells import NAMES
from streams.ran import STREAM
from tests.brute import RAN, Record
from tests.counting import count, pipeline, real_store
from tests.logs import beat, ran, record

MOVED = to_ms("2026-03-01T00:00:00+07:00")
END = MOVED + 5 * HOUR + 1234
ROWS = """cell,site,name,latitude,longitude,unit,vendor,period_s,kind,from,to
c0:1,c0,Trạm Không,19.80,105.78,14797,x,60,,2025-07-01,2026-03-01
c0:1,c0,Trạm Không,19.75,105.90,16531,x,60,,2026-03-01,
c1:1,c1,Trạm Một,19.81,105.77,14797,x,60,,2025-07-01,
c2:1,c2,Trạm Lặng,19.82,105.76,14797,x,60,,2025-07-01,
c3:1,c3,Trạm Cũ,19.83,105.75,14797,x,60,,2025-07-01,2026-02-01
c4:1,c4,Trạm Mới,19.84,105.74,14797,x,60,,2026-04-01,
"""
HELD = {"c0": ("14797@2025-07-01", "16531@2025-07-01"), "c1": ("14797@2025-07-01",) * 2, "c9": ("?", "?")}
"""Communes by site, before it moved and since; c9 is in no registry."""
SENT = [(site, MOVED - 20 * HOUR + n * HOUR, 100.0 * n + s) for s, site in enumerate(HELD) for n in range(25)]


@pytest.fixture(scope="module")
def made(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Catalog]:
    path = tmp_path_factory.mktemp("registry") / "cells.csv"
    path.write_text(ROWS, encoding="utf-8")
    catalog = Catalog((replace(STREAM, rollups=tuple(replace(r, cells=path) for r in STREAM.rollups)),))
    store = real_store(store_url, "boards_maps", catalog)
    events = [(at, ran(f"{site}:1", f"{site}/{at}", at, speed, site=site)) for site, at, speed in SENT]
    records: list[Record] = []
    for at, event in [*sorted(events, key=lambda e: e[0]), (END, beat(END))]:
        records.append(record(event, len(records), at, 1, topic=RAN))
    count(pipeline(store, 1, catalog, (RAN,)), records, random.Random(3))
    Roller(catalog, store, store.settings).step()
    return store, catalog


def brute(at: int, length: int, wanted: str | None = None) -> dict[str, float]:
    """The mean throughput of each commune over a window, sites being where they stand at its end."""
    of: dict[str, list[float]] = {}
    for site, time, speed in SENT:
        if at - length <= time < at:
            of.setdefault(HELD[site][at > MOVED], []).append(speed)
    return {unit: sum(some) / len(some) for unit, some in of.items() if wanted in (None, unit)}


@pytest.mark.parametrize("at", [MOVED - HOUR, MOVED, MOVED + MINUTE, MOVED + 2 * HOUR])
@pytest.mark.parametrize(("window", "length"), [("1h", HOUR), ("1d", DAY)])
def test_a_commune_has_the_sites_that_stand_in_it_then(made: tuple[Store, Catalog], at: int, window: str, length: int) -> None:
    store, catalog = made
    found = {a.dims["commune"]: a.value for a in value(store, catalog, "ran.dl_throughput", at, window, {}, by=["commune"])}
    assert found == pytest.approx(brute(at, length))
    for code in ("14797", "16531"):
        (one,) = value(store, catalog, "ran.dl_throughput", at, window, {"commune": code})
        assert one.value == brute(at, length).get(f"{code}@2025-07-01")


def test_a_ranking_of_communes_and_a_map_of_sites_show_what_holds_now(made: tuple[Store, Catalog]) -> None:
    store, catalog = made
    stream = catalog.streams[0]
    speed, names, chosen = stream.indicator("ran.dl_throughput"), catalog.units(), {"run": store.database, "window": "1d"}
    query = sql.ranking(stream, speed, "commune", ("Xã", "Tốc độ"), 15, VI)
    told = {a.dims["commune"]: a.value for a in value(store, catalog, "ran.dl_throughput", None, "1d", {}, by=["commune"])}
    assert dict(store.query(filled(query, chosen)).rows()) == pytest.approx(
        {names.get(f"commune={unit}", "(không rõ)") if unit != "?" else "(không rõ)": high for unit, high in told.items()}
    )
    query = sql.map_of(stream, speed, "site", ("Trạm", "Tốc độ"), VI)
    by_site = {a.dims["site"]: a.value for a in value(store, catalog, "ran.dl_throughput", None, "1d", {}, by=["site"])}
    shown = sorted(store.query(filled(query, chosen)).rows())
    assert shown == [
        ("Trạm Không", 19.75, 105.90, pytest.approx(by_site["c0"])), ("Trạm Lặng", 19.82, 105.76, None),
        ("Trạm Một", 19.81, 105.77, pytest.approx(by_site["c1"])),
    ], "one that is silent is there; one that is gone, or comes later, is not"  # fmt: skip


def test_sites_that_no_registry_knows_are_named(made: tuple[Store, Catalog]) -> None:
    assert [row["code"] for row in unknown_sites(*made)] == ["c9"]


def test_the_boards_of_sites_are_well_and_a_map_is_declared_where_it_can_be_drawn(made: tuple[Store, Catalog]) -> None:
    _, catalog = made
    stream = catalog.streams[0]
    assert faults(boards(catalog), board_views(catalog)) == []
    assert [Builder(w).map(stream, stream.indicators[0], "site").title for w in (VI, EN)] == [
        "Tốc độ tải xuống: bản đồ", "Downlink throughput: map",
    ]  # fmt: skip
    bare = replace(stream, rollups=(), board=replace(stream.board, rankings=(), names={}))  # type: ignore[type-var]
    with pytest.raises(DeclarationError, match="nothing says where the values of site stand"):
        boards(Catalog((bare,)))
    assert set(NAMES) == {rollup.name for rollup in stream.rollups}
    assert reading.home() == stream.rollups[0].tree
