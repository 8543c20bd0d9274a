"""SQL as the embedded store reads it: one statement's verb, format, inline data and what it calls. Pure.

The engine's own parser decides whether a statement writes (`classify_query`) and which tables it names (EXPLAIN AST); this file
only finds what they do not say: where the data of an INSERT begin, and which functions, engines, formats and settings are named.
The tokens are those of ClickHouse's Lexer.cpp, so nothing hides in a comment, a string, a heredoc or behind quotes, and nothing
inside them is taken for code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Possessive, and what is not closed takes the rest: no text makes a pattern go back. Here documents are looked up, not matched.
_TOKEN = re.compile(
    rb"""
      (?P<space>  \s++ | --[^\n]*+ | \#[ !][^\n]*+ | /\*.*?(?:\*/|\Z) )
    | (?P<text>   '(?:[^'\\]++|\\.|'')*+(?:'|\Z|\\\Z) | \xe2\x80\x98.*?(?:\xe2\x80\x99|\Z) )
    | (?P<quoted> "(?:[^"\\]++|\\.|"")*+(?:"|\Z|\\\Z) | `(?:[^`\\]++|\\.|``)*+(?:`|\Z|\\\Z) | \xe2\x80\x9c.*?(?:\xe2\x80\x9d|\Z) )
    | (?P<word>   [A-Za-z0-9_$]++ )
    | (?P<sign>   . )
    """,
    re.VERBOSE | re.DOTALL,
)
_HEREDOC = re.compile(rb"(?=(\$\w*+\$))")
_BLANK = re.compile(rb"[ \t\f]*\r?\n?")  # what ClickHouse skips between the format's name and the data

_DOLLAR = ord("$")
_OPEN, _CLOSE, _ODD = (b"(", b"[", b"{"), (b")", b"]", b"}"), {"/", "\\", *map(chr, range(32))}

LONG_VALUES = 1 << 20
"""Bytes of VALUES that are looked through for what they call; more are taken as plain values."""
_CREATES = ("create", "attach", "replace")
_BETWEEN = ("or", "replace", "if", "not", "exists", "materialized", "live", "window", "temporary")  # CREATE ... TABLE


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `sql[data:]` are the data of an INSERT; where `inline`, `sql[:head]` is the INSERT without its FORMAT.

    `names`: all words and quoted names in lower case, but for qualified ones (`t.file`); `calls`: those with a parenthesis after
    them, qualified or not; `odd_name`: a quoted name with a slash, a backslash or a control character. `formats`: all names
    behind FORMAT, wherever; `engines`: those behind ENGINE; `created`: table, view, ..., behind CREATE or ATTACH; `unread`:
    long VALUES that were not looked through.
    """

    verb: str
    format: str
    inline: bool
    head: int
    data: int
    names: frozenset[str]
    calls: frozenset[str]
    odd_name: str
    formats: frozenset[str]
    engines: frozenset[str]
    created: str
    temporary: bool
    unread: bool


_TOGETHER = ("outfile", "infile", "with")
"""Words that say something with the one before them."""


def read(sql: bytes) -> Statement:
    """Read one statement. Of the data of an INSERT only VALUES are looked through, which may hold expressions, if short."""
    verb = fmt = odd = created = ""
    inline, head, data = False, 0, len(sql)
    found: dict[str, set[str]] = {kind: set() for kind in ("names", "calls", "format", "engine")}
    depth, before = 0, ""  # before: the name or the dot in front of this token
    selects = fresh = behind = temporary = unread = False  # behind: the data have begun
    for kind, token, start, end in _tokens(sql):
        if kind == "space":
            continue
        if fresh and token.lower() not in (b";", b"settings"):
            fmt = ""  # it was a column or an alias of that name: a format stands at the end
        fresh = False
        if kind not in ("word", "quoted"):
            if token == b"(":
                found["calls"].add(before)
            depth += (token in _OPEN) - (token in _CLOSE)
            before = "." if token == b"." else before if (before, token) == ("engine", b"=") else ""
            continue
        name = (token if kind == "word" else _unquote(token)).decode("utf-8", "replace").lower()
        if before != ".":
            found["names"] |= {name, f"{before} {name}"} if name in _TOGETHER or before == "system" else {name}
        if before in ("format", "engine"):
            found[before].add(name)
        if kind == "quoted" and set(name) & _ODD:
            odd = odd if "\\" in odd else name
        if verb in _CREATES and not created:
            created, temporary = name if name not in _BETWEEN else "", temporary or name == "temporary"
        verb = verb or name
        selects = selects or (depth == 0 and name in ("select", "with"))
        inserts = verb == "insert" and depth == 0 and not selects and not behind
        if before == "format" and depth == 0 and not behind:
            fmt, inline, fresh = name if kind == "quoted" else token.decode(), inserts, True
        elif name == "format" and not behind:
            head = start
        if (inline or (inserts and name == "values")) and not behind:
            data, behind, fresh = end, True, False
            unread = name == "values" and len(sql) - end > LONG_VALUES
            if unread or name != "values":
                break
        before = name
    if inline:
        data += len(_BLANK.match(sql, data)[0])  # type: ignore[index]
    names, calls, formats, engines = (frozenset(names) for names in found.values())
    return Statement(verb, fmt, inline, head, data, names, calls, odd, formats, engines, created, temporary, unread)


def _tokens(sql: bytes) -> Iterator[tuple[str, bytes, int, int]]:
    """(kind, token, start, end) of each token, in time that grows as the text does.

    `$tag$` begins a here document where the same stands once more behind it, else a word: all last places are found at once, and
    not before there is a first. Most bytes that come are the data of an INSERT, which nobody asks for.
    """
    last: dict[bytes, int] = {}
    place = 0
    while place < len(sql):
        start, mark = place, _HEREDOC.match(sql, place) if sql[place] == _DOLLAR else None
        if mark and not last:
            last = {found[1]: found.start() for found in _HEREDOC.finditer(sql, start)}
        if mark and last[mark[1]] >= start + len(mark[1]):
            place = sql.index(mark[1], start + len(mark[1])) + len(mark[1])
            yield "text", sql[start:place], start, place
        elif match := _TOKEN.match(sql, start):
            place = match.end()
            yield match.lastgroup or "", match[0], start, place


def _unquote(token: bytes) -> bytes:
    return token[3:-3] if token.startswith(b"\xe2") else token[1:-1]


def literal(value: str) -> str:
    """A ClickHouse string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """A ClickHouse identifier in backticks."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
