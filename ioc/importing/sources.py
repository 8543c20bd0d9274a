"""Sources: logs in files (CSV, XES, JSON, edXML, PM; plain, gzip, in zips and folders) read row by row, none whole in memory.

What a file is, its first bytes say, not its name; that it is edXML or PM, the map does. A file that cannot be read is a
UsageError `bad_file`, but for edXML and PM, where a file is one of many: it is then a row with its trouble. All text is NFC.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lxml.etree import XMLSyntaxError

from ioc.errors import UsageError
from ioc.importing import pm
from ioc.importing.delimited import encoding_of, read_delimited
from ioc.importing.documents import BEGINS, Document, documents, unread
from ioc.importing.edxml import header
from ioc.importing.mapping import Map
from ioc.importing.messages import Columns
from ioc.importing.personal import hider
from ioc.importing.rows import Reading, Row, keep, require
from ioc.importing.xes import read_xes
from ioc.text import nfc

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_UNPACKED = 64 << 30
"""Bytes one file or member may unpack to: two orders above the largest public event logs, and sorted it still fits a disk."""
MAX_RATIO = 200
"""Unpacked over packed bytes. Real logs reach 10 to 60 (UCC: 29 at most, verbose XES more); a bomb is at 1,000."""
FREE = 64 << 20
"""Unpacked bytes before the ratio counts: a tiny file of repeated lines may well pack by more than MAX_RATIO."""
MAX_MEMBERS = 100_000
"""Members of a zip or a folder; the directory is held in memory."""

_SAVE_AS = "save its sheet as CSV UTF-8, with ids as text"
_UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, XMLSyntaxError, RuntimeError)
"""RuntimeError: an encrypted member; NotImplementedError (below it): a compression Python does not know."""


def read_rows(files: Sequence[Path], log_map: Map, reading: Reading | None = None) -> Iterator[Row]:
    """All rows of all files, in order; `reading` is told on the way what became of the lines.

    Raises UsageError for what cannot be read strictly, or lacks a column the map names.
    """
    reading = reading or Reading()
    for path in files:
        for member, stream in _streams(path, log_map, reading):
            try:
                yield from _rows(member, stream, log_map, reading)
            except _UNREADABLE as error:
                where = str(path) if member == _bare(path.name) else f"{path}, member {member}"
                raise UsageError(f"bad_file: {where} cannot be read: {error or type(error).__name__}") from error


def _bare(name: str) -> str:
    """The name of what is packed.

    >>> _bare("2026/a.csv.gz"), _bare("A.XML.GZ"), _bare("a.csv")
    ('2026/a.csv', 'A.XML', 'a.csv')
    """
    return nfc(name[: -len(".gz")] if name.lower().endswith(".gz") else name)


def _streams(path: Path, log_map: Map, reading: Reading) -> Iterator[tuple[str, IO[bytes]]]:
    """(name, unpacked bytes) of a file, or of each wanted member of a zip or a folder.

    Names go without .gz: unpacking changes no id.
    """
    if path.is_dir():
        yield from _folder(path, log_map, reading)
        return
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            if magic == b"PK\x03\x04":
                yield from _members(path, file, log_map.input.members, reading)
            elif magic[:2] == b"\x1f\x8b":
                with gzip.open(file) as packed:
                    yield _bare(path.name), _guarded(packed, path.stat().st_size)
            else:
                yield nfc(path.name), file
    except (OSError, EOFError, zipfile.BadZipFile, RuntimeError) as error:
        raise UsageError(f"bad_file: {path} cannot be read: {error}") from error


def _folder(path: Path, log_map: Map, reading: Reading) -> Iterator[tuple[str, IO[bytes]]]:
    """The files in a folder and below it, by name."""
    found = {file.relative_to(path).as_posix(): file for file in sorted(path.rglob("*")) if file.is_file()}
    for name in _chosen(path, list(found), log_map.input.members, reading):
        for member, stream in _streams(found[name], log_map, reading):
            yield _bare(name) if member == _bare(found[name].name) else member, stream


def _members(path: Path, file: IO[bytes], patterns: Sequence[str], reading: Reading) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(file) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        names = [info.filename for info in infos]
        if "[Content_Types].xml" in names:
            raise UsageError(f"bad_file: {path} is a workbook; {_SAVE_AS}")
        wanted = frozenset(_chosen(path, names, patterns, reading))
        for info in (one for one in infos if one.filename in wanted):
            with ExitStack() as opened:
                yield _member(archive, info, opened)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, opened: ExitStack) -> tuple[str, IO[bytes]]:
    """A member of a zip, unpacked. One that cannot be opened fails where it is read: the others are not to suffer from it."""
    try:
        stream = io.BufferedReader(_Guard(opened.enter_context(archive.open(info)), info.compress_size), 1 << 17)
        if stream.peek(2)[:2] != b"\x1f\x8b":
            return nfc(info.filename), stream
        return _bare(info.filename), _guarded(opened.enter_context(gzip.open(stream)), info.compress_size)
    except _UNREADABLE as error:
        return nfc(info.filename), io.BufferedReader(_Failing(error))


def _chosen(path: Path, names: Sequence[str], patterns: Sequence[str], reading: Reading) -> list[str]:
    """The wanted members; how many are not is noted.  Raises UsageError where there are none, or too many."""
    if len(names) > MAX_MEMBERS:
        raise UsageError(f"bad_file: {path} has {len(names)} members; at most {MAX_MEMBERS} are read")
    named = [name for name in names if not _rubbish(name)]
    taken = [name for name in named if wanted(name, patterns)]
    if not taken:
        there = ", ".join(names[:5]) or "none"
        raise UsageError(f"bad_file: {path} has no member like {', '.join(patterns)} (`members` in [input]); it has {there}")
    if left := len(named) - len(taken):
        like = ", ".join(patterns)
        reading.notes.append(
            f"{path}: {left:,} of {len(named):,} files match no pattern of {like} (`members` in [input]) and are not read"
        )
    return taken


def _rubbish(name: str) -> bool:
    """macOS packs a `__MACOSX/._name` with resource data beside every file: never a log."""
    return name.startswith("__MACOSX/") or Path(name).name.startswith(".")


def wanted(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name matches, in any case and with what packing adds to it or without."""
    names = {nfc(name).lower(), _bare(name).lower()}
    return any(fnmatchcase(one, nfc(pattern).lower()) for pattern in patterns for one in names)


