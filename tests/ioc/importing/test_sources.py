"""Sources: what a file is, its bytes say; what cannot be read is told with the columns there are."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ioc.errors import UsageError
from ioc.importing import delimited, sources, xes
from ioc.importing.mapping import Map
from ioc.importing.maps import load_map
from ioc.importing.rows import Reading, Row
from ioc.importing.sources import read_rows
from ioc.importing.translate import read_events
from tests.ioc.importing.test_mapping import verdict

CSV = 'no,what\nA,"one, ""two"""\n\nB,three\n'
XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <global scope="event"><string key="concept:name" value="__INVALID__"/></global>
  <classifier name="Activity" keys="concept:name"/>
  <string key="concept:name" value="the log"/>
  <trace>
    <string key="concept:name" value="H56-1"/><int key="size" value="3"/>
    <event><string key="concept:name" value="start"><string key="nested" value="no"/></string>
      <date key="time:timestamp" value="2022-10-06T08:30:00.000+07:00"/><boolean key="paid" value="true"/></event>
    <event><string key="concept:name" value="stop"/><date key="time:timestamp" value="2022-10-07T08:30:00+07:00"/>
      <list key="l"><values><string key="inner" value="x"/></values></list></event>
  </trace>
  <trace><string key="concept:name" value="H56-2"/><event>
    <string key="concept:name" value="start"/><date key="time:timestamp" value="2022-10-08T08:30:00+07:00"/></event></trace>
