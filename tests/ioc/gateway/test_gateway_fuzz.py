"""Whatever bytes a client sends, the gateway answers or hangs up within two seconds, and never with a fault of its own."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import socket
import time

import pytest
import uvicorn

from ioc.gateway import app as gateway
from ioc.settings import Settings
from tests.ioc.gateway.test_gateway import RECEIVED, Log

SECONDS = float(os.environ.get("FUZZ_SECONDS", "120"))
PATHS = ["/events", "/health", "/metrics", "/docs", "/openapi.json", "/../../etc/passwd", "/%2e%2e/%00", "//", "*"]
MEDIA = ["application/cloudevents+json", "application/cloudevents-batch+json", "application/json", "text/plain", "\xff", ""]
TEXTS = [b"", b"null", b"[]", b"[" * 5000, b'{"a":' * 5000, b"\xff\xfe", b"1e999999", b'"\\ud800"', b"9" * 100_000, b"[1," * 9000]


def request(dice: random.Random) -> bytes:
    """A request of parts that are each right, odd or cut."""
    body = dice.choice([*TEXTS, json.dumps(RECEIVED).encode(), json.dumps([RECEIVED] * dice.randint(1, 50)).encode()])
    if dice.random() < 0.3:
        body = mangled(dice, body)
    packed = dice.random() < 0.3
    if packed:
        body = gzip.compress(body) * dice.choice([1, 1, 2, 50, 5000])
    head = f"{dice.choice(['GET', 'POST', 'POST', 'PUT', 'BREW'])} {dice.choice(PATHS)} HTTP/1.1\r\n"
    head += (
        f"Host: {dice.choice(['localhost', 'localhost', '127.0.0.1', 'evil.test', ''])}\r\nContent-Type: {dice.choice(MEDIA)}\r\n"
    )
    head += f"Content-Encoding: {dice.choice(['gzip', 'br']) if packed else 'identity'}\r\n"
    head += f"Content-Length: {dice.choice([len(body)] * 8 + [0, -1, 10**30])}\r\nConnection: close\r\n\r\n"
    whole = head.encode("latin-1") + body
    return mangled(dice, whole) if dice.random() < 0.2 else whole


def mangled(dice: random.Random, data: bytes) -> bytes:
    """The bytes with some of them changed, or cut short."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 8) if changed else 0):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed[: dice.randint(0, len(changed))]) if dice.random() < 0.3 else bytes(changed)


async def answer(port: int, sent: bytes) -> bytes:
    """What comes back until the gateway hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.proof
async def test_no_request_hangs_the_gateway_or_shows_a_fault_of_it() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(gateway.configured(gateway.build(Settings(), Log()), Settings(), 0, "127.0.0.1"))
    serving = asyncio.create_task(server.serve([listening]))
    seed = random.randrange(1 << 32)
    dice, end = random.Random(seed), time.monotonic() + SECONDS
    while time.monotonic() < end:
        sent = request(dice)
        came = await asyncio.wait_for(answer(listening.getsockname()[1], sent), 2)
        assert not came.startswith(b"HTTP/1.1 5"), (seed, sent[:500], came[:500])
    server.should_exit = True
    await serving
