"""Client: connections, topics, a sender, and reading single records."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    KafkaConnectionError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import murmur2

from ioc.errors import ServiceAway
from ioc.kafka.columns import ColumnConsumer
from ioc.settings import Settings

RECORD_BYTES = 4 << 20
TOPIC_CONFIG = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
"""Reception time is the broker's; a record may be larger than a contract allows, so that it is kept as a reject."""


def connection(settings: Settings) -> dict[str, Any]:
    """Connection arguments of every aiokafka client."""
    arguments: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap.split(",")}
    if settings.kafka_ca:
        arguments["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca)
    if settings.kafka_username:
        arguments |= {
            "security_protocol": "SASL_SSL" if settings.kafka_ca else "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    elif settings.kafka_ca:
        arguments["security_protocol"] = "SSL"
    return arguments


def consumer(settings: Settings, group: str | None = None, *, columns: bool = False, **options: Any) -> AIOKafkaConsumer:
    """A consumer that reads committed records only, from positions we set, and never commits by itself.

    `columns`: its `getmany` brings columns (`ioc.kafka.columns`) instead of lists of records.
    """
    arguments: dict[str, Any] = {
        "group_id": group,
        "isolation_level": "read_committed",
        "auto_offset_reset": "none",
        "enable_auto_commit": False,
        "max_partition_fetch_bytes": 8 << 20,
        "fetch_max_bytes": 64 << 20,
        "fetch_max_wait_ms": 100,
    }
    return (ColumnConsumer if columns else AIOKafkaConsumer)(**(connection(settings) | arguments | options))


@asynccontextmanager
async def _started(settings: Settings, client: Any) -> AsyncIterator[Any]:
    """The client, started, and stopped in the end.  Raises ServiceAway when the broker cannot be reached."""
    try:
        await client.start()
    except (KafkaConnectionError, OSError) as error:
        raise ServiceAway(f"Kafka at {settings.kafka_bootstrap} does not answer ({error})") from error
    else:
        yield client
    finally:
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())


async def create_topics(settings: Settings, topics: Mapping[str, int], room: int = 0) -> list[str]:
    """Create what is missing (name -> partitions) and wait until every partition has a leader. Returns the names created.

    The controller's word counts: a broker may still list a topic that was deleted a moment ago.
    `room`: bytes by which records may be larger than usual.  Raises ServiceAway when the broker cannot be reached.
    """
    config = TOPIC_CONFIG | {"max.message.bytes": str(RECORD_BYTES + room)}
    async with _started(settings, AIOKafkaAdminClient(**connection(settings))) as admin:
        existing = set(await admin.list_topics())
        created = []
        replication = min(3, len((await admin.describe_cluster())["brokers"]))
        answer = await admin.create_topics([NewTopic(name, topics[name], replication, topic_configs=config) for name in topics])
        for name, code, *detail in answer.topic_errors:
            if code == 0:
                created.append(name)
            elif code == TopicAuthorizationFailedError.errno and name in existing:
                pass  # others create the topics here, and have done so
            elif code != TopicAlreadyExistsError.errno:
                raise ServiceAway(f"topic {name} cannot be created: error {code} {detail}")
        while any(  # noqa: ASYNC110 - nobody tells when a partition gets its leader
            not t["partitions"] or any(p["leader"] < 0 for p in t["partitions"])
            for t in await admin.describe_topics(list(topics))
        ):
            await asyncio.sleep(0.05)
        return created


async def delete_topics(settings: Settings, topics: Iterable[str]) -> list[str]:
    """Delete those of the topics that are there. Returns their names.  Raises ServiceAway."""
    async with _started(settings, AIOKafkaAdminClient(**connection(settings))) as admin:
        existing = set(await admin.list_topics())
        there = [name for name in topics if name in existing]
        for name, code in (await admin.delete_topics(there)).topic_error_codes if there else ():
            if code not in (0, UnknownTopicOrPartitionError.errno):
                raise ServiceAway(f"topic {name} cannot be deleted: error {code}")
        return there


async def partitions(client: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """All partitions of a topic, in order.  Raises ServiceAway when the topic does not exist."""
    cluster = await client._client.fetch_all_metadata()  # the public calls know subscribed topics only
    numbers = cluster.partitions_for_topic(topic) or set()
    if not numbers:
        raise ServiceAway(f"topic {topic} does not exist; create it with `ioc topics apply`")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


async def bounds(settings: Settings, topics: Iterable[str]) -> dict[TopicPartition, tuple[int, int]]:
    """(beginning, end) offset of every partition of the topics.  Raises ServiceAway."""
    async with _started(settings, consumer(settings)) as client:
        places = [place for topic in topics for place in await partitions(client, topic)]
        begins, ends = await client.beginning_offsets(places), await client.end_offsets(places)
        return {place: (begins[place], ends[place]) for place in places}


async def read_at(settings: Settings, places: Mapping[TopicPartition, int], patience: float = 15.0) -> dict[TopicPartition, Any]:
    """The first committed record at or after each offset (or None where there is none before the end)."""
    async with _started(settings, consumer(settings)) as client:
        ends = await client.end_offsets(list(places))
        begins = await client.beginning_offsets(list(places))
        there = [place for place, offset in places.items() if begins[place] <= offset < ends[place]]
        found: dict[TopicPartition, Any] = {place: None for place in places if place not in there}
        client.assign(there)  # one without a position would be looked up, and refused
        for place in there:
            client.seek(place, places[place])
        deadline = asyncio.get_running_loop().time() + patience
        while len(found) < len(places) and asyncio.get_running_loop().time() < deadline:
            for place, records in (await client.getmany(timeout_ms=200, max_records=len(places))).items():
                found.setdefault(place, records[0])
                client.pause(place)
            for place in there:
                if place not in found and await client.position(place) >= ends[place]:
                    found[place] = None
        if len(found) < len(places):
            raise ServiceAway(f"Kafka at {settings.kafka_bootstrap} did not give the records asked for within {patience:.0f} s")
        return found


class Sender:
    """Sends records: acks=all, idempotent, lz4, murmur2 keys. `async with Sender(settings) as sender`."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        self._settings = settings
        self._options: dict[str, Any] = {
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": "lz4",
            "linger_ms": 5,
            "max_batch_size": 512 << 10,
            "max_request_size": RECORD_BYTES,
        }
        self._options |= options
        self._pending: set[asyncio.Future[Any]] = set()
        self._error: BaseException | None = None
        self.next: dict[tuple[str, int], int] = {}
        """(topic, partition) -> the position after the last record of ours that Kafka has."""
        self.acknowledged = 0
        self._open: dict[tuple[str, int], Any] = {}
        self._counts: dict[str, int] = {}

    async def __aenter__(self) -> Sender:
        self._producer = AIOKafkaProducer(**(connection(self._settings) | self._options))
        self._producing = _started(self._settings, self._producer)
        await self._producing.__aenter__()
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        await self._producing.__aexit__(kind, error, trace)

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> asyncio.Future[Any]:
        """Hand a record over; the future ends once Kafka has it (or raises KafkaError). Waits while the buffer is full."""
        if self._error:
            raise self._error
        future: asyncio.Future[Any] = await self._producer.send(
            topic, value=value, key=key, partition=partition, headers=list(headers)
        )
        self._pending.add(future)
        future.add_done_callback(self._done)
        return future

    async def post(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        """Hand over one of many records: like `send`, with a future a batch instead of one a record (measured: 165k/s for 50k/s).

        Batches leave when full, and with `push` or `flush`. Do not mix with `send` where the order matters.
        """
        if self._error:
            raise self._error
        if partition is None:
            if topic not in self._counts:
                self._counts[topic] = await self.partitions(topic)
            partition = _partition(key or b"", self._counts[topic])
        place = (topic, partition)
        batch = self._open.get(place)
        if batch is None or batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
            await self._submit(place)
            batch = self._open[place] = self._producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=list(headers))

    async def push(self) -> None:
        """Let every batch of `post` leave, full or not."""
        for place in list(self._open):
            await self._submit(place)

    async def _submit(self, place: tuple[str, int]) -> None:
        batch = self._open.pop(place, None)
        if batch is not None:
            batch.close()
            future = await self._producer.send_batch(batch, place[0], partition=place[1])
            self._pending.add(future)
            future.add_done_callback(partial(self._done, records=batch.record_count()))

    def _done(self, future: asyncio.Future[Any], records: int = 1) -> None:
        self._pending.discard(future)
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._error = error
            return
        meta = future.result()
        place = (meta.topic, meta.partition)
        self.next[place] = max(self.next.get(place, 0), meta.offset + records)
        self.acknowledged += records

    async def flush(self) -> None:
        """Wait until Kafka has everything sent so far; raises the first error."""
        await self.push()
        while self._pending:
            await asyncio.wait(list(self._pending))
        if self._error:
            raise self._error

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._producer.partitions_for(topic))


@lru_cache(1 << 16)
def _partition(key: bytes, count: int) -> int:
    """Murmur2 as Kafka's Java client has it; in plain Python it costs as much as the rest of sending, and keys repeat."""
    return int(murmur2(key) & 0x7FFFFFFF) % count


async def send_to_all(
    sender: Sender, topics: Iterable[str], key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
) -> None:
    """One record into every partition of every topic; returns once Kafka has them."""
    for topic in topics:
        for partition in range(await sender.partitions(topic)):
            await sender.send(topic, key, value, headers, partition)
    await sender.flush()
