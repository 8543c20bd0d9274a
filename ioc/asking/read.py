"""Read: the value of an indicator at any time, from panes alone; never from what was rolled.

The value at T counts contributions with `at` < T. A level (backlog) is the running sum of all of them, exact at any
instant; a flow is summed over a window that looks back from T, and T lies on the stream's grain, as for a level that looks at
flows. Without a time: now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from ioc.asking.question import Scope, checked_by, moment, now, scope
from ioc.catalog import Catalog
from ioc.errors import WrongGeneration
from ioc.store.clickhouse import Store, literal
from ioc.times import floor, iso
from ioc.units.tree import NONE
from ioc.values import NO_LIMIT, Limited, Matrix, Measured, completed, due, within
from ioc.vocabulary import ALL, UNKNOWN, Stream

if TYPE_CHECKING:
    from ioc.store.state import Place

__all__ = ["Answer", "answers", "now", "value"]


@dataclass(frozen=True)
class Answer:
    """One value. `dims`: the stream's dimensions, `*` where they are summed over, and the rollups that were asked for.

    `value` lies in [lo, hi] (exact: all the same; None: no data, or `hi` without a bound); `n`: how many events or entities
    stand behind it; `stats`: all quantiles by name, `bounds`: the [lo, hi] of each. `at`: the step, `until`: the instant it
    counts to (ms; None: the store is empty). `kind`: latest, first, known or provisional. `restated`: whether it differs from
    the first final; None where the step has none.
    """

    indicator: str
    dims: dict[str, str]
    value: float | None
    lo: float | None
    hi: float | None
    n: int
    stats: dict[str, float | None]
    bounds: dict[str, tuple[float | None, float | None]]
    at: int | None
    until: int | None
    kind: str
    restated: bool | None
    first_value: float | None
    unit: str
    window: str
    notes: tuple[str, ...] = ()


def value(
    store: Store,
    catalog: Catalog,
    indicator: str,
    at: int | None = None,
    window: str | None = None,
    where: Mapping[str, str] | None = None,
    by: Sequence[str] = (),
    first: bool = False,
    known: int | None = None,
    units: str | None = None,
) -> list[Answer]:
    """The value, or one for each combination of the dimensions and rollups `by` that has ever counted in the window. Times in ms.
    `units`: "today" groups all by the units of today.

    Raises UsageError for what does not exist, ServiceAway, StoreError.
    """
    asked = scope(store, catalog, indicator, at=at, window=window, where=where, first=first, known=known, units=units)
    return answers(store, asked, by)


def answers(store: Store, asked: Scope, by: Sequence[str] = (), compare: bool = True) -> list[Answer]:
    """The values of a scope. `compare=False` saves the look at the first finals: `restated` is None."""
    groups = checked_by(asked.indicator, asked.stream, list(by), asked.asked_for)
    passed = _passed(store, asked) if compare or asked.kind == "first" else []
    with ThreadPoolExecutor(1) as aside:  # what the log begins with never changes, so it is asked for beside the sums
        begun = aside.submit(_begun, store, asked, passed) if passed else None
        rows = _rows(store, asked, groups, bool(passed))
        finals = begun is not None and begun.result()
    if asked.kind == "first" and not finals:
        why = "not every partition's watermark has passed it, or it lies before their first reception"
        said = f"no first final at {iso(asked.at)}: {why}"
        empty = _answer(asked, {}, [], [])
        return [replace(empty, value=None, lo=None, hi=None, n=0, stats={}, bounds={}, restated=None, notes=(*asked.notes, said))]
    found = [_answer(asked, {d: row[d] for d in groups}, row["sums"], _first(row) if finals else None) for row in rows]
    if compare and asked.asked_for and not any(answer.n for answer in found):
        unheard = tuple(_unheard_of(store, asked))
        return [replace(answer, notes=(*answer.notes, *unheard)) for answer in found]
    return found


def _unheard_of(store: Store, asked: Scope) -> Iterator[str]:
    """A note on each value that no event of the stream has ever had: a slip of the pen looks like a true zero."""
    for name, wanted in asked.where.items():
        place = asked.stream.dimensions.index(name) + 1
        had = f"generation = {literal(asked.generation)} AND dims[{place}] = {literal(wanted)}"
        if not store.rows(f"SELECT 1 AS had FROM panes WHERE {had} LIMIT 1"):
            yield f"nothing was ever counted with {name}={wanted}; --by {name} shows what there is"
    for name, wanted in asked.joins.wanted.items():
        join = asked.joins.by_name[name]
        if wanted not in (UNKNOWN, NONE, *join.groups.values()):
            yield f"nothing that is known is in {name}={wanted}; --by {name} shows what there is"


def sums(store: Store, asked: Scope) -> list[int]:
    """The summed measures of a scope."""
    (row,) = _rows(store, asked, (), False)
    return row["sums"] or [0] * len(asked.indicator.value.measures)


def _rows(store: Store, asked: Scope, groups: Sequence[str], finals: bool) -> list[dict[str, Any]]:
    """The sums of each group; those of rollups are folded from the sums of what was counted."""
    if not asked.joins.wanted and asked.joins.by_name.keys().isdisjoint(groups):
        return store.rows(_sql(asked, groups, finals))
    leaves = asked.joins.leaves(asked.stream, groups)
    return asked.joins.folded(groups, store.rows(_sql(asked, leaves, finals)), ("sums", "late") if finals else ("sums",))


def _sql(asked: Scope, groups: Sequence[str], finals: bool) -> str:
    """`sums` of each group and, with `finals`, `late`: of them, what became known too late for the first final. It is little,
    so it takes a quarter less than to add up all of the first final beside all there is."""
    names = asked.stream.dimensions
    columns = [f"dims[{names.index(d) + 1}] AS {d}" for d in groups]
    columns.append(f"{asked.sums('' if asked.known is None else f'known < {moment(asked.known)}')} AS sums")
    columns += [f"{asked.sums(f'known >= {moment(asked.at)}')} AS late"] if finals else []
    by = f" GROUP BY {', '.join(groups)} ORDER BY {', '.join(groups)}" if groups else ""
    return f"SELECT {', '.join(columns)} FROM panes FINAL WHERE {asked.condition()}{by}"


def _first(row: Mapping[str, Any]) -> list[int]:
    """The sums of the first final."""
    return [total - late for total, late in zip_longest(row["sums"], row["late"], fillvalue=0)]


def _answer(asked: Scope, dims: Mapping[str, str], sums: Sequence[int], first: Sequence[int] | None) -> Answer:
    indicator = asked.indicator
    whole = {**dict.fromkeys(asked.stream.dimensions, ALL), **asked.asked_for, **dims}
    limits = indicator.limits([tuple(whole.values())], list(whole))
    beside = _due(asked, whole) if isinstance(indicator.value, Measured) else limits
    matrix = within(indicator.value, asked.window, _matrix(asked, sums))
    columns = [_number(column[0]) for column in indicator.value.bounds(completed(indicator.value, matrix, beside))]
    names = indicator.value.names
    then = None if first is None else within(indicator.value, asked.window, _matrix(asked, first))
    first_value = None if then is None else _number(indicator.value.bounds(completed(indicator.value, then, beside))[0][0])
    compared = first is not None and asked.kind in ("latest", "first")
    empty = asked.until == 0
    return Answer(
        indicator=indicator.name,
        dims=whole,
        value=columns[0],
        lo=columns[1],
        hi=columns[2],
        n=int(indicator.value.n(matrix)[0]),
        stats={name: columns[3 * i] for i, name in enumerate(names)},
        bounds={name: (columns[3 * i + 1], columns[3 * i + 2]) for i, name in enumerate(names)},
        at=None if empty else asked.at,
        until=None if empty else asked.until,
        kind=asked.kind,
        restated=columns[0] != first_value if compared else None,
        first_value=first_value if compared else None,
        unit=indicator.unit,
        window=asked.window,
        notes=(*asked.notes, *_unlimited(asked, limits)),
    )


def _due(asked: Scope, group: Mapping[str, str]) -> list[int]:
    """The seconds that are due of a group, also of one of a rollup, in the window; none of all there ever was."""
    value, names, joins = asked.indicator.value, asked.stream.dimensions, asked.joins.by_name
    assert isinstance(value, Measured)
    if asked.start is None:
        return [0]
    leaves = [dict(zip(names, leaf, strict=True)) for leaf in value.due.leaves()]
    own = [
        all(
            wanted in (ALL, joins[name].group(leaf[joins[name].of]) if name in joins else leaf[name])
            for name, wanted in group.items()
        )
        for leaf in leaves
    ]
    begin, end = np.array([asked.start]), np.array([asked.until])
    return [int(due(value, np.array([own], bool), np.zeros(1, np.int64), begin, end)[0])]


def _unlimited(asked: Scope, limits: Sequence[int] | None) -> Iterator[str]:
    value = asked.indicator.value
    if limits == [NO_LIMIT] and isinstance(value, Limited):
        there = ", ".join(" x ".join(names) or ALL for names in value.limits)
        yield f"{asked.indicator.name} has limits by {there} only: there is none for this group"


def _matrix(asked: Scope, sums: Sequence[int]) -> Matrix:
    """The sums as one row; zeros where nothing was counted."""
    width = len(asked.indicator.value.measures)
    if sums and len(sums) != width:
        raise WrongGeneration(f"{asked.indicator.name} was counted with other measures than this program's: run `ioc rebuild`")
    return np.array([list(sums) or [0] * width], np.int64)


def _number(raw: float) -> float | None:
    """The number, or None for "no data" and "no bound"."""
    return float(raw) if np.isfinite(raw) else None


def _passed(store: Store, asked: Scope) -> list[Place]:
    """The stream's partitions, if the step is one on the grain that every watermark has passed: it may have a first final, and
    whatever belongs to that is counted. Else none."""
    if asked.kind in ("known", "provisional") or asked.at % asked.stream.grain:
        return []
    marks = watermarks(store, asked.stream, asked.generation)
    return [] if any(m is None or m < asked.at for m in marks.values()) else list(marks)


def _begun(store: Store, asked: Scope, places: Sequence[Place]) -> bool:
    """Whether the step is later than the first reception of each of the partitions."""
    begins = first_receptions(store, places)
    return len(begins) == len(places) and asked.at > floor(max(begins.values()) - asked.stream.delay, asked.stream.grain)


def watermarks(store: Store, stream: Stream, generation: str) -> dict[Place, int | None]:
    """The watermark of every partition of the stream's topics (ms); None: nothing received there yet. Nothing, where one of the
    topics has not been counted at all."""
    rows = store.rows(
        "SELECT topic, partition, received, partitions FROM checkpoints WHERE stage = 'measure' "
        f"AND generation = {literal(generation)} AND topic IN {literal(stream.topics)} "
        "ORDER BY next DESC, written_at DESC LIMIT 1 BY topic, partition"
    )
    if {row["topic"] for row in rows} != set(stream.topics):
        return {}
    received = {(row["topic"], row["partition"]): row["received"] for row in rows}
    counts = {topic: max(row["partitions"] for row in rows if row["topic"] == topic) for topic in stream.topics}
    marks = {(t, p): received.get((t, p)) for t, count in counts.items() for p in range(count)}
    return {place: None if at is None else at - stream.delay for place, at in marks.items()}


def first_receptions(store: Store, places: Sequence[Place]) -> dict[Place, int]:
    """When the first record of every partition was received (ms), from the archive's first rows."""
    one = (
        "(SELECT topic, partition, toUnixTimestamp64Milli(received_at) AS received FROM events "
        "WHERE topic = {} AND partition = {} ORDER BY topic, partition, offset LIMIT 1)"
    )
    rows = store.rows(" UNION ALL ".join(one.format(literal(topic), partition) for topic, partition in places))
    return {(row["topic"], row["partition"]): row["received"] for row in rows}
