"""Tables: a data file of dossiers that is wrong is refused before anything is counted, with its line and what is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ioc.catalog import load
from ioc.errors import UsageError
from streams import tables

FILES = {"dossiers.toml": "RULES", "procedures.toml": "PROCEDURES", "index766.toml": "RESULTS"}


def forget() -> None:
    for read in (tables.rules, tables.procedures, tables.results):
        read.cache_clear()


@pytest.fixture(autouse=True)
def as_shipped() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            "dossiers.toml",
            "payment_pauses = false",
            'payment_pauses = "false"',
            "line 8: payment_pauses: .* valid boolean",
        ),
        ("dossiers.toml", "payment_pauses = false", "payment_pause = true", "payment_pauses: Field required"),
        (
            "dossiers.toml",
            "payment_pauses = false",
            "payment_pauses = false\npauses = 1",
            "line 9: pauses: Extra inputs",
        ),
        (
            "dossiers.toml",
            "reappointments = 1",
            "reappointments = -1",
            "line 11: reappointments: .* equal to 0 .it is -1.",
        ),
        ("dossiers.toml", "due_soon_days = 3", "due_soon_days = -3", "line 5: due_soon_days"),
        ("dossiers.toml", "due_soon_days = 3", "due_soon_days = 3.5", "due_soon_days: Input should be a valid integer"),
        ("index766.toml", "= []", '= "1.001193"', "line 4: no_written_result: Input should be a valid list"),
        ("index766.toml", "= []", "= [", "Invalid value"),
        ("procedures.toml", "days = 1\n", "days = 0\n", "line 13: procedure.1.days: .* greater than or equal to 1 .it is 0."),
        ("procedures.toml", "days = 1\n", "days = true\n", "line 13: procedure.1.days: Input should be a valid integer"),
        ("procedures.toml", "days = 1\n", "", "line 8: procedure.1.days: Field required"),
        ("procedures.toml", "fee = true\n", 'fee = "false"\n', "line 14: procedure.1.fee: Input should be a valid boolean"),
        ("procedures.toml", '"2.000884"', '"2.000815"', "procedure 2.000815 is there twice"),
        ("procedures.toml", '"2.000884"', '" 2.000884"', "line 21: procedure.2.code"),
        ("procedures.toml", 'level = "partial"', 'level = "parital"', "line 16: procedure.1.level"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str, said: str
) -> None:
    shipped: Path = getattr(tables, FILES[name])
    text, path = shipped.read_text(encoding="utf-8"), tmp_path / name
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(tables, FILES[name], path)
    with pytest.raises(UsageError, match=f"streams/data/{name}.*{said}"):
        dict(load().generations)


def test_the_shipped_files_are_well() -> None:
    tables.read()
    assert len(tables.procedures()) > 10
