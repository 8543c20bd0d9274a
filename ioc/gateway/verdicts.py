"""Verdicts: every event of a request is judged, stored or kept as a reject, and told of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from fastapi import HTTPException

from ioc.errors import ServiceAway
from ioc.events import rejects
from ioc.events.exact_lane import Reject, verdict
from ioc.gateway.intake import Document
from ioc.kafka import KafkaError
from ioc.settings import Settings
from schemas import contracts
from schemas.envelope import Envelope

STORED_S = 10.0
"""Seconds Kafka gets to store a request's events; a broker's restart takes less, a client's patience is not much longer."""
RETRY_S = 5
"""What `Retry-After` says while Kafka is away."""
SLICE = 200
"""Events judged before others get their turn: about 3 ms."""
Outcome = Envelope[Any] | Reject


class Sending(Protocol):
    """What the gateway needs of Kafka; `Outlet` is it, tests pass their own."""

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> asyncio.Future[Any]: ...

    async def alive(self) -> bool: ...


async def judge(documents: Sequence[Document], settings: Settings, received_ms: int) -> list[Outcome]:
    """The verdict on each event, in order."""
    outcomes: list[Outcome] = []
    accepted = contracts()
    for number, (value, headers, *known) in enumerate(documents, 1):
        outcome = known[0] if known else verdict(value, headers, accepted, received_ms, settings.first_year, settings.tolerance)
        if not isinstance(outcome, Reject) and not outcome.entity_key:
            outcome = Reject("unknown_type", "type", f"{outcome.type}: heartbeats are the centre's own; nobody else sends them")
        outcomes.append(outcome)
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return outcomes


async def store(sender: Sending, documents: Sequence[Document], outcomes: Sequence[Outcome], received_ms: int) -> list[Any]:
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


def told_of(index: int, document: Document, outcome: Outcome, place: Any) -> dict[str, Any]:
    """What the producer is told of one event (`openapi.Told`)."""
    if isinstance(outcome, Reject):
        identity = rejects.claims(document[0], document[1])[1] or None
        told = {"reason": outcome.reason, "field": outcome.field, "message": outcome.message}
        return {"index": index, "id": identity, "verdict": "rejected", **told}
    placed = {"topic": place.topic, "partition": place.partition, "offset": place.offset}
    return {"index": index, "id": outcome.id, "verdict": "accepted", **placed}
