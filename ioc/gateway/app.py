"""Gateway: takes events over HTTP, tells each producer exactly what was wrong, and answers once Kafka has what was right.

It listens on loopback only: it has no tokens yet, so whoever reaches it may write in any producer's name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi_offline import FastAPIOffline
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.middleware.trustedhost import TrustedHostMiddleware

from ioc.errors import ServiceAway, UsageError
from ioc.events import rejects
from ioc.events.exact_lane import Reject, verdict
from ioc.gateway import openapi
from ioc.gateway.connections import Impatient, Lingering
from ioc.gateway.intake import Document, read
from ioc.gateway.outlet import Outlet
from ioc.kafka import KafkaError
from ioc.settings import LOOPBACK, Settings
from schemas import contracts
from schemas.envelope import Envelope

STORED_S = 10.0
"""Seconds Kafka gets to store a request's events; a broker's restart takes less, a client's patience is not much longer."""
RETRY_S = 5
"""What `Retry-After` says while Kafka is away."""
PER_CLIENT = RateLimitItemPerSecond(500)
"""Requests of one address: a third of what one process answers, so that one runaway loop starves nobody. Fast producers batch."""
CONCURRENT = 128
"""Connections at once; what their bodies may hold together is `HELD_BYTES`."""
HELD_BYTES = 48 << 20
"""Bytes of bodies in hand at once, from their arrival to the answer.

120 batches of 2.6 MB at once, beside a broker that stands still, take the process from 151 to 295 MB. What is more is sent away
for a while.
"""
SLICE = 200
"""Events judged before others get their turn: about 3 ms."""


class Sending(Protocol):
    """What the gateway needs of Kafka; `Outlet` is it, tests pass their own."""

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> asyncio.Future[Any]: ...

    async def alive(self) -> bool: ...


class Counters:
    """What `/metrics` tells; each name is declared here, once."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ioc_gateway_requests", "Requests to /events, by status code.", ["status"], registry=self.registry
        )
        self.events = Counter(
            "ioc_gateway_events", "Events in answered requests: accepted, or the reason.", ["verdict"], registry=self.registry
        )
        self.seconds = Histogram("ioc_gateway_seconds", "Time to answer a request to /events.", registry=self.registry)


def wall_clock() -> int:
    """Milliseconds now."""
    return time.time_ns() // 1_000_000


def build(settings: Settings, sender: Sending, now: Callable[[], int] = wall_clock) -> FastAPI:
    """The gateway's application over an open `sender`. `now`: milliseconds."""
    app = FastAPIOffline(title="IOC gateway", version="1", description=openapi.DESCRIPTION, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK, www_redirect=False)
    app.add_middleware(Lingering)
    limiter, counters = SlidingWindowCounterRateLimiter(MemoryStorage()), Counters()
    held = 0

    async def answer(request: Request) -> Response:
        if not await limiter.hit(PER_CLIENT, request.client.host if request.client else ""):
            raise HTTPException(429, f"more than {PER_CLIENT.amount} requests a second; send batches", {"Retry-After": "1"})
        nonlocal held
        taken = 0

        def hold(size: int) -> None:
            nonlocal held, taken
            if held + size > HELD_BYTES:
                raise HTTPException(
                    503, "too much is being received or waits for Kafka; send it again later", {"Retry-After": str(RETRY_S)}
                )
            held, taken = held + size, taken + size

        try:
            return await answer_to(await read(request, hold))
        finally:
            held -= taken

    async def answer_to(documents: Sequence[Document]) -> Response:
        outcomes = await judge(documents, settings, now())
        stored = await store(sender, documents, outcomes, now())
        for outcome in outcomes:
            counters.events.labels(outcome.reason if isinstance(outcome, Reject) else "accepted").inc()
        bad = any(isinstance(outcome, Reject) for outcome in outcomes)
        told = [told_of(i, *parts) for i, parts in enumerate(zip(documents, outcomes, stored, strict=True))]
        return Response(orjson.dumps({"events": told}), 422 if bad else 202, media_type="application/json")

    @app.post("/events", openapi_extra=openapi.BODY, responses=openapi.RESPONSES, status_code=202)
    async def events(request: Request) -> Response:
        """Hand over one event or a batch. 202: all are in Kafka. 422: some were refused; those marked accepted are in Kafka."""
        status = 500
        try:
            with counters.seconds.time():
                response = await answer(request)
            status = response.status_code
            return response
        except HTTPException as refusal:
            status = refusal.status_code
            raise
        finally:
            counters.requests.labels(str(status)).inc()

    @app.get("/health", responses=openapi.HEALTH)
    async def health() -> Response:
        """200 while Kafka can be reached, else 503."""
        alive = await sender.alive()
        return Response(
            orjson.dumps({"kafka": "connected" if alive else "away"}), 200 if alive else 503, media_type="application/json"
        )

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(counters.registry), media_type=CONTENT_TYPE_LATEST)

    openapi.attach(app)
    return app


