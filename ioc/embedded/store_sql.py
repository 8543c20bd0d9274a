"""SQL as the embedded store reads it: one statement's verb, format, inline data and what it calls. Pure.

The engine's own parser decides whether a statement writes (`classify_query`); this file only finds what that does not say: where
the data of an INSERT begin, and which names a reader must not call. The tokens are those of ClickHouse's Lexer.cpp, so nothing
hides in a comment, a string, a heredoc or behind quotes, and nothing inside them is taken for code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
_OPEN, _CLOSE, _ODD = (b"(", b"[", b"{"), (b")", b"]", b"}"), {"/", "\\"}

# Table functions that stay inside the store. All others (file, url, s3, remote, mysql, executable, input, python, eval, ...) are
# refused to readers: a list of what is allowed stays right when the next engine brings a new way out.
INSIDE = {"numbers", "numbers_mt", "zeros", "zeros_mt", "generateseries", "generate_series", "generaterandom"}
INSIDE |= {"values", "view", "merge", "null", "format"}
# Scalar functions that leave the store although the engine's readonly=1 lets them pass (measured with 26.9).
OUTSIDE_SCALARS = frozenset({"file", "hascolumnintable", "evalmlmethod", "catboostevaluate"})

# What a real server answers with, by ClickHouse's own error codes.
SYNTAX_ERROR, NOT_IMPLEMENTED, READONLY, ACCESS_DENIED = 62, 48, 164, 291
INFILE_NOT_ALLOWED, OUTFILE_NOT_ALLOWED = 78, 249


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `sql[data:]` are the data of an INSERT; where `inline`, `sql[:head]` is the INSERT without its FORMAT.

    `names`: all words and quoted names in lower case, but for qualified ones (`t.file`); `calls`: those with a parenthesis after
    them, qualified or not; `odd_name`: a quoted name with a slash or a backslash.
    """

    verb: str
    format: str
    inline: bool
    head: int
    data: int
    names: frozenset[str]
    calls: frozenset[str]
    odd_name: str


def read(sql: bytes) -> Statement:
    """Read one statement. Stops at the data of an INSERT, so megabytes of VALUES cost nothing."""
    verb = fmt = odd = ""
    inline, head, data = False, 0, len(sql)
    names: set[str] = set()
    calls: set[str] = set()
    depth, before = 0, ""  # before: the name or the dot in front of this token
    selects = fresh = False
    for kind, token, start, end in _tokens(sql):
        if kind == "space":
            continue
        if fresh and token.lower() not in (b";", b"settings"):
            fmt = ""  # it was a column or an alias of that name: a format stands at the end
        fresh = False
        if kind not in ("word", "quoted"):
            if token == b"(":
                calls.add(before)
            depth += (token in _OPEN) - (token in _CLOSE)
            before = "." if token == b"." else ""
            continue
        name = (token if kind == "word" else _unquote(token)).decode("utf-8", "replace").lower()
        if before != ".":
            names |= {name, f"{before} {name}"} if name in ("outfile", "infile") else {name}
        if kind == "quoted" and set(name) & _ODD:
            odd = name
        verb = verb or name
        selects = selects or (depth == 0 and name in ("select", "with"))
        inserts = verb == "insert" and depth == 0 and not selects
        if before == "format" and depth == 0:
            fmt, inline, fresh = name if kind == "quoted" else token.decode(), inserts, True
        elif name == "format":
            head = start
        if inline or (inserts and name == "values"):
            data = end
            break
        before = name
    if inline:
        data += len(_BLANK.match(sql, data)[0])  # type: ignore[index]
    return Statement(verb, fmt, inline, head, data, frozenset(names), frozenset(calls), odd)


def _tokens(sql: bytes) -> Iterator[tuple[str, bytes, int, int]]:
    """(kind, token, start, end) of each token, in time that grows as the text does.

    `$tag$` begins a here document where the same stands once more behind it, else a word: all last places are found at once.
    """
    last = {found[1]: found.start() for found in _HEREDOC.finditer(sql)} if b"$" in sql else {}
    place = 0
    while place < len(sql):
        start, mark = place, _HEREDOC.match(sql, place) if sql[place] == _DOLLAR else None
        if mark and last[mark[1]] >= start + len(mark[1]):
            place = sql.index(mark[1], start + len(mark[1])) + len(mark[1])
            yield "text", sql[start:place], start, place
        elif match := _TOKEN.match(sql, start):
            place = match.end()
            yield match.lastgroup or "", match[0], start, place


def _unquote(token: bytes) -> bytes:
    return token[3:-3] if token.startswith(b"\xe2") else token[1:-1]


def outside(table_functions: Iterable[str], functions: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Names (lower case) a reader must not (call, mention), out of all the engine knows.

    A scalar function must not even be mentioned: `arrayMap(file, ...)` and `APPLY file` call it by its bare name.
    """
    scalars = OUTSIDE_SCALARS | {name.lower() for name in functions if re.match("ai[A-Z]|AI[A-Z]", name)}
    return frozenset({name.lower() for name in table_functions} - INSIDE | scalars), frozenset(scalars)


Forbidden = tuple[frozenset[str], frozenset[str]]


def refusal(statement: Statement, count: int, writes: bool, readonly: bool, forbidden: Forbidden) -> tuple[int, str] | None:
    """Why the store does not run this statement: (ClickHouse error code, message), or None when it does."""
    verb, names, calls = statement.verb, statement.names, statement.calls
    if count > 1:
        return SYNTAX_ERROR, "Multi-statements are not allowed: send one statement a request"
    if "into outfile" in names:
        return OUTFILE_NOT_ALLOWED, "INTO OUTFILE is not allowed: the answer comes over HTTP, write it where you asked"
    if "from infile" in names:
        return INFILE_NOT_ALLOWED, "FROM INFILE is not allowed: send the data as the body of INSERT ... FORMAT ..."
    if verb in ("use", "set"):
        return NOT_IMPLEMENTED, f"No session is kept, {verb.upper()} would be lost: pass database= and settings with each request"
    if verb == "insert" and "input" in calls:
        return NOT_IMPLEMENTED, "INSERT ... SELECT FROM input() is not supported by the embedded store: its data would be lost"
    if not readonly:
        return None
    if writes:
        return READONLY, "Cannot execute query in readonly mode: this path only reads"
    if reached := sorted(calls & forbidden[0] | names & forbidden[1]):
        return (
            ACCESS_DENIED,
            f"{reached[0]}() reaches outside the store, which readonly mode does not allow (a column: t.{reached[0]})",
        )
    if statement.odd_name:
        return ACCESS_DENIED, f"the name {statement.odd_name!r} could be a file's path, which readonly mode does not allow"
    return None
