"""Paths check: what in a map contradicts itself in how it reads JSON, before a document is read. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ioc.importing.mapping import Map
from ioc.importing.paths import below, many


def wrong(found: Map) -> Iterator[str]:
    """One line a contradiction, each beginning with its TOML key."""
    records = found.input.records
    if records is not None and many(records):
        yield f"input.records: {records!r} names one list, without []"
    for key, _, value in found.placed():
        at = key.partition(".")[0]
        each = [found.event[int(at[6:-1])].each] if at.startswith("event[") else [event.each for event in found.event]
        for column in sorted(value.columns() - value.lists()):
            yield from _bound(key, column, each)
        for column in sorted(value.lists()):
            if not many(column) or any(below(column, one) is not None for one in each):
                yield f"{key}: {column} is one value here; `sum` and `any` are of a list, like {column.partition('[')[0]}[].KEY"
    for n, event in enumerate(found.event):
        key = f"event[{n}]"
        if many(event.each):
            yield f"{key}.each: {event.each!r} names one list, without []; for a list above it write `records` under [input]"
        if event.each and event.once:
            yield f"{key}: each and once do not go together: an element of a list is no row of a case"
        for measure in event.measurements:
            yield from _bound(f"{key}.measurements", measure.column, [event.each])
    if found.case and many(found.case):
        yield f"case: {found.case} names several values; a case is one"


def _bound(key: str, column: str, lists: list[str]) -> Iterator[str]:
    """A value is one: of every element of a list only where the [[event]] is at each of them."""
    for each in lists:
        rest = below(column, each)
        if column == "@item" and not each:
            yield f"{key}: {{@item}} is for an [[event]] with `each`"
        elif many(column if rest is None else rest):
            name = column.partition("[]")[0]
            yield f'{key}: {column} names several values: write each = "{name}" in the [[event]], or {name}[0] for the first'
