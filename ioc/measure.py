"""Measure: one stream's part of a poll, from decoded frames to the rows of `panes`, `entities` and `seen`.

A stream with state goes entity by entity (`ioc.history`); one without goes by whole columns. Both end in the same panes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from ioc import seen, state
from ioc.clickhouse import Store
from ioc.exact import Reject
from ioc.history import History, Item, raised
from ioc.panes import Key, Panes, by_pane, known_at
from ioc.state import Place
from ioc.vocabulary import Measures, Stream
from ioc.work import Part, Work

ID_REUSED = "used before for other data (at offset {}); send a new id"
Changes = list[tuple[int, Mapping[Key, Measures]]]
"""For each event in offset order: its offset and what it adds to each pane."""


def measure(
    store: Store, stream: Stream, generation: str, works: Sequence[Work], parts: Mapping[Place, Part]
) -> Iterator[tuple[str, pa.Table]]:
    """Count the works' events of the stream; yields (table, rows to write). Verdicts of the works are completed."""
    if stream.contributions:
        yield from _with_state(store, stream, generation, works, parts)
    else:
        yield from _without_state(store, stream, generation, works, parts)
    for place, part in parts.items():
        yield "panes", _pane_rows(generation, place, part.panes)


# ---- streams with state


def _with_state(
    store: Store, stream: Stream, generation: str, works: Sequence[Work], parts: Mapping[Place, Part]
) -> Iterator[tuple[str, pa.Table]]:
    key = stream.contract.entity_key
    wanted = {
        w.place: {e for e in w.decoded.frames[stream.contract.event_type][key].to_list() if e not in parts[w.place].entities}
        for w in works
    }
    loaded = state.histories(store, generation, wanted)
    changes = {}
    for work in works:
        part = parts[work.place]
        touched: dict[str, History] = {}
        changes[work.place] = _differences(stream, work, part, touched, loaded)
        yield "entities", _entity_rows(stream, generation, work.place, part, touched)
    lacking = {place: parts[place].panes.lacking(k for _, added in found for k in added) for place, found in changes.items()}
    _load_panes(store, generation, parts, lacking)
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
    before = work.decoded.before.tolist()
    for index, entity, sequence, source, identity, digest, replaces, *values in columns.iter_rows():
        history = open_histories.get(entity)
        if history is None:
            packed = part.entities.get(entity) or loaded.get((work.place, entity))
            history = History.unpack(stream, packed) if packed else History(stream)
            open_histories[entity] = history
        offset = work.batch.offsets[index]
        step = stream.item(*values)
        grown = history.offset < offset
        outcome = history.add(Item(values[0], sequence, stream.rank(step), source, identity, offset, digest, replaces, step))
        if outcome is None:
            work.verdicts[index] = "duplicate"
        elif isinstance(outcome, Reject):
            work.reject(index, outcome)
        else:
            if grown:
                touched[entity] = history
            changes.append((offset, by_pane(stream, levels, outcome, known_at(stream, values[0], before[index]))))
    return changes


def _entity_rows(stream: Stream, generation: str, place: Place, part: Part, touched: Mapping[str, History]) -> pa.Table:
    rows = []
    for entity, history in touched.items():
        packed = history.pack()
        part.entities.put(entity, packed)
        opened, ended, due, dims = history.lifecycle()
        rows.append((generation, entity, *place, history.offset, opened, ended, due, dims, packed))
    return state.rows_table("entities", rows)


# ---- streams without state


def _without_state(
    store: Store, stream: Stream, generation: str, works: Sequence[Work], parts: Mapping[Place, Part]
) -> Iterator[tuple[str, pa.Table]]:
    frames = {w.place: _countable(stream, w) for w in works}
    marks = {place: (seen.hours(frame), seen.identities(frame)) for place, (frame, _) in frames.items()}
    _load_seen(store, generation, marks, parts)
    sums: dict[Place, tuple[pl.DataFrame, pl.DataFrame]] = {}
    for work in works:
        frame, contributions = frames[work.place]
        counts = _count_once(work, frame, parts[work.place], *marks[work.place])
        sums[work.place] = _sums(stream, work, frame, {name: _only(part, frame, counts) for name, part in contributions.items()})
        found = parts[work.place].seen.changed()
        yield "seen", state.rows_table("seen", [(generation, *work.place, o, h, i, d) for h, i, d, o in found])
    keys = {place: _keys(stream, summed) for place, (summed, _) in sums.items()}
    _load_panes(store, generation, parts, {place: parts[place].panes.lacking(found) for place, found in keys.items()})
    for place, (summed, rows) in sums.items():
        _add_sums(stream, parts[place].panes, keys[place], summed, rows)


def _countable(stream: Stream, work: Work) -> tuple[pl.DataFrame, Mapping[str, pl.DataFrame]]:
    """The frame and its contributions. An event the declaration fails on is a reject before it is marked as seen."""
    assert stream.columns is not None
    frame = work.decoded.frames[stream.contract.event_type]
    try:
        return frame, stream.columns(frame)
    except Exception:  # whatever a declaration raises: find the events it fails on
        good = []
        for row in frame.iter_slices(1):
            try:
                stream.columns(row)
            except Exception as error:  # a reject, never a crash loop
                work.reject(row["_i"][0], raised(error))
            else:
                good.append(row["_i"][0])
        frame = frame.filter(pl.col("_i").is_in(good))
        return frame, stream.columns(frame)


def _only(rows: pl.DataFrame, frame: pl.DataFrame, counts: list[bool]) -> pl.DataFrame:
    """The contributions of the events that count."""
    if all(counts):
        return rows
    return rows.filter(pl.col("_i").is_in(frame["_i"].filter(pl.Series(counts, dtype=pl.Boolean)).implode()))


