"""The store reads statements as the engine does, and no text makes it slow."""

from __future__ import annotations

import random
import time

import pytest

from ioc.embedded import store_sql

MANY = 300_000
HOSTILE = {
    "an unclosed quote": b"SELECT count() FROM v_units WHERE name = 'So Xay dung tinh Thanh Hoa, phong mot cua" + b" a" * MANY,
    "an unclosed quote of escapes": b"SELECT '" + b"\\'" * MANY,
    "an unclosed quote of pairs": b"SELECT '" + b"''" * MANY,
    "an unclosed name": b'SELECT "' + b'\\"' * MANY,
    "an unclosed name in backticks": b"SELECT `" + b"\\`" * MANY,
    "typographic quotes": b"SELECT " + "‘“".encode() * (MANY // 3),
    "an unclosed comment": b"SELECT 1 " + b"/* /" * MANY,
    "many unclosed here documents": b"SELECT " + b" ".join(b"$a%d$" % i for i in range(50_000)),
    "dollars": b"SELECT " + b"$" * MANY,
    "a text that ends in a backslash": b"SELECT '" + b"a" * MANY + b"\\",
    "blanks": b"SELECT" + b" \n" * MANY + b"x",
    "a long word": b"SELECT " + b"a" * MANY,
}


@pytest.mark.parametrize("sql", HOSTILE.values(), ids=HOSTILE)
def test_no_text_takes_long_to_read(sql: bytes) -> None:
    began = time.process_time()
    store_sql.read(sql)
    assert time.process_time() - began < 2


def test_the_data_of_an_insert_are_not_looked_at() -> None:
    """A third of the store's time went into dollars that were bytes of numbers and texts."""
    data = random.Random(1).randbytes(50_000_000)
    began = time.process_time()
    found = store_sql.read(b"INSERT INTO events (a) FORMAT Arrow\n" + data)
    assert time.process_time() - began < 0.1
    assert (found.format, found.inline, found.data) == ("Arrow", True, 36)


def test_what_is_not_closed_hides_nothing_that_the_engine_would_run() -> None:
    assert store_sql.read(b"SELECT 1 AS $a$, file('x')").calls == {"file"}, "no second $a$: a word"
    assert store_sql.read(b"SELECT $a$, file('x') $a$").calls == frozenset(), "a here document"
    assert store_sql.read(b"SELECT $a$ $b$ $a$, file($b$x$b$)").calls == {"file"}
    assert store_sql.read(b"SELECT 'it''s \\' (', f('a')").calls == {"f"}
    assert store_sql.read(b"SELECT 'f(").calls == frozenset(), "the engine does not run it"
