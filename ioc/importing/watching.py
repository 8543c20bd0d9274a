"""Watching: the files of a folder that are whole and were not taken before, each sent once, as it comes.

A file is whole when it has not changed from one look to the next, or for so long as lies between two. What was taken is kept in
the data folder, so that a restart sends nothing twice; a file that was half sent when it was broken off is sent again: its events
have the same ids, and count once. Files stay where they are. What is gone from the folder is forgotten.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ioc.errors import UsageError
from ioc.importing.columns import Statistics
from ioc.importing.importer import read_log
from ioc.importing.mapping import Map
from ioc.importing.sources import wanted
from ioc.importing.translate import Outgoing, read_made
from ioc.kafka import Sender
from ioc.settings import Settings

UNFINISHED = (".tmp", ".part", ".filepart", ".partial", ".crdownload")
"""How names end of files that are still written, by those who copy them."""
TOLD = 3
"""Troubles of a file that are told."""


class Trouble(NamedTuple):
    """Why a file, or a row of it, was refused, and its line (0: none)."""

    line: int
    reason: str


@dataclass
class Outcome:
    """What became of a file. `again`: it has the bytes of one that was taken, and nothing was sent."""

    file: str
    rows: int = 0
    events: int = 0
    again: bool = False
    refused: int = 0
    first: list[Trouble] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        """One more refusal; the first are kept."""
        self.refused += 1
        if len(self.first) < TOLD:
            self.first.append(Trouble(line, reason))


class State(NamedTuple):
    """What a look sees of a file."""

    size: int
    mtime_ns: int


class Taken:
    """What was taken of a folder through a map: (name, state) and SHA-256, a line of JSON a file."""

    def __init__(self, data_dir: Path, folder: Path, source: str) -> None:
        named = hashlib.sha256(f"{folder.resolve()}\n{source}".encode()).hexdigest()[:16]
        self.path = data_dir / "watched" / f"{named}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._states: dict[str, State] = {}
        self._digests: dict[str, str] = {}
        self._known: set[str] = set()
        for line in self.path.read_bytes().splitlines() if self.path.exists() else ():
            with suppress(orjson.JSONDecodeError, KeyError, TypeError):  # torn by a crash: its file is sent again
                one = orjson.loads(line)
                self._note(one["file"], State(one["size"], one["mtime_ns"]), one["sha256"])

    def __contains__(self, seen: tuple[str, State]) -> bool:
        return self._states.get(seen[0]) == seen[1]

    def has(self, digest: str) -> bool:
        """Whether a file with these bytes was taken."""
        return digest in self._known

    def add(self, name: str, state: State, digest: str) -> None:
        """Remember a file, on disk."""
        self._note(name, state, digest)
        with self.path.open("ab") as file:
            file.write(self._line(name) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def keep(self, names: set[str]) -> None:
        """Forget all others, once they are more than half of all."""
        if len(gone := self._states.keys() - names) * 2 <= len(self._states):
            return
        for name in gone:
            del self._states[name], self._digests[name]
        self._known = set(self._digests.values())
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(b"".join(self._line(name) + b"\n" for name in self._states))
        fresh.replace(self.path)

    def _note(self, name: str, state: State, digest: str) -> None:
        self._states[name], self._digests[name] = state, digest
        self._known.add(digest)

    def _line(self, name: str) -> bytes:
        return orjson.dumps({"file": name, **self._states[name]._asdict(), "sha256": self._digests[name]})


class Folder:
    """A folder that is looked at again and again."""

    def __init__(self, folder: Path, log_map: Map, taken: Taken, every: float, clock: Callable[[], float] = time.time) -> None:
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder")
        self.folder, self.taken = folder, taken
        self._patterns, self._every, self._clock = [*log_map.input.members, "*.zip"], every, clock
        self._before: dict[str, State] = {}
        self.unfinished = 0
        """Files that the last look saw, and that were not yet whole."""
        self.unreadable: set[tuple[str, State]] = set()
        """Files that may not be read, so that each is told once."""

    def look(self) -> list[tuple[str, State]]:
        """The files that are whole and were not taken, the oldest first."""
        seen = {name: state for name in self._names() if (state := self.state(name)) is not None}
        self.taken.keep(set(seen))
        new = [(name, state) for name, state in seen.items() if (name, state) not in self.taken]
        settled = int((self._clock() - self._every) * 1e9)
        whole = [one for one in new if one[1].mtime_ns <= settled or self._before.get(one[0]) == one[1]]
        self.unfinished, self._before = len(new) - len(whole), seen
        return sorted(whole, key=lambda one: (one[1].mtime_ns, one[0]))

    def state(self, name: str) -> State | None:
        """What there is of a file now; None: it is gone."""
        try:
            found = (self.folder / name).stat()
        except OSError:
            return None
        return State(found.st_size, found.st_mtime_ns)

    def _names(self) -> Iterator[str]:
        for path in self.folder.rglob("*"):
            name = path.relative_to(self.folder)
            hidden = any(part.startswith(".") for part in name.parts)
            if not hidden and path.suffix.lower() not in UNFINISHED and wanted(str(name), self._patterns) and path.is_file():
                yield name.as_posix()


async def deliver(settings: Settings, folder: Folder, log_map: Map, tell: Callable[[Outcome], None]) -> None:
    """Send what one look finds, file by file, live as the gateway does; `tell` hears of each.  Raises ServiceAway, KafkaError."""
    if not (found := folder.look()):
        return
    async with Sender(settings) as sender:
        for name, state in found:
            if (outcome := await _one(settings, folder, log_map, name, state, sender)) is not None:
                tell(outcome)


async def _one(settings: Settings, folder: Folder, log_map: Map, name: str, state: State, sender: Sender) -> Outcome | None:
    """Send a file and remember it; None: it changes, or is gone."""
    path, outcome = folder.folder / name, Outcome(name)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        if folder.state(name) is None or (name, state) in folder.unreadable:
            return None
        folder.unreadable.add((name, state))
        outcome.refuse(0, f"bad_file: it cannot be read: {error.strerror}")
        return outcome
    outcome.again = folder.taken.has(digest)
    if not outcome.again:
        try:
            with read_log(settings, partial(_events, path, log_map, outcome)) as log:
                if folder.state(name) != state:
                    return None
                outcome.rows = log.statistics.rows
                for event in log.events():
                    await sender.post(event.topic, event.key, event.value)
                    outcome.events += 1
            await sender.flush()
        except UsageError as error:
            outcome.refuse(0, str(error))
    folder.taken.add(name, state, digest)
    return outcome


def _events(path: Path, log_map: Map, outcome: Outcome, statistics: Statistics) -> Iterator[Outgoing]:
    for made in read_made([path], log_map, statistics):
        if made.event is None:
            outcome.refuse(made.row.line, made.row.trouble)
        yield made.outgoing


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """For `--json`."""
    return {
        "file": outcome.file, "rows": outcome.rows, "events": outcome.events, "again": outcome.again, "refused": outcome.refused,
        "first": [trouble._asdict() for trouble in outcome.first],
    }  # fmt: skip
