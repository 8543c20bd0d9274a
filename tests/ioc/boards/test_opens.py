"""Boards of what has no sum over the first dimension: they open with one of its values, and show nothing where all are chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ioc.boards import sql
from ioc.boards.derive import boards
from ioc.boards.expand import filled
from ioc.boards.lint import faults
from ioc.boards.words import VI
from ioc.catalog import Catalog
from ioc.errors import DeclarationError
from ioc.rolling.roll import Roller
from ioc.store.tables import board_views
from ioc.times import HOUR, SECOND
from ioc.vocabulary import Board, Rollup, Stream
from tests.counting import count, pipeline, real_store
from tests.logs import START, beat
from tests.logs import record as beaten
from tests.streams_queue import QUEUE, TOPIC, change, record

SHOWN = Board("queue", "Hàng chờ", "Queue", names={"desk": ("Quầy", "Desk")}, opens="A", tiles=("queue.waiting",))


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    """Desks whose queues have no sum."""
    (tmp_path / "desks.toml").write_text('desks = [["A", "Quầy số một"], ["B", "Quầy số hai"]]\n', "utf-8")
    each = replace(QUEUE.indicators[0], groupings=(("desk",),), each=("desk",))
    lines, rankings = (("queue.waiting",),), (("queue.waiting", "desk"),)
    board = replace(SHOWN, lines=lines, rankings=rankings)
    return replace(QUEUE, indicators=(each,), units=(tmp_path / "desks.toml",), board=board)


def test_it_opens_with_its_value_by_its_name_and_the_overview_with_all(stream: Stream) -> None:
    catalog = Catalog((stream,))
    found = boards(catalog)
    assert faults(found, board_views(catalog)) == []
    opened = {b.uid: [(v.current.value, v.current.text) for v in b.templating.list if v.name == "desk"] for b in found}
    assert opened == {
        "ioc-overview": [], "ioc-queue": [("A", "Quầy số một")], "ioc-overview-en": [], "ioc-queue-en": [("A", "Quầy số một")],
    }  # fmt: skip


def test_what_it_cannot_show_is_refused_with_what_is_right(stream: Stream) -> None:
    board = stream.board
    assert board is not None
    by_floor = Rollup("floor", of="desk", file=stream.units[0])
    for changed, says in (
        ({"board": replace(board, opens="*")}, "queue.waiting is told of each desk; say with which the board opens"),
        ({"board": replace(board, opens="C")}, "opens='C' is no value that its units name"),
        ({"board": replace(board, overview_tiles=("queue.waiting",))}, "the overview shows sums over all"),
        (
            {"board": replace(board, rankings=(("queue.waiting", "floor"),)), "rollups": (by_floor,)},
            "queue.waiting is not rolled by floor",
        ),
    ):
        with pytest.raises(DeclarationError, match=says):
            boards(Catalog((replace(stream, **changed),)))
    indicator = replace(stream.indicators[0], each=("room",), groupings=(("room",),), alert=None)
    other = replace(stream, dimensions=("desk", "room"), indicators=(indicator,))
    with pytest.raises(DeclarationError, match=r"queue\.waiting is told of each room; a board chooses by desk"):
        boards(Catalog((other,)))


def test_of_all_it_shows_no_data_and_all_is_not_offered(store_url: str, stream: Stream) -> None:
    catalog = Catalog((stream,))
    store = real_store(store_url, "boards_opens", catalog)
    events = [change("A", 3, START), change("B", 4, START + SECOND)]
    log = [beaten(beat(at), n, at, topic=TOPIC, partition=0) for n, at in ((0, START - SECOND), (3, START + HOUR))]
    log[1:1] = [record(event, n, START + n * SECOND) for n, event in enumerate(events, start=1)]
    count(pipeline(store, 1, catalog, (TOPIC,)), log)
    Roller(catalog, store, store.settings).step()
    tile = sql.tile(stream, stream.indicators[0], VI).replace(f"(SELECT fed FROM {sql.RUN}.v_state)", "true")
    shown = [store.query(filled(tile, {"run": store.database, "desk": desk}))["value"][0] for desk in ("*", "A", "nobody")]
    assert shown == [None, 3, None]
    offered = store.query(filled(sql.groups(stream, VI), {"run": store.database})).rows()
    assert offered == [("B", "Quầy số hai"), ("A", "Quầy số một")]
