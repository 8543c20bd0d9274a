"""Spoiled ids: texts in id columns that a spreadsheet has rewritten, so that several become one or one becomes several. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ioc.importing.mapping import OWN, Map
from ioc.importing.paths import many
from schemas import contracts

SHOWN = 3
"""Examples named of each kind."""
_KINDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[0-9]([.,][0-9]+)?E\+[0-9]+"), "shortened to a power of ten; different ids may have become one"),
    (re.compile(r"[0-9]+[.,]0+"), "a whole number with decimals; the same id without them is another one"),
    (re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|#+)"), "an error of a spreadsheet, and no id"),
)
_LONG = re.compile(r"[0-9]{15}([0-9]+)")
_CUT = "15 digits and then only noughts, as every long one of the column; a spreadsheet keeps no more digits"
_MANY = 3
"""So many long numbers of a column must end in noughts, and all of them, to be no accident."""


class Spoiled:
    """Looks at the id columns of a map row by row."""

    def __init__(self, columns: set[str]) -> None:
        self._columns = sorted(columns)
        self._found: dict[tuple[str, str], dict[str, None]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._whole: set[str] = set()

    def look(self, fields: Mapping[str, str]) -> None:
        """One row."""
        for column in self._columns:
            text = fields.get(column, "")
            if not text or not (text[0].isdigit() or text[0] == "#"):
                continue
            if long := _LONG.fullmatch(text):
                if long[1].strip("0"):
                    self._whole.add(column)
                else:
                    self._add(column, _CUT, text)
                continue
            for pattern, what in _KINDS:
                if pattern.fullmatch(text):
                    self._add(column, what, text)

    def _add(self, column: str, what: str, text: str) -> None:
        self._counts[column, what] = self._counts.get((column, what), 0) + 1
        examples = self._found.setdefault((column, what), {})
        if len(examples) < SHOWN:
            examples[text] = None

    def lines(self) -> list[str]:
        """A line a kind and column, with the first texts of it."""
        return [
            f"column {column}: {', '.join(examples)} ({self._counts[column, what]:,} rows): {what}; "
            "save the log again with this column as text"
            for (column, what), examples in self._found.items()
            if what != _CUT or (column not in self._whole and len(examples) >= _MANY)
        ]


def id_columns(log_map: Map) -> set[str]:
    """The columns that identify events and what they are about."""
    found = {log_map.case} if log_map.case else set()
    for event in log_map.event:
        found |= event.id.columns()
        if entity := log_map.fields(event).get(contracts()[log_map.typed(event)].entity_key):
            found |= entity.columns()
    return {column for column in found - OWN if not many(column)}
