"""Entities: a stream with state, counted entity by entity: each event's difference, and the histories that grew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from ioc.counting import keyed_rows
from ioc.counting.held import Part, Work
from ioc.counting.history import History, Item, raised
from ioc.counting.panes import Key, by_pane, known_at
from ioc.errors import DeclarationError
from ioc.events.exact_lane import Reject
from ioc.store.clickhouse import Store
from ioc.store.state import Place
from ioc.vocabulary import Measures, Stream

Changes = list[tuple[int, Mapping[Key, Measures]]]
"""For each event in offset order: its offset and what it adds to each pane."""


def count(
    store: Store, stream: Stream, generation: str, works: Sequence[Work], parts: Mapping[Place, Part]
) -> Iterator[tuple[str, pa.Table]]:
    """Count the works' events; yields (table, rows to write) of `entities`. Panes are in the parts then."""
    event_type, key = stream.contract.event_type, stream.contract.entity_key
    wanted = {w.place: parts[w.place].entities.lacking(w.decoded.frames[event_type][key].to_list()) for w in works}
    loaded = keyed_rows.histories(store, generation, wanted)
    changes = {}
    for work in works:
        part = parts[work.place]
        touched: dict[str, History] = {}
        changes[work.place] = _differences(stream, work, part, touched, loaded)
        yield "entities", _entity_rows(generation, work.place, part, touched)
    lacking = {place: parts[place].panes.lacking(k for _, added in found for k in added) for place, found in changes.items()}
    keyed_rows.load_panes(store, generation, parts, lacking)
    for place, found in changes.items():
        panes = parts[place].panes
        for offset, added in found:
            for pane, measures in added.items():
                panes.add(pane, offset, measures)


def _differences(
    stream: Stream, work: Work, part: Part, touched: dict[str, History], loaded: Mapping[tuple[Place, str], bytes]
) -> Changes:
    """What each event of the batch changes; histories that grew are in `touched`."""
    assert stream.rank is not None
    levels = frozenset(i.name for i in stream.indicators if i.level)
    open_histories: dict[str, History] = {}
    changes: Changes = []
    before, offsets, rank = work.decoded.before.tolist(), work.batch.offsets, stream.rank
    new = tuple.__new__  # as `Item(...)`, in half the time
    for index, entity, time, sequence, source, identity, digest, replaces, step in _events(stream, work):
        history = open_histories.get(entity)
        if history is None:
            history = part.entities.get(stream, entity)
            if history is None:
                packed = loaded.get((work.place, entity))
                history = History.unpack(stream, packed) if packed else History(stream)
            open_histories[entity] = history
        offset = offsets[index]
        grown = history.offset < offset
        try:
            order = ranked(rank(step))
        except Exception as error:  # a reject, never a crash loop
            work.reject(index, raised(error))
            continue
        outcome = history.add(new(Item, (time, sequence, order, source, identity, offset, digest, replaces, step)))
        if outcome is None:
            work.verdicts[index] = "duplicate"
        elif isinstance(outcome, Reject):
            work.reject(index, outcome)
        else:
            if grown:
                touched[entity] = history
            if outcome:
                changes.append((offset, by_pane(stream, levels, outcome, known_at(stream, time, before[index]))))
    return changes


def _events(stream: Stream, work: Work) -> Iterator[tuple[Any, ...]]:
    """The events of the batch, the step last. By columns: polars makes row tuples ten times slower."""
    assert stream.item is not None
    frame, item = work.decoded.frames[stream.contract.event_type], stream.item
    names = ("_i", stream.contract.entity_key, "_time", "_sequence", "_source", "_id", "_hash", "_replaces")
    columns = [frame[name].to_list() for name in names]
    fields = [frame[name].to_list() for name in item._fields[1:]]  # type: ignore[attr-defined]
    steps = map(partial(tuple.__new__, item), zip(columns[2], *fields, strict=True))
    return zip(*columns, steps, strict=True)


def ranked(rank: object) -> int:
    """A declaration's rank, if it is one."""
    if type(rank) is not int:
        raise DeclarationError(f"rank(step) is {rank!r}; a rank is an integer")
    return rank


def _entity_rows(generation: str, place: Place, part: Part, touched: Mapping[str, History]) -> pa.Table:
    rows = []
    for entity, history in touched.items():
        rows.append((entity, history.offset, *history.lifecycle(), history.pack()))
        part.entities.put(entity, history)
    return keyed_rows.entity_rows(generation, place, rows)
