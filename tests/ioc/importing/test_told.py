"""Told: every row of a file is in the balance, and what is wrong with one is said in the words of the file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from ioc.events.exact_lane import Reject
from ioc.importing import told
from ioc.importing.mapping import Map
from ioc.importing.maps import load_map
from ioc.importing.order import Ordered
from ioc.importing.shift import shifted
from ioc.importing.told import Checked, check, faults
from ioc.importing.translate import read_events
from ioc.settings import Settings

DOSSIERS = """
source = "/import/told"
type = "vn.ioc.dossier.changed.v1"
[time]
format = ["%Y-%m-%d %H:%M", "epoch_s"]
zone = "Asia/Ho_Chi_Minh"
[values.channel]
web = "online"
[[event]]
when = { step = ["in", "out"] }
id = "{no}/{step}"
time = "{day} {hour}"
[event.data]
dossier = "{no}"
state = "received"
agency = "{office}"
channel = { column = "way", values = "channel" }
due_at = { column = "due", format = "%d/%m/%Y" }
"""
HEADER = "no,step,day,hour,office,way,due"
GOOD = "T1,in,2026-01-05,08:00,A,web,12/01/2026"
CELLS = """
source = "/import/told"
type = "vn.ioc.ran.measured.v1"
[input]
decimal = ","
delimiter = ";"
[[event]]
id = "{@row}"
time = "{at}"
data = { cell = "{cell}", site = "S", period_s = "{period}", rat = "NR" }
[[event.measurements]]
name = "RSRP"
column = "rsrp"
unit = "dBm"
[[event.measurements]]
name = "DRB.UEThpDl"
column = "rate"
unit = "kbit/s"
"""


def a_map(folder: Path, text: str = DOSSIERS) -> Map:
    (folder / "told.toml").write_text(text)
    return load_map(str(folder / "told.toml"))


def checked(folder: Path, rows: Sequence[str], text: str = DOSSIERS, header: str = HEADER) -> Checked:
    (folder / "told.csv").write_text("\n".join((header, *rows)) + "\n")
    return check([folder / "told.csv"], a_map(folder, text), Settings(data_dir=folder), int(time.time() * 1000))


@pytest.mark.parametrize(
    ("row", "field", "said"),
    [
        ("T1,in,05/01/2026,08:00,A,web,", "time", "day+hour `05/01/2026 08:00` does not match `%Y-%m-%d %H:%M` or `epoch_s`"),
        ("T1,in,,08:00,A,web,", "time", "day is empty: "),
        (GOOD.replace("12/01/2026", "2026-01-12"), "data.due_at", "due `2026-01-12` does not match `%d/%m/%Y`"),
        (GOOD.replace("web", "Zalo"), "data.channel", "way `Zalo` is not in [values.channel], which has 'web'"),
        (GOOD.replace(",A,", ",*,"), "data.agency", "office `*`: must be a code"),
        (GOOD.replace("T1", ""), "id", "no is empty: "),
        (GOOD.replace("2026-01-05", "1948-01-05"), "time", "day+hour `1948-01-05 08:00`: 1948-01-05T"),
        (GOOD + ",more", "time", "row 2 (line 3) has 8 columns, the header has 7"),
    ],
)
def test_what_is_wrong_is_said_by_the_text_of_the_file_its_line_and_what_it_was_held_against(
    tmp_path: Path, row: str, field: str, said: str
) -> None:
    found = checked(tmp_path, [GOOD, row])
    (kind,) = found.refused
    (fault,) = kind.first
    assert (kind.field, kind.count, found.rejected) == (field, 1, 1)
    assert (fault.file, fault.row, fault.line, fault.where()) == ("told.csv", 2, 3, "told.csv, line 3")
    assert fault.message.startswith(said)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("C;60;-90,5;much", 'rate `much` is no number (`decimal = ","`)'),
        ("C;60;;much", 'rate `much` is no number (`decimal = ","`)'),
        ("C;long;-90,5;7", 'period `long` is no number (`decimal = ","`)'),
        ("C;60;-900;7", "rsrp `-900`: "),
    ],
)
def test_numbers_and_named_quantities_are_told_by_their_columns(tmp_path: Path, row: str, said: str) -> None:
    found = checked(tmp_path, ["C;60;-90,5;7,5;2026-01-05T08:00Z", f"{row};2026-01-05T08:00Z"], CELLS, "cell;period;rsrp;rate;at")
    ((fault,),) = [kind.first for kind in found.refused]
    assert fault.message.startswith(said)
    assert fault.line == 3


def test_every_row_is_in_the_balance_and_the_first_three_of_a_kind_are_told(tmp_path: Path) -> None:
    rows = [GOOD, GOOD.replace("in", "other"), GOOD + ",more", *(GOOD.replace("2026-01-05", f"{n}/1/26") for n in range(1, 6))]
    found = checked(tmp_path, rows)
    statistics = found.statistics
    assert (statistics.rows, statistics.unmatched, statistics.broken, statistics.events) == (8, 1, 1, 7)
    times = [kind for kind in found.refused if kind.field == "time"]
    assert sum(kind.count for kind in times) == found.rejected == 6
    assert [fault.line for kind in times for fault in kind.first] == [4, 5, 6]
    assert [(place.line, event.get("id")) for place, event in found.first] == [(2, "T1/in"), (4, "told.csv#3")]
    assert told.notes(statistics) == {"could not be read": {"time": 5}, told.TIMES: {"day without a time": 6}}


def test_a_row_of_several_lines_is_told_by_the_first_of_them(tmp_path: Path) -> None:
    found = checked(tmp_path, [GOOD.replace(",A,", ',"A\nB",'), GOOD.replace("web", "Zalo")])
    assert [fault.line for kind in found.refused for fault in kind.first] == [2, 4]


@pytest.mark.parametrize("shift", [0, 86_400_000])
def test_a_row_is_found_again_by_what_was_sent_of_it(tmp_path: Path, shift: int) -> None:
    rows = [GOOD, GOOD.replace("2026-01-05", "soon"), GOOD.replace("T1", "T2")]
    (tmp_path / "told.csv").write_text("\n".join((HEADER, *rows)) + "\n")
    files, log_map = [tmp_path / "told.csv"], a_map(tmp_path)
    with Ordered(read_events(files, log_map), tmp_path) as ordered:
        values = {orjson.loads(e.value)["data"]["dossier"]: (shifted(e, shift) if shift else e).value for e in ordered}
    reused = Reject("id_reused", "id", "used before")
    found = faults(files, log_map, {values[next(d for d in values if d.startswith("T2"))]: reused, b"{}": reused}, shift)
    assert [(fault.line, fault.message) for fault in found.values()] == [(4, "no+step `T2/in`: used before")]
