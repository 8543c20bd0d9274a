"""OpenAPI: how the gateway describes its bodies and answers; event schemas come from the contracts."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from schemas import contracts

STRUCTURED, BATCH, JSON = "application/cloudevents+json", "application/cloudevents-batch+json", "application/json"
MEDIA = (STRUCTURED, BATCH, JSON)
DESCRIPTION = """Events are CloudEvents 1.0. Send one (structured), a batch, or one in binary mode (attributes as `ce-` headers,
`application/json` body). Plain `application/json` with an object is one event, with an array a batch. Other JSON types
(`text/json`, `application/vnd.x+json`) are as `application/json`. Extension attributes are kept and change nothing.

**202**: every event is stored in Kafka. **422**: at least one was refused; each event has its own verdict, those marked
*accepted* are stored, those marked *rejected* are kept with the reason. After **503** send everything again with the same
ids: an event that is there twice counts once. Bodies may be packed with gzip.

A portal's own messages go to `/events/{map}`, where a map makes events of them. Of a message only what its map reads is kept;
of a body that cannot be read, its length and its SHA-256."""


class Told(BaseModel):
    """The verdict on one event."""

    index: int = Field(description="position in the batch, from 0")
    id: str | None = Field(description="the event's id; null where the bytes have none")
    verdict: Literal["accepted", "rejected", "unwanted"] = Field(description="unwanted: a message that no rule of its map wants")
    document: int | None = Field(None, description="of a portal's own message: position of the document in the body, from 0")
    topic: str | None = Field(None, description="accepted: where it is stored")
    partition: int | None = None
    offset: int | None = None
    reason: str | None = Field(None, description="rejected: bad_json, not_cloudevent, unknown_type, schema, unit_mismatch, ...")
    field: str | None = Field(None, description="rejected: path of the field, empty for the whole event; a message's own field")
    message: str | None = Field(None, description="rejected: what is right")


class Verdicts(BaseModel):
    """The verdicts on all events of a request, in their order."""

    events: list[Told]


class Problem(BaseModel):
    """Why a request was not read or not stored."""

    detail: str


def _retry(why: str) -> dict[str, Any]:
    return {
        "model": Problem,
        "description": why,
        "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}},
    }


RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": Verdicts, "description": "All events are stored in Kafka (acks=all)."},
    400: {"description": "The request names another host, or is no HTTP."},
    408: {"model": Problem, "description": "The body did not arrive in time."},
    413: {"model": Problem, "description": "The body is larger than the limit, packed or unpacked."},
    415: {"model": Problem, "description": "Another content type, character set or content encoding."},
    422: {"model": Verdicts, "description": "At least one event was refused; those marked accepted are stored."},
    429: _retry("Too many requests from this address."),
    503: _retry("Kafka is away or too slow; nothing is certain: send everything again with the same ids."),
}
MAPPED: dict[int | str, dict[str, Any]] = {
    **RESPONSES,
    404: {"model": Problem, "description": "There is no such map for messages; the answer names those there are."},
    503: _retry("Kafka is away or too slow, or the map cannot be used now (the answer says why): send it again later."),
}
HEALTH: dict[int | str, dict[str, Any]] = {200: {"description": "Kafka can be reached."}, 503: {"description": "Kafka is away."}}
_EVENT = {"$ref": "#/components/schemas/Event"}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _EVENT},
            BATCH: {"schema": {"type": "array", "items": _EVENT}},
            JSON: {"schema": {"description": "one event, a batch, or `data` alone in binary mode"}},
        },
    }
}
MESSAGE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": {"description": "the portal's own document, an array of them, or one a line"}}},
    }
}


def attach(app: FastAPI) -> None:
    """Add the contracts to the application's OpenAPI document, as one schema `Event`."""
    accepted = [contract for contract in contracts().values() if contract.entity_key]
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        parts = document.setdefault("components", {}).setdefault("schemas", {})
        if "Event" not in parts:
            _, schemas = models_json_schema([(c, "validation") for c in accepted], ref_template="#/components/schemas/{model}")
            parts |= schemas["$defs"]
            refs = {c.event_type: f"#/components/schemas/{c.__name__}" for c in accepted}
            choices = [{"$ref": ref} for ref in refs.values()]
            parts["Event"] = {"oneOf": choices, "discriminator": {"propertyName": "type", "mapping": refs}}
        return document

    app.openapi = described  # type: ignore[method-assign]
