"""Told: what is wrong with the events of a log, in the words of its files: the line, the text, and what it was held against.

A reject speaks of the contract, as the one who gets it sees the event alone. Who imports a log sees a file and a map.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made_by
from pathlib import Path
from typing import Any

import orjson

from ioc.events.exact_lane import Reject, verdict
from ioc.importing.columns import Nulls, Statistics, text_reader
from ioc.importing.mapping import COLUMN, EventMap, Map, Value
from ioc.importing.mapping_check import kinds
from ioc.importing.paths import EVERY
from ioc.importing.rows import Fields
from ioc.importing.shift import shifted
from ioc.importing.sources import read_rows
from ioc.importing.translate import Made, made_of
from ioc.settings import Settings
from schemas import contracts
from schemas.envelope import TIMESTAMP

FIRST = 3
"""Faults of a kind that are told."""
_CUT = 200
"""Characters of a cell that are repeated."""
_SEQUENCE = re.compile(rb',"sequence":"[0-9]+"\}$')
_TIMESTAMP = re.compile(TIMESTAMP)


@dataclass(frozen=True)
class Fault:
    """A refused event: where its row begins, and what is wrong. `line` is 0 where a file has no lines; `file` is empty where the
    row was not found again."""

    file: str
    row: int
    line: int
    message: str

    def where(self) -> str:
        """The place for people."""
        return f"{self.file}, line {self.line}" if self.line else f"{self.file}, row {self.row}" if self.file else "?"


@dataclass
class Refused:
    """The refused events of one reason and field: how many, and the first of them."""

    reason: str
    field: str
    count: int = 0
    first: list[Fault] = made_by(default_factory=list)


@dataclass
class Checked:
    """What an import would send. `first`: (place, event) of the first rows; nothing need be wrong with them."""

    first: list[tuple[Fault, Any]] = made_by(default_factory=list)
    refused: list[Refused] = made_by(default_factory=list)
    statistics: Statistics = made_by(default_factory=Statistics)

    @property
    def rejected(self) -> int:
        """How many events would be rejected."""
        return sum(kind.count for kind in self.refused)


def check(files: Sequence[Path], log_map: Map, settings: Settings, now_ms: int) -> Checked:
    """Read the files as an import would, and judge every event by itself as if it were received now; nothing is sent.

    Raises UsageError (`bad_file`).
    """
    found, kinds_of = Checked(), dict[tuple[str, str], Refused]()
    for made in made_of(read_rows(files, log_map), log_map, found.statistics):
        if found.statistics.rows <= FIRST:
            found.first.append((_fault(made, ""), _document(made)))
        event = verdict(made.outgoing.value, (), contracts(), now_ms, settings.first_year, settings.tolerance)
        if isinstance(event, Reject):
            kind = kinds_of.setdefault((event.reason, event.field), Refused(event.reason, event.field))
            kind.count += 1
            if len(kind.first) < FIRST:
                kind.first.append(_fault(made, said(log_map, made, event)))
    found.refused = sorted(kinds_of.values(), key=lambda kind: -kind.count)
    return found


def faults(files: Sequence[Path], log_map: Map, rejects: Mapping[bytes, Reject], shift_ms: int = 0) -> dict[bytes, Fault]:
    """The faults of rejected events, by what was sent of them. The files are read again, up to the last of the rows."""
    wanted = {_SEQUENCE.sub(b"}", value): value for value in rejects}
    found: dict[bytes, Fault] = {}
    for made in _again(files, log_map) if wanted else ():
        outgoing = shifted(made.outgoing, shift_ms) if shift_ms else made.outgoing
        if (value := wanted.pop(outgoing.value, None)) is not None:
            found[value] = _fault(made, said(log_map, made, rejects[value]))
            if not wanted:
                break
    return found


def _again(files: Sequence[Path], log_map: Map) -> Iterator[Made]:
    return made_of(read_rows(files, log_map), log_map, Statistics())


def _fault(made: Made, message: str) -> Fault:
    return Fault(made.row.member, made.row.number, made.row.line, message)


def _document(made: Made) -> Any:
    try:
        return orjson.loads(made.outgoing.value)
    except ValueError:  # cut off: too large in any case
        return {}


# ---- one event


def said(log_map: Map, made: Made, reject: Reject) -> str:
    """What is wrong with an event, by the text in the file and what the map says of it."""
    return blamed(log_map, made, reject)[1]


def blamed(log_map: Map, made: Made, reject: Reject) -> tuple[str, str]:
    """The column at fault, or else the field, and what is wrong, by the text that was read and what the map says of it."""
    if made.event is None:
        return "", made.row.trouble
    document = _document(made)
    found = _measured(log_map, made.event, document, reject.field) or _stated(log_map, made.event, document, reject.field)
    if found is None:
        return reject.field, reject.message
    value, kind, given = found
    fields, nulls = made.row.fields, frozenset({None, *log_map.input.null})
    if value.lists():
        (name,) = value.lists()
        wrong = _unread(log_map, value, kind, given)
        return name, f"{name} `{given[:_CUT]}` {wrong}" if wrong else f"{name}: {reject.message}"
    columns = _columns(value, fields, nulls)
    if not columns:
        return reject.field, reject.message
    text = text_reader(value, nulls)(fields)
    if text is None:  # those that are empty; of several that may stand in for each other, all are
        columns = [column for column in columns if fields.get(column) in nulls]
    name = "+".join(columns)
    if made.item is not None:
        name = name.replace(f"{made.event.each}{EVERY}", f"{made.event.each}[{made.item}]")
    if text is None:
        return name, f"{name} is empty: {reject.message}"
    shown = f"{name} `{text[:_CUT]}`"
    wrong = _unread(log_map, value, kind, given)
    return name, f"{shown} {wrong}" if wrong else f"{shown}: {reject.message}"


def _columns(value: Value, fields: Fields, nulls: Nulls) -> list[str]:
    """The columns of a value: of several texts of which the first counts, those of that one."""
    listed = [list(dict.fromkeys(COLUMN.findall(text))) for text in value.texts()]
    if not value.join:
        taken = [columns for columns in listed if columns and all(fields.get(name) not in nulls for name in columns)]
        listed = taken[:1] or listed
    return list(dict.fromkeys(name for columns in listed for name in columns))


def _stated(log_map: Map, event: EventMap, document: Any, place: str) -> tuple[Value, str, Any] | None:
    """(value of the map, kind, what it gave) for an attribute, or a field of `data`."""
    if place in ("id", "time", "sequence"):
        value = getattr(event, place)
        return None if value is None else (value, "time" if place == "time" else "string", document.get(place))
    name = place.removeprefix("data.").partition(".")[0]
    value = log_map.fields(event).get(name) if place.startswith("data.") else None
    if value is None:
        return None
    return value, kinds(contracts()[log_map.typed(event)]).get(name, ""), document.get("data", {}).get(name)


def _measured(log_map: Map, event: EventMap, document: Any, place: str) -> tuple[Value, str, Any] | None:
    """The same for a named quantity."""
    limits = contracts()[log_map.typed(event)].limits
    parts = place.split(".")
    if (
        not event.measurements
        or limits is None
        or parts[:2] != ["data", limits.field]
        or len(parts) < 3
        or not parts[2].isdigit()
    ):
        return None
    item = document["data"][limits.field][int(parts[2])]
    column = next(measure.column for measure in event.measurements if measure.name == item["name"])
    return Value(column=column), "number", item["value"]


def _unread(log_map: Map, value: Value, kind: str, given: Any) -> str:
    """What a text was held against in vain; empty where it could be read."""
    if kind == "time" and not (isinstance(given, str) and _TIMESTAMP.fullmatch(given)):
        formats = value.format or log_map.time.format
        expected = " or ".join(f"`{text}`" for text in ([formats] if isinstance(formats, str) else formats))
        zone = "" if value.zone or log_map.time.zone else " with an offset (the map has no `zone`)"
        return f"does not match {expected}{zone}"
    if value.values is not None and isinstance(given, dict):
        return f"is not in [values.{value.values}], which has {', '.join(map(repr, log_map.values[value.values]))}"
    if kind in ("number", "integer") and isinstance(given, str):
        return f'is no number (`decimal = "{log_map.input.decimal}"`)'
    return "is neither true nor false" if kind == "boolean" and isinstance(given, str) else ""


# ---- what happened on the way


TIMES = (
    "times (ambiguous at a change of clocks: the first is taken; never was: moved forward; day without a time: its begin, "
    "of `due_at` its end, unless the map says another)"
)


def notes(statistics: Statistics) -> dict[str, dict[str, int]]:
    """What was left out, could not be read, or was read in a way to be told, by column or place in the map; without zeros."""
    found: Iterable[tuple[str, Mapping[str, int]]] = (
        ("left out, as the column is null", statistics.nulls),
        ("left out, as beyond null_below or null_above", statistics.outside),
        ("could not be read", statistics.unreadable),
        (TIMES, statistics.times),
    )
    return {title: dict(sorted(counts.items())) for title, counts in found if counts}
