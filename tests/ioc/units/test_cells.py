"""Cells: a registry is read strictly, holds as of any time, and tells what measurement is due."""

from __future__ import annotations

import csv
import io
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from ioc.errors import DeclarationError
from ioc.times import DAY, OFFSET, to_ms
from ioc.units import cells_file, reading
from ioc.units.cells import FOREVER, Registry
from ioc.units.cells_file import HEADER
from ioc.units.due import Periods
from ioc.units.reading import File, UnitsRefused
from ioc.units.rollups import groups, spans
from ioc.vocabulary import Rollup
from streams import cells
from streams.ran import STREAM

TREE = reading.tree(reading.home())
HAC_THANH, SAM_SON = "14797", "16531"
GOOD = {
    "cell": "A:1", "site": "A", "name": "Trạm A", "latitude": "19.8", "longitude": "105.78", "unit": HAC_THANH, "vendor": "x",
    "period_s": "900", "kind": "", "from": "2025-07-01", "to": "",
}  # fmt: skip


def file(*rows: dict[str, str]) -> File:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows([(GOOD | row)[name] for name in HEADER] for row in rows)
    return File("cells.csv", out.getvalue())


def made(*rows: dict[str, str]) -> Registry:
    return cells_file.checked(file(*rows), TREE)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"cell": ""}], "2: a cell has a cell"),
        ([{"latitude": "19,8"}], "2: latitude is '19,8'; write degrees with a decimal point"),
        ([{"latitude": "105.78", "longitude": "19.8"}], "2: 105.78, 19.8 is not in Vietnam; they stand the wrong way round"),
        ([{"latitude": "nan"}], "2: nan, 105.78 is not in Vietnam"),
        ([{"period_s": "0"}], "2: period_s is '0'"),
        ([{"period_s": "²"}], "2: period_s is '²'"),
        ([{"from": "1/7/2025"}], "2: from is '1/7/2025'; write a day"),
        ([{"to": "2025-07-01"}], "2: to is 2025-07-01, and from 2025-07-01: it ends before it begins"),
        ([{"unit": "380"}], "2: 380 is no commune of the edition of 2025-07-01"),
        ([{"unit": "380", "from": "2024-01-01"}], "2: 380 is Thành phố Thanh Hóa, a district, no commune of the edition of 2004"),
        ([{}, {"from": "2026-01-01"}], "3: A:1 is there from 2025-07-01 and has no end (line 2): end one where the other begins"),
        ([{"to": "2026-01-02"}, {"from": "2026-01-01"}], "3: A:1 is there from 2025-07-01 until 2026-01-02 (line 2)"),
        ([{}, {"site": "B"}], "3: A:1 is there"),
        ([{}, {"cell": "A:2", "unit": SAM_SON}], f"3: site A has unit {SAM_SON}, and {HAC_THANH} in line 2, at the same time"),
        ([], "1: there are no cells"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_what_is_right(rows: list[dict[str, str]], said: str) -> None:
    with pytest.raises(UnitsRefused) as refused:
        made(*rows)
    assert any(one.startswith(f"cells.csv:{said}") for one in refused.value.found), refused.value.found


def test_all_faults_are_told_at_once_and_a_header_of_another_form_is_one() -> None:
    with pytest.raises(UnitsRefused) as refused:
        made({"cell": "", "latitude": "x"}, {"period_s": "-1"})
    assert [one.split(": ")[0] for one in refused.value.found] == ["cells.csv:2", "cells.csv:2", "cells.csv:3"]
    with pytest.raises(UnitsRefused, match=r"cells.csv:1: the header is `cell,site,"):
        cells_file.checked(File("cells.csv", file({}).text.replace(",", ";")), TREE)
    with pytest.raises(UnitsRefused, match=r"cells.csv:3: 2 columns; there are 11"):
        cells_file.checked(File("cells.csv", file({}).text + "a,b\n"), TREE)


def test_the_shipped_registry_holds_together_and_names_its_sites() -> None:
    found = cells.registry()
    assert len(found.at(FOREVER - 1)) == 50
    assert found.names["THA-SS1"] == "Bãi biển Sầm Sơn"
    begin, end = (np.array([to_ms(f"2026-01-01T0{hour}:00:00Z")]) for hour in (0, 1))
    assert Periods(cells.registry).seconds(begin, end).tolist() == [[3600]] * 50


# ---- what is due


def counted(row: dict[str, str], begin: int, end: int) -> int:
    """By counting the periods of a row that end in (begin, end] one by one; days begin at 17:00 UTC of the day before."""
    own = GOOD | row
    total, period, first = 0, int(own["period_s"]), _midnight(own["from"])
    last = _midnight(own["to"]) if own["to"] else 1 << 60
    start = max(begin - period * 1000, first) // (period * 1000) * period * 1000
    while start + period * 1000 <= min(end, last):
        total += period * (start + period * 1000 > begin and start >= first)
        start += period * 1000
    return total


def _midnight(day: str) -> int:
    return int((datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=7)).timestamp()) * 1000


