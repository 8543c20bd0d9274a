"""Mapping check: what in a map contradicts the contract it maps to, before a row is read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from ioc.catalog import load
from ioc.importing import paths_check, personal, pm
from ioc.importing.logtimes import EPOCHS, check_format, needs_zone
from ioc.importing.mapping import COLUMN, Clock, EventMap, Map, Not, Value, day_of
from ioc.importing.units import alike, factor
from schemas import Contract, contracts
from schemas.envelope import TIMESTAMP, calendar_date

_NO_ZONES = frozenset({"localtime", "posixrules", "Factory", "right", "posix"})
"""Files beside the zones that are this machine's, no zone, or count leap seconds."""


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
    lines = [*_values(found), *paths_check.wrong(found), *personal.wrong(found), *pm.wrong(found)]
    lines += [line for n, event in enumerate(found.event) for line in _event(found, event, f"event[{n}]")]
    return list(dict.fromkeys(lines))  # what is wrong in [data] is wrong in every [[event]], and said once


def _values(found: Map) -> Iterator[str]:
    for key, field, value in found.placed():
        single = (value.constant is not None) + (value.column is not None) + len(value.lists())
        if single + bool(value.join) + bool(value.first) != 1:
            yield f"{key}: needs exactly one of column, join, first, sum, any, or a text or number instead of a table"
        if value.values is not None and value.values not in found.values:
            yield f"{key}.values: no table [values.{value.values}]; there are {', '.join(found.values) or 'none'}"
        if not field and (value.constant is not None or value.values is not None or value.lists() or not value.columns()):
            yield f"{key}: needs a text with a column, e.g. '{{case:concept:name}}/received'"
        for text in value.texts():
            if any(brace in COLUMN.sub("", text) for brace in "{}"):
                yield f"{key}: {text!r} has a brace without its other half; a column is written {{name}}"
        yield from _clock(key, value)
    yield from _clock("time", found.time)
    if found.input.trim:
        yield from _padded(found)
    try:
        "".encode(found.input.encoding)
    except LookupError:
        yield f"input.encoding: {found.input.encoding!r} is not known; write e.g. utf-8-sig, cp1252, windows-1258"


def _padded(found: Map) -> Iterator[str]:
    """Words that no trimmed cell holds."""
    words = {"input.null": list(found.input.null)}
    words |= {f"input.null_in.{column}": list(given) for column, given in found.input.null_in.items()}
    words |= {f"values.{name}": list(table) for name, table in found.values.items()}
    for n, event in enumerate(found.event):
        for column, want in event.when.items():
            given = want.words if isinstance(want, Not) else want
            words[f"event[{n}].when.{column}"] = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    for key, listed in words.items():
        for word in listed:
            if word != word.strip():
                yield f"{key}: {word!r} stands in no cell without blanks at its ends: write {word.strip()!r}, or trim = false"


