"""Sources: logs in files (CSV and XES; plain, gzip, zip members) read row by row; no file is ever whole in memory.

What a file is, its first bytes say, not its name. A file that cannot be read is a UsageError `bad_file`; a CSV line with too
few or too many columns is a row all the same, with its trouble.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from lxml.etree import XMLSyntaxError

from ioc.errors import UsageError
from ioc.importing.mapping import Map
from ioc.importing.xes import read_xes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_UNPACKED = 64 << 30
"""Bytes one file or member may unpack to: two orders above the largest public event logs, and sorted it still fits a disk."""
MAX_RATIO = 200
"""Unpacked over packed bytes. Real logs reach 10 to 60 (UCC: 29 at most, verbose XES more); a bomb is at 1,000."""
FREE = 64 << 20
"""Unpacked bytes before the ratio counts: a tiny file of repeated lines may well pack by more than MAX_RATIO."""
MAX_MEMBERS = 100_000
"""Members of a zip; the directory is held in memory."""

_UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, UnicodeError, csv.Error, XMLSyntaxError, RuntimeError)
"""RuntimeError: an encrypted member; NotImplementedError (below it): a compression Python does not know."""


class Row(NamedTuple):
    """A row of a log. `fields` are by column, @member and @row among them; `trouble` says why there are no others.

    `line` is the line of the file at which the row begins, from 1 (of a zip: of the member).
    """

    member: str
    number: int
    fields: dict[str, str]
    trouble: str = ""
    cells: Sequence[str] = ()
    line: int = 0


def read_rows(files: Sequence[Path], log_map: Map) -> Iterator[Row]:
    """All rows of all files, in order.  Raises UsageError for what cannot be read, or lacks a column the map names."""
    for path in files:
        for member, stream in _streams(path, log_map):
            try:
                yield from _rows(member, stream, log_map)
            except _UNREADABLE as error:
                where = str(path) if member == path.name.removesuffix(".gz") else f"{path}, member {member}"
                raise UsageError(f"bad_file: {where} cannot be read: {error or type(error).__name__}{_hint(error)}") from error


def _hint(error: BaseException) -> str:
    return "; set `encoding` under [input] of the map" if isinstance(error, UnicodeError) else ""


def _streams(path: Path, log_map: Map) -> Iterator[tuple[str, IO[bytes]]]:
    """(name, unpacked bytes) of a file, or of each wanted member of a zip. Names go without .gz: unpacking changes no id."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            if magic == b"PK\x03\x04":
                yield from _members(path, file, log_map.input.members)
            elif magic[:2] == b"\x1f\x8b":
                with gzip.open(file) as packed:
                    yield path.name.removesuffix(".gz"), _guarded(packed, path.stat().st_size)
            else:
                yield path.name, file
    except (OSError, EOFError, zipfile.BadZipFile, RuntimeError) as error:
        raise UsageError(f"bad_file: {path} cannot be read: {error}") from error


def _members(path: Path, file: IO[bytes], patterns: Sequence[str]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if len(infos) > MAX_MEMBERS:
            raise UsageError(f"bad_file: {path} has {len(infos)} members; at most {MAX_MEMBERS} are read")
        wanted = [info for info in infos if _wanted(info, patterns)]
        if not wanted:
            names = ", ".join(info.filename for info in infos[:5])
            raise UsageError(f"bad_file: {path} has no member like {', '.join(patterns)} (`members` in [input]); it has {names}")
        for info in wanted:
            with archive.open(info) as member:
                yield info.filename, _guarded(member, info.compress_size)


def _wanted(info: zipfile.ZipInfo, patterns: Sequence[str]) -> bool:
    """macOS packs a `__MACOSX/._name` with resource data beside every file: never a log."""
    rubbish = info.is_dir() or info.filename.startswith("__MACOSX/") or Path(info.filename).name.startswith(".")
    return not rubbish and any(fnmatch(info.filename, pattern) for pattern in patterns)


class _Guard(io.RawIOBase):
    """Unpacked bytes, counted: a bomb ends here, whatever the archive's directory claims."""

    def __init__(self, inner: IO[bytes] | gzip.GzipFile, packed: int) -> None:
        self._inner, self._packed, self._count = inner, packed, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        got = self._inner.read(len(view))
        view[: len(got)] = got
        self._count += len(got)
        if self._count > MAX_UNPACKED or self._count > max(FREE, MAX_RATIO * self._packed):
            raise OSError(
                f"{self._packed} packed bytes unpack to more than {self._count - len(got)}; the limits are {MAX_RATIO} times "
                f"and {MAX_UNPACKED >> 30} GiB; unpack it yourself if you trust it"
            )
        return len(got)


def _guarded(inner: IO[bytes] | gzip.GzipFile, packed: int) -> IO[bytes]:
    return io.BufferedReader(_Guard(inner, packed), 1 << 17)


def _rows(member: str, stream: IO[bytes], log_map: Map) -> Iterator[Row]:
    head = stream.peek(256)[:256] if isinstance(stream, io.BufferedReader) else b""
    if not head:
        raise UsageError(f"bad_file: {member} is empty; a log begins with a line of column names (CSV) or with <log> (XES)")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") or head.startswith((b"\xff\xfe<", b"\xfe\xff\x00<")):
        yield from _xes(member, stream, log_map.columns())
    else:
        yield from _csv(member, stream, log_map)


def _csv(member: str, stream: IO[bytes], log_map: Map) -> Iterator[Row]:
    text = io.TextIOWrapper(stream, log_map.input.encoding, newline="")
    lines = csv.reader(text, delimiter=log_map.input.delimiter)
    header = next(lines, [])
    _require(member, log_map.columns(), header)
    if twice := sorted(name for name in log_map.columns() if header.count(name) > 1):
        raise UsageError(f"bad_file: {member} has several columns named {', '.join(twice)}; rename all but one")
    width, number, line = len(header), 0, lines.line_num + 1
    for cells in lines:
        begins, line = line, lines.line_num + 1
        if not cells:
            continue
        number += 1
        if len(cells) == width:
            fields = dict(zip(header, cells, strict=True))
            fields["@member"], fields["@row"] = member, str(number)
            yield Row(member, number, fields, line=begins)
        else:
            trouble = f"row {number} (line {lines.line_num}) has {len(cells)} columns, the header has {width}"
            yield Row(member, number, {"@member": member, "@row": str(number)}, trouble, cells, begins)
    text.detach()  # else closing the wrapper closes the archive's stream under us


def _xes(member: str, stream: IO[bytes], wanted: set[str]) -> Iterator[Row]:
    """XES has no header: which attributes there are is known at the end, and nothing is sent before that."""
    seen: set[str] = set()
    for number, fields in enumerate(read_xes(stream), 1):
        seen.update(fields)
        fields["@member"], fields["@row"] = member, str(number)
        yield Row(member, number, fields)
    _require(member, wanted, sorted(seen))


def _require(member: str, wanted: set[str], there: Sequence[str]) -> None:
    if missing := sorted(wanted - set(there)):
        raise UsageError(f"bad_file: {member} has no column {', '.join(missing)}; it has {', '.join(there)}")
