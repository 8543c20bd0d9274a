"""Log times: every reading is exact and the same on every machine and every day, or it is none."""

from __future__ import annotations

import locale
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.errors import UsageError
from ioc.importing.logtimes import check_format, reader
from ioc.importing.mapping_check import assumed
from ioc.importing.maps import load_map
from ioc.importing.translate import Statistics, read_events
from ioc.times import to_ms

ZONE = "Asia/Ho_Chi_Minh"


def read(form: str, text: str, zone: str | None = ZONE, **more: Any) -> str | None:
    moment = reader([form], zone, Counter(), **more)(text)
    assert moment is None or moment[0] == to_ms(moment[1])
    return moment and moment[1]


@pytest.mark.parametrize(
    ("form", "text", "moment"),
    [
        ("%d/%m/%Y %H:%M", "05/01/2026 08:00", "2026-01-05T01:00:00Z"),
        ("%d/%m/%Y %H:%M", "5/1/2026 8:00", "2026-01-05T01:00:00Z"),
        ("%d/%m/%Y %H:%M", "05/01/2026  08:00", "2026-01-05T01:00:00Z"),
        ("%d/%m/%Y %H:%M", "05/13/2026 08:00", None),
        ("%d/%m/%Y %H:%M", "05/01/26 08:00", None),
        ("%d/%m/%Y", "05/01/2026 08:00", None),
        ("%Y%m%d", "20260105", "2026-01-04T17:00:00Z"),
        ("%Y%m%d", "2026111", None),  # 11 January or 1 November
        ("%Y%m%d%H%M%S%f", "20260105080000123456789", "2026-01-05T01:00:00.123456Z"),
        ("%d %b %Y %I:%M:%S %p", "5 jan 2026 12:00:00 AM", "2026-01-04T17:00:00Z"),
        ("%d/%m/%Y %I:%M %p", "05/01/2026 08:00 CH", "2026-01-05T13:00:00Z"),
        ("%d/%m/%Y %I:%M %p", "05/01/2026 20:00 CH", None),
        ("%A, %d %B %Y %H:%M", "Monday, 5 January 2026 08:00", "2026-01-05T01:00:00Z"),
        ("%A, %d %B %Y %H:%M", "Sunday, 5 January 2026 08:00", None),
        ("%Y-%j", "2026-005", "2026-01-04T17:00:00Z"),
        ("%Y-%j", "2026-366", None),
        ("%d/%m/%y", "05/01/26", "2026-01-04T17:00:00Z"),
        ("%Y-%m-%d %H:%M:%S %z", "2026-01-05 08:00:00 +07", "2026-01-05T08:00:00+07:00"),
        ("%Y-%m-%d %H:%M:%S %z", "2026-01-05 08:00:00 -0330", "2026-01-05T08:00:00-03:30"),
        ("%Y-%m-%d %H:%M:%S %z", "2026-01-05 08:00:00 +07:99", None),
        ("%Y-%m-%d %H:%M:%S UTC", "2026-01-05 08:00:00 ICT", None),
        ("%Y %% %m.%d", "2026 % 1x5", None),
        ("serial", "46027", "2026-01-04T17:00:00Z"),
        ("serial", "46027.3333333333", "2026-01-05T01:00:00Z"),
        ("serial", "60", None),  # 29 February 1900
        ("serial_1904", "44565.5", "2026-01-05T05:00:00Z"),
        ("epoch_s", "1_000", None),
        ("epoch_ms", "١٢", None),
        ("epoch_s", "-1.5", "1969-12-31T23:59:58.500+00:00"),
    ],
)
def test_a_reading_is_exact_or_none(form: str, text: str, moment: str | None) -> None:
    assert check_format(form) is None
    assert read(form, text) == moment


def test_epochs_and_serials_of_another_beginning_and_another_mark() -> None:
    assert read("epoch_s", "90,5", decimal=",", since=to_ms("2020-01-01T00:00:00Z")) == "2020-01-01T00:01:30.500+00:00"
    assert read("serial", "46027,5", decimal=",") == "2026-01-05T05:00:00Z"
    assert read("serial", "46027.5", decimal=",") is None


PATTERNS = (
    "%d/%m/%Y %H:%M:%S.%f%z",
    "%Y%m%d%H%M%S%f %z",
    "%a %d %b %Y %I:%M:%S.%f %p %z",
    "%A%B%d,%Y %H.%M.%S,%f%z",
    "%Y/%j %H:%M:%S:%f%z",
)


