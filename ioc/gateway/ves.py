"""VES collector: takes the events of network functions as the ONAP VES Event Listener 7.x does (docs/ves.md).

A request is judged as a whole before anything is sent: all of its events reach Kafka, or none. What is refused is kept.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence

import orjson
from fastapi import FastAPI, HTTPException, Request, Response

from ioc.events.exact_lane import Headers, Reject
from ioc.gateway import ves_answers
from ioc.gateway.counters import Counters
from ioc.gateway.intake import BATCH_EVENTS, Document, unpacked
from ioc.gateway.verdicts import RETRY_S, Sending, judge, store
from ioc.gateway.ves_answers import VERSION, Refusal, in_standard_words
from ioc.gateway.ves_read import Part, cut, read
from ioc.settings import Settings

BODY_BYTES = 2 << 20
"""Largest body, as the standard has it."""
SMALL = 64 << 10
"""Bytes of a body that is read at once; a larger one would keep others waiting and is read in a thread."""
PATHS = ("/eventListener/v7", "/eventListener/v7/eventBatch")

Hold = Callable[[int], None]
"""Hears of bytes as they arrive; raises where they are too many."""
Taking = Callable[[Hold], Awaitable[Response]]
Admit = Callable[[Request, Taking], Awaitable[Response]]
"""Serves one request within the gateway's limits, and counts it."""


def attach(app: FastAPI, settings: Settings, sender: Sending, now: Callable[[], int], admit: Admit, counters: Counters) -> None:
    """Add the collector's endpoints to the gateway."""
    known = _credentials(settings)

    async def answer(request: Request, batch: bool) -> Response:
        async def taken(hold: Hold) -> Response:
            _authenticate(request, known)
            await _store(await _body(request, hold), batch)
            return Response(status_code=202, headers=VERSION)

        try:
            return await admit(request, taken)
        except HTTPException as refused:
            return in_standard_words(refused)

    async def _store(body: bytes | tuple[bytes, Reject], batch: bool) -> None:
        received = now()
        if isinstance(body, tuple):
            await _refuse([(body[0], ())], [body[1]], received)
            return
        parts = await asyncio.to_thread(read, body, batch, received) if len(body) > SMALL else read(body, batch, received)
        if isinstance(parts, Reject):
            await _refuse([(body, ())], [parts], received)
            return
        documents: list[Document] = [(orjson.dumps(made.event), ()) for part in parts for made in part.made]
        if len(documents) > BATCH_EVENTS:
            raise HTTPException(413, f"more than {BATCH_EVENTS} measured objects; send several requests")
        outcomes = await judge(documents, settings, received)
        verdicts = iter(outcomes)
        for part in parts:
            for made in part.made:
                outcome = next(verdicts)
                if isinstance(outcome, Reject) and part.refused is None:
                    place = f"{part.where}.{made.blamed(outcome.field)}"
                    part.refused = Reject(outcome.reason, place, outcome.message)
        if any(part.refused for part in parts):
            await _refuse(list(zip(cut(body, batch), (p.headers for p in parts), strict=True)), _reasons(parts), received)
        await store(sender, documents, outcomes, received)
        counters.events.labels("accepted").inc(len(documents))

    async def _refuse(refused: Sequence[tuple[bytes, Headers]], reasons: Sequence[Reject], received: int) -> None:
        """Keep what is refused, and say why.  Raises Refusal; HTTPException where it cannot be kept."""
        await store(sender, refused, reasons, received)
        for reason in reasons:
            counters.events.labels(reason.reason).inc()
        raise ves_answers.of_event(next((r for r in reasons if r.message != BESIDE), reasons[0]))

    @app.post(PATHS[0], openapi_extra=ves_answers.ONE, responses=ves_answers.RESPONSES, status_code=202, response_class=Response)
    async def event(request: Request) -> Response:
        """Hand over one event of VES. 202: it is in Kafka. 400: it was refused, and the answer names the field."""
        return await answer(request, batch=False)

    @app.post(
        PATHS[1], openapi_extra=ves_answers.BATCH, responses=ves_answers.RESPONSES, status_code=202, response_class=Response
    )
    async def events(request: Request) -> Response:
        """Hand over several events of VES. 202: all are in Kafka. 400: one was refused, and none is taken."""
        return await answer(request, batch=True)

    @app.post("/eventListener/{other:path}", include_in_schema=False)
    async def elsewhere(other: str) -> Response:
        return in_standard_words(HTTPException(404, f"events are taken at {' and '.join(PATHS)}"))

    ves_answers.attach(app)


BESIDE = "nothing is wrong with this event; another one of its batch was refused, and a batch is taken as a whole"
"""Why the events beside a refused one are kept, too: whoever drops a refused batch has lost none of them."""


def _reasons(parts: Sequence[Part]) -> list[Reject]:
    return [part.refused or Reject("schema", part.where, BESIDE) for part in parts]


async def _body(request: Request, hold: Hold) -> bytes | tuple[bytes, Reject]:
    """The body; with the reason where it cannot be unpacked. Raises HTTPException 408, 413 and 415."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send application/json")
    _, body, wrong = await unpacked(request, hold, BODY_BYTES)
    return (body, wrong) if wrong else body


def _credentials(settings: Settings) -> bytes | None:
    """The hash of who may send; None while nobody may."""
    password = settings.ves_password.get_secret_value()
    return _hash(f"{settings.ves_user}:{password}".encode()) if settings.ves_user and password else None


def _authenticate(request: Request, known: bytes | None) -> None:
    """Raises Refusal unless the request says the user and the password, in a time that tells nothing of them."""
    if known is None:
        detail = "this collector has no user yet: set IOC_VES_USER and IOC_VES_PASSWORD and start the gateway again"
        raise HTTPException(503, detail, {"Retry-After": str(RETRY_S)})
    scheme, _, packed = request.headers.get("authorization", "").partition(" ")
    try:
        said = base64.b64decode(packed.strip(), validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        said = b""
    if not hmac.compare_digest(_hash(said), known):
        text, detail = "The following policy error occurred: %1. Error code is %2", "user or password are wrong, or missing"
        raise Refusal(401, "POL2000", text, detail, "401", headers={"WWW-Authenticate": 'Basic realm="ves"'})


def _hash(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
