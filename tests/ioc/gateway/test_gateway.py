"""Gateway: every good event reaches Kafka, every bad one is kept and told, and nothing a client sends brings it down."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from starlette.responses import PlainTextResponse

from ioc.cli.asyncapi import examples
from ioc.errors import ServiceAway, UsageError
from ioc.events import rejects
from ioc.gateway import app as gateway
from ioc.gateway import connections, intake, verdicts
from ioc.settings import Settings
from ioc.times import to_ms

NOW = to_ms("2022-10-07T12:00:00+07:00")
RECEIVED, MEASURED, HEARTBEAT = (examples()[name] for name in ("dossier_received_online", "ran_measured", "heartbeat"))
ONE = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
JSON = {"content-type": "application/json"}


class Log:
    """A Kafka of one partition a topic; `fails` is what happens instead of storing."""

    def __init__(self) -> None:
        self.records: dict[str, list[tuple[bytes | None, bytes, list[tuple[str, bytes]]]]] = {}
        self.fails: Exception | None = None
        self.silent = False

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.fails:
            raise self.fails
        if not self.silent:
            records = self.records.setdefault(topic, [])
            records.append((key, value or b"", list(headers)))
            future.set_result(SimpleNamespace(topic=topic, partition=0, offset=len(records) - 1))
        return future

    async def alive(self) -> bool:
        return self.fails is None

    def refused(self) -> list[rejects.Refused]:
        return [record for _, value, _ in self.records.get(rejects.TOPIC, []) if (record := rejects.unpack(value))]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def app(log: Log) -> FastAPI:
    return gateway.build(Settings(), log, lambda: NOW)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


async def told(client: httpx.AsyncClient, body: Any, headers: dict[str, str] = ONE) -> tuple[int, list[dict[str, Any]]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await client.post("/events", content=content, headers=headers)
    return answer.status_code, answer.json()["events"]


async def test_one_event_is_stored_as_it_was_written(client: httpx.AsyncClient, log: Log) -> None:
    body = json.dumps(RECEIVED, indent=3, ensure_ascii=False).encode()
    assert await told(client, body) == (
        202,
        [{"index": 0, "id": RECEIVED["id"], "verdict": "accepted", "topic": "ioc.events.dossier", "partition": 0, "offset": 0}],
    )
    assert log.records == {"ioc.events.dossier": [(b"H56.20-20221006-0001", body, [])]}


@pytest.mark.parametrize("headers", [BATCH, JSON])
async def test_a_mixed_batch_stores_the_good_keeps_the_bad_and_answers_422(
    client: httpx.AsyncClient, log: Log, headers: dict[str, str]
) -> None:
    bad = {**RECEIVED, "data": {**RECEIVED["data"], "state": "lost"}}
    status, events = await told(client, [RECEIVED, bad, MEASURED, 7], headers)
    assert status == 422
    assert [(e["index"], e["verdict"], e.get("reason"), e.get("field"), e["id"]) for e in events] == [
        (0, "accepted", None, None, RECEIVED["id"]),
        (1, "rejected", "schema", "data.state", RECEIVED["id"]),
        (2, "accepted", None, None, MEASURED["id"]),
        (3, "rejected", "not_cloudevent", "", None),
    ]
    assert len(log.records["ioc.events.dossier"]) == len(log.records["ioc.events.ran"]) == 1
    first, second = log.refused()
    assert (first.reason, first.source, first.id, first.received_at) == ("schema", RECEIVED["source"], RECEIVED["id"], NOW)
    assert json.loads(first.value) == bad
    assert (second.value, second.source) == (b"7", "")


async def test_an_empty_batch_is_accepted(client: httpx.AsyncClient, log: Log) -> None:
    assert await told(client, [], BATCH) == (202, [])
    assert log.records == {}


async def test_binary_mode_keeps_its_mode_and_its_vietnamese(client: httpx.AsyncClient, log: Log) -> None:
    names = ("specversion", "id", "source", "type", "time")
    headers = {**JSON, **{f"ce-{name}": RECEIVED[name] for name in names}, "CE-Subject": '"Thanh%20H%C3%B3a \\"5G\\""'}
    status, _ = await told(client, RECEIVED["data"], headers)
    assert status == 202
    ((key, value, kept),) = log.records["ioc.events.dossier"]
    assert (key, json.loads(value)) == (b"H56.20-20221006-0001", RECEIVED["data"])
    assert ("ce_subject", 'Thanh Hóa "5G"'.encode()) in kept
    assert ("content-type", b"application/json") in kept
    del headers["ce-specversion"]
    status, (event,) = await told(client, RECEIVED["data"], headers)
    assert (status, event["reason"], event["field"], event["id"]) == (422, "not_cloudevent", "specversion", RECEIVED["id"])
    assert ("ce_time", RECEIVED["time"].encode()) in log.refused()[0].headers


def changed(**attributes: Any) -> dict[str, Any]:
    return {**RECEIVED, "data": {"dossier": "1", "state": "received"}, **attributes}


@pytest.mark.parametrize(
    ("body", "headers", "reason", "field"),
    [
        (b"", ONE, "bad_json", ""),
        (json.dumps(RECEIVED).encode()[:-3], ONE, "bad_json", ""),
        (json.dumps([RECEIVED]).encode()[:-3], BATCH, "bad_json", ""),
        (b"\x00\xff rubbish", ONE, "bad_json", ""),
        (b"\x00\xff rubbish", BATCH, "bad_json", ""),
        (b"null", ONE, "not_cloudevent", ""),
        (b"null", JSON, "not_cloudevent", ""),
        (b"null", BATCH, "not_cloudevent", ""),
        (RECEIVED, BATCH, "not_cloudevent", ""),
        ([RECEIVED], ONE, "not_cloudevent", ""),
        (json.dumps(RECEIVED).encode() * 2, ONE, "bad_json", ""),
        (b"[1] [2]", BATCH, "bad_json", ""),
        (b"[1,]", BATCH, "bad_json", ""),
        (b"\xef\xbb\xbf" + json.dumps(RECEIVED).encode(), ONE, "bad_json", ""),
        (b"[" * 100_000, JSON, "bad_json", ""),
        (json.dumps(changed(data={"dossier": "1", "state": float("nan")})).encode(), ONE, "bad_json", ""),
        (json.dumps(changed(subject="\ud800")).encode(), ONE, "bad_json", ""),
        (changed(time=5), ONE, "schema", "time"),
        (changed(data={"dossier": "1", "state": "lost"}), ONE, "schema", "data.state"),
        (changed(type="vn.ioc.unheard.v1"), ONE, "unknown_type", "type"),
        (HEARTBEAT, ONE, "unknown_type", "type"),
        (json.dumps(MEASURED).replace("37", "354196").encode(), ONE, "unit_mismatch", "data.measurements.2"),
        (changed(time="1948-05-01T00:00:00Z"), ONE, "too_old", "time"),
        (changed(time="2090-01-01T00:00:00Z"), ONE, "too_new", "time"),
        (
            changed(data={"dossier": "1", "state": "received", "due_at": "2090-01-01T00:00:00Z"}),
            ONE,
            "contributions",
            "data.due_at",
        ),
        (changed(data={"dossier": "1", "state": "received", "activity": "a" * 3_000_000}), ONE, "too_large", ""),
        (b"[" + b"1," * 10_000 + b"1]", BATCH, "too_large", ""),
        (b"not gzip", {**ONE, "content-encoding": "gzip"}, "bad_json", ""),
        (gzip.compress(json.dumps(RECEIVED).encode(), mtime=0)[:-20], {**ONE, "content-encoding": "gzip"}, "bad_json", ""),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_bad_event_is_told_why_and_kept(
    client: httpx.AsyncClient, log: Log, body: Any, headers: dict[str, str], reason: str, field: str
) -> None:
    status, (event,) = await told(client, body, headers)
    assert (status, event["verdict"], event["reason"], event["field"]) == (422, "rejected", reason, field)
    assert event["message"]
    (kept,) = log.refused()
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert (kept.reason, kept.sha256, kept.size) == (reason, hashlib.sha256(sent).hexdigest(), len(sent))
    assert kept.value == sent[: rejects.KEPT]
    assert list(log.records) == [rejects.TOPIC]


async def test_one_bad_surrogate_or_number_costs_its_neighbours_nothing(client: httpx.AsyncClient) -> None:
    good = json.dumps(RECEIVED)
    huge = json.dumps(changed(data={"dossier": 1})).replace(": 1}", ": " + "9" * 5_000 + "}")
    surrogate = json.dumps(changed(subject="\ud800"))
    deep = "[" * 300 + "]" * 300
    _, events = await told(client, f"[{good}, {huge}, {surrogate}, {deep}, {good}]".encode(), BATCH)
    assert [e.get("reason", "fine") for e in events] == ["fine", "bad_json", "bad_json", "bad_json", "fine"]


async def test_a_packed_body_is_read(client: httpx.AsyncClient, log: Log) -> None:
    half = json.dumps([RECEIVED]).encode()
    packed = gzip.compress(half[:20]) + gzip.compress(half[20:])
    assert (await told(client, packed, {**BATCH, "content-encoding": "gzip"}))[0] == 202
    assert json.loads(log.records["ioc.events.dossier"][0][1]) == RECEIVED


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(100):
        yield b" " * 100_000


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b" " * (5 << 20), ONE),
        (chunks, ONE),
        (gzip.compress(b" " * (1 << 28), 1, mtime=0), {**ONE, "content-encoding": "gzip"}),
    ],
    ids=["announced", "chunked", "gzip bomb"],
)
async def test_a_body_too_large_is_not_read_to_its_end(client: httpx.AsyncClient, log: Log, content: Any, headers: Any) -> None:
    answer = await client.post("/events", content=content() if callable(content) else content, headers=headers)
    assert (answer.status_code, log.records) == (413, {})


def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    async def cut() -> AsyncIterator[bytes]:
        for begin in range(0, len(body), 100_000):
            yield body[begin : begin + 100_000]

    return cut()


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("way", ["announced", "chunked", "gzip"])
async def test_a_body_of_just_the_limit_is_taken_and_of_a_byte_more_is_not(
    client: httpx.AsyncClient, log: Log, way: str, more: int
) -> None:
    body = json.dumps([RECEIVED]).encode().ljust(intake.BODY_BYTES + more)
    packed = {"content-encoding": "gzip"} if way == "gzip" else {}
    content = {"announced": body, "chunked": in_chunks(body), "gzip": gzip.compress(body, 1)}[way]
    answer = await client.post("/events", content=content, headers=BATCH | packed)
    assert (answer.status_code, len(log.records)) == ((413, 0) if more else (202, 1))


@pytest.mark.parametrize(
    "media", ["application/json; charset=UTF-8", "APPLICATION/JSON", "text/json", "application/vnd.ioc+json"]
)
async def test_every_json_type_is_taken_alone_in_a_batch_and_in_binary_mode(
    client: httpx.AsyncClient, log: Log, media: str
) -> None:
    added = {"knativearrivaltime": "2022-10-06T01:30:01Z", "correlationid": None}
    headers = {f"ce-{n}": v for n, v in RECEIVED.items() if n not in ("data", "datacontenttype")}
    binary = {**headers, "ce-knativearrivaltime": "2022-10-06T01:30:01Z", "content-type": media}
    assert (await told(client, RECEIVED | added, {"content-type": media}))[0] == 202
    assert (await told(client, [RECEIVED | added, {**MEASURED, "datacontenttype": media}], {"content-type": media}))[0] == 202
    assert (await told(client, RECEIVED["data"], binary))[0] == 202
    *_, (_, value, kept) = log.records["ioc.events.dossier"]
    assert json.loads(value) == RECEIVED["data"]
    assert {("ce_knativearrivaltime", b"2022-10-06T01:30:01Z"), ("content-type", media.encode())} <= set(kept)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/cloudevents+xml"},
        {"content-type": "application/json; charset=utf-16"},
        {**ONE, "content-encoding": "br"},
    ],
    ids=str,
)
async def test_another_type_charset_or_packing_is_415(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.post("/events", content=b"{}", headers=headers)).status_code == 415


async def test_a_page_with_a_name_of_its_own_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/events", content=b"{}", headers={**ONE, "host": "evil.example"})).status_code == 400


async def test_too_many_requests_are_told_when_to_come_back(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "PER_CLIENT", type(gateway.PER_CLIENT)(3, 3600))
    answers = [await client.post("/events", json=RECEIVED, headers=ONE) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[-1].headers["retry-after"] == "1"


@pytest.mark.parametrize("silent", [True, False])
async def test_without_kafka_it_answers_503_in_time(
    client: httpx.AsyncClient, log: Log, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    monkeypatch.setattr(verdicts, "STORED_S", 0.1)
    log.silent, log.fails = silent, None if silent else ServiceAway("away")
    for body in (RECEIVED, 7):  # a reject that cannot be kept is not answered 422 either
        answer = await client.post("/events", json=body, headers=ONE)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "same ids" in answer.json()["detail"]
    assert (await client.get("/health")).status_code == (200 if silent else 503)


async def test_the_metrics_count_requests_and_verdicts(client: httpx.AsyncClient) -> None:
    await told(client, [RECEIVED, RECEIVED, 7], BATCH)
    await client.post("/events", content=b"", headers={"content-type": "text/plain"})
    text = (await client.get("/metrics")).text
    assert 'ioc_gateway_events_total{verdict="accepted"} 2.0' in text
    assert 'ioc_gateway_events_total{verdict="not_cloudevent"} 1.0' in text
    assert 'ioc_gateway_requests_total{status="422"} 1.0' in text
    assert 'ioc_gateway_requests_total{status="415"} 1.0' in text


async def test_the_documentation_needs_no_network(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "https://" not in page
    assert (await client.get("/static-offline-docs/swagger-ui-bundle.js")).status_code == 200
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    assert {"Event", "Verdicts", "DossierChanged", "RanMeasured", "Dossier"} <= set(schemas)
    assert "Heartbeat" not in schemas


async def test_it_refuses_to_listen_where_others_reach_it() -> None:
    with pytest.raises(UsageError, match="loopback only"):
        await gateway.run(Settings(), 0, "0.0.0.0")


async def test_a_batch_of_500_is_judged_quickly(client: httpx.AsyncClient) -> None:
    body = json.dumps([{**RECEIVED, "id": str(i)} for i in range(500)]).encode()
    await told(client, body, BATCH)
    start = time.perf_counter()
    assert (await told(client, body, BATCH))[0] == 202
    assert time.perf_counter() - start < 0.5  # some 20 ms; the rest is for busy machines


OPENAPI = schemathesis.openapi.from_asgi("/openapi.json", gateway.build(Settings(), Log()), headers={"host": "localhost"})


@OPENAPI.exclude(path_regex="^/eventListener").parametrize()  # `test_ves` asks there, with a user and a password
@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_openapi_document_tells_the_truth(case: schemathesis.Case) -> None:
    checks = schemathesis.checks
    case.call_and_validate(
        headers={"host": "localhost"},
        checks=[
            checks.not_a_server_error,
            checks.status_code_conformance,
            checks.response_schema_conformance,
            checks.response_headers_conformance,
            checks.content_type_conformance,
        ],
    )


async def test_a_body_of_countless_gzip_members_is_refused_at_once(client: httpx.AsyncClient) -> None:
    began = time.perf_counter()
    _, events = await told(client, gzip.compress(b"", mtime=0) * 200_000, {**ONE, "content-encoding": "gzip"})
    assert events[0]["reason"] == "bad_json"
    assert time.perf_counter() - began < 2


async def test_events_beyond_what_memory_is_for_are_sent_away_and_taken_later(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "HELD_BYTES", 10)
    assert (await client.post("/events", json=RECEIVED, headers=ONE)).status_code == 503
    monkeypatch.undo()
    assert (await client.post("/events", json=RECEIVED, headers=ONE)).status_code == 202


@pytest.fixture
async def port(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A gateway on a socket, for four connections."""
    monkeypatch.setattr(gateway, "CONCURRENT", 4)
    server, listening = uvicorn.Server(gateway.configured(app, Settings(), 0, "127.0.0.1")), socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()  # whoever connects before it serves waits
    serving = asyncio.create_task(server.serve([listening]))
    yield listening.getsockname()[1]
    server.should_exit = True
    await serving