@given(
    st.datetimes().filter(lambda when: 1 < when.year < 9999),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(PATTERNS),
)
def test_what_strftime_writes_is_read_back(when: datetime, minutes: int, pattern: str) -> None:
    aware = when.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = aware.strftime(pattern.replace("%Y", f"{when.year:04}"))
    found = reader([pattern], None, Counter())(text)
    assert found is not None
    assert datetime.fromisoformat(found[1]) == aware


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("%Y-%m-%d %H:%M:%S %Z", "%Z cannot be read exactly: names of zones say no offset"),
        ("%c", "%c cannot be read exactly: it depends on the machine's language; write its parts"),
        ("%x %X", "%x cannot be read exactly"),
        ("%s", "write epoch_s"),
        ("%G-%V-%u", "%G cannot be read exactly: there are %A %a"),
        ("%-d/%m/%Y", "%- cannot be read exactly"),
        ("%d/%m/%Y %", "% cannot be read exactly"),
        ("%H:%M", "it must state the year once (%Y)"),
        ("%d/%m %H:%M", "it must state the year once (%Y)"),
        ("%m/%Y", "it must state the day once"),
        ("%d/%Y", "it must state the day once"),
        ("%j/%m/%Y", "it must state the day once"),
        ("%d/%m/%b/%Y", "it must state the day once"),
        ("%d/%d/%m/%Y", "%d stands twice"),
        ("%d/%m/%Y %I:%M", "hours are %H, or %I with %p"),
        ("%d/%m/%Y %H:%M %p", "hours are %H, or %I with %p"),
        ("%d/%m/%Y %M", "%M needs %H or %I"),
        ("%d/%m/%Y %H:%S", "%S needs %M"),
        ("%d/%m/%Y %H:%M.%f", "%f needs %S"),
    ],
)
def test_a_format_that_cannot_be_read_exactly_is_refused_with_what_to_write(form: str, said: str) -> None:
    assert said in (check_format(form) or "")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another machine: its time zone and, where it has another language than C, that."""
    before = locale.setlocale(locale.LC_ALL)
    monkeypatch.setenv("TZ", "America/St_Johns")
    time.tzset()
    for name in ("vi_VN.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"):
        try:
            locale.setlocale(locale.LC_ALL, name)
            break
        except locale.Error:
            continue
    yield
    locale.setlocale(locale.LC_ALL, before)
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_no_reading_depends_on_the_machine() -> None:
    assert time.tzname[0] == "NST"
    assert read("%a %d %B %Y %I:%M %p", "Mon 5 January 2026 08:00 PM") == "2026-01-05T13:00:00Z"
    assert read("iso", "2026-01-05 08:00", None) is None
    assert read("serial", "46027") == "2026-01-04T17:00:00Z"


MAP = """
source = "/import/due"
type = "vn.ioc.dossier.changed.v1"
[time]
format = ["%d/%m/%Y %H:%M", "%d/%m/%Y"]
zone = "Asia/Ho_Chi_Minh"
[[event]]
id = "{no}"
time = "{at}"
data = { dossier = "{no}", state = "received", due_at = "{due}" }
"""


def mapped(folder: Path, due: str, text: str = MAP) -> tuple[str, str, Statistics]:
    (folder / "m.toml").write_text(text)
    (folder / "a.csv").write_text(f"no,at,due\nP-1,12/01/2026,{due}\n")
    statistics = Statistics()
    (event,) = read_events([folder / "a.csv"], load_map(str(folder / "m.toml")), statistics)
    document = orjson.loads(event.value)
    return document["time"], document["data"].get("due_at"), statistics


OFFICE = MAP.replace('"{due}"', '{ column = "due", time = "office-close" }')


@pytest.mark.parametrize(
    ("text", "due", "at"),
    [
        (MAP, "12/01/2026", "2026-01-12T16:59:59.999Z"),
        (MAP, "12/01/2026 09:00", "2026-01-12T02:00:00Z"),
        (MAP, "12/01/2026 00:00", "2026-01-11T17:00:00Z"),
        (OFFICE, "12/01/2026", "2026-01-12T10:00:00Z"),
        (OFFICE, "12/01/2026 00:00", "2026-01-12T10:00:00Z"),
        (OFFICE, "12/01/2026 09:00", "2026-01-12T02:00:00Z"),
        (OFFICE.replace("[time]", '[time]\noffice_close = "16:30"'), "12/01/2026", "2026-01-12T09:30:00Z"),
        (OFFICE.replace("office-close", "end-of-day"), "12/01/2026 00:00", "2026-01-12T16:59:59.999Z"),
        (OFFICE.replace("office-close", "start-of-day"), "12/01/2026", "2026-01-11T17:00:00Z"),
        (MAP.replace('["%d/%m/%Y %H:%M", "%d/%m/%Y"]', '["iso", "%d/%m/%Y"]'), "2026-01-12", "2026-01-12T16:59:59.999Z"),
        (MAP.replace('["%d/%m/%Y %H:%M", "%d/%m/%Y"]', '["serial", "%d/%m/%Y"]'), "46034", "2026-01-12T16:59:59.999Z"),
    ],
)
def test_a_day_without_a_time_is_due_at_its_end_or_as_the_map_says(tmp_path: Path, text: str, due: str, at: str) -> None:
    received, due_at, statistics = mapped(tmp_path, due, text)
    assert (received, due_at) == ("2026-01-11T17:00:00Z", at)  # the event's own day begins with its first moment
    assert statistics.times["day without a time"] == (":" in at and at[11:16] in ("16:59", "10:00", "09:30"))


def test_the_check_of_a_map_says_what_a_day_and_a_short_year_mean(tmp_path: Path) -> None:
    for text, said in ((MAP, "its end (23:59:59.999)"), (OFFICE, "the end of office hours (17:00)")):
        (tmp_path / "m.toml").write_text(text.replace("%d/%m/%Y %H", "%d/%m/%y %H"))
        lines = assumed(load_map(str(tmp_path / "m.toml")))
        assert lines[0] == f"event[0].data.due_at: a day without a time means {said}"
        assert "%y from 00 to 68 is 2000 to 2068" in lines[1]


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('zone = "Asia/Ho_Chi_Minh"', "", "time.format: '%d/%m/%Y %H:%M' states no offset: write its zone"),
        ('"{due}"', '{ column = "due", format = "%c" }', "event[0].data.due_at.format: '%c': %c cannot be read exactly"),
        ("Asia/Ho_Chi_Minh", "localtime", "time.zone: 'localtime' is no time zone"),
        ("Asia/Ho_Chi_Minh", "right/UTC", "time.zone: 'right/UTC' is no time zone"),
        ('"{no}"\ntime', '"{no"\ntime', "event[0].id: '{no' has a brace without its other half"),
        ('"{due}"', '"{due}}"', "has a brace without its other half"),
        ('"{no}", state', '{ join = ["{no}", "{at"] }, state', "event[0].data.dossier: '{at' has a brace"),
        ("zone =", 'since = "2020-01-01"\nzone =', "time.since: '2020-01-01' is no time with an offset"),
        ("zone =", 'since = "2020-01-01T00:00:00Z"\nzone =', "time.since: it is for the formats epoch_ms and epoch_s"),
        ('"{no}", state', '{ column = "no", zone = "UTC" }, state', "data.dossier.zone: the contract has no time there"),
        ('"{no}", state', '{ column = "no", factor = 2 }, state', "data.dossier.factor: the contract has no number there"),
        ('"{due}"', '{ column = "due", format = "epoch_s", time = "end-of-day" }', "an epoch always states a time"),
        ('"{no}", state', '{ column = "no", time = "end-of-day" }, state', "data.dossier.time: the contract has no time there"),
    ],
)
def test_a_time_that_cannot_be_read_is_caught_by_the_check_of_the_map(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    assert was in MAP
    (tmp_path / "m.toml").write_text(MAP.replace(was, becomes, 1))
    with pytest.raises(UsageError) as refused:
        load_map(str(tmp_path / "m.toml"))
    assert said in str(refused.value)


def test_readings_without_an_offset_are_refused_before_anything_is_sent_where_the_map_has_no_zone(tmp_path: Path) -> None:
    text = MAP.replace('format = ["%d/%m/%Y %H:%M", "%d/%m/%Y"]', 'format = ["iso", "%d/%m/%Y %H:%M%z"]').replace("zone =", "#")
    (tmp_path / "m.toml").write_text(text)
    (tmp_path / "a.csv").write_text("no,at,due\nA,2026-01-05 08:00+07:00,\nB,05/01/2026 08:00Z,\nC,2026-01-05 08:00,2026-01-12\n")
    with pytest.raises(UsageError, match="2 times of the log state no offset, and the map no zone: write"):
        list(read_events([tmp_path / "a.csv"], load_map(str(tmp_path / "m.toml")), Statistics()))


def test_an_epoch_of_its_own_leaves_other_formats_alone(tmp_path: Path) -> None:
    text = MAP.replace('format = ["%d/%m/%Y %H:%M", "%d/%m/%Y"]', 'format = "epoch_s"\nsince = "2026-01-01T00:00:00+07:00"')
    text = text.replace('"{due}"', '{ column = "due", format = "%d/%m/%Y" }')
    (tmp_path / "m.toml").write_text(text)
    (tmp_path / "a.csv").write_text("no,at,due\nA,60,12/01/2026\n")
    (event,) = read_events([tmp_path / "a.csv"], load_map(str(tmp_path / "m.toml")), Statistics())
    assert b'"time":"2025-12-31T17:01:00+00:00"' in event.value
    assert b'"due_at":"2026-01-12T16:59:59.999Z"' in event.value
