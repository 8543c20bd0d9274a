"""Import: sorted on disk, received in order, paced, shifted; the heartbeats open and close it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.importing import importer
from ioc.importing.importer import Sent, Window, run_import
from ioc.importing.maps import load_map
from ioc.importing.order import Ordered
from ioc.importing.spill import Sorted
from ioc.importing.translate import Outgoing, read_events
from ioc.settings import Settings
from ioc.times import to_ms
from schemas.envelope import MAX_BYTES
from tests import brute_receipt

MAP = """
source = "/import/small"
type = "vn.ioc.dossier.changed.v1"
[[event]]
id = "{@row}"
time = "{at}"
data = { dossier = "{no}", state = "received" }
"""


class Log:
    """A sender that keeps what it is given, in two partitions, with the moment it came."""

    records: list[tuple[float, str, bytes | None, bytes, int]]

    def __init__(self, settings: Settings) -> None:
        type(self).records = []
        self.next = {("t", 0): 1}

    async def __aenter__(self) -> Log:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def partitions(self, topic: str) -> int:
        return 2

    async def send(self, topic: str, key: bytes | None, value: bytes, headers: Any, partition: int) -> None:
        await self.post(topic, key, value, headers)

    async def post(self, topic: str, key: bytes | None, value: bytes, headers: Any) -> None:
        ((name, received),) = headers
        assert name == "ioc-received"
        self.records.append((time.monotonic(), topic, key, value, int(received)))

    async def push(self) -> None:
        pass

    async def flush(self) -> None:
        pass


def imported(folder: Path, times: list[str], monkeypatch: pytest.MonkeyPatch, **options: Any) -> Sent:
    """An import of one dossier event a time into `Log`."""
    monkeypatch.setattr(importer, "Sender", Log)
    (folder / "a.toml").write_text(MAP)
    (folder / "a.csv").write_text("no,at\n" + "".join(f"D{n},{at}\n" for n, at in enumerate(times)))
    arguments: dict[str, Any] = {"speed": None, "shift_to_now": False, "limit": None, "topics": str, "progress": lambda *_: None}
    log_map = load_map(str(folder / "a.toml"))
    return asyncio.run(run_import(Settings(data_dir=folder), [folder / "a.csv"], log_map, **(arguments | options)))


def sent_ids() -> list[str]:
    return [orjson.loads(value)["id"] for _, _, _, value, _ in Log.records[2:-2]]


@given(
    st.lists(st.tuples(st.integers(-(10**15), 10**15), st.binary(max_size=9), st.none() | st.text(max_size=3))),
    st.integers(1, 3_000),
)
def test_sorting_on_disk_equals_sorting_in_memory(items: list[tuple[int, bytes, str | None]], run_bytes: int) -> None:
    numbered = [(at, n, *rest) for n, (at, *rest) in enumerate(items)]
    with Sorted(iter(numbered), Path(tempfile.gettempdir()), run_bytes) as ordered:
        assert list(ordered) == sorted(numbered)
        assert list(ordered) == sorted(numbered)  # and again
        assert len(ordered) == len(numbered)


def test_an_event_without_a_time_stays_behind_its_neighbour(tmp_path: Path) -> None:
    events = [Outgoing(at, "t", b"%d" % n, b"") for n, at in enumerate((30, None, 10, None, 20, 10))]
    with Ordered(events, tmp_path) as ordered:
        assert [event.key for event in ordered] == [b"2", b"3", b"5", b"4", b"0", b"1"]


def test_reception_is_the_running_maximum_within_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = ["2011-01-03", "1948-01-01", "2011-01-01", "soon", "2090-01-01", "2011-01-02"]
    sent = imported(tmp_path, [day if day == "soon" else f"{day}T00:00:00Z" for day in days], monkeypatch)
    first, second, third = (to_ms(f"2011-01-0{n}T00:00:00Z") for n in (1, 2, 3))
    assert sent_ids() == ["2", "3", "4", "6", "1", "5"]
    assert [received for *_, received in Log.records[2:-2]] == [first, first, first, second, third, third]
    assert (sent.first_ms, sent.last_ms, sent.read, sent.sent) == (first, third, 6, 6)


def test_a_log_without_a_row_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Log.records = []
    sent = imported(tmp_path, [], monkeypatch)
    assert (sent.sent, sent.next, Log.records) == (0, {}, [])


def test_a_heartbeat_in_every_partition_opens_and_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = imported(tmp_path, ["2011-01-01T00:00:00Z", "2011-01-03T00:00:00Z"], monkeypatch, topics=lambda name: f"run.{name}")
    beats = Log.records[:2] + Log.records[-2:]
    assert [received for *_, received in beats] == [sent.first_ms] * 2 + [sent.last_ms] * 2
    assert {orjson.loads(value)["type"] for _, _, _, value, _ in beats} == {"vn.ioc.heartbeat.v1"}
    assert {topic for _, topic, *_ in Log.records} == {"run.ioc.events.dossier"}


def test_a_limit_takes_the_first_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int | None]] = []
    sent = imported(
        tmp_path, [f"2011-01-0{n}T00:00:00Z" for n in (3, 1, 2)], monkeypatch, limit=2, progress=lambda *done: seen.append(done)
    )
    assert sent_ids() == ["2", "3"]
    assert sent.last_ms == to_ms("2011-01-02T00:00:00Z")
    assert (seen[0], seen[-1]) == ((0, None), (2, 2))


def test_a_paced_import_takes_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(tmp_path, [f"2011-01-01T00:00:{n:02}Z" for n in (0, 20, 40)], monkeypatch, speed=100.0)
    moments = [at for at, *_ in Log.records[2:-2]]
    assert 0.19 < moments[1] - moments[0] < 1
    assert 0.39 < moments[2] - moments[0] < 1.2


@pytest.mark.parametrize("speed", [None, 100.0])
def test_a_shifted_import_ends_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speed: float | None) -> None:
    times = ["2011-01-01T00:00:00Z", "2011-01-01T00:00:30Z", "2090-01-01T00:00:00Z"]
    sent = imported(tmp_path, times, monkeypatch, speed=speed, shift_to_now=True)
    assert abs(sent.last_ms - time.time() * 1000) < 2000
    assert sent.last_ms - sent.first_ms == 30_000
    assert sent_ids()[0] == f"1~{sent.shift_ms}"
    assert all(key is None or key.endswith(b"~%d" % sent.shift_ms) for _, _, key, *_ in Log.records[2:-2])


def test_the_window_is_closed() -> None:
    assert [ms in Window(10, 20) for ms in (9, 10, 20, 21)] == [False, True, True, False]


def test_a_real_broker_holds_the_receipt_log_in_order(broker: str, tmp_path: Path) -> None:
    settings = Settings(kafka_bootstrap=broker, data_dir=tmp_path)
    sent, records = asyncio.run(_import_and_read(settings, lambda name: f"ioc.run.importer.{name}"))
    events = sum(1 for _ in read_events([brute_receipt.RECEIPT], load_map("receipt")))
    assert sent.sent == events > 10_000
    assert len(records) == events + 2 * 3 == sum(sent.next.values())
    for partition in range(3):
        own = [record for record in records if record.partition == partition]
        received = [int(dict(record.headers)["ioc-received"]) for record in own]
        assert received == sorted(received)
        assert (received[0], received[-1]) == (sent.first_ms, sent.last_ms)
        assert {record.key for record in (own[0], own[-1])} == {b"import"}
    ids = {orjson.loads(record.value)["id"] for record in records if record.key != b"import"}
    assert len(ids) == events


async def _import_and_read(settings: Settings, topics: Callable[[str], str]) -> tuple[Sent, list[Any]]:
    from ioc.kafka import TopicPartition, consumer, create_topics

    log_map = load_map("receipt")
    (topic,) = {topics(name) for name in log_map.topics()}
    await create_topics(settings, {topic: 3})
    sent = await run_import(
        settings,
        [brute_receipt.RECEIPT],
        log_map,
        speed=None,
        shift_to_now=False,
        limit=None,
        topics=topics,
        progress=lambda *_: None,
    )
    client, records = consumer(settings), []
    await client.start()
    try:
        client.assign([TopicPartition(*place) for place in sent.next])
        await client.seek_to_beginning()
        while len(records) < sum(sent.next.values()):
            for batch in (await client.getmany(timeout_ms=1000)).values():
                records.extend(batch)
    finally:
        await client.stop()
    return sent, records


def test_an_event_of_just_the_limit_is_sent_whole_and_a_longer_one_with_one_byte_more_than_may_be(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAP)

    def value(cell: int) -> bytes:
        (tmp_path / "log.csv").write_text(f"no,at\n{'x' * cell},2022-10-07T12:00:00Z\n")
        (made,) = read_events([tmp_path / "log.csv"], load_map(tmp_path / "map.toml"))
        return made.value

    room = MAX_BYTES - len(value(1)) + 1
    whole, one_more, many_more = value(room), value(room + 1), value(room + 50)
    assert (len(whole), len(one_more), len(many_more)) == (MAX_BYTES, MAX_BYTES + 1, MAX_BYTES + 1)
    assert orjson.loads(whole)["data"]["dossier"] == "x" * room
