"""Delimited: no line of a CSV is lost without a word; what is certain is found out, the rest refused with what to write."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.errors import UsageError
from ioc.importing.mapping import Map
from ioc.importing.maps import load_map
from ioc.importing.rows import Reading, Row
from ioc.importing.sources import read_rows
from ioc.importing.translate import Statistics, read_events
from ioc.text import nfc

HEAD = "no,state,at,note\n"


def a_map(**given: Any) -> Map:
    event = {"id": "{no}/{state}", "time": "{at}", "data": {}}
    return Map.model_validate({"source": "/x", "event": [event], "input": given})


def read(path: Path, content: str | bytes, **given: Any) -> tuple[list[Row], Reading]:
    path.joinpath("a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    reading = Reading()
    return list(read_rows([path / "a.csv"], a_map(**given), reading)), reading


def names(rows: list[Row]) -> list[str]:
    return [row.fields.get("no", "") for row in rows]


UNCLOSED = 'Q-1,new,08:00,ok\nQ-2,new,08:01,"of Mr A\nQ-3,new,08:02,ok\nQ-4,new,08:03,ok\n'
CLOSED_LATER = 'Q-1,new,08:00,"12"\nQ-2,new,08:01,"12 inch\nQ-3,new,08:02,ok\nQ-4,new,08:03,size 12"\nQ-5,new,08:04,ok\n'


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (UNCLOSED, "line 3: unexpected end of data; the quote that opens there"),
        ('A,new,08:00,"one\ntwo"\nB,new,08:01,"open\nmore\n', "line 4: unexpected end of data"),
        ('A,new,08:00,"one\u2028\x0c\ntwo"\nB,new,08:01,"open\nmore\n', "line 4: unexpected end of data"),
        ('A,new,08:00,"of "B" C"\n', "line 2: ',' expected after '\"'"),
        (CLOSED_LATER, "line 3: a quote that opens in this row is closed in line 5, and lines between look like rows"),
        ('A,new,08:00,"12\nB,new,08:01,12"\n', "line 2: a quote that opens in this row is closed in line 3"),
        ('A,"12,08:00,x\nB,12",08:01,y\n', "line 2: a quote that opens in this row is closed in line 3"),
    ],
)
def test_a_quote_that_swallows_rows_is_refused_with_the_line_where_it_opened(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, HEAD + rows)
    assert said in str(refused.value)
    assert 'quote = ""' in str(refused.value)


def test_where_a_quote_is_a_letter_every_line_is_a_row(tmp_path: Path) -> None:
    rows, reading = read(tmp_path, HEAD + CLOSED_LATER, quote="")
    assert names(rows) == ["Q-1", "Q-2", "Q-3", "Q-4", "Q-5"]
    assert rows[1].fields["note"] == '"12 inch'
    assert (reading.lines, reading.rows, reading.within) == (6, 5, 0)


def test_cells_of_several_lines_are_read_and_every_line_is_accounted_for(tmp_path: Path) -> None:
    text = HEAD + 'A,new,08:00,"one,\ntwo, and\nthree"\n\nB,new\n,,,\nC,new,08:01,"a ""b"""\n'
    rows, reading = read(tmp_path, text)
    assert [(row.line, row.number, bool(row.trouble)) for row in rows] == [(2, 1, False), (6, 2, True), (8, 4, False)]
    assert rows[0].fields["note"] == "one,\ntwo, and\nthree"
    assert (reading.lines, reading.above, reading.blank, reading.rows, reading.within) == (8, 1, 2, 3, 2)
    with pytest.raises(UsageError, match="multiline = true"):
        read(tmp_path, HEAD + 'A,new,08:00,"one\nB,new,08:01,x\nthree"\n')
    rows, reading = read(tmp_path, HEAD + 'A,new,08:00,"one\nB,new,08:01,x\nthree"\n', multiline=True)
    assert (len(rows), reading.within) == (1, 2)


