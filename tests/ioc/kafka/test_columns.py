"""Columns: the same records, in the same order, up to the same positions as in aiokafka's own lists, from a real broker."""

from __future__ import annotations

import asyncio
import gc
import random
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from ioc import kafka
from ioc.kafka import Columns, TopicPartition, columns
from ioc.kafka.columns import _Aside
from ioc.settings import Settings

Rows = list[tuple[int, bytes | None, bytes | None, int, tuple[tuple[str, bytes | None], ...]]]


def rows(found: Any) -> Rows:
    """Columns or records, as rows of offset, key, value, timestamp and headers."""
    if isinstance(found, Columns):
        columns = zip(found.offsets, found.keys, found.values, found.timestamps, strict=True)
        return [(*row, found.headers.get(i, ())) for i, row in enumerate(columns)]
    return [(r.offset, r.key, r.value, r.timestamp, r.headers) for r in found]


@asynccontextmanager
async def reading(broker: str, topic: str, as_columns: bool, partitions: int = 1) -> AsyncIterator[AIOKafkaConsumer]:
    client = kafka.consumer(Settings(kafka_bootstrap=broker), columns=as_columns)
    client.assign([TopicPartition(topic, number) for number in range(partitions)])
    await client.start()
    try:
        await client.seek_to_beginning()
        yield client
    finally:
        await client.stop()


async def read(client: AIOKafkaConsumer, topic: str, most: int | None = None, partitions: int = 1) -> dict[int, Rows]:
    """All records to the ends of the partitions, and after each poll: it is not too large, and the position is behind it."""
    places = [TopicPartition(topic, number) for number in range(partitions)]
    found: dict[int, Rows] = {place.partition: [] for place in places}
    ends = await client.end_offsets(places)
    async with asyncio.timeout(30):
        while any([await client.position(place) < end for place, end in ends.items()]):
            polled: Mapping[TopicPartition, Any] = await client.getmany(timeout_ms=100, max_records=most)
            assert most is None or sum(map(len, polled.values())) <= most
            for place, some in polled.items():
                found[place.partition] += rows(some)
                assert await client.position(place) > found[place.partition][-1][0]
    return found


async def both(broker: str, topic: str, most: int | None = None, partitions: int = 1) -> dict[int, Rows]:
    """What columns bring; it is what lists of records bring."""
    async with reading(broker, topic, False, partitions) as plain, reading(broker, topic, True, partitions) as ours:
        found = await read(ours, topic, most, partitions)
        assert found == await read(plain, topic, most, partitions)
    return found


async def create(broker: str, topic: str, partitions: int = 1) -> None:
    await kafka.create_topics(Settings(kafka_bootstrap=broker), {topic: partitions})


async def send(
    producer: AIOKafkaProducer, topic: str, rng: random.Random, count: int, number: int = 0, headers: bool = True
) -> None:
    """Records of all kinds, in record batches of one and of many."""
    for _ in range(count):
        batch = producer.create_batch()
        for _ in range(rng.choice((1, 1, 7, 300))):
            key = rng.choice((None, b"", b"k", rng.randbytes(9)))
            value = rng.choice((None, b"", b"v" * 300, rng.randbytes(40)))
            given = rng.choice(([], [], [("ioc-received", b"5"), ("x", b"")], [("á", None)])) if headers else []
            batch.append(key=key, value=value, timestamp=None, headers=given)
        batch.close()
        await (await producer.send_batch(batch, topic, partition=number))


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("most", [None, 1, 250, 20_000])
async def test_every_record_comes_as_aiokafka_gives_it(broker: str, codec: str | None, most: int | None) -> None:
    topic = f"columns.{codec}"
    rng = random.Random(3)
    await create(broker, topic)
    async with AIOKafkaProducer(bootstrap_servers=broker, compression_type=codec) as producer:
        await send(producer, topic, rng, 3 if most == 1 else 8)
        large = rng.randbytes(kafka.RECORD_BYTES - 1000)
        if codec is None and most is None:
            large_too = AIOKafkaProducer(bootstrap_servers=broker, max_request_size=kafka.RECORD_BYTES)
            async with large_too:
                await large_too.send_and_wait(topic, large)
    found = await both(broker, topic, most)
    assert found[0]


