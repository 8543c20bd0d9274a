"""Exact lane: pydantic's verdict on one event, with reason, field and a message that says what is right. Pure.

This lane defines what is valid; the fast lane (`ioc.events.fast_lane`) may only be stricter. `exact` judges the document alone,
`time_rules` what depends on the centre: its first year, the moment of reception and the tolerance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from ioc.times import DAY, PROVINCE, SECOND, from_datetime, to_ms
from schemas import Contract
from schemas.envelope import MAX_BYTES, PATTERNS, TIMESTAMP, Envelope

Headers = Sequence[tuple[str, bytes]]
REASONS = (
    "bad_json", "not_cloudevent", "unknown_type", "schema", "unit_mismatch", "too_large", "too_old", "too_new",
    "key_mismatch", "misrouted", "id_reused", "too_many", "contributions", "bad_file",
)  # fmt: skip
AHEAD = 3653 * DAY
"""How far a time inside `data` (a due time) may lie after its event: 10 years, leap days included."""
_LONGEST = 300
"""Characters of a foreign name or value that a message repeats: a megabyte of rubbish is not sent back."""
_OTHERS = 4
"""Further faults of an event that are told."""


@dataclass(frozen=True)
class Reject:
    """Why bytes are no valid event: `reason` is one of REASONS, `field` a dotted path or empty, `message` what is right."""

    reason: str
    field: str
    message: str


def exact(value: bytes | None, headers: Headers, contracts: Mapping[str, Contract]) -> Envelope[Any] | Reject:
    """The event in `value` (structured mode) or in `headers` and `value` (binary mode), or the reject.

    `contracts`: the event types accepted here, by type.
    """
    if value is None:
        return Reject("bad_json", "", "no value (a tombstone); an event is a JSON document")
    if len(value) > MAX_BYTES:
        return Reject("too_large", "", f"{len(value)} bytes; an event is at most {MAX_BYTES}")
    if any(name == "ce_specversion" for name, _ in headers):
        structured = _structured(value, headers)
        if isinstance(structured, Reject):
            return structured
        value = structured
    document = _document(value)
    if isinstance(document, Reject):
        return document
    contract = contracts.get(document["type"])
    if contract is None:
        named = document["type"][:_LONGEST]
        return Reject("unknown_type", "type", f"{named!r} is not accepted here; accepted are {', '.join(contracts)}")
    try:
        event = contract.model_validate_json(value)
    except ValidationError as error:
        return _schema_reject(error, contract)
    except Exception as error:  # a validator of the contract that fails on this event: a reject, never a crash loop
        return Reject("schema", "data", f"the contract cannot judge this event: {type(error).__name__}: {error}")
    if event.replaces is not None and event.replaces == event.id:
        return Reject("schema", "replaces", "an event cannot replace itself; name the id of the earlier event")
    return event


def time_rules(event: Envelope[Any], received_ms: int, first_year: int, tolerance_s: int) -> Reject | None:
    """The reject of an event whose times a centre cannot count, else None.

    `received_ms`: reception in milliseconds; `first_year`: begins at midnight in the province; `tolerance_s`: seconds the
    event's time may lie ahead of its reception.
    """
    at, first = to_ms(event.time), first_ms(first_year)
    if at < first:
        return Reject("too_old", "time", f"{event.time} is before {first_year}, the first year this centre counts")
    if at > received_ms + tolerance_s * SECOND:
        ahead = (at - received_ms) // SECOND
        return Reject(
            "too_new",
            "time",
            f"{event.time} lies {ahead} s ahead of its reception; {tolerance_s} s are tolerated: set the sender's clock",
        )
    for name in times_in(type(event)):
        text = getattr(event.data, name)
        if text is not None and not first <= to_ms(text) <= at + AHEAD:
            allowed = f"must lie between the year {first_year} and 10 years after the event's time"
            return Reject("contributions", f"data.{name}", f"{text}: {allowed}")
    return None


def verdict(
    value: bytes | None,
    headers: Headers,
    contracts: Mapping[str, Contract],
    received_ms: int,
    first_year: int,
    tolerance_s: int,
) -> Envelope[Any] | Reject:
    """Both together: what a gateway or `ioc validate` says of one event."""
    event = exact(value, headers, contracts)
    return event if isinstance(event, Reject) else time_rules(event, received_ms, first_year, tolerance_s) or event


@lru_cache
def first_ms(first_year: int) -> int:
    """Where the first year begins, in milliseconds: midnight in the province."""
    return from_datetime(datetime(first_year, 1, 1, tzinfo=PROVINCE))


@lru_cache
def times_in(contract: Contract) -> tuple[str, ...]:
    """The fields of `data` that are times, e.g. ('due_at',)."""
    found = []
    for name, schema in contract.data_model().model_json_schema()["properties"].items():
        if any(choice.get("pattern") == TIMESTAMP for choice in (schema, *schema.get("anyOf", ()))):
            found.append(name)
    return tuple(found)


def _document(value: bytes) -> dict[str, Any] | Reject:
    if value.startswith(b"\xef\xbb\xbf"):
        return Reject("bad_json", "", "begins with a byte order mark; JSON is plain UTF-8 without one")
    try:
        document = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        return Reject("bad_json", "", f"not one JSON document: {error}")
    if not isinstance(document, dict):
        return Reject(
            "not_cloudevent",
            "",
            f"a {type(document).__name__}; an event is a JSON object with specversion, id, source, type, time",
        )
    for name in ("specversion", "id", "source", "type"):
        if not isinstance(document.get(name), str) or not document[name]:
            return Reject("not_cloudevent", name, f"CloudEvents 1.0 requires a non-empty string `{name}`")
    if document["specversion"] != "1.0":
        return Reject("not_cloudevent", "specversion", "must be '1.0'")
    return document


def _structured(value: bytes, headers: Headers) -> bytes | Reject:
    """Binary mode (CloudEvents Kafka binding 3.2) as a document: `ce_` headers are the attributes, the value is the data."""
    document: dict[str, Any] = {}
    for name, raw in headers:
        if not name.startswith("ce_") and name != "content-type":
            continue
        try:
            text = (raw or b"").decode()  # Kafka knows headers without a value, whatever the type says
        except UnicodeDecodeError:
            return Reject("not_cloudevent", name[:_LONGEST], "headers are UTF-8")
        if name == "content-type":
            document["datacontenttype"] = text.partition(";")[0].strip().lower()  # "; charset=utf-8" says nothing new
        else:
            document[name[3:]] = text
    if value.startswith(b"\xef\xbb\xbf"):
        return Reject("bad_json", "data", "begins with a byte order mark; JSON is plain UTF-8 without one")
    try:
        from_json(value, allow_inf_nan=False)
    except ValueError as error:
        return Reject("bad_json", "data", f"not one JSON document: {error}")
    if "data" in document:
        return Reject("not_cloudevent", "ce_data", "in binary mode the value is the data")
    return json.dumps(document).encode()[:-1] + b', "data": ' + value + b"}"


def _schema_reject(error: ValidationError, contract: Contract) -> Reject:
    """The first fault is the reason and the field; the next ones stand in the message, so that all can be mended at once."""
    errors = error.errors(include_url=False, include_input=False)
    first = next((e for e in errors if e["type"] == "unit_mismatch"), errors[0])
    others = [e for e in errors if e is not first]
    told = [f"; {_place(e)}: {_said(e, contract)}" for e in others[:_OTHERS]]
    more = f"; and {len(others) - _OTHERS} more" if len(others) > _OTHERS else ""
    message = _said(first, contract) + "".join(told) + more
    return Reject("unit_mismatch" if first["type"] == "unit_mismatch" else "schema", _place(first), message)


def _place(error: ErrorDetails) -> str:
    """The field; a model's own rule names the part it means."""
    place = (*error["loc"], *filter(None, [error.get("ctx", {}).get("field")]))
    return ".".join(str(part)[:_LONGEST] for part in place)


def _said(error: ErrorDetails, contract: Contract) -> str:
    """What would be right."""
    if error["type"] == "extra_forbidden":
        return f"unknown field; {_owner(contract, error['loc'])}"
    if error["type"] == "string_pattern_mismatch":
        return PATTERNS.get(error["ctx"]["pattern"], error["msg"])
    return error["msg"]


def _owner(contract: Contract, loc: tuple[int | str, ...]) -> str:
    """Which fields there are where an unknown one was found."""
    model: type[BaseModel] = contract
    for part in loc[:-1]:
        if not isinstance(part, str) or part not in model.model_fields:
            continue
        annotation: Any = model.model_fields[part].annotation
        inner = next(
            (a for a in (annotation, *getattr(annotation, "__args__", ())) if isinstance(a, type) and issubclass(a, BaseModel)),
            None,
        )
        model = inner or model
    return f"{model.__name__} has {', '.join(model.model_fields)}"