def _load_seen(
    store: Store, generation: str, marks: Mapping[Place, tuple[list[int], list[bytes]]], parts: Mapping[Place, Part]
) -> None:
    for (place, hour), found in state.seen_hours(
        store, generation, {p: parts[p].seen.lacking(h)[0] for p, (h, _) in marks.items()}
    ).items():
        parts[place].seen.put_hour(hour, found)
    for place, (hours, identities) in marks.items():
        large = parts[place].seen.lacking(hours)[1]
        if large:
            wanted = [i for h, i in zip(hours, identities, strict=True) if h in set(large)]
            parts[place].seen.put_marks(state.seen_marks(store, generation, place, large, wanted))


def _count_once(work: Work, frame: pl.DataFrame, part: Part, hours: list[int], identities: list[bytes]) -> list[bool]:
    """Which events of the frame count; the verdicts of duplicates and re-used ids are set."""
    indices, hashes = frame["_i"].to_list(), frame["_hash"].to_list()
    offsets = [work.batch.offsets[i] for i in indices]
    earlier = part.seen.judge(hours, identities, hashes, offsets)
    for index, digest, mark in zip(indices, hashes, earlier, strict=True):
        if mark is not None and mark[1] == digest:
            work.verdicts[index] = "duplicate"
        elif mark is not None:
            work.reject(index, Reject("id_reused", "id", ID_REUSED.format(mark[0])))
    return [mark is None for mark in earlier]


def _sums(
    stream: Stream, work: Work, frame: pl.DataFrame, contributions: Mapping[str, pl.DataFrame]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(sums by pane with first and last offset, the rows behind them); measures as m0, m1, ..., dimensions as d0, d1, ..."""
    levels = {i.name for i in stream.indicators if i.level}
    offsets = np.asarray(work.batch.offsets, np.int64)
    times = np.zeros(len(work.batch), np.int64)
    times[frame["_i"].to_numpy()] = frame["_time"].to_numpy()
    dims = [f"d{i}" for i in range(len(stream.dimensions))]
    parts = []
    for name, rows in contributions.items():
        measures = stream.indicator(name).value.measures
        at = pl.col("at") if name in levels else pl.col("at") // stream.grain * stream.grain
        index = rows["_i"].to_numpy()
        parts.append(
            rows.select(
                pl.lit(name).alias("indicator"),
                *(pl.col(d).alias(dims[i]) for i, d in enumerate(stream.dimensions)),
                at.alias("at"),
                pl.Series("known", _known(stream, times[index], work.decoded.before[index])),
                pl.Series("offset", offsets[index]),
                *(pl.col(m).cast(pl.Int64).alias(f"m{i}") for i, m in enumerate(measures)),
            )
        )
    empty = pl.DataFrame(
        schema={
            "indicator": pl.String,
            **{d: pl.String for d in dims},
            "at": pl.Int64,
            "known": pl.Int64,
            "offset": pl.Int64,
            "m0": pl.Int64,
        }
    )
    rows = pl.concat([empty, *parts], how="diagonal")
    values = [c for c in rows.columns if c[0] == "m"]
    event = rows.group_by("indicator", *dims, "at", "known", "offset", maintain_order=True).agg(pl.col(values).sum())
    nonzero = event.filter(pl.any_horizontal(pl.col(values).fill_null(0) != 0))
    summed = nonzero.group_by("indicator", *dims, "at", "known", maintain_order=True).agg(
        pl.col("offset").min().alias("first"), pl.col("offset").max().alias("last"), pl.col(values).sum()
    )
    return summed, nonzero


def _known(stream: Stream, time: NDArray[np.int64], before: NDArray[np.int64]) -> NDArray[np.int64]:
    known: NDArray[np.int64] = np.maximum(time, before - stream.delay) // stream.grain * stream.grain
    return known


def _keys(stream: Stream, summed: pl.DataFrame) -> list[Key]:
    size = len(stream.dimensions)
    return [(row[0], row[1 : 1 + size], row[1 + size], row[2 + size]) for row in summed.iter_rows()]


def _add_sums(stream: Stream, panes: Panes, keys: Sequence[Key], summed: pl.DataFrame, rows: pl.DataFrame) -> None:
    """Add whole sums; where the pane is already ahead of a part of them, event by event."""
    size = len(stream.dimensions)
    widths = {i.name: len(i.value.measures) for i in stream.indicators}
    ahead = set()
    for key, row in zip(keys, summed.iter_rows(), strict=True):
        if not panes.add_sum(key, row[3 + size], row[4 + size], row[5 + size : 5 + size + widths[key[0]]]):
            ahead.add(key)
    for row in rows.iter_rows() if ahead else ():
        key = (row[0], row[1 : 1 + size], row[1 + size], row[2 + size])
        if key in ahead:
            panes.add(key, row[3 + size], row[4 + size : 4 + size + widths[key[0]]])


# ---- panes


def _load_panes(store: Store, generation: str, parts: Mapping[Place, Part], lacking: Mapping[Place, set[Key]]) -> None:
    found = state.panes(store, generation, lacking)
    for place, keys in lacking.items():
        for key in keys:
            if (place, key) in found:
                parts[place].panes.put(key, *found[place, key])


def _pane_rows(generation: str, place: Place, panes: Panes) -> pa.Table:
    rows = [
        (generation, indicator, dims, at, known, *place, offset, measures)
        for (indicator, dims, at, known), offset, measures in panes.changed()
    ]
    return state.rows_table("panes", rows)
