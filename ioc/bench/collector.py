"""Collector: how many events of network functions the gateway takes a second, from their body until Kafka has them."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import MutableMapping
from typing import Any

from pydantic import SecretStr

from ioc.bench.events import network
from ioc.gateway.app import build
from ioc.gateway.outlet import Outlet
from ioc.settings import Settings

BATCH, AT_ONCE = 50, 8
"""Events of a request, and requests under way."""
OPENED_S = 30.0


async def collector(settings: Settings, count: int) -> dict[str, Any]:
    """Post `count` events to the gateway's application; HTTP's own bytes are not in it, its limits and Kafka are."""
    password = os.urandom(8).hex()
    settings = settings.model_copy(update={"ves_user": "bench", "ves_password": SecretStr(password)})
    headers = [
        (b"host", b"localhost"),
        (b"content-type", b"application/json"),
        (b"authorization", b"Basic " + base64.b64encode(f"bench:{password}".encode())),
    ]
    bodies = list(network(count, time.time_ns() // 1_000_000, BATCH))
    async with Outlet(settings) as outlet:
        async with asyncio.timeout(OPENED_S):
            while not await outlet.alive():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        app, waiting = build(settings, outlet), iter(bodies)

        async def post() -> None:
            for body in waiting:
                status = await _posted(app, headers, body)
                if status != 202:
                    raise RuntimeError(f"the collector answered {status}")

        started = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(AT_ONCE)))
        return {"events": count, "seconds": time.perf_counter() - started}


async def _posted(app: Any, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
    """The status of the answer."""
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/eventListener/v7/eventBatch", "query_string": b"",
        "root_path": "", "scheme": "http", "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status
