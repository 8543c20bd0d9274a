"""Columns: a stream without state, counted by whole columns: duplicates are found by marks, sums go straight to the panes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from ioc.counting import keyed_rows, seen
from ioc.counting.held import Part, Work
from ioc.counting.history import raised
from ioc.counting.panes import Key, Panes
from ioc.counting.results import check_frames
from ioc.counting.seen import Bits, Ints
from ioc.events.exact_lane import Reject
from ioc.store.clickhouse import Store
from ioc.store.state import Place
from ioc.vocabulary import Measures, Stream

ID_REUSED = "used before for other data (at offset {}); send a new id"


@dataclass(frozen=True)
class Sums:
    """One indicator's sums of a batch: panes with the first and the last offset that changed them, and the rows behind them.

    `rows`: one an event and pane, with columns of `KEYS`, `offset`, and m0, m1, ...
    """

    keys: list[Key]
    first: list[int]
    last: list[int]
    measures: list[Measures]
    indicator: str
    rows: pl.DataFrame


def count(
    store: Store, stream: Stream, generation: str, works: Sequence[Work], parts: Mapping[Place, Part]
) -> Iterator[tuple[str, pa.Table]]:
    """Count the works' events; yields (table, rows to write) of `seen`. Panes are in the parts then."""
    frames = {w.place: _countable(stream, w) for w in works}
    marks = {place: (seen.hours(frame), seen.identities(frame)) for place, (frame, _) in frames.items()}
    _load_seen(store, generation, marks, parts)
    sums: dict[Place, list[Sums]] = {}
    for work in works:
        frame, contributions = frames[work.place]
        counts = _count_once(work, frame, parts[work.place], *marks[work.place])
        own = {name: _only(part, frame, counts) for name, part in contributions.items()}
        sums[work.place] = [_sums(stream, work, frame, name, rows) for name, rows in own.items()]
        yield "seen", keyed_rows.seen_rows(generation, work.place, *parts[work.place].seen.changed())
    lacking = {place: parts[place].panes.lacking(k for s in found for k in s.keys) for place, found in sums.items()}
    keyed_rows.load_panes(store, generation, parts, lacking)
    for place, found in sums.items():
        for one in found:
            _add(parts[place].panes, one)


def _countable(stream: Stream, work: Work) -> tuple[pl.DataFrame, Mapping[str, pl.DataFrame]]:
    """The frame and its contributions. An event the declaration fails on is a reject before it is marked as seen."""
    assert stream.columns is not None
    frame = work.decoded.frames[stream.contract.event_type]
    try:
        whole = stream.columns(frame)
        check_frames(stream, frame, whole)
        return frame, whole
    except Exception:  # whatever a declaration raises or gives back: count event by event, and refuse those it fails on
        good: list[int] = []
        found: dict[str, list[pl.DataFrame]] = {}
        for row in frame.iter_slices(1):
            try:
                parts = stream.columns(row)
                check_frames(stream, row, parts)
            except Exception as error:  # a reject, never a crash loop
                work.reject(row["_i"][0], raised(error))
                continue
            good.append(row["_i"][0])
            for name, part in parts.items():
                found.setdefault(name, []).append(part)
        return frame.filter(pl.col("_i").is_in(good)), {
            name: pl.concat(parts, how="vertical_relaxed") for name, parts in found.items()
        }


def _only(rows: pl.DataFrame, frame: pl.DataFrame, counts: NDArray[np.bool_]) -> pl.DataFrame:
    """The contributions of the events that count."""
    if counts.all():
        return rows
    return rows.filter(pl.col("_i").is_in(frame["_i"].filter(pl.Series(counts)).implode()))


