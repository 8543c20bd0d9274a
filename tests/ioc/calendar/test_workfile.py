"""Workfile: a calendar file that does not hold together is refused, each fault with its line and what is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.calendar.seed import lines
from ioc.calendar.statements import statements
from ioc.calendar.workdays import WorkCalendar, file, load
from ioc.calendar.workfile import named, read
from ioc.errors import UsageError

GOOD = """# A calendar of one quarter.
version = "t-1"
source = [
  "Bộ luật Lao động 2019, Điều 112", # a list may take several lines
]
from = 2026-07-01
to = 2026-09-30
published_to = 2026-08-31

[[hours]]
from = 2026-07-01
mon-fri = ["07:30-11:30", "13:30-17:00"]
sat = ["07:30-11:30"]
receipts_until = "15:00"

[[hours]]
from = 2026-09-01
mon-fri = ["08:00-12:00"]

[open]
2026-08-23 = { instead_of = 2026-08-31, name = ["Làm bù", "Worked instead"] }
2026-07-31 = { hours = ["07:30-11:30"], name = ["Nửa ngày", "Half a day"] }

[closed]
2026-08-31 = ["Nghỉ hoán đổi", "Day off"]
"2026-09-01/2026-09-02" = ["Quốc khánh", "National Day"]
"""

FAULTS = [
    # (what stands there, what takes its place, the line of the fault, what is said)
    ('version = "t-1"', "", 1, "version is a text"),
    ('version = "t-1"', "version = 3", 2, "version is a text"),
    ('"Bộ luật Lao động 2019, Điều 112",', "", 3, "source lists the laws and decisions"),
    ("from = 2026-07-01\nto", "to", 1, "from is missing: from is a day without quotes"),
    ("to = 2026-09-30", 'to = "2026-09-30"', 7, "to is a day without quotes, e.g. to = 2026-01-01"),
    ("to = 2026-09-30", "to = 2026-09-30T08:00:00", 7, "to is a day without quotes"),
    ("to = 2026-09-30", "to = 2026-06-30", 8, "published_to lies between from and to"),
    ("published_to = 2026-08-31", "published_to = 2027-08-31", 8, "published_to lies between from and to"),
    (
        "published_to = 2026-08-31",
        "published_to = 2026-08-31\nholidays = 1",
        9,
        "there is no key 'holidays' here; there are version",
    ),
    # hours
    ("from = 2026-07-01\nmon", "from = 2026-07-03\nmon", 11, "from 2026-07-01 to 2026-07-02 no hours are in force: a hole"),
    ("from = 2026-09-01", "from = 2026-07-01", 17, "hours from 2026-07-01 follow those from 2026-07-01; each block begins later"),
    ("from = 2026-09-01", "from = 2026-06-01", 17, "each block begins later"),
    ("from = 2026-09-01", "from = 2026-10-01", 17, "never in force: the calendar ends on 2026-09-30"),
    ("from = 2026-09-01\n", "", 16, "from is missing"),
    ('mon-fri = ["08:00-12:00"]', "", 16, "no weekday has hours; write e.g. mon-fri"),
    ('mon-fri = ["08:00-12:00"]', "fri-mon = []", 18, "there is no key 'fri-mon' here"),
    ('mon-fri = ["08:00-12:00"]', "mon-fri = []", 18, "hours are a list"),
    ('mon-fri = ["08:00-12:00"]', 'mon-fri = "08:00-12:00"', 18, "hours are a list"),
    ('"08:00-12:00"', '"8-12"', 18, "'8-12' are no hours; write e.g."),
    ('"08:00-12:00"', '"08:00-24:00"', 18, "'08:00-24:00' are no hours"),
    ('"08:00-12:00"', "8", 18, "8 are no hours"),
    ('"08:00-12:00"', '"12:00-08:00"', 18, "12:00-08:00 closes before it opens"),
    ('"08:00-12:00"', '"08:00-12:00", "11:00-17:00"', 18, "11:00-17:00 begins before the period before it has ended"),
    ('"08:00-12:00"', '"08:00-12:00", "12:00-17:00"', 18, "periods rise, with a break"),
    ('"08:00-12:00"', '"13:30-17:00", "07:30-11:30"', 18, "periods rise, with a break"),
    ("sat = [", "fri = [", 13, "fri has hours in line 12 already; name each weekday once"),
    ('"15:00"', '"17:00"', 14, "receipts_until 17:00 lies within no day's office hours"),
    ('"15:00"', '"3 pm"', 14, "receipts_until is a time in quotes"),
    ("[[hours]]\nfrom = 2026-09-01", "[hours]\nfrom = 2026-09-01", 16, "[hours] stands twice, first in line 10"),
    # days
    ("\n2026-08-31 = [", "\n2026-02-30 = [", 25, "'2026-02-30' is no day"),
    ("\n2026-08-31 = [", "\n2025-08-31 = [", 25, "2025-08-31 lies outside of 2026-07-01 to 2026-09-30"),
    ("\n2026-08-31 = [", "\ntet = [", 25, "'tet' is no day, nor days in order"),
    ("2026-09-01/2026-09-02", "2026-09-02/2026-09-01", 26, "is no day, nor days in order"),
    ("2026-09-01/2026-09-02", "2026-09-29/2026-10-02", 26, "lies outside of"),
    ("2026-09-01/2026-09-02", "2026-08-30/2026-09-02", 26, "2026-08-31 is closed in line 25 already; name each day once"),
    ('["Quốc khánh", "National Day"]', '"Quốc khánh"', 26, "a name is Vietnamese and English"),
    ('["Quốc khánh", "National Day"]', '["Quốc khánh", " "]', 26, "a name is Vietnamese and English"),
    ("2026-07-31 = {", "2026-09-02 = {", 22, "2026-09-02 is closed in line 26: a day is closed or open, not both"),
    ("2026-07-31 = {", "2026-08-23 = {", 22, "2026-08-23 stands twice, first in line 21; write it once"),
    ("2026-07-31 = {", '"2026-07-30/2026-07-31" = {', 22, "days worked are named one by one"),
    ('hours = ["07:30-11:30"]', "half = true", 22, "write { instead_of = 2026-08-31"),
    ('hours = ["07:30-11:30"], ', "", 22, "write { instead_of = 2026-08-31"),
    ('hours = ["07:30-11:30"]', 'hours = ["11:30-07:30"]', 22, "closes before it opens"),
    ("2026-08-23 = {", "2026-08-24 = {", 21, "2026-08-24 is a working day anyway"),
    ("instead_of = 2026-08-31", "instead_of = 2026-08-23", 21, "2026-08-23 is no day off of an office day"),
    ("instead_of = 2026-08-31", "instead_of = 2026-08-28", 21, "2026-08-28 is no day off of an office day"),
    ("instead_of = 2026-08-31", 'instead_of = "2026-08-31"', 21, "instead_of is a day without quotes"),
    ('hours = ["07:30-11:30"]', "instead_of = 2026-08-31", 22, "2026-08-31 is worked in line 21 already; a day is swapped once"),
    # tables and TOML itself
    ("[closed]", "[close]", 24, "there is no table 'close'; there are [[hours]], [closed] and [open]"),
    ("[closed]", "[open.closed]", 24, "[open] has no tables of its own"),
    ("[closed]", "[open]", 24, "[open] stands twice, first in line 20"),
    ("[closed]", "[[open]]", 24, "[open] stands twice, first in line 20"),
    ('2026-08-31 = ["Nghỉ hoán đổi", "Day off"]', '2026-08-31 = ["Nghỉ hoán đổi", "Day off"', 25, "this is not TOML"),
    ('"t-1"', '"t-1', 2, "this is not TOML"),
    ("to = 2026-09-30", "to = 30.9.2026", 7, "this is not TOML"),
    ('"2026-09-01/2026-09-02"', "2026-09-01/2026-09-02", 26, "stretches of days stand in quotes"),
]


def test_a_file_that_is_well_is_read() -> None:
    rules, faults = read(GOOD)
    assert rules is not None
    assert faults == []
    assert (rules.version, named(rules.first), named(rules.last), named(rules.published)) == (
        "t-1", "2026-07-01", "2026-09-30", "2026-08-31",
    )  # fmt: skip
    assert {named(day): name[1] for day, name in rules.closed.items()} == {
        "2026-08-31": "Day off", "2026-09-01": "National Day", "2026-09-02": "National Day",
    }  # fmt: skip


@pytest.mark.parametrize(("there", "instead", "line", "said"), FAULTS, ids=[fault[3][:40] for fault in FAULTS])
def test_a_fault_is_told_with_its_line(there: str, instead: str, line: int, said: str) -> None:
    assert GOOD.count(there) >= 1
    found, faults = read(
        GOOD.replace(there, instead, 1) if there != "2026-08-31 = [" else GOOD.replace(f"\n{there}", f"\n{instead}")
    )
    assert found is None
    assert any(fault.line == line and said in fault.reason for fault in faults), faults


def test_every_fault_of_a_file_is_told_at_once() -> None:
    text = GOOD.replace('"15:00"', '"17:00"').replace("2026-08-23 =", "2026-08-24 =").replace("[closed]", "[closed]\n1 = 2")
    assert [fault.line for fault in read(text)[1]] == [14, 21, 25, 25]


def test_a_calendar_on_which_nobody_works_is_refused() -> None:
    text = re.sub(r"(?s)\[open\].*", '[closed]\n"2026-07-01/2026-09-30" = ["Nghỉ", "Off"]\n', GOOD)
    assert [fault.reason for fault in read(text)[1]] == ["the offices are open on no day at all"]


def test_an_editor_of_windows_spoils_nothing(tmp_path: Path) -> None:
    path = file()
    text = path.read_text(encoding="utf-8")
    there = tmp_path / "calendar.toml"
    there.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load(there).before == load(path).before


def test_a_faulty_file_is_not_loaded_and_the_way_out_is_named(tmp_path: Path) -> None:
    path = tmp_path / "calendar.toml"
    path.write_text(GOOD.replace('"15:00"', '"17:00"').replace('"t-1"', "1"), "utf-8")
    with pytest.raises(UsageError, match=r"calendar.toml:2: version is a text.* \(and 1 more\); `ioc calendar check \S+` tells"):
        load(path)
    path.write_bytes(b"version = '\xff'")
    with pytest.raises(UsageError, match="not UTF-8"):
        load(path)
    with pytest.raises(UsageError, match="No such file"):
        load(path.with_name("away.toml"))


VALUES = st.sampled_from(
    ["1", "-1.5", '"x"', "[]", "[1]", "[[]]", "{}", "{ hours = 1 }", "{ instead_of = 2026-08-31 }", "true", "2026-07-04",
     "07:30:00", "2026-07-04T07:30:00Z", '["a", "b"]', '["07:30-11:30"]']
)  # fmt: skip


@given(st.data())
def test_whatever_stands_there_is_read_or_told_with_a_line_of_the_file(data: st.DataObject) -> None:
    text = GOOD.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        key, equals, _ = text[place].partition(" = ")
        text[place] = data.draw(st.sampled_from([f"{key} = {data.draw(VALUES)}" if equals else "", "", *text]))
    rules, faults = read("\n".join(text))
    assert (rules is None) == bool(faults)
    assert all(1 <= fault.line <= len(text) and fault.reason for fault in faults)
    if rules is not None:
        assert WorkCalendar(rules).before[-1] > 0


# ---- lines

PIECES = st.sampled_from(
    [
        "k = 1", 'k = "[[x]]"', "k = [\n 1,\n 2 ]", 'k = """\n[[hours]]\nfrom = 1\n"""', "k = '''\n]\n'''", "[t]", "[[t]]",
        "# c", "", '"a.b" = { c = "}" } # d', "k = [ # e\n]", "  k = 2026-01-01", "\t[ u ]",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12))
def test_each_statement_has_the_line_it_begins_in(pieces: list[str]) -> None:
    expected, line = [], 1
    for piece in pieces:
        if piece and not piece.startswith("#"):
            expected.append(line)
        line += piece.count("\n") + 1
    assert [statement.line for statement in statements("\n".join(pieces))] == expected


# ---- the seed


def test_what_the_seed_prints_is_in_the_file_and_makes_a_calendar() -> None:
    closed, opened = lines(range(2000, 2050))
    shipped = file().read_text(encoding="utf-8").splitlines()
    assert {line for line in (*closed, *opened) if line[:4] <= "2026"} <= set(shipped)
    head = GOOD[: GOOD.index("[open]")].replace("2026-07-01\nto = 2026-09-30", "2000-01-01\nto = 2049-12-31")
    text = head.replace("from = 2026-07-01\nmon", "from = 2000-01-01\nmon").replace('sat = ["07:30-11:30"]\n', "")
    rules, faults = read("\n".join([text, "[open]", *opened, "[closed]", *closed]))
    assert rules is not None, faults
    assert WorkCalendar(rules).works(rules.first) is False
