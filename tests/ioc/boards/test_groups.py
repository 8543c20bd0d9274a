"""Boards by groups of a rollup: every ranking shows what `ioc value` says, in every window."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ioc.asking.read import value
from ioc.boards import sql
from ioc.boards.derive import boards
from ioc.boards.expand import filled, timed
from ioc.boards.groups import number
from ioc.boards.lint import faults
from ioc.boards.words import VI
from ioc.catalog import Catalog
from ioc.errors import DeclarationError
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.store.tables import board_views
from ioc.times import from_datetime
from ioc.vocabulary import WINDOWS, Count, Mean
from tests.brute import DAY, HOUR, MINUTE, ms
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
    assert shown > 1


@pytest.mark.parametrize("sums", [[30, 3, 3], [30, 0, 3], [0, 0, 0], [30, 2, 3]])
@pytest.mark.parametrize("of", [Mean(10), Mean(10, adds=True)], ids=str)
def test_a_mean_of_a_group_is_the_same_in_sql(made: tuple[Store, Catalog], of: Mean, sums: list[int]) -> None:
    (shown,) = made[0].query(f"SELECT {number(of, f'CAST({sums}, {chr(39)}Array(Int64){chr(39)})')} AS x")["x"].to_list()
    told = of.bounds(np.array([sums], np.int64))[0][0]
    assert shown == (None if np.isnan(told) else told)


def test_the_boards_of_a_stream_with_rollups_are_well(made: tuple[Store, Catalog]) -> None:
    _, catalog = made
    assert faults(boards(catalog), board_views(catalog)) == []
    titles = {panel.title for board in boards(catalog) for panel in board.panels}
    assert {"Đang mở theo huyện", "Nhanh theo huyện", "Open by district"} <= titles
    stream = catalog.streams[0]
    bare = replace(stream.indicators[0], groupings=((), ("kind",)), alert=None)
    assert stream.board is not None
    stream = replace(stream, board=replace(stream.board, choices=()))
    with pytest.raises(DeclarationError, match="is not rolled by district"):
        boards(Catalog((replace(stream, indicators=(bare, *stream.indicators[1:])),)))


def test_groups_and_names_in_the_store_follow_their_files(made: tuple[Store, Catalog], tmp_path: Path) -> None:
    from ioc.store import reference, tables

    store, catalog = made
    groups = catalog.groups()
    held = [group[:4] for group in groups]
    assert store.query("SELECT stream, rollup, code, grp FROM v_rollups ORDER BY ALL").rows() == held
    assert tables.fill(store, catalog) == []
    fewer = [row for row in groups if row[2] != "14755"]
    (said,) = reference._groups(store, fewer)
    changes = "; ".join(f"{level} of towns: 1 changes" for level in ("commune", "district", "province"))
    assert said == f"rollups follow their files: {changes}"
    assert store.query("SELECT stream, rollup, code, grp FROM v_rollups ORDER BY ALL").rows() == [row[:4] for row in fewer]
    assert len(tables.fill(store, catalog)) == 1


def test_groups_may_be_chosen_beside_the_values_of_the_first_dimension(made: tuple[Store, Catalog]) -> None:
    store, catalog = made
    assert store.query(filled(sql.groups(catalog.streams[0], VI), {"run": store.database})).rows() == [
        ("*", "Tất cả"), ("district=-", "Huyện: Không thuộc cấp nào (huyện)"), ("district=380", "Huyện: Thành phố Thanh Hóa"),
        ("sort=house", "Loại: Nhà ở"), ("sort=road", "Loại: road"), ("k0", "k0"), ("k1", "k1"), ("k2", "k2"), ("k9", "k9"),
    ]  # fmt: skip


CHOSEN = ("*", "k0", "nobody", "district=380", "district=-", "district=none", "sort=house", "sort=road")


def asked(choice: str) -> dict[str, str]:
    """What a reader asks for who has chosen this."""
    name, said, group = choice.partition("=")
    return {} if choice == "*" else {name: group + ("@" if group == "380" else "")} if said else {"kind": choice}


NAMES = ("towns.open", "towns.opened", "towns.quick", "towns.days")


@pytest.mark.parametrize("choice", CHOSEN)
def test_a_tile_of_a_chosen_group_shows_what_a_reader_is_told(made: tuple[Store, Catalog], choice: str) -> None:
    store, catalog = made
    for indicator in map(catalog.streams[0].indicator, NAMES):
        query = sql.tile(catalog.streams[0], indicator, VI).replace(f"(SELECT fed FROM {sql.RUN}.v_state)", "true")
        for window in ("",) if indicator.level else ("7d", "month"):
            row = store.query(filled(query, {"run": store.database, "kind": choice, "window": window})).row(0, named=True)
            (told,) = value(store, catalog, indicator.name, window=window or None, where=asked(choice))
            assert row["value"] == (told.value if told.value is None else pytest.approx(told.value)), (indicator.name, window)
            assert from_datetime(row["until"]) == told.until


@pytest.mark.parametrize("choice", CHOSEN)
def test_a_line_of_a_chosen_group_goes_through_what_a_reader_is_told(made: tuple[Store, Catalog], choice: str) -> None:
    store, catalog = made
    seen = 0
    for indicator, window in zip(map(catalog.streams[0].indicator, NAMES), ("", "7d", "month", "7d"), strict=True):
        text = filled(
            sql.lines(catalog.streams[0], {"x": indicator}, VI), {"run": store.database, "kind": choice, "window": window}
        )
        rows = store.query(timed(text, END - 50 * DAY, END)).rows()
        assert len(rows) > 50
        counts = isinstance(indicator.value, Count)
        for time, shown in rows[10:-1:60]:
            at = from_datetime(time) // MINUTE * MINUTE
            if counts and not indicator.level:
                at = at // (6 * HOUR) * (6 * HOUR)  # the last step, which it still shows
            (told,) = value(store, catalog, indicator.name, at, window or None, where=asked(choice))
            if "=" in choice or counts:  # others are rolled by steps
                assert (shown or 0) == pytest.approx(told.value or 0), (indicator.name, time)
                seen += bool(shown)
    assert seen > 3 or choice in ("nobody", "district=none", "district=-")


def test_a_choice_that_is_no_rollup_or_not_rolled_is_refused(made: tuple[Store, Catalog]) -> None:
    stream = made[1].streams[0]
    assert stream.board is not None
    for board, says in (
        (replace(stream.board, choices=("town",)), "choice 'town' is a rollup with a title in `names`; there are sort, province"),
        (replace(stream.board, choices=("commune",)), "choice 'commune' is a rollup with a title"),
    ):
        with pytest.raises(DeclarationError, match=says):
            boards(Catalog((replace(stream, board=board),)))
    bare = replace(stream.indicators[0], groupings=((), ("kind",)), alert=None)
    with pytest.raises(DeclarationError, match=r"towns.open is not rolled by \('unit',\), so no district of it can be chosen"):
        boards(Catalog((replace(stream, indicators=(bare, *stream.indicators[1:])),)))
