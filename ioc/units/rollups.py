"""Rollups: the group of every value of a dimension, from the files that a declaration names."""

from __future__ import annotations

from ioc.errors import DeclarationError
from ioc.text import nfc
from ioc.units import cells_file, reading
from ioc.units.cells import FOREVER, NEVER, Registry
from ioc.units.listed import rows
from ioc.units.tree import LEVEL_NAMES, NONE, UNKNOWN, Tree
from ioc.vocabulary import Rollup, Stream

SAID = "="
"""`district=380`: how a group is called where values of dimensions stand, too."""
WITHOUT = "Không thuộc cấp nào"
"""What people read of units that have no ancestor on a level."""
NOT_KNOWN = "(không rõ)"
"""What people read of values that are in no file."""


def groups(rollup: Rollup, edition: int | None = None, at: int = FOREVER) -> dict[str, str]:
    """Value -> group, of all values that are known; any other is of the group `?`. `edition`: units as of this edition, earlier
    ones under their successors. `at`: sites where they stand just before this instant (ms).
    Raises DeclarationError, UnitsRefused."""
    if rollup.tree is None:
        return _rows(rollup)
    found = reading.tree(rollup.tree)
    if (cells := registry(rollup)) is not None:
        return {site: found.group(cells.unit(site, found, at, edition), rollup.name) for site in cells.names}
    return {name: found.group(name if edition is None else found.at(name, edition), rollup.name) for name in found.identities()}


def spans(rollup: Rollup) -> list[tuple[str, str, int, int]]:
    """The same with the time [begins, ends) (ms) in which a value is of a group: each value of one at any time."""
    cells = registry(rollup)
    if cells is None or rollup.tree is None:
        return [(value, group, NEVER, FOREVER) for value, group in groups(rollup).items()]
    found: list[tuple[str, str, int, int]] = []
    edges = sorted({FOREVER, *(one.ends for one in cells.placed), *reading.tree(rollup.tree).editions.starts})
    begins = dict.fromkeys(cells.names, NEVER)
    before = groups(rollup, at=edges[0])
    for edge, ends in zip(edges, [*edges[1:], None], strict=True):
        then = {} if ends is None else groups(rollup, at=ends)
        for site, group in before.items():
            if then.get(site) != group:
                found.append((site, group, begins[site], edge))
                begins[site] = edge
        before = then
    return found


def registry(rollup: Rollup) -> Registry | None:
    """The registry whose sites a rollup groups, if it does.  Raises UnitsRefused."""
    return None if rollup.cells is None or rollup.tree is None else cells_file.registry(rollup.cells, rollup.tree)


def tree_of(stream: Stream, dimension: str) -> Tree | None:
    """The tree of units that a dimension's values are of, if they are.  Raises UnitsRefused."""
    own = [rollup for rollup in stream.rollups if rollup.of == dimension and rollup.cells is None]
    paths = [rollup.tree for rollup in own if rollup.tree is not None]
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
