"""From archive: what the archive holds, as batches of the same partitions, offsets, keys, bytes, headers and receptions.

A batch bears the reception that was used as its timestamp, and the headers. The rules of a live log (`events.decode.reception`)
find the same receptions and the same watermarks in it again, so archived records are counted by those rules and not as a sealed
log, in which every record moves the watermark: while a past is loaded, records without the header must not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from ioc.counting.pipeline import MEASURE
from ioc.events.batch import RECEIVED, Batch
from ioc.events.exact_lane import Headers
from ioc.events.heartbeats import heartbeat
from ioc.store import state
from ioc.store.clickhouse import Store, literal
from ioc.store.state import Checkpoint, Place

CHUNK = 20_000
"""Records of one partition that are read at once, at most."""
BYTES = 32 << 20
"""Bytes after which a batch ends, so that large records do not pile up in memory."""


def held(store: Store, fed: Collection[str] = ()) -> dict[Place, Checkpoint]:
    """The checkpoint up to which the archive is whole, of every partition: the furthest of all generations.

    `fed`: generations that are being counted from the archive; where another is as far, its checkpoint saw the log itself.
    """
    found: dict[Place, Checkpoint] = {}
    rows = sorted(state.checkpoints(store, MEASURE).items(), key=lambda row: row[0][0] in fed)
    for (_, topic, partition), checkpoint in rows:
        place = (topic, partition)
        if place not in found or checkpoint.next > found[place].next:
            found[place] = checkpoint
    return found


def batch(store: Store, place: Place, start: int, end: int, *, judged: bool = False) -> Batch:
    """The archive's next records with start <= offset < end; the last batch ends at `end`. `judged`: with their verdicts."""
    frame = store.query(
        "SELECT * FROM (SELECT *, count() OVER () AS found, sum(size) OVER (ORDER BY offset) - size AS bytes FROM ("
        "SELECT offset, key, headers, value, toUnixTimestamp64Milli(received_at) AS at, verdict, "
        f"ifNull(length(value), 0) AS size FROM events FINAL WHERE {_within(place, end)} AND offset >= {start} "
        f"ORDER BY offset LIMIT {CHUNK})) WHERE bytes < {BYTES} ORDER BY offset",
        {"output_format_arrow_string_as_string": 0},
    )
    last = frame.is_empty() or len(frame) == frame["found"][0] < CHUNK
    return _batch(place, start, end if last else int(frame["offset"][-1]) + 1, frame, judged)


def reaches(store: Store, place: Place, end: Checkpoint, received: int) -> int:
    """The offset of the first record whose reception moves the watermark to `received` (ms) or beyond, or `end.next`.

    Records that move no watermark (docs/exactness.md, "Words") go with those around them; where none has moved any yet (what the
    gateway refused, before a centre is live), each reception counts.
    """
    bounds = "1" if end.clock.received is None else _moves(end)
    frame = store.query(
        f"SELECT minOrNull(offset) AS first FROM events WHERE {_within(place, end.next)} "
        f"AND received_at >= fromUnixTimestamp64Milli({received}) AND {bounds}"
    )
    first = frame["first"][0]
    return end.next if first is None else int(first)


def receptions(store: Store, ends: Mapping[Place, Checkpoint]) -> tuple[int, int] | None:
    """The first and the last reception before the ends that move a watermark (ms)."""
    at = "toUnixTimestamp64Milli(received_at)"
    frame = store.query(f"SELECT minOrNull({at}) AS first, maxOrNull({at}) AS last FROM events WHERE {_moving(ends)}")
    first, last = frame.row(0)
    return None if first is None else (int(first), int(last))


def idle(store: Store, ends: Mapping[Place, Checkpoint], since: int, shortest: float) -> list[tuple[int, int]]:
    """The stretches (from, to) of more than `shortest` ms, after `since`, in which no reception moved a watermark."""
    later = f"received_at > fromUnixTimestamp64Milli({since}) AND ({_moving(ends)})"
    frame = store.query(
        "SELECT before, at FROM (SELECT at, lagInFrame(at, 1, at) OVER (ORDER BY at) AS before FROM ("
        f"SELECT DISTINCT toUnixTimestamp64Milli(received_at) AS at FROM events WHERE {later} UNION ALL SELECT {since} AS at)) "
        f"WHERE at - before > {shortest} ORDER BY at"
    )
    return [(int(before), int(at)) for before, at in frame.rows()]


def moves(batch: Batch, index: int, end: Checkpoint) -> bool:
    """Whether an archived record moves the watermark of its partition."""
    live = end.clock.live
    return (live is not None and batch.offsets[index] >= live) or batch.received(index) == batch.timestamps[index]


def _moves(end: Checkpoint) -> str:
    """The same as a condition on `events`."""
    header = f"tupleElement(arrayFirst(h -> h.name = {literal(RECEIVED)}, headers), 'value')"
    live = f"offset >= {end.clock.live}" if end.clock.live is not None else "0"
    return f"({live} OR toInt64OrNull({header}) = toUnixTimestamp64Milli(received_at))"


def _moving(ends: Mapping[Place, Checkpoint]) -> str:
    return " OR ".join(f"({_within(place, end.next)} AND {_moves(end)})" for place, end in ends.items()) or "0"


def _within(place: Place, end: int) -> str:
    return f"topic = {literal(place[0])} AND partition = {place[1]} AND offset < {end}"


def _batch(place: Place, start: int, following: int, frame: pl.DataFrame, judged: bool) -> Batch:
    beat = heartbeat("replay", 0)  # the archive keeps of a heartbeat that it was one
    verdicts = [bytes(v).decode() for v in frame["verdict"].cast(pl.Binary).to_list()]
    beats = [verdict == "heartbeat" for verdict in verdicts]
    headers: dict[int, Headers] = {
        i: [(h["name"].decode(), h["value"]) for h in row] for i, row in enumerate(frame["headers"].to_list()) if row
    }
    values = [beat if is_beat else value for is_beat, value in zip(beats, frame["value"].to_list(), strict=True)]
    offsets, keys, times = (frame[name].to_list() for name in ("offset", "key", "at"))
    return Batch(*place, start, following, offsets, keys, values, times, headers, verdicts if judged else ())