@given(
    cells=st.lists(st.lists(st.text('ab,;"\n', max_size=5), min_size=4, max_size=4), max_size=6),
    cut=st.integers(0, 200),
)
@settings(max_examples=150, deadline=None)
def test_lines_of_any_file_are_the_sum_of_what_they_became_or_it_is_refused(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], cut: int
) -> None:
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(cells)
    whole = HEAD + text.getvalue()
    content = whole[: max(len(HEAD), len(whole) - cut)]
    folder = tmp_path_factory.mktemp("any", numbered=True)
    try:
        rows, reading = read(folder, content)
    except UsageError as error:
        if ", line " not in str(error):
            raise
        return
    assert reading.lines == content.count("\n") + (not content.endswith("\n"))
    assert reading.lines == reading.above + reading.blank + reading.rows + reading.within
    assert reading.rows == len(rows)


BODY = "no;state;at;agency\nS-1;new;08:00;A\nS-2;new;08:10;A\n"


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        "sep=;\n" + BODY,
        "sep=;\r\n" + BODY.replace("\n", "\r\n"),
        'BÁO CÁO HỒ SƠ "THÁNG 1;;;\n;;;\n' + BODY,
        "Báo cáo\n\n" + BODY,
        BODY.replace(";", "  ;").replace("\n", "  \n"),
        BODY.replace("A\n", "A;\n"),
        BODY.replace("\n", ";\n"),
        BODY.replace(";", "\t"),
        BODY + ";;;\n;;;\n",
        "\ufeff" + BODY,
    ],
)
def test_what_stands_around_the_table_is_found_out_where_it_is_certain(tmp_path: Path, text: str) -> None:
    rows, _ = read(tmp_path, text)
    assert [(row.fields["no"], row.fields["at"], row.fields["agency"]) for row in rows] == [
        ("S-1", "08:00", "A"),
        ("S-2", "08:10", "A"),
    ]


def test_what_was_found_out_is_told(tmp_path: Path) -> None:
    _, reading = read(tmp_path, "sep=;\n" + BODY)
    assert reading.notes == ["a.csv: 1 line(s) above the header passed over", "a.csv: the delimiter is ';'"]
    assert read(tmp_path, BODY, delimiter=";")[1].notes == []


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        (BODY, {"delimiter": ","}, "line 1 has them: write delimiter = ';' and skip = 0 under [input]"),
        ("sep=;\n" + BODY, {"delimiter": ","}, "begins with 'sep=;': write delimiter = ';' under [input]"),
        ("title\n" + BODY, {"skip": 0}, "line 2 has them: write delimiter = ';' and skip = 1 under [input]"),
        ("nr;state\n", {}, "has no column at, no, state; it has nr;state"),
        (BODY.replace("no;", " no;"), {"trim": False, "delimiter": ";"}, "has no column no; it has  no, state"),
    ],
)
def test_what_is_not_certain_is_refused_with_what_to_write(tmp_path: Path, text: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, text, **given)
    assert said in str(refused.value)


def test_lines_above_the_header_are_passed_over_as_the_map_says(tmp_path: Path) -> None:
    rows, reading = read(tmp_path, 'no,state,at,"open title\n' + "\n" * 30 + BODY, skip=31, delimiter=";")
    assert names(rows) == ["S-1", "S-2"]
    assert (rows[0].line, reading.above, reading.notes) == (33, 32, [])


def test_a_row_with_a_surplus_cell_that_is_not_empty_keeps_its_trouble(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, BODY + "S-3;new;;08:20;A\nS-4;new;08:30;\n")
    assert [row.trouble for row in rows[:2]] == ["", ""]
    assert "row 3 (line 4) has 5 columns" in rows[2].trouble


def test_a_cell_is_null_only_in_the_column_that_says_so(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "no,state,at\n0,0,08:00\n", null_in={"state": ["0"]})
    assert "state" not in rows[0].fields
    assert rows[0].fields["no"] == "0"
    with pytest.raises(UsageError, match="has no column stat; it has no, state, at"):
        read(tmp_path, "no,state,at\n0,0,08:00\n", null_in={"stat": ["0"]})


