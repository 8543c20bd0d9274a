"""Numbers: the decimal mark of a map decides, the other one groups by threes or makes the text none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.errors import UsageError
from ioc.importing.mapping_check import assumed
from ioc.importing.maps import load_map
from ioc.importing.numbers import number_reader, times
from ioc.importing.translate import Statistics, read_events
from ioc.importing.units import alike, factor

COMMA = {
    "12.345": 12345, "1.234,5": 1234.5, "12,5": 12.5, "-1.234.567": -1234567, "+7": 7, "1,5e3": 1500.0, ",5": 0.5, "12": 12,
    "0": 0,    "12.34": None, "1234.567": None, "0.345": None, "1.23.456": None, "1,234.5": None, "1.234.5": None, "1,2,3": None,
    "1.2345": None,    "": None, ",": None, "-": None, "nan": None, "inf": None,
    "1_000": None, "١٢": None, " 1": None, "1e999": None, "1 234": None,
}  # fmt: skip


@pytest.mark.parametrize("decimal", [",", "."])
def test_a_mark_groups_by_threes_or_makes_the_text_none(decimal: str) -> None:
    read = number_reader(decimal, True)
    for text, value in COMMA.items():
        given_text = text if decimal == "," else text.translate(str.maketrans(".,", ",."))
        assert (read(given_text), given_text) == (value, given_text)


def test_a_single_group_is_none_where_the_map_does_not_say_which_mark_is_the_decimal_one() -> None:
    read = number_reader(".", False)
    assert (read("12,345"), read("12.345"), read("1,234.5"), read("1,234,567")) == (None, 12.345, 1234.5, 1234567)


@given(st.integers(-(10**17), 10**17), st.integers(0, 10**6), st.sampled_from(".,"))
def test_what_a_locale_writes_is_read_back(whole: int, part: int, decimal: str) -> None:
    group = "." if decimal == "," else ","
    sign = "-" if whole < 0 else ""
    grouped = sign + f"{abs(whole):,}".replace(",", group)
    read = number_reader(decimal, True)
    assert read(grouped) == read(str(whole)) == whole
    assert read(f"{grouped}{decimal}{part}") == read(f"{sign}{abs(whole)}{decimal}{part}") == float(f"{sign}{abs(whole)}.{part}")


@given(st.decimals(0, 10**6, places=3))
def test_a_scaled_number_is_what_a_person_would_write(value: Any) -> None:
    assert times(float(value), 1000) == int(value * 1000)


MAP = """
source = "/import/cells"
type = "vn.ioc.ran.measured.v1"
[input]
delimiter = ";"
decimal = ","
[[event]]
id = "{@row}"
time = { column = "t", format = "epoch_s" }
data = { cell = "A:1", site = "A", period_s = { column = "period", factor = 60 } }
[[event.measurements]]
name = "DRB.UEThpDl"
column = "speed"
unit = "Mbit/s"
null_below = 0
[[event.measurements]]
name = "PEE.AvgPower"
column = "power"
unit = "W"
factor = 10
"""


def events(folder: Path, rows: str, text: str = MAP) -> list[Any]:
    (folder / "m.toml").write_text(text)
    (folder / "a.csv").write_text("t;period;speed;power\n" + rows)
    found = read_events([folder / "a.csv"], load_map(str(folder / "m.toml")), Statistics())
    return [orjson.loads(event.value)["data"] for event in found]


def test_columns_are_converted_to_the_unit_of_the_contract(tmp_path: Path) -> None:
    (row, outside, odd) = events(tmp_path, "1570000000;1;1.234,5;0,7\n1570000001;1;-1;\n1570000002;99999999999999999999;x;1\n")
    assert row["period_s"] == 60
    assert [(m["value"], m["unit"]) for m in row["measurements"]] == [(1234500.0, "kbit/s"), (7.0, "W")]
    assert outside["measurements"] == []  # null_below is in the column's own numbers
    assert isinstance(odd["period_s"], float)  # no integer: the contract refuses it
    assert odd["measurements"][0]["value"] == "x"


def test_a_unit_of_another_kind_is_refused_with_those_that_can_be_converted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="measured in kbit/s, not kWh; what can be converted: kbit/s, bit/s, Mbit/s"):
        events(tmp_path, "", MAP.replace("Mbit/s", "kWh"))
    assert all(factor(unit, "kWh") for unit in alike("kWh"))
    assert factor("MB/s", "kbit/s") == 8000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('decimal = ","', "input.decimal: 1.234,5 is read as 1234.5, and 12.345 as 12345"),
        ('decimal = "."', "input.decimal: 1,234.5 is read as 1234.5, and 12,345 as 12345"),
        ("", "input.decimal: not stated; 12.345 is read as 12.345, and 12,345 is no number"),
    ],
)
def test_the_check_of_a_map_says_which_mark_was_assumed(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "m.toml").write_text(MAP.replace('decimal = ","', line))
    assert assumed(load_map(str(tmp_path / "m.toml"))) == [said]
