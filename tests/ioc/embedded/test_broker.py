"""The embedded broker is a real Kafka: it keeps what it acknowledged, wherever its folder lies and whatever its port is."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from ioc.embedded import broker as embedded_broker
from ioc.embedded.ports import listens
from ioc.errors import IocError
from tests.services import free_port, running, running_broker

SERVER_TIME = {"message.timestamp.type": "LogAppendTime"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("broker") / "dữ liệu, của tỉnh"


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[str]:
    with running_broker(folder) as bootstrap:
        yield bootstrap


@contextmanager
def process(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir(exist_ok=True)
    command = embedded_broker.command(folder, port, free_port(), fast_start=True)
    with running("broker", command, folder, lambda: listens(port)) as child:
        yield child


async def new_topic(bootstrap: str) -> str:
    name = f"t-{uuid4()}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs=SERVER_TIME)])
    await admin.close()
    return name


async def write(bootstrap: str, topic: str, *values: bytes, compression: str | None = None) -> None:
    limits = {"max_request_size": 5 << 20, "max_batch_size": 5 << 20}
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type=compression, enable_idempotence=True, **limits
    ) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def read(bootstrap: str, topic: str) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        return [(await consumer.getone()).value for _ in range(end)]


@pytest.mark.parametrize("compression", ["lz4", "zstd", "snappy", "gzip"])
async def test_compressed_records_come_back(broker: str, compression: str) -> None:
    topic = await new_topic(broker)
    await write(broker, topic, "hồ sơ".encode() * 1000, compression=compression)
    assert await read(broker, topic) == ["hồ sơ".encode() * 1000]


async def test_four_mebibytes_are_taken_and_more_is_refused(broker: str) -> None:
    topic = await new_topic(broker)
    await write(broker, topic, bytes(4_190_000))
    with pytest.raises(MessageSizeTooLargeError):
        await write(broker, topic, bytes(4_200_000))
    assert list(map(len, await read(broker, topic))) == [4_190_000]


async def test_topics_are_not_created_by_asking_for_them(broker: str) -> None:
    with pytest.raises(KafkaError):
        async with AIOKafkaProducer(bootstrap_servers=broker, request_timeout_ms=500) as producer:
            await producer.send_and_wait(f"unknown-{uuid4()}", b"x")


async def test_a_group_may_have_a_short_session(broker: str) -> None:
    topic = await new_topic(broker)
    await write(broker, topic, b"x")
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker, group_id=f"g-{uuid4()}", session_timeout_ms=1000, heartbeat_interval_ms=300,
        auto_offset_reset="earliest",
    )  # fmt: skip
    async with consumer:
        assert (await consumer.getone()).value == b"x"
        await consumer.commit()


async def test_a_transaction_is_read_once_committed(broker: str) -> None:
    topic = await new_topic(broker)
    async with AIOKafkaProducer(bootstrap_servers=broker, transactional_id=f"x-{uuid4()}") as producer, producer.transaction():
        await producer.send_and_wait(topic, b"x")
    async with AIOKafkaConsumer(bootstrap_servers=broker, isolation_level="read_committed") as consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        assert (await consumer.getone()).value == b"x"


def test_it_listens_on_loopback_only(broker: str) -> None:
    port = int(broker.partition(":")[2])
    with socket.socket() as elsewhere:
        assert elsewhere.connect_ex(("127.0.0.2", port)) != 0


def test_what_the_storage_tool_prints_goes_to_a_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    embedded_broker.command(tmp_path, 9092, 9093)
    assert "Formatting" in (tmp_path / "logs" / "broker-format.log").read_text()
    assert "Formatting" not in "".join(capfd.readouterr())


async def test_the_folder_is_small(broker: str, folder: Path) -> None:
    await write(broker, await new_topic(broker), b"x")
    bytes_on_disk = sum(file.stat().st_blocks * 512 for file in (folder / "kafka").rglob("*"))
    assert bytes_on_disk < 20 << 20


async def test_kill_9_and_another_port_lose_nothing_acknowledged(tmp_path: Path) -> None:
    values = [b"%d" % n for n in range(100)]
    first, second = free_port(), free_port()
    with process(tmp_path / "a folder", first) as child:
        topic = await new_topic(f"127.0.0.1:{first}")
        await write(f"127.0.0.1:{first}", topic, *values)
        child.kill()
        child.wait()
    with process(tmp_path / "a folder", second):
        assert await read(f"127.0.0.1:{second}", topic) == values
        await write(f"127.0.0.1:{second}", topic, b"more")
        assert await read(f"127.0.0.1:{second}", topic) == [*values, b"more"]


def test_java_reads_the_archive_of_what_a_broker_loads(broker: str, folder: Path) -> None:
    said: list[str] = []
    embedded_broker.prepare(said.append)
    assert said == [], "it was made before the first broker of this session"
    command = embedded_broker.command(folder, 9092, 9093)
    log = subprocess.run([*command[:-2], "-Xlog:aot=info", "-version"], capture_output=True, text=True, check=True).stdout
    assert "Mapped static  region" in log
    assert "[error" not in log


@pytest.mark.proof
def test_a_java_that_makes_no_archive_starts_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(embedded_broker, "_archive", lambda: tmp_path / "kafka.aot")
    monkeypatch.setattr(embedded_broker, "JVM", (*embedded_broker.JVM, "-XX:AOTMode=off"))
    embedded_broker.prepare(said.append)
    assert [message.partition(":")[0] for message in said] == [
        "preparing Kafka (the first time only)",
        "Kafka could not be prepared and starts slower",
    ]
    assert not (tmp_path / "kafka.aot").exists()
    assert not any("AOTCache" in option for option in embedded_broker.command(tmp_path, 9092, 9093))


def test_a_cache_that_can_only_be_read_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    (tmp_path / "file").touch()
    monkeypatch.setattr(embedded_broker, "_archive", lambda: tmp_path / "file" / "kafka.aot")
    embedded_broker.prepare(said.append)
    assert [message.partition(":")[0] for message in said] == ["Kafka could not be prepared and starts slower"]


def test_a_format_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "topics.new").mkdir(parents=True)
    (tmp_path / "kafka" / "topics.new" / "meta.properties").write_text("cluster.id=")
    embedded_broker.command(tmp_path, 9092, 9093)
    assert "node.id=1" in (tmp_path / "kafka" / "topics" / "meta.properties").read_text()
    assert not (tmp_path / "kafka" / "topics.new").exists()


def test_a_format_that_fails_says_where_the_reason_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_broker, "JVM", ("-XX:NoSuchFlag",))
    with pytest.raises(IocError, match=r"could not be formatted; the reason stands in .*broker-format\.log"):
        embedded_broker.command(tmp_path, 9092, 9093)
    assert not (tmp_path / "kafka" / "topics").exists()
