"""Documents: JSON is cut into documents exactly, whatever its form and wherever the pieces end, and a bad one is told."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.errors import UsageError
from ioc.importing import documents as module
from ioc.importing import sources
from ioc.importing.documents import BEGINS, Document, documents
from ioc.importing.maps import load_map
from ioc.importing.sources import read_rows
from ioc.importing.translate import Statistics, read_events

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)
FORMS = ("array", "pretty array", "lines", "CRLF lines")
MAP = """
source = "/import/documents"
type = "vn.ioc.dossier.changed.v1"
[input]
members = ["*.json"]
[[event]]
id = "{no}"
time = "{at}"
data = { dossier = "{no}", state = "received" }
"""


def written(found: list[Any], form: str) -> str:
    if form.endswith("array"):
        return json.dumps(found, indent=2 if form == "pretty array" else None)
    end = "\r\n" if form == "CRLF lines" else "\n"
    return "".join(json.dumps(one) + end for one in found)


def texts(value: Any) -> Any:
    """Numbers as the texts they are written as."""
    if isinstance(value, dict):
        return {name: texts(one) for name, one in value.items()}
    if isinstance(value, list):
        return [texts(one) for one in value]
    return json.dumps(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def cut(data: bytes, encoding: str = "utf-8-sig") -> list[Document]:
    return list(documents("a.json", io.BytesIO(data), encoding))


@given(st.lists(OBJECTS, min_size=1, max_size=6), st.sampled_from(FORMS), st.sampled_from([1, 2, 3, 7, 64, 1 << 16]))
def test_every_form_gives_the_documents_wherever_the_pieces_end(found: list[Any], form: str, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", piece)
        assert [one.value for one in cut(written(found, form).encode())] == [texts(one) for one in found]


def test_one_document_over_many_lines_and_its_line_is_known() -> None:
    assert cut(b'\n\n {\n "a": 1\n}\n') == [Document(3, {"a": "1"})]
    assert [one.line for one in cut(b'[\n{"a":\n1},\n\n{"b":2}]')] == [2, 5]
    assert [one.line for one in cut(b'{"a":1}\n\n{"b":2}')] == [1, 3]
    assert cut(b"[ ]") == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'[{"a": 1}, {"a": ', "begins in line 1: not JSON: Expecting value"),
        (b'[\n{"a": 1}\n{"a": 2}]', "line 3: not JSON: expected , or ]"),
        (b'[{"a": 1}] 7', "more text behind the end"),
        (b'{\n"a": 1', "line 1: not JSON: Expecting ',' delimiter"),
        (b"[" * 100_000, "nested too deep"),
        (b'[{"a": NaN}]', "NaN is no number of JSON"),
        (b'[{"a": "\xff"}]', "is not utf-8-sig; JSON is UTF-8"),
    ],
)
def test_what_breaks_off_is_refused_with_its_line(data: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=r"^bad_file: a\.json") as refusal:
        cut(data)
    assert said in str(refusal.value)


def test_a_bad_line_is_told_and_none_of_its_text_is_repeated() -> None:
    good, bad, cut_off = cut(b'{"a": 1}\n{"name": "Nobody}\n{"a": 2} {"a": 3}\n')
    assert good.value == {"a": "1"}
    assert (bad.line, bad.value) == (2, None)
    assert "line 2 is not one JSON document" in bad.trouble
    assert "17 bytes with the SHA-256" in bad.trouble
    assert "Nobody" not in bad.trouble
    assert "more text at character 9" in cut_off.trouble
    first, second = cut(b'{broken\n{"a": 1}\n')
    assert (first.line, second.value) == (1, {"a": "1"})


def test_a_document_that_never_ends_is_refused_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 1 << 16)

    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            buffer[:] = (b'[{"a":"' if not self.given else b"x" * 7).ljust(len(buffer), b"x")
            self.given += len(buffer)
            return len(buffer)

    endless = Endless()
    with pytest.raises(UsageError, match="a document with more than 65,536 letters; write an array of documents, or one a line"):
        list(documents("a.json", io.BufferedReader(endless)))
    assert endless.given < 1 << 20


def test_a_big_array_is_read_document_by_document() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"["
        for number in range(200_000):
            yield b'{"no": "%d", "text": "%s"},' % (number, b"x" * 80)
        yield b"{}]"

    data = b"".join(pieces())
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        count = sum(1 for _ in documents("a.json", io.BytesIO(data)))
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert count == 200_001
    assert peak < 2 << 20, f"{len(data)} bytes took {peak}"


@pytest.mark.parametrize("head", [b'{"a"', b" [ {", b"[]", b"{", b"[", b"{}", b"[[1]]"])
def test_json_is_known_by_its_first_letters(head: bytes) -> None:
    assert BEGINS.match(head)


@pytest.mark.parametrize("head", [b"[id],[name]", b"{id},name", b"no,at", b'"[",a', b"<log>"])
def test_a_header_with_brackets_is_no_json(head: bytes) -> None:
    assert not BEGINS.match(head)


@pytest.mark.parametrize("form", ["plain", "gz", "zip", "utf-16"])
def test_json_comes_packed_as_other_logs_do(tmp_path: Path, form: str) -> None:
    (tmp_path / "map.toml").write_text(MAP)
    text = json.dumps([{"no": "Đ1", "at": "2025-03-10T08:00:00+07:00"}], ensure_ascii=False)
    path = tmp_path / f"a.json{'.gz' if form == 'gz' else ''}"
    if form == "gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.json", text)
            archive.writestr("b.csv", "no,at\n")
    else:
        path.write_bytes(text.encode("utf-16" if form == "utf-16" else "utf-8"))
    (event,) = read_events([path], load_map(str(tmp_path / "map.toml")))
    assert json.loads(event.value)["id"] == "Đ1"
    assert event.place is None, "a message has no place in a file: sent live it would have none"


def test_rows_are_in_the_balance_and_unknown_columns_are_told(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAP.replace('"{at}"', '"{Thoi}"'))
    (tmp_path / "a.json").write_text('{"no": "1", "at": "2025-03-10T08:00:00+07:00"}\n{oh\n[1]\n{"no": "2"}\n')
    statistics = Statistics()
    found = list(read_events([tmp_path / "a.json"], load_map(str(tmp_path / "map.toml")), statistics))
    assert (statistics.rows, statistics.broken, len(found), statistics.reading.rows) == (4, 2, 4, 4)
    assert statistics.reading.notes == ["a.json: no document has a value in Thoi"]


def test_a_decimal_comma_and_json_contradict_each_other(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAP.replace("[input]", '[input]\ndecimal = ","'))
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(UsageError, match="is JSON, whose decimal mark is the dot"):
        list(read_rows([tmp_path / "a.json"], load_map(str(tmp_path / "map.toml"))))


def test_a_bomb_of_documents_ends_by_its_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FREE", 1 << 16)
    (tmp_path / "map.toml").write_text(MAP)
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b'{"no": "1"}\n' * 200_000))
    with pytest.raises(UsageError, match="packed bytes unpack to more than"):
        list(read_rows([tmp_path / "a.json.gz"], load_map(str(tmp_path / "map.toml"))))
