"""Mapping check: what in a map contradicts the contract it maps to, before a row is read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ioc.catalog import load
from ioc.importing.logtimes import check_format
from ioc.importing.mapping import EventMap, Map, Value
from schemas import Contract, contracts
from schemas.envelope import TIMESTAMP


@cache
def kinds(contract: Contract) -> dict[str, str]:
    """Field of `data` -> string, time, integer, number, boolean or array, as the contract's JSON Schema says."""
    found = {}
    for name, schema in contract.data_model().model_json_schema()["properties"].items():
        plain = next((s for s in schema.get("anyOf", [schema]) if s.get("type") != "null"), schema)
        found[name] = "time" if plain.get("pattern") == TIMESTAMP else plain.get("type", "object")
    return found


@cache
def _with_state() -> frozenset[str]:
    """The event types that can be corrected."""
    return frozenset(stream.contract.event_type for stream in load().streams if stream.contributions is not None)


def problems(found: Map) -> list[str]:
    """One line a contradiction, each beginning with its TOML key."""
    lines = [*_values(found), *(line for n, event in enumerate(found.event) for line in _event(found, event, f"event[{n}]"))]
    return list(dict.fromkeys(lines))  # what is wrong in [data] is wrong in every [[event]], and said once


def _values(found: Map) -> Iterator[str]:
    for key, field, value in found.placed():
        if (value.constant is not None) + (value.column is not None) + bool(value.join) + bool(value.first) != 1:
            yield f"{key}: needs exactly one of column, join, first, or a text or number instead of a table"
        if value.values is not None and value.values not in found.values:
            yield f"{key}.values: no table [values.{value.values}]; there are {', '.join(found.values) or 'none'}"
        if not field and (value.constant is not None or value.values is not None or not value.columns()):
            yield f"{key}: needs a text with a column, e.g. '{{case:concept:name}}/received'"
        yield from _clock(key, value)
    yield from _clock("time", found.time)
    try:
        "".encode(found.input.encoding)
    except LookupError:
        yield f"input.encoding: {found.input.encoding!r} is not known; write e.g. utf-8-sig, cp1252, windows-1258"


def _clock(key: str, clock: Any) -> Iterator[str]:
    for text in [clock.format] if isinstance(clock.format, str) else clock.format or []:
        if wrong := check_format(text):
            yield f"{key}.format: {wrong}"
    if clock.zone is not None:
        try:
            ZoneInfo(clock.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"{key}.zone: {clock.zone!r} is no time zone; write e.g. Asia/Ho_Chi_Minh or Europe/Dublin"


def _event(found: Map, event: EventMap, key: str) -> Iterator[str]:
    known = {name: contract for name, contract in contracts().items() if contract.entity_key}
    contract = known.get(found.typed(event))
    if contract is None:
        yield f"{key}.type: {found.typed(event)!r} is no event type of a log; there are {', '.join(known)}"
        return
    if found.on_change == "correct" and contract.event_type not in _with_state():
        yield f'on_change: {contract.event_type} has no state to correct; there "refuse" is all there is'
    if event.once and not found.case:
        yield f'{key}.once: needs `case = "<column>"` at the top of the file'
    model, fields = contract.data_model(), found.fields(event)
    named = contract.limits.field if contract.limits else ""
    for field, value in fields.items():
        place = f"{key}.data.{field}" if field in event.data else f"data.{field}"
        if field == named:
            yield f"{place}: write it as [[event.measurements]] with name, column and unit"
        elif field not in model.model_fields:
            yield f"{place}: {model.__name__} has no field {field!r}; it has {', '.join(model.model_fields)}"
        else:
            yield from _fits(found, contract, field, value, place)
    stated = {*fields, named} if event.measurements else set(fields)
    for field, info in model.model_fields.items():
        if info.is_required() and field not in stated:
            yield f"{key}.data: {model.__name__} needs {field!r}"
    yield from _measurements(contract, event, key)


def _fits(found: Map, contract: Contract, field: str, value: Value, key: str) -> Iterator[str]:
    """Constants and value tables can be judged now; what columns hold only row by row."""
    info = contract.data_model().model_fields[field]
    fixed: list[Any] = list(found.values.get(value.values, {}).values()) if value.values else []
    if value.constant is not None:
        fixed = [value.constant]
    elif not value.columns() and not value.values and len(value.first) == 1 and "{" not in value.first[0]:
        fixed = list(value.first)
    field_type: Any = Annotated[info.annotation, info]
    adapter: TypeAdapter[Any] = TypeAdapter(field_type, config=ConfigDict(strict=True))
    for constant in fixed:
        try:
            adapter.validate_python(constant)
        except ValidationError as error:
            yield f"{key}: {constant!r}: {error.errors(include_url=False)[0]['msg']}"


def _measurements(contract: Contract, event: EventMap, key: str) -> Iterator[str]:
    if event.measurements and contract.limits is None:
        yield f"{key}.measurements: {contract.event_type} has no named quantities"
        return
    for n, measure in enumerate(event.measurements):
        limit = contract.limits.table.get(measure.name) if contract.limits else None
        if limit and limit.unit != measure.unit:
            yield f"{key}.measurements[{n}].unit: {measure.name} is measured in {limit.unit}, not {measure.unit}"
