"""Entities: a stream with state, counted entity by entity: each event's difference, and the histories that grew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from ioc.counting import keyed_rows
from ioc.counting.held import Part, Work
from ioc.counting.history import History, Item, raised
from ioc.counting.panes import Key, by_pane, known_at
from ioc.errors import DeclarationError
from ioc.events.exact_lane import Reject
from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.store.state import Place
from ioc.vocabulary import Measures, Stream

Changes = list[tuple[int, Mapping[Key, Measures]]]
"""For each event in offset order: its offset and what it adds to each pane."""


def count(
    store: Store, stream: Stream, generation: str, works: Sequence[Work], parts: Mapping[Place, Part]
) -> Iterator[tuple[str, pa.Table]]:
    """Count the works' events; yields (table, rows to write) of `entities`. Panes are in the parts then."""
    key = stream.contract.entity_key
    wanted = {
        w.place: {e for e in w.decoded.frames[stream.contract.event_type][key].to_list() if e not in parts[w.place].entities}
        for w in works
    }
    loaded = keyed_rows.histories(store, generation, wanted)
    changes = {}
    for work in works:
        part = parts[work.place]
        touched: dict[str, History] = {}
        changes[work.place] = _differences(stream, work, part, touched, loaded)
        yield "entities", _entity_rows(stream, generation, work.place, part, touched)
    lacking = {place: parts[place].panes.lacking(k for _, added in found for k in added) for place, found in changes.items()}
    keyed_rows.load_panes(store, generation, parts, lacking)
    for place, found in changes.items():
        panes = parts[place].panes
        for offset, added in found:
            for pane, measures in added.items():
                panes.add(pane, offset, measures)


def _differences(
    stream: Stream, work: Work, part: Part, touched: dict[str, History], loaded: Mapping[tuple[Place, str], str]
) -> Changes:
    """What each event of the batch changes; histories that grew are in `touched`."""
    assert stream.item is not None
    assert stream.rank is not None
    frame = work.decoded.frames[stream.contract.event_type]
    levels = frozenset(i.name for i in stream.indicators if i.level)
    fields = stream.item._fields  # type: ignore[attr-defined]
    columns = frame.select(
        "_i", stream.contract.entity_key, "_sequence", "_source", "_id", "_hash", "_replaces", "_time", *(f for f in fields[1:])
    )
    open_histories: dict[str, History] = {}
    changes: Changes = []
    before, offsets = work.decoded.before.tolist(), work.batch.offsets
    make, make_item, rank = stream.item._make, Item._make, stream.rank  # type: ignore[attr-defined]
    # by columns: polars makes row tuples ten times slower
    rows = zip(*(columns[name].to_list() for name in columns.columns), strict=True)
    for index, entity, sequence, source, identity, digest, replaces, *values in rows:
        history = open_histories.get(entity)
        if history is None:
            packed = part.entities.get(entity) or loaded.get((work.place, entity))
            history = History.unpack(stream, packed) if packed else History(stream)
            open_histories[entity] = history
        offset = offsets[index]
        step = make(values)
        grown = history.offset < offset
        try:
            item = make_item((values[0], sequence, ranked(rank(step)), source, identity, offset, digest, replaces, step))
        except Exception as error:  # a reject, never a crash loop
            work.reject(index, raised(error))
            continue
        outcome = history.add(item)
        if outcome is None:
            work.verdicts[index] = "duplicate"
        elif isinstance(outcome, Reject):
            work.reject(index, outcome)
        else:
            if grown:
                touched[entity] = history
            if outcome:
                changes.append((offset, by_pane(stream, levels, outcome, known_at(stream, values[0], before[index]))))
    return changes


def ranked(rank: object) -> int:
    """A declaration's rank, if it is one."""
    if type(rank) is not int:
        raise DeclarationError(f"rank(step) is {rank!r}; a rank is an integer")
    return rank


def _entity_rows(stream: Stream, generation: str, place: Place, part: Part, touched: Mapping[str, History]) -> pa.Table:
    rows = []
    for entity, history in touched.items():
        packed = history.pack()
        part.entities.put(entity, packed)
        opened, ended, due, dims = history.lifecycle()
        rows.append((generation, entity, *place, history.offset, opened, ended, due, dims, packed))
    return state.rows_table("entities", rows)
