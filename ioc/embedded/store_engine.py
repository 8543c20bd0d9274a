"""The embedded engine: one chDB folder, a fresh connection for every request."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chdb

from ioc.embedded import store_rules
from ioc.embedded.store_errors import REFUSED, Errors, failed_inserts
from ioc.embedded.store_mend import ROOM, unreadable
from ioc.embedded.store_protocol import Ask, StoreError, summary
from ioc.embedded.store_sql import Statement, identifier, literal
from ioc.errors import ServiceAway

# Settings of every request unless it brings its own, and why.
DEFAULTS = {
    "max_threads": "2",  # one query must not take every core from the workers beside it
    "max_memory_usage": str(2 << 30),  # bytes a query; the engine's own default is no limit
    "async_insert": "0",  # 26.9 defaults to 1; an answered insert must be in the table
    "session_timezone": "UTC",
}
# Settings of the engine, given when it opens. Its caches default to 5 GiB each, more than a workstation has to spare.
ENGINE = {
    "max_server_memory_usage": str(6 << 30),
    "mark_cache_size": str(256 << 20),
    "primary_index_cache_size": str(256 << 20),
    "index_mark_cache_size": str(64 << 20),
}


MOMENT = 15.0
"""Seconds after the disk was seen full in which inserts are still read back."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the engine gave: the bytes in the asked format, and the summary header."""

    body: bytes
    summary: str


