"""Tree: groups on every level and what became of units, against random worlds; and the province's own."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import pytest

from ioc.units import identity
from ioc.units.reading import File, checked, tree
from ioc.units.tree import LEVELS, Tree
from tests.data import DATA, needs
from tests.worlds import DAYS, World, world

OURS = Path(__file__).parents[3] / "streams" / "data" / "units"
EDITIONS = identity.Editions(tuple(map(date.fromisoformat, DAYS)))


def made(given: World) -> Tree:
    """The tree of a world's files."""
    files = {"units": given.units(), "successors": given.successors()}
    return checked(EDITIONS, {kind: File(f"{kind}.csv", "\n".join(lines)) for kind, lines in files.items()})


@pytest.mark.parametrize("seed", range(60))
def test_every_code_of_every_edition_is_in_the_groups_its_world_says(seed: int) -> None:
    given = world(seed)
    found = made(given)
    codes = {code for units in given.editions for code in units} | {"999"}
    for edition in range(3):
        for code in codes:
            name = EDITIONS.name(code, edition)
            for level in LEVELS:
                assert found.group(name, level) == given.group(code, edition, level), (name, level)
                assert found.group(found.at(name, 2), level) == given.grouped_today(code, edition, level), (name, level)
            assert found.at(name, 2) == given.today(code, edition), name
            assert found.at(name, edition) == (given.name(code, edition) if code in given.editions[edition] else "?")


@pytest.mark.parametrize("seed", range(20))
def test_a_person_means_the_unit_in_force_at_the_time_asked_for_and_can_name_every_other(seed: int) -> None:
    given = world(seed)
    found = made(given)
    for edition, units in enumerate(given.editions):
        just_before = identity.beginning(EDITIONS.days[edition + 1]) if edition < 2 else identity.beginning(date(2030, 1, 1))
        for code in units:
            name, note = found.meant(code, just_before)
            assert name == given.name(code, edition)
            others = {given.name(code, e) for e in range(3) if code in given.editions[e]} - {name}
            assert all(f"{other} is" in note or f"{other}@ is" in note for other in others)
            exact = f"{code}@{DAYS[edition]}" if edition else f"{code}@"
            assert found.meant(exact, 0) == (name, "")


def test_the_province_has_four_levels_before_july_2025_and_three_after() -> None:
    found = tree(OURS)
    counts = [{level: len(found.of(e, [level])) for level in LEVELS} for e in (0, 1)]
    assert counts == [
        {"central": 1, "province": 1, "district": 26, "commune": 547},
        {"central": 1, "province": 1, "district": 0, "commune": 166},
    ]
    before, after = ({unit.code: unit for unit in found.of(e, ["commune"])} for e in (0, 1))
    assert before.keys() >= after.keys(), "all codes of today were codes before"
    assert sum(before[code].name != unit.name for code, unit in after.items()) == 101
    assert (before["14758"].name, after["14758"].name) == ("Phường Đông Thọ", "Phường Hàm Rồng")
    names = found.names()
    assert (names["14755"], names["14758@2025-07-01"]) == ("Phường Hàm Rồng (đến 30/6/2025)", "Phường Hàm Rồng")
    assert names["14758"] == "Phường Đông Thọ", "no unit of today is called so"
    assert sum(len(found.parts(code)) > 1 for code in before) == 10
    assert {found.group(found.at(code, 1), "commune") for code in before} == {f"{code}@2025-07-01" for code in after}
    assert found.group("14758@2025-07-01", "district") == "-", "there are no districts any more"
    assert found.group("14758", "province") == found.group("14758@2025-07-01", "province") == "38", "the province is one"
    assert found.at("380", 1) == "38", "a district has no successor: its province has its numbers"


@needs("units")
def test_the_province_is_as_another_source_has_it() -> None:
    found, folder = tree(OURS), DATA / "units"
    before, after = ({u.code: u for u in found.of(e, ["commune"])} for e in (0, 1))
    old = list(csv.DictReader((folder / "thanh_hoa_pre2025.csv").open(encoding="utf-8")))
    new = {
        row["ward_code"]: row["full_name"]
        for row in csv.DictReader((folder / "thanh_hoa_wards_post2025.csv").open(encoding="utf-8"))
    }
    assert {row["ward_code"]: row["district_code"] for row in old} == {u.code: u.parent for u in before.values()}
    assert {row["district_code"] for row in old} == {unit.code for unit in found.of(0, ["district"])}
    assert new.keys() == after.keys()
    names = {row["ward_code"]: row["ward"] for row in old}
    other = [code for code in new if names[code] != new[code]]
    assert len(other) == 104
    assert {code for code in other if before[code].name == after[code].name} == {"15010", "15448", "16186"}, "a tone mark's place"
    became = json.loads((folder / "thanh_hoa_new_from_old.json").read_text(encoding="utf-8"))
    assert len(became["divided"]) == 10
    whole = sum(len(olds) for olds in became["no_divided"].values())
    assert (whole + 10, whole + sum(map(len, became["divided"].values()))) == (547, len(found.successors))
