"""Difference: what one event changes: the contributions after it less those before it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ioc.errors import DeclarationError
from ioc.vocabulary import Contribution, Contributions, Measures


def difference(after: Sequence[Contribution], before: Sequence[Contribution]) -> Contributions:
    """The sum of the rows of `after` less that of `before`, without rows whose measures are all zero."""
    same = 0
    for one, other in zip(after, before, strict=False):
        if one != other:
            break
        same += 1  # what both begin with cancels
    total = _summed(after[same:] if same else after)
    for key, measures in _summed(before[same:]).items() if same < len(before) else ():
        known = total.get(key)
        if known is not None and len(known) != len(measures):
            raise _widths(key[0], known, measures)
        total[key] = tuple(map(int.__neg__, measures)) if known is None else tuple(map(int.__sub__, known, measures))
    return total if all(map(any, total.values())) else {key: measures for key, measures in total.items() if any(measures)}


def _summed(rows: Sequence[Contribution]) -> Contributions:
    total = {(indicator, dims, at): measures for indicator, dims, at, measures in rows}
    if len(total) == len(rows):
        return total
    total = {}
    for indicator, dims, at, measures in rows:
        key = (indicator, dims, at)
        known = total.get(key)
        if known is not None and len(known) != len(measures):
            raise _widths(indicator, known, measures)
        total[key] = measures if known is None else tuple(map(int.__add__, known, measures))
    return total


def _widths(indicator: str, one: Measures, other: Measures) -> DeclarationError:
    return DeclarationError(f"{indicator}: rows of {len(one)} and of {len(other)} measures")
