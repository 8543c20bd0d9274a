"""Alerts: first finals are judged by the declared rules, each step once and in order; transitions become rows of `alerts`.

A row is a function of first finals, which never change, and of the rule: writing again and being two are harmless. The position
is written last, and only rows at or before it count, so a crash between the two judges the same steps again. What a group's
state is follows from its last transition and a look back of `hold`; in memory it is only kept. What fires when its rule or its
stream is removed, or is grouped otherwise, is over, with that as its reason.
"""

from __future__ import annotations

from collections.abc import Callable

from ioc.alerting.judge import CALM, FIRING, Removal, State, judge_on, look_back, looks_back_to, silenced
from ioc.alerting.leaves import Held, Rows, by_rollup, grouped, grouping, summed, total
from ioc.alerting.removed import ALERT, Ended, end, end_streams, orphans, removals, rules
from ioc.calendar.windows import LEVEL
from ioc.catalog import Catalog
from ioc.counting.pipeline import MEASURE
from ioc.rolling import imported
from ioc.rolling.reached import ROLL, beginning, partitions, watermarks
from ioc.rolling.steps import size_of
from ioc.store import state
from ioc.store.clickhouse import Store, literal
from ioc.times import DAY, floor
from ioc.vocabulary import ALL, Above, Dims, Indicator, Stream

PORTION = 30 * DAY
"""Steps of so much time at most are judged at once."""