async def judge(documents: Sequence[Document], settings: Settings, received_ms: int) -> list[Envelope[Any] | Reject]:
    """The verdict on each event, in order."""
    outcomes: list[Envelope[Any] | Reject] = []
    accepted = contracts()
    for number, (value, headers, *known) in enumerate(documents, 1):
        outcome = known[0] if known else verdict(value, headers, accepted, received_ms, settings.first_year, settings.tolerance)
        if not isinstance(outcome, Reject) and not outcome.entity_key:
            outcome = Reject("unknown_type", "type", f"{outcome.type}: heartbeats are the centre's own; nobody else sends them")
        outcomes.append(outcome)
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return outcomes


async def store(
    sender: Sending, documents: Sequence[Document], outcomes: Sequence[Envelope[Any] | Reject], received_ms: int
) -> list[Any]:
    """Where Kafka put each event or the record of its reject. Raises HTTPException 503 unless all of them are stored in time.

    An event in structured mode gets no header: what has none is read by the fast lane.
    """
    futures = []
    try:
        async with asyncio.timeout(STORED_S):
            for (value, headers, *_), outcome in zip(documents, outcomes, strict=True):
                if isinstance(outcome, Reject):
                    record = rejects.refused(outcome, value, headers, received_ms)
                    futures.append(await sender.send(rejects.TOPIC, record.source.encode() or None, rejects.pack(record)))
                else:
                    futures.append(await sender.send(outcome.topic, outcome.key(), value, headers))
            if futures:
                await asyncio.wait(futures)
        return [future.result() for future in futures]
    except (KafkaError, ServiceAway, TimeoutError) as error:
        detail = "Kafka did not store the events in time; send them all again with the same ids: what is there twice counts once"
        raise HTTPException(503, detail, {"Retry-After": str(RETRY_S)}) from error


def told_of(index: int, document: Document, outcome: Envelope[Any] | Reject, place: Any) -> dict[str, Any]:
    """What the producer is told of one event (`openapi.Told`)."""
    if isinstance(outcome, Reject):
        identity = rejects.claims(document[0], document[1])[1] or None
        told = {"reason": outcome.reason, "field": outcome.field, "message": outcome.message}
        return {"index": index, "id": identity, "verdict": "rejected", **told}
    placed = {"topic": place.topic, "partition": place.partition, "offset": place.offset}
    return {"index": index, "id": outcome.id, "verdict": "accepted", **placed}


async def run(settings: Settings, port: int, host: str = "127.0.0.1") -> None:
    """Serve until a signal ends it. Raises UsageError when `host` is not loopback."""
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise UsageError(f"the gateway has no tokens yet and listens on loopback only, e.g. 127.0.0.1, not on {host}")
    async with Outlet(settings) as outlet:
        app = build(settings, outlet)
        await uvicorn.Server(configured(app, settings, port, host)).serve()


def configured(app: FastAPI, settings: Settings, port: int, host: str) -> uvicorn.Config:
    """How uvicorn serves it. By itself it would believe a forwarded address of every local client, and so give it any rate."""
    return uvicorn.Config(
        app,
        host,
        port,
        http=Impatient,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONCURRENT,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
    )


def serve(settings: Settings, port: int, host: str = "127.0.0.1") -> None:
    """`run` in its own event loop."""
    asyncio.run(run(settings, port, host))
