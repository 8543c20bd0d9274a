"""Reading: files of units and successors become a tree, or all that is wrong with them, with lines.

A tree is a folder with `units.csv` and `successors.csv`; the days on which editions begin stand beside it, in `<folder>.toml`.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from itertools import islice
from pathlib import Path

from ioc.errors import IocError
from ioc.text import nfc
from ioc.units import identity
from ioc.units.checks import SUCCESSORS, UNITS, Fault, faults
from ioc.units.identity import MARK, Editions
from ioc.units.tree import LEVELS, Successor, Tree, Unit

HEADERS = {
    UNITS: ("code", "name", "level", "parent", "valid_from", "valid_to"),
    SUCCESSORS: ("old", "old_edition", "new", "new_edition", "default"),
}
"""The first line of each file, by which it is known."""
ANSWERS = {"yes": True, "no": False}
SHOWN = 20
"""Faults that are told one by one."""


class UnitsRefused(IocError):
    """Files of units do not hold together; the message names the first lines and what is right, `found` all of them."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__("\n".join(first(found)))
        self.found = tuple(found)


def first(found: Sequence[str]) -> list[str]:
    """The first faults, and how many more there are: one unit that is missing makes a fault of each that belongs to it."""
    more = len(found) - SHOWN
    return list(found) if more <= 0 else [*found[:SHOWN], f"... and {more} more: mend these, and check again"]


@dataclass(frozen=True)
class File:
    """A file as it was given: its text by name, for messages."""

    name: str
    text: str


def home() -> Path:
    """The folder of the shipped tree, `streams/data/units`."""
    return Path(str(resources.files("streams") / "data" / "units"))


def tree(folder: Path) -> Tree:
    """The tree of a folder.  Raises UnitsRefused."""
    paths = [folder / f"{kind}.csv" for kind in HEADERS]
    stamps = tuple(p.stat().st_mtime_ns if p.is_file() else 0 for p in (*paths, folder.with_suffix(".toml")))
    return _tree(folder, stamps)


@lru_cache(maxsize=8)
def _tree(folder: Path, _: tuple[int, ...]) -> Tree:
    return checked(editions(folder), files(folder))


def editions(folder: Path) -> Editions:
    """The editions of a folder's codes.  Raises UnitsRefused."""
    try:
        return identity.read(folder.with_suffix(".toml"))
    except (ValueError, OSError) as error:
        raise UnitsRefused([str(error)]) from None


def files(folder: Path) -> dict[str, File]:
    """The files of a folder by kind; a folder may have no successors.  Raises UnitsRefused."""
    return {kind: opened(path) for kind in HEADERS if (path := folder / f"{kind}.csv").is_file()}


