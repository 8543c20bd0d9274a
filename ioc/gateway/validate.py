"""Validate: what the centre would say of the events in a file, before anything is sent. Pure but for `render`.

A file holds one event (also over several lines), a JSON array of events, or one event a line; with a map, messages of a portal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic_core import from_json
from rich.table import Table
from rich.text import Text

from ioc.errors import UsageError
from ioc.events import rejects
from ioc.events.exact_lane import Reject, verdict
from ioc.gateway import bodies
from ioc.settings import Settings
from ioc.text import visible
from schemas import contracts


@dataclass(frozen=True)
class Verdict:
    """What is said of one event: where it stands, whether it is accepted, and where it would go or why it is refused."""

    index: int
    """Position among the events, from 0."""
    line: int | None
    """Line of the file where it begins, from 1; None within an array."""
    id: str
    accepted: bool
    topic: str = ""
    key: str = ""
    """What the Kafka key must be: all events of one entity then lie in one partition, however many there are."""
    note: str = ""
    reason: str = ""
    field: str = ""
    message: str = ""


def verdicts(contents: bytes, settings: Settings, now_ms: int) -> list[Verdict]:
    """The verdict on each event of a file, judged as if it were received at `now_ms`.

    >>> [(v.reason, v.message) for v in verdicts(b" ", Settings(), 0)]
    [('bad_json', 'nothing here; an event is a JSON document')]
    """
    return [_judged(index, line, value, settings, now_ms) for index, (line, value) in enumerate(documents(contents))]


def mapped(contents: bytes, name: str, settings: Settings, now_ms: int) -> list[Verdict]:
    """The verdict on each event that a map makes of a portal's messages, as `POST /events/NAME` would give it.

    Raises UsageError for a map that is none, or that hashes without a key.
    """
    from ioc.gateway.mapped import for_files, messages, unwanted
    from ioc.importing.maps import load_map
    from ioc.importing.personal import keyed

    log_map = keyed(load_map(name, settings.maps_dir), settings, name)
    if why := for_files(log_map):
        raise UsageError(f"map {name} is for files: {why}; see `ioc import --check`")
    found = messages(contents, name, log_map)
    if found.wrong:
        return [_judged(0, None, found.wrong, settings, now_ms)]
    words, told = found.in_own_words(log_map), list[tuple[int, Verdict]]()
    for n, made in enumerate(found.made):
        one = _judged(n, made.row.line or None, made.outgoing.value, settings, now_ms)
        if not one.accepted:
            said = words(n, Reject(one.reason, one.field, one.message))
            one = replace(one, field=said.field, message=said.message)
        told.append((made.row.number - 1, one))
    told += [(place, Verdict(0, None, "", True, note=unwanted(name))) for place in found.unwanted]
    told.sort(key=lambda pair: pair[0])
    return [replace(one, index=index) for index, (_, one) in enumerate(told)]


def documents(contents: bytes) -> Iterator[tuple[int | None, bytes | Reject]]:
    """(line, bytes) of each event in a file; a Reject in place of the bytes where the file itself is broken."""
    if not contents.strip():
        yield 1, Reject("bad_json", "", "nothing here; an event is a JSON document")
    elif bodies.is_array(contents) and not _line_by_line(contents):
        cut = bodies.elements(contents)
        yield from [(1, cut)] if isinstance(cut, Reject) else ((None, value) for value in cut)
    elif _line_by_line(contents):
        for number, line in enumerate(contents.split(b"\n"), 1):
            if line.strip():
                yield number, line.removesuffix(b"\r")
    else:
        yield 1 + contents[: len(contents) - len(contents.lstrip())].count(b"\n"), contents


def _line_by_line(contents: bytes) -> bool:
    """Whether it is one event a line: more than one line, and the file is no JSON document but one of its lines is an object."""
    lines = [line for line in contents.split(b"\n") if line.strip()]
    return len(lines) > 1 and not _is_json(contents) and any(line.startswith(b"{") and _is_json(line) for line in lines)


def _is_json(value: bytes) -> bool:
    try:
        from_json(value)
    except ValueError:
        return False
    return True


def _judged(index: int, line: int | None, value: bytes | Reject, settings: Settings, now_ms: int) -> Verdict:
    if isinstance(value, Reject):
        return Verdict(index, line, "", False, reason=value.reason, field=value.field, message=value.message)
    event = verdict(value, (), contracts(), now_ms, settings.first_year, settings.tolerance)
    if isinstance(event, Reject):
        identity = rejects.claims(value, ())[1]
        return Verdict(index, line, identity, False, reason=event.reason, field=event.field, message=event.message)
    if not event.entity_key:
        return Verdict(index, line, event.id, True, "every event topic", note="only the centre sends these; its key is free")
    return Verdict(index, line, event.id, True, event.topic, event.key().decode(), f"key is data.{event.entity_key}")


def as_dicts(judged: Sequence[Verdict]) -> list[dict[str, Any]]:
    """For `--json`: empty columns left out."""
    return [{k: v for k, v in asdict(one).items() if v not in ("", None)} for one in judged]


def render(judged: Sequence[Verdict]) -> Table:
    """The verdicts as a table for rich. Foreign text is plain text: neither `[red]` nor an escape in an id does anything."""
    rejected, unwanted = sum(not one.accepted for one in judged), sum(one.accepted and not one.topic for one in judged)
    title = f"{len(judged) - rejected - unwanted} accepted, {rejected} rejected" + (f", {unwanted} unwanted" if unwanted else "")
    table = Table(title=title, title_justify="left")
    for heading in ("where", "id", "verdict", "topic, key or what is right"):
        table.add_column(heading, overflow="fold")
    for one in judged:
        where = f"line {one.line}" if one.line else f"event {one.index}"
        if one.accepted and not one.topic:
            said = one.note
        elif one.accepted:
            said = f"topic: {one.topic}, key: {one.key} ({one.note})" if one.key else f"topic: {one.topic} ({one.note})"
        else:
            said = one.message if one.message.startswith(one.field) else f"{one.field}: {one.message}"
        good = Text("accepted", style="green") if one.topic else Text("unwanted")
        state = good if one.accepted else Text(one.reason, style="red")
        table.add_row(where, Text(visible(one.id, keep="")), state, Text(visible(said)))
    return table
