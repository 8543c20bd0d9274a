"""Pack: what is wrong with a pack is said with the place and what is right; the shipped ones hold together."""

from __future__ import annotations

from pathlib import Path

import pytest

from ioc.catalog import load
from ioc.errors import UsageError
from ioc.scoring.pack import load_pack, shipped
from ioc.scoring.score import check

GOOD = """
id = "own"
version = "1"
vi = "Bộ chỉ số của tỉnh"
en = "The province's own"
basis = "Nghị định 118/2025/NĐ-CP"
source = "a test"
from = 2025-07-01
[[group]]
id = "2"
vi = "Tiến độ"
en = "Progress"
max = 30
[[item]]
id = "2.1"
vi = "Đúng hạn"
en = "On time"
max = 30
target = 95
indicator = "index766.2_1"
"""


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_pack_reads_indicators_that_there_are_and_its_points_add_up(name: str) -> None:
    check(load_pack(name), load())


def test_the_points_of_decision_766_are_a_hundred_in_five_groups() -> None:
    assert {group.id: group.max for group in load_pack("766").group} == {"1": 18, "2": 20, "3": 22, "4": 22, "5": 18}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("max = 30\n[[item]]", "max = 20\n[[item]]", "group 2 has 20 points, its items together 30"),
        ("target = 95", "target = 0", "item.1.target: Input should be greater than 0"),
        ("target = 95", "tarket = 95", "item.1.tarket: Extra inputs are not permitted"),
        ('indicator = "index766.2_1"', "", "item 2.1: say one of indicator, any, missing; it says none"),
        ('"index766.2_1"', '"index766.2_1"\nmissing = "why"', "it says indicator, missing"),
        ('indicator = "index766.2_1"', 'missing = "why"\nless = "index766.5_4"', "item 2.1: less is taken from an indicator; it"),
        ('"index766.2_1"', '"index766.2_1"\nfactor = "1.4"', r'item 2.1: there is no \[factors."1.4"\]'),
        ('id = "2.1"', 'id = "3.1"', "item 3.1: there is no group '3'; there are 2"),
        ("from = 2025-07-01", "from = 2025-07-01\nto = 2025-06-30", "to = 2025-06-30 lies before from = 2025-07-01"),
        ("from = 2025-07-01", "from = 1 July", "Invalid|Expected"),
        (
            "[[group]]",
            'factors."1.4" = { 2026-10 = 98 }\n[[group]]',
            "factors.1.4.2026-10: Input should be less than or equal to 1",
        ),
        ("[[group]]", 'factors."9.9" = { 2026-10 = 0.98 }\n[[group]]', r'\[factors."9.9"\] is the factor of no item'),
        ("[[group]]", 'factors."1.4" = { 2026-10 = nan }\n[[group]]', "factors.1.4.2026-10: Input should be"),
        ("[[group]]", 'factors."1.4" = { 2026-1 = 0.98 }\n[[group]]', "factors.1.4.2026-1.*: String should match pattern"),
    ],
)
def test_a_pack_that_does_not_hold_together_is_refused_with_the_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_pack(str(path)).item[0].target == 95
    assert GOOD.count(old) == 1
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        load_pack(str(path))


def test_a_pack_of_an_unknown_name_names_the_shipped_ones() -> None:
    with pytest.raises(UsageError, match="no pack '767': it is a file, or one of 766"):
        load_pack("767")


@pytest.mark.parametrize(
    ("indicator", "said"),
    [("index766.2_9", "no indicator"), ("dossier.backlog", "is no ratio of a period"), ("index766.2_2", "in %: max = 0")],
)
def test_an_item_reads_a_ratio_of_a_period_that_is_declared(tmp_path: Path, indicator: str, said: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(GOOD.replace("index766.2_1", indicator), encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        check(load_pack(str(path)), load())


SHARED = 'any = { indicator = "dossier.received", where = { channel = "online" }, of = "online" }'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"online" }', '"Online" }', "channel = 'Online' is never counted; there are counter, online"),
        ("channel =", "way =", "dossiers has no dimension 'way'"),
        ("dossier.received", "dossier.backlog", "dossier.backlog is a level"),
        ("dossier.received", "dossier.arrivals", "dossier.arrivals is a level"),
    ],
)
def test_a_share_of_procedures_counts_what_can_be_counted(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(GOOD.replace('indicator = "index766.2_1"', SHARED), encoding="utf-8")
    check(load_pack(str(path)), load())
    assert old in SHARED
    path.write_text(GOOD.replace('indicator = "index766.2_1"', SHARED.replace(old, new, 1)), encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        check(load_pack(str(path)), load())
