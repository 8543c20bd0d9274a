"""Rollups: the group of every value of a dimension, from the files that a declaration names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from ioc.errors import DeclarationError
from ioc.text import nfc
from ioc.units import reading
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
    for of_list, rows in _toml(rollup.file, rollup.file.stat().st_mtime_ns).items():
        for row in rows:
            code = str(row["code"] if isinstance(row, dict) else row[0])
            group = of_list if not rollup.key else row.get(rollup.key) if isinstance(row, dict) else None
            if not isinstance(group, str) or not group:
                raise DeclarationError(
                    f"{rollup.file}: {code} has no {rollup.key!r}, a text, by which rollup {rollup.name} groups it"
                )
            found[nfc(code)] = nfc(group)
    return found


@lru_cache(maxsize=16)
def _toml(path: Path, _: int) -> Mapping[str, list[dict[str, object] | list[str]]]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
