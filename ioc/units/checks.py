"""Checks: what is wrong with a tree of units: holes, overlaps, cycles, parents and successors there are not. Pure.

A fault is (place, line, what is wrong and what is right); place is `units` or `successors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ioc.units.identity import Editions
from ioc.units.tree import LEVELS, Successor, Unit

UNITS, SUCCESSORS = "units", "successors"


class Fault(NamedTuple):
    """What is wrong, and in which line of which file."""

    place: str
    line: int
    said: str


Own = dict[tuple[str, int], Unit]
"""The unit of a code in an edition."""


def faults(editions: Editions, units: Sequence[Unit], successors: Sequence[Successor]) -> list[Fault]:
    """All that is wrong, by file and line."""
    own: Own = {}
    found = [*_twice(editions, units, own), *_parents(editions, units, own)]
    found += [*_ends(editions, units, successors, own), *_successors(editions, successors, own), *_defaults(successors)]
    return sorted(found, key=lambda f: (f.place != UNITS, f.line))


def _twice(editions: Editions, units: Sequence[Unit], own: Own) -> Iterator[Fault]:
    """Fills `own`."""
    for unit in units:
        for edition in unit.within(editions):
            first = own.setdefault((unit.code, edition), unit)
            if first is not unit:
                said = f"{unit.code} stands twice in the edition of {editions.days[edition]}, here and in line {first.line}"
                yield Fault(UNITS, unit.line, f"{said}: an overlap; end one of the two where the other begins")
                break


def _parents(editions: Editions, units: Sequence[Unit], own: Own) -> Iterator[Fault]:
    top = min((LEVELS.index(unit.level) for unit in units), default=0)
    known = {unit.code for unit in units}
    for unit in units:
        said = _parent(editions, unit, own, known, top)
        if said:
            yield Fault(UNITS, unit.line, said)


def _parent(editions: Editions, unit: Unit, own: Own, known: set[str], top: int) -> str:
    if not unit.parent:
        return "" if LEVELS.index(unit.level) == top else f"{unit.code} has no parent; only a {LEVELS[top]} has none"
    if unit.parent not in known:
        return f"the parent {unit.parent} of {unit.code} is no unit of this file"
    for edition in unit.within(editions):
        parent = own.get((unit.parent, edition))
        if parent is None:
            said = f"{unit.code} belongs to the edition of {editions.days[edition]}, its parent {unit.parent} does not"
            return f"{said}: a hole; see valid_from and valid_to of both"
        if circle := _circle(unit, edition, own):
            return f"{' -> '.join(circle)}: a cycle; a parent is above its children"
        if LEVELS.index(parent.level) >= LEVELS.index(unit.level):
            said = f"{unit.code} is a {unit.level}, its parent {parent.code} a {parent.level}"
            return f"{said}; levels are, from above, {', '.join(LEVELS)}"
    return ""


def _circle(unit: Unit, edition: int, own: Own) -> list[str]:
    """The codes from a unit up to itself, if its parents lead there."""
    path, above = [unit.code], own.get((unit.parent, edition))
    while above is not None and above.code not in path[1:]:
        path.append(above.code)
        if above.code == unit.code:
            return path
        above = own.get((above.parent, edition)) if above.parent else None
    return []


def _ends(editions: Editions, units: Sequence[Unit], successors: Sequence[Successor], own: Own) -> Iterator[Fault]:
    """Units of the lowest level that are gone need a successor, and so does one with no parent to leave its numbers to."""
    lowest = max((LEVELS.index(unit.level) for unit in units), default=0)
    replaced = {own.get((s.old, s.old_edition)) for s in successors}
    for unit in units:
        if unit.ends is not None and unit not in replaced and (LEVELS.index(unit.level) == lowest or not unit.parent):
            said = f"{unit.code} ends on {editions.days[unit.ends]} and has no successor"
            yield Fault(
                UNITS,
                unit.line,
                f"{said}; name one in the file of successors: {unit.code},{editions.days[unit.begins]},NEW,EDITION,yes",
            )


def _successors(editions: Editions, successors: Sequence[Successor], own: Own) -> Iterator[Fault]:
    seen: dict[tuple[str, int, str], int] = {}
    for one in successors:
        said, old, new = "", own.get((one.old, one.old_edition)), own.get((one.new, one.new_edition))
        first = seen.setdefault(one[:3], one.line)
        if old is None:
            said = f"{one.old} is no unit of the edition of {editions.days[one.old_edition]}"
        elif new is None:
            said = f"the successor {one.new} is no unit of the edition of {editions.days[one.new_edition]}"
        elif old.ends is None:
            said = f"{one.old} is in force and has no successor; give it a valid_to, or take this line out"
        elif old.ends not in new.within(editions):
            said = f"{one.old} ends on {editions.days[old.ends]}, and its successor {one.new} is no unit then"
        elif first != one.line:
            said = f"{one.old} -> {one.new} stands in line {first} already"
        if said:
            yield Fault(SUCCESSORS, one.line, said)


def _defaults(successors: Sequence[Successor]) -> Iterator[Fault]:
    """Of the parts of a unit one is the default."""
    lines: dict[tuple[str, int], list[Successor]] = {}
    for one in successors:
        lines.setdefault((one.old, one.old_edition), []).append(one)
    for (old, _), parts in lines.items():
        defaults = [one for one in parts if one.default]
        if len(defaults) != 1:
            count = "no default" if not defaults else f"{len(defaults)} defaults"
            line = defaults[1].line if defaults else parts[0].line
            yield Fault(
                SUCCESSORS,
                line,
                f"{old} has {count} among its {len(parts)} successors; say `yes` in one line, `no` in the others",
            )
