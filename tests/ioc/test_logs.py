"""Logs: a line is a line, whatever stands in it, and what repeats is said once and then counted."""

from __future__ import annotations

import logging

import pytest
import structlog

from ioc import logs
from ioc.logs import AGAIN, REMEMBERED, STDERR, Stderr


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def log(clock: list[float]) -> logging.Logger:
    """A logger of its own, whose clock is the test's."""
    found = logging.Logger("client")
    found.addHandler(Stderr(lambda: clock[0]))
    return found


def test_what_repeats_is_said_once_and_then_as_a_count(
    log: logging.Logger, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(500):
        log.error("no connection to node %d", number)
    log.error("another thing")
    said = capsys.readouterr().err.splitlines()
    assert [line.partition("] ")[2] for line in said] == ["no connection to node 0", "another thing"]
    clock[0] = AGAIN
    log.error("well again")
    said = capsys.readouterr().err.splitlines()
    assert [line.partition("] ")[2] for line in said] == ["no connection to node 0 (499 times more in 60 s)", "well again"]


def test_what_was_said_is_remembered_in_bounded_memory(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2 * REMEMBERED):
        log.error(f"thing {number}")
    assert len(capsys.readouterr().err.splitlines()) == 2 * REMEMBERED
    handler = log.handlers[0]
    assert isinstance(handler, Stderr)
    assert len(handler._said) <= REMEMBERED + 1


def test_no_text_of_others_orders_the_terminal_about_or_begins_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    root, level = logging.root.handlers[:], logging.getLogger("ioc").level
    try:
        logs.begin()
        structlog.get_logger("ioc.test").warning("no\x1b[2J clean\u202e text", source="a\x9b1m\n2026 forged", rows=["\x1b"])
        try:
            raise ValueError("\x1b]0;title\x07")
        except ValueError:
            logging.getLogger("ioc.test").exception("of %s", "\u2028me")
    finally:
        logging.root.handlers[:] = root
        logging.getLogger("ioc").setLevel(level)
        structlog.reset_defaults()
        STDERR._said.clear()
    said = capsys.readouterr().err
    assert "\\u001b[2J" in said
    assert "\\u202e" in said
    assert "of \\u2028me\nTraceback" in said
    assert said.splitlines()[-1] == "ValueError: \\u001b]0;title\\u0007"
    assert not any(letter in said for letter in "\x1b\x9b\x07\u202e\u2028")
    assert not any(line.startswith("2026 forged") for line in said.split("\n"))