def _load_seen(store: Store, generation: str, marks: Mapping[Place, tuple[Ints, Bits]], parts: Mapping[Place, Part]) -> None:
    for (place, hour), found in keyed_rows.seen_hours(
        store, generation, {p: parts[p].seen.lacking(h)[0] for p, (h, _) in marks.items()}
    ).items():
        parts[place].seen.put_hour(hour, found)
    for place, (hours, identities) in marks.items():
        large = parts[place].seen.lacking(hours)[1]
        if large:
            wanted = identities[np.isin(hours, large)]
            parts[place].seen.put_marks(keyed_rows.seen_marks(store, generation, place, large, wanted))


def _count_once(work: Work, frame: pl.DataFrame, part: Part, hours: Ints, identities: Bits) -> NDArray[np.bool_]:
    """Which events of the frame count; the verdicts of duplicates and re-used ids are set."""
    indices, hashes = frame["_i"].to_numpy(), frame["_hash"].to_numpy()
    offsets = np.asarray(work.batch.offsets, np.int64)[indices]
    earlier, theirs = part.seen.judge(hours, identities, hashes, offsets)
    counts: NDArray[np.bool_] = earlier == seen.NONE
    for row in np.flatnonzero(~counts).tolist():
        index = int(indices[row])
        if theirs[row] == hashes[row]:
            work.verdicts[index] = "duplicate"
        else:
            work.reject(index, Reject("id_reused", "id", ID_REUSED.format(earlier[row])))
    return counts


def _sums(stream: Stream, work: Work, frame: pl.DataFrame, indicator: str, rows: pl.DataFrame) -> Sums:
    declared = stream.indicator(indicator)
    index = rows["_i"].to_numpy()
    offsets = np.asarray(work.batch.offsets, np.int64)
    times = np.zeros(len(work.batch), np.int64)
    times[frame["_i"].to_numpy()] = frame["_time"].to_numpy()
    known = np.maximum(times[index], work.decoded.before[index] - stream.delay) // stream.grain * stream.grain
    values = [f"m{i}" for i in range(len(declared.value.measures))]
    keys = [*(f"d{i}" for i in range(len(stream.dimensions))), "at", "known"]
    events = rows.select(
        *(pl.col(name).alias(f"d{i}") for i, name in enumerate(stream.dimensions)),
        at=pl.col("at") if declared.level else pl.col("at") // stream.grain * stream.grain,
        known=pl.Series(known, dtype=pl.Int64),
        offset=pl.Series(offsets[index], dtype=pl.Int64),
        **{f"m{i}": pl.col(m).cast(pl.Int64) for i, m in enumerate(declared.value.measures)},
    )
    if not (np.diff(index) > 0).all():  # an event with several rows: what it adds to a pane is summed first
        events = events.group_by(*keys, "offset", maintain_order=True).agg(pl.col(values).sum())
    events = events.filter(pl.any_horizontal(pl.col(values) != 0))
    summed = events.group_by(keys, maintain_order=True).agg(
        pl.col("offset").min().alias("first"), pl.col("offset").max().alias("last"), pl.col(values).sum()
    )
    columns = {name: summed[name].to_list() for name in summed.columns}
    dims: list[tuple[str, ...]] = list(zip(*(columns[k] for k in keys[:-2]), strict=True)) if keys[:-2] else [()] * len(summed)
    return Sums(
        [(indicator, *key) for key in zip(dims, columns["at"], columns["known"], strict=True)],
        columns["first"],
        columns["last"],
        list(zip(*(columns[m] for m in values), strict=True)),
        indicator,
        events,
    )


def _add(panes: Panes, sums: Sums) -> None:
    """Add whole sums; where the pane is already ahead of a part of them, event by event, in the order of their offsets."""
    ahead = {
        key
        for key, first, last, measures in zip(sums.keys, sums.first, sums.last, sums.measures, strict=True)
        if not panes.add_sum(key, first, last, measures)
    }
    if not ahead:
        return
    size = sums.rows.columns.index("at")
    for row in sums.rows.sort("offset").iter_rows():  # a declaration may give its rows in any order
        key = (sums.indicator, row[:size], row[size], row[size + 1])
        if key in ahead:
            panes.add(key, row[size + 2], row[size + 3 :])