class _Failing(io.RawIOBase):
    """What could not be opened: reading it fails with the reason."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, _: WriteableBuffer) -> int:
        raise self._error


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


def _rows(member: str, stream: IO[bytes], log_map: Map, reading: Reading) -> Iterator[Row]:
    if log_map.input.kind == "edxml":
        try:
            document = header(stream)
        except _UNREADABLE as error:
            document = Document(1, None, f"it cannot be unpacked: {error or type(error).__name__}")
        yield from Columns(log_map).rows(member, [document], reading)
        return
    if log_map.input.kind == "pm":
        yield from pm.rows(member, stream, log_map, reading, _UNREADABLE)
        return
    head = stream.peek(256)[:256] if isinstance(stream, io.BufferedReader) else b""
    if not head:
        raise UsageError(
            f"bad_file: {member} is empty; a log begins with a line of column names (CSV), with <log> (XES), or is JSON"
        )
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise UsageError(f"bad_file: {member} is a workbook; {_SAVE_AS}")
    if _is_json(head):
        yield from _json(member, stream, head, log_map, reading)
    elif head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") or head.startswith((b"\xff\xfe<", b"\xfe\xff\x00<")):
        yield from _hidden(_xes(member, stream, log_map, reading), log_map)
    else:
        yield from _hidden(read_delimited(member, stream, head, log_map, reading), log_map)


def _hidden(rows: Iterator[Row], log_map: Map) -> Iterator[Row]:
    """The rows without what is personal. Of cells that no column names, nobody can say what is: they are left out."""
    if not log_map.personal:
        return rows
    hide = hider(log_map)

    def hidden() -> Iterator[Row]:
        for row in rows:
            hide(row.fields)
            yield row._replace(cells=(), trouble=unread(row.trouble, "\n".join(row.cells).encode())) if row.trouble else row

    return hidden()


def _is_json(head: bytes) -> bool:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "ignore").encode()
    return BEGINS.match(head.removeprefix(codecs.BOM_UTF8)) is not None


def _json(member: str, stream: IO[bytes], head: bytes, log_map: Map, reading: Reading) -> Iterator[Row]:
    if log_map.input.decimal != ".":
        raise UsageError(f"bad_file: {member} is JSON, whose decimal mark is the dot: take `decimal` out of [input] of the map")
    encoding = encoding_of(log_map.input, head)
    yield from Columns(log_map).rows(member, documents(member, stream, encoding), reading)


def _xes(member: str, stream: IO[bytes], log_map: Map, reading: Reading) -> Iterator[Row]:
    """XES has no header: which attributes there are is known at the end, and nothing is sent before that."""
    if log_map.input.decimal != ".":
        raise UsageError(f"bad_file: {member} is XES, whose decimal mark is the dot: take `decimal` out of [input] of the map")
    seen: set[str] = set()
    for number, (line, fields) in enumerate(read_xes(stream), 1):
        seen.update(fields)
        reading.rows += 1
        if log_map.input.trim:
            fields = {name: text.strip() for name, text in fields.items()}
        yield Row(member, number, keep(fields, member, number, log_map.input), line=line)
    require(member, log_map.columns(), sorted(seen))
