"""Cells' file: a registry of cells as a spreadsheet keeps it (CSV, one row a cell) becomes a registry, or all that is wrong, with
lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from importlib import resources
from pathlib import Path

from ioc.times import PROVINCE, to_datetime
from ioc.units.cells import FOREVER, LATITUDES, LONGITUDES, Cell, Registry
from ioc.units.identity import beginning
from ioc.units.reading import File, UnitsRefused, lines, opened
from ioc.units.reading import tree as tree_of
from ioc.units.tree import Tree

HEADER = ("cell", "site", "name", "latitude", "longitude", "unit", "vendor", "period_s", "kind", "from", "to")
LONGEST = 86_400
"""Seconds of a period at most, as the contract has it."""
Faults = list[tuple[int, str]]
"""Lines, and what is wrong there."""


def home() -> Path:
    """The shipped registry, `streams/data/cells.csv`."""
    return Path(str(resources.files("streams") / "data" / "cells.csv"))


def registry(path: Path, units: Path) -> Registry:
    """The registry of a file; `units`: the folder of the tree its communes are of.  Raises UnitsRefused."""
    return _registry(path, path.stat().st_mtime_ns if path.is_file() else 0, tree_of(units))


@lru_cache(maxsize=8)
def _registry(path: Path, _: int, tree: Tree) -> Registry:
    return checked(opened(path), tree)


def checked(file: File, tree: Tree) -> Registry:
    """The registry of a file.  Raises UnitsRefused that names all that is wrong."""
    rows = lines(file)
    _, header = next(rows, (1, []))
    if tuple(cell.strip() for cell in header) != HEADER:
        raise UnitsRefused([f"{file.name}:1: the header is `{','.join(HEADER)}`, not `{','.join(header)}`"])
    wrong: Faults = []
    found = [_cell(line, values, wrong) for line, values in rows if values]
    cells = [cell for cell in found if cell is not None]
    if not wrong:  # a row that could not be read would be missed by the others
        wrong = [*_units(cells, tree), *_overlaps(cells), *_apart(cells)]
    if not cells and not wrong:
        wrong.append((1, "there are no cells"))
    if wrong:
        raise UnitsRefused([f"{file.name}:{line}: {said}" for line, said in sorted(wrong)])
    return Registry(tuple(cells))


def _cell(line: int, values: list[str], wrong: Faults) -> Cell | None:
    if len(values) != len(HEADER):
        wrong.append((line, f"{len(values)} columns; there are {len(HEADER)}: {','.join(HEADER)}"))
        return None
    given = dict(zip(HEADER, (value.strip() for value in values), strict=True))
    said: list[str] = [f"a cell has a {name}" for name in ("cell", "site", "name", "unit") if not given[name]]
    latitude, longitude = (_degrees(name, given[name], said) for name in ("latitude", "longitude"))
    if None not in (latitude, longitude) and not _in_vietnam(latitude, longitude):
        turned = "; they stand the wrong way round" if _in_vietnam(longitude, latitude) else ""
        said.append(f"{latitude}, {longitude} is not in Vietnam{turned}: write degrees, latitude first, e.g. 19.8071, 105.7766")
    period = given["period_s"]
    if not (period.isascii() and period.isdigit() and 1 <= int(period) <= LONGEST):
        said.append(f"period_s is {period!r}; it is the seconds of a period it measures, 1 to {LONGEST}, e.g. 900")
    begins = _day("from", given["from"], said)
    ends = _day("to", given["to"], said) if given["to"] else FOREVER
    if begins is not None and ends is not None and ends <= begins:
        said.append(f"to is {given['to']}, and from {given['from']}: it ends before it begins; `to` is the first day off air")
    wrong += [(line, one) for one in said]
    if said or latitude is None or longitude is None or begins is None or ends is None:
        return None
    texts = (given["cell"], given["site"], given["name"])
    return Cell(*texts, latitude, longitude, given["unit"], given["vendor"], int(period), given["kind"], begins, ends, line)


def _degrees(name: str, text: str, said: list[str]) -> float | None:
    try:
        return float(text)
    except ValueError:
        said.append(f"{name} is {text!r}; write degrees with a decimal point, e.g. 19.8071")
        return None


def _in_vietnam(latitude: float | None, longitude: float | None) -> bool:
    assert latitude is not None
    assert longitude is not None
    return LATITUDES[0] <= latitude <= LATITUDES[1] and LONGITUDES[0] <= longitude <= LONGITUDES[1]


def _day(name: str, text: str, said: list[str]) -> int | None:
    try:
        return beginning(date.fromisoformat(text))
    except ValueError:
        said.append(f"{name} is {text!r}; write a day, e.g. 2025-07-01")
        return None


def _units(cells: Sequence[Cell], tree: Tree) -> Iterator[tuple[int, str]]:
    """Rows whose commune there is not on the day they begin."""
    for cell in cells:
        there = tree.unit(tree.editions.identity(cell.unit, cell.begins))
        if there is None or there.level != "commune":
            said = f"{cell.unit} is no commune" if there is None else f"{cell.unit} is {there.name}, a {there.level}, no commune"
            edition = tree.editions.days[tree.editions.at(cell.begins)]
            yield cell.line, f"{said} of the edition of {edition}, in which the row begins"


def _overlaps(cells: Sequence[Cell]) -> Iterator[tuple[int, str]]:
    """Rows of one cell that hold at the same time."""
    last: dict[str, Cell] = {}
    for cell in sorted(cells, key=lambda c: (c.begins, c.line)):
        before = last.get(cell.cell)
        if before is not None and cell.begins < before.ends:
            until = f"until {day(before.ends)}" if before.ends < FOREVER else "and has no end"
            yield (
                cell.line,
                f"{cell.cell} is there from {day(before.begins)} {until} (line {before.line}): end one where the other begins",
            )
        if before is None or cell.ends > before.ends:
            last[cell.cell] = cell


def _apart(cells: Sequence[Cell]) -> Iterator[tuple[int, str]]:
    """Cells of one site that say otherwise of it than another one at the same time."""
    of: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda c: (c.begins, c.line)):
        for other in of.setdefault(cell.site, []):
            if cell.begins < other.ends and cell.place != other.place:
                named = zip(("name", "latitude", "longitude", "unit"), cell.place, other.place, strict=True)
                said = next(f"{name} {own}, and {theirs}" for name, own, theirs in named if own != theirs)
                yield cell.line, f"site {cell.site} has {said} in line {other.line}, at the same time: a site has one of each"
                break
        of[cell.site].append(cell)


def day(ms: int) -> str:
    """The day of the province that begins at an instant."""
    return str(to_datetime(ms, PROVINCE).date())
