"""Listed: the values that a file names have a code and a name, each code once, and the groups that a rollup has."""

from __future__ import annotations

from pathlib import Path

import pytest

from ioc.errors import DeclarationError
from ioc.units.listed import rows
from ioc.units.rollups import groups
from ioc.vocabulary import Rollup

GOOD = """
departments = [["D1", "Sở Một"], ["D2", "Sở Hai"]]

[[communes]]
code = "C1"
name = "Xã Một"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "agencies.toml"
    found.write_text(GOOD, encoding="utf-8")
    return found


def test_rows_are_lists_or_tables(path: Path) -> None:
    assert [row[:3] for row in rows(path)] == [
        ("departments", "D1", "Sở Một"),
        ("departments", "D2", "Sở Hai"),
        ("communes", "C1", "Xã Một"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"C1"', '"D2"', "communes 1: D2 stands in departments already"),
        ('"C1"', '"C1 "', "communes 1: .* without blanks at the ends"),
        ('"C1"', "1", "communes 1: .* without blanks at the ends"),
        ('code = "C1"', "", "communes 1"),
        ('["D2", "Sở Hai"]', '"D2"', "departments 2: 'D2'"),
        ('["D2", "Sở Hai"]', '["D2"]', "departments 2"),
        ('["D2", "Sở Hai"]', "3", "departments 2: 3"),
        ("departments", 'version = "1"\ndepartments', "version = '1' is no list"),
        ("departments = [", "departments = [[", "agencies.toml: "),
    ],
)
def test_a_row_that_is_none_is_refused_with_its_place(path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DeclarationError, match=said):
        rows(path)


def test_a_list_or_a_word_that_the_rollup_does_not_have_is_refused(path: Path) -> None:
    level = Rollup("level", of="agency", file=path, names={"departments": "Sở", "communes": "Xã"})
    assert groups(level) == {"D1": "departments", "D2": "departments", "C1": "communes"}
    path.write_text(GOOD.replace("communes", "wards"), encoding="utf-8")
    with pytest.raises(DeclarationError, match="C1 is in 'wards'; rollup level has departments, communes"):
        groups(level)