async def test_of_a_partition_that_holds_much_the_others_get_their_turn(broker: str) -> None:
    await create(broker, "columns.many", 3)
    rng = random.Random(4)
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for number, count in enumerate((1, 30, 0)):
            await send(producer, "columns.many", rng, count, number)
    found = await both(broker, "columns.many", 100, 3)
    assert [bool(found[number]) for number in range(3)] == [True, True, False]


async def test_what_was_aborted_and_markers_do_not_come(broker: str) -> None:
    """The last record of the log is a marker: the position goes past it."""
    topic, rng = "columns.transactions", random.Random(5)
    await create(broker, topic)
    kept = 0
    async with (
        AIOKafkaProducer(bootstrap_servers=broker, transactional_id="columns.a") as one,
        AIOKafkaProducer(bootstrap_servers=broker, transactional_id="columns.b") as two,
        AIOKafkaProducer(bootstrap_servers=broker) as free,
    ):
        for turn in range(6):
            for producer in (one, two):
                await producer.begin_transaction()
            await send(one, topic, rng, 2)  # the batches of all three lie between one another
            await send(two, topic, rng, 1)
            await send(free, topic, rng, 1)
            await send(one, topic, rng, 1)
            for number, producer in enumerate((one, two)):
                await (producer.commit_transaction() if (turn + number) % 2 else producer.abort_transaction())
                kept += (turn + number) % 2
    for most in (None, 1, 50):
        found = (await both(broker, topic, most))[0]
        offsets = [row[0] for row in found]
        assert offsets == sorted(set(offsets))
    async with reading(broker, topic, True) as client:
        end = (await client.end_offsets([TopicPartition(topic, 0)]))[TopicPartition(topic, 0)]
        assert offsets[-1] < end - 1, "the last is a marker"
        await read(client, topic)
        assert await client.position(TopicPartition(topic, 0)) == end
    assert len(offsets) < end - 12


