"""Roll: panes become rows of `indicators`: first finals as the watermark passes, restated steps, and the open step.

Everything is recomputed from panes at every write, so a lost nudge, a crash or a second roller changes nothing; the row with
the highest `as_of` wins: positions counted before the panes were read, and the number of the roller (`ioc.rolling.lead`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from ioc.catalog import Catalog
from ioc.counting.pipeline import MEASURE
from ioc.events.decode import Clock
from ioc.rolling.imported import Imported
from ioc.rolling.lead import Lead
from ioc.rolling.ledger import FAR, Ledger
from ioc.rolling.looked import rows
from ioc.rolling.open_step import Opened, opened, provisional
from ioc.rolling.reached import ROLL, beginning, partitions, rolled
from ioc.rolling.restated import all_windows, late, portions, restated
from ioc.rolling.rows import ROWS, tables_of, written
from ioc.rolling.steps import Span, dimensions
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.store.state import Checkpoint, Place
from ioc.times import DAY, floor
from ioc.vocabulary import Dims, Stream

PORTION = 10 * DAY
LONGEST = 400 * DAY
"""Steps of so much time at least, and at most, are computed at once."""
SLICE = 3.0
"""Seconds after which a stream with more final steps to write lets the others have their turn."""


@dataclass
class Advance:
    """What a stream's roll goes up to, however many turns it takes, and how far it is (ms): what is counted meanwhile is late
    for all of it."""

    counted: Mapping[Place, Checkpoint]
    watermark: int
    reached: int
    since: Mapping[Place, int]
    """What was counted from these positions on is late, if it is before `reached`."""
    restated: bool = False
    early: bool = False
    """Whether the open step was shown before all final ones are written."""
    portion: int = PORTION


@dataclass
class Progress:
    """How far a stream is rolled: positions by partition, the watermark up to which first finals are written, and the instant
    to which its open steps count (ms)."""

    positions: dict[Place, int] = field(default_factory=dict)
    watermark: int | None = None
    shown: int | None = None
    advance: Advance | None = None


class Roller:
    """Rolls all streams of a store. One at a time works; two do no harm: who began later goes on."""

    def __init__(self, catalog: Catalog, store: Store, settings: Settings) -> None:
        self.catalog, self.store, self.settings = catalog, store, settings
        self.live = False
        """Whether a live heartbeat has been counted: from then on the pacemaker beats."""
        self._stopped = False
        self._lead = Lead(store)
        self._measured = state.Following(store, MEASURE)
        self._progress: dict[str, Progress] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._shown: dict[tuple[str, str], dict[Dims, bytes]] = {}
        """By indicator and window the sums that the last open row of each group shows."""
        self._as_of: dict[str, int] = {}
        self._began: dict[str, int] = {}
        self._imported = Imported(store)

    def stop(self) -> None:
        """Leave a long step at its next portion: the process is to end."""
        self._stopped = True

    def forget(self) -> None:
        """Drop what is remembered: another roller may have gone on."""
        self._lead.drop()
        self._clear()

    def _clear(self) -> None:
        self._measured.forget()
        self._progress.clear()
        self._ledgers.clear()
        self._shown.clear()
        self._as_of.clear()
        self._imported.forget()

    @property
    def leading(self) -> bool:
        """Whether it has the lead, as far as it knows: it had a turn, and no other has begun since."""
        return self._lead.number is not None

    @property
    def pause(self) -> float:
        """Seconds to leave the lead to the other that has begun."""
        return self._lead.pause

    def step(self) -> None:
        """Bring `indicators` up to what is counted now."""
        while self.turn() or not self.leading:  # another went on meanwhile: the lead is taken back
            pass

    def turn(self) -> bool:
        """A part of that: every stream shows its open step and writes final ones for `SLICE` seconds. True: there are more.

        So a past that takes minutes to roll keeps no other stream's boards and alerts waiting, nor its own open step. Where
        another roller has begun since the last turn nothing is written, and the next one begins anew.
        """
        before = self._lead.number
        number, counted = self._lead.take(), self._measured.read()
        if before not in (None, number):  # renewed: another may have shown something between the two
            self._shown.clear()
        if self._lead.lost():
            self._lead.leave()
            self._clear()
            return False
        self.live = any(c.clock.live is not None for c in counted.values())
        received = [c.clock.received for c in counted.values() if c.clock.received is not None]
        more, saved = False, dict[tuple[str, str, int], Checkpoint]()
        try:
            for stream in self.catalog.streams:
                generation = self.catalog.generations[stream.name]
                own = {(t, p): c for (g, t, p), c in counted.items() if g == generation}
                if own and received:
                    as_of = sum(c.next for c in own.values()) + number
                    more |= self._stream(stream, generation, own, max(received) + 1, as_of, saved)
        finally:  # where one stream fails the others are rolled all the same
            if saved:
                self.store.insert("checkpoints", state.checkpoint_rows(ROLL, saved))
        return more and not self._stopped

    def _stream(
        self,
        stream: Stream,
        generation: str,
        counted: Mapping[Place, Checkpoint],
        now: int,
        as_of: int,
        saved: dict[tuple[str, str, int], Checkpoint],
    ) -> bool:
        """A turn of one stream; `saved` gets its checkpoints when it is rolled. True: it has more final steps to write."""
        if stream.name not in self._progress:
            self._progress[stream.name] = self._load(generation)
        progress = self._progress[stream.name]
        ends = {place: c.next for place, c in counted.items()}
        if any(ends.get(place, 0) < upto for place, upto in progress.positions.items()):
            return False  # it is counted again (`ioc doctor --rewind`): what is rolled is of more
        if progress.advance is None and self._as_of.get(stream.name) == as_of and progress.positions == ends:  # nothing is new
            return self._past(stream, generation, counted, progress, now, as_of)
        watermark = self._watermark(stream, counted)
        changed = self._read(stream, ends, progress)
        if progress.advance is None and watermark is not None:
            since: Mapping[Place, int] = progress.positions
            if progress.watermark is None:  # until now no step was written, so all that lies before the first one is late
                progress.watermark, since = beginning(self.store, stream, self._began), {}
            progress.advance = Advance(counted, max(progress.watermark, watermark), progress.watermark, since)
        if (advance := progress.advance) is not None:
            if advance.watermark - advance.reached > PORTION and self._as_of.get(stream.name) != as_of:
                self._show(
                    generation, stream, progress, now, as_of
                )  # a loaded past may take minutes to roll: boards show today at once
                self._as_of[stream.name], advance.early = as_of, True
            if not advance.restated:
                if changed is None:
                    changed = late(self.store, stream, generation, advance.since, advance.counted, advance.reached)
                for again in portions(stream, restated(stream, changed, advance.reached, advance.watermark), PORTION):
                    if self._stopped:
                        return True
                    self._settle(generation, stream, rows(self.store, stream, generation, again), as_of)
                advance.restated = True
            self._finals(stream, generation, advance, as_of)
            if advance.reached < advance.watermark:
                return True  # nothing is noted as rolled: if another comes next, it rolls all of it again
            if advance.early:  # what is shown now may tell of other panes than what was: it needs a higher `as_of`
                advance.early = False
                self._lead.renew()
                return True
        if self._as_of.get(stream.name) != as_of:
            self._show(generation, stream, progress, now, as_of)
        self._as_of[stream.name] = as_of
        upto = counted
        if advance is not None:
            progress.watermark, progress.advance, upto = advance.watermark, None, advance.counted
        saved |= self._rolled(generation, progress, upto)
        return upto is not counted or self._past(stream, generation, counted, progress, now, as_of)

    def _read(self, stream: Stream, ends: Mapping[Place, int], progress: Progress) -> pl.DataFrame | None:
        """What changed since the last turn, if that is what changed since the stream was rolled; None: it has to be asked for."""
        if (ledger := self._ledgers.get(stream.name)) is None:
            return None
        known = dict(ledger.positions)
        changed = ledger.read(ends)
        if changed is None:
            del self._ledgers[stream.name]
        return changed if known == progress.positions and progress.advance is None else None

    def _past(
        self, stream: Stream, generation: str, counted: Mapping[Place, Checkpoint], progress: Progress, now: int, as_of: int
    ) -> bool:
        """Roll a past that was imported into a live centre, for `SLICE` seconds. True: there is more of it."""
        if progress.watermark is None:
            return False
        final, started = (beginning(self.store, stream, self._began), progress.watermark), time.monotonic()
        settle = partial(self._settle, generation, stream, as_of=as_of)
        while self._imported.turn(stream, generation, counted, final, now, settle):
            if self._stopped or time.monotonic() - started >= SLICE:
                return True
        return False

    # ---- how far

    def _load(self, generation: str) -> Progress:
        stored = state.checkpoints(self.store, ROLL)
        own = {(t, p): c for (g, t, p), c in stored.items() if g == generation}
        shown = max((c.shown for c in own.values() if c.shown is not None), default=None)
        return Progress({place: c.next for place, c in own.items()}, rolled(self.store, generation), shown)

    def _rolled(
        self, generation: str, progress: Progress, counted: Mapping[Place, Checkpoint]
    ) -> dict[tuple[str, str, int], Checkpoint]:
        """The checkpoints of a stream that is rolled up to here; none where they would say what they say already."""
        if all(progress.positions.get(p) == c.next for p, c in counted.items()):
            return {}
        progress.positions = {place: c.next for place, c in counted.items()}
        clock, shown = Clock(progress.watermark), progress.shown
        return {(generation, *place): replace(c, clock=clock, shown=shown) for place, c in counted.items()}

    def _watermark(self, stream: Stream, counted: Mapping[Place, Checkpoint]) -> int | None:
        """The lowest watermark of all partitions, on the grain; None until every partition has one."""
        marks = [c.clock.received for c in counted.values() if c.clock.received is not None]
        return floor(min(marks) - stream.delay, stream.grain) if len(marks) == partitions(stream, counted) else None

    # ---- which steps

    def _finals(self, stream: Stream, generation: str, to: Advance, as_of: int) -> None:
        """Write the steps the watermark has passed, in portions, for `SLICE` seconds.

        A portion that brings little is followed by a longer one, so that years in which nothing happened cost next to nothing.
        """
        began, started = beginning(self.store, stream, self._began), time.monotonic()
        ledger = self._ledgers.get(stream.name)
        if ledger is not None and (ledger.mark != to.reached or not ledger.covers(to.watermark)):
            del self._ledgers[stream.name]
            ledger = None
        while to.reached < to.watermark and not self._stopped:
            after = to.watermark if ledger is not None else min(to.reached + to.portion, to.watermark)
            spans = []
            for indicator, window, size in all_windows(stream):
                first, last = floor(to.reached, size), floor(after, size)
                if last > first:
                    spans.append(Span(indicator, window, first, last, whole=first == floor(began, size)))
            found = rows(self.store, stream, generation, spans, ledger.level if ledger is not None else None)
            few = self._settle(generation, stream, found, as_of) < ROWS // 2
            if ledger is not None:
                ledger.settle(after)
            to.reached, to.portion = after, min(2 * to.portion, LONGEST) if few else max(to.portion // 2, PORTION)
            if time.monotonic() - started >= SLICE:
                return

    def _show(self, generation: str, stream: Stream, progress: Progress, now: int, as_of: int) -> None:
        """Write the open steps anew. The others' rows hold at `now`, too: the checkpoint says so for all."""
        self._write(generation, stream, self._open(stream, generation, now, progress), as_of)
        progress.shown = now

    def _open(self, stream: Stream, generation: str, now: int, progress: Progress) -> list[pl.DataFrame]:
        """The provisional rows of all indicators that differ from those shown last."""
        rows: dict[str, list[Opened]] = {}
        for bare in self._opened(stream, generation, now, progress):
            one = bare.completed(stream, now)
            shown, now_there = self._shown.setdefault((one.indicator.name, one.window), {}), one.shown()
            new = [i for i, (g, there) in enumerate(zip(one.groups, now_there, strict=True)) if shown.get(g) != there]
            if new:
                shown.update((one.groups[i], now_there[i]) for i in new)
                rows.setdefault(one.indicator.name, []).append(one.only(new))
        return [provisional(stream, found[0].indicator, found, now) for found in rows.values()]

    def _opened(self, stream: Stream, generation: str, now: int, progress: Progress) -> Iterable[Opened]:
        """The windows that end at the step of `now`: from the ledger, which is made where final steps are written up to here."""
        to, final = floor(now - 1, stream.grain) + stream.grain, progress.watermark
        if (advance := progress.advance) is not None:
            final = advance.watermark
            if advance.reached < final:
                return opened(self.store, stream, generation, to, now, final)
        if final is None or to - final > FAR:
            return opened(self.store, stream, generation, to, now, final)
        ledger = self._ledgers.pop(stream.name, None)
        if ledger is None:
            upto = progress.positions if advance is None else {place: c.next for place, c in advance.counted.items()}
            ledger = Ledger.made(self.store, stream, generation, final, upto)
        if ledger is None or not ledger.covers(to):
            return opened(self.store, stream, generation, to, now, final)
        self._ledgers[stream.name] = ledger
        return ledger.open(now, to)

    def _settle(self, generation: str, stream: Stream, frames: Iterable[pl.DataFrame], as_of: int) -> int:
        """Write rows of final steps; how many. An open row that was shown before may not hold after them: it is shown anew."""
        return written(frames, lambda some: self._settled(generation, stream, some, as_of))

    def _settled(self, generation: str, stream: Stream, frames: Sequence[pl.DataFrame], as_of: int) -> None:
        self._write(generation, stream, frames, as_of)
        for frame in frames:
            for window in frame["window"].unique() if len(frame) else ():
                if shown := self._shown.get((frame["indicator"][0], window)):
                    for dims in frame.filter(pl.col("window") == window).select(dimensions(stream)).unique().rows():
                        shown.pop(dims, None)

    def _write(self, generation: str, stream: Stream, rows: Sequence[pl.DataFrame], as_of: int) -> None:
        for table in tables_of(generation, stream, rows, as_of):
            self.store.insert("indicators", table)
