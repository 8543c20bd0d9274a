"""Counters: the table agrees with the contract, vendors' names become the standard's, and what nobody knows is listed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ioc.cli import counters as command
from ioc.errors import UsageError
from ioc.importing.maps import load_map
from ioc.importing.translate import read_events
from schemas.ran import ATTEMPTS, COUNTERS
from streams import counters
from tests.counting import count, pipeline, real_store
from tests.docs import ROOT
from tests.logs import record


@pytest.fixture(autouse=True)
def as_shipped() -> Iterator[None]:
    yield
    for read in (counters.counters, counters.vendors, counters.mapped):
        read.cache_clear()


def test_a_name_of_the_contract_and_of_the_table_has_one_unit() -> None:
    both = counters.counters().keys() & COUNTERS.keys()
    assert len(both) >= 10
    assert {name: counters.counters()[name].unit for name in both} == {name: COUNTERS[name].unit for name in both}
    for name in counters.counters():
        limit = next((COUNTERS[one] for one in COUNTERS if name.startswith(f"{one}.")), None)
        assert limit is None or limit.unit == counters.unit(name), "a further part changes no unit"
    assert set(ATTEMPTS) | set(ATTEMPTS.values()) <= counters.counters().keys()


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("RRC.ConnEstabAtt", "1"), ("RRC.ConnEstabAtt.mo-Data", "1"), ("DRB.UEThpDl.5QI9.SNSSAI1", "kbit/s"),
        ("DRB.UEThpDlDist", "1"), ("RSRP", "dBm"), ("DRB.UEThpD", None), ("pmRrcConnEstabAtt", None), ("", None), (".", None),
    ],
)  # fmt: skip
def test_a_name_with_a_further_part_is_one_of_the_table(name: str, unit: str | None) -> None:
    assert counters.unit(name) == unit


def test_a_vendors_name_becomes_the_standards_where_its_file_says_so() -> None:
    given = pl.DataFrame(
        [
            ("ERICSSON AB", "pmConsumedEnergy", 2_500.0), ("Ericsson", "pmRrcConnEstabSucc", 7.0), (None, "PEE.Energy", 3.0),
            ("Other", "pmConsumedEnergy", 1.0), ("Ericsson", "RRC.ConnEstabAtt", None), ("Ericsson", "pmConsumedEnergy", None),
        ],
        {"vendor": pl.String, "name": pl.String, "value": pl.Float64},
        orient="row",
    )  # fmt: skip
    wanted = given.with_columns(
        name=pl.Series(["PEE.Energy", "RRC.ConnEstabSucc", "PEE.Energy", "pmConsumedEnergy", "RRC.ConnEstabAtt", "PEE.Energy"]),
        value=pl.Series([2.5, 7.0, 3.0, 1.0, None, None]),
    )
    assert_frame_equal(counters.standard(given), wanted)
    assert counters.known("ericsson", "pmConsumedEnergy")
    assert not counters.known("Other", "pmConsumedEnergy")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("COUNTERS", 'type = "SI"', 'type = "S"', "counters.toml.*type: Input should be 'CC', 'SI'"),
        ("COUNTERS", 'name = "RRU.PrbTotUl"', 'name = "RRU.PrbTotDl"', "counter RRU.PrbTotDl is there twice"),
        ("COUNTERS", 'unit = "%"', "unit = 1", "unit: Input should be a valid string"),
        ("ericsson", 'to = "PEE.Energy"', 'to = "PEE.Energie"', "ericsson.toml.*pmConsumedEnergy is to be PEE.Energie, which"),
        ("ericsson", "factor = 0.001", "factor = 0", "factor: Input should be greater than 0"),
    ],
)
def test_a_wrong_table_is_refused_with_what_is_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    path = counters.COUNTERS if file == "COUNTERS" else counters.VENDORS / f"{file}.toml"
    content = path.read_text()
    assert old in content
    (tmp_path / path.name).write_text(content.replace(old, new, 1))
    monkeypatch.setattr(
        counters, *(("COUNTERS", tmp_path / path.name) if file == "COUNTERS" else ("FILES", (path, tmp_path / path.name)))
    )
    for read in (counters.counters, counters.vendors, counters.mapped):
        read.cache_clear()
    with pytest.raises(UsageError, match=said):
        counters.read()


def test_what_is_in_no_table_is_listed_with_whose_it_is(
    store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = real_store(store_url, "counters_unmapped")
    log_map = load_map("pm")
    sent = [json.loads(event.value) for event in read_events([ROOT / "docs/examples/pm"], log_map)]
    count(pipeline(store, 1), [record(event, n, 1_800_000_000_000 + n) for n, event in enumerate(sent)])
    monkeypatch.setattr(command, "reader", lambda data, run: (None, store))
    command.counters(unmapped=True, as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"vendor": "Ericsson", "class": "NRCellCU", "name": "pmOwnDistr", "results": 2, "last": "2026-05-14T01:00:00Z"},
    ]  # fmt: skip
    command.counters(as_json=True)
    listed: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert len(listed) == len(counters.counters())
    assert next(one for one in listed if one["name"] == "PEE.Energy")["vendors"] == ["ericsson: pmConsumedEnergy x 0.001"]
