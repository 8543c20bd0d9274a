"""Evidence: the entities or events behind a number; there are as many of them as the number says.

Nothing is kept for this: an entity's history says again what it contributed, an event's bytes are decoded again. Both are
read in chunks, so that of a million of them no more is held than their names.

Of years of entities those are looked at whose life (`Stream.lifecycle`) touches the time asked for, and of them those that were
of the group asked for at last. That is no more than a good guess of where to look: whether all were found the number itself says,
and if not, the others are looked at, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from ioc.asking import evidence_events
from ioc.asking.found import CHUNK, Found, weight
from ioc.asking.question import Scope, checked_by, moment
from ioc.asking.read import sums
from ioc.calendar.looks import NEVER
from ioc.catalog import Catalog
from ioc.counting.history import History
from ioc.errors import IocError, UsageError
from ioc.settings import Settings
from ioc.store.clickhouse import Store, literal
from ioc.times import floor
from ioc.values import Measures, Within, within
from ioc.vocabulary import Dims


def evidence(store: Store, catalog: Catalog, settings: Settings, asked: Scope) -> Iterator[Found]:
    """Everything behind the latest value of a scope, in the order of entities, or of events in the log. Entities that were of
    another group at last, and those whose life does not touch the time asked for, come behind the others.

    Raises UsageError for a first final or an earlier knowledge, which are made of records, not of entities; IocError when the
    store was counted under other declarations, or its archive holds no bytes.
    """
    if asked.known is not None or asked.kind == "first":
        raise UsageError("there is evidence for latest values only; leave out --first and --known")
    checked_by(asked.indicator, asked.stream, [], asked.asked_for)
    if asked.generation != catalog.generations[asked.stream.name]:
        raise IocError("the store was counted under other declarations than this program's: run `ioc rebuild`")
    if asked.indicator.looks:
        asked = _looked_at_by(asked)
    if asked.stream.contributions:
        return _entities(store, asked)
    records = evidence_events.records(store, asked) if asked.stream.records else ()
    return chain(evidence_events.events(store, catalog, settings, asked), records)


def _looked_at_by(asked: Scope) -> Scope:
    """The scope of what an indicator sees of another."""
    (name, since, until), *more = asked.looked
    if more:
        there = ", ".join(dict.fromkeys(look.of for look in asked.indicator.looks))
        raise UsageError(f"{asked.indicator.name} is computed from several numbers: ask for the evidence of {there}")
    return replace(asked, indicator=asked.stream.indicator(name), start=since if since > NEVER else None, until=until)


# ---- streams with state


def _entities(store: Store, asked: Scope) -> Iterator[Found]:
    columns = "SELECT entity, partition, history"
    own = f"generation = {literal(asked.generation)} AND topic = {literal(asked.stream.topic)}"
    whole = f"{columns} FROM entities FINAL WHERE {own} AND {_begun(asked)}", "ORDER BY entity, partition"
    if asked.stream.lifecycle is None:
        yield from _looked_at(store, asked, *whole)
        return
    touches, left, told = _touches(asked), _counted(asked, sums(store, asked)), set[tuple[str, int]]()
    last = "ORDER BY entity, partition, offset DESC LIMIT 1 BY entity, partition"
    looks = []
    for where in (f"({touches}) AND ({_group(asked)})", touches) if asked.asked_for else (touches,):
        those = f"SELECT entity FROM entities WHERE {own} AND {where}"  # by any of their rows; of each, the last one is judged
        looks.append((f"{columns}, {where} FROM entities WHERE {own} AND entity IN ({those})", last))
    for look in (*looks, whole):  # each holds the one before: between two looks an event may move an entity from one to the other
        for found in _looked_at(store, asked, *look):
            if (who := (found.what["entity"], found.partition)) not in told:
                told.add(who)
                left = tuple(a - b for a, b in zip(left, found.measures, strict=True))
                yield found
        if not any(left):
            return


def _touches(asked: Scope) -> str:
    """Entities that are open at T, for a level; that were open within the window, for a flow."""
    level = asked.indicator.level
    end = asked.until if level else asked.until + asked.stream.grain  # a flow's panes begin on the grain
    since = asked.until if level else asked.start
    ended = f" AND ifNull(ended_at >= {moment(since)}, true)" if since is not None else ""
    return f"ifNull(opened_at < {moment(end)}, false){ended}"


def _group(asked: Scope) -> str:
    """Entities that were of the group asked for at last."""
    return " AND ".join(asked.groups()) or "true"


def _looked_at(store: Store, asked: Scope, sql: str, order: str) -> Iterator[Found]:
    """`sql` gives entity, partition, history, and whether it is one to look at, where that is not all; `order` is by the first
    two."""
    after: tuple[Any, ...] | None = None
    while True:
        on = "" if after is None else f" AND (entity, partition) > {literal(after)}"
        frame = store.query(f"{sql}{on} {order} LIMIT {CHUNK}")
        for entity, partition, packed, *here in frame.iter_rows():
            after = (entity, partition)
            found = _of_entity(asked, entity, partition, History.unpack(asked.stream, packed)) if all(here) else None
            if found is not None:
                yield found
        if len(frame) < CHUNK:
            return


def _begun(asked: Scope) -> str:
    """Entities that may count: by the law of causality (docs/exactness.md) none counts before its first event; more cannot
    be said without knowing what the stream does."""
    return f"JSONExtractInt(history, 1, 1) < {asked.until}"


def _of_entity(asked: Scope, entity: str, partition: int, history: History) -> Found | None:
    names, wanted = asked.stream.dimensions, asked.indicator.name
    own = [(names.index(d), v) for d, v in asked.where.items()]
    joined = [(names.index(join.of), join.group, wanted) for join, wanted in asked.joins.asked()]
    total = [0] * len(asked.indicator.value.measures)
    dims: Dims = ()
    for indicator, row_dims, at, measures in history.contributions():
        if indicator == wanted and _within(asked, at) and _of_group(row_dims, own, joined):
            total = [a + b for a, b in zip(total, measures, strict=True)]
            dims = row_dims
    added = _counted(asked, total)
    if not any(added):
        return None
    opened, ended, due, _ = history.lifecycle()
    what = {"entity": entity, "opened_at": opened, "ended_at": ended, "due_at": due}
    given = dict(zip(names, dims, strict=True))
    return Found(what, given, added, weight(asked.indicator.value, added), asked.stream.topic, partition, history.offsets)


def _counted(asked: Scope, measures: Sequence[int]) -> Measures:
    """Of the measures those that the window counts: of a value with a pair for each kind of period its own."""
    if not isinstance(asked.indicator.value, Within):
        return tuple(measures)
    return tuple(within(asked.indicator.value, asked.window, np.array([measures], np.int64))[0].tolist())


def _of_group(dims: Dims, own: Sequence[tuple[int, str]], joined: Sequence[tuple[int, Callable[[str], str], str]]) -> bool:
    return all(dims[i] == v for i, v in own) and all(group(dims[i]) == wanted for i, group, wanted in joined)


def _within(asked: Scope, at: int) -> bool:
    """Whether the pane of `at` is in the scope: flows are kept by the grain."""
    pane = at if asked.indicator.level else floor(at, asked.stream.grain)
    return (asked.start is None or pane >= asked.start) and pane < asked.until