class Alerter:
    """Judges all streams of a store. `run`: of a run, where all steps are judged; in a live centre only those after it went live.

    One at a time works; two do no harm.
    """

    def __init__(self, catalog: Catalog, store: Store, *, run: bool) -> None:
        self.catalog, self.store, self.run = catalog, store, run
        self._stopped = False
        self._rolls = state.Following(store, ROLL)
        self._judged: dict[str, int] = {}
        self._begins: dict[str, int] = {}
        """Where streams begin to be judged: until they are rolled up to there nothing is asked."""
        self._states: dict[str, dict[Dims, State]] = {}
        self._leaves: dict[str, tuple[Callable[[Dims], Dims], Held]] = {}
        """Of indicators with a rule by a rollup: the group of a leaf, and what the leaves hold where they are judged up to."""
        self._orphans: dict[str, tuple[int, list[Ended]]] = {}
        self._removals: dict[str, dict[tuple[str, Dims], list[Removal]]] = {}
        self._knows_removed = False

    def stop(self) -> None:
        """Leave a long step at its next portion: the process is to end."""
        self._stopped = True

    def forget(self) -> None:
        """Drop what is remembered: another may have gone on."""
        self._rolls.forget()
        self._judged.clear()
        self._begins.clear()
        self._states.clear()
        self._leaves.clear()
        self._orphans.clear()
        self._removals.clear()
        self._knows_removed = False

    def step(self) -> bool:
        """Judge every step that is rolled by now. False: there was none since the last time."""
        before, marks, removed = dict(self._judged), watermarks(self._rolls.read()), False
        try:
            if not self._knows_removed:
                removed = end_streams(self.store, self.catalog)
            for stream in self.catalog.streams:
                generation = self.catalog.generations[stream.name]
                if generation in marks:
                    self._stream(stream, generation, marks[generation])
        except BaseException:
            self.forget()  # what is in memory may not be in the store
            raise
        self._knows_removed = self._judged == before  # an old worker may still have judged a stream that is gone
        return removed or not self._knows_removed

    def _stream(self, stream: Stream, generation: str, watermark: int) -> None:
        """Streams without a rule keep their position, too: one that is declared later begins there."""
        if stream.name not in self._judged:
            if self._begins.get(stream.name, watermark) > watermark:
                return
            stored = state.step_of(self.store, ALERT, generation)
            reached = begins(self.store, stream, generation, run=self.run) if stored is None else stored
            if reached is None:
                return
            self._begins[stream.name] = reached
            if reached > watermark:  # what the groups' states follow from is not written yet
                return
            step = floor(reached, stream.grain)  # while the stream was not declared its alerts ended between two steps
            if stored is None and step == watermark:  # a log may end in the step it began in: there is nothing to judge
                state.save_step(self.store, ALERT, generation, stream.name, step)
            for rule, indicator in rules(stream):
                self._states[indicator.name] = self._load(stream, generation, indicator, rule, step, reached)
            self._orphans[stream.name] = self._orphaned(stream, generation, reached)
            self._removals[stream.name] = removals(self.store, stream.name)
            self._judged[stream.name] = step
        while (after := self._judged[stream.name]) < watermark and not self._stopped:
            until = min(after + PORTION, watermark) if rules(stream) else watermark
            for rule, indicator in rules(stream):
                self._judge(stream, generation, indicator, rule, after, until)
            at, over = self._orphans[stream.name]
            if after < at <= until:
                end(self.store, generation, at, over)
            state.save_step(self.store, ALERT, generation, stream.name, until)
            self._judged[stream.name] = until

    def _judge(self, stream: Stream, generation: str, indicator: Indicator, rule: Above, after: int, until: int) -> None:
        size = size_of(stream, indicator, LEVEL)
        after, until = floor(after, size), floor(until, size)
        if after == until:
            return
        states, found = self._states[indicator.name], []
        rows = _finals(self.store, stream, generation, indicator, rule, after, until)
        quiet = self._quiet(stream, generation, after, until, size)
        if by_rollup(stream, rule):
            group, leaves = self._leaves[indicator.name]
            held = total(group, leaves) if quiet else {}
            rows = summed(group, leaves, rows)
        else:
            held = _held(self.store, stream, generation, indicator, rule, after) if quiet else {}
        for dims in sorted(states.keys() | rows.keys() | held.keys()):
            heard = rows.get(dims, [])
            if quiet:
                heard = silenced(heard, quiet, size, held.get(dims), after, until)
            removed = self._removals[stream.name].get((indicator.name, dims), ())
            transitions, states[dims] = judge_on(rule, size, heard, states.get(dims, CALM), after, until, removed)
            for t in transitions:
                found.append((generation, indicator.name, dims, t.at, t.to, t.value, rule.threshold, rule.clear, t.reason, t.at))
        self.store.insert("alerts", state.rows_table("alerts", found))

    def _load(
        self, stream: Stream, generation: str, indicator: Indicator, rule: Above, step: int, reached: int
    ) -> dict[Dims, State]:
        """The groups' states at a step; `reached`: where the last transition that counts may lie."""
        size = size_of(stream, indicator, LEVEL)
        step = floor(step, size)
        back = looks_back_to(rule, size, step)
        held = _held(self.store, stream, generation, indicator, rule, back)
        rows = _finals(self.store, stream, generation, indicator, rule, back, step)
        if by_rollup(stream, rule):
            group, leaves = grouping(stream, rule), dict(held)
            held, rows = total(group, leaves), summed(group, leaves, rows)
            self._leaves[indicator.name] = group, leaves
        firing = self.store.query(
            f"SELECT dims FROM alerts WHERE generation = {literal(generation)} AND rule = {literal(indicator.name)} "
            f"AND at <= fromUnixTimestamp64Milli({reached}) GROUP BY dims HAVING argMax(transition, at) = {literal(FIRING)}"
        )
        fires = {tuple(dims) for dims in firing["dims"].to_list() if grouped(stream, rule, dims)}
        quiet = self._quiet(stream, generation, back, step, size)
        muted = any(begin <= back <= end for begin, end in quiet)
        return {
            d: look_back(
                rule,
                size,
                silenced(rows.get(d, []), quiet, size, held.get(d), back, step),
                None if muted else held.get(d),
                d in fires,
                step,
            )
            for d in held.keys() | rows.keys() | fires
        }

    def _orphaned(self, stream: Stream, generation: str, reached: int) -> tuple[int, list[Ended]]:
        """What fires with no rule to end it, and the step at which it ends: the first after all that was judged by any
        declaration of the stream, as what is earlier is not told."""
        done = {g: step for (g, name), step in state.steps(self.store, ALERT).items() if name == stream.name}
        done[generation] = reached
        at = floor(max(done.values()), stream.grain) + stream.grain
        return at, orphans(self.store, self.catalog, stream.name, generation, done)

    def _quiet(self, stream: Stream, generation: str, after: int, until: int, size: int) -> list[tuple[int, int]]:
        """While a past is imported into a live centre, nobody is alerted: the first and last step of each such stretch."""
        stored = state.checkpoints(self.store, MEASURE, stream.topics)
        live = imported.lives({(topic, partition): c for (g, topic, partition), c in stored.items() if g == generation})
        found = imported.quiet(self.store, stream, live, after, until)
        steps = [(-floor(-begin, size), floor(end, size)) for begin, end in found]
        return [(begin, end) for begin, end in steps if begin <= end]


