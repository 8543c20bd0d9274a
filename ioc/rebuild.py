"""Rebuild: count the archive again under new declarations, then let the views read the new generation.

The archive is fed through the same pipeline; the old generation stays readable until the switch, and afterwards by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import polars as pl

from ioc import state
from ioc.batch import Batch
from ioc.catalog import Catalog
from ioc.clickhouse import Store, literal
from ioc.exact import Headers
from ioc.live import heartbeat
from ioc.pipeline import MEASURE, Pipeline
from ioc.settings import Settings
from ioc.state import Checkpoint, Place

CHUNK = 20_000
"""Records of one partition that are fed at once."""


def outdated(store: Store, catalog: Catalog) -> Catalog:
    """The streams whose declarations changed since the store was counted."""
    stored = dict(store.query("SELECT stream, generation FROM v_generation").rows())
    return Catalog(tuple(s for s in catalog.streams if stored.get(s.name) != catalog.generations[s.name]))


def rebuild(settings: Settings, catalog: Catalog, progress: Callable[[int, int], None]) -> int:
    """Count what the archive holds under the new generations and switch to them. Returns how many records were fed.

    A worker of the old generation may go on meanwhile: what it archives is fed, too, until less than one chunk is left; the
    rest comes from the log, by the new worker. `progress` gets (records fed, records known).
    """
    store = Store(settings)
    changed = outdated(store, catalog)
    if not changed.streams:
        return 0
    stored = dict(store.query("SELECT stream, generation FROM v_generation").rows())
    pipeline = Pipeline(changed, store, settings)
    fed = 0
    for stream in changed.streams:
        old = stored.get(stream.name)
        while True:
            counted = {(t, p): c for (g, t, p), c in state.checkpoints(store, MEASURE, [stream.topic]).items() if g == old}
            places = list(counted)
            at = pipeline.assign(places, {stream.topic: max((c.partitions for c in counted.values()), default=0)})
            left = sum(c.next - at[place].next for place, c in counted.items())
            if left == 0:
                break
            for place in places:
                for batch in archived(store, place, at[place].next, counted[place].next):
                    pipeline.run([batch])
                    fed += len(batch)
                    progress(fed, fed + left)
                _recognise(store, changed.generations[stream.name], place, pipeline.checkpoints[place], counted[place])
            if left < CHUNK:
                break
        now_read = f"{literal(stream.name)}, {literal(catalog.generations[stream.name])}"
        store.command(f"INSERT INTO generations (stream, generation) VALUES ({now_read})")
    return fed


def archived(store: Store, place: Place, start: int, end: int) -> Iterator[Batch]:
    """The archive's records with start <= offset < end as batches; the last ends at `end`."""
    position = start
    while position < end:
        frame = store.query(
            "SELECT offset, key, headers, value, toUnixTimestamp64Milli(received_at) AS at, verdict FROM events FINAL "
            f"WHERE topic = {literal(place[0])} AND partition = {place[1]} AND offset >= {position} AND offset < {end} "
            f"ORDER BY offset LIMIT {CHUNK}",
            {"output_format_arrow_string_as_string": 0},
        )
        last = len(frame) < CHUNK
        following = end if last else int(frame["offset"][-1]) + 1
        yield _batch(place, position, following, frame)
        position = following


def _batch(place: Place, start: int, following: int, frame: pl.DataFrame) -> Batch:
    beat = heartbeat("replay", 0)  # the archive keeps of a heartbeat that it was one
    beats = [bytes(v) == b"heartbeat" for v in frame["verdict"].cast(pl.Binary).to_list()]
    headers: dict[int, Headers] = {
        i: [(h["name"].decode(), h["value"]) for h in row] for i, row in enumerate(frame["headers"].to_list()) if row
    }
    values = [beat if is_beat else value for is_beat, value in zip(beats, frame["value"].to_list(), strict=True)]
    offsets, keys, times = (frame[name].to_list() for name in ("offset", "key", "at"))
    return Batch(*place, start, following, offsets, keys, values, times, headers)


def _recognise(store: Store, generation: str, place: Place, reached: Checkpoint, old: Checkpoint) -> None:
    """The archive has another timestamp than the log, so the log's last record is recognised by the old checkpoint's hash."""
    row = replace(reached, last_offset=old.last_offset, last_hash=old.last_hash)
    own = f"generation = {literal(generation)} AND topic = {literal(place[0])} AND partition = {place[1]}"
    store.command(f"ALTER TABLE checkpoints DELETE WHERE {own} SETTINGS mutations_sync = 2")
    store.insert("checkpoints", state.checkpoint_rows(MEASURE, {(generation, *place): row}), durable=True)
