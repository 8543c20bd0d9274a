"""Joined: the groups of a question: rollups of dimensions, and units as of today. Sums of leaves are folded by group.

Nothing of it is stored: the store sums by the values that were counted, and here they find their groups. So every value of every
kind is exact, for any time and any knowledge: measures are summed first, then they are a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from ioc.errors import UsageError
from ioc.store.clickhouse import literal
from ioc.units import reading
from ioc.units.rollups import groups, tree_of
from ioc.units.tree import NONE, Tree
from ioc.vocabulary import UNKNOWN, Dims, Stream

TODAY = "today"
NAMED = 12
"""Divided units that a note names at most."""
FEW = 1_000
"""Values that a statement may name; more are read, and left out afterwards."""


@dataclass(frozen=True)
class Join:
    """The groups of a dimension's values. `name`: of the rollup, or of the dimension itself where it holds units: one may be
    counted under several names, or be asked for as that of today."""

    name: str
    of: str
    groups: Mapping[str, str]

    def group(self, value: str) -> str:
        """The group of a value; what is no known value is `?`, and among units itself."""
        return self.groups.get(value, value if self.name == self.of else UNKNOWN)

    def condition(self, column: str, wanted: str) -> str:
        """The values of a group as SQL; nothing where they are too many to name."""
        own = [value for value, group in self.groups.items() if group == wanted]
        if self.name == self.of and wanted not in self.groups:
            own.append(wanted)
        if self.name != self.of and wanted == UNKNOWN:
            return f"{column} NOT IN {literal(tuple(self.groups))}" if 0 < len(self.groups) <= FEW else ""
        return (f"{column} IN {literal(tuple(own))}" if own else "0") if len(own) <= FEW else ""


@dataclass(frozen=True)
class Joins:
    """All joins a question may use, by name; `wanted`: the groups it is about; `trees`: of dimensions that hold units."""

    by_name: Mapping[str, Join]
    wanted: Mapping[str, str]

    def leaves(self, stream: Stream, names: Iterable[str]) -> Dims:
        """The dimensions by which the store has to sum for these groups and for what is wanted."""
        needed = {self.by_name[n].of if n in self.by_name else n for n in (*names, *self.wanted)}
        return tuple(name for name in stream.dimensions if name in needed)

    def holds(self, values: Mapping[str, str]) -> bool:
        """Whether leaves (values by dimension) are of the groups that are wanted."""
        return all(join.group(values[join.of]) == wanted for join, wanted in self.asked())

    def folded(self, names: Sequence[str], rows: Iterable[Mapping[str, Any]], sums: Sequence[str]) -> list[dict[str, Any]]:
        """Rows of leaves with arrays of sums as rows of groups, in their order; without `names` one row."""
        found: dict[tuple[str, ...], dict[str, list[int]]] = {} if names else {(): {name: [] for name in sums}}
        for row in rows:
            if self.holds(row):
                group = tuple(self.by_name[n].group(row[self.by_name[n].of]) if n in self.by_name else row[n] for n in names)
                total = found.setdefault(group, {name: [] for name in sums})
                for name in sums:
                    total[name] = [a + b for a, b in zip_longest(total[name], row[name], fillvalue=0)]
        return [dict(zip(names, group, strict=True)) | total for group, total in sorted(found.items())]

    def asked(self) -> list[tuple[Join, str]]:
        """The joins with the groups that are wanted."""
        return [(self.by_name[name], wanted) for name, wanted in self.wanted.items()]

    def conditions(self, stream: Stream, prefix: str) -> list[str]:
        """What is wanted as SQL, as far as it can be said: more may be read, none is missed."""
        said = [j.condition(f"{prefix}dims[{stream.dimensions.index(j.of) + 1}]", wanted) for j, wanted in self.asked()]
        return [one for one in said if one]


NOTHING = Joins({}, {})


def joins(stream: Stream, where: dict[str, str], at: int, units: str | None, notes: list[str]) -> tuple[Joins, dict[str, str]]:
    """The joins of a question with what of `where` is of groups, and the rest of `where`. `at`: the units that are named are
    those in force just before it, and sites stand where they stood then. `notes` gets what is said of them.

    Raises UsageError for units that there are not.
    """
    trees = {name: tree for name in stream.dimensions if (tree := tree_of(stream, name)) is not None}
    above = {rollup.name: reading.tree(rollup.tree) for rollup in stream.rollups if rollup.tree}
    edition = None
    if units == TODAY:
        if not above:
            raise UsageError(f"{stream.name} has no dimension of units; leave out --units")
        edition = max(len(tree.editions.days) for tree in above.values()) - 1
    elif units is not None:
        raise UsageError(f"--units {units!r}: write {TODAY}, or leave it out: then all is grouped by the units of its own time")
    by_name = {rollup.name: Join(rollup.name, rollup.of, groups(rollup, edition, at)) for rollup in stream.rollups}
    for d, tree in trees.items():
        by_name[d] = Join(d, d, {name: tree.at(name, -1 if edition is None else edition) for name in tree.identities()})
    wanted, rest = {}, {}
    for name, text in where.items():
        tree = above.get(name) or trees.get(name)
        meant = text
        if tree is not None and text not in (UNKNOWN, NONE):
            meant = _meant(tree, name, text, at, edition, notes)
        if name in by_name:
            wanted[name] = meant
        else:
            rest[name] = meant
    if edition is not None:
        notes += [said for d, tree in trees.items() if (said := _divided(tree, edition, by_name, wanted, d))]
    return Joins(by_name, wanted), rest


def _meant(tree: Tree, name: str, text: str, at: int, edition: int | None, notes: list[str]) -> str:
    try:
        meant, note = tree.meant(text, at if edition is None else 1 << 50)
    except ValueError as error:
        raise UsageError(f"{name}={error}") from None
    if edition is not None and tree.at(meant, edition) not in (meant, UNKNOWN):
        raise UsageError(f"{name}={text} is no unit of today; with --units {TODAY} name one that is, or leave out --units")
    notes += [f"{name}: {note}"] if note else []
    return meant


def _divided(tree: Tree, edition: int, by_name: Mapping[str, Join], wanted: Mapping[str, str], dimension: str) -> str:
    """A note on the units that were divided, of those that are wanted."""
    there = {name: join for name in wanted if (join := by_name[name]).of == dimension}
    parts = {
        name: parts
        for name in map(tree.name, tree.units)
        if len(parts := tree.parts(name)) > 1 and all(join.group(name) == wanted[n] for n, join in there.items())
    }
    if not parts:
        return ""
    title = {name: unit.name for name in (*parts, *(p[0] for p in parts.values())) if (unit := tree.unit(name))}
    said = [f"{name} {title[name]} -> {became[0]} {title[became[0]]}" for name, became in list(parts.items())[:NAMED]]
    more = f"; and {len(parts) - NAMED} more" if len(parts) > NAMED else ""
    count = "1 unit of before was" if len(parts) == 1 else f"{len(parts)} units of before were"
    return f"{count} divided; all of each counts for its default part: {'; '.join(said)}{more}"