NAME = "Sở Kế hoạch và Đầu tư"
MAP = """
source = "/import/forms"
type = "vn.ioc.dossier.changed.v1"
[time]
zone = "Asia/Ho_Chi_Minh"
[values.unit]
"Sở Kế hoạch và Đầu tư" = "SKHDT"
[[event]]
when = { "Đơn vị" = "Sở Kế hoạch và Đầu tư" }
id = "{no}"
time = "{at}"
data = { dossier = "{no}", state = "received", agency = "{Đơn vị}", unit = { column = "Đơn vị", values = "unit" } }
"""


@pytest.mark.parametrize("map_form", ["NFC", "NFD"])
@pytest.mark.parametrize("form", ["NFC", "NFD", "windows-1258"])
def test_one_name_is_one_name_in_every_form(tmp_path: Path, form: str, map_form: Any) -> None:
    text = f"no,Đơn vị,at\nA,{NAME},2026-01-05\n"
    if form == "windows-1258":  # letters with circumflex, breve or horn, and tones that combine
        split = "".join(
            c if len(d := unicodedata.normalize("NFD", c)) < 3 and c in "ÂâÊêÔôĂăƠơƯưĐđáàéèíìóòúùâ" else _parted(d, c)
            for c in text
        )
        data = split.encode("cp1258")
    else:
        data = unicodedata.normalize(form, text).encode()  # type: ignore[arg-type]
    (tmp_path / "a.csv").write_bytes(data)
    encoding = '[input]\nencoding = "windows-1258"\n' if form == "windows-1258" else ""
    (tmp_path / "m.toml").write_text(unicodedata.normalize(map_form, MAP + encoding), "utf-8-sig")
    (event,) = read_events([tmp_path / "a.csv"], load_map(str(tmp_path / "m.toml")), Statistics())
    assert f'"agency":"{NAME}","unit":"SKHDT"'.encode() in event.value


def _parted(decomposed: str, letter: str) -> str:
    """As windows-1258 has it: the letter with its shape, then the tone."""
    if len(decomposed) == 1:
        return letter
    tones = [mark for mark in decomposed[1:] if mark in "\u0300\u0301\u0303\u0309\u0323"]
    return nfc(decomposed[0] + "".join(mark for mark in decomposed[1:] if mark not in tones)) + "".join(tones)


def test_a_file_name_in_another_form_gives_the_same_ids(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        path = tmp_path / (unicodedata.normalize(form, "hồ sơ") + ".csv")  # type: ignore[arg-type]
        path.write_text(HEAD + "A,new,08:00,x\n")
        assert next(read_rows([path], a_map())).member == "hồ sơ.csv"


@pytest.mark.parametrize(
    ("encoding", "data", "said"),
    [
        (
            None,
            "x,Sở\n".encode("cp1258", "ignore") + "Đất\n".encode("cp1258", "ignore"),
            'may be windows-1258: write encoding = "',
        ),
        (None, "x\n".encode("utf-16-be"), "line 1, is not utf-8-sig; it may be utf-16-be: write"),
        ("windows-1258", "a,b,c,ok\nx,y,z,Sở\n".encode(), "line 4, is not windows-1258; it may be utf-8-sig: write enc"),
        ("ascii", "a,b,c,ok\nx,y,z,Sở\n".encode(), 'line 4, is not ascii; it may be utf-8-sig: write encoding = "utf-8-sig"'),
        ("utf-16", b"x,y\n", "line 1, is not utf-16"),
    ],
)
def test_a_wrong_encoding_is_told_with_the_line_and_the_likely_one(
    tmp_path: Path, encoding: str | None, data: bytes, said: str
) -> None:
    given = {"encoding": encoding} if encoding else {}
    before = b"" if encoding == "utf-16" else (HEAD + "A,new,08:00,x\n").encode("utf-16-be" if b"\0" in data else "utf-8")
    with pytest.raises(UsageError) as refused:
        read(tmp_path, before + data, **given)
    assert said in str(refused.value)


def test_a_byte_order_mark_says_utf_16_where_the_map_says_nothing(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, BODY.replace(";", "\t").encode("utf-16"))
    assert names(rows) == ["S-1", "S-2"]


def test_a_map_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_bytes(b'source = "/x"\ntitle = "\xd0"\n')
    with pytest.raises(UsageError, match="line 2, is not UTF-8"):
        load_map(str(tmp_path / "m.toml"))