class Engine:
    """A chDB folder held open by one handle that never runs a request's query."""

    def __init__(self, path: Path, address: str, handle: Any) -> None:
        self._path, self._address = path, address
        self._tight_until = 0.0
        self._handle = handle
        self._guard = threading.Lock()
        self._failed: int | None = None
        """Inserts that had failed when the last one was done; None: not known."""
        self._give_default()
        row = self._row("SELECT displayName(), version()")
        self.display_name, self.version = row[0], row[1]
        self._errors = Errors(handle)
        self.outside = store_rules.Outside.of(
            self._row("SELECT name FROM system.table_functions"),
            self._row("SELECT name FROM system.functions"),
            self._row("SELECT name FROM system.table_engines UNION ALL SELECT name FROM system.database_engines"),
            self._row("SELECT name FROM system.settings UNION ALL SELECT name FROM system.merge_tree_settings"),
            self._row("SELECT name FROM system.formats"),
        )

    @classmethod
    def open(cls, path: Path) -> Engine:
        """Open the folder; ServiceAway when another process has it open or it cannot be used."""
        address = f"{path.resolve()}?" + "&".join(f"{name}={value}" for name, value in ENGINE.items())
        try:
            return cls(path, address, chdb.connect(address))
        except RuntimeError as error:
            raise ServiceAway(f"the store in {path} cannot be opened: {' '.join(str(error).split())}") from None

    def _row(self, sql: str) -> list[str]:
        text: str = self._handle.query(sql, "TabSeparated").bytes().decode()
        return text.replace("\t", "\n").splitlines()

    def _give_default(self) -> None:
        """Make an empty `default` an ordinary database: chDB's own shows the whole file system as tables."""
        if self._row("SELECT count() FROM system.tables WHERE database = 'default'") == ["0"]:
            self._handle.query("DROP DATABASE IF EXISTS default")
        self._handle.query("CREATE DATABASE IF NOT EXISTS default ENGINE = Atomic")

    def classify(self, sql: bytes) -> tuple[int, bool]:
        """(number of statements, whether it may write), by the engine's own parser; 0 statements: it does not parse."""
        with self._guard:
            found = self._handle._conn.classify_query(sql.decode("utf-8", "replace"))
        return found["statement_count"], found["query_class"].name not in ("READ_ONLY", "UNKNOWN")

    def run(self, ask: Ask, statement: Statement) -> Result:
        """Run one request in a connection of its own; StoreError carries the engine's code and message.

        An insert is acknowledged when it can be read back: the engine does not notice when a full disk takes no small file.
        """
        if statement.verb != "insert":
            return self._run(ask, statement)
        began, tight = time.time(), self._tight()
        answer = self._run(ask, statement)
        if (self._tight() or tight) and (lost := unreadable(self.ask, began)):
            raise StoreError(243, f"the disk is full: {lost[0]} was not written whole, insert it again")
        return answer

    def _tight(self) -> bool:
        """Whether the disk is full, or was a moment ago."""
        if shutil.disk_usage(self._path).free < ROOM:
            self._tight_until = time.monotonic() + MOMENT
        return time.monotonic() < self._tight_until

    def _run(self, ask: Ask, statement: Statement) -> Result:
        try:
            connection = chdb.connect(self._address)
            try:
                connection.query(self._opening(ask, statement))
                if ask.reader:
                    self._only_views(connection, ask)
                if statement.inline:
                    return self._insert(connection, ask.sql, statement)
                result = connection.query(ask.sql, ask.format, params=ask.params)
                return _answer(result)
            finally:
                connection.close()
        except REFUSED as error:
            self._failed = None  # it may have been an insert
            raise self._errors.told(error) from None
        finally:
            if "database" in statement.names and statement.verb in ("drop", "detach", "rename"):
                with self._guard:  # every connection starts in `default`: it must exist even after someone dropped it
                    self._handle.query("CREATE DATABASE IF NOT EXISTS default ENGINE = Atomic")

    def ask(self, sql: str) -> list[list[str]]:
        """The rows of one of our own statements, which are small, as text; StoreError carries the engine's code and message."""
        connection = chdb.connect(self._address)
        try:
            text: str = connection.query(sql, "TabSeparated").bytes().decode()
        except REFUSED as error:
            raise self._errors.told(error) from None
        finally:
            connection.close()
        return [line.split("\t") for line in text.split("\n")[:-1]]

    def _insert(self, connection: Any, sql: bytes, statement: Statement) -> Result:
        """Insert the data behind a statement; StoreError unless all of it is in the table.

        `finish` of chdb 4.4.0 returns well whatever happens while the rows are written (a full disk, too many partitions). The
        engine's own count of failed inserts tells; inserts run one at a time, so it is this one that failed.
        """
        before = self._failed if self._failed is not None else failed_inserts(connection)
        self._failed = None
        try:
            head = sql[: statement.head].decode()
        except UnicodeDecodeError:
            raise StoreError(store_rules.SYNTAX_ERROR, "The statement before FORMAT is no UTF-8") from None
        stream = connection.send_insert(head, statement.format)
        try:
            stream.append(sql[statement.data :])
            done = stream.finish()
        except REFUSED:
            with contextlib.suppress(*REFUSED):  # what went wrong matters, not that it cannot be undone twice
                stream.cancel()
            raise
        after = failed_inserts(connection)
        if after != before:
            raise self._errors.silent(connection)
        self._failed = after
        rows, size = done.rows_written, done.bytes_written
        return Result(b"", summary(rows, size, rows, size, rows, 0, done.elapsed))

    def _only_views(self, connection: Any, ask: Ask) -> None:
        """StoreError unless the statement reads board views alone, and what of `system` readers see, by the engine's parser.

        A name that is no table is let through: it is that of a WITH, or the engine says that there is none.
        """
        tree = connection.query(b"EXPLAIN AST " + ask.sql, "TSVRaw", params=ask.params).bytes().decode(errors="replace")
        try:
            named = [
                n for n in store_rules.tables(tree) if not store_rules.VIEW.fullmatch(n) and not store_rules.SYSTEM.fullmatch(n)
            ]
        except ValueError as error:
            raise StoreError(store_rules.ACCESS_DENIED, f"Not enough privileges: {error}") from None
        for name in named:
            own = f"{ask.database}.{name}"
            if store_rules.VIEW.fullmatch(own) or store_rules.SYSTEM.fullmatch(own):
                continue
            texts = ", ".join(map(literal, (name, own)))
            there = connection.query(f"SELECT count() FROM system.tables WHERE concat(database, '.', name) IN ({texts})", "TSV")
            if int(there.bytes()):
                raise StoreError(
                    store_rules.ACCESS_DENIED, f"Not enough privileges: readers read the board views (v_...), not {name}"
                )

    def _opening(self, ask: Ask, statement: Statement) -> str:
        """USE before SET, since readonly=1 would stand; the log comment carries the mark by which `kill` finds the query."""
        settings = DEFAULTS | ask.settings | {"log_comment": ask.mark}
        if statement.inline:  # an insert stream takes no bound parameters, but the session does
            settings |= {f"param_{name}": value for name, value in ask.params.items()}
        if statement.unread:  # what was not looked through must be plain values
            settings |= {"input_format_values_interpret_expressions": "0"}
        if ask.readonly:
            settings = {"max_execution_time": store_rules.OWNERS_READ} | settings | {"readonly": ask.readonly}
        sets = ", ".join(f"{name} = {literal(value)}" for name, value in settings.items())
        return f"USE {identifier(ask.database)}; SET {sets}"

    def kill(self, mark: str = "") -> None:
        """Cancel the query of one request, or all that run."""
        which = f"Settings['log_comment'] = {literal(mark)}" if mark else "1"
        connection = chdb.connect(self._address)
        try:
            connection.query(f"KILL QUERY WHERE {which} ASYNC")
        finally:
            connection.close()

    def close(self) -> None:
        self._handle.close()


def _answer(result: Any) -> Result:
    body = result.bytes() or b""  # a copy: get_memview() points into freed memory once the result is gone (chdb 4.4.0)
    rows, size = result.rows_written(), result.bytes_written()
    read = (result.storage_rows_read(), result.storage_bytes_read())
    return Result(body, summary(*read, rows, size, rows or result.rows_read(), len(body), result.elapsed()))
