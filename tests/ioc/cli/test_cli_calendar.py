"""`ioc calendar`: what a person asks of the working calendar, and how a file comes into force or is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ioc.calendar import workdays
from tests.ioc.calendar.test_workfile import GOOD
from tests.ioc.cli.test_cli import Ioc, ioc

__all__ = ["ioc"]


@pytest.fixture
def in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The calendar in force, as a file that a test may change."""
    path = tmp_path / "calendar.toml"
    path.write_bytes(workdays.file().read_bytes())
    monkeypatch.setattr(workdays, "file", lambda: path)
    workdays.calendar.cache_clear()
    yield path
    workdays.calendar.cache_clear()


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (("due", "2026-02-13T15:01", "5"), "2026-02-27 17:00:00+07:00"),
        (("due", "2026-02-13T08:01:00Z", "5"), "2026-02-27 17:00:00+07:00"),
        (("add", "2026-02-13T16:30", "12h"), "2026-02-24 11:30:00+07:00"),
        (("add", "2026-02-13T16:30", "1d"), "2026-02-23 16:30:00+07:00"),
        (("add", "2026-11-30T07:30", "90m", "--back"), "2026-11-27 15:30:00+07:00"),
        (("add", "2026-11-30T09:00", "2d", "--back"), "2026-11-26 09:00:00+07:00"),
        (("between", "2026-02-13T16:30", "2026-02-23T09:00"), "2 h 00 min"),
        (("between", "2026-02-23T09:00:01.500", "2026-02-13T16:30"), "-2 h 00 min 1.5 s"),
    ],
)
def test_when_something_is_due_is_answered_in_one_line(ioc: Ioc, asked: tuple[str, ...], answer: str) -> None:
    assert (ended := ioc("calendar", *asked)).code == 0, ended.err
    assert ended.out.strip() == answer


def test_answers_are_data_with_json(ioc: Ioc) -> None:
    assert json.loads(ioc("calendar", "due", "2026-02-13T15:01", "5", "--json").out) == {
        "from": "2026-02-13T08:01:00Z",
        "due": "2026-02-27T10:00:00Z",
    }
    assert json.loads(ioc("calendar", "between", "2026-02-13T16:30", "2026-02-23T09:00", "--json").out)["worked_ms"] == 7_200_000
    february = json.loads(ioc("calendar", "show", "--month", "2026-02", "--json").out)
    assert (february["working_days"], len(february["days"])) == (15, 28)
    august = {day["day"]: day for day in json.loads(ioc("calendar", "show", "--year", "2026", "--json").out)["days"]}
    assert august["2026-08-22"]["instead_of"] == "2026-08-31"
    assert august["2026-08-22"]["hours"] == ["07:30-11:30", "13:30-17:00"]
    assert (august["2026-08-31"]["works"], august["2026-08-30"]["name"]) == (False, None)


def test_a_year_is_shown_with_its_days_off_swapped_days_and_hours(ioc: Ioc) -> None:
    shown = ioc("calendar", "show", "--year", "2026").out
    for part in ("2026-02", "15", "112 h 30 min", "Tết Nguyên Đán / Lunar New Year", "2026-08-22", "Làm bù cho ngày 31/08/2026",
                 "mon-fri 07:30-11:30, 13:30-17:00", "received after 15:00", "Bộ luật Lao động"):  # fmt: skip
        assert part in shown
    assert "Not yet decreed" not in shown
    assert "Chưa công bố sau / Not yet decreed after 2026-12-31" in ioc("calendar", "show", "--year", "2027").out
    month = ioc("calendar", "show", "--month", "2026-02").out
    assert "15 ngày làm việc / working days, 112 h 30 min" in month
    assert "nghỉ / closed" in month
    assert ioc("calendar", "show").code == 0, "this year"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "--month", "2026-13"), "'2026-13' is no month; write e.g. 2026-02"),
        (("show", "--year", "1999"), "the calendar holds from 2000-01-01 to 2049-12-31; 1999 lies outside"),
        (("show", "--year", "0"), "0 lies outside"),
        (("show", "--month", "9999-12"), "9999-12 lies outside"),
        (("show", "--year", "2026", "--month", "2026-02"), "give --year or --month, not both"),
        (("due", "2026-02-13", "0"), "at least one working day, not 0"),
        (("due", "yesterday", "5"), "'yesterday' is no time"),
        (("due", "2050-01-03T09:00", "5"), "known from 2000-01-01 to 2049-12-31"),
        (("add", "2026-02-13T09:00", "5 hours"), "'5 hours' is no working time; write hours, minutes or whole working days"),
        (("add", "2026-02-13T09:00", "1w"), "'1w' is no working time"),
        (("check", "nowhere.toml"), "nowhere.toml: No such file or directory; name a calendar's file"),
        (("use", "."), ".: Is a directory; name a calendar's file"),
        (("seed", "--from", "2027", "--to", "2026"), "years run from 1995 to 2099"),
    ],
)
def test_a_wrong_question_ends_with_2_and_says_what_is_right(ioc: Ioc, arguments: tuple[str, ...], said: str) -> None:
    ended = ioc("calendar", *arguments)
    assert (ended.code, said in ended.err) == (2, True), ended


