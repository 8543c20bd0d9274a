"""Gateway: takes events over HTTP, tells each producer exactly what was wrong, and answers once Kafka has what was right.

It listens on loopback only: it has no tokens yet, so whoever reaches it may write in any producer's name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Path, Request, Response
from fastapi_offline import FastAPIOffline
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware.trustedhost import TrustedHostMiddleware

from ioc.errors import IocError, UsageError
from ioc.events.exact_lane import Reject
from ioc.gateway import openapi, ves
from ioc.gateway.connections import Impatient, Lingering
from ioc.gateway.counters import Counters
from ioc.gateway.intake import Document, read, unpacked
from ioc.gateway.outlet import Outlet
from ioc.gateway.verdicts import RETRY_S, Outcome, Sending, judge, store, told_of
from ioc.settings import LOOPBACK, Settings

if TYPE_CHECKING:  # a gateway to which no messages are posted needs none of them: they take 100 MB and two seconds
    from ioc.gateway import mapped
    from ioc.importing.mapping import Map
    from ioc.importing.translate import Outgoing

PER_CLIENT = RateLimitItemPerSecond(500)
"""Requests of one address: a third of what one process answers, so that one runaway loop starves nobody. Fast producers batch."""
CONCURRENT = 128
"""Connections at once; what their bodies may hold together is `HELD_BYTES`."""
HELD_BYTES = 48 << 20
"""Bytes of bodies in hand at once, from their arrival to the answer.

120 batches of 2.6 MB at once, beside a broker that stands still, take the process from 151 to 295 MB. What is more is sent away
for a while.
"""


WAITS_S = 10.0
"""Seconds a portal's messages wait for those before them."""


class Correcting(Protocol):
    """What the gateway needs to know of what was said before; `Changes` is it."""

    async def correct(self, log_map: Map, events: Sequence[Outgoing]) -> Sequence[Outgoing]: ...

    def remember(self, events: Sequence[Outgoing], places: Sequence[Any]) -> None: ...


Words = Callable[[int, Outcome], Outcome]
"""A verdict in the words of who sent the event."""


def again() -> dict[str, str]:
    """The header of who is sent away for a while."""
    return {"Retry-After": str(RETRY_S)}


def in_words(_: int, outcome: Outcome) -> Outcome:
    """As it is: who sends events speaks of events."""
    return outcome


def wall_clock() -> int:
    """Milliseconds now."""
    return time.time_ns() // 1_000_000


def build(settings: Settings, sender: Sending, now: Callable[[], int] = wall_clock, changes: Correcting | None = None) -> FastAPI:
    """The gateway's application over an open `sender`. `now`: milliseconds; `changes`: by default what the store knows."""
    app = FastAPIOffline(title="IOC gateway", version="1", description=openapi.DESCRIPTION, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK, www_redirect=False)
    app.add_middleware(Lingering)
    limiter, counters = SlidingWindowCounterRateLimiter(MemoryStorage()), Counters()
    opening: asyncio.Task[tuple[mapped.Maps, Correcting]] | None = None
    turn = asyncio.Lock()
    held = 0

    async def admitted(request: Request, take: ves.Taking) -> Response:
        if not await limiter.hit(PER_CLIENT, request.client.host if request.client else ""):
            raise HTTPException(429, f"more than {PER_CLIENT.amount} requests a second; send batches", {"Retry-After": "1"})
        nonlocal held
        taken = 0

        def hold(size: int) -> None:
            nonlocal held, taken
            if held + size > HELD_BYTES:
                raise HTTPException(503, "too much is being received or waits for Kafka; send it again later", again())
            held, taken = held + size, taken + size

        try:
            return await take(hold)
        finally:
            held -= taken

    async def delivered(documents: Sequence[Document], words: Words) -> tuple[list[dict[str, Any]], list[Any]]:
        """What is told of each event, and where it lies; None of a refused one."""
        outcomes = [words(i, outcome) for i, outcome in enumerate(await judge(documents, settings, now()))]
        places = await store(sender, documents, outcomes, now())
        told = [told_of(i, *parts) for i, parts in enumerate(zip(documents, outcomes, places, strict=True))]
        return told, [None if isinstance(o, Reject) else place for o, place in zip(outcomes, places, strict=True)]

    async def opened() -> tuple[mapped.Maps, Correcting]:
        nonlocal opening
        if opening is None:
            opening = asyncio.create_task(asyncio.to_thread(maps_of, settings, changes))
        return await opening

    async def mapped_events(
        name: str, log_map: Map, changed: Correcting, body: bytes, wrong: Reject | None
    ) -> list[dict[str, Any]]:
        """One body at a time: a document takes many times its bytes, and what is compared and sent is one step."""
        from ioc.gateway import mapped

        try:
            async with asyncio.timeout(WAITS_S):
                await turn.acquire()
        except TimeoutError:
            raise HTTPException(503, "other messages are taken first; send it again later", again()) from None
        try:
            found = mapped.Messages(wrong=wrong) if wrong else await asyncio.to_thread(mapped.messages, body, name, log_map)
            if found.wrong:
                return (await delivered([mapped.unread(body, log_map, found.wrong)], in_words))[0]
            events = [made.outgoing for made in found.made]
            sent = await changed.correct(log_map, events) if log_map.on_change == "correct" else events
            told, places = await delivered([(event.value, ()) for event in sent], found.in_own_words(log_map))
            changed.remember(events, places)
            return found.told(told, name)
        except IocError as error:
            detail = f"map {name} corrects what was said before, and that cannot be looked up now; send it again later"
            raise HTTPException(503, detail, again()) from error
        finally:
            turn.release()

    def reply(told: list[dict[str, Any]]) -> Response:
        for one in told:
            counters.events.labels(one.get("reason", one["verdict"])).inc()
        bad = any(one["verdict"] == "rejected" for one in told)
        return Response(orjson.dumps({"events": told}), 422 if bad else 202, media_type="application/json")

    async def counted(request: Request, take: ves.Taking) -> Response:
        status = 500
        try:
            with counters.seconds.time():
                response = await admitted(request, take)
            status = response.status_code
            return response
        except HTTPException as refusal:
            status = refusal.status_code
            raise
        finally:
            counters.requests.labels(str(status)).inc()

    @app.post("/events", openapi_extra=openapi.BODY, responses=openapi.RESPONSES, status_code=202)
    async def events(request: Request) -> Response:
        """Hand over one event or a batch. 202: all are in Kafka. 422: some were refused; those marked accepted are in Kafka."""

        async def take(hold: ves.Hold) -> Response:
            return reply((await delivered(await read(request, hold), in_words))[0])

        return await counted(request, take)

    @app.post("/events/{map}", openapi_extra=openapi.MESSAGE, responses=openapi.MAPPED, status_code=202)
    async def messages(request: Request, name: Annotated[str, Path(alias="map")]) -> Response:
        """Hand over a portal's own messages. 202: all their events are in Kafka, or no map's rule wanted them. 422: some were
        refused; those marked accepted are in Kafka."""

        async def take(hold: ves.Hold) -> Response:
            maps, changed = await opened()
            log_map = maps.named(name)
            return reply(await mapped_events(name, log_map, changed, *(await unpacked(request, hold))[1:]))

        return await counted(request, take)

    ves.attach(app, settings, sender, now, counted, counters)

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


def maps_of(settings: Settings, changes: Correcting | None) -> tuple[mapped.Maps, Correcting]:
    """The maps of messages, and what is known of what was said before; loaded with the first message."""
    from ioc.gateway.changes import Changes
    from ioc.gateway.mapped import Maps

    return Maps(settings), changes or Changes(settings)


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
