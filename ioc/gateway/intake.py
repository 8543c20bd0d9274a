"""Intake: reads the events of one HTTP request, within limits that hold before anything is parsed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from fastapi import HTTPException, Request

from ioc.events.exact_lane import Headers, Reject
from ioc.gateway import bodies
from ioc.gateway.openapi import BATCH, MEDIA, STRUCTURED
from schemas.envelope import JSON_TYPE

BODY_BYTES = 4 << 20
"""Largest body, packed or unpacked: four of the largest events, or about 10,000 usual ones."""
BODY_S = 60.0
"""Seconds for a body to arrive: the largest in that time is 70 KB/s, and nobody holds a place by dripping."""
BATCH_EVENTS = 10_000
"""Most events of one batch: their verdicts still take less than a second."""

Document = tuple[bytes, Headers] | tuple[bytes, Headers, Reject]
"""An event's bytes and `ce_` headers, and the reject where the body could not be cut into events."""


async def read(request: Request, hold: Callable[[int], None]) -> list[Document]:
    """The events of a request, not yet judged. Raises HTTPException 408, 413 and 415.

    `hold` hears of bytes as they arrive or are unpacked, and raises where they are too many.
    """
    media, body, wrong = await unpacked(request, hold)
    if wrong:
        return [(body, (), wrong)]
    plain = media not in (STRUCTURED, BATCH)
    headers = bodies.kafka_headers(request.headers.raw) if plain else ()
    if headers or (media != BATCH and not (plain and bodies.is_array(body))):
        return [(body, headers)]
    cut = bodies.elements(body, BATCH_EVENTS)
    return [(body, (), cut)] if isinstance(cut, Reject) else [(value, ()) for value in cut]


async def unpacked(request: Request, hold: Callable[[int], None], most: int = BODY_BYTES) -> tuple[str, bytes, Reject | None]:
    """The content type and the body; where it cannot be unpacked, as it came, and why. `most`: bytes of the largest body.
    Raises as `read`."""
    media, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    media, charset = media.strip(), parameters.replace('"', "").replace(" ", "").partition("charset=")[2].partition(";")[0]
    if not re.search(JSON_TYPE, media) or charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise HTTPException(415, f"send {', '.join(MEDIA)} or another JSON type, in UTF-8", {"Accept": ", ".join(MEDIA)})
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise HTTPException(415, "send the body as it is, or packed with gzip", {"Accept-Encoding": "gzip, identity"})
    body = await limited(request, hold, most)
    if encoding == "identity":
        return media, body, None
    try:
        found = bodies.gunzip(body, most)
    except ValueError as error:
        return media, body, Reject("bad_json", "", str(error))
    body = found if found is not None else too_large(most)
    hold(len(body))
    return media, body, None


async def limited(request: Request, hold: Callable[[int], None], most: int) -> bytes:
    """The body, read no further than the limit, whether its length was announced or not."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > most:
        too_large(most)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                hold(len(chunk))
                body += chunk
                if len(body) > most:
                    too_large(most)
    except TimeoutError:
        raise HTTPException(408, f"a body arrives within {BODY_S:g} seconds", {"Connection": "close"}) from None
    return bytes(body)


def too_large(most: int) -> bytes:
    """Raises the HTTPException of a body that is too large."""
    raise HTTPException(413, f"a body is at most {most} bytes, unpacked; send several")
