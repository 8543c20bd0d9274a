"""VES answers: what a network function is told, in the words of the VES Event Listener (`requestError`), and their OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from ioc.events.exact_lane import Reject
from ioc.gateway import ves_models
from ioc.gateway.ves_read import MISSING

VERSION = {"X-MinorVersion": "2", "X-PatchVersion": "1", "X-LatestVersion": "7.2.1"}
"""What every answer says of the interface it is of: 7.2.1."""


class Refusal(HTTPException):
    """A request that is refused in the standard's own words: the text, with a variable for each %n."""

    def __init__(self, status: int, message: str, text: str, *variables: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, text, dict(headers or {}))
        self.message, self.text, self.variables = message, text, variables


class Why(BaseModel):
    """Why; `%n` in the text stands for the n-th variable."""

    messageId: str = Field(description="SVC... of a ServiceException, POL... of a PolicyException")
    text: str
    variables: list[str] = Field(description="of a refused event: the field, and what would be right")


class Either(BaseModel):
    """One of the two."""

    ServiceException: Why | None = None
    PolicyException: Why | None = None


class RequestError(BaseModel):
    """The standard's error."""

    requestError: Either


def of_event(reject: Reject) -> Refusal:
    """The refusal of an event, by its first fault: the field and what would be right."""
    missing, more = re.fullmatch(f"{MISSING}(; .*)?", reject.message, re.DOTALL), reject.message.removeprefix(MISSING)
    if missing:
        text = "Mandatory input %1 %2 is missing from request" + ("%3" if more else "")
        return Refusal(400, "SVC2006", text, "attribute", reject.field, *([more] if more else []))
    return Refusal(400, "SVC0002", "Invalid input value for message part %1: %2", reject.field or "body", reject.message)


def in_standard_words(refused: HTTPException) -> Response:
    """The answer to a request that was refused, here or before it came here."""
    if not isinstance(refused, Refusal):
        refused = _translated(refused.status_code, str(refused.detail), refused.headers or {})
    kind = "PolicyException" if refused.message.startswith("POL") else "ServiceException"
    headers = {**VERSION, **(refused.headers or {})}
    error = {"messageId": refused.message, "text": refused.text, "variables": refused.variables}
    body = orjson.dumps({"requestError": {kind: error}})
    return Response(body, refused.status_code, headers, media_type="application/json")


def _translated(status: int, detail: str, headers: Mapping[str, str]) -> Refusal:
    if status == 413:
        return Refusal(413, "POL9003", "Message content size exceeds the allowable limit: %1", detail, headers=headers)
    if status == 415:
        text = "Invalid input value for message part %1: %2"
        return Refusal(415, "SVC0002", text, "Content-Type", detail, headers={**headers, "Accept": "application/json"})
    if status == 503:
        return Refusal(503, "SVC1000", "No server resources available to process the request: %1", detail, headers=headers)
    text = "The following service error occurred: %1. Error code is %2"
    return Refusal(status, "SVC2000", text, detail, str(status), headers=headers)


def _answer(why: str, again: bool = False) -> dict[str, Any]:
    headers: dict[str, Any] = {name: {"schema": {"type": "string"}, "description": "of the interface"} for name in VERSION}
    if again:
        headers["Retry-After"] = {"schema": {"type": "integer"}, "description": "seconds"}
    return {"description": why, "headers": headers}


def _problem(why: str, again: bool = False) -> dict[str, Any]:
    return {"model": RequestError, **_answer(why, again)}


RESPONSES: dict[int | str, dict[str, Any]] = {
    202: _answer("All events of the request are stored in Kafka (acks=all); the answer has no body."),
    400: _problem("An event is refused; the answer names the field. No event of the request is stored; all are kept as refused."),
    401: _problem("User or password are wrong, or missing."),
    408: _problem("The body did not arrive in time."),
    413: _problem("The body is larger than 2 MiB, packed or unpacked, or becomes too many events."),
    415: _problem("Another content type than application/json, another character set or content encoding."),
    429: _problem("Too many requests from this address.", again=True),
    503: _problem("Kafka is away or too slow, or the collector has no user yet: send everything again.", again=True),
}


def _body(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    whole = {"type": "object", "required": [name], "properties": {name: schema}}
    return {
        "security": [{"ves": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": whole}}},
    }


_EVENT = {"$ref": "#/components/schemas/VesEvent"}
ONE, BATCH = _body("event", _EVENT), _body("eventList", {"type": "array", "items": _EVENT})


def attach(app: FastAPI) -> None:
    """Add the events of VES and the way to say who one is to the application's OpenAPI document."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        if "VesEvent" not in schemas:
            components.setdefault("securitySchemes", {})["ves"] = {"type": "http", "scheme": "basic"}
            known: list[type[BaseModel]] = [ves_models.Header, *ves_models.DOMAINS.values()]
            _, made = models_json_schema([(m, "validation") for m in known], ref_template="#/components/schemas/Ves{model}")
            schemas |= {f"Ves{name}": schema for name, schema in made["$defs"].items()}
            fields = {f"{d}Fields": {"$ref": f"#/components/schemas/Ves{m.__name__}"} for d, m in ves_models.DOMAINS.items()}
            header = {"commonEventHeader": {"$ref": "#/components/schemas/VesHeader"}}
            schemas["VesEvent"] = {"type": "object", "required": ["commonEventHeader"], "properties": {**header, **fields}}
        return document

    app.openapi = described  # type: ignore[method-assign]
