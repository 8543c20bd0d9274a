"""Tree: units with the editions they belong to, their groups on every level, and what became of them. Pure.

A unit that changes its name, its level or its parent begins with an edition of the code list: so a code names one unit in one
edition, and a group of a number follows from what was counted alone, wherever in time it lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import NamedTuple

from ioc.units.identity import MARK, Editions

LEVELS = ("central", "province", "district", "commune")
"""From above. Since July 2025 there are no districts: a commune's parent is its province."""
LEVEL_NAMES = {
    "central": ("Trung ương", "Central"),
    "province": ("Tỉnh", "Province"),
    "district": ("Huyện", "District"),
    "commune": ("Xã, phường", "Commune"),
}
"""Level -> what people call it (vi, en)."""
UNKNOWN, NONE = "?", "-"
"""The groups of what is no unit in its edition, and of a unit that has no ancestor on a level."""


class Unit(NamedTuple):
    """A unit of the editions `begins` to before `ends` (by number; None: it is in force); `line`: where it stands in its file."""

    code: str
    name: str
    level: str
    parent: str
    begins: int
    ends: int | None
    line: int

    def within(self, editions: Editions) -> range:
        """The editions it belongs to."""
        return range(self.begins, len(editions.days) if self.ends is None else self.ends)


class Successor(NamedTuple):
    """What a unit became, or one of the parts it was divided into; `default`: the part that takes its numbers."""

    old: str
    old_edition: int
    new: str
    new_edition: int
    default: bool
    line: int


@dataclass(frozen=True)
class Tree:
    """Units and successors that hold together (`ioc.units.checks`)."""

    editions: Editions
    units: tuple[Unit, ...]
    successors: tuple[Successor, ...] = ()

    @cached_property
    def _own(self) -> dict[tuple[str, int], Unit]:
        return {(unit.code, edition): unit for unit in self.units for edition in unit.within(self.editions)}

    @cached_property
    def _became(self) -> dict[Unit, list[Unit]]:
        """What units became, the default part first."""
        found: dict[Unit, list[Unit]] = {}
        for one in sorted(self.successors, key=lambda s: not s.default):
            found.setdefault(self._own[one.old, one.old_edition], []).append(self._own[one.new, one.new_edition])
        return found

    def unit(self, identity: str) -> Unit | None:
        """The unit that was counted under a name; None: its edition knows none."""
        found = self._found(identity)
        return found and found[0]

    def _found(self, identity: str) -> tuple[Unit, int] | None:
        try:
            code, edition = self.editions.parted(identity)
        except ValueError:
            return None
        unit = self._own.get((code, edition))
        return None if unit is None else (unit, edition)

    def name(self, unit: Unit) -> str:
        """The one name of a unit that belongs to several editions: by the first of them."""
        return self.editions.name(unit.code, unit.begins)

    def group(self, identity: str, level: str) -> str:
        """The name of the unit's ancestor (or of itself) on a level; `-`: it has none there; `?`: there is no such unit."""
        found = self._found(identity)
        if found is None:
            return UNKNOWN
        unit, edition = found
        while unit.level != level:
            if not unit.parent or LEVELS.index(unit.level) < LEVELS.index(level):
                return NONE
            unit = self._own[unit.parent, edition]
        return self.name(unit)

    def parts(self, identity: str) -> tuple[str, ...]:
        """What the unit became where it is in force no longer, the default part first."""
        unit = self.unit(identity)
        return tuple(self.name(new) for new in self._became.get(unit, ())) if unit else ()

    def at(self, identity: str, edition: int) -> str:
        """The unit of an edition that takes the numbers of an earlier one: by default parts; one without a successor (a district)
        leaves them to its parent. `?`: there is no such unit. One of a later edition is itself."""
        found = self._found(identity)
        if found is None:
            return UNKNOWN
        unit, own = found
        while unit.ends is not None and unit.ends <= edition:
            if became := self._became.get(unit):
                unit = became[0]
                own = unit.begins
            else:
                unit = self._own[unit.parent, own]
        return self.name(unit)

    def meant(self, text: str, at: int) -> tuple[str, str]:
        """The unit that a person means: of `CODE` the one in force just before an instant (ms), or the last one there was; with a
        note where the code names others in other editions. `CODE@2025-07-01`, and `CODE@` for the first edition, are exact.

        Raises ValueError for an edition there is not.
        """
        if MARK in text:
            code, edition = self.editions.parted(text)
            unit = self._own.get((code, edition))
            return (self.editions.name(code, edition) if unit is None else self.name(unit)), ""
        there = {edition: unit for edition in range(len(self.editions.days)) if (unit := self._own.get((text, edition)))}
        asked = self.editions.at(at - 1)
        if not there:
            return self.editions.name(text, asked), ""
        edition = asked if asked in there else max((e for e in there if e < asked), default=min(there))
        others = [unit for e, unit in there.items() if unit is not there[edition]]
        if edition != asked or others:
            known = "; ".join(f"{exact} is {unit.name}" for unit in dict.fromkeys(others) if (exact := self.exact(unit)))
            said = f"{text} is {self.exact(there[edition])}, {there[edition].name}"
            return self.name(there[edition]), f"{said}, of the edition of {self.editions.days[there[edition].begins]}" + (
                f"; {known}" if known else ""
            )
        return self.name(there[edition]), ""

    def exact(self, unit: Unit) -> str:
        """How a person names this unit and no other."""
        name = self.name(unit)
        return name if MARK in name else f"{name}{MARK}"

    def names(self) -> dict[str, str]:
        """The titles of units by what is counted, of all editions."""
        return {self.editions.name(code, edition): self.title(unit) for (code, edition), unit in self._own.items()}

    def title(self, unit: Unit) -> str:
        """The unit's name; of one that is gone with its last day, where a unit in force is called the same."""
        if unit.ends is None or unit.name not in self._in_force:
            return unit.name
        last = self.editions.days[unit.ends] - timedelta(days=1)
        return f"{unit.name} (đến {last.day}/{last.month}/{last.year})"

    @cached_property
    def _in_force(self) -> set[str]:
        return {unit.name for unit in self.units if unit.ends is None}

    def identities(self) -> Iterator[str]:
        """All that may be counted of known units."""
        return (self.editions.name(code, edition) for code, edition in self._own)

    def of(self, edition: int, levels: Iterable[str] = LEVELS) -> list[Unit]:
        """The units of an edition, from above, by code."""
        wanted = set(levels)
        own = [unit for (_, e), unit in self._own.items() if e == edition and unit.level in wanted]
        return sorted(own, key=lambda unit: (LEVELS.index(unit.level), unit.code))
