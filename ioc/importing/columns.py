"""Columns: what a value of a map reads from a row, compiled once into plain functions. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from ioc.importing.logtimes import Moment, reader
from ioc.importing.mapping import COLUMN, Clock, Day, Input, Map, Measure, Value, day_of
from ioc.importing.numbers import number_reader, times
from ioc.importing.rows import Fields, Reading
from ioc.importing.spoiled import Spoiled
from ioc.importing.units import factor
from ioc.times import to_ms

Getter = Callable[[Fields], Any]
Nulls = frozenset[str | None]
LAST = time(23, 59, 59, 999_000)
TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass
class Statistics:
    """What happened on the way, for the user to see; columns are the log's."""

    reading: Reading = field(default_factory=Reading)
    """Where the lines of the files went."""
    spoiled: Spoiled = field(default_factory=lambda: Spoiled(set()))
    """Ids that a spreadsheet has rewritten."""
    rows: int = 0
    broken: int = 0
    """Rows with a wrong number of columns."""
    unmatched: int = 0
    """Rows no [[event]] wanted."""
    events: int = 0
    undated: int = 0
    """Events whose time is missing or unreadable."""
    nulls: Counter[str] = field(default_factory=Counter)
    """Measurements left out because the column was null."""
    outside: Counter[str] = field(default_factory=Counter)
    """Measurements left out because the value is beyond null_below or null_above."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """Numbers, times and words of value tables that could not be read, by place in the map."""
    times: Counter[str] = field(default_factory=Counter)
    """Local times that were `ambiguous` or `never was`, by the zone's clock changes; days that were given a time."""


def field_reader(value: Value, kind: str, name: str, log_map: Map, nulls: Nulls, statistics: Statistics) -> Getter:
    """The reader of one field of `data`, by the kind the contract gives it."""
    if value.constant is not None:
        return lambda row: value.constant
    if value.any is not None or value.sum is not None:
        return _of_all(value, name, numbers_of(log_map.input), nulls, statistics)
    if kind == "time":
        moment = time_reader(value, log_map, nulls, statistics, name)
        return lambda row: found[1] if isinstance(found := moment(row), tuple) else found
    text = text_reader(value, nulls)
    if value.values is not None:
        return _looked_up(text, value.values, log_map, statistics)
    if kind == "string":
        return text

    number = numbers_of(log_map.input)

    def convert(row: Fields) -> Any:
        if (found := text(row)) is None:
            return None
        converted = TRUTH.get(found.lower()) if kind == "boolean" else number(found)
        if converted is None:
            statistics.unreadable[name] += 1
            return found
        if kind == "boolean":
            return converted
        if value.factor is not None:
            converted = times(converted, value.factor)
        whole = kind == "integer" and converted == int(converted) and abs(converted) < 1 << 63
        return int(converted) if whole else float(converted)

    return convert


def _of_all(value: Value, name: str, number: Callable[[str], int | float | None], nulls: Nulls, statistics: Statistics) -> Getter:
    """What all elements of a list say together; nothing where there is none with a value (`any`: no)."""
    column, words = value.any or value.sum or "", frozenset(value.of)
    if value.any is not None:
        return lambda row: any(text in words if words else text not in nulls for text in row.get(column, ()))

    def add(row: Fields) -> Any:
        total: int | float | None = None
        for text in row.get(column, ()):
            if text in nulls:
                continue
            if (one := number(text)) is None:
                statistics.unreadable[name] += 1
                return text
            total = one if total is None else total + one
        return total if total is None or abs(total) < 1 << 63 else str(total)

    return add


def _looked_up(text: Getter, table: str, log_map: Map, statistics: Statistics) -> Getter:
    words = log_map.values[table]
    default = words.get("default")

    def look_up(row: Fields) -> Any:
        if (found := text(row)) is None:
            return None
        if (word := words.get(found, default)) is not None:
            return word
        statistics.unreadable[f"values.{table}"] += 1
        return {f"not in [values.{table}]": found}  # an object: no contract takes it for a word

    return look_up


def measure_reader(measure: Measure, to: str, nulls: Nulls, given: Input, statistics: Statistics) -> Getter:
    """The reader of one named quantity, in the unit `to`; null and what lies outside is left out and counted."""
    column, low, high = measure.column, measure.null_below, measure.null_above
    scale = times(measure.factor, factor(measure.unit, to) or 1)
    unit, number = to if factor(measure.unit, to) else measure.unit, numbers_of(given)
    nulls = nulls | {""}

    def read(row: Fields) -> Any:
        text = row.get(column)
        if text is None or text in nulls:
            statistics.nulls[column] += 1
            return None
        value = number(text)
        if value is None:
            statistics.unreadable[column] += 1
            return {"name": measure.name, "value": text, "unit": unit}
        if not low <= value <= high:
            statistics.outside[column] += 1
            return None
        return {"name": measure.name, "value": float(value if scale == 1 else times(value, scale)), "unit": unit}

    return read


def numbers_of(given: Input) -> Callable[[str], int | float | None]:
    """The reader of numbers; marks that group are certain only where the map says which mark is the decimal one."""
    return number_reader(given.decimal, "decimal" in given.model_fields_set)


def time_reader(
    value: Value, log_map: Map, nulls: Nulls, statistics: Statistics, place: str
) -> Callable[[Fields], Moment | str | None]:
    """The reader of a moment, or of the text that is none. `place`: where it stands in the map, for the statistics."""
    clock, wanted = log_map.time, day_of(value, place)
    formats, since = value.format or clock.format, value.since or clock.since
    read = reader(
        [formats] if isinstance(formats, str) else formats, value.zone or clock.zone, statistics.times, day=_time(wanted, clock),
        midnight=value.time is not None, decimal=log_map.input.decimal, since=to_ms(since) if since else 0,
    )  # fmt: skip
    text = text_reader(value, nulls)

    def read_time(row: Fields) -> Moment | str | None:
        if (found := text(row)) is None:
            return None
        moment = read(found)
        if moment is None:
            statistics.unreadable[place] += 1
            return str(found)
        return moment

    return read_time


def _time(wanted: Day, clock: Clock) -> time | None:
    if wanted == "start-of-day":
        return None
    return LAST if wanted == "end-of-day" else time.fromisoformat(clock.office_close)


def text_reader(value: Value, nulls: Nulls) -> Getter:
    """The reader of a text: a template, several joined, or the first of several without a null; None where there is none."""
    readers = [_text(text, nulls) for text in value.texts()]
    if value.join:
        return lambda row: value.by.join(found for read in readers if (found := read(row)) is not None) or None
    if len(readers) == 1:
        return readers[0]
    return lambda row: next((found for read in readers if (found := read(row)) is not None), None)


def _text(template: str, nulls: Nulls) -> Getter:
    """The text with its columns filled in; None where a column is null."""
    parts = COLUMN.split(template)
    columns = parts[1::2]
    if not columns:
        return lambda row: template
    if parts == ["", columns[0], ""]:  # by far the most
        only = columns[0]
        return lambda row: None if (found := row.get(only)) in nulls else found

    def read(row: Fields) -> str | None:
        filled = parts.copy()
        for n, column in enumerate(columns):
            found = row.get(column)
            if found in nulls:
                return None
            filled[2 * n + 1] = found
        return "".join(filled)

    return read
