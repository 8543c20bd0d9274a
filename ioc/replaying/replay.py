"""Replay: what the live archive holds goes through the same pipeline again, into a run; direct, without topics and worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ioc.alerting.alerts import Alerter
from ioc.catalog import Catalog
from ioc.counting import from_archive
from ioc.counting.pipeline import Pipeline
from ioc.errors import UsageError
from ioc.replaying import new_run
from ioc.rolling.roll import Roller
from ioc.settings import Settings
from ioc.store import runs
from ioc.store.clickhouse import Store, literal
from ioc.store.runs import Run
from ioc.store.state import Checkpoint, Place
from ioc.times import iso

ROLL_EVERY = 25
"""Batches between two rolls, so that no roll has to hold all of a long replay."""


@dataclass(frozen=True)
class Replayed:
    """What a replay did: the run, records counted, and the last reception among them (ms)."""

    run: Run
    records: int
    now: int


@dataclass(frozen=True)
class Asked:
    """What a replay goes over: every partition up to its end, how many records that is, and their last reception (ms)."""

    ends: dict[Place, Checkpoint]
    records: int
    last: int

    @property
    def partitions(self) -> dict[str, int]:
        """How many partitions each topic has."""
        return {topic: max(c.partitions for (t, _), c in self.ends.items() if t == topic) for topic, _ in self.ends}


def asked(settings: Settings, live: Store, run: Run) -> Asked:
    """What the archive of the live database holds of the time the run asks for, and before it.

    Raises UsageError when the run is there already or nothing lies in that time.
    """
    new_run.check_new(settings, run.name)
    held = from_archive.held(live)
    ends = {
        place: c if run.end is None else replace(c, next=from_archive.reaches(live, place, c, run.end))
        for place, c in held.items()
    }
    total, _, last = _extent(live, ends)
    if not total or (run.begin is not None and last < run.begin):
        raise UsageError(_nothing(live, held))
    return Asked(ends, total, last)


def replay(settings: Settings, catalog: Catalog, run: Run, progress: Callable[[int, int], None]) -> Replayed:
    """Count the archive of the live database into a new run, in which `run.begin` and `run.end` (ms, by reception) bound what is
    compared and what is replayed: everything received before `run.begin` goes through first, what was received at or after
    `run.end` does not. `progress` gets (records counted, records to count).

    Raises UsageError when the run is there already or nothing lies in the time asked for.
    """
    live = Store(settings, readonly=True)
    wanted = asked(settings, live, run)
    store = new_run.create(settings, catalog, run)
    with runs.replaying(settings, run):
        pipeline = Pipeline(catalog, store, settings)
        pipeline.assign(list(wanted.ends), wanted.partitions)
        ends = {place: end.next for place, end in wanted.ends.items()}
        roller, alerter = Roller(catalog, store, settings), Alerter(catalog, store, run=True)
        records = _count(live, pipeline, roller, alerter, ends, lambda done: progress(done, wanted.records))
    return Replayed(replace(run, state=runs.ENDED), records, wanted.last)


def _count(
    live: Store, pipeline: Pipeline, roller: Roller, alerter: Alerter, ends: dict[Place, int], progress: Callable[[int], None]
) -> int:
    """The partitions take turns, one batch each; roller and alerter follow to the end. Returns how many records there were."""
    done = batches = 0
    while waiting := [place for place, end in ends.items() if pipeline.checkpoints[place].next < end]:
        for place in waiting:
            batch = from_archive.batch(live, place, pipeline.checkpoints[place].next, ends[place])
            pipeline.run([batch])
            done += len(batch)
            batches += 1
            progress(done)
            if batches % ROLL_EVERY == 0:
                roller.step()
                alerter.step()
    roller.step()
    alerter.step()
    return done


def _extent(live: Store, ends: dict[Place, Checkpoint]) -> tuple[int, int, int]:
    """(records, first reception, last reception) of the archive before the ends."""
    places = [f"(topic = {literal(t)} AND partition = {p} AND offset < {end.next})" for (t, p), end in ends.items()]
    frame = live.query(
        "SELECT count() AS n, toUnixTimestamp64Milli(min(received_at)) AS first, "
        f"toUnixTimestamp64Milli(max(received_at)) AS last FROM events WHERE {' OR '.join(places) or '0'}"
    )
    return frame.row(0)


def _nothing(live: Store, ends: dict[Place, Checkpoint]) -> str:
    total, first, last = _extent(live, ends)
    if not total:
        return "the archive is empty: nothing has been counted yet"
    return f"nothing was received in that time; the archive holds what was received from {iso(first)} to {iso(last)}"
