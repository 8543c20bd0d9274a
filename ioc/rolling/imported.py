"""Imported: a past that came into a centre which was live already: when that was, and the steps it changed, rolled once.

Such records bear the header of their own reception behind the partition's first live heartbeat, where it is not believed:
they are late. What is late restates windows for `restate` and levels never; a whole past has to be on the boards all the same.
Once it is in, every step it touches gets its latest value: also those before the centre's beginning, which have no first
final, and of levels all that follow. First finals stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import structlog

from ioc.calendar.looks import shifts
from ioc.calendar.windows import LEVEL, leaves
from ioc.events.batch import RECEIVED
from ioc.events.decode import Clock
from ioc.rolling.looked import rows
from ioc.rolling.steps import Span, dimensions, size_of, windows_of
from ioc.store import state
from ioc.store.clickhouse import Store, literal
from ioc.store.state import Checkpoint, Place
from ioc.times import DAY, MINUTE, floor, iso
from ioc.vocabulary import ALL, Indicator, Stream

log = structlog.get_logger()
HISTORY = "history"
"""The stage of its positions: up to where an imported past is rolled."""
SETTLED = MINUTE
"""Reception time without an imported record after which a past is taken for complete."""
QUIET = 10 * MINUTE
"""How long after an imported record nothing is judged: a past comes in as the sum of its halves."""
PORTION, LONGEST, MANY = 10 * DAY, 400 * DAY, 100_000
"""Steps of so much time at least, and at most, are computed at once; with so many rows the next portion is a shorter one."""


def lives(counted: Mapping[Place, Checkpoint]) -> dict[Place, int]:
    """The offset of the first live heartbeat of the partitions that have had one."""
    return {place: c.clock.live for place, c in counted.items() if c.clock.live is not None}


def quiet(store: Store, stream: Stream, live: Mapping[Place, int], after: int, until: int) -> list[tuple[int, int]]:
    """The stretches of steps [begin, end] that meet (after, until] in which a past was imported, or had just been (ms).

    A step is final only once a later record of the partition is counted, so none is judged before its stretch is known.
    """
    if not live:
        return []
    after_live = _behind({place: offset + 1 for place, offset in live.items()})
    step_of = f"intDiv(toUnixTimestamp64Milli(received_at) - {stream.delay}, {stream.grain})"
    frame = store.query(
        f"SELECT DISTINCT {step_of} AS k FROM events WHERE {after_live} AND has(headers.name, {literal(RECEIVED)}) "
        f"AND received_at > fromUnixTimestamp64Milli({after - QUIET - stream.grain}) "
        f"AND received_at < fromUnixTimestamp64Milli({until + stream.delay}) ORDER BY k"
    )
    found: list[tuple[int, int]] = []
    for k in frame["k"].to_list():
        begin = (k + 1) * stream.grain
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], begin + QUIET)
        else:
            found.append((begin, begin + QUIET))
    return found


def _behind(positions: Mapping[Place, int]) -> str:
    """A condition: the record, or what it changed last, lies at or behind the position of its partition."""
    return (
        "("
        + " OR ".join(f"(topic = {literal(t)} AND partition = {p} AND offset >= {o})" for (t, p), o in positions.items())
        + ")"
    )


@dataclass
class Job:
    """An imported past that is being rolled: what it changed of each indicator (dims, at), and how far it is (ms)."""

    changed: dict[str, pl.DataFrame]
    upto: dict[Place, int]
    reached: int
    end: int
    portion: int = PORTION


class Imported:
    """Finds and rolls the imported pasts of a store's streams. Being interrupted or two does no harm: it is done again."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._done: dict[str, dict[Place, int]] = {}
        self._asked: dict[str, dict[Place, int]] = {}
        self._pending: dict[str, dict[Place, int]] = {}
        self._last: dict[str, int] = {}
        self._jobs: dict[str, Job] = {}

    def forget(self) -> None:
        """Drop what is remembered: another may have gone on."""
        for held in (self._done, self._asked, self._pending, self._last, self._jobs):
            held.clear()

    def turn(
        self,
        stream: Stream,
        generation: str,
        counted: Mapping[Place, Checkpoint],
        final: tuple[int, int],
        now: int,
        write: Callable[[Iterable[pl.DataFrame]], int],
    ) -> bool:
        """Roll a portion. True: there are more. `final`: where first finals begin, and up to where they are written (ms)."""
        if stream.name not in self._jobs:
            self._look(stream, generation, counted)
            if stream.name not in self._last or now - self._last[stream.name] < SETTLED:
                return False
            self._jobs[stream.name] = self._job(stream, generation, counted, final[1])
        job = self._jobs[stream.name]
        if job.reached < job.end:
            self._portion(stream, generation, job, final[0], write)
        over = job.reached >= job.end
        self._save(stream, generation, job, over)
        if over:
            self._done[stream.name] = job.upto
            for held in (self._jobs, self._last, self._pending):
                held.pop(stream.name, None)
        return not over

    def _look(self, stream: Stream, generation: str, counted: Mapping[Place, Checkpoint]) -> None:
        """Ask the records counted since the last look whether any of them is of a past."""
        if stream.name not in self._done:
            stored = state.checkpoints(self.store, HISTORY, stream.topics)
            self._done[stream.name] = {(t, p): c.next for (g, t, p), c in stored.items() if g == generation}
        done, asked = self._done[stream.name], self._asked.setdefault(stream.name, {})
        news = {place: max(asked.get(place, 0), done.get(place, 0), live + 1) for place, live in lives(counted).items()}
        news = {place: begin for place, begin in news.items() if counted[place].next > begin}
        if not news:
            return
        frame = self.store.query(
            "SELECT topic, partition, min(offset) AS first, toUnixTimestamp64Milli(max(received_at)) AS last FROM events "
            f"WHERE {_behind(news)} AND has(headers.name, {literal(RECEIVED)}) GROUP BY topic, partition"
        )
        for topic, partition, first, last in frame.rows():
            self._pending.setdefault(stream.name, {}).setdefault((topic, partition), first)
            self._last[stream.name] = max(last, self._last.get(stream.name, 0))
        asked.update({place: counted[place].next for place in news})

    def _job(self, stream: Stream, generation: str, counted: Mapping[Place, Checkpoint], end: int) -> Job:
        looked = {look.of for indicator in stream.indicators for look in indicator.looks}
        panes = self.store.query(
            "SELECT DISTINCT indicator, dims, toUnixTimestamp64Milli(at) AS a, toUnixTimestamp64Milli(known) AS k FROM panes "
            f"WHERE generation = {literal(generation)} AND {_behind(self._pending[stream.name])} "
            f"AND (known > at AND at < fromUnixTimestamp64Milli({end}) OR indicator IN {literal(tuple(looked) or ('',))})"
        ).rename({"a": "at", "k": "known"})
        changed = {i.name: _late(i, panes).filter(pl.col("at") < end) for i in stream.indicators}
        begin = floor(min([end, *(int(own["at"].min()) for own in changed.values() if len(own))]), DAY)  # type: ignore[arg-type]
        upto = {place: counted[place].next for place in lives(counted)}
        log.info("an imported past is rolled", stream=stream.name, begin=iso(begin), end=iso(end))
        return Job(changed, upto, begin, end)

    def _portion(
        self, stream: Stream, generation: str, job: Job, began: int, write: Callable[[Iterable[pl.DataFrame]], int]
    ) -> None:
        after = min(job.reached + job.portion, job.end)
        if job.reached < began < after:
            after = began
        spans = [span for i in stream.indicators for w in windows_of(i) if (span := _span(stream, i, w, job, after, began))]
        found = rows(self.store, stream, generation, spans)
        if after <= began:  # steps before a partition's first reception have no first final
            none = {"first_value": pl.lit(None, pl.Float64), "first_n": pl.lit(None, pl.Int64)}
            found = (frame.with_columns(**none) for frame in found)
        few = write(found) < MANY
        job.reached, job.portion = after, min(2 * job.portion, LONGEST) if few else max(job.portion // 2, PORTION)

    def _save(self, stream: Stream, generation: str, job: Job, over: bool) -> None:
        """How far it is, for who asks (`underway`); its position only when all of it is rolled."""
        done = self._done[stream.name]
        clock = Clock() if over else Clock(job.reached, job.end)
        kept = {
            (generation, *place): Checkpoint(next_ if over else done.get(place, 0), clock) for place, next_ in job.upto.items()
        }
        self.store.insert("checkpoints", state.checkpoint_rows(HISTORY, kept))


def underway(store: Store, generation: str) -> tuple[int, int] | None:
    """How far an imported past of the generation is rolled, and up to where it will be (ms); None: none is being rolled."""
    stored = state.checkpoints(store, HISTORY).items()
    found = [(c.clock.received, c.clock.live) for (g, *_), c in stored if g == generation]
    return next(((reached, end) for reached, end in found if reached is not None and end is not None), None)


def _late(indicator: Indicator, panes: pl.DataFrame) -> pl.DataFrame:
    """What came too late for an indicator's first finals: dims, and `at` from which on it counts; of another's panes, as it
    looks at them."""
    parts = [panes.filter(pl.col("indicator") == indicator.name)]
    for look in indicator.looks:
        own = panes.filter(pl.col("indicator") == look.of)
        at = own["at"].to_numpy()
        for shift in shifts(*look.where):
            parts.append(own.with_columns(at=pl.Series(np.maximum(shift.to(at), at - LONGEST), dtype=pl.Int64)))
    return pl.concat(parts).filter(pl.col("known") > pl.col("at"))


def _span(stream: Stream, indicator: Indicator, window: str, job: Job, after: int, began: int) -> Span | None:
    """The steps of one window in (reached, after] that the past touches: of a level all that follow it."""
    size = size_of(stream, indicator, window)
    own = job.changed[indicator.name]
    if own.is_empty():
        return None
    at = own["at"].to_numpy()
    end = job.end if window == LEVEL else min(int(leaves(window, at, size).max()), job.end)
    first, last = max(floor(int(at.min()), size), floor(job.reached, size)), min(floor(end, size), floor(after, size))
    if last <= first:
        return None
    touched = groups_of(stream, indicator, own)
    opening = touched if job.reached == began else None  # a step without a first final is followed by one that has it
    return Span(indicator, window, first, last, touched, opening)


def groups_of(stream: Stream, indicator: Indicator, panes: pl.DataFrame) -> pl.DataFrame:
    """The groups the panes (with their `dims`) count for."""
    dims = panes.select(pl.col("dims").list.get(i).alias(d) for i, d in enumerate(dimensions(stream))).unique()
    return pl.concat(
        dims.with_columns(pl.lit(ALL).alias(f"d{i}") for i, name in enumerate(stream.dimensions) if name not in grouping)
        for grouping in indicator.groupings
    ).unique()
