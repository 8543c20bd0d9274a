"""Spoiled ids: what a spreadsheet has made of ids is named before anything is sent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ioc.errors import UsageError
from ioc.importing import importer
from ioc.importing.importer import run_import
from ioc.importing.maps import load_map
from ioc.importing.spoiled import Spoiled, id_columns
from ioc.settings import Settings
from tests.ioc.importing.test_importer import Log

MAP = """
source = "/import/spoiled"
type = "vn.ioc.dossier.changed.v1"
[[event]]
id = "{no}/{state}/{@row}"
time = "{at}"
data = { dossier = "{no}", state = "{state}", agency = "{agency}" }
"""


def told(*texts: str) -> list[str]:
    spoiled = Spoiled({"no"})
    for text in texts:
        spoiled.look({"no": text, "other": "1E+5"})
    return spoiled.lines()


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["2.02601E+13"] * 3 + ["2,1E+4"], "column no: 2.02601E+13, 2,1E+4 (4 rows): shortened to a power of ten"),
        (["1234", "1234.0"], "column no: 1234.0 (1 rows): a whole number with decimals"),
        (["#N/A", "#######"], "column no: #N/A, ####### (2 rows): an error of a spreadsheet"),
        (["20260105000012300", "20260105000012400", "20260105000012500"], "15 digits and then only noughts"),
    ],
)
def test_what_a_spreadsheet_rewrote_is_named(texts: list[str], said: str) -> None:
    (line,) = told(*texts)
    assert said in line


def test_ids_that_are_only_alike_are_left_alone() -> None:
    assert not told("1E10", "12E5:9", "H56.20-20260105-0001", "1.004194", "", "000.00.20.H56", "123456789012345")
    assert not told("20260105000012300", "20260105000012400", "20260105000012500", "20260105000012501")
    assert not told("20260105000012300")


def imported(folder: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> list[str]:
    monkeypatch.setattr(importer, "Sender", Log)
    Log.records = []
    (folder / "m.toml").write_text(MAP)
    (folder / "a.csv").write_text("no;state;at;agency\n2.02601E+13;received;2026-01-05T08:00:00Z;1.5E+3\n")
    lines: list[str] = []
    arguments: dict[str, Any] = {"speed": None, "shift_to_now": False, "limit": None, "topics": str, "progress": lambda *_: None}
    log_map = load_map(str(folder / "m.toml"))
    assert id_columns(log_map) == {"no", "state"}

    def tell(line: str) -> None:
        assert not Log.records  # before anything is sent
        lines.append(line)

    asyncio.run(run_import(Settings(data_dir=folder), [folder / "a.csv"], log_map, **arguments, tell=tell, **more))
    return lines


def test_an_import_tells_before_it_sends_and_refuses_where_it_is_strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = imported(tmp_path, monkeypatch)
    assert found[0] == "a.csv: the delimiter is ';'"
    assert "column no: 2.02601E+13 (1 rows)" in found[1]
    assert len(found) == 2
    sent = len(Log.records)
    with pytest.raises(UsageError, match=r"--strict: column no: 2\.02601E\+13"):
        imported(tmp_path, monkeypatch, strict=True)
    assert sent > 0
    assert not Log.records
