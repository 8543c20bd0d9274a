"""Worlds: random trees of units over editions, as plain dictionaries and as files; groups followed step by step.

This shares no code with `ioc.units`: a world is what the files say, told by another."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date

DAYS = ("2010-01-01", "2020-07-01", "2025-07-01")
HEADER = "code,name,level,parent,valid_from,valid_to"
SUCCESSORS = "old,old_edition,new,new_edition,default"
Place = tuple[str, int]
"""A code, and the edition (by number) it is looked at in."""


@dataclass
class World:
    """`editions`: of each the units by code: (name, level, parent). `became`: what a commune that ends is afterwards, the default
    part first, by code and the last edition it belongs to."""

    editions: list[dict[str, tuple[str, str, str]]] = field(default_factory=list)
    became: dict[Place, list[str]] = field(default_factory=dict)

    def born(self, code: str, edition: int) -> int:
        """The first edition in which the unit was the same."""
        while edition and self.editions[edition - 1].get(code) == self.editions[edition].get(code):
            edition -= 1
        return edition

    def name(self, code: str, edition: int) -> str:
        """What a unit is called in answers."""
        born = self.born(code, edition)
        return f"{code}@{DAYS[born]}" if born else code

    def group(self, code: str, edition: int, level: str) -> str:
        """The ancestor on a level."""
        units = self.editions[edition]
        if code not in units:
            return "?"
        while units[code][1] != level:
            code = units[code][2]
            if not code:
                return "-"
        return self.name(code, edition)

    def today(self, code: str, edition: int) -> str:
        """The unit of the last edition that takes the numbers."""
        if code not in self.editions[edition]:
            return "?"
        for after in range(edition + 1, len(self.editions)):
            unit = self.editions[edition].get(code)
            while self.editions[after].get(code) != unit:
                if (code, edition) in self.became:
                    code = self.became[code, edition][0]
                    break
                assert unit is not None
                code = unit[2]  # a district that is gone leaves its numbers to what is above
                unit = self.editions[edition][code]
            edition = after
        return self.name(code, edition)

    def grouped_today(self, code: str, edition: int, level: str) -> str:
        """The ancestor of that on a level."""
        now = self.today(code, edition)
        return now if now == "?" else self.group(now.partition("@")[0], len(self.editions) - 1, level)

    def toml(self) -> str:
        """The file of editions."""
        return "\n".join(f"[[edition]]\nbegins = {date.fromisoformat(day)}" for day in DAYS)

    def units(self) -> list[str]:
        """The file of units, line by line."""
        rows = [HEADER]
        for edition, units in enumerate(self.editions):
            for code, (name, level, parent) in units.items():
                if self.born(code, edition) == edition:
                    ends = next((e for e in range(edition, 3) if self.editions[e].get(code) != units[code]), None)
                    rows.append(f"{code},{name},{level},{parent},{DAYS[edition]},{DAYS[ends] if ends else ''}")
        return rows

    def successors(self) -> list[str]:
        """The file of successors, line by line."""
        return [SUCCESSORS] + [
            f"{old},{DAYS[edition]},{new},{DAYS[edition + 1]},{'no' if n else 'yes'}"
            for (old, edition), parts in self.became.items()
            for n, new in enumerate(parts)
        ]


def world(seed: int) -> World:
    """Three editions; codes are re-used, districts come and go, some communes stay what they are, some are divided."""
    rng, made = random.Random(seed), World()
    for edition in range(len(DAYS)):
        before = made.editions[-1] if made.editions else {}
        units = {"38": ("Tỉnh", "province", "")}
        for n in range(rng.randrange(0, 4)):
            units[f"3{n}0"] = before.get(f"3{n}0") or (f"Huyện {rng.randrange(9)}", "district", "38")
        for code in rng.sample([f"1{n:02}" for n in range(12)], rng.randrange(1, 9)):
            stays = before.get(code)
            if stays and rng.random() < 0.5 and stays[2] in units:
                units[code] = stays
            else:
                units[code] = (f"Xã {edition}{rng.randrange(9)}", "commune", rng.choice(list(units)[: rng.randrange(1, 5)]))
                while units[units[code][2]][1] == "commune":
                    units[code] = (*units[code][:2], "38")
        made.editions.append(units)
        for code, unit in before.items():
            if unit[1] == "commune" and units.get(code) != unit:
                leaves = [c for c, (_, level, _) in units.items() if level == "commune"]
                made.became[code, edition - 1] = rng.sample(leaves, min(len(leaves), rng.choice((1, 1, 2, 3))))
    return made
