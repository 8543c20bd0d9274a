"""PM files (3GPP TS 32.435 `measCollecFile`, TS 28.532 `measDataFile`): a row for what was measured of one object in one period.

A file is read piece by piece, in memory that does not grow with it, and as a whole before its first row is given: one that is
broken is a single row with its trouble and the line of it, and nothing of it counts.

A document type is refused before it is read, so there are no entities but those XML itself has; nothing is fetched.
"""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Iterator
from typing import IO

from lxml import etree

from ioc.importing.mapping import OWN, Map
from ioc.importing.measinfo import ROOTS, Broken, Measured
from ioc.importing.rows import Fields, Reading, Row
from schemas import contracts

COLUMNS = (
    "id", "begin", "end", "seconds", "object", "class", "cell", "site", "group", "job", "suspect", "sender", "vendor",
)  # fmt: skip
"""What a map may read of a row; its results are the event's measurements by themselves."""
PIECE = 1 << 16
LONGEST = 1 << 20
"""Bytes without a result of an object, or a part of what stands above them: of an event that is too large no more is read."""
HELD = 16 << 20
"""Bytes of rows that are held in memory until the file is known to be whole; more go to a temporary file."""
_EVENTS = (
    *ROOTS, "fileHeader", "fileSender", "measData", "managedElement", "measEntity", "measInfo", "job", "granPeriod", "measType",
    "measTypes", "measValue",
)  # fmt: skip


def rows(
    member: str, stream: IO[bytes], log_map: Map, reading: Reading, unreadable: tuple[type[Exception], ...]
) -> Iterator[Row]:
    """The rows of a file, or the one that says why it cannot be read. `unreadable`: what a stream may fail with."""
    number = 0
    with tempfile.SpooledTemporaryFile(HELD, prefix="pm-") as spool:
        try:
            for line, fields in measured(stream, log_map.time.zone):
                packed = marshal.dumps((line, fields))
                spool.write(len(packed).to_bytes(4, "big") + packed)
                number += 1
        except Broken as broken:
            yield _broken(member, str(broken), broken.line, reading)
            return
        except etree.XMLSyntaxError as error:
            line = error.lineno or 1
            yield _broken(member, f"bad_file: line {line}: no XML: {error.msg.partition(', line ')[0]}", line, reading)
            return
        except unreadable as error:
            yield _broken(member, f"bad_file: it cannot be unpacked: {error or type(error).__name__}", 0, reading)
            return
        if not number:
            reading.notes.append(f"{member}: a PM file without a result")
        spool.seek(0)
        for nth in range(1, number + 1):
            line, fields = marshal.loads(spool.read(int.from_bytes(spool.read(4), "big")))  # noqa: S302 (our own file)
            reading.rows += 1
            fields |= {"@member": member, "@row": str(nth)}
            yield Row(member, nth, fields, line=line, document=fields)


def _broken(member: str, why: str, line: int, reading: Reading) -> Row:
    reading.rows += 1
    return Row(member, 1, {"@member": member, "@row": "1"}, why, line=line)


def measured(stream: IO[bytes], zone: str | None = None) -> Iterator[tuple[int, Fields]]:
    """(line, columns with the results) of each object, group and period.  Raises Broken, XMLSyntaxError.

    `zone`: of times without an offset, which are refused where there is none.
    """
    pieces, held, found = _pieces(stream), 0, Measured(zone)
    parser = etree.XMLPullParser(
        events=("start", "end"), tag=[f"{{*}}{name}" for name in _EVENTS], resolve_entities=False, no_network=True,
        load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    for piece in pieces:
        parser.feed(piece)
        held += len(piece)
        for event, element in parser.read_events():
            held = len(piece)
            if (row := found.told(event, element)) is not None:
                yield row
        if held > LONGEST:
            raise Broken(found.line, f"what begins here does not end within {LONGEST:,} bytes")
    parser.close()


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """The file in pieces, once it has begun as one of these and without a document type."""
    prolog = etree.XMLParser(target=_Prolog(), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    first = b""
    try:
        while piece := stream.read(PIECE):
            first += piece
            if len(first) > LONGEST:
                raise Broken(1, f"no element begins within {LONGEST:,} bytes")
            prolog.feed(piece)
        prolog.close()
    except _Begun:
        pass
    yield first
    while piece := stream.read(PIECE):
        yield piece


class _Begun(Exception):
    """The first element has begun, and is as it should be."""


class _Prolog:
    """What stands before the first element, and its name."""

    def doctype(self, *_: object) -> None:
        raise Broken(1, "it has a document type (DOCTYPE); remove it")

    def start(self, tag: str, _: object) -> None:
        name = tag.rpartition("}")[2]
        if name not in ROOTS:
            raise Broken(1, f"the root is <{name}>, not <{'> or <'.join(ROOTS)}>")
        raise _Begun

    def data(self, _: str) -> None: ...

    def end(self, _: str) -> None: ...

    def close(self) -> None: ...


def wrong(found: Map) -> Iterator[str]:
    """What in a map contradicts that it reads PM files, each with its TOML key."""
    if found.input.kind != "pm":
        return
    for column in sorted(found.columns() - set(COLUMNS) - OWN):
        yield f"input.kind: a PM file has no column {column!r}; it has {', '.join(COLUMNS)}"
    if found.personal:
        yield "personal: a PM file has nothing personal that a map could read"
    for n, event in enumerate(found.event):
        if (contract := contracts().get(found.typed(event))) is not None and contract.limits is None:
            yield f"event[{n}].type: {contract.event_type} has no named quantities, and a PM file has nothing else"
        if event.measurements or event.each:
            yield f"event[{n}]: all results of a PM file are the event's measurements: leave out `measurements` and `each`"
