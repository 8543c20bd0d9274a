"""Looked: rows of the indicators that look at the panes of others, ahead or back: those panes are read once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl

from ioc.calendar.looks import STEP, Shift, shifts
from ioc.calendar.windows import LEVEL, Ints
from ioc.rolling import steps
from ioc.rolling.series import Entries
from ioc.rolling.steps import Span, alike, dimensions, groups_sql, only_of, row_frame, stored, within
from ioc.store.clickhouse import Store, literal
from ioc.times import floor
from ioc.vocabulary import Indicator, Look, Stream

MS = "toUnixTimestamp64Milli({})".format


def rows(
    store: Store,
    stream: Stream,
    generation: str,
    spans: Sequence[Span],
    level: Callable[[Indicator, int], Entries] | None = None,
) -> Iterator[pl.DataFrame]:
    """As `steps.rows`, for all indicators."""
    yield from steps.rows(store, stream, generation, [s for s in spans if not s.indicator.looks], level)
    if looking := [s for s in spans if s.indicator.looks]:
        first, last = min(s.first for s in looking), max(s.last for s in looking)
        held = entries(store, stream, generation, [s.indicator for s in looking], first, last, only=only_of(looking))
        there = stored(store, stream, generation, looking)
        for span in looking:
            yield row_frame(stream, span, held[span.indicator.name], there.get((span.indicator.name, LEVEL)))


def entries(
    store: Store,
    stream: Stream,
    generation: str,
    indicators: Sequence[Indicator],
    first: int,
    last: int,
    known: int | None = None,
    only: pl.DataFrame | None = None,
) -> dict[str, Entries]:
    """By indicator what counts for it at the steps in (first, last], as `steps.entries`; what came before `first` is one step."""
    before, found = floor(first, STEP) - STEP, {}
    for together in alike(stream, indicators):
        looks = dict.fromkeys(look for indicator in together for look in indicator.looks)
        panes = _read(store, stream, generation, together[0], list(looks), before, last, known, only)
        moved: dict[tuple[str, Shift], tuple[Ints, Ints]] = {}
        for look in looks:
            at, known_at = (panes[look.of][c].to_numpy() for c in ("a", "k"))
            for shift in shifts(*look.where):
                if (look.of, shift) not in moved:
                    to = np.maximum(shift.to(at) // STEP * STEP, before)
                    moved[look.of, shift] = to, np.maximum(to, known_at)
        for indicator in together:
            found[indicator.name] = _joined(stream, indicator, panes, moved, last)
    return found


def _read(
    store: Store,
    stream: Stream,
    generation: str,
    like: Indicator,
    looks: Sequence[Look],
    before: int,
    last: int,
    known: int | None,
    only: pl.DataFrame | None,
) -> dict[str, pl.DataFrame]:
    """The panes that these looks look at, by indicator and group: `a` and `k` (known, on the step) their sum `m`."""
    names = list(dict.fromkeys(look.of for look in looks))
    dims = dimensions(stream)
    group = ", ".join(f"g.{i + 1} AS {d}" for i, d in enumerate(dims))
    groups = f"ARRAY JOIN {groups_sql(stream, like)} AS g WHERE generation = {literal(generation)}"
    then = f"AND known < {steps.moment(known)} " if known is not None else ""
    parts = []
    for name in names:
        at, seen = _seen([look for look in looks if look.of == name], before, last)
        parts.append(
            f"SELECT {literal(name)} AS of, {group}, {at} AS a, "
            f"greatest({MS('known')} - positiveModulo({MS('known')}, {STEP}), {before}) AS k, sum(measures[1]) AS m "
            f"FROM panes FINAL {groups} AND indicator = {literal(name)} {then}AND {seen} {within('g.', only)}"
            f"GROUP BY {', '.join(dims)}, a, k"
        )
    frame = store.query(" UNION ALL ".join(parts)).cast({"a": pl.Int64, "k": pl.Int64})
    return {name: frame.filter(pl.col("of") == name).drop("of") for name in names}


def _seen(looks: Sequence[Look], before: int, last: int) -> tuple[str, str]:
    """How the panes of one indicator are read for its looks, as SQL: `at`, and which of them.

    What all of them saw before `before` already stands at one time. Times are kept by the step, but where working hours pass.
    """
    moves = [shift for look in looks for shift in shifts(*look.where)]
    low, high = min(shift.back(before) for shift in moves), max(shift.back(last) for shift in moves)
    leave = [look.leaves for look in looks]
    to_the_ms = any(look.last for look in looks)  # days, periods and hours begin and end on the step
    at = MS("at") if to_the_ms else f"{MS('at')} - positiveModulo({MS('at')}, {STEP})"
    since = f"at >= {steps.moment(low)} AND " if all(leave) else ""  # what has left again is nothing
    return f"if(at >= {steps.moment(low)}, {at}, {low - 1})", f"{since}at < {steps.moment(high)}"


def _joined(
    stream: Stream,
    indicator: Indicator,
    panes: dict[str, pl.DataFrame],
    moved: dict[tuple[str, Shift], tuple[Ints, Ints]],
    last: int,
) -> Entries:
    """The entries of all looks of an indicator, each in its measure."""
    dims: list[pl.DataFrame] = []
    parts: list[tuple[Ints, Ints, Ints]] = []
    for column, look in enumerate(indicator.looks):
        frame = panes[look.of]
        for shift in shifts(*look.where):
            at, known = moved[look.of, shift]
            counts = np.flatnonzero(at < last)
            sums = np.zeros((len(counts), len(indicator.looks)), np.int64)
            sums[:, column] = shift.sign * frame["m"].to_numpy()[counts]
            dims.append(frame.select(dimensions(stream))[counts])
            parts.append((at[counts], known[counts], sums))
    at, known, sums = (np.concatenate(some) for some in zip(*parts, strict=True))
    return Entries(pl.concat(dims), at, known, sums, stream.dimensions)