def test_what_is_due_is_what_counting_periods_one_by_one_gives() -> None:
    rng, first = random.Random(17), date(2026, 1, 1)
    rows = []
    for n in range(12):
        begins = first + timedelta(days=rng.randrange(6))
        between = begins + timedelta(days=1 + rng.randrange(3))
        place = {"cell": f"c{n}", "site": f"s{n % 3}", "period_s": str(rng.choice((300, 900, 900, 3600, 7, 86400)))}
        rows.append(place | {"from": str(begins), "to": rng.choice((str(between), ""))})
        if rows[-1]["to"] and rng.random() < 0.7:
            rows.append(place | {"from": str(between + timedelta(days=rng.randrange(2))), "period_s": "600"})
    registry = made(*rows)
    asked = []
    for _ in range(300):
        begin = _midnight("2026-01-01") + rng.randrange(-DAY, 8 * DAY, rng.choice((1, 1000, 300_000, 900_000)))
        asked.append((begin, begin + rng.choice((0, 1, 899_999, 900_000, rng.randrange(3 * DAY), DAY))))
    begins, ends = (np.array([one[place] for one in asked], np.int64) for place in (0, 1))
    due = Periods(lambda: registry)
    found = due.seconds(begins, ends)
    assert found.tolist() == [[counted(row, begin, end) for begin, end in asked] for row in rows]
    assert found.any()
    assert due.leaves() == [(row["site"], row["cell"]) for row in rows]


# ---- as of time

REFORM, MOVED = to_ms("2025-07-01T00:00:00+07:00"), to_ms("2026-03-01T00:00:00+07:00")
ROWS = (
    {"from": "2024-01-01", "to": "2026-03-01", "unit": "14758"},  # phường Đông Thọ until 2025, which became Hạc Thành's
    {"from": "2026-03-01", "to": "2026-05-01", "unit": SAM_SON},
    {"cell": "B:1", "site": "B", "from": "2026-01-01"},
)


def rollup(tmp_path: Path, level: str) -> Rollup:
    path = tmp_path / "cells.csv"
    path.write_text(file(*ROWS).text, encoding="utf-8")
    return Rollup(level, of="site", tree=reading.home(), cells=path)


def test_a_site_belongs_to_the_commune_it_stands_in_at_the_time_that_is_asked_about(tmp_path: Path) -> None:
    own = rollup(tmp_path, "commune")
    of = [groups(own, at=at)["A"] for at in (REFORM - DAY, REFORM, REFORM + 1, MOVED, MOVED + 1, FOREVER)]
    became = TREE.at("14758", 1)
    assert became not in ("?", "14758@2025-07-01"), "Hàm Rồng has the code of before"
    assert of == ["14758", "14758", became, became, f"{SAM_SON}@2025-07-01", f"{SAM_SON}@2025-07-01"]
    assert groups(own, edition=1, at=REFORM)["A"] == became, "by the units of today"
    assert groups(rollup(tmp_path, "district"), at=REFORM)["A"] == "380"
    assert {groups(rollup(tmp_path, "province"), at=at)["A"] for at in (REFORM, MOVED, FOREVER)} == {"38"}


def test_the_spans_of_groups_are_what_holds_at_every_instant(tmp_path: Path) -> None:
    for level in ("commune", "district", "province"):
        own = rollup(tmp_path, level)
        for at in (0, REFORM, REFORM + 1, MOVED - OFFSET, MOVED, MOVED + 1, MOVED + 90 * DAY):
            held = {value: group for value, group, since, until in spans(own) if since < at <= until}
            assert held == groups(own, at=at), (level, at)


def test_a_rollup_of_sites_names_a_registry_beside_a_tree() -> None:
    from dataclasses import replace

    from ioc.catalog import Catalog

    own = Rollup("commune", of="site", tree=reading.home(), cells=Path("nowhere.csv"))
    with pytest.raises(DeclarationError, match=r"cells= names a registry, nowhere.csv"):
        Catalog((replace(STREAM, rollups=(own,), board=None),))
