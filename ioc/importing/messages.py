"""Messages: rows of JSON documents: the columns a map names, and no other; what is not named is nowhere kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ioc.importing.documents import Document
from ioc.importing.mapping import EventMap, Map
from ioc.importing.paths import TOP, below, many, text, values
from ioc.importing.personal import hasher
from ioc.importing.rows import Fields, Reading, Row

_KINDS = {dict: "an object", list: "a list", str: "a text or a number", bool: "true or false", type(None): "null"}


class Item(NamedTuple):
    """What one event is made of: the fields, and the place of the element of a list it comes from, from 0."""

    fields: Fields
    place: int | None = None


class Columns:
    """Reads the columns of a map from documents."""

    def __init__(self, log_map: Map) -> None:
        self._map = log_map
        read = {column for event in log_map.event for column in event.when if below(column, event.each) is None}
        read |= {column for _, _, value in log_map.placed() for column in value.lists()}
        self._columns = sorted(column for column in log_map.columns() if not many(column) or column in read)
        self._hashed, self._hash = frozenset(log_map.personal.hmac), hasher(log_map.personal)
        self._nulls = frozenset({None, *log_map.input.null})
        self._of = {
            event.each: [(c, rest) for c in log_map.columns() if (rest := below(c, event.each)) is not None]
            for event in log_map.event
            if event.each
        }

    def rows(self, member: str, documents: Iterable[Document], reading: Reading) -> Iterator[Row]:
        """A row for each document, or for each element of its `records`."""
        number, unseen = 0, set(self._columns)
        for line, document, trouble in documents:
            for element, why in [(None, trouble)] if trouble else self._records(document, line):
                number += 1
                reading.rows += 1
                fields = {} if why else self._fields(element, document)
                unseen.difference_update(fields)
                fields |= {"@member": member, "@row": str(number)}
                yield Row(member, number, fields, why, line=line, document=element)
        if unseen and number and not self._map.input.kind:  # a file is one document: it need not have all there is
            reading.notes.append(f"{member}: no document has a value in {', '.join(sorted(unseen))}")

    def items(self, event: EventMap, row: Row) -> Iterator[Item]:
        """What an [[event]] is made of: the row, or each element of its list.

        What stands in the place of the list and is none counts as one element without anything in it: it becomes a reject.
        """
        if not event.each:
            yield Item(row.fields)
            return
        found = next(values(row.document, event.each), None)
        if found is None or found in ("", {}):
            return
        for place, element in enumerate(found if isinstance(found, list) else [None]):
            own = {c: self._text(c, next(values(element, rest), None)) for c, rest in self._of[event.each]}
            fields = row.fields | {c: t for c, t in own.items() if t is not None} | {"@item": str(place + 1)}
            for column, one in own.items():
                if one is None:
                    fields.pop(column, None)  # what all elements say of it is not this one's
            yield Item(fields, place)

    def _records(self, document: Any, line: int) -> Iterator[tuple[Any, str]]:
        listed: Any = [document]
        if (name := self._map.input.records) is not None:
            listed = next(values(document, name), None)
            if not isinstance(listed, list):
                yield None, f"the document of line {line} has no list {name} (`records` in [input] of the map)"
                return
        for place, element in enumerate(listed):
            if isinstance(element, dict):
                yield element, ""
            else:
                where = f"{name}[{place}]" if name is not None else f"what stands in line {line}"
                yield None, f"{where} is {_KINDS.get(type(element), 'no object')}; a document is a JSON object"

    def _fields(self, element: Any, top: Any) -> Fields:
        fields: Fields = {}
        for column in self._columns:
            found = (self._text(column, v) for v in values(top if column.startswith(TOP) else element, column))
            if many(column):
                fields[column] = [one for one in found if one is not None]
            elif (one := next(found, None)) is not None:
                fields[column] = one
        return fields

    def _text(self, column: str, value: Any) -> str | None:
        found = text(value, self._map.input.trim)
        if found in self._map.input.null_in.get(column, ()):
            return None
        return self._hash(found) if column in self._hashed and found not in self._nulls and found is not None else found
