"""Columns: what a value of a map reads from a row, compiled once into plain functions. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ioc.importing.logtimes import Moment, reader
from ioc.importing.mapping import COLUMN, Clock, Map, Measure, Value
from ioc.importing.rows import Reading

Fields = dict[str, str]
"""A row by column."""
Getter = Callable[[Fields], Any]
Nulls = frozenset[str | None]
TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass
class Statistics:
    """What happened on the way, for the user to see; columns are the log's."""

    reading: Reading = field(default_factory=Reading)
    """Where the lines of the files went."""
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
    """Local times that were `ambiguous` or `never was`, by the zone's clock changes."""


def field_reader(value: Value, kind: str, name: str, log_map: Map, nulls: Nulls, statistics: Statistics) -> Getter:
    """The reader of one field of `data`, by the kind the contract gives it."""
    if value.constant is not None:
        return lambda row: value.constant
    if kind == "time":
        moment = time_reader(value, log_map.time, nulls, statistics, name)
        return lambda row: found[1] if isinstance(found := moment(row), tuple) else found
    text = text_reader(value, nulls)
    if value.values is not None:
        return _looked_up(text, value.values, log_map, statistics)
    if kind == "string":
        return text

    def convert(row: Fields) -> Any:
        if (found := text(row)) is None:
            return None
        converted = TRUTH.get(found.lower()) if kind == "boolean" else _number(found, log_map.input.decimal)
        if converted is None:
            statistics.unreadable[name] += 1
            return found
        return int(converted) if kind == "integer" and converted == int(converted) else converted

    return convert


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


def measure_reader(measure: Measure, nulls: Nulls, decimal: str, statistics: Statistics) -> Getter:
    """The reader of one named quantity; null and what lies outside is left out and counted."""
    column, low, high = measure.column, measure.null_below, measure.null_above
    nulls = nulls | {""}

    def read(row: Fields) -> Any:
        text = row.get(column)
        if text is None or text in nulls:
            statistics.nulls[column] += 1
            return None
        value = _number(text, decimal)
        if value is None:
            statistics.unreadable[column] += 1
            return {"name": measure.name, "value": text, "unit": measure.unit}
        if not low <= value <= high:
            statistics.outside[column] += 1
            return None
        return {"name": measure.name, "value": value, "unit": measure.unit}

    return read


def _number(text: str, decimal: str) -> float | None:
    """Python also takes `1_000`, `nan` and `inf` for numbers; a log does not mean them."""
    try:
        value = float(text if decimal == "." else text.replace(decimal, "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def time_reader(
    value: Value, clock: Clock, nulls: Nulls, statistics: Statistics, place: str
) -> Callable[[Fields], Moment | str | None]:
    """The reader of a moment, or of the text that is none. `place`: where it stands in the map, for the statistics."""
    formats = value.format or clock.format
    read = reader([formats] if isinstance(formats, str) else formats, value.zone or clock.zone, statistics.times)
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