def test_a_file_that_is_well_says_what_it_changes(ioc: Ioc, in_force: Path) -> None:
    assert "is well: version 2026-2, 2000-01-01 to 2049-12-31" in ioc("calendar", "check").out
    other = in_force.with_name("next.toml")
    text = in_force.read_text(encoding="utf-8").replace('receipts_until = "15:00"\n', "")
    other.write_text(text + '"2027-08-02/2027-08-03" = ["Nghỉ bù", "Day off"]\n', encoding="utf-8")
    ended = ioc("calendar", "check", str(other))
    assert ended.code == 0
    assert ended.out.splitlines()[1:] == [
        "unlike the calendar in force:",
        "  2027-08-02: 07:30-11:30, 13:30-17:00 -> closed",
        "  2027-08-03: 07:30-11:30, 13:30-17:00 -> closed",
        "  receipts_until differs",
    ]
    other.write_text(GOOD, encoding="utf-8")
    assert "2000-01-03: closed -> unknown" in ioc("calendar", "check", str(other)).out


def test_a_faulty_file_is_refused_with_its_lines_and_the_old_one_stays(ioc: Ioc, in_force: Path) -> None:
    before, other = in_force.read_bytes(), in_force.with_name("next.toml")
    other.write_text(GOOD.replace('"15:00"', '"17:00"').replace("2026-07-31 = {", "2026-09-01 = {"), encoding="utf-8")
    for command in ("check", "use"):
        ended = ioc("calendar", command, str(other))
        assert ended.code == 1
        assert ended.out.splitlines() == [
            f"{other}:14: receipts_until 17:00 lies within no day's office hours",
            f"{other}:22: 2026-09-01 is closed in line 26: a day is closed or open, not both",
            "2 faults; the calendar in force stays",
        ]
    other.write_bytes(b'version = "1"\nsource = "\xff"')
    assert "next.toml:2: the file is not UTF-8" in ioc("calendar", "use", str(other)).out
    assert in_force.read_bytes() == before


def test_a_file_that_is_put_in_force_is_the_calendar_and_asks_for_a_rebuild(ioc: Ioc, in_force: Path) -> None:
    other = in_force.with_name("next.toml")
    other.write_text(in_force.read_text(encoding="utf-8") + '2027-08-02 = ["Nghỉ bù", "Day off"]\n', encoding="utf-8")
    ended = ioc("calendar", "use", str(other))
    assert ended.code == 0, ended.err
    assert "2027-08-02: 07:30-11:30, 13:30-17:00 -> closed" in ended.out
    assert "`ioc rebuild`" in ended.out
    assert in_force.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in in_force.parent.iterdir()) == ["calendar.toml", "next.toml"]


def test_a_centre_with_a_faulty_calendar_is_told_its_line(ioc: Ioc, in_force: Path) -> None:
    in_force.write_text(GOOD.replace('"15:00"', '"17:00"'), encoding="utf-8")
    ended = ioc("calendar", "due", "2026-07-03T09:00", "1")
    assert (ended.code, f"{in_force}:14: receipts_until 17:00" in ended.err) == (2, True)
    assert ioc("calendar", "check").code == 1
    other = in_force.with_name("next.toml")
    other.write_text(GOOD, encoding="utf-8")
    assert "the calendar in force is not well" in ioc("calendar", "use", str(other)).out, "a good one takes its place"
    assert ioc("calendar", "due", "2026-07-03T09:00", "1").code == 0


def test_the_lines_of_a_year_are_printed_to_compare(ioc: Ioc) -> None:
    out = ioc("calendar", "seed", "--from", "2026").out.splitlines()
    assert out[:2] == [
        "[open]",
        '2026-08-22 = { instead_of = 2026-08-31, name = ["Làm bù cho ngày 31/08/2026", "Worked instead of 2026-08-31"] }',
    ]
    assert '2026-02-17 = ["Tết Nguyên Đán", "Lunar New Year"]' in out
