"""Imports from the command line, without a centre: what is told, and that a refused or broken-off one leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ioc import cli
from ioc.cli import imports, underway
from ioc.errors import ServiceAway, UsageError
from ioc.importing.importer import read_log
from ioc.importing.maps import load_map
from ioc.importing.translate import read_events
from ioc.settings import Settings
from tests.counting import CATALOG, count, pipeline, real_store
from tests.fake import FakeStore
from tests.logs import by_place, record

NOW = 1_800_000_000_000
MAP = """
source = "/import/told"
type = "vn.ioc.dossier.changed.v1"
[time]
format = "%Y-%m-%d"
zone = "Asia/Ho_Chi_Minh"
[[event]]
when = { no = true }
id = "{no}"
time = "{at}"
data = { dossier = "{no}", state = "received" }
"""
ROWS = "no,at\nD1,2026-01-05\nD2,05/01/2026\n,2026-01-06\nD3,06/01/2026\nD1,2026-01-05\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "my.toml").write_text(MAP)
    (tmp_path / "my.csv").write_text(ROWS)
    return tmp_path / "my.csv", tmp_path / "my.toml"


def ioc(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        cli.app()(list(arguments))
    return int(end.value.code or 0), capsys.readouterr().out


def test_a_check_needs_no_centre_and_shows_rows_as_events_and_what_is_wrong(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    log, log_map = map(str, files)
    code, said = ioc(capsys, "import", log, "--map", log_map, "--check")
    assert code == 1
    assert said.startswith('my.csv, line 2:\n{\n  "specversion": "1.0",\n  "id": "D1",')
    assert said.splitlines()[-6:] == [
        "rows 5 = with events 4 + unwanted 1 (no [[event]]'s conditions hold) + unreadable 0",
        "events 4 = valid 2 + to be rejected 2",
        "rejected 2: schema (time)",
        "  my.csv, line 3: at `05/01/2026` does not match `%Y-%m-%d`",
        "  my.csv, line 5: at `06/01/2026` does not match `%Y-%m-%d`",
        "could not be read: time 2",
    ]
    code, said = ioc(capsys, "import", log, "--map", log_map, "--check", "--json")
    found = json.loads(said)
    assert {k: v for k, v in found.items() if isinstance(v, int)} == {
        "rows": 5, "with_events": 4, "unwanted": 1, "unreadable": 0, "events": 4, "valid": 2, "rejected": 2,
    }  # fmt: skip
    assert found["rejects"][0]["first"][0] == {
        "file": "my.csv", "row": 2, "line": 3, "message": "at `05/01/2026` does not match `%Y-%m-%d`",
    }  # fmt: skip
    assert [one["event"]["id"] for one in found["first"]] == ["D1", "D2"]


@contextmanager
def importing(files: tuple[Path, Path], run: str | None = None) -> Iterator[underway.Importing]:
    log, log_map = files[0], load_map(str(files[1]))
    settings = Settings(data_dir=log.parent)
    with read_log(settings, partial(read_events, [log], log_map)) as read:
        yield underway.Importing(settings, CATALOG, [log], log_map, read, run)


@pytest.mark.parametrize("as_json", [False, True])
def test_what_became_of_every_row_is_told_with_the_words_of_the_file(
    store_url: str, files: tuple[Path, Path], as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    store = real_store(store_url, f"imports_told_{as_json}".lower())
    with importing(files) as done:
        log = [replace(record(json.loads(e.value), n, NOW), value=e.value) for n, e in enumerate(done.log.events())]
        log.append(record(b"\xff", len(log), NOW))  # of somebody else
        count(pipeline(store, 1), log)
        done.sent.sent, done.wanted = 4, {place: records[-1].offset + 1 for place, records in by_place(log).items()}
        done.find(store)
        with pytest.raises(imports.typer.Exit):
            imports._tell(done, False, as_json)
    said = capsys.readouterr().out
    if as_json:
        found = json.loads(said)
        assert [found[k] for k in ("rows", "unwanted", "events", "sent", "accepted", "duplicate", "rejected", "from_others")] == [
            5, 1, 4, 4, 1, 1, 3, 1,
        ]  # fmt: skip
        assert found["rejects"][0]["first"][1]["line"] == 5
        assert found["notes"] == {"could not be read": {"time": 2}}
        return
    lines = said.splitlines()
    assert lines[:5] == [
        "rows 5 = with events 4 + unwanted 1 (no [[event]]'s conditions hold) + unreadable 0",
        "events 4 = accepted 1 + duplicate 1 + rejected 3",
        "rejected 2: schema (time)",
        "  my.csv, line 3: at `05/01/2026` does not match `%Y-%m-%d`",
        "  my.csv, line 5: at `06/01/2026` does not match `%Y-%m-%d`",
    ]
    assert lines[5] == "rejected 1: bad_json"
    assert lines[-1] == "could not be read: time 2"


# ---- what is left behind


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs that were made and removed, without a centre."""
    found: list[str] = []
    monkeypatch.setattr(imports, "connected", lambda data: Settings(data_dir=data))
    monkeypatch.setattr(underway, "Store", lambda settings: FakeStore())
    monkeypatch.setattr(underway.new_run, "check_import", lambda settings, run: None)
    monkeypatch.setattr(underway.new_run, "open_import", lambda settings, catalog, run: found.append(run) or "old" not in run)
    monkeypatch.setattr(underway.new_run, "drop", lambda settings, catalog, run: found.append(f"removed {run}"))
    return found


