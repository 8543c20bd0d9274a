"""Faults of files of units: each is refused with its line and reason, and what is in force stays."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ioc.units.reading import HEADERS, File, UnitsRefused, checked, install, kind_of, opened, tree
from tests.ioc.units.test_tree import EDITIONS
from tests.worlds import HEADER, SUCCESSORS, world

GOOD = [
    HEADER,
    "38,Tỉnh A,province,,2010-01-01,",
    "380,Huyện B,district,38,2010-01-01,2025-07-01",
    "101,Xã C,commune,380,2010-01-01,2025-07-01",
    "102,Xã D,commune,380,2010-01-01,2025-07-01",
    "101,Xã E,commune,38,2025-07-01,",
]
BECAME = [SUCCESSORS, "101,2010-01-01,101,2025-07-01,yes", "102,2010-01-01,101,2025-07-01,yes"]


def refused(units: list[str], successors: list[str] | None = None) -> list[str]:
    """What is said of the files; nothing if they are well."""
    given = {"units": File("u.csv", "\n".join(units)), "successors": File("s.csv", "\n".join(successors or BECAME))}
    try:
        checked(EDITIONS, given)
    except UnitsRefused as error:
        return list(error.found)
    return []


def changed(line: int, text: str, lines: list[str] = GOOD) -> list[str]:
    """The lines with one of them another (counted from 1)."""
    return [text if n == line else old for n, old in enumerate(lines, 1)]


def test_well_kept_files_are_well() -> None:
    assert refused(GOOD) == []
    assert refused([*GOOD, "", " "]) == ["u.csv:8: 1 cells; there are 6: code,name,level,parent,valid_from,valid_to"]


def test_a_unit_that_is_missing_is_not_drowned_by_the_faults_of_all_that_belong_to_it() -> None:
    communes = [f"{code},Xã,commune,381,2010-01-01,2025-07-01" for code in range(1_000, 1_500)]
    with pytest.raises(UnitsRefused) as told:
        checked(EDITIONS, {"units": File("u.csv", "\n".join([*GOOD, *communes])), "successors": File("s.csv", "\n".join(BECAME))})
    *shown, last = str(told.value).splitlines()
    assert len(told.value.found) > 500
    assert (len(shown), last) == (20, f"... and {len(told.value.found) - 20} more: mend these, and check again")


@pytest.mark.parametrize(
    ("units", "says"),
    [
        (
            changed(3, "380,Huyện B,district,38,2010-01-01,2020-07-01"),
            "u.csv:4: 101 belongs to the edition of 2020-07-01, its parent 380 does not: a hole",
        ),
        ([*GOOD, "101,Xã G,commune,38,2020-07-01,"], "u.csv:7: 101 stands twice in the edition of 2020-07-01, here and in"),
        (changed(2, "38,Tỉnh A,province,380,2010-01-01,"), "u.csv:3: 380 -> 38 -> 380: a cycle"),
        (changed(4, "101,Xã C,commune,101,2010-01-01,2025-07-01"), "u.csv:4: 101 -> 101: a cycle"),
        (changed(4, "101,Xã C,commune,381,2010-01-01,2025-07-01"), "u.csv:4: the parent 381 of 101 is no unit of this file"),
        (changed(4, "101,Xã C,village,380,2010-01-01,2025-07-01"), "u.csv:4: no level 'village'; there are central"),
        (changed(4, "101,Xã C,commune,102,2010-01-01,2025-07-01"), "u.csv:4: 101 is a commune, its parent 102 a commune"),
        (changed(4, "101,Xã C,commune,,2010-01-01,2025-07-01"), "u.csv:4: 101 has no parent; only a province has none"),
        (changed(4, "101,,commune,380,2010-01-01,2025-07-01"), "u.csv:4: a unit has a code and a name"),
        (changed(4, "10@1,Xã,commune,380,2010-01-01,2025-07-01"), "u.csv:4: 10@1: a code holds no @"),
        (changed(4, "101,Xã C,commune,380,2012-01-01,2025-07-01"), "u.csv:4: valid_from is '2012-01-01'; editions"),
        (changed(4, "101,Xã C,commune,380,2025-07-01,2010-01-01"), "u.csv:4: it ends on 2010-01-01, and begins on 2025-07-01"),
        (changed(4, "101,Xã C,commune,380,soon,"), "u.csv:4: valid_from is 'soon'"),
        (changed(4, "101,Xã C,commune,380,2010-01-01"), "u.csv:4: 5 cells; there are 6"),
        (changed(1, "code;name"), "u.csv:1: the header is `code,name,level,parent,valid_from,valid_to` or"),
        (changed(4, '101,"Xã C,commune,380,2010-01-01,2025-07-01'), "u.csv:4: 2 cells; there are 6"),
        ([HEADER], "u.csv:1: there are no units"),
    ],
)  # fmt: skip
def test_a_file_of_units_is_refused_with_line_and_reason(units: list[str], says: str) -> None:
    found = refused(units, [SUCCESSORS] if units == [HEADER] else None)
    assert any(one.startswith(says) for one in found), found


@pytest.mark.parametrize(
    ("successors", "says"),
    [
        (BECAME[:2], "u.csv:5: 102 ends on 2025-07-01 and has no successor; name one in the"),
        ([*BECAME, "101,2010-01-01,38,2025-07-01,yes"], "s.csv:4: 101 has 2 defaults among its 2 successors"),
        (changed(2, "101,2010-01-01,101,2025-07-01,no", BECAME), "s.csv:2: 101 has no default among its 1 successors"),
        (changed(2, "101,2010-01-01,101,2025-07-01,maybe", BECAME), "s.csv:2: default is yes or no, not 'maybe'"),
        (changed(2, "101,2010-01-01,109,2025-07-01,yes", BECAME), "s.csv:2: the successor 109 is no unit of the edition of"),
        (changed(2, "109,2010-01-01,101,2025-07-01,yes", BECAME), "s.csv:2: 109 is no unit of the edition of 2010-01-01"),
        (changed(2, "101,2010-01-01,102,2020-07-01,yes", BECAME), "s.csv:2: 101 ends on 2025-07-01, and its successor"),
        ([*BECAME, "38,2010-01-01,101,2025-07-01,yes"], "s.csv:4: 38 is in force and has no successor"),
        ([*BECAME, "102,2010-01-01,101,2025-07-01,no"], "s.csv:4: 102 -> 101 stands in line 3 already"),
        (changed(2, "101,2010-02-01,101,2025-07-01,yes", BECAME), "s.csv:2: old_edition is '2010-02-01'"),
    ],
)  # fmt: skip
def test_a_file_of_successors_is_refused_with_line_and_reason(successors: list[str], says: str) -> None:
    found = refused(GOOD, successors)
    assert any(one.startswith(says) for one in found), found


def test_all_faults_are_told_at_once() -> None:
    assert len(refused(changed(4, "101,,village,380,soon,")[:-1])) == 3


@pytest.mark.parametrize("seed", range(200))
def test_whatever_is_in_a_file_it_is_refused_or_it_is_a_tree_of_which_everything_can_be_asked(seed: int) -> None:
    rng = random.Random(seed)
    given = world(seed)
    units, successors = given.units(), given.successors()
    for _ in range(rng.randrange(1, 4)):
        lines = rng.choice((units, successors))
        row, other = rng.randrange(1, len(lines)) if len(lines) > 1 else 0, rng.choice(lines)
        cells, place = lines[row].split(","), rng.randrange(5)
        cells[place] = rng.choice(other.split(","))
        lines[row] = rng.choice((",".join(cells), other))
    said = refused(units, successors)
    assert all(one.startswith(("u.csv:", "s.csv:")) and one[6].isdigit() for one in said), said
    if said:
        return
    found = checked(EDITIONS, {"units": File("u", "\n".join(units)), "successors": File("s", "\n".join(successors))})
    for name in found.identities():
        for level in ("province", "district", "commune"):
            assert found.group(found.at(name, 2), level) != "?"


def test_a_file_is_known_by_its_header_and_read_with_a_mark_of_byte_order(tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes("\ufeff".encode() + "\n".join(BECAME).encode())
    assert kind_of(opened(path)) == "successors"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnitsRefused, match="no UTF-8 at byte 0"):
        opened(path)
    with pytest.raises(UnitsRefused, match=r"not\.csv: No such file"):
        opened(tmp_path / "not.csv")


def test_what_is_put_in_force_is_read_from_then_on(tmp_path: Path) -> None:
    folder = tmp_path / "units"
    (tmp_path / "units.toml").write_text(world(0).toml())
    install({kind: File("", "\n".join(lines)) for kind, lines in zip(HEADERS, (GOOD, BECAME), strict=True)}, folder)
    assert tree(folder).names()["101@2025-07-01"] == "Xã E"
    install({"units": File("", "\n".join(changed(6, "101,Xã F,commune,38,2025-07-01,")))}, folder)
    assert tree(folder).names()["101@2025-07-01"] == "Xã F"
    assert sorted(path.name for path in folder.iterdir()) == ["successors.csv", "units.csv"]
