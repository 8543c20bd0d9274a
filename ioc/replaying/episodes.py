"""Episodes: the alerts of two sides, transition by transition, in the steps both have judged. Read only.

A run judges all its steps, a live centre those after it went live. An episode that was on by then goes on in the run until the
value is down at `clear`; the live centre sees none where the value had come below the threshold already. So of a group that is
firing at the first common step on the side that began earlier alone, the steps after that episode are compared.
"""

from __future__ import annotations

import polars as pl

from ioc.alerting.alerts import begins
from ioc.alerting.judge import FIRING, RESOLVED
from ioc.alerting.leaves import grouped
from ioc.alerting.removed import ALERT
from ioc.asking.question import moment
from ioc.calendar.windows import LEVEL
from ioc.replaying.compared import Side
from ioc.rolling.steps import size_of
from ioc.store import state
from ioc.store.clickhouse import literal
from ioc.times import floor
from ioc.vocabulary import Dims, Indicator, Stream

Transitions = dict[Dims, set[tuple[int, str]]]
"""By group (step, to)."""
SCHEMA: dict[str, pl.DataType] = {"dims": pl.List(pl.String()), "at": pl.Int64(), "left": pl.String(), "right": pl.String()}


def differing(
    sides: tuple[Side, Side], stream: Stream, indicator: Indicator, span: tuple[int, int]
) -> tuple[tuple[int, int] | None, pl.DataFrame]:
    """The steps in (from, to] (ms) that were compared within `span`, or None where there is no common one; and the transitions
    that only one side has, in the form of `Difference`."""
    left, right = (judged(side, stream) for side in sides)
    if left is None or right is None:
        return None, _frame(indicator, [])
    low, high = max(span[0], left[0], right[0]), min(span[1], left[1], right[1])
    size = size_of(stream, indicator, LEVEL)
    low, high = floor(low, size), floor(high, size)
    if high <= low:
        return None, _frame(indicator, [])
    first = low + size
    each = [transitions(side, stream, indicator, first, high) for side in sides]
    earlier = None if left[0] == right[0] else 0 if left[0] < right[0] else 1
    return (low, high), _frame(indicator, compare(each[0], each[1], first, earlier))


def compare(left: Transitions, right: Transitions, first: int, earlier: int | None) -> list[tuple[Dims, int, str, str]]:
    """(group, step, left, right) of the transitions only one side has. `earlier`: the side judged from earlier on, if one is.

    >>> only_left = {("A",): {(5, "firing"), (9, "resolved")}}
    >>> compare(only_left, {}, 5, None)
    [(('A',), 5, 'firing', 'nothing'), (('A',), 9, 'resolved', 'nothing')]
    >>> compare(only_left, {("A",): {(12, "firing")}}, 5, 0)
    [(('A',), 12, 'nothing', 'firing')]
    """
    found = []
    for dims in sorted(left.keys() | right.keys()):
        both = (left.get(dims, set()), right.get(dims, set()))
        since = first
        if earlier is not None and (first, FIRING) in both[earlier] - both[1 - earlier]:
            ends = [at for at, to in both[earlier] if to == RESOLVED]
            if not ends:
                continue
            since = min(ends) + 1
        for at, to in sorted(both[0] ^ both[1]):
            if at >= since:
                found.append((dims, at, *(to if (at, to) in side else "nothing" for side in both)))
    return found  # type: ignore[return-value]


def _frame(indicator: Indicator, rows: list[tuple[Dims, int, str, str]]) -> pl.DataFrame:
    frame = pl.DataFrame([(list(dims), *rest) for dims, *rest in rows], SCHEMA, orient="row")
    return frame.with_columns(indicator=pl.lit(indicator.name), window=pl.lit(LEVEL), what=pl.lit("alert"))


def judged(side: Side, stream: Stream) -> tuple[int, int] | None:
    """The steps in (from, to] (ms) whose alerts the side has judged, or None."""
    generation = side.generations[stream.name]
    end = state.step_of(side.store, ALERT, generation)
    begin = None if end is None else begins(side.store, stream, generation, run=side.run is not None)
    return None if begin is None or end is None else (begin, end)


def transitions(side: Side, stream: Stream, indicator: Indicator, first: int, last: int) -> Transitions:
    """The transitions of an alert up to `last`, from step `first` on; one that is firing by then fires there.

    No replay knows what was declared when: groups of another grouping than the rule's own are left out, and an episode that ended
    as its rule was gone is one with that which began anew when it was back.
    """
    frame = side.store.query(
        "SELECT dims, toUnixTimestamp64Milli(at) AS step, transition, reason FROM alerts FINAL "
        f"WHERE generation = {literal(side.generations[stream.name])} AND rule = {literal(indicator.name)} "
        f"AND at <= {moment(last)} ORDER BY dims, at"
    )
    found: Transitions = {}
    parted: set[Dims] = set()
    for listed, at, to, reason in frame.iter_rows():
        if indicator.alert is None or not grouped(stream, indicator.alert, dims := tuple(listed)):
            continue
        if reason or dims in parted:
            parted ^= {dims}
            continue
        own = found.setdefault(dims, set())
        if at <= first:
            own.clear()
        if at > first or to == FIRING:
            own.add((max(at, first), to))
    return found
