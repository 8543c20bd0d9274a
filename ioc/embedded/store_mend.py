"""Mend: merges that were written while the disk was full are undone.

chDB 26.9 does not notice when small files of a part (marks, `columns.txt`) are not written for want of room: the merged part
takes the place of its sources, and whoever reads it gets error 246. The sources stay on the disk for eight minutes, and a table
that is attached anew loads them instead. Inserts may suffer the same: while the disk is full they are read back before they are
acknowledged, and what cannot be read is undone here.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ioc.embedded.store_protocol import StoreError
from ioc.embedded.store_sql import identifier

ROOM = 16 << 20
"""A disk with fewer bytes left is full."""
BEFORE, AFTER = 60, 15
"""Seconds before the trouble was seen, and after it was last seen, in which a part may have been written badly."""
TROUBLES = "SELECT sum(value) FROM system.errors WHERE code = 243 OR last_error_message LIKE '%No space left%'"
PARTS = """SELECT database, table, name FROM system.parts
    WHERE active AND modification_time >= toDateTime({}) AND database != 'system'"""

NEW = """SELECT database, table, name, path FROM system.parts
    WHERE active AND min_block_number = max_block_number AND modification_time >= toDateTime({}) AND database != 'system'"""


def unreadable(ask: Callable[[str], list[list[str]]], since: float) -> list[str]:
    """Parts inserted since then (seconds of the epoch) that cannot be read from the disk, though the engine holds them for well.

    One that is gone was merged: then it has been read. Its small text files are looked at here: CHECK knows not all of them.
    """
    found = []
    for database, table, part, path in ask(NEW.format(int(since) - 1)):
        name = f"{_name(database, table)}, part {part}"
        if _is_broken(ask, database, table, part) or _empty(Path(path)):
            found.append(name)
    return found


def _empty(part: Path) -> bool:
    """Whether a text file of a part is empty; a part that is gone has none."""
    with suppress(FileNotFoundError):
        return any(file.suffix in (".txt", ".json") and not file.stat().st_size for file in part.iterdir())
    return False


def _is_broken(ask: Callable[[str], list[list[str]]], database: str, table: str, part: str) -> bool:
    check = f"CHECK TABLE {_name(database, table)} PART '{part}' SETTINGS check_query_single_value_result = 1"
    try:
        return ask(check) == [["0"]]
    except StoreError:
        return False  # it has been merged into another one, or its table is gone


class Mender:
    """Looks after the parts of a folder. `ask` runs a statement and gives its rows; nobody may write during a `look`."""

    def __init__(self, ask: Callable[[str], list[list[str]]], path: Path) -> None:
        self._ask, self._path = ask, path
        self._troubles = ask(TROUBLES)
        self._first: float | None = None
        self._last = 0.0
        self._well: set[tuple[str, ...]] = set()
        self._detached: list[str] = []

    def look(self) -> list[str]:
        """Undo what is broken among the parts written since the disk was full. Returns what was undone, to be told."""
        for table in self._detached.copy():  # it could not be attached at the last look
            self._attach(table)
        troubles, now = self._ask(TROUBLES), time.time()
        if troubles != self._troubles or shutil.disk_usage(self._path).free < ROOM:
            self._troubles, self._last = troubles, now
            self._first = self._first or now
        if self._first is None:
            return []
        broken = [
            (_name(database, table), part) for database, table, part in self._written() if self._is_bad(database, table, part)
        ]
        for table in dict(broken):
            self._detached.append(table)  # before: a DETACH that fails may have been done
            self._ask(f"DETACH TABLE {table} SYNC")
            self._attach(table)
        if now > self._last + AFTER:
            self._first = None
            self._well.clear()
        return [f"{table}: part {part} was written badly when the disk was full, and is undone" for table, part in broken]

    def _attach(self, table: str) -> None:
        self._ask(f"ATTACH TABLE IF NOT EXISTS {table}")
        self._detached.remove(table)

    def _written(self) -> list[tuple[str, ...]]:
        assert self._first is not None
        parts = map(tuple, self._ask(PARTS.format(int(self._first) - BEFORE)))
        return [part for part in parts if part not in self._well]

    def _is_bad(self, database: str, table: str, part: str) -> bool:
        broken = _is_broken(self._ask, database, table, part)
        if not broken:
            self._well.add((database, table, part))
        return broken


def _name(database: str, table: str) -> str:
    return f"{identifier(database)}.{identifier(table)}"
