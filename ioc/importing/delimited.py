"""Delimited: the rows of a CSV file, read strictly: no line is lost in another's quotes without a word.

The map says how the file is written. What it leaves open is found out where that is certain: the delimiter and the lines above
the header, when every column the map names then stands in one line; `sep=`; a delimiter behind every row. Else it is refused
with what to write in the map. A row with too few or too many columns is a row all the same, with its trouble.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import IO, Any

from ioc.errors import UsageError
from ioc.importing.encodings import guessed, utf8_after_all
from ioc.importing.mapping import Input, Map
from ioc.importing.rows import LONGEST, Reading, Row, keep, require
from ioc.text import nfc

DELIMITERS = (",", ";", "\t", "|")
SEARCHED = 20
"""Lines at the beginning of a file in which its header is looked for."""
_SEP = re.compile(r'"?sep=(.)"?\s*')
"""The line by which a spreadsheet is told the delimiter."""


def read_delimited(member: str, stream: IO[bytes], head: bytes, log_map: Map, reading: Reading) -> Iterator[Row]:
    """The rows behind the header.  Raises UsageError with the line."""
    text = io.TextIOWrapper(stream, encoding_of(log_map.input, head), newline="")
    lines = _Lines(member, text)
    header, delimiter = _header(member, lines, log_map, reading)
    if twice := sorted(name for name in log_map.columns() if header.count(name) > 1):
        raise UsageError(f"bad_file: {member} has several columns named {', '.join(twice)}; rename all but one")
    reading.above += lines.taken
    reading.lines += lines.taken
    width, most, number = len(header), 0, 0
    for first, raw, cells in _records(member, lines, delimiter, width, log_map.input):
        reading.lines += len(raw)
        if not any(cells):
            reading.blank += len(raw)
            number += bool(cells)  # a row of empty cells has its number, as {@row} may be in ids
            continue
        number += 1
        reading.rows += 1
        reading.within += len(raw) - 1
        if not most:  # the first row says whether a delimiter stands behind every one
            most = width if any(cells[width:]) else max(width, len(cells))
        if width <= len(cells) <= most and not any(cells[width:]):
            yield Row(member, number, keep(dict(zip(header, cells, strict=False)), member, number, log_map.input), line=first)
        else:
            trouble = f"row {number} (line {first}) has {len(cells)} columns, the header has {width}"
            yield Row(member, number, {"@member": member, "@row": str(number)}, trouble, cells, first)
    text.detach()  # else closing the wrapper closes the archive's stream under us


def encoding_of(given: Input, head: bytes) -> str:
    """The map's; where it states none, a byte order mark decides."""
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and "encoding" not in given.model_fields_set
    return "utf-16" if marked else given.encoding


class _Lines:
    """The lines of a text, counted; those taken since `begin` are held, at most a row's, and lines can be put back."""

    def __init__(self, member: str, text: io.TextIOWrapper) -> None:
        self._member, self._text, self._back = member, text, iter(list[str]())
        self.taken, self.held, self._size = 0, list[str](), 0
        self._doubted = not codecs.lookup(text.encoding).name.startswith("utf")

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if (line := next(self._back, None)) is None:
            try:
                line = self._text.readline(LONGEST + 1)
            except UnicodeError as error:
                start, whole = (error.start, error.object) if isinstance(error, UnicodeDecodeError) else (0, b"")
                raise self._wrong(self.taken + whole.count(b"\n", 0, start) + 1, guessed(whole)) from error
            if not line:
                raise StopIteration
            if self.taken == 0 and "\0" in line:
                raise self._wrong(1, guessed(line.encode("latin-1", "replace")))
            if self._doubted and not line.isascii():
                self._doubted = False
                if utf8_after_all(line, self._text.encoding):
                    raise self._wrong(self.taken + 1, "utf-8-sig")
        self.taken += 1
        self.held.append(line)
        self._size += len(line)
        if self._size > LONGEST:
            first = self.taken - len(self.held) + 1
            raise UsageError(
                f"bad_file: {self._member}, line {first}: the row that begins there has more than {LONGEST:,} letters; is this a "
                "log, one row a line, and every quote closed?"
            )
        return line

    def begin(self) -> int:
        """The number of the next line, from 1; nothing is held."""
        self.held, self._size = [], 0
        return self.taken + 1

    def back(self, lines: Sequence[str]) -> None:
        self._back = chain(lines, self._back)
        self.taken -= len(lines)
        self.begin()

    def _wrong(self, line: int, likely: str) -> UsageError:
        hint = f'it may be {likely}: write encoding = "{likely}"' if likely else "set `encoding`"
        return UsageError(f"bad_file: {self._member}, line {line}, is not {self._text.encoding}; {hint} under [input] of the map")


