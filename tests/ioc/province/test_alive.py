"""Alive: whenever somebody opens the demo, on a Sunday night, too, every tile of every board has a number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from ioc.asking import read
from ioc.asking.question import scope
from ioc.boards import sql
from ioc.boards.derive import USUAL
from ioc.province.model import Province
from ioc.times import DAY, HOUR, MINUTE, iso, to_ms
from ioc.vocabulary import ALL, Indicator, Stream
from tests import brute
from tests.brute import Record
from tests.counting import CATALOG, EVERY, count, pipeline, real_store
from tests.logs import beat, record

END = to_ms("2026-06-14T17:00:00Z")
"""Midnight after a Sunday."""
PARTITIONS = 2
WEEK = 7 * DAY
PAST = 4 * WEEK
"""Feeds know what is usual after two weeks, and a month has begun: `make run` sends 60 days."""


def log() -> list[Record]:
    """The demo's past up to the end, each event received when it is sent."""
    offsets: dict[tuple[str, int], int] = defaultdict(int)
    records = list[Record]()

    def put(topic: str, partition: int, key: bytes | None, value: bytes, at: int) -> None:
        records.append(Record(topic, partition, offsets[topic, partition], key, value, at, ()))
        offsets[topic, partition] += 1

    sent = list(Province(7, END, PAST, bad=0, streams=CATALOG.streams).history())
    for at in (sent[0].due_ms, END):
        for topic in EVERY:
            for partition in range(PARTITIONS):
                one = record(beat(at), 0, at, topic=topic, partition=partition)
                put(topic, partition, one.key, one.value or b"", at)
        if at < END:
            for event in sent:
                put(event.topic, brute.partition_of(event.key, PARTITIONS), event.key, event.value, event.due_ms)
    return records


def tiles() -> Iterator[tuple[Stream, Indicator, str | None, str]]:
    """Each tile of each board, as it opens: with which window, and of which value of the first dimension."""
    overview = list[tuple[Stream, str]]()
    for stream in CATALOG.streams:
        for board in filter(None, (stream.board, *stream.more_boards)):
            shown = [*board.tiles, *(name for some in board.lines for name in some), *(name for name, _ in board.rankings)]
            window = usual([stream.indicator(name) for name in shown])
            yield from ((stream, stream.indicator(name), window, board.opens) for name in board.tiles)
            overview += [(stream, name) for name in board.overview_tiles]
    window = usual([stream.indicator(name) for stream, name in overview])
    yield from ((stream, stream.indicator(name), window, ALL) for stream, name in overview)


def usual(indicators: list[Indicator]) -> str | None:
    windows = sql.windows(indicators)
    return None if not windows else USUAL if USUAL in windows else windows[0]


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_no_tile_of_the_demo_is_empty_at_any_hour_of_a_week(store_url: str) -> None:
    store, empty, asked = real_store(store_url, "alive"), defaultdict[str, list[str]](list), 0
    count(pipeline(store, PARTITIONS, topics=EVERY), log())
    for stream, indicator, window, opens in tiles():
        where = {stream.dimensions[0]: opens} if opens != ALL else {}
        for at in range(END - WEEK + 30 * MINUTE, END, HOUR):
            of = scope(store, CATALOG, indicator.name, at=at, window=None if indicator.level else window, where=where)
            (answer,) = read.answers(store, of, compare=False)
            asked += 1
            if answer.value is None and not hasattr(indicator.value, "without"):
                empty[f"{indicator.name} {window}"].append(iso(at))
    assert asked > 168 * 30
    assert {name: (len(hours), hours[0], hours[-1]) for name, hours in empty.items()} == {}
