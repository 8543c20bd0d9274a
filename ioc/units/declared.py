"""Declared: whether rollups, and the alerts that are judged by them, hold together with their stream."""

from __future__ import annotations

import re
from collections.abc import Collection

from ioc.errors import DeclarationError
from ioc.units.tree import LEVELS
from ioc.vocabulary import Count, Indicator, Rollup, Stream


def check_rollups(stream: Stream, form: str, taken: Collection[str]) -> None:
    """Raises DeclarationError. `form`: the pattern of a name; `taken`: the names there are already."""
    names = [rollup.name for rollup in stream.rollups]
    for rollup in stream.rollups:
        said = f"stream {stream.name}: rollup {rollup.name!r}"
        if not re.fullmatch(form, rollup.name) or names.count(rollup.name) > 1:
            raise DeclarationError(f"{said}: use small letters, digits and _, each name once")
        if rollup.name in taken:
            raise DeclarationError(f"{said} is a dimension, a column or a measure already; name it otherwise")
        if rollup.of not in stream.dimensions:
            raise DeclarationError(f"{said}: no dimension {rollup.of!r}; there are {', '.join(stream.dimensions)}")
        _check_files(rollup, said)
    trees = {(rollup.of, rollup.tree, rollup.cells) for rollup in stream.rollups if rollup.tree}
    if len({of for of, _, _ in trees}) < len(trees):
        raise DeclarationError(f"stream {stream.name}: the rollups of a dimension share one tree, and one registry of cells")


def _check_files(rollup: Rollup, said: str) -> None:
    if (rollup.tree is None) == (rollup.file is None):
        raise DeclarationError(
            f"{said}: declare either tree=, a folder of units, or file=, a TOML file with a row for each value"
        )
    if rollup.tree is not None and rollup.name not in LEVELS:
        raise DeclarationError(f"{said} has a tree, so it names a level of it: {', '.join(LEVELS)}")
    if rollup.cells is not None and (rollup.tree is None or not rollup.cells.is_file()):
        raise DeclarationError(f"{said}: cells= names a registry, {rollup.cells}, which stands beside tree=, a folder of units")
    if not (rollup.file.is_file() if rollup.file else rollup.tree and (rollup.tree / "units.csv").is_file()):
        raise DeclarationError(f"{said}: {rollup.file or rollup.tree} is not there")


def check_alert(stream: Stream, indicator: Indicator) -> None:
    """A rule is judged by a grouping that is rolled, or by sums of its groups.  Raises DeclarationError."""
    if (rule := indicator.alert) is None:
        return
    said = f"{indicator.name}: its alert is judged by {rule.by}, "
    rolled, rollups, leaves = (
        {frozenset(g) for g in indicator.groupings},
        any(map(stream.rollup, rule.by)),
        stream.leaves(rule.by),
    )
    if frozenset(leaves) not in rolled or (not rollups and rule.by not in indicator.groupings):
        there, of = ", ".join(map(str, indicator.groupings)), f", or {leaves} below it," if rollups else ""
        raise DeclarationError(f"{said}which{of} is not rolled; groupings are {there}")
    if len(leaves) < len(rule.by):
        raise DeclarationError(f"{said}which names a dimension twice")
    if rollups and not isinstance(indicator.value, Count):
        raise DeclarationError(f"{said}and only a count is the sum of its parts")
