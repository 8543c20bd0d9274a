"""Mapped: the portals' own messages over HTTP, made into events by the maps that `ioc import` reads files with.

Of a message only what its map reads goes any further; of one that cannot be read, its length and its SHA-256.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import HTTPException

from ioc.errors import UsageError
from ioc.events.exact_lane import Reject
from ioc.gateway.intake import BATCH_EVENTS, Document
from ioc.importing.documents import documents
from ioc.importing.mapping import Map
from ioc.importing.maps import named, parsed
from ioc.importing.messages import Columns
from ioc.importing.personal import keyed
from ioc.importing.told import blamed
from ioc.importing.translate import Made, Statistics, made_of
from ioc.settings import Settings


class Maps:
    """The maps that messages can be posted to, by name. One that cannot be used says why when it is, and stops no other."""

    def __init__(self, settings: Settings) -> None:
        self.served: dict[str, Map] = {}
        self.wrong: dict[str, str] = {}
        """Why a map cannot be used as it is."""
        self.of_files: dict[str, str] = {}
        """Why a map is for files alone."""
        try:
            known = named(settings.maps_dir)
        except UsageError as error:
            self.wrong[""], known = str(error), named()
        for name, file in sorted(known.items()):
            try:
                found = keyed(parsed(name, file.read_bytes()), settings, name)
            except UsageError as error:
                self.wrong[name] = str(error)
                continue
            if why := for_files(found):
                self.of_files[name] = why
            else:
                self.served[name] = found

    def named(self, name: str) -> Map:
        """The map.  Raises HTTPException 404 with the maps there are, and 503 where it cannot be used."""
        if name in self.served:
            return self.served[name]
        if name in self.wrong:
            raise HTTPException(503, self.wrong[name])
        why = f"map {name} is for files: {self.of_files[name]}" if name in self.of_files else f"no map {name[:100]!r}"
        more = f" ({self.wrong['']})" if "" in self.wrong else ""
        raise HTTPException(404, f"{why}; messages are taken at {', '.join(f'/events/{other}' for other in self.served)}{more}")


def for_files(log_map: Map) -> str:
    """Why a map can only read files; empty where it can read messages."""
    if any(event.once for event in log_map.event):
        return "it takes the first or last row of a case (`once`), and a message is alone"
    if log_map.input.kind:
        return f"it reads {log_map.input.kind} (`kind` in [input]), and a message is JSON"
    if log_map.of_several:
        return "it takes the source of an event from its row, and who sends a message is who may send it"
    read = {column for _, _, value in log_map.placed() for column in value.columns()} & {"@row", "@member"}
    return f"it reads {', '.join(sorted(read))}, and a message is in no file" if read else ""


@dataclass
class Messages:
    """What a body was made into: the events, and the places of its documents that no [[event]] wants."""

    made: list[Made] = field(default_factory=list)
    unwanted: list[int] = field(default_factory=list)
    wrong: Reject | None = None
    """Why there is neither: the body cannot be read."""

    def in_own_words(self, log_map: Map) -> Callable[[int, Any], Any]:
        """A verdict on the n-th event with the field of its message."""

        def words(n: int, outcome: Any) -> Any:
            if not isinstance(outcome, Reject):
                return outcome
            column, message = blamed(log_map, self.made[n], outcome)
            return Reject(outcome.reason, column, message)

        return words

    def told(self, events: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
        """What is told of the events, with the document each comes from, and of what no [[event]] wants; in their order."""
        placed = [{**one, "document": made.row.number - 1} for one, made in zip(events, self.made, strict=True)]
        others = {"id": None, "verdict": "unwanted", "message": unwanted(name)}
        placed += [{**others, "document": place} for place in self.unwanted]
        placed.sort(key=lambda one: one["document"])
        return [{**one, "index": index} for index, one in enumerate(placed)]


def messages(body: bytes, name: str, log_map: Map) -> Messages:
    """The events of a body: a document, an array, or one a line."""
    statistics, found, wanted = Statistics(), Messages(), set[int]()
    rows = Columns(log_map).rows(f"/events/{name}", documents("the body", io.BytesIO(body)), statistics.reading)
    try:
        for made in made_of(rows, log_map, statistics):
            found.made.append(made)
            wanted.add(made.row.number)
            if statistics.events > BATCH_EVENTS:
                return Messages(wrong=Reject("too_large", "", f"more than {BATCH_EVENTS} events; send several messages"))
    except UsageError as error:
        return Messages(wrong=Reject("bad_json", "", str(error).removeprefix("bad_file: ")))
    if statistics.rows > BATCH_EVENTS:
        return Messages(wrong=Reject("too_large", "", f"more than {BATCH_EVENTS} documents; send several messages"))
    found.unwanted = [number - 1 for number in range(1, statistics.rows + 1) if number not in wanted]
    return found


def unwanted(name: str) -> str:
    """What is told of a message of which no event is made."""
    return f"no [[event]] of map {name} wants it; nothing of it is kept"


def unread(body: bytes, log_map: Map, reject: Reject) -> Document:
    """What is kept of a body that cannot be read: nobody can say what in it is personal."""
    kept = {"source": log_map.source, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return orjson.dumps(kept), (), reject
