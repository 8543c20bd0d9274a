"""VES read: the body of a request to the collector, judged by the models and made into CloudEvents. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from ioc.events.exact_lane import Headers, Reject
from ioc.gateway import bodies
from ioc.gateway.ves_events import Judged, Made, events
from ioc.gateway.ves_measured import Unreadable
from ioc.gateway.ves_models import DOMAINS, NOTICES, PATTERNS, Header, Heartbeat, Perf3gpp, StndDefined

MISSING = "is missing"
_OTHERS = 3
"""Further faults of an event that are told."""
_UNIONS = ("str", "int", "float", "bool", "constrained-str", "constrained-int", "constrained-float")
"""What pydantic adds to the place of a field that may be of several types."""


@dataclass
class Part:
    """One event of a request. `where`: `event`, or `eventList.2`; `made`: what it becomes, or `refused`: why nothing."""

    where: str
    headers: Headers = ()
    """What it says of itself, as `ce_` headers: a reject is told by them."""
    made: list[Made] = field(default_factory=list)
    refused: Reject | None = None


def read(body: bytes, batch: bool, received_ms: int) -> list[Part] | Reject:
    """The events of a body, or the reject of all of it."""
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        return Reject("bad_json", "", f"not one JSON document: {error}")
    name, other = ("eventList", "event") if batch else ("event", "eventList")
    found = document.get(name) if isinstance(document, dict) else None
    if found is None:
        wrong = isinstance(document, dict) and other in document
        elsewhere = "; it has `eventList`, which goes to /eventListener/v7/eventBatch" if wrong and not batch else ""
        elsewhere = elsewhere or ("; it has `event`, which goes to /eventListener/v7" if wrong else "")
        return Reject("schema", name, MISSING + elsewhere)
    if not batch:
        return [part(found, name, received_ms)]
    if not isinstance(found, list):
        return Reject("schema", name, "must be a list of events")
    return [part(event, f"{name}.{n}", received_ms) for n, event in enumerate(found)]


def cut(body: bytes, batch: bool) -> list[bytes]:
    """The bytes of each event, as they came; of a single one the whole body."""
    found = bodies.elements(bodies.member(body, "eventList")) if batch else [body]
    assert not isinstance(found, Reject), "what was read can be cut"
    return found


def part(event: Any, where: str, received_ms: int) -> Part:
    """One event, judged and made into others."""
    found = Part(where)
    if not isinstance(event, dict):
        found.refused = Reject("schema", where, "an event is an object with commonEventHeader and the fields of its domain")
        return found
    header = event.get("commonEventHeader")
    said = header if isinstance(header, dict) else {}
    source, identity, sequence = (said.get(name) for name in ("sourceName", "eventId", "sequence"))
    if isinstance(source, str) and isinstance(identity, str):
        claims = (("ce_source", f"/ves/{source}"[:256]), ("ce_id", f"{identity}/{sequence}"[:256]))
        found.headers = tuple((name, text.encode(errors="replace")) for name, text in claims)
    try:
        found.made = events(_judged(event, where), received_ms)
    except _Fault as fault:
        found.refused = fault.reject
    except Unreadable as error:
        found.refused = Reject("schema", f"{where}.{error.field}", str(error))
    return found


class _Fault(Exception):
    """An event that is none."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.reject = Reject("schema", field, message)


def _judged(event: dict[str, Any], where: str) -> Judged:
    if event.get("commonEventHeader") is None:
        raise _Fault(f"{where}.commonEventHeader", MISSING)
    header = _model(Header, event["commonEventHeader"], f"{where}.commonEventHeader")
    known = DOMAINS.get(header.domain)
    if known is None:
        raise _Fault(f"{where}.commonEventHeader.domain", f"must be one of {', '.join(DOMAINS)}")
    place = f"{header.domain}Fields"
    if foreign := [name for name in event if name not in ("commonEventHeader", place)]:
        raise _Fault(f"{where}.{foreign[0][:100]}", f"unknown field; an event of this domain has commonEventHeader and {place}")
    fields = event.get(place)
    if fields is None:
        if known is Heartbeat:
            return Judged(header, {}, None, place)
        raise _Fault(f"{where}.{place}", MISSING)
    model = _model(known, fields, f"{where}.{place}")
    return _standard(header, model, fields, where) if isinstance(model, StndDefined) else Judged(header, fields, model, place)


def _standard(header: Header, said: StndDefined, fields: dict[str, Any], where: str) -> Judged:
    """What another standard defines: alarms, files and counters of 3GPP are judged, all else is archived as it came.

    Which it is, the notification says, or the end of its schema's address. The address itself is not asked.
    """
    place = "stndDefinedFields.data"
    data = said.data
    inner = data.get("event", data)
    perf = inner.get("perf3gppFields") if isinstance(inner, dict) else None
    if perf is not None:
        at = f"{place}.{'event.' if inner is not data else ''}perf3gppFields"
        return Judged(header, perf, _model(Perf3gpp, perf, f"{where}.{at}"), at)
    if "measDataCollection" in data:
        whole = {"perf3gppFieldsVersion": "1.0", **data}
        return Judged(header, data, _model(Perf3gpp, whole, f"{where}.{place}"), place)
    named = (said.schemaReference or "").rpartition("/")[2]
    named = named[:1].lower() + named[1:]
    kind = data.get("notificationType", named)
    if named in NOTICES and kind != named and "notificationType" in data:
        raise _Fault(f"{where}.{place}.notificationType", f"must be {named}, which schemaReference names")
    known = NOTICES.get(kind) if isinstance(kind, str) else None
    return Judged(header, fields, _model(known, data, f"{where}.{place}") if known else said, place)


def _model(model: type[Any], value: Any, where: str) -> Any:
    """The value as the model has it.  Raises _Fault that names the first field that is wrong, and what else is."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        told = [(_place(e, where), _said(e, model)) for e in error.errors(include_url=False, include_input=False)]
    first, *others = dict(told).items()
    more = "".join(f"; {place} {message}" for place, message in others[:_OTHERS])
    raise _Fault(first[0], first[1] + more + (f"; and {len(others) - _OTHERS} more" if len(others) > _OTHERS else ""))


def _place(error: ErrorDetails, where: str) -> str:
    parts = [*error["loc"], *filter(None, [error.get("ctx", {}).get("field")])]
    while parts and parts[-1] in _UNIONS:
        parts.pop()
    return ".".join([where, *(str(part)[:100] for part in parts)])


def _said(error: ErrorDetails, model: type[BaseModel]) -> str:
    if error["type"] == "missing":
        return MISSING
    if error["type"] == "extra_forbidden":
        inside = f"; {model.__name__} has {', '.join(model.model_fields)}" if len(error["loc"]) == 1 else ""
        return "unknown field" + inside
    if error["type"] == "string_pattern_mismatch":
        return PATTERNS[error["ctx"]["pattern"]]
    return error["msg"][:1].lower() + error["msg"][1:]
