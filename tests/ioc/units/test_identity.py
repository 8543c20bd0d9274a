"""Identity: a code and its edition are one name, and no two of them share one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.units.identity import Editions, editions, identity, read

DAYS = tuple(date(2000 + year, 7, 1) for year in range(0, 40, 10))
MIDNIGHT = 1_751_302_800_000
"""1 July 2025, 00:00 in the province, counted by hand: 30 June, 17:00 UTC."""


def test_a_code_stated_before_july_2025_is_itself_and_since_then_another() -> None:
    assert datetime.fromtimestamp(MIDNIGHT / 1000, UTC) == datetime(2025, 6, 30, 17, tzinfo=UTC)
    assert identity("14758", MIDNIGHT - 1) == "14758"
    assert identity("14758", MIDNIGHT) == "14758@2025-07-01"
    assert identity("14758", 0) == "14758", "before the list began its first edition holds"


@given(st.tuples(st.text("1@-", min_size=1), st.integers(0, 3)), st.tuples(st.text("1@-", min_size=1), st.integers(0, 3)))
def test_no_two_units_share_a_name_and_a_name_tells_its_unit(one: tuple[str, int], other: tuple[str, int]) -> None:
    codes = Editions(DAYS)
    assert codes.parted(codes.name(*one)) == one
    assert (codes.name(*one) == codes.name(*other)) == (one == other)


def test_the_first_edition_has_a_name_for_people_too() -> None:
    assert editions().parted("14758@") == ("14758", 0)
    with pytest.raises(ValueError, match=r"no edition .* begins on '2024-01-01'; there are 2025-07-01, and `14758@` for"):
        editions().parted("14758@2024-01-01")


@given(st.integers(-(10**12), 3 * 10**12))
def test_the_edition_at_an_instant_is_the_last_that_has_begun(at: int) -> None:
    there = datetime.fromtimestamp(at / 1000 + 7 * 3600, UTC).date()
    begun = [n for n, day in enumerate(DAYS) if day <= there]
    assert Editions(DAYS).at(at) == (begun[-1] if begun else 0) == Editions(DAYS).on(there)


def test_one_unit_is_one_object_in_memory() -> None:
    assert identity("14758", MIDNIGHT) is identity("".join("14758"), MIDNIGHT + 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at least one"),
        ("[[edition]]\nbegins = 2025-07-01\n[[edition]]\nbegins = 2025-07-01", "in order, each once"),
        ("[[edition]]\nbegan = 2025-07-01", "begins = 2025-07-01"),
        ("[[edition]]\nbegins = '2025-07-01'", "is no day"),
        ("[[edition]]\nbegins = 2025-07-01T00:00:00", "is no day"),
        ("edition = 3", "says `begins"),
        ("[[edition", "says `begins"),
    ],
)
def test_a_file_of_editions_that_is_none_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "units.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=says) as refused:
        read(path)
    assert str(path) in str(refused.value)