async def test_a_seek_into_the_midst_of_a_batch_begins_there(broker: str) -> None:
    topic, place = "columns.seek", TopicPartition("columns.seek", 0)
    await create(broker, topic)
    async with AIOKafkaProducer(bootstrap_servers=broker, compression_type="lz4") as producer:
        await send(producer, topic, random.Random(6), 10)
    whole = (await both(broker, topic))[0]
    async with reading(broker, topic, True) as client:
        for offset in (whole[-1][0], 0, 5, whole[len(whole) // 2][0] + 1):
            client.seek(place, offset)
            assert (await read(client, topic, 30))[0] == [row for row in whole if row[0] >= offset]


async def test_paused_partitions_give_nothing_and_lose_nothing(broker: str) -> None:
    topic, place = "columns.pause", TopicPartition("columns.pause", 0)
    await create(broker, topic)
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        await send(producer, topic, random.Random(7), 10)
    whole = (await both(broker, topic))[0]
    async with reading(broker, topic, True) as client:
        found: Rows = []
        while not found:
            found += rows((await client.getmany(timeout_ms=100, max_records=3)).get(place, Columns()))
        client.pause(place)
        assert await client.getmany(timeout_ms=100) == {}  # what was fetched is thrown away
        client.resume(place)
        assert found + (await read(client, topic, 50))[0] == whole


async def test_in_a_group_each_record_comes_to_one_and_goes_on_with_the_other(broker: str) -> None:
    topic = "columns.group"
    await create(broker, topic, 2)
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for number in (0, 1):
            await send(producer, topic, random.Random(8), 6, number)
    whole = await both(broker, topic, partitions=2)
    options = {"auto_offset_reset": "earliest", "session_timeout_ms": 6_000, "heartbeat_interval_ms": 500}
    found: dict[int, Rows] = {0: [], 1: []}

    async def poll(client: AIOKafkaConsumer) -> None:
        for place, some in (await client.getmany(timeout_ms=50, max_records=40)).items():
            if some:
                found[place.partition] += rows(some)
                await client.commit({place: found[place.partition][-1][0] + 1})

    def made() -> AIOKafkaConsumer:
        client = kafka.consumer(Settings(kafka_bootstrap=broker), topic, columns=True, **options)
        client.subscribe([topic])
        return client

    first, second = made(), made()
    async with asyncio.timeout(60), first:
        while not any(found.values()):
            await poll(first)
        joining = asyncio.create_task(second.start())
        while not joining.done():  # its records of before are given up, and read again by whoever has the partition
            await poll(first)
        while any(len(found[number]) < len(whole[number]) for number in (0, 1)):
            await asyncio.gather(poll(first), poll(second))
        await second.stop()
    assert found == whole


async def test_a_poll_of_large_records_ends_where_it_has_taken_enough(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "BYTES", 5_000)
    monkeypatch.setattr(columns, "PIECE", 4)
    topic, place = "columns.large", TopicPartition("columns.large", 0)
    await create(broker, topic)
    async with AIOKafkaProducer(bootstrap_servers=broker, compression_type="lz4") as producer:
        await send(producer, topic, random.Random(9), 8)
    whole = (await both(broker, topic))[0]
    async with reading(broker, topic, True) as client:
        found: Rows = []
        while len(found) < len(whole):
            for some in (await client.getmany(timeout_ms=100, max_records=20_000)).values():
                assert some.bytes == sum(len(value) for value in some.values if value) < 5_000 + 4 * 300
                found += rows(some)
        assert await client.position(place) == whole[-1][0] + 1
    assert found == whole


# ---- what no broker makes at once


def with_holes(offsets: Sequence[int], following: int, codec: int) -> bytes:
    """A record batch as compaction leaves it: records are gone, the last offset stays."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 20)
    for offset in offsets:
        builder.append(offset, 5, b"k%d" % offset, b"v", [])
    made = bytearray(builder.build())
    form = _DefaultRecordBatchPy
    made[23:27] = (following - 1).to_bytes(4, "big")  # last offset delta
    made[form.CRC_OFFSET : form.CRC_OFFSET + 4] = calc_crc32c(bytes(made[form.ATTRIBUTES_OFFSET :])).to_bytes(4, "big")
    return bytes(made)


def moved(batch: bytes, base: int) -> bytes:
    """The same batch further on in the log."""
    return base.to_bytes(8, "big") + batch[8:]


class Assignment:
    """Stands for the state of the only partition."""

    active, paused = True, False

    def __init__(self, position: int) -> None:
        self.position = position

    def state_value(self, _: Any) -> Assignment:
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


def fetched(data: bytes, position: int) -> FetchResult:
    place = TopicPartition("t", 0)
    records = PartitionRecords(place, MemoryRecords(data), None, position, None, None, True, READ_COMMITTED)
    return FetchResult(place, assignment=Assignment(position), partition_records=records, backoff=0)


def drained(found: FetchResult, most: int | None) -> tuple[list[Rows], list[int]]:
    """Polls of a result until it is empty, and the position after each."""
    polls, positions = [], []
    while found.has_more():
        polls.append(rows(found.getall(most)))
        positions.append(found._assignment.position)
    return [poll for poll in polls if poll], positions


@pytest.mark.parametrize("codec", [DefaultRecordBatch.CODEC_NONE, DefaultRecordBatch.CODEC_LZ4])
@pytest.mark.parametrize("most", [None, 1, 2, 3, 100])
@pytest.mark.parametrize("position", [0, 1, 4, 7, 10, 13])
def test_what_compaction_left_comes_as_aiokafka_gives_it(codec: int, most: int | None, position: int) -> None:
    one, empty = with_holes((1, 2, 4, 7), 10, codec), with_holes((), 3, DefaultRecordBatch.CODEC_NONE)
    data = one + moved(empty, 10) + moved(one, 13)
    aside = _Aside({})
    aside["t"] = fetched(data, position)
    assert drained(aside["t"], most) == drained(fetched(data, position), most)


def test_a_damaged_batch_is_no_batch() -> None:
    data = with_holes(range(5), 5, DefaultRecordBatch.CODEC_NONE)
    aside = _Aside({})
    aside["t"] = fetched(data + moved(data[:-1] + b"x", 5), 0)
    with pytest.raises(CorruptRecordException):
        aside["t"].getall(100)


def test_what_was_read_is_gone_at_once() -> None:
    """Nobody looks for cycles while a worker counts (`ioc.centre.garbage`), and a fetch is megabytes."""
    gc.disable()
    try:
        aside = _Aside({})
        aside["t"] = fetched(with_holes(range(5), 5, DefaultRecordBatch.CODEC_NONE), 0)
        records = weakref.ref(aside["t"]._partition_records)
        assert len(aside["t"].getall(3)) == 3
        assert len(aside["t"].getall(3)) == 2
        del aside["t"]
        assert records() is None
    finally:
        gc.enable()
