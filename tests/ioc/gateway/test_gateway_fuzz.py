"""Whatever bytes a client sends, the gateway answers or hangs up within two seconds, and never with a fault of its own."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import socket
import time
from collections import Counter
from urllib.parse import quote

import pytest
import uvicorn

from ioc.gateway import app as gateway
from ioc.settings import Settings
from tests.fuzzing import HOSTS, RESET, SECONDS, answer, framed, mangled
from tests.ioc.gateway.test_gateway import MEASURED, RECEIVED, Log

PATHS = ["/events", "/health", "/metrics", "/docs", "/openapi.json", "/../../etc/passwd", "/%2e%2e/%00", "//", "*"]
MEDIA = ["application/cloudevents+json", "application/cloudevents-batch+json", "application/json", "text/plain", "\xff", ""]
VALID = [RECEIVED, MEASURED]
VALUES: list[object] = [None, "", "x", 0, -1, 1.5, 10**30, True, [], {}, "\ud800", "\x1b[2J", "2022-02-30T00:00:00Z", "9" * 5000]
TEXTS = [b"", b"null", b"[]", b"[" * 5000, b'{"a":' * 5000, b"\xff\xfe", b"1e999999", b'"\\ud800"', b"9" * 100_000, b"[1," * 9000]


def event(dice: random.Random) -> dict[str, object]:
    """A valid event, or one with a field changed, dropped or added."""
    made = json.loads(json.dumps(dice.choice(VALID)))
    where = dice.choice([made, made["data"]])
    if dice.random() < 0.5:
        name = dice.choice([*where, "new"])
        where[name] = dice.choice(VALUES)
        if dice.random() < 0.3:
            del where[name]
    return made  # type: ignore[no-any-return]


def request(dice: random.Random) -> tuple[bytes, bool]:
    """A request and whether it is whole: mostly events, of parts that are each right, odd or cut."""
    one, head = event(dice), ""
    kind = dice.choice(["one", "one", "batch", "binary", "odd"])
    if kind == "batch":
        body, media = json.dumps([event(dice) for _ in range(dice.randint(0, 50))]).encode(), MEDIA[1]
    elif kind == "binary":
        body, media = json.dumps(one.pop("data", None)).encode(), "application/json"
        head = "".join(f"ce-{name}: {quote(str(value), errors='surrogatepass')}\r\n" for name, value in one.items())
    else:
        body, media = json.dumps(one).encode(), MEDIA[0]
    if kind == "odd":
        body, media = dice.choice([body, *TEXTS]), dice.choice(MEDIA)
    if dice.random() < 0.2:
        body = mangled(dice, body)
    method, path = (
        ("POST", "/events") if dice.random() < 0.9 else (dice.choice(["GET", "POST", "PUT", "BREW"]), dice.choice(PATHS))
    )
    head = f"{method} {path} HTTP/1.1\r\nHost: {dice.choice(HOSTS)}\r\nContent-Type: {media}\r\nConnection: close\r\n" + head
    if dice.random() < 0.3:
        body = gzip.compress(body) * dice.choice([1, 1, 1, 2, 5000])
        head += f"Content-Encoding: {dice.choice(['gzip', 'gzip', 'x-gzip', 'br', 'gzip, gzip', ''])}\r\n"
    return framed(dice, head, body)


@pytest.mark.proof
async def test_no_request_hangs_the_gateway_or_shows_a_fault_of_it() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(gateway.configured(gateway.build(Settings(), Log()), Settings(), 0, "127.0.0.1"))
    serving = asyncio.create_task(server.serve([listening]))
    seed = random.randrange(1 << 32)
    dice, end = random.Random(seed), time.monotonic() + SECONDS
    seen: Counter[str] = Counter()
    while time.monotonic() < end:
        sent, whole = request(dice)
        try:
            came = await asyncio.wait_for(answer(listening.getsockname()[1], sent, whole), 2)
        except TimeoutError:
            pytest.fail(f"no answer in 2 s: seed {seed}, {sent[:500]!r}")
        status = "" if came == RESET else came[9:12].decode()
        seen[status] += 1
        patient = status == "503" and b"retry-after" in came.lower()
        assert patient or not status.startswith("5"), (seed, sent[:500], came[:500])
        assert status or not whole, (seed, sent[:500])
    server.should_exit = True
    await serving
    assert {"202", "400", "422"} <= set(seen), (seed, seen)
