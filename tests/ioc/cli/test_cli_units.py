"""`ioc units`, and numbers by rollups on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ioc.catalog import Catalog
from ioc.store.clickhouse import Store
from tests.brute import ms
from tests.counting import count, pipeline, real_store
from tests.ioc.cli.test_cli import Ioc, ioc
from tests.logs import beat
from tests.streams_towns import TOPIC, event, record, towns
from tests.worlds import HEADER, SUCCESSORS, world

__all__ = ["ioc"]
GOOD = [HEADER, "38,Tỉnh A,province,,2010-01-01,", "101,Xã C,commune,38,2010-01-01,2025-07-01", "101,Xã E,commune,38,2025-07-01,"]
BECAME = [SUCCESSORS, "101,2010-01-01,101,2025-07-01,yes"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree that is in force."""
    (tmp_path / "units").mkdir()
    (tmp_path / "units.toml").write_text(world(0).toml())
    (tmp_path / "units" / "units.csv").write_text("\n".join(GOOD))
    (tmp_path / "units" / "successors.csv").write_text("\n".join(BECAME))
    return tmp_path / "units"


def test_the_shipped_units_are_listed_as_of_any_time(ioc: Ioc) -> None:
    then = json.loads(ioc("units", "list", "--at", "2022-10-06", "--level", "district", "--json").out)
    assert len(then) == 26
    assert then[0] == {
        "unit": "380", "name": "Thành phố Thanh Hóa", "level": "district", "parent": "38", "valid_from": "2004-07-08",
        "valid_to": "2025-07-01", "became": [],
    }  # fmt: skip
    old = json.loads(ioc("units", "list", "--at", "2025-06-30T23:59:59", "--level", "commune", "--json").out)
    assert (len(old), next(row["became"] for row in old if row["unit"] == "14758")) == (
        547,
        ["14797@2025-07-01", "14758@2025-07-01"],
    )
    now = ioc("units", "list", "--level", "commune")
    assert "14758@2025-07-01  Phường Hàm Rồng" in now.out
    assert "166 units" in now.err
    assert ioc("units", "list", "--level", "village").code == 2


def test_files_that_are_well_are_told_and_put_in_force(ioc: Ioc, folder: Path, tmp_path: Path) -> None:
    better = tmp_path / "better.csv"
    better.write_text("\n".join([*GOOD, "102,Xã F,commune,38,2025-07-01,"]))
    told = ioc("units", "check", str(better), "--into", str(folder))
    assert (told.code, told.out.splitlines()[-1]) == (0, "2025-07-01: 1 province, 2 communes")
    assert ioc("units", "import", str(better), "--into", str(folder)).code == 0
    assert (folder / "units.csv").read_text() == better.read_text()
    assert (folder / "successors.csv").read_text() == "\n".join(BECAME), "what is not given stays"


def test_files_with_faults_are_refused_with_lines_and_what_is_in_force_stays(ioc: Ioc, folder: Path, tmp_path: Path) -> None:
    hole, before = tmp_path / "hole.csv", (folder / "units.csv").read_bytes()
    hole.write_text("\n".join([*GOOD[:1], "38,Tỉnh A,province,,2020-07-01,", *GOOD[2:]]))
    for asked in (("check",), ("import",)):
        ended = ioc("units", *asked, str(hole), "--into", str(folder))
        assert ended.code == 1
        assert f"{hole}:3: 101 belongs to the edition of 2010-01-01, its parent 38 does not: a hole" in ended.out + ended.err
    assert (folder / "units.csv").read_bytes() == before
    twice = ioc("units", "check", str(hole), str(hole), "--into", str(folder))
    assert (twice.code, "both hold units" in twice.out) == (1, True)
    assert "nothing is changed" in ioc("units", "import", str(tmp_path / "no.csv"), "--into", str(folder)).err


def test_a_file_without_units_that_are_in_force_is_refused_unless_they_are_to_go(ioc: Ioc, folder: Path, tmp_path: Path) -> None:
    few, none = tmp_path / "few.csv", tmp_path / "none.csv"
    few.write_text("\n".join(GOOD[:2]))
    none.write_text(SUCCESSORS)
    before = (folder / "units.csv").read_bytes()
    for asked in ("check", "import"):
        ended = ioc("units", asked, str(few), str(none), "--into", str(folder))
        assert ended.code == 1
        assert "3 units in force are not in these files, and a file is the whole list: 101, 101@20" in ended.out + ended.err
    assert (folder / "units.csv").read_bytes() == before
    assert ioc("units", "import", str(few), str(none), "--drop", "--into", str(folder)).code == 0
    assert (folder / "units.csv").read_bytes() == few.read_bytes()


@pytest.fixture
def counted(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two permits of a commune, one of a code that never was."""
    there, at = world(1), ms("2022-01-01T00:00:00Z")
    code = next(code for code, (_, level, _) in there.editions[1].items() if level == "commune")
    events = [beat(at), *(event(p, p, "opened", at + 1000, unit=unit) for p, unit in (("A", code), ("B", code), ("C", "999")))]
    catalog = Catalog((towns(tmp_path / "towns", there),))
    store = real_store(store_url, "cli_units", catalog)
    count(pipeline(store, 1, catalog, (TOPIC,)), [record(e, n, at + 1000) for n, e in enumerate([*events, beat(at + 10_000)])])
    monkeypatch.setattr("ioc.cli.later.load", lambda: catalog)
    monkeypatch.setattr("ioc.catalog.load", lambda: catalog)
    monkeypatch.setenv("IOC_CLICKHOUSE_URL", store_url)
    monkeypatch.setenv("IOC_CLICKHOUSE_DATABASE", store.database)
    monkeypatch.setenv("IOC_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    return store


def test_numbers_are_asked_by_groups_and_shown_with_their_names(ioc: Ioc, counted: Store) -> None:
    rows = ioc("value", "towns.open", "--by", "province").out.splitlines()
    assert [row.split() for row in rows] == [
        ["province", "1", "n", "tên", "/", "name"],
        ["38", "2", "2", "Tỉnh"],
        ["?", "1", "1", "(không", "rõ)"],
    ]
    assert ioc("value", "towns.open", "--by", "province", "--where", "province=38").code == 2, "asked for or grouped by, not both"
    said = json.loads(ioc("value", "towns.open", "--where", "province=38", "--units", "today", "--json").out)
    assert (said["value"], said["dims"]) == (2, {"kind": "*", "unit": "*", "province": "38"})
    found = json.loads(ioc("evidence", "towns.open", "--where", "province=38", "--json").out)
    assert (found["count"], sorted(one["what"]["entity"] for one in found["evidence"])) == (2, ["A", "B"])


def test_unknown_units_in_the_data_are_a_fault_that_is_listed(ioc: Ioc, counted: Store) -> None:
    ended = ioc("units", "check", "--json")
    assert ended.code == 1
    assert json.loads(ended.out) == {
        "wrong": [],
        "unknown": [{"stream": "towns", "dimension": "unit", "code": "999@2020-07-01", "count": 1, "of": "towns.opened"}],
    }
    assert "999@2020-07-01" in ioc("units", "check").out


def test_an_indicator_tells_its_rollups(ioc: Ioc, counted: Store) -> None:
    told = json.loads(ioc("indicators", "towns.open", "--json").out)
    assert told["rollups"] == ["sort (of kind)", "province (of unit)", "district (of unit)", "commune (of unit)"]
