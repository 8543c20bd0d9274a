"""Underway: an import from its first event to its last verdict: where it writes, what was sent, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ioc.catalog import Catalog
from ioc.centre import live
from ioc.cli.common import say
from ioc.cli.refused import CURRENT
from ioc.embedded.workers import worker_of
from ioc.errors import IocError
from ioc.events.exact_lane import Reject
from ioc.importing import told
from ioc.importing.corrections import Corrections
from ioc.importing.importer import Log, Origin, Sent, send_log
from ioc.importing.mapping import Map
from ioc.importing.told import FIRST, Fault, Refused
from ioc.kafka import bounds
from ioc.replaying import new_run
from ioc.settings import Settings
from ioc.store import runs
from ioc.store.clickhouse import Store, literal
from ioc.store.state import Place

PATIENCE = 120.0
"""Seconds without a step of the worker after which waiting is given up."""
KINDS = 20
"""Kinds of rejects that are told, the most frequent first."""


class Importing:
    """An import under way: where it writes, what was sent, and what became of it."""

    def __init__(
        self, settings: Settings, catalog: Catalog, files: list[Path], origin: Origin, log: Log, run: str | None
    ) -> None:
        self.settings, self.catalog, self.files, self.origin, self.log, self.run = settings, catalog, files, origin, log, run
        self.reached = 0
        """Events handed over so far."""
        self.sent = Sent(statistics=log.statistics)
        self.begins: dict[Place, int] = {}
        self.wanted: dict[Place, int] = {}
        """Positions before the first record and after the last."""
        self.correct: Corrections | None = None
        self.verdicts: dict[str, int] = {}
        self.refused: list[Refused] = []

    def hopeless(self) -> bool:
        """Whether no event has a time that counts and all would be rejected: mostly a wrong `[time] format`.

        Nothing is sent then: it would move the watermark to now, past all times of the log as it is meant.
        """
        if not self.log.total or self.log.first_ms is not None or not isinstance(self.origin, Map):
            return False
        found = told.check(self.files, self.origin, self.settings, self.log.window.last)
        if found.rejected < found.statistics.events:
            return False
        self.refused, self.verdicts = found.refused, {"rejected": found.rejected}
        return True

    @contextmanager
    def place(self) -> Iterator[Store]:
        """The store to look into, with a worker where a run needs one. A run that gets nothing is not left behind."""
        if self.run is None or not self.log.total:
            with self._broken_off():
                yield Store(self.settings)
            return
        new = new_run.open_import(self.settings, self.catalog, self.run)
        try:
            with worker_of(self.settings, self.run), self._broken_off():
                yield Store(runs.of_run(self.settings, self.run))
        except BaseException:
            if new and not self.reached:
                with suppress(IocError):  # what went wrong is what is told
                    new_run.drop(self.settings, self.catalog, self.run)
            raise

    @contextmanager
    def _broken_off(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            again = "to import the files again is safe: what is there already is a duplicate then"
            if self.log.shift_ms:
                again = "to import again with --shift-to-now sends other events: their times are shifted by another span"
            say(f"broken off after about {self.reached:,} of {self.log.total:,} events were sent; {again}")
            raise

    def send(self, store: Store, shown: Any) -> None:
        """Send all; where the map corrects, once what was sent before is counted."""
        topics = runs.run_names(self.run)[1] if self.run else str
        back = {topics(name): name for name in self.catalog.topics}
        if not self.log.total:
            return
        ends = asyncio.run(bounds(self.settings, back))
        self.begins = {(back[p.topic], p.partition): end for p, (_, end) in ends.items()}
        task = shown.add_task("sending", total=None)

        def progress(done: int, total: int | None) -> None:
            self.reached = done
            shown.update(task, completed=done, total=total)

        if self.origin.on_change == "correct" and not self.log.shift_ms:  # what is shifted is another event
            live.wait_counted(store, self.catalog, self.begins, patience=PATIENCE)
            self.correct = Corrections(store, self.catalog, self.origin.source, self.log.events)
        self.sent = asyncio.run(send_log(self.settings, self.log, self.origin, topics, progress, self.correct or iter))
        self.wanted = {(back[topic], partition): position for (topic, partition), position in self.sent.next.items()}

    def wait(self, store: Store, shown: Any) -> None:
        """Return once all is counted, and in a run rolled and judged."""
        total = sum(max(0, position - self.begins.get(place, 0)) for place, position in self.wanted.items())
        task = shown.add_task("counting", total=total)
        live.wait_counted(
            store, self.catalog, self.wanted, lambda left: shown.update(task, completed=total - left), patience=PATIENCE
        )
        if self.run is not None:
            live.wait_rolled(store, self.catalog, self.wanted)

    def find(self, store: Store) -> None:
        """The verdicts on the map's source between the positions before and after, as others may write meanwhile.

        Rejects whose bytes claim no source are counted, too: they may be ours.
        """
        if not self.wanted:
            return
        spans = " OR ".join(
            f"(topic = {literal(topic)} AND partition = {partition} "
            f"AND offset >= {self.begins.get((topic, partition), 0)} AND offset < {position})"
            for (topic, partition), position in self.wanted.items()
        )
        source = f"source = {literal(self.origin.source)}"
        if isinstance(self.origin, Map) and self.origin.of_several:
            source = f"({source} OR startsWith(source, {literal(self.origin.source + '/')}))"
        self.verdicts = dict(
            store.query(
                "SELECT verdict, uniqExact(topic, partition, offset) AS n FROM events WHERE verdict != 'heartbeat' "
                f"AND ({spans}) AND ({source} OR (verdict = 'rejected' AND source = '')) GROUP BY verdict"
            ).rows()
        )
        if self.verdicts.get("rejected"):
            self.refused = self._refused(store, f"{CURRENT} AND ({spans}) AND ({source} OR source = '')")

    def _refused(self, store: Store, where: str) -> list[Refused]:
        counts = store.query(
            f"SELECT reason, field, count() AS n FROM rejects FINAL WHERE {where} "
            f"GROUP BY reason, field ORDER BY n DESC, reason, field LIMIT {KINDS}"
        )
        kinds = {(reason, field): Refused(reason, field, n) for reason, field, n in counts.rows()}
        frame = store.query(
            f"SELECT reason, field, message, hex(value) AS value FROM rejects FINAL WHERE {where} "
            f"ORDER BY offset, partition LIMIT {FIRST} BY reason, field"
        )
        firsts = [
            (bytes.fromhex(value or ""), Reject(reason, field, message))
            for reason, field, message, value in frame.rows()
            if (reason, field) in kinds
        ]
        found = {}
        if isinstance(self.origin, Map):
            found = told.faults(self.files, self.origin, dict(firsts), self.sent.shift_ms)
        for value, reject in firsts:
            kinds[reject.reason, reject.field].first.append(found.get(value) or Fault("", 0, 0, reject.message))
        for kind in kinds.values():
            kind.first.sort(key=lambda fault: (fault.file, fault.row))
        return list(kinds.values())