def worker(raises: BaseException | None) -> Callable[..., Any]:
    @contextmanager
    def there(settings: Settings, run: str) -> Iterator[None]:
        if raises:
            raise raises
        yield

    return there


@pytest.mark.parametrize(("run", "left"), [("trial", ["trial", "removed trial"]), ("old", ["old"])])
def test_an_import_that_sent_nothing_leaves_no_new_run_behind(
    files: tuple[Path, Path], made: list[str], monkeypatch: pytest.MonkeyPatch, run: str, left: list[str]
) -> None:
    monkeypatch.setattr(underway, "worker_of", worker(ServiceAway("no worker")))
    with importing(files, run) as done, pytest.raises(ServiceAway, match="no worker"), done.place():
        pass
    assert made == left


@pytest.mark.parametrize("text", ["nothing,here\n1,2\n", ""])
def test_a_refused_file_and_an_empty_one_begin_no_run(
    files: tuple[Path, Path], made: list[str], capsys: pytest.CaptureFixture[str], text: str
) -> None:
    files[0].write_text(text)
    with pytest.raises(UsageError, match="bad_file"):
        cli.app()(["import", str(files[0]), "--map", str(files[1]), "--run", "trial", "--data", str(files[0].parent)])
    files[0].write_text("no,at\n")
    code, said = ioc(capsys, "import", str(files[0]), "--map", str(files[1]), "--run", "trial", "--data", str(files[0].parent))
    assert (code, said.splitlines()) == (
        0,
        ["rows 0 = with events 0 + unwanted 0 + unreadable 0", "events 0 = accepted 0 + duplicate 0 + rejected 0"],
    )
    assert made == []


def broken_off_after(done: underway.Importing, sent: int) -> Callable[[Any, Any], None]:
    def send(store: Any, shown: Any) -> None:
        done.reached = sent
        raise KeyboardInterrupt

    return send


@pytest.mark.parametrize("run", [(), ("--run", "trial")])
def test_a_wrong_time_format_is_told_at_once_and_nothing_is_sent_or_begun(
    files: tuple[Path, Path], made: list[str], capsys: pytest.CaptureFixture[str], run: tuple[str, ...]
) -> None:
    """What was sent would have moved the watermark to now: the right map's events would have been late."""
    files[1].write_text(MAP.replace("%Y-%m-%d", "%m.%d.%Y"))
    arguments = ("import", str(files[0]), "--map", str(files[1]), *run, "--data", str(files[0].parent))
    code, said = ioc(capsys, *arguments)
    assert code == 1
    assert said.splitlines() == [
        "rows 5 = with events 4 + unwanted 1 (no [[event]]'s conditions hold) + unreadable 0",
        "events 4 = accepted 0 + duplicate 0 + rejected 4",
        "rejected 4: schema (time)",
        "  my.csv, line 2: at `2026-01-05` does not match `%m.%d.%Y`",
        "  my.csv, line 3: at `05/01/2026` does not match `%m.%d.%Y`",
        "  my.csv, line 5: at `06/01/2026` does not match `%m.%d.%Y`",
        "could not be read: time 4",
    ]
    code, said = ioc(capsys, *arguments, "--json")
    found = json.loads(said)
    assert [found[k] for k in ("events", "sent", "accepted", "rejected", "from_others")] == [4, 0, 0, 4, 0]
    assert made == []


@pytest.mark.parametrize(("sent", "left"), [(0, ["trial", "removed trial"]), (3, ["trial"])])
def test_ctrl_c_says_how_much_was_sent_and_that_to_import_again_is_safe(
    files: tuple[Path, Path],
    made: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sent: int,
    left: list[str],
) -> None:
    monkeypatch.setattr(underway, "worker_of", worker(None))
    with importing(files, "trial") as done:
        monkeypatch.setattr(done, "send", broken_off_after(done, sent))
        with pytest.raises(KeyboardInterrupt), done.place() as store:
            done.send(store, None)
    assert f"broken off after about {sent} of 4 events were sent; to import the files again is safe" in capsys.readouterr().err
    assert made == left


def test_files_of_which_the_map_wants_nothing_are_a_fault_and_no_success(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A portal has two kinds of messages: with the map of the other kind all of them would be gone without a word."""
    log, log_map = files
    log.write_text("no,at\n,2026-01-06\n,2026-01-07\n")
    with pytest.raises(SystemExit) as end:
        cli.app()(["import", str(log), "--map", str(log_map), "--check"])
    told = capsys.readouterr()
    assert end.value.code == 1
    assert "rows 2 = with events 0 + unwanted 2" in told.out
    assert "the map wants no row of these files" in told.err
    log.write_text("no,at\n")
    assert ioc(capsys, "import", str(log), "--map", str(log_map), "--check")[0] == 0, "there is nothing to want"
