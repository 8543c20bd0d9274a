"""Boards by groups of a rollup: every ranking shows what `ioc value` says, in every window."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from ioc.asking.read import value
from ioc.boards import sql
from ioc.boards.derive import boards
from ioc.boards.expand import filled
from ioc.boards.lint import faults
from ioc.boards.words import VI
from ioc.catalog import Catalog
from ioc.errors import DeclarationError
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.store.tables import board_views
from ioc.vocabulary import WINDOWS
from tests.brute import DAY, MINUTE, ms
from tests.counting import count, pipeline, real_store
from tests.ioc.asking.test_rollups import NEW, renamed
from tests.logs import beat
from tests.streams_towns import TOPIC, random_events, record, towns

END = NEW + 20 * DAY + 7 * MINUTE + 1234
"""A moment within a step."""


@pytest.fixture(scope="module")
def made(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Catalog]:
    """Permits on both sides of July 2025, counted and rolled, the open steps too."""
    there = renamed()
    stream = towns(tmp_path_factory.mktemp("board"), there)
    stream = replace(stream, indicators=tuple(replace(i, windows=WINDOWS) for i in stream.indicators))
    events = [beat(NEW - 40 * DAY), *random_events(random.Random(5), there, 150, NEW - 40 * DAY, END - MINUTE), beat(END)]
    catalog = Catalog((stream,))
    store = real_store(store_url, "boards_groups", catalog)
    count(pipeline(store, 1, catalog, (TOPIC,)), [record(e, n, ms(e["time"])) for n, e in enumerate(events)])
    Roller(catalog, store, store.settings).step()
    return store, catalog


@pytest.mark.parametrize("rollup", ["district", "commune", "province", "sort"])
@pytest.mark.parametrize("name", ["towns.open", "towns.opened", "towns.quick", "towns.days"])
def test_a_ranking_by_a_rollup_shows_what_a_reader_is_told(made: tuple[Store, Catalog], name: str, rollup: str) -> None:
    store, catalog = made
    stream = catalog.streams[0]
    indicator, names, shown = stream.indicator(name), catalog.units(), 0
    for window in ("",) if indicator.level else WINDOWS:
        query = filled(sql.ranking(stream, indicator, rollup, ("nơi", "số"), 15, VI), {"run": store.database, "window": window})
        found = {place: high for place, high in store.query(query).rows() if high is not None}
        told = value(store, catalog, name, window=window or None, by=[rollup])
        wanted = {
            VI.unknown if (group := a.dims[rollup]) == "?" else names.get(f"{rollup}={group}", group): a.value
            for a in told
            if a.value
        }
        assert found == {place: pytest.approx(high) for place, high in wanted.items()}, window
        shown += len(found)
    assert shown >= (2 if indicator.level else 8)


def test_the_boards_of_a_stream_with_rollups_are_well(made: tuple[Store, Catalog]) -> None:
    _, catalog = made
    assert faults(boards(catalog), board_views(catalog)) == []
    titles = {panel.title for board in boards(catalog) for panel in board.panels}
    assert {"Đang mở theo huyện", "Nhanh theo huyện", "Open by district"} <= titles
    stream = catalog.streams[0]
    bare = replace(stream.indicators[0], groupings=((), ("kind",)), alert=None)
    with pytest.raises(DeclarationError, match="is not rolled by district"):
        boards(Catalog((replace(stream, indicators=(bare, *stream.indicators[1:])),)))


def test_groups_and_names_in_the_store_follow_their_files(made: tuple[Store, Catalog], tmp_path: Path) -> None:
    from ioc.store import reference, tables

    store, catalog = made
    groups = catalog.groups()
    assert store.query("SELECT stream, rollup, code, grp FROM v_rollups ORDER BY ALL").rows() == groups
    assert tables.fill(store, catalog) == []
    fewer = [row for row in groups if row[2] != "14755"]
    (said,) = reference._groups(store, fewer)
    changes = "; ".join(f"{level} of towns: 1 changes" for level in ("commune", "district", "province"))
    assert said == f"rollups follow their files: {changes}"
    assert store.query("SELECT stream, rollup, code, grp FROM v_rollups ORDER BY ALL").rows() == fewer
    assert len(tables.fill(store, catalog)) == 1