def opened(path: Path) -> File:
    """A file.  Raises UnitsRefused where it cannot be read as text."""
    try:
        return File(str(path), nfc(path.read_bytes().decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise UnitsRefused([f"{path}: no UTF-8 at byte {error.start}; save it as UTF-8"]) from None
    except OSError as error:
        raise UnitsRefused([f"{path}: {error.strerror}"]) from None


def kind_of(file: File) -> str:
    """Whether a file holds units or successors, by its header.  Raises UnitsRefused."""
    _, cells = next(lines(file), (1, []))
    header = tuple(cell.strip() for cell in cells)
    for kind, wanted in HEADERS.items():
        if header == wanted:
            return kind
    there = " or ".join(f"`{','.join(wanted)}`" for wanted in HEADERS.values())
    raise UnitsRefused([f"{file.name}:1: the header is {there}, not `{','.join(header)}`"])


def checked(codes: Editions, given: dict[str, File]) -> Tree:
    """The tree of the files.  Raises UnitsRefused that names all that is wrong."""
    if UNITS not in given:
        raise UnitsRefused([f"there is no {UNITS}.csv with the header `{','.join(HEADERS[UNITS])}`"])
    wrong: list[Fault] = []
    units = [_unit(codes, line, cells, wrong) for line, cells in _rows(given, UNITS, wrong)]
    successors = [_successor(codes, line, cells, wrong) for line, cells in _rows(given, SUCCESSORS, wrong)]
    own, others = [u for u in units if u is not None], [s for s in successors if s is not None]
    if not wrong:  # a row that could not be read would be missed by the others
        wrong = faults(codes, own, others)
    if not own and not wrong:
        wrong.append(Fault(UNITS, 1, "there are no units"))
    if wrong:
        raise UnitsRefused([f"{given[f.place].name}:{f.line}: {f.said}" for f in wrong])
    return Tree(codes, tuple(own), tuple(others))


def _rows(given: dict[str, File], kind: str, wrong: list[Fault]) -> Iterator[tuple[int, list[str]]]:
    if kind not in given:
        return
    if (really := kind_of(given[kind])) != kind:
        raise UnitsRefused([f"{given[kind].name}: these are {really}, not {kind}"])
    for line, cells in islice(lines(given[kind]), 1, None):
        if len(cells) == len(HEADERS[kind]):
            yield line, [cell.strip() for cell in cells]
        elif cells:
            wrong.append(Fault(kind, line, f"{len(cells)} cells; there are {len(HEADERS[kind])}: {','.join(HEADERS[kind])}"))


def lines(file: File) -> Iterator[tuple[int, list[str]]]:
    """Rows, each with the line it begins in."""
    reader, line = csv.reader(io.StringIO(file.text)), 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnitsRefused([f"{file.name}:{line}: {error}"]) from None


def _unit(codes: Editions, line: int, cells: list[str], wrong: list[Fault]) -> Unit | None:
    code, name, level, parent, begins, ends = cells
    said = []
    if not code or not name:
        said.append("a unit has a code and a name")
    if MARK in code:
        said.append(f"{code}: a code holds no {MARK}, which parts it from its edition")
    if level not in LEVELS:
        said.append(f"no level {level!r}; there are {', '.join(LEVELS)}")
    first, last = _edition(codes, "valid_from", begins, said), _edition(codes, "valid_to", ends, said) if ends else None
    if first is not None and last is not None and last <= first:
        said.append(f"it ends on {ends}, and begins on {begins}")
    wrong += [Fault(UNITS, line, one) for one in said]
    return None if said or first is None else Unit(code, name, level, parent, first, last, line)


def _successor(codes: Editions, line: int, cells: list[str], wrong: list[Fault]) -> Successor | None:
    old, old_edition, new, new_edition, default = cells
    said: list[str] = []
    before, after = _edition(codes, "old_edition", old_edition, said), _edition(codes, "new_edition", new_edition, said)
    if default not in ANSWERS:
        said.append(f"default is {' or '.join(ANSWERS)}, not {default!r}")
    wrong += [Fault(SUCCESSORS, line, one) for one in said]
    return None if said or before is None or after is None else Successor(old, before, new, after, ANSWERS[default], line)


def _edition(codes: Editions, name: str, text: str, said: list[str]) -> int | None:
    """The edition that begins on a day."""
    there = ", ".join(map(str, codes.days))
    try:
        return codes.days.index(date.fromisoformat(text))
    except ValueError:
        said.append(f"{name} is {text!r}; editions of the code list begin on {there}, and a unit changes with an edition alone")
        return None


def install(given: dict[str, File], folder: Path) -> None:
    """Put checked files in force: all are written first, then each takes the place of the old one."""
    folder.mkdir(parents=True, exist_ok=True)
    waiting = []
    for kind, file in given.items():
        path = folder / f".{kind}.csv.new"
        with path.open("w", encoding="utf-8", newline="") as out:
            out.write(file.text)
            out.flush()
            os.fsync(out.fileno())
        waiting.append((path, folder / f"{kind}.csv"))
    for path, place in waiting:
        path.replace(place)