async def test_a_head_that_is_never_finished_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /events HTTP/1.1\r\nHost: loc")
    assert await asyncio.wait_for(reader.read(1), 5) == b""
    writer.close()


async def test_half_sent_heads_keep_no_honest_client_out(port: int) -> None:
    writers = []
    for _ in range(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /events HTTP/1.1\r\nHost: loc")
        writers.append(writer)
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/health")).status_code == 200
    for writer in writers:
        writer.close()


async def test_a_body_that_drips_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BODY_S", 0.1)
    monkeypatch.setattr(connections, "LINGER_IDLE_S", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[")
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 408")
    writer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 30000000", 413),
        ("Host: localhost\r\nContent-Type: text/plain\r\nContent-Length: 30000000", 415),
        ("Host: localhost\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 30000000", 415),
        ("Host: evil.example\r\nContent-Type: application/json\r\nContent-Length: 30000000", 400),
    ],
)
async def test_who_is_refused_by_the_head_hears_why_after_sending_all_of_a_large_body(port: int, head: str, status: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /events HTTP/1.1\r\n{head}\r\n\r\n".encode())
    for _ in range(30):  # as most clients do: all of it is sent before an answer is read
        writer.write(bytes(1_000_000))
        await writer.drain()
    assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 %d" % status)
    writer.close()


async def test_who_waits_for_leave_to_send_a_body_is_refused_at_once(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 30000000\r\n\r\n")
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n"), 1)).startswith(b"HTTP/1.1 415")
    writer.close()


async def test_who_goes_on_after_a_refusal_it_had_asked_for_keeps_no_place(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /no HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 30000000\r\n\r\n")
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n"), 1)).startswith(b"HTTP/1.1 404")
    writer.write(b".")
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()


async def test_a_body_refused_halfway_after_leave_was_given_is_heard_of(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    writer.write(head + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 1)).startswith(b"HTTP/1.1 100")
    for _ in range(30):
        writer.write(b"f4240\r\n" + bytes(1_000_000) + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_a_small_body_that_is_refused_unread_costs_no_connection(port: int) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(3):
            refused = await client.post(f"http://127.0.0.1:{port}/events", content=b"x", headers={"content-type": "text/plain"})
            assert (refused.status_code, refused.headers.get("connection")) == (415, None)


async def test_the_rest_of_a_refused_body_is_not_waited_for_longer_than_it_takes(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LINGER_S", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n")
    closed = asyncio.create_task(reader.read())
    while not closed.done():  # a byte now and then, for ever
        with suppress(ConnectionError):
            writer.write(b".")
            await writer.drain()
        await asyncio.sleep(0.01)
    assert closed.exception() or closed.result().startswith(b"HTTP/1.1 415")
    writer.close()


async def test_the_end_of_the_time_holds_though_the_next_bytes_come_in_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_S", 0.2)
    loop, heard, said = asyncio.get_running_loop(), [], list[str]()

    async def receive() -> dict[str, Any]:
        heard.append(arrived := asyncio.Event())
        loop.call_later(0.05, arrived.set)
        if len(heard) == 2:  # the loop stands still until the bytes and the end of the time are both due
            loop.call_soon(time.sleep, 0.4)
        await arrived.wait()
        return {"type": "http.request", "body": b".", "more_body": True}

    async def send(message: Any) -> None:
        said.append(message["type"])

    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("no", 415)(scope, receive, send)

    scope = {"type": "http", "headers": [(b"content-length", b"1000")]}
    async with asyncio.timeout(5):
        await connections.Lingering(refuses)(scope, receive, send)
    assert (said[0], said[-1], len(heard) < 5) == ("http.response.start", "http.response.body", True)


async def test_bodies_being_read_count_as_held(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "HELD_BYTES", 3000)
    more, read = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b" " * 2900
        read.set()
        await more.wait()
        yield json.dumps(RECEIVED).encode()[:1]

    first = asyncio.create_task(client.post("/events", content=slow(), headers=ONE))
    await read.wait()
    assert (await client.post("/events", json=RECEIVED, headers=ONE)).status_code == 503
    more.set()
    assert (await first).status_code == 422
    assert (await client.post("/events", json=RECEIVED, headers=ONE)).status_code == 202


@pytest.mark.parametrize(("proxies", "seen"), [("", "127.0.0.1"), ("127.0.0.1", "10.1.2.3")])
async def test_a_forwarded_address_is_believed_of_trusted_proxies_alone(proxies: str, seen: str) -> None:
    async def who(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(scope["client"][0])(scope, receive, send)

    config = gateway.configured(who, Settings(trusted_proxies=proxies), 0, "127.0.0.1")  # type: ignore[arg-type]
    config.load()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(config.loaded_app), base_url="http://x") as client:
        assert (await client.get("/", headers={"x-forwarded-for": "10.1.2.3"})).text == seen