def _clock(key: str, clock: Value | Clock) -> Iterator[str]:
    for text in _listed(clock.format):
        if wrong := check_format(text):
            yield f"{key}.format: {wrong}"
    if clock.zone is not None:
        try:
            if clock.zone.split("/")[0] in _NO_ZONES:
                raise ValueError(clock.zone)
            ZoneInfo(clock.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"{key}.zone: {clock.zone!r} is no time zone; write e.g. Asia/Ho_Chi_Minh or Europe/Dublin"
    if clock.since is not None:
        try:
            calendar_date(clock.since)
            fits = re.fullmatch(TIMESTAMP, clock.since)
        except PydanticCustomError:
            fits = None
        if not fits:
            yield f"{key}.since: {clock.since!r} is no time with an offset; write e.g. 2020-01-01T00:00:00Z"
        if clock.format and not EPOCHS & set(_listed(clock.format)):
            yield f"{key}.since: it is for the formats {' and '.join(sorted(EPOCHS))}"


def _unused(value: Value, kind: str, key: str) -> Iterator[str]:
    """Keys that would do nothing."""
    for name in ("format", "zone", "since", "time"):
        if getattr(value, name) is not None and kind != "time":
            yield f"{key}.{name}: the contract has no time there"
    if value.any is not None and kind != "boolean":
        yield f"{key}.any: it says true or false, and the contract has no such field there"
    if value.sum is not None and kind not in ("integer", "number"):
        yield f"{key}.sum: the contract has no number there"
    if value.of and value.any is None:
        yield f"{key}.of: it is for `any`"
    if value.lists() and value.values is not None:
        yield f"{key}.values: `sum` and `any` are not looked up"
    if value.factor is not None and (kind not in ("integer", "number") or value.values or value.lists()):
        yield f"{key}.factor: the contract has no number there"


def _listed(formats: str | list[str] | None) -> list[str]:
    return [formats] if isinstance(formats, str) else formats or []


def _read_time(found: Map, value: Value, key: str) -> Iterator[str]:
    """What contradicts itself in how one time is read."""
    formats, near = _listed(value.format or found.time.format), f"{key}.format" if value.format else "time.format"
    if not (value.zone or found.time.zone):
        for text in formats:
            if needs_zone(text) and not check_format(text):
                yield f'{near}: {text!r} states no offset: write its zone, e.g. zone = "Asia/Ho_Chi_Minh"'
    if value.time and EPOCHS & set(formats):
        yield f"{key}.time: an epoch always states a time; `time` is for days without one"


def assumed(found: Map) -> list[str]:
    """What a map leaves open and how it is taken, one line each: for the user to see before anything is sent."""
    lines = []
    mark, group = found.input.decimal, "." if found.input.decimal == "," else ","
    if reads_numbers(found) and found.input.kind != "pm":  # there XML Schema says how a number is written
        if "decimal" in found.input.model_fields_set:
            lines.append(f"input.decimal: 1{group}234{mark}5 is read as 1234.5, and 12{group}345 as 12345")
        else:
            lines.append(f"input.decimal: not stated; 12{mark}345 is read as 12.345, and 12{group}345 is no number")
    for key, field, value in found.placed():
        if field in times_of(found):
            if (day := day_of(value, field)) == "end-of-day":
                lines.append(f"{key}: a day without a time means its end (23:59:59.999)")
            elif day == "office-close":
                lines.append(f"{key}: a day without a time means the end of office hours ({found.time.office_close})")
    clocks: list[Clock | Value] = [found.time, *(value for _, _, value in found.placed())]
    if any("%y" in text for clock in clocks for text in _listed(clock.format)):
        lines.append("time.format: %y from 00 to 68 is 2000 to 2068, from 69 to 99 it is 1969 to 1999")
    return list(dict.fromkeys(lines))


def reads_numbers(found: Map) -> bool:
    """Whether a number is read from a column anywhere."""
    return any(
        event.measurements
        or any(
            kinds(contracts()[found.typed(event)]).get(field) in ("integer", "number") and value.columns()
            for field, value in found.fields(event).items()
        )
        for event in found.event
    )


def times_of(found: Map) -> set[str]:
    """Fields of `data` that are times."""
    return {name for event in found.event for name, kind in kinds(contracts()[found.typed(event)]).items() if kind == "time"}


def _event(found: Map, event: EventMap, key: str) -> Iterator[str]:
    known = {name: contract for name, contract in contracts().items() if contract.entity_key}
    contract = known.get(found.typed(event))
    if contract is None:
        yield f"{key}.type: {found.typed(event)!r} is no event type of a log; there are {', '.join(known)}"
        return
    if found.on_change == "correct" and contract.event_type not in _with_state():
        yield f'on_change: {contract.event_type} has no state to correct; there "refuse" is all there is'
    if event.source is not None and found.on_change == "correct":
        yield f"{key}.source: what is corrected is of one source; leave out `on_change`, or `source` of the [[event]]"
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
            if kinds(contract)[field] == "time" and value.constant is None:
                yield from _read_time(found, value, place)
            yield from _unused(value, kinds(contract)[field], place)
    stated = {*fields, named} if event.measurements or found.input.kind == "pm" else set(fields)
    for field, info in model.model_fields.items():
        if info.is_required() and field not in stated:
            yield f"{key}.data: {model.__name__} needs {field!r}"
    yield from _measurements(contract, event, key)
    yield from _read_time(found, event.time, f"{key}.time")


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
        if limit and factor(measure.unit, limit.unit) is None:
            known = ", ".join(alike(limit.unit))
            yield (
                f"{key}.measurements[{n}].unit: {measure.name} is measured in {limit.unit}, not {measure.unit}; "
                f"what can be converted: {known}; else write `factor`"
            )
