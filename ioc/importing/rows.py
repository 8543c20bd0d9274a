"""Rows: what a reader of logs gives: a row by column, where it stood in its file, and what became of all lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ioc.errors import UsageError
from ioc.importing.mapping import Input

Fields = dict[str, Any]
"""A row by column: texts; of a column that names every element of a list (`[]`) the texts of all."""
LONGEST = 1 << 20
"""Letters of a row or an event: a thousand times what real logs have; of a longer one no more is read."""


class Row(NamedTuple):
    """A row of a log. `fields` are by column, @member and @row among them; `trouble` says why there are no others.

    `line` is the line of the file at which the row begins, from 1 (of a zip: of the member); `document` is JSON it was read from.
    """

    member: str
    number: int
    fields: Fields
    trouble: str = ""
    cells: Sequence[str] = ()
    line: int = 0
    document: Any = None


@dataclass
class Reading:
    """Where the lines of the CSV files went: lines = above + blank + rows + within. (XES has no lines: rows are events.)"""

    lines: int = 0
    rows: int = 0
    above: int = 0
    """The header and what stands above it."""
    blank: int = 0
    """Lines without a word in any cell."""
    within: int = 0
    """Further lines of rows that reach over several."""
    notes: list[str] = field(default_factory=list)
    """What was not in the map and found out, for the user to see."""


def keep(fields: Fields, member: str, number: int, given: Input) -> Fields:
    """The fields of a row as the map wants them: without what is null in their column, with @member and @row."""
    for name, words in given.null_in.items():
        if fields.get(name) in words:
            del fields[name]
    fields["@member"], fields["@row"] = member, str(number)
    return fields


def require(member: str, wanted: set[str], there: Iterable[str], more: str = "") -> None:
    """Raises UsageError where a column is missing, with those there are."""
    if missing := sorted(wanted - set(there)):
        raise UsageError(f"bad_file: {member} has no column {', '.join(missing)}; it has {', '.join(there)}{more}")