</log>
"""
XES_MAP = """
source = "/import/xes"
type = "vn.ioc.dossier.changed.v1"
case = "case:concept:name"
[data]
dossier = "{case:concept:name}"
[[event]]
when = { "concept:name" = "start" }
id = "{case:concept:name}/start"
time = "{time:timestamp}"
data = { state = "received" }
[[event]]
when = { "concept:name" = "stop" }
id = "{case:concept:name}/stop"
time = "{time:timestamp}"
data = { state = "completed" }
"""


def a_map(*columns: str, **given: object) -> Map:
    event = {"id": "{@member}#{@row}", "time": "".join(f"{{{column}}}" for column in columns), "data": {}}
    return Map.model_validate({"source": "/x", "event": [event], "input": given})


def read(path: Path, log_map: Map | None = None) -> list[Row]:
    return list(read_rows([path], log_map or a_map("no", "what")))


def packed(folder: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(folder / "logs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return folder / "logs.zip"


def test_plain_gzip_and_zip_give_the_same_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV, "utf-8-sig")  # with a byte order mark
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    rubbish = {"__MACOSX/._a.csv": "\0", "x/.DS_Store": "\0", "read.me": "hi", "x/": ""}
    expected = [("a.csv", "1", "A", 'one, "two"'), ("a.csv", "2", "B", "three")]
    for path in (tmp_path / "a.csv", tmp_path / "a.csv.gz", packed(tmp_path, {"a.csv": CSV, **rubbish})):
        assert [tuple(row.fields[c] for c in ("@member", "@row", "no", "what")) for row in read(path)] == expected


def test_a_row_of_another_width_is_a_row_with_its_trouble(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV + "C\n")
    *_, last = read(tmp_path / "a.csv")
    assert last.trouble == "row 3 (line 5) has 1 columns, the header has 2"
    assert last.cells == ["C"]


def test_delimiter_and_encoding_are_the_maps(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("no;what\nA;Đang xử lý\n".encode("utf-16"))
    (row,) = read(tmp_path / "a.csv", a_map("no", "what", delimiter=";", encoding="utf-16"))
    assert row.fields["what"] == "Đang xử lý"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; a log begins with"),
        (b"nr,what\n", "has no column no; it has nr, what"),
        (b"no,what,what\n", "has several columns named what"),
        (b"no,what\n\xff,x\n", 'a.csv, line 2, is not utf-8-sig; it may be windows-1252: write encoding = "windows-1252"'),
        (b'no,what\n"' + b"x" * 140_000, "line 2: unexpected end of data; the quote that opens there does not end its cell"),
        (gzip.compress(CSV.encode(), mtime=0)[:-12], "cannot be read: Compressed file ended"),
        (b"\x1f\x8bnonsense", "cannot be read"),
        (b"PK\x03\x04nonsense", "cannot be read: File is not a zip file"),
        (b"<html></html>", "the root is <html>, not <log>"),
        (b"<log><trace>", "cannot be read"),
        (b"<log/>", "has no column no, what; it has"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_the_reason(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UsageError) as refused:
        read(tmp_path / "a.csv")
    assert "bad_file" in str(refused.value)
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "none.csv")


def test_a_zip_without_a_log_names_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no member like \*\.csv, \*\.xes .* it has read\.me"):
        read(packed(tmp_path, {"read.me": "hi"}))


def test_a_bomb_is_refused_while_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FREE", 1 << 20)
    text = "no,what\n" + "A,bbbbbbbbbbbbbbbb\n" * 200_000
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    for path in (tmp_path / "a.csv.gz", packed(tmp_path, {"a.csv": text})):
        with pytest.raises(UsageError, match="the limits are 200 times"):
            read(path)


@pytest.mark.parametrize("name", ["log.xes", "log.xes.gz"])
def test_xes_gives_events_with_the_attributes_of_their_trace(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(XES.encode()) if name.endswith("gz") else XES.encode())
    (tmp_path / "xes.toml").write_text(XES_MAP)
    log_map = load_map(str(tmp_path / "xes.toml"))
    rows = read(tmp_path / name, log_map)
    assert rows[0].fields == {
        "case:concept:name": "H56-1", "case:size": "3", "concept:name": "start", "paid": "true",
        "time:timestamp": "2022-10-06T08:30:00.000+07:00", "@member": "log.xes", "@row": "1",
    }  # fmt: skip
    assert "inner" not in rows[1].fields
    assert [verdict(e).id for e in read_events([tmp_path / name], log_map)] == ["H56-1/start", "H56-1/stop", "H56-2/start"]


def test_the_decimal_mark_of_xes_is_the_dot(tmp_path: Path) -> None:
    (tmp_path / "a.xes").write_text('<log><trace><event><float key="no" value="12.345"/></event></trace></log>')
    with pytest.raises(UsageError, match="is XES, whose decimal mark is the dot: take `decimal` out"):
        read(tmp_path / "a.xes", a_map("no", decimal=","))


def test_a_workbook_is_told_what_to_save_it_as(tmp_path: Path) -> None:
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    for path in (packed(tmp_path, {"[Content_Types].xml": "", "xl/workbook.xml": ""}), tmp_path / "old.xls"):
        with pytest.raises(UsageError, match="is a workbook; save its sheet as CSV UTF-8"):
            read(path)


def test_xes_entities_are_neither_resolved_nor_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for entity in (f'<!ENTITY e SYSTEM "file://{secret}">', '<!ENTITY e "boom">'):
        (tmp_path / "a.xes").write_text(
            f'<!DOCTYPE log [{entity}]><log><trace><event><string key="no" value="a"/>&e;</event></trace></log>'
        )
        with pytest.raises(UsageError, match="DOCTYPE"):
            read(tmp_path / "a.xes")


def test_a_large_xes_log_is_read_in_little_memory(tmp_path: Path) -> None:
    import tracemalloc

    import psutil

    event = '<event><string key="no" value="a"/><string key="what" value="b"/></event>'
    with gzip.open(tmp_path / "a.xes.gz", "wt") as file:
        file.write("<log>" + f"<trace>{event * 1000}</trace>" * 150 + "</log>")
    tracemalloc.stop()
    before = psutil.Process().memory_info().rss
    assert sum(1 for _ in read_rows([tmp_path / "a.xes.gz"], a_map("no", "what"))) == 150_000
    assert psutil.Process().memory_info().rss - before < 40 << 20


class Endless(io.RawIOBase):
    """A begin, then the same for as long as it is read; how much was taken."""

    def __init__(self, begin: bytes, again: bytes) -> None:
        self.taken, self._rest, self._again = 0, begin, again

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self._rest) < len(buffer):
            self._rest += self._again * 1000
        buffer[:] = self._rest[: len(buffer)]
        self._rest = self._rest[len(buffer) :]
        self.taken += len(buffer)
        if self.taken > 20 << 20:
            raise AssertionError("it reads on and on")
        return len(buffer)


ATTRIBUTE = b'<string key="no" value="a"/>'


@pytest.mark.parametrize(
    ("begin", "again", "said"),
    [
        (b"", b"a", "line 1: the row that begins there has more than 100,000 letters"),
        (b"", b"a,", "line 1: the row that begins there has more than 100,000 letters"),
        (b"no,what\nx,y\n", b"a,", "line 3: the row that begins there has more than 100,000 letters"),
        (b"no,what\nx,y\n", b'"a\n",', "line 3: the row that begins there has more than 100,000 letters"),
        (b"<log><trace><event>", ATTRIBUTE, "line 1: the attributes of one event or trace"),
        (b"<log>\n<trace>", ATTRIBUTE, "line 2: the attributes of one event or trace"),
        (b"<log><trace><event><list key='a' value='b'>", ATTRIBUTE, "the attributes of one event or trace"),
        (b"<log><trace><event>", b"<a/>" + b"text" * 100, "the attributes of one event or trace"),
        (b"<log><global>", ATTRIBUTE, "the attributes of one event or trace"),
        (b"<log><trace><event", b' a="b"', "a tag or a text has more than 100,000 bytes"),
        (b"<log><trace><event><string value='", b"text", "a tag or a text has more than 100,000 bytes"),
        (b"<log><trace>", b"text", "a tag or a text has more than 100,000 bytes"),
        (b"<log><!--", b"text", "a tag or a text has more than 100,000 bytes"),
    ],
)
def test_a_row_or_an_event_without_an_end_is_refused_and_not_read_on(
    begin: bytes, again: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = Endless(begin, again)
    monkeypatch.setattr(sources, "_streams", lambda *_: [("a.log", io.BufferedReader(endless))])
    for module in (delimited, xes):
        monkeypatch.setattr(module, "LONGEST", 100_000)
    with pytest.raises(UsageError, match=said):
        list(read_rows([Path("a.log")], a_map("no", "what")))


def test_many_wide_lines_above_and_in_a_table_are_no_long_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "LONGEST", 1000)
    (tmp_path / "a.csv").write_text("title " * 100 + "\nno,what\n" + ("a" * 500 + ",b\n") * 40)
    assert len(read(tmp_path / "a.csv", a_map("no", "what"))) == 40


def test_a_packed_member_of_a_zip_is_unpacked_and_what_matches_no_pattern_is_noted(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("a.CSV.gz", gzip.compress(CSV.encode(), mtime=0))
        made.writestr("read.me", "x")
    plain = tmp_path / "a.CSV"
    plain.write_text(CSV)
    reading = Reading()
    found, expected = (list(read_rows([path], a_map("no", "what"), told)) for path, told in ((archive, reading), (plain, None)))
    assert [row._replace(member="") for row in found] == [row._replace(member="") for row in expected]
    assert (
        reading.notes[-1] == f"{archive}: 1 of 2 files match no pattern of *.csv, *.xes (`members` in [input]) and are not read"
    )


def test_a_member_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("a.csv", CSV)
    data = bytearray(archive.read_bytes())
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + flags] |= 1
    archive.write_bytes(data)
    with pytest.raises(UsageError, match=r"a\.zip, member a\.csv cannot be read: .* is encrypted"):
        read(archive)
