"""Entities: a stream with state, counted entity by entity: each event's difference, and the histories that grew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
import pyarrow as pa

from ioc.counting import keyed_rows
from ioc.counting.held import Part, Work
from ioc.counting.history import History, Item, raised
from ioc.counting.panes import Key, by_pane, known_at
from ioc.errors import DeclarationError
from ioc.events.block import Block
from ioc.events.exact_lane import Reject
from ioc.store.clickhouse import Store
from ioc.store.state import Place
from ioc.vocabulary import Measures, Stream

Changes = list[tuple[int, Mapping[Key, Measures]]]
"""For each event of a batch in offset order: its offset and what it adds to each pane."""


def count(store: Store, stream: Stream, generation: str, work: Work, parts: Sequence[Part]) -> Iterator[tuple[str, pa.Table]]:
    """Count the work's events; yields (table, rows to write) of `entities`. Panes are in the parts then."""
    touched: list[dict[str, History]] = [{} for _ in parts]
    changes = _differences(stream, work, parts, touched, _stored(store, stream, generation, work, parts))
    yield "entities", _entity_rows(generation, work.block, parts, touched)
    lacking = [part.panes.lacking(k for _, added in found for k in added) for part, found in zip(parts, changes, strict=True)]
    keyed_rows.load_panes(store, generation, work.block, parts, lacking)
    for part, found in zip(parts, changes, strict=True):
        for offset, added in found:
            part.panes.add_all(offset, added)


def _stored(
    store: Store, stream: Stream, generation: str, work: Work, parts: Sequence[Part]
) -> Mapping[tuple[Place, str], bytes]:
    """The stored histories that are not in memory."""
    frame = work.decoded.frames[stream.contract.event_type]
    number, names = work.block.number[frame["_i"].to_numpy()], frame[stream.contract.entity_key]
    places = [batch.place for batch in work.block.batches]
    wanted = {
        place: part.entities.lacking(names.filter(pl.Series(number == n)).to_list())
        for n, (place, part) in enumerate(zip(places, parts, strict=True))
    }
    return keyed_rows.histories(store, generation, wanted)


def _differences(
    stream: Stream,
    work: Work,
    parts: Sequence[Part],
    touched: Sequence[dict[str, History]],
    stored: Mapping[tuple[Place, str], bytes],
) -> list[Changes]:
    """What each event changes, by batch; histories that grew are in `touched`."""
    assert stream.rank is not None
    levels = frozenset(i.name for i in stream.indicators if i.level)
    block, rank = work.block, stream.rank
    before, offsets, numbers = work.decoded.before.tolist(), block.offsets.tolist(), block.number.tolist()
    changes: list[Changes] = [[] for _ in parts]
    open_histories: dict[tuple[int, str], History] = {}
    new = tuple.__new__  # as `Item(...)`, in half the time
    for index, entity, time, sequence, source, identity, digest, replaces, step in _events(stream, work):
        number = numbers[index]
        history = open_histories.get((number, entity))
        if history is None:
            history = parts[number].entities.get(stream, entity)
            if history is None:
                packed = stored.get((block.batches[number].place, entity))
                history = History.unpack(stream, packed) if packed else History(stream)
            open_histories[number, entity] = history
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
                touched[number][entity] = history
            if outcome:
                changes[number].append((offset, by_pane(stream, levels, outcome, known_at(stream, time, before[index]))))
    return changes


def _events(stream: Stream, work: Work) -> Iterator[tuple[Any, ...]]:
    """The events of the block, the step last. By columns: polars makes row tuples ten times slower."""
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


def _entity_rows(generation: str, block: Block, parts: Sequence[Part], touched: Sequence[Mapping[str, History]]) -> pa.Table:
    rows: list[list[tuple[Any, ...]]] = []
    for part, histories in zip(parts, touched, strict=True):
        rows.append([(entity, h.offset, *h.lifecycle(), h.pack()) for entity, h in histories.items()])
        for entity, history in histories.items():
            part.entities.put(entity, history)
    return keyed_rows.entity_rows(generation, block, rows)
