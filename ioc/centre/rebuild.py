"""Rebuild: count the archive again under new declarations, then let the views read the new generation.

The archive is fed through the same pipeline; the old generation stays readable until the switch, and afterwards by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from ioc.catalog import Catalog
from ioc.counting import from_archive
from ioc.counting.pipeline import MEASURE, Pipeline
from ioc.settings import Settings
from ioc.store import state, tables
from ioc.store.clickhouse import Store, literal
from ioc.store.state import Checkpoint, Place


def outdated(store: Store, catalog: Catalog) -> Catalog:
    """The streams whose declarations changed since the store was counted."""
    stored = dict(store.query("SELECT stream, generation FROM v_generation").rows())
    return Catalog(tuple(s for s in catalog.streams if stored.get(s.name) != catalog.generations[s.name]))


A_SECOND = 10_000
"""Records counted anew a second, about: as `ioc bench --only streams` shows for dossiers, on two cores with the store."""


def ahead(store: Store, catalog: Catalog) -> dict[str, int]:
    """How many records each stream whose declarations changed would count anew."""
    held = from_archive.held(store)
    return {
        stream.name: sum(c.next for (topic, _), c in held.items() if topic in stream.topics)
        for stream in outdated(store, catalog).streams
    }


def rebuild(settings: Settings, catalog: Catalog, progress: Callable[[int, int], None]) -> int:
    """Count what the archive holds under the new generations and switch to them. Returns how many records were fed.

    A worker of the old generation may go on meanwhile: what it archives is fed, too, until less than one chunk is left; the
    rest comes from the log, by the new worker. `progress` gets (records fed, records known).
    """
    store = Store(settings)
    tables.migrate(store, catalog)  # what a newer program writes has its place
    changed = outdated(store, catalog)
    if not changed.streams:
        return 0
    pipeline, topics = Pipeline(changed, store, settings), {topic for stream in changed.streams for topic in stream.topics}
    fed, left = 0, from_archive.CHUNK
    while left >= from_archive.CHUNK:
        held = from_archive.held(store, changed.generations.values())
        counted = {place: c for place, c in held.items() if place[0] in topics}
        at = pipeline.assign(list(counted), {topic: c.partitions for (topic, _), c in counted.items()})
        left = sum(c.next - at[place].next for place, c in counted.items())
        known = fed + left
        for place in counted:
            while (reached := pipeline.checkpoints[place].next) < counted[place].next:
                judged = changed.keeper(place[0]) != catalog.keeper(place[0])  # the stream of its own events stays as it is
                batch = from_archive.batch(store, place, reached, counted[place].next, judged=judged)
                pipeline.run([batch])
                fed += len(batch)
                progress(fed, known)
        _recognise(store, changed, topics, {place: (pipeline.checkpoints[place], old) for place, old in counted.items()})
    for stream in changed.streams:  # all at once: a worker that starts meanwhile must not find half of them
        state.read_by_views(store, stream, catalog.generations[stream.name])
    return fed


def _recognise(
    store: Store, catalog: Catalog, topics: Collection[str], places: Mapping[Place, tuple[Checkpoint, Checkpoint]]
) -> None:
    """The archive has another timestamp than the log, so the log's last record is recognised by the old checkpoint's hash.

    `places`: up to where each is counted anew, and what it was counted to in the log.
    """
    rows, there = {}, state.checkpoints(store, MEASURE, topics)
    for place, (reached, old) in places.items():
        for owner in catalog.owners(place[0]):
            known = there.get((owner, *place), reached)
            if (known.last_offset, known.last_hash) != (old.last_offset, old.last_hash):
                rows[owner, *place] = replace(reached, last_offset=old.last_offset, last_hash=old.last_hash)
    if rows:
        own = f"stage = {literal(MEASURE)} AND (generation, topic, partition) IN ({', '.join(map(literal, rows))})"
        store.command(f"ALTER TABLE checkpoints DELETE WHERE {own} SETTINGS mutations_sync = 2")
        store.insert("checkpoints", state.checkpoint_rows(MEASURE, rows), durable=True)
