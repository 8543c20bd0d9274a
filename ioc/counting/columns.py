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
from ioc.events.block import Block
from ioc.events.exact_lane import Reject
from ioc.store.clickhouse import Store
from ioc.vocabulary import Measures, Stream

ID_REUSED = "used before for other data (at offset {}); send a new id"


@dataclass(frozen=True)
class Sums:
    """One indicator's sums of a block: panes with the first and the last offset that changed them, and the rows behind them.

    `numbers`: the batch each pane is of. `rows`: one an event and pane, with columns `number`, d0, d1, ..., `at`, `known`,
    `offset`, and m0, m1, ...
    """

    numbers: list[int]
    keys: list[Key]
    first: list[int]
    last: list[int]
    measures: list[Measures]
    indicator: str
    rows: pl.DataFrame


def count(store: Store, stream: Stream, generation: str, work: Work, parts: Sequence[Part]) -> Iterator[tuple[str, pa.Table]]:
    """Count the work's events; yields (table, rows to write) of `seen`. Panes are in the parts then."""
    frame, contributions = _countable(stream, work)
    marks = _Marked(work.block.number[frame["_i"].to_numpy()], seen.hours(frame), seen.identities(frame))
    _load_seen(store, generation, work.block, marks, parts)
    counts = _count_once(work, frame, parts, marks)
    those = {name: _only(rows, frame, counts) for name, rows in contributions.items()}
    yield "seen", keyed_rows.seen_rows(generation, work.block, [part.seen.changed() for part in parts])
    add(store, stream, generation, work, parts, frame, those)


def add(
    store: Store,
    stream: Stream,
    generation: str,
    work: Work,
    parts: Sequence[Part],
    frame: pl.DataFrame,
    contributions: Mapping[str, pl.DataFrame],
) -> None:
    """Add what the rows of a frame contribute to the panes of the parts."""
    sums = [_sums(stream, work, frame, name, rows) for name, rows in contributions.items()]
    keys: list[list[Key]] = [[] for _ in parts]
    for one in sums:
        for number, key in zip(one.numbers, one.keys, strict=True):
            keys[number].append(key)
    lacking = [part.panes.lacking(own) for part, own in zip(parts, keys, strict=True)]
    keyed_rows.load_panes(store, generation, work.block, parts, lacking)
    for one in sums:
        _add([part.panes for part in parts], one)


@dataclass(frozen=True)
class _Marked:
    """Of each event of a frame: which batch it is of, its hour and its identity."""

    numbers: Ints
    hours: Ints
    identities: Bits

    def of(self, number: int) -> tuple[Ints, Ints, Bits]:
        """Rows of one batch, their hours and their identities."""
        rows = np.flatnonzero(self.numbers == number)
        return rows, self.hours[rows], self.identities[rows]


def _countable(stream: Stream, work: Work) -> tuple[pl.DataFrame, Mapping[str, pl.DataFrame]]:
    """The frame and its contributions. An event the declaration fails on is a reject before it is marked as seen."""
    frame = work.decoded.frames[stream.contract.event_type]
    pieces = list(_pieces(stream, work, frame))
    if len(pieces) == 1:
        return pieces[0]
    found: dict[str, list[pl.DataFrame]] = {}
    for _, parts in pieces:
        for name, part in parts.items():
            found.setdefault(name, []).append(part)
    whole = pl.concat([frame.clear(), *(good for good, _ in pieces)])
    return whole, {name: pl.concat(parts, how="vertical_relaxed") for name, parts in found.items()}


def _pieces(stream: Stream, work: Work, frame: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, Mapping[str, pl.DataFrame]]]:
    """The frame with its contributions; where the declaration fails on it, its halves, down to the events to be refused."""
    assert stream.columns is not None
    try:
        parts = stream.columns(frame)
        check_frames(stream, frame, parts)
    except Exception as error:  # whatever a declaration raises or gives back is a reject, never a crash loop
        if len(frame) == 1:
            work.reject(frame["_i"][0], raised(error))
            return
    else:
        yield frame, parts
        return
    half = len(frame) // 2
    yield from _pieces(stream, work, frame[:half])
    yield from _pieces(stream, work, frame[half:])


