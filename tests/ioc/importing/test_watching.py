"""A watched folder: what is whole is sent once, what is broken is told, and a restart begins where the last one ended."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ioc import cli
from ioc.cli import watch as command
from ioc.errors import ServiceAway, UsageError
from ioc.importing import watching
from ioc.importing.maps import load_map
from ioc.importing.watching import Folder, Outcome, Taken
from ioc.settings import Settings
from tests.ioc.importing.test_pm import PERIOD, TYPES, VALUE, text

MAP = load_map("pm")
GOOD = text(PERIOD + TYPES + VALUE)
NOW = 2_000_000_000.0


class Kafka:
    """A sender that keeps what it is given, or breaks off after so many records."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.headers: list[Any] = []
        self.left = 10**9

    def __call__(self, _: Settings) -> Kafka:
        return self

    async def __aenter__(self) -> Kafka:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def post(self, topic: str, key: bytes, value: bytes, headers: Any = ()) -> None:
        assert topic == "ioc.events.ran"
        if self.left == 0:
            raise ServiceAway("gone")
        self.left -= 1
        self.ids.append(json.loads(value)["id"])
        self.headers += headers

    async def flush(self) -> None: ...


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    made = Kafka()
    monkeypatch.setattr(watching, "Sender", made)
    return made


class Watched:
    """A folder with its own clock; every look is two seconds after the one before."""

    def __init__(self, tmp_path: Path) -> None:
        self.home, self.path, self.now = tmp_path / "data", tmp_path / "in", NOW
        self.path.mkdir()
        self.start()

    def start(self) -> None:
        taken = Taken(self.home, self.path, MAP.source)
        self.folder = Folder(self.path, MAP, taken, 2.0, lambda: self.now)

    def put(self, name: str, content: str | bytes = GOOD, age: float = 100.0) -> Path:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (self.now - age, self.now - age))
        return path

    def look(self) -> list[Outcome]:
        found: list[Outcome] = []
        asyncio.run(watching.deliver(Settings(data_dir=self.home), self.folder, MAP, found.append))
        self.now += 2
        return found

    def names(self) -> list[str]:
        return [one.file for one in self.look()]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def another(n: int) -> str:
    return GOOD.replace("NRCellDU=1", f"NRCellDU={n}")


def test_a_file_that_is_still_written_waits_and_one_that_was_moved_in_does_not(watched: Watched, kafka: Kafka) -> None:
    watched.put("moved.xml", another(1))
    watched.put("grows.xml", another(2)[:300], age=0)
    watched.put("clock.xml", another(3), age=-3_600)  # of another machine, whose clock is ahead
    assert watched.names() == ["moved.xml"]
    watched.put("grows.xml", another(2), age=0)
    assert watched.names() == ["clock.xml"], "unchanged from one look to the next"
    assert watched.names() == ["grows.xml"], "unchanged since"
    assert watched.names() == []
    assert len(kafka.ids) == 3
    assert kafka.headers == [], "live: it is received when it comes"


def test_unfinished_hidden_and_other_files_are_left_alone(watched: Watched, kafka: Kafka) -> None:
    for name in ("a.xml.tmp", "b.xml.part", ".c.xml", ".d/e.xml", "readme.txt"):
        watched.put(name)
    watched.put("below/f.xml.gz", gzip.compress(GOOD.encode()))
    assert watched.names() == ["below/f.xml.gz"]
    assert len(kafka.ids) == 1


def test_a_restart_a_copy_and_a_new_name_send_nothing_again(watched: Watched, kafka: Kafka) -> None:
    first = watched.put("a.xml")
    watched.put("b.xml", another(2))
    assert watched.names() == ["a.xml", "b.xml"]
    watched.start()
    assert watched.names() == []
    watched.put("copy.xml")
    first.rename(watched.path / "renamed.xml")
    assert {(one.file, one.again, one.events) for one in watched.look()} == {("copy.xml", True, 0), ("renamed.xml", True, 0)}
    assert len(kafka.ids) == 2
    watched.put("b.xml", another(7))
    assert watched.names() == ["b.xml"], "another content is another file"
    with watched.folder.taken.path.open("ab") as file:
        file.write(b'{"file":"torn')
    watched.start()
    assert watched.names() == []


def test_what_is_gone_from_the_folder_is_forgotten(watched: Watched, kafka: Kafka) -> None:
    paths = [watched.put(f"{n}.xml", another(n)) for n in range(5)]
    watched.look()
    assert watched.folder.taken.path.read_bytes().count(b"\n") == 5
    for path in paths[:3]:
        path.unlink()
    watched.look()
    assert watched.folder.taken.path.read_bytes().count(b"\n") == 2
    watched.start()
    assert watched.names() == []


def test_a_broken_file_is_told_with_its_line_and_the_others_are_sent(watched: Watched, kafka: Kafka) -> None:
    watched.put("a.xml", GOOD.replace("1.5", "abc"))
    watched.put("b.xml", another(2))
    broken, good = watched.look()
    assert (broken.refused, broken.first[0].line) == (1, 6)
    assert "pmOwn: 'abc' is no number" in broken.first[0].reason
    assert (good.events, good.refused) == (1, 0)
    assert watched.look() == [], "it is not tried again while it is the same"
    watched.put("a.xml", GOOD)
    assert [(one.file, one.refused) for one in watched.look()] == [("a.xml", 0)]


def test_what_was_broken_off_is_sent_again(watched: Watched, kafka: Kafka) -> None:
    watched.put("a.xml", text(PERIOD + TYPES + VALUE + VALUE.replace("=1", "=2")))
    kafka.left = 1
    with pytest.raises(ServiceAway):
        watched.look()
    kafka.left = 10
    watched.start()
    assert watched.names() == ["a.xml"]
    assert [len(set(kafka.ids)), len(kafka.ids)] == [2, 3]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        Folder(tmp_path / "none", MAP, Taken(tmp_path, tmp_path, "/pm"), 2.0)


def test_the_command_ends_with_once_and_says_what_was_refused(
    watched: Watched, kafka: Kafka, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "connected", lambda data: Settings(data_dir=data))
    watched.put("a.xml", GOOD[:200], age=NOW)
    watched.put("b.xml", another(2), age=NOW)
    arguments = ["watch", str(watched.path), "--map", "pm", "--once", "--every", "0.1", "--data", str(watched.home)]
    with pytest.raises(SystemExit) as end:
        cli.app()(arguments)
    told = capsys.readouterr()
    assert end.value.code == 1
    assert told.out == "b.xml: 1 rows, 1 events\n"
    assert "a.xml: refused: bad_file: line " in told.err
    watched.put("c.xml", age=NOW)
    with pytest.raises(SystemExit) as end:
        cli.app()([*arguments, "--json"])
    assert end.value.code == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": "c.xml", "rows": 1, "events": 1, "again": False, "refused": 0, "first": [],
    }  # fmt: skip
