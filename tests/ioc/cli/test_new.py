"""`ioc new stream`: names that are refused, files that are never overwritten, and that what is written is a stream that works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ioc.cli import new
from ioc.cli.later import catalog
from ioc.errors import UsageError
from tests.docs import copied
from tests.ioc.cli.test_cli import Ioc
from tests.ioc.cli.test_cli import ioc as ioc

LONG = "a_stream_of_24_letters_x"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders of a checkout, with nothing in them."""
    for folder in ("schemas/examples", "streams/data", "tests/streams"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(new, "ROOT", tmp_path)
    return tmp_path


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_it_writes_the_files_and_says_what_to_do_next(ioc: Ioc, checkout: Path) -> None:
    told = ioc("new", "stream", "library")
    written = files(checkout).keys() - {"pyproject.toml"}
    assert (told.code, told.err) == (0, "")
    assert [line.removeprefix("wrote ") for line in told.out.splitlines() if line.startswith("wrote ")] == [
        "schemas/library.py",
        "streams/library.py",
        "schemas/examples/library_opened.json",
        "tests/brute_library.py",
        "tests/streams/test_library.py",
    ]
    assert len(written) == 5
    assert [line.split("   ")[0].strip() for line in told.out.splitlines()[6:]] == [
        "ioc derive",
        "ioc check",
        "make test ARGS='-k library'",
        "make run",
    ]


def test_as_json_it_names_the_same(ioc: Ioc, checkout: Path) -> None:
    told = json.loads(ioc("new", "stream", "sao_3", "--json").out)
    assert set(told["written"]) == files(checkout).keys() - {"pyproject.toml"}
    assert told["next"][:2] == ["ioc derive", "ioc check"]


@pytest.mark.parametrize("name", ["", "Library", "thư_viện", "3g", "a-b", "a.b", "a b", "_a", "../x", "class", "x" * 25])
def test_a_name_that_is_none_is_refused_with_what_is_right(ioc: Ioc, checkout: Path, name: str) -> None:
    told = ioc("new", "stream", "--", name)
    assert told.code == 2
    assert repr(name) in told.err
    assert "small letters, digits and _, begins with a letter and has at most 24, e.g. library" in " ".join(told.err.split())
    assert files(checkout).keys() == {"pyproject.toml"}


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("dossiers", "there is a stream dossiers"),
        ("overview", "there is a board overview"),
        ("tasks_en", "there is a board tasks"),
        ("index766_", "there is a board index766"),
        ("task", "task.assigned is an indicator of tasks"),
        ("heartbeat", "there is a contract vn.ioc.heartbeat.v1"),
        ("data", "streams/data is there"),
        ("examples", "schemas/examples is there"),
    ],
)
def test_a_name_that_is_taken_is_refused_with_what_has_it(ioc: Ioc, checkout: Path, name: str, by: str) -> None:
    told = ioc("new", "stream", name)
    assert (told.code, f"ioc: '{name}' is taken: {by}" in told.err, "choose another name" in told.err) == (2, True, True)
    assert files(checkout).keys() == {"pyproject.toml"}


@pytest.mark.parametrize("kind", new.FILES)
def test_a_file_that_is_there_stays_and_no_other_is_written(ioc: Ioc, checkout: Path, kind: str) -> None:
    there = checkout / new.FILES[kind].format("library")
    there.write_text("mine")
    told = ioc("new", "stream", "library")
    assert told.code == 2
    assert there.relative_to(checkout).as_posix() in told.err
    assert files(checkout) == {"pyproject.toml": "", there.relative_to(checkout).as_posix(): "mine"}


def test_where_a_file_cannot_be_written_none_is_left(ioc: Ioc, checkout: Path) -> None:
    (checkout / "schemas" / "examples").rmdir()
    told = ioc("new", "stream", "library")
    assert (told.code, "nothing is written" in told.err, "schemas/examples/library_opened.json" in told.err) == (2, True, True)
    assert files(checkout).keys() == {"pyproject.toml"}


def test_an_installation_that_is_no_checkout_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no checkout of the repository, where streams are added; clone it"):
        new.write(tmp_path, "library", catalog())


@pytest.mark.parametrize("name", ["a", "sao_3", LONG])
def test_what_is_written_is_in_the_form_that_the_house_asks_for(checkout: Path, name: str) -> None:
    new.write(checkout, name, catalog())
    written = [text for path, text in files(checkout).items() if path != "pyproject.toml"]
    (checkout / "pyproject.toml").write_text((Path(new.__file__).parents[2] / "pyproject.toml").read_text())
    ours = 'lint.isort.known-first-party = ["ioc", "schemas", "streams", "tests"]'  # they are not there
    for arguments in (("check", "--config", ours), ("format", "--check")):
        done = subprocess.run([sys.executable, "-m", "ruff", *arguments, "."], cwd=checkout, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert max(len(line) for text in written for line in text.splitlines()) <= 130


@pytest.mark.proof
def test_a_stream_as_it_is_written_passes_what_every_stream_of_the_house_passes(tmp_path: Path) -> None:
    """In a copy: types, declarations, its own tests, the published schema, both lanes, and a season by its brute force."""
    copy = copied(tmp_path, "tests")
    env = {**os.environ, "PYTHONPATH": str(copy)}

    def run(*arguments: str) -> None:
        done = subprocess.run([sys.executable, "-m", *arguments], cwd=copy, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"

    for arguments in (("ioc", "new", "stream", LONG), ("ioc", "derive"), ("ioc", "check"), ("mypy",)):
        run(*arguments)
    tests = [f"tests/streams/test_{LONG}.py", "tests/streams/test_seasons.py", "tests/schemas", "tests/ioc/events/test_lanes.py"]
    run("pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", f"{LONG} and not 365 or published", *tests)