def _only(rows: pl.DataFrame, frame: pl.DataFrame, counts: NDArray[np.bool_]) -> pl.DataFrame:
    """The contributions of the events that count."""
    if counts.all():
        return rows
    return rows.filter(pl.col("_i").is_in(frame["_i"].filter(pl.Series(counts)).implode()))


def _load_seen(store: Store, generation: str, block: Block, marks: _Marked, parts: Sequence[Part]) -> None:
    numbers = {batch.place: number for number, batch in enumerate(block.batches)}
    wanted = {place: parts[number].seen.lacking(marks.of(number)[1])[0] for place, number in numbers.items()}
    for (place, hour), found in keyed_rows.seen_hours(store, generation, wanted).items():
        parts[numbers[place]].seen.put_hour(hour, found)
    for place, number in numbers.items():
        _, hours, identities = marks.of(number)
        large = parts[number].seen.lacking(hours)[1]
        if large:
            asked = identities[np.isin(hours, large)]
            parts[number].seen.put_marks(keyed_rows.seen_marks(store, generation, place, large, asked))


def _count_once(work: Work, frame: pl.DataFrame, parts: Sequence[Part], marks: _Marked) -> NDArray[np.bool_]:
    """Which events of the frame count; the verdicts of duplicates and re-used ids are set."""
    indices, hashes = frame["_i"].to_numpy(), frame["_hash"].to_numpy()
    offsets = work.block.offsets[indices]
    earlier, theirs = np.full(len(frame), seen.NONE), np.zeros(len(frame), np.uint64)
    for number, part in enumerate(parts):
        rows, hours, identities = marks.of(number)
        earlier[rows], theirs[rows] = part.seen.judge(hours, identities, hashes[rows], offsets[rows])
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
    times = np.zeros(len(work.block), np.int64)
    times[frame["_i"].to_numpy()] = frame["_time"].to_numpy()
    known = np.maximum(times[index], work.decoded.before[index] - stream.delay) // stream.grain * stream.grain
    values = [f"m{i}" for i in range(len(declared.value.measures))]
    keys = ["number", *(f"d{i}" for i in range(len(stream.dimensions))), "at", "known"]
    events = rows.select(
        pl.Series("number", work.block.number[index]),
        *(pl.col(name).alias(f"d{i}") for i, name in enumerate(stream.dimensions)),
        at=pl.col("at") if declared.level else pl.col("at") // stream.grain * stream.grain,
        known=pl.Series(known, dtype=pl.Int64),
        offset=pl.Series(work.block.offsets[index], dtype=pl.Int64),
        **{f"m{i}": pl.col(m).cast(pl.Int64) for i, m in enumerate(declared.value.measures)},
    )
    if not (np.diff(index) > 0).all():  # an event with several rows: what it adds to a pane is summed first
        events = events.group_by(*keys, "offset", maintain_order=True).agg(pl.col(values).sum())
    events = events.filter(pl.any_horizontal(pl.col(values) != 0))
    summed = events.group_by(keys, maintain_order=True).agg(
        pl.col("offset").min().alias("first"), pl.col("offset").max().alias("last"), pl.col(values).sum()
    )
    columns = {name: summed[name].to_list() for name in summed.columns}
    given = keys[1:-2]
    dims: list[tuple[str, ...]] = list(zip(*(columns[k] for k in given), strict=True)) if given else [()] * len(summed)
    return Sums(
        columns["number"],
        [(indicator, *key) for key in zip(dims, columns["at"], columns["known"], strict=True)],
        columns["first"],
        columns["last"],
        list(zip(*(columns[m] for m in values), strict=True)),
        indicator,
        events,
    )


def _add(panes: Sequence[Panes], sums: Sums) -> None:
    """Add whole sums; where the pane is already ahead of a part of them, event by event, in the order of their offsets."""
    ahead = {
        (number, key)
        for number, key, first, last, measures in zip(sums.numbers, sums.keys, sums.first, sums.last, sums.measures, strict=True)
        if not panes[number].add_sum(key, first, last, measures)
    }
    if not ahead:
        return
    size = sums.rows.columns.index("at")
    for row in sums.rows.sort("offset").iter_rows():  # a declaration may give its rows in any order
        key = (sums.indicator, row[1:size], row[size], row[size + 1])
        if (row[0], key) in ahead:
            panes[row[0]].add(key, row[size + 2], row[size + 3 :])
