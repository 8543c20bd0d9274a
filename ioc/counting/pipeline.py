"""Pipeline: the one path from batches to rows. Worker, replay, rebuild, benchmark and tests all end here.

    batches -> decode -> history | columns -> panes -> rows of one poll, one INSERT a table -> checkpoints, last

Every row is a function of a log prefix and its version is an offset, so writing again, writing late and being two are
harmless. Memory is ahead of the store by what is being written; when writing fails the caller starts again from `assign`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain

import pyarrow as pa

from ioc.catalog import REJECTS, Catalog
from ioc.counting import keyed_rows
from ioc.counting.archive import archive, reject_rows
from ioc.counting.held import Part, Work
from ioc.counting.measure import measure
from ioc.counting.panes import NOTHING, Panes
from ioc.errors import IocError
from ioc.events.batch import Batch, record_hash
from ioc.events.block import Block
from ioc.events.decode import Clock, Decoded, Decoder, Rules, receptions
from ioc.events.exact_lane import Reject
from ioc.events.heartbeats import is_heartbeat
from ioc.events.rejects import unpack
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.store.state import Checkpoint, Place
from ioc.vocabulary import Stream

MEASURE = "measure"
NOT_OURS = Reject("bad_json", "", "not a record of the gateway, which alone writes this topic")
PANE_BYTES = 400
"""About what a pane takes in memory."""


@dataclass(frozen=True)
class Rows:
    """What one poll writes: rows by table, in any order, and its checkpoints, last."""

    tables: dict[str, list[pa.Table]]
    checkpoints: pa.Table


class Pipeline:
    """Counts batches into one store. `sealed`: a run of files, which bear their own receptions. Not thread-safe, but for one
    `write`, one `count` and one `decode` at a time.

    `archive_values`: keep every event's bytes (off: coordinates and verdicts only).
    """

    def __init__(
        self, catalog: Catalog, store: Store, settings: Settings, *, sealed: bool = False, archive_values: bool = True
    ) -> None:
        self.catalog, self.store, self.settings = catalog, store, settings
        self.sealed, self.archive_values = sealed, archive_values
        self.checkpoints: dict[Place, Checkpoint] = {}
        """Up to where each partition is counted."""
        self._parts: dict[tuple[str, Place], Part] = {}
        self._decoders: dict[str, Decoder] = {}
        self._partitions: dict[str, int] = {}
        self._decoded: dict[Place, tuple[int, Clock]] = {}
        """Position and clock up to which a partition is decoded: ahead of its checkpoint while the last poll is being counted."""

    # ---- partitions come and go

    def assign(self, places: Sequence[Place], partitions: Mapping[str, int]) -> dict[Place, Checkpoint]:
        """Take partitions over: their checkpoints, from which the caller must go on reading.

        `partitions`: how many each topic has. A run's batches bear the live topics' names; its database keeps them apart.
        """
        self._partitions |= partitions
        stored = state.checkpoints(self.store, MEASURE, {topic for topic, _ in places})
        floors = {s.name: keyed_rows.highest_known(self.store, self.catalog.generations[s.name]) for s in self._streams(places)}
        for place in places:
            owners = self.catalog.owners(place[0])
            known = [stored[owner, *place] for owner in owners if (owner, *place) in stored]
            behind = len(known) < len(owners)
            self.checkpoints[place] = Checkpoint() if behind else min(known, key=lambda c: c.next)
            self._decoded[place] = (self.checkpoints[place].next, self.checkpoints[place].clock)
            for stream in self._streams([place]):
                self._parts[stream.name, place] = Part(Panes(floors[stream.name].get(place, NOTHING)))
        return {place: self.checkpoints[place] for place in places}

    def begin_at(self, place: Place, position: int) -> Checkpoint:
        """Nothing was counted of a partition whose log begins later than at 0: count from there."""
        self.checkpoints[place] = replace(self.checkpoints[place], next=position)
        self._decoded[place] = (position, self.checkpoints[place].clock)
        return self.checkpoints[place]

    def revoke(self, places: Sequence[Place]) -> None:
        """Give partitions up: forget what is held of them."""
        for place in places:
            self.checkpoints.pop(place, None)
            self._decoded.pop(place, None)
            for stream in self._streams([place]):
                self._parts.pop((stream.name, place), None)

    def _streams(self, places: Sequence[Place]) -> list[Stream]:
        topics = {topic for topic, _ in places}
        return [s for s in self.catalog.streams if not topics.isdisjoint(s.topics)]

    # ---- the path

    def run(self, batches: Sequence[Batch]) -> None:
        """Count one poll's batches, at most one of each partition, and return once everything is in the store.

        Raises IocError when a batch does not begin where its partition's checkpoint ends; ServiceAway when the store stays away.
        """
        self.write(self.count(self.decode(batches)))
        self.settle()

    # the parts of `run`, for a caller who decodes one poll, counts the one before and writes the one before that at the same time

    def decode(self, batches: Sequence[Batch]) -> list[Work]:
        """Pure work: frames, rejects, clocks. One work a topic."""
        by_topic: dict[str, list[Batch]] = {}
        for batch in batches:
            by_topic.setdefault(batch.topic, []).append(batch)
        return [self._decode(own) for own in by_topic.values()]

    def count(self, works: Sequence[Work]) -> Rows:
        """What the works change, in memory and as rows to write. Polls are counted in the order in which they were decoded."""
        for batch in _batches(works):
            if batch.start != self.checkpoints[batch.place].next:
                raise _gap(batch, self.checkpoints[batch.place].next)
        with self._or_nothing():
            return Rows(self._count(works), self._checkpoints(works))

    def write(self, rows: Rows) -> None:
        """Returns once the rows are in the store. Polls are written in the order in which they were counted."""
        with self._or_nothing():
            for name, tables in rows.tables.items():
                self.store.insert(name, pa.concat_tables(tables))
            self.store.insert("checkpoints", rows.checkpoints, durable=True)

    def settle(self) -> None:
        """All but what was counted last is in the store: what the caches have no room for may go."""
        budget = self.settings.cache_mb << 20
        stateful = {stream.name for stream in self.catalog.streams if stream.contributions}
        sharing = sum(name in stateful for name, _ in self._parts)  # what counts no entities needs no room for them
        for (name, _), part in self._parts.items():
            part.panes.settle(budget // 4 // len(self._parts) // PANE_BYTES)
            part.seen.settle()
            if name in stateful:
                part.entities.settle(budget * 3 // 4 // sharing)

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.revoke(list(self.checkpoints))  # what is in memory may not be in the store
            raise

    def _count(self, works: Sequence[Work]) -> dict[str, list[pa.Table]]:
        rows: dict[str, list[pa.Table]] = {}
        for work in works:
            batches = work.block.batches
            for stream in self.catalog.of_topic(work.block.topic):
                parts = [self._parts[stream.name, batch.place] for batch in batches]
                for name, table in measure(self.store, stream, self.catalog.generations[stream.name], work, parts):
                    rows.setdefault(name, []).append(table)
            rows.setdefault("events", []).append(archive(work.decoded, work.who, work.verdicts, self.archive_values))
            if not any(batch.verdicts for batch in batches):  # else they are kept where they were judged
                rows.setdefault("rejects", []).append(reject_rows(work.decoded, self.catalog.keeper(work.block.topic)))
        return rows

    def _decode(self, batches: Sequence[Batch]) -> Work:
        if len({batch.place for batch in batches}) < len(batches):
            raise IocError(f"{batches[0].topic}: two batches of one partition in one poll")
        for batch in batches:
            if batch.start != self._decoded[batch.place][0]:
                raise _gap(batch, self._decoded[batch.place][0])
        topic, clocks = batches[0].topic, [self._decoded[batch.place][1] for batch in batches]
        decoded = self._refused(batches, clocks) if topic == REJECTS else self._decoder(topic).decode(batches, clocks)
        for batch, clock in zip(batches, decoded.clocks, strict=True):
            self._decoded[batch.place] = (batch.next, clock)
        verdicts = [*chain.from_iterable(batch.verdicts or ["accepted"] * len(batch) for batch in batches)]
        for index in decoded.rejects:
            verdicts[index] = "rejected"
        for index in decoded.beats:
            verdicts[index] = "heartbeat"
        return Work(decoded, verdicts)

    def _refused(self, batches: Sequence[Batch], clocks: Sequence[Clock]) -> Decoded:
        """Batches of `ioc.rejects`: what the gateway refused is a reject already."""
        rules = Rules(self.settings.first_year, self.settings.tolerance, self._partitions, self.sealed)
        block = Block(batches)
        beats = [index for index, value in enumerate(block.values) if is_heartbeat(value)]
        decoded = Decoded(block, *receptions(block, beats, clocks, rules), beats=beats)
        for index in sorted(set(range(len(block))).difference(beats)):
            record = unpack(block.values[index])
            decoded.rejects[index] = Reject(record.reason, record.field, record.message) if record else NOT_OURS
            if record:
                decoded.refused[index] = record
        return decoded

    def _decoder(self, topic: str) -> Decoder:
        if topic not in self._decoders:
            stateless = frozenset(s.contract.event_type for s in self.catalog.of_topic(topic) if s.columns)
            rules = Rules(self.settings.first_year, self.settings.tolerance, self._partitions, self.sealed, stateless)
            self._decoders[topic] = Decoder(self.catalog.accepted(topic), rules)
        return self._decoders[topic]

    def _checkpoints(self, works: Sequence[Work]) -> pa.Table:
        rows = {}
        for work in works:
            for batch, clock in zip(work.block.batches, work.decoded.clocks, strict=True):
                old = self.checkpoints[batch.place]
                new = replace(old, next=batch.next, clock=clock, partitions=self._partitions[batch.topic])
                if len(batch):
                    last = (batch.offsets[-1], batch.timestamps[-1], batch.keys[-1], batch.values[-1])
                    new = replace(new, last_offset=last[0], last_hash=record_hash(*last))
                self.checkpoints[batch.place] = new
                rows.update({(owner, *batch.place): new for owner in self.catalog.owners(batch.topic)})
        return state.checkpoint_rows(MEASURE, rows)


def _batches(works: Sequence[Work]) -> Iterator[Batch]:
    return chain.from_iterable(work.block.batches for work in works)


def _gap(batch: Batch, reached: int) -> IocError:
    return IocError(f"{batch.topic}:{batch.partition}: a batch begins at {batch.start}, but the checkpoint ends at {reached}")
