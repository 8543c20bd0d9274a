"""Conditions: which rows an [[event]] of a map is made of. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from ioc.importing.columns import Nulls
from ioc.importing.mapping import EventMap, Map, Not
from ioc.importing.paths import below, many
from ioc.importing.rows import Fields, Row

Test = Callable[[Fields], bool]
Lasts = list[Counter[str]]
"""For every [[event]] of a map: how many of the rows it could be made of a case still has."""


def nulls_of(log_map: Map) -> Nulls:
    """What means "nothing here" in every column."""
    return frozenset({None, *log_map.input.null})


def matching(event: EventMap, nulls: Nulls) -> Test:
    """Whether a row is as `when` says."""
    tests = [
        _any_test(column, want, nulls) if many(column) and below(column, event.each) is None else _test(column, want, nulls)
        for column, want in event.when.items()
    ]

    def matches(row: Fields) -> bool:
        for test in tests:  # noqa: SIM110 (all() costs more than most maps' conditions)
            if not test(row):
                return False
        return True

    return matches


def _test(column: str, want: bool | str | list[str] | Not, nulls: Nulls) -> Test:
    if isinstance(want, bool):
        return lambda row: (row.get(column) not in nulls) == want
    if isinstance(want, Not):
        words = _words(want.words)
        return lambda row: row.get(column) not in words
    words = _words(want)
    return lambda row: row.get(column) in words


def _any_test(column: str, want: bool | str | list[str] | Not, nulls: Nulls) -> Test:
    """The same for every element of a list: whether any is so; `false`: whether none has a value."""
    if isinstance(want, bool):
        return lambda row: any(text not in nulls for text in row.get(column, ())) == want
    words = _words(want.words if isinstance(want, Not) else want)
    if isinstance(want, Not):
        return lambda row: any(text not in words for text in row.get(column, ()))
    return lambda row: any(text in words for text in row.get(column, ()))


def _words(want: str | list[str]) -> frozenset[str | None]:
    return frozenset([want] if isinstance(want, str) else want)


def count_lasts(rows: Iterable[Row], log_map: Map) -> Lasts:
    """What `wanting` must know beforehand to tell the last row of a case: a reading of its own, where a map asks for it."""
    nulls = nulls_of(log_map)
    tests = [(matching(event, nulls), Counter[str]()) for event in log_map.event]
    for row in rows:
        for matches, counts in tests:
            if (name := row.fields.get(log_map.case or "")) is not None and matches(row.fields):
                counts[name] += 1
    return [counts for _, counts in tests]


def wanting(event: EventMap, nulls: Nulls, case: str | None, left: Counter[str]) -> Test:
    """Whether an event is made of a row: as `when` says, and where it is made once, of the first or the last row of its case.

    A row without a case is not the first or last of any: each makes an event, which becomes a reject.
    """
    matches = matching(event, nulls)
    if not event.once or case is None:
        return matches
    done: set[str] = set()

    def first(row: Fields) -> bool:
        if not matches(row):
            return False
        if (name := row.get(case)) in nulls or name is None:
            return True
        if name in done:
            return False
        done.add(name)
        return True

    def last(row: Fields) -> bool:
        if not matches(row):
            return False
        if (name := row.get(case)) in nulls or name is None:
            return True
        left[name] -= 1
        return left[name] == 0

    return last if event.once == "last" else first
