"""Statements: a TOML text taken apart with the line of each key, so that a fault can name its line. Pure.

`tomllib` tells no lines of what it has read. But a statement of TOML ends where a line ends, and one that is cut off before its
end never parses. So the shortest run of lines that parses by itself is one statement, whatever it holds.

>>> [(s.line, s.value) for s in statements('a = [\\n  1,\\n]\\n\\n# b\\n[c]\\n"d.e" = "f"\\n')]
[(1, {'a': [1]}), (6, {'c': {}}), (7, {'d.e': 'f'})]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """What is wrong in a file: its line, and what is right."""

    line: int
    reason: str


class Statement(NamedTuple):
    """A statement of a TOML text as `tomllib` reads it alone. `header`: it is a `[name]` or `[[name]]`."""

    line: int
    value: dict[str, Any]
    header: bool


class Table:
    """A table of the file: its header's line, and its keys with value and line."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.values: dict[str, Any] = {}
        self.lines: dict[str, int] = {}


class NotToml(ValueError):
    """A text that TOML does not allow."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


def statements(text: str) -> Iterator[Statement]:
    """All statements, in order.  Raises NotToml with the line of the first that is none."""
    lines, begin = text.split("\n"), 0
    for end in range(1, len(lines) + 1):
        try:
            found = tomllib.loads("\n".join(lines[begin:end]) + "\n")
        except tomllib.TOMLDecodeError:
            continue
        if found:
            yield Statement(begin + 1, found, lines[begin].lstrip().startswith("["))
        begin = end
    if begin < len(lines):
        raise NotToml(Fault(begin + 1, _why("\n".join(lines[begin:]), begin)))


def _why(rest: str, before: int) -> str:
    """What `tomllib` says of a text that begins after `before` lines; where it stands, if not in the first line."""
    try:
        tomllib.loads(rest)
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        deeper = f", in line {before + int(line[1])}" if line and line[1] != "1" else ""
        return f"this is not TOML ({said}{deeper}); texts, times and stretches of days stand in quotes"
    raise AssertionError("a rest that parses is a statement")


def tables(text: str) -> tuple[dict[str, list[Table]], list[Fault]]:
    """The tables of a text by their names ("" is what stands before the first header), and what stands there twice.

    Raises NotToml.
    """
    here = Table(1)
    found, faults = {"": [here]}, []
    for line, value, header in statements(text):
        ((key, inner),) = value.items()
        if header:
            here = Table(line)
            found.setdefault(key, []).append(here)
            if inner not in ({}, [{}]):
                faults.append(Fault(line, f"[{key}] has no tables of its own; a header is [name] or [[name]]"))
            elif inner == {} and len(found[key]) > 1:
                faults.append(Fault(line, f"[{key}] stands twice, first in line {found[key][0].line}; write it once"))
        elif key in here.values:
            faults.append(Fault(line, f"{key} stands twice, first in line {here.lines[key]}; write it once"))
        else:
            here.values[key], here.lines[key] = inner, line
    return found, faults
