"""Alive: whenever somebody opens the demo, on a Sunday night, too, every tile of every board has a number."""

from __future__ import annotations

from collections import defaultdict

import pytest

from ioc.asking import read
from ioc.asking.question import scope
from ioc.boards.derive import USUAL
from ioc.province.model import Province
from ioc.times import DAY, HOUR, MINUTE, iso, to_ms
from ioc.vocabulary import ALL
from tests import brute
from tests.brute import Record
from tests.counting import CATALOG, EVERY, count, pipeline, real_store
from tests.logs import beat, record

END = to_ms("2026-06-14T17:00:00Z")
"""Midnight after a Sunday."""
PARTITIONS = 2
WEEK = 7 * DAY


def log() -> list[Record]:
    """The demo's past up to the end, each event received when it is sent."""
    offsets: dict[tuple[str, int], int] = defaultdict(int)
    records = list[Record]()

    def put(topic: str, partition: int, key: bytes | None, value: bytes, at: int) -> None:
        records.append(Record(topic, partition, offsets[topic, partition], key, value, at, ()))
        offsets[topic, partition] += 1

    sent = list(Province(7, END, WEEK + 2 * DAY, bad=0, streams=CATALOG.streams).history())
    for at in (sent[0].due_ms, END):
        for topic in EVERY:
            for partition in range(PARTITIONS):
                one = record(beat(at), 0, at, topic=topic, partition=partition)
                put(topic, partition, one.key, one.value or b"", at)
        if at < END:
            for event in sent:
                put(event.topic, brute.partition_of(event.key, PARTITIONS), event.key, event.value, event.due_ms)
    return records


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_no_tile_of_the_demo_is_empty_at_any_hour_of_a_week(store_url: str) -> None:
    store, empty, asked = real_store(store_url, "alive"), defaultdict[str, list[str]](list), 0
    count(pipeline(store, PARTITIONS, topics=EVERY), log())
    for stream in CATALOG.streams:
        boards = [board for board in (stream.board, *stream.more_boards) if board]
        tiles = {tile: board.opens for board in boards for tile in (*board.tiles, *board.overview_tiles)}
        for name, opens in tiles.items():
            indicator, where = stream.indicator(name), {stream.dimensions[0]: opens} if opens != ALL else {}
            window = None if indicator.level else USUAL if USUAL in indicator.windows else indicator.windows[0]
            for at in range(END - WEEK + 30 * MINUTE, END, HOUR):
                (answer,) = read.answers(store, scope(store, CATALOG, name, at=at, window=window, where=where), compare=False)
                asked += 1
                if answer.value is None:
                    empty[name].append(iso(at))
    assert asked > 168 * 30
    assert {name: (len(hours), hours[0], hours[-1]) for name, hours in empty.items()} == {}
