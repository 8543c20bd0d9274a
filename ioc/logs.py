"""Logs: the lines a process writes on stderr: ours and the libraries', without control characters; what repeats is counted."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from ioc.text import visible

AGAIN = 60.0
"""Seconds for which the same is not said again, but counted."""
REMEMBERED = 1_000
"""Texts that are remembered at most: who says ever new things is not silenced."""

Key = tuple[str, int, str]
"""Logger, level and the text before its arguments: a client that tries every 50 ms says the same with another number."""


class Stderr(logging.Handler):
    """Writes a record as one line on whatever stderr is when something is said; one that is full or gone stops nobody."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[Key, tuple[float, str, int]] = {}
        """Since when, the line, and how often it was to be said again; the oldest first."""
        self.setFormatter(logging.Formatter("%(asctime)s [%(levelname)s] %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, or count it where it was said lately; counts whose time is over are told with whatever is said next."""
        now, key = self._clock(), (record.name, record.levelno, str(record.msg))
        while self._said:
            old = next(iter(self._said))
            if now - self._said[old][0] < AGAIN and len(self._said) <= REMEMBERED:
                break
            since, line, more = self._said.pop(old)
            if more:
                self._write(f"{line} ({more} times more in {now - since:.0f} s)")
        if key in self._said:
            since, line, more = self._said[key]
            self._said[key] = since, line, more + 1
            return
        line = self.format(record)
        self._said[key] = now, line.partition("\n")[0], 0
        self._write(line)

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback has several, a text of others never."""
        plain = logging.makeLogRecord(record.__dict__ | {"msg": visible(record.getMessage(), keep=""), "args": ()})
        return visible(super().format(plain))

    def _write(self, line: str) -> None:
        with suppress(OSError):
            print(line, file=sys.stderr, flush=True)


STDERR = Stderr()


def begin() -> None:
    """Let all that is logged in this process go one way; done twice it is done once."""
    logging.root.addHandler(STDERR)
    logging.getLogger("ioc").setLevel(logging.INFO)
    structlog.configure(
        processors=[structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
