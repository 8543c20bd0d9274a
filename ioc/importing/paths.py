"""Paths: what a column of a map names within a JSON document. Pure.

`MaHoSo` is a key, `A.B` a key within an object, `L[0].K` of the first element of a list, `L[].K` of each of its elements, and
`/K` a key at the top of the document, where `records` names the list whose elements are the rows. A key that is written as the
whole column is, dots and brackets among it, comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from ioc.text import nfc

Step = str | int | None
"""A key, the place of an element, or None for every element."""
_PART = re.compile(r"(.*?)((?:\[[0-9]*\])*)", re.DOTALL)
_HALF = re.compile("[\ud800-\udfff]")
TOP = "/"
EVERY = "[]"


@cache
def steps(column: str) -> tuple[Step, ...]:
    """The way to a column; every text is one.

    >>> steps("A.L[].K"), steps("L[0]"), steps("/service"), steps("Diện tích [m2]")
    (('A', 'L', None, 'K'), ('L', 0), ('service',), ('Diện tích [m2]',))
    """
    found: list[Step] = []
    for part in column.removeprefix(TOP).split("."):
        match = _PART.fullmatch(part)
        assert match is not None
        found.append(match[1])
        found += [int(place) if place else None for place in match[2][1:-1].split("][")] if match[2] else []
    return tuple(found)


def many(column: str) -> bool:
    """Whether a column may name several values of one document."""
    return EVERY in column


def below(column: str, each: str) -> str | None:
    """What a column names within an element of the list `each`; None where it is no part of one.

    >>> below("L[].A.B", "L"), below("L[0].A", "L"), below("L[]", "L")
    ('A.B', None, '')
    """
    if not each or not column.startswith(f"{each}{EVERY}"):
        return None
    rest = column[len(each) + len(EVERY) :]
    return rest.removeprefix(".") if not rest or rest[0] == "." else None


def values(node: Any, column: str) -> Iterator[Any]:
    """The values of a column; at most one unless it names every element of a list."""
    if isinstance(node, dict) and column in node:
        yield node[column]
    else:
        yield from _walk(node, steps(column)) if column else (node,)


def _walk(node: Any, way: tuple[Step, ...]) -> Iterator[Any]:
    for n, step in enumerate(way):
        if isinstance(step, str):
            if not isinstance(node, dict) or step not in node:
                return
            node = node[step]
        elif not isinstance(node, list):
            return
        elif step is None:
            for element in node:
                yield from _walk(element, way[n + 1 :])
            return
        elif step < len(node):
            node = node[step]
        else:
            return
    yield node


def text(value: Any, trim: bool) -> str | None:
    """A value as the text of a cell. Of an object or a list, which no field takes, no content is repeated.

    >>> text(True, True), text(" a ", True), text(None, True), text({"a": 1}, True)
    ('true', 'a', None, '{...}')
    """
    if isinstance(value, str):
        found = nfc(value if value.isascii() else _HALF.sub("\ufffd", value))
        return found.strip() if trim else found
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "{...}" if isinstance(value, dict) else "[...]"