def _header(member: str, lines: _Lines, log_map: Map, reading: Reading) -> tuple[list[str], str]:
    """The names of the columns and the delimiter; the header's lines are taken."""
    given, wanted, lines_there = log_map.input, log_map.columns(), list[str]()
    for line in lines:
        lines.begin()  # these are many rows, not one
        lines_there.append(line)
        if len(lines_there) == max(SEARCHED, (given.skip or 0) + 1):
            break
    lines.back(lines_there)
    stated = "delimiter" in given.model_fields_set
    sep = _SEP.fullmatch(lines_there[0]) if lines_there else None
    if sep and stated and sep[1] != given.delimiter:
        raise UsageError(
            f"bad_file: {member} begins with {sep[0].strip()!r}: write delimiter = {sep[1]!r} under [input] of the map"
        )
    first = bool(sep) if given.skip is None else given.skip
    likely = given.delimiter if stated or not sep else sep[1]
    found = _find(lines_there, first, given, wanted, [likely] if stated or sep else [given.delimiter, *DELIMITERS])
    if found is None:
        elsewhere = _find(lines_there, int(bool(sep)), given.model_copy(update={"skip": None}), wanted, DELIMITERS)
        more = ""
        if elsewhere is not None:
            more = (
                f"; line {elsewhere[0] + 1} has them: write delimiter = {elsewhere[1]!r} and skip = {elsewhere[0]} under [input]"
            )
        there = next(_parsed(lines_there[first:], likely, given), [])
        require(member, wanted, there, more)
        found = first, likely  # not reached where a column is wanted
    at, delimiter = found
    reading.notes += [f"{member}: {at} line(s) above the header passed over"] if at and at != given.skip else []
    reading.notes += [f"{member}: the delimiter is {delimiter!r}"] if delimiter != given.delimiter else []
    for _ in range(at):
        next(lines)
    lines.begin()
    reader = _csv(lines, delimiter, given)
    return _names(next(_checked(member, lines, reader), []), given), delimiter


def _find(lines: Sequence[str], first: int, given: Input, wanted: set[str], delimiters: Sequence[str]) -> tuple[int, str] | None:
    """(lines above the header, delimiter) of the first line that has all columns wanted, or None."""
    for at in range(first, len(lines)) if given.skip is None else (first,):
        for delimiter in delimiters:
            names = _names(next(_parsed(lines[at:], delimiter, given), []), given)
            if names and wanted <= set(names):
                return at, delimiter
    return None


def _parsed(lines: Sequence[str], delimiter: str, given: Input) -> Iterator[list[str]]:
    try:
        yield from _csv(iter(lines), delimiter, given)
    except csv.Error:
        return


def _names(cells: Sequence[str], given: Input) -> list[str]:
    return [nfc(cell).strip() if given.trim else nfc(cell) for cell in cells]


def _csv(lines: Iterator[str], delimiter: str, given: Input) -> Any:
    csv.field_size_limit(LONGEST)  # by default 131,072 letters of a cell end it all, with a word about quotes
    if not given.quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter, quotechar=given.quote, strict=True)


def _checked(member: str, lines: _Lines, reader: Any) -> Iterator[list[str]]:
    """Records of a reader; what is no CSV is told with the line where the quote opened."""
    try:
        yield from reader
    except csv.Error as error:
        before = lines.taken - len(lines.held)
        opened = _opened(lines.held, reader.dialect)
        at, why = before + (opened or 1), ""
        if opened:
            why = (
                f"; the quote that opens there does not end its cell (read up to line {lines.taken}): close or double it, or "
                'write quote = "" under [input] of the map if a quote is a letter like any other'
            )
        raise UsageError(f"bad_file: {member}, line {at}: {error}{why}") from error


def _opened(lines: Sequence[str], dialect: Any) -> int:
    """The line (from 1) of the last quote that opens a cell; 0 where none does."""
    text = "".join(lines)
    if dialect.quoting == csv.QUOTE_NONE:
        return 0
    quote, found, at = re.escape(dialect.quotechar), 0, 0
    opens = re.compile(rf"(?:^|[{re.escape(dialect.delimiter)}\r\n]){quote}")
    ends = re.compile(rf"{quote}{quote}|{quote}")
    while begin := opens.search(text, at):
        found, at = begin.end(), begin.end()
        while (end := ends.search(text, at)) and len(end[0]) == 2:
            at = end.end()
        if end is None:
            break
        at = end.end()
    return sum(1 for begin in accumulate(map(len, lines), initial=0) if begin < found)


def _records(member: str, lines: _Lines, delimiter: str, width: int, given: Input) -> Iterator[tuple[int, list[str], list[str]]]:
    """(first line, lines, cells) of every record."""
    first = lines.begin()
    for cells in _checked(member, lines, _csv(lines, delimiter, given)):
        raw = lines.held
        if len(raw) > 1 and not given.multiline and _hides_rows(raw, delimiter, width):
            raise UsageError(
                f"bad_file: {member}, line {first}: a quote that opens in this row is closed in line {lines.taken}, and lines "
                'between look like rows of their own; close the quote, or write under [input] of the map quote = "" if a quote '
                "is a letter like any other, or multiline = true if a cell does hold such lines"
            )
        if not raw[0].isascii() or len(raw) > 1:
            cells = [nfc(cell) for cell in cells]
        if given.trim:
            cells = list(map(str.strip, cells))
        yield first, raw, cells
        first = lines.begin()


def _hides_rows(raw: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether lines of one record would be rows if its quotes were letters: one between, or the first as well as the last."""
    full = [line.count(delimiter) == width - 1 for line in raw]
    return width > 1 and (any(full[1:-1]) or (full[0] and full[-1]))
