"""Leaves: a rule by a rollup is judged on the sums of its leaves, which alone are rolled. Pure, but for the files of rollups.

A group is called `district=380` where the value of its dimension would stand, so it is never taken for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ioc.units.rollups import SAID, groups
from ioc.vocabulary import ALL, UNKNOWN, Above, Dims, Stream

Rows = Mapping[Dims, list[tuple[int, float | None]]]
"""Of each group (step, first final), in order."""
Held = dict[Dims, float | None]
"""What a group holds at a step."""


def by_rollup(stream: Stream, rule: Above) -> bool:
    """Whether a rule is by a rollup."""
    return any(stream.rollup(name) for name in rule.by)


def grouping(stream: Stream, rule: Above) -> Callable[[Dims], Dims]:
    """The group of the rule that a leaf belongs to.  Raises UnitsRefused, DeclarationError."""
    places: dict[int, tuple[str, Mapping[str, str]]] = {}
    for rollup in filter(None, map(stream.rollup, rule.by)):
        places[stream.dimensions.index(rollup.of)] = f"{rollup.name}{SAID}", groups(rollup)

    def group(leaf: Dims) -> Dims:
        return tuple(
            f"{places[i][0]}{places[i][1].get(value, UNKNOWN)}" if i in places and value != ALL else value
            for i, value in enumerate(leaf)
        )

    return group


def grouped(stream: Stream, rule: Above, dims: Dims) -> bool:
    """Whether a group is of the grouping the rule is for."""
    if len(dims) != len(stream.dimensions):
        return False
    of = {rollup.of: f"{rollup.name}{SAID}" for rollup in filter(None, map(stream.rollup, rule.by))}
    for name, value in zip(stream.dimensions, dims, strict=True):
        others = tuple(f"{rollup.name}{SAID}" for rollup in stream.rollups if rollup.of == name)
        if name in of:
            fits = value.startswith(of[name])
        else:
            fits = (value != ALL and not value.startswith(others)) if name in rule.by else value == ALL
        if not fits:
            return False
    return True


def total(group: Callable[[Dims], Dims], held: Mapping[Dims, float | None]) -> Held:
    """What groups hold, from what their leaves hold: a leaf without a number adds nothing, a group of such has none."""
    sums: Held = dict.fromkeys(map(group, held))
    for leaf, value in held.items():
        if value is not None:
            sums[group(leaf)] = (sums[group(leaf)] or 0) + value
    return sums


def summed(group: Callable[[Dims], Dims], held: Held, rows: Rows) -> Rows:
    """The rows of groups, one at each step at which one of their leaves has one; `held` is what the leaves hold before them, and
    afterwards what they hold behind them."""
    of: dict[Dims, set[Dims]] = {}
    for leaf in held.keys() | rows.keys():
        of.setdefault(group(leaf), set()).add(leaf)
    found: dict[Dims, list[tuple[int, float | None]]] = {}
    for name, leaves in of.items():
        changes = sorted(((at, leaf, value) for leaf in leaves for at, value in rows.get(leaf, ())), key=lambda c: c[0])
        sums = total(group, {leaf: held[leaf] for leaf in leaves if leaf in held}).get(name)
        there = sum(held.get(leaf) is not None for leaf in leaves)
        for place, (at, leaf, value) in enumerate(changes):
            before = held.get(leaf)
            there += (value is not None) - (before is not None)
            sums = (sums or 0) + (value or 0) - (before or 0) if there else None
            held[leaf] = value
            if place + 1 == len(changes) or changes[place + 1][0] != at:
                found.setdefault(name, []).append((at, sums))
    return found
