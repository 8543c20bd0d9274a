"""Rollups: the group of every value of a dimension, from the files that a declaration names."""

from __future__ import annotations

from ioc.errors import DeclarationError
from ioc.text import nfc
from ioc.units import reading
from ioc.units.listed import rows
from ioc.units.tree import LEVEL_NAMES, NONE, UNKNOWN, Tree
from ioc.vocabulary import Rollup, Stream

SAID = "="
"""`district=380`: how a group is called where values of dimensions stand, too."""
WITHOUT = "Không thuộc cấp nào"
"""What people read of units that have no ancestor on a level."""
NOT_KNOWN = "(không rõ)"
"""What people read of values that are in no file."""


def groups(rollup: Rollup, edition: int | None = None) -> dict[str, str]:
    """Value -> group, of all values that are known; any other is of the group `?`. `edition`: units as of this edition, earlier
    ones under their successors.  Raises DeclarationError, UnitsRefused."""
    if rollup.tree is None:
        return _rows(rollup)
    found = reading.tree(rollup.tree)
    return {name: found.group(name if edition is None else found.at(name, edition), rollup.name) for name in found.identities()}


def tree_of(stream: Stream, dimension: str) -> Tree | None:
    """The tree of units that a dimension's values are of, if they are.  Raises UnitsRefused."""
    paths = [rollup.tree for rollup in stream.rollups if rollup.of == dimension and rollup.tree is not None]
    return reading.tree(paths[0]) if paths else None


def names(rollup: Rollup) -> dict[str, str]:
    """What people call the groups, where it is not the group itself: by `district=380`."""
    found = {UNKNOWN: NOT_KNOWN, **rollup.names}
    if rollup.tree is not None:
        tree = reading.tree(rollup.tree)
        found = {tree.name(unit): tree.title(unit) for unit in tree.units if unit.level == rollup.name} | found
        found.setdefault(NONE, f"{WITHOUT} ({LEVEL_NAMES[rollup.name][0].lower()})")
    return {f"{rollup.name}{SAID}{group}": name for group, name in found.items()}


def _rows(rollup: Rollup) -> dict[str, str]:
    assert rollup.file is not None
    found: dict[str, str] = {}
    for row in rows(rollup.file):
        group = row.keys.get(rollup.key) if rollup.key else row.of
        if not isinstance(group, str) or not group:
            raise DeclarationError(
                f"{rollup.file}: {row.code} has no {rollup.key!r}, a text, by which rollup {rollup.name} groups it"
            )
        if rollup.names and group not in rollup.names:
            there = ", ".join(rollup.names)
            raise DeclarationError(f"{rollup.file}: {row.code} is in {group!r}; rollup {rollup.name} has {there}")
        found[row.code] = nfc(group)
    return found
