"""Exact lane: pydantic's verdict on one event, with reason, field and a message that says what is right. Pure.

This lane defines what is valid; the fast lane (`ioc.events.fast_lane`) may only be stricter. `exact` judges the document alone,
`time_rules` what depends on the centre: its first year, the moment of reception and the tolerance.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from ioc.text import nfc
from ioc.times import DAY, PROVINCE, SECOND, from_datetime, to_ms
from schemas import Contract
from schemas.envelope import MAX_BYTES, PATTERNS, TIMESTAMP, Envelope

Headers = Sequence[tuple[str, bytes]]
REASONS = {
    "bad_json": "the bytes are not one JSON document in plain UTF-8",
    "not_cloudevent": "JSON, but no CloudEvents 1.0 event: `specversion`, `id`, `source` or `type` is missing or wrong",
    "unknown_type": "no contract accepts this `type` on this topic",
    "schema": "a field is missing, unknown, of another type or outside its range; the message names it and the fields there are",
    "unit_mismatch": "a known quantity has another unit than its contract says, or a value outside its range",
    "too_large": "the event has more bytes, or the batch more events, than are taken",
    "too_old": "the event's time lies before the first year this centre counts (`IOC_FIRST_YEAR`)",
    "too_new": "the event's time lies ahead of its reception by more than `IOC_TOLERANCE`: the sender's clock is wrong",
    "key_mismatch": "the record's Kafka key is not the entity the event is about (the field that its contract names)",
    "misrouted": "the record lies in another partition than its key says: set `partitioner=murmur2_random` in librdkafka clients",
    "id_reused": "another event has this `source` and `id`; a correction has its own `id` and names the earlier in `replaces`",
    "too_many": "an entity has more events than are counted of one (2,000, or what its stream says)",
    "contributions": "a time within `data` lies too far away, or the stream's declaration cannot count the event",
    "bad_file": "a file that was handed in as a whole cannot be read",
}
"""Reason -> what it means, for producers. Every reject has one of them."""
AHEAD = 3653 * DAY
"""How far a time inside `data` (a due time) may lie after its event: 10 years, leap days included."""
STORED = to_ms("1900-01-01T00:00:00Z")
"""The first moment the store's DateTime64 keeps."""
UNKNOWN_FIELD = "unknown field"
"""What a message says of a field that the contract does not have."""
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
    if document.get("data_base64") is not None:
        unpacked = _unpacked(value, document)
        if isinstance(unpacked, Reject):
            return unpacked
        value = unpacked
    try:
        event = contract.model_validate_json(value)
    except ValidationError as error:
        return _schema_reject(error, contract)
    except Exception as error:  # a validator of the contract that fails on this event: a reject, never a crash loop
        return Reject("schema", "data", f"the contract cannot judge this event: {type(error).__name__}: {error}")
    if event.replaces is not None and nfc(event.replaces) == nfc(event.id):
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
    """Where the first year begins, in milliseconds: midnight in the province, and never before the store's first moment."""
    return max(STORED, from_datetime(datetime(first_year, 1, 1, tzinfo=PROVINCE)))


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
        if raw is None or not (name.startswith("ce_") or name == "content-type"):
            continue  # Kafka knows headers without a value, whatever the type says: they are not set
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return Reject("not_cloudevent", name[:_LONGEST], "headers are UTF-8")
        document["datacontenttype" if name == "content-type" else name[3:]] = text
    for name in ("data", "data_base64"):
        if name in document:
            return Reject("not_cloudevent", f"ce_{name}", "in binary mode the value is the data")
    return _with_data(json.dumps(document).encode(), value, "data")


def _unpacked(value: bytes, document: Mapping[str, Any]) -> bytes | Reject:
    """The event with `data` in place of `data_base64` (CloudEvents JSON format 3.1)."""
    packed = document["data_base64"]
    if "data" in document:
        return Reject("not_cloudevent", "data_base64", "an event has `data` or `data_base64`, not both")
    try:
        data = binascii.a2b_base64(packed, strict_mode=True)
    except (TypeError, ValueError) as error:
        return Reject("bad_json", "data_base64", f"not Base64: {error}")
    return _with_data(value.rstrip(), data, "data_base64")


def _with_data(document: bytes, data: bytes, field: str) -> bytes | Reject:
    """The document with `data` as its last member, which is the one that counts; `field` is where the data came from."""
    if data.startswith(b"\xef\xbb\xbf"):
        return Reject("bad_json", field, "begins with a byte order mark; JSON is plain UTF-8 without one")
    try:
        from_json(data, allow_inf_nan=False)
    except ValueError as error:
        return Reject("bad_json", field, f"not one JSON document: {error}")
    return document[:-1] + b', "data": ' + data + b"}"


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
        return f"{UNKNOWN_FIELD}; {_owner(contract, error['loc'])}"
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