def begins(store: Store, stream: Stream, generation: str, *, run: bool) -> int | None:
    """The step (ms) after which steps are judged: a run's first finals begin there, or the centre went live in it. None: it is
    not live yet, or a partition of it is not."""
    if run:
        return beginning(store, stream)
    stored = state.checkpoints(store, MEASURE, stream.topics)
    own = {(topic, partition): c for (g, topic, partition), c in stored.items() if g == generation}
    beats = [(*place, c.clock.live) for place, c in own.items() if c.clock.live is not None]
    if not beats or len(beats) != partitions(stream, own):
        return None
    frame = store.query(
        "SELECT toUnixTimestamp64Milli(max(received_at)) AS at FROM events "
        f"WHERE (topic, partition, offset) IN ({', '.join(map(literal, beats))})"
    )
    return max(beginning(store, stream), floor(frame["at"][0], stream.grain))


def judged(store: Store, catalog: Catalog) -> bool:
    """Whether every step that is rolled has been judged."""
    marks = watermarks(state.checkpoints(store, ROLL))
    return all((state.step_of(store, ALERT, g) or 0) >= marks.get(g, 0) for g in catalog.generations.values())


def _finals(store: Store, stream: Stream, generation: str, indicator: Indicator, rule: Above, after: int, until: int) -> Rows:
    """The first finals as written at the steps in (after, until]; an open step's row is none."""
    frame = store.query(
        "SELECT dims, toUnixTimestamp64Milli(at) AS step, first_value FROM indicators FINAL "
        f"WHERE {_of(stream, generation, indicator, rule)} AND at > fromUnixTimestamp64Milli({after}) "
        f"AND at <= fromUnixTimestamp64Milli({until}) ORDER BY dims, at"
    )
    found: dict[Dims, list[tuple[int, float | None]]] = {}
    for dims, at, value in frame.iter_rows():
        found.setdefault(tuple(dims), []).append((at, value))
    return found


def _held(store: Store, stream: Stream, generation: str, indicator: Indicator, rule: Above, at: int) -> Held:
    """The first finals that hold at a step: of each group the last row up to there."""
    frame = store.query(
        "SELECT dims, first_value FROM indicators FINAL "
        f"WHERE {_of(stream, generation, indicator, rule)} AND at <= fromUnixTimestamp64Milli({at}) "
        "ORDER BY at DESC LIMIT 1 BY dims"
    )
    return {tuple(dims): value for dims, value in frame.iter_rows()}


def _of(stream: Stream, generation: str, indicator: Indicator, rule: Above) -> str:
    """A condition: final rows of the grouping the rule is for, or of the leaves below it."""
    leaves = stream.leaves(rule.by)
    groups = [f"dims[{i + 1}] {'!=' if name in leaves else '='} {literal(ALL)}" for i, name in enumerate(stream.dimensions)]
    return " AND ".join(
        [
            f"generation = {literal(generation)} AND indicator = {literal(indicator.name)} AND window = {literal(LEVEL)}",
            *groups,
            "until >= at",
        ]
    )
