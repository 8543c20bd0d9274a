"""Documents: JSON cut into single documents, read piece by piece: one document, an array of them, or one a line.

Of a big file no more than one document is in memory. A line of JSON lines that is no document is a row with its trouble; a
document or an array that breaks off cannot be read on behind the fault, and is refused. Of what cannot be read, nothing is kept
but its length and its SHA-256: nobody can say what of it is personal.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

from ioc.errors import UsageError

LARGEST = 16 << 20
"""Letters of one document: four bodies of the gateway, thousands of dossiers; a larger one is an export to be cut into lines."""
PIECE = 1 << 16
BEGINS = re.compile(rb'\s*(\{\s*["}]|\{\s*$|\[\s*[\[{\]]|\[\s*$)')
"""How a file of JSON begins. (A header of CSV may begin with a bracket, but not so.)"""
_BLANK = re.compile(r"[ \t\r\n]*")


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


_PARSE = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refused).raw_decode
"""Numbers stay the texts they are written as: a code may be 4 or "4", and one of a million digits costs nothing."""


class Document(NamedTuple):
    """A document, the line at which it begins, from 1; or the trouble in its place."""

    line: int
    value: Any
    trouble: str = ""


def documents(member: str, stream: IO[bytes], encoding: str = "utf-8-sig") -> Iterator[Document]:
    """The documents of a file.  Raises UsageError (`bad_file`) with the line."""
    text = io.TextIOWrapper(stream, encoding, newline="\n")
    try:
        yield from _documents(member, text)
    except UnicodeError as error:
        raise UsageError(f"bad_file: {member} is not {encoding}; JSON is UTF-8, or set `encoding` under [input]") from error
    finally:
        text.detach()  # else closing the wrapper closes the archive's stream under us


def _documents(member: str, text: io.TextIOWrapper) -> Iterator[Document]:
    line = 1
    while (mark := text.read(1)).isspace():
        line += mark == "\n"
    if mark == "[":  # it may be one line
        yield from _Pieces(member, mark, text.read, line).documents()
        return
    first = mark + text.readline(LARGEST + 1)
    second = text.readline(LARGEST + 1)
    if _by_lines(first, second):
        for here in _lines(first, second, text):
            if here.strip():
                yield _of_line(here.strip(), line)
            line += 1
    else:
        yield from _Pieces(member, first + second, text.read, line).documents()


def _by_lines(first: str, second: str) -> bool:
    """Whether a document stands in one line; if the first is broken, the second says so."""
    return _whole(first) or (second.startswith("{") and _whole(second))


def _whole(line: str) -> bool:
    try:
        _, end = _PARSE(line.strip())
    except (ValueError, RecursionError):
        return False
    return end == len(line.strip())


def _lines(first: str, second: str, text: io.TextIOWrapper) -> Iterator[str]:
    yield first
    while second:
        yield second
        second = text.readline(LARGEST + 1)


def _of_line(here: str, line: int) -> Document:
    why = f"it has more than {LARGEST:,} letters"
    if len(here) <= LARGEST:
        try:
            value, end = _PARSE(here)
            if end == len(here):
                return Document(line, value)
            why = f"more text at character {end + 1}"
        except RecursionError:
            why = "nested too deep"
        except ValueError as error:
            why = str(error)
    return Document(line, None, unread(f"line {line} is not one JSON document: {why}", here.encode(errors="replace")))


def unread(why: str, value: bytes) -> str:
    """What is said and kept of what cannot be read."""
    return f"{why}; {len(value):,} bytes with the SHA-256 {hashlib.sha256(value).hexdigest()}, nothing else of it is kept"


class _Pieces:
    """A text read piece by piece: one document, or the elements of one array."""

    def __init__(self, member: str, begun: str, read: Callable[[int], str], line: int) -> None:
        self._member, self._text, self._read = member, begun, read
        self._at, self._line, self._ended = 0, line, False

    def documents(self) -> Iterator[Document]:
        if self._next() != "[":
            yield self._document()
        else:
            self._at += 1
            closed = self._next() == "]"
            while not closed:
                yield self._document()
                mark = self._next()
                if mark not in (",", "]"):
                    raise self._wrong("expected , or ]")
                closed = mark == "]"
                self._at += not closed
            self._at += 1
        if self._next():
            raise self._wrong("more text behind the end; write one document, an array, or one document a line")

    def _next(self) -> str:
        """The next letter that is no blank; "" at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._pass(blank.end() if blank else self._at)
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _document(self) -> Document:
        self._next()
        while True:
            try:
                value, end = _PARSE(self._text, self._at)
            except RecursionError:
                raise self._wrong("nested too deep") from None
            except ValueError as error:
                if not self._more():
                    raise self._wrong(getattr(error, "msg", str(error)).removesuffix(" at")) from None
                continue
            if end < len(self._text) or not self._more():  # a number may go on
                line = self._line
                self._pass(end)
                return Document(line, value)

    def _pass(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        """Read on: as much again as there is, so that a document is parsed but a few times."""
        if self._ended:
            return False
        held = len(self._text) - self._at
        if held > LARGEST:
            raise self._wrong(f"a document with more than {LARGEST:,} letters; write an array of documents, or one a line")
        piece = self._read(max(PIECE, held))
        self._text, self._at = self._text[self._at :] + piece, 0
        self._ended = not piece
        return bool(piece)

    def _wrong(self, why: str) -> UsageError:
        return UsageError(f"bad_file: {self._member}, in what begins in line {self._line}: not JSON: {why}")
