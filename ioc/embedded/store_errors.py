"""Errors: what the engine says when it refuses, and what it counts where it says nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ioc.embedded.store_protocol import StoreError

REFUSED = (RuntimeError, UnicodeDecodeError)
"""How the engine refuses: the second where its message quotes bytes of the statement that are no UTF-8."""
FAILED = "SELECT sum(value) FROM system.events WHERE event = 'FailedInsertQuery'"
ERRORS = "SELECT code, value, last_error_message FROM system.errors ORDER BY last_error_time DESC"


def failed_inserts(connection: Any) -> int:
    """How many inserts have failed since the engine was opened."""
    return int(connection.query(FAILED, "TabSeparated").bytes())


class Errors:
    """The engine's own list of errors, and which of them clients were told."""

    def __init__(self, connection: Any) -> None:
        self._known = _counted(connection)
        self._told = Counter[int]()

    def told(self, refusal: Exception) -> StoreError:
        """What a client is told of a refusal."""
        text = refusal.object.decode(errors="replace") if isinstance(refusal, UnicodeDecodeError) else str(refusal)
        error = StoreError.of(text)
        self._told[error.code] += 1
        return error

    def silent(self, connection: Any) -> StoreError:
        """Why an insert failed that the engine answered well: the newest error counted since we last looked.

        Times are whole seconds: of two errors, the one that nobody was told is taken.
        """
        known, self._known = self._known, _counted(connection)
        told, self._told = self._told, Counter()
        news = [(code, text) for code, (count, text) in self._known.items() if known.get(code, (0, ""))[0] != count]
        news.sort(key=lambda error: told[error[0]] > 0)
        return StoreError(*(news or [(1002, "the engine could not write the rows and does not say why")])[0])


def _counted(connection: Any) -> dict[int, tuple[int, str]]:
    """How often each error occurred since the engine was opened, and its last message; the newest first."""
    lines = connection.query(ERRORS, "TabSeparated").bytes().decode(errors="replace").split("\n")[:-1]
    rows = [line.split("\t", 2) for line in lines]
    return {int(code): (int(count), text) for code, count, text in rows}
