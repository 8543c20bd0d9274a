"""Levels: how many are in a state, told as +1 where one comes into it and -1 where it leaves. Pure; for every stream of entities."""

from __future__ import annotations

from ioc.vocabulary import Contribution, Dims

ONE, TAKE = (1,), (-1,)
"""One more, one less."""


def on(rows: list[Contribution], indicator: str, dims: Dims, start: int, end: int | None) -> None:
    """The level is 1 in [start, end) (ms); no end: from then on."""
    if end is None:
        rows.append((indicator, dims, start, ONE))
    elif start < end:
        rows += ((indicator, dims, start, ONE), (indicator, dims, end, TAKE))
