"""Alerts: first finals are judged by the declared rules, each step once and in order; transitions become rows of `alerts`.

A row is a function of first finals, which never change, and of the rule: writing again and being two are harmless. The position
is written last, and only rows at or before it count, so a crash between the two judges the same steps again. What a group's
state is follows from its last transition and a look back of `hold`; in memory it is only kept. What fires when its rule or its
stream is removed, or is grouped otherwise, is over, with that as its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ioc.alerting.judge import CALM, FIRING, REMOVED, RESOLVED, State, judge, look_back, looks_back_to, silenced
from ioc.catalog import Catalog
from ioc.counting.pipeline import MEASURE
from ioc.rolling import imported
from ioc.rolling.roll import beginning, watermarks
from ioc.store import state
from ioc.store.clickhouse import Store, literal
from ioc.times import DAY, floor
from ioc.vocabulary import ALL, Above, Dims, Indicator, Stream
from ioc.windows import LEVEL

ALERT = "alert"
PORTION = 30 * DAY
"""Steps of so much time at most are judged at once."""

Rows = Mapping[Dims, list[tuple[int, float | None]]]
"""Of each group (step, first final), in order."""
Ended = tuple[str, Dims, float, float, float]
"""An alert that fires with nothing to end it: rule, group, the value it fired at, threshold and clear."""


class Alerter:
    """Judges all streams of a store. `run`: of a run, where all steps are judged; in a live centre only those after it went live.

    One at a time works; two do no harm.
    """

    def __init__(self, catalog: Catalog, store: Store, *, run: bool) -> None:
        self.catalog, self.store, self.run = catalog, store, run
        self._stopped = False
        self._judged: dict[str, int] = {}
        self._states: dict[str, dict[Dims, State]] = {}
        self._orphans: dict[str, tuple[int, list[Ended]]] = {}
        self._knows_removed = False

    def stop(self) -> None:
        """Leave a long step at its next portion: the process is to end."""
        self._stopped = True

    def forget(self) -> None:
        """Drop what is remembered: another may have gone on."""
        self._judged.clear()
        self._states.clear()
        self._orphans.clear()
        self._knows_removed = False

    def step(self) -> bool:
        """Judge every step that is rolled by now. False: there was none since the last time."""
        before, marks, removed = dict(self._judged), watermarks(self.store), False
        try:
            if not self._knows_removed:
                removed = self._end_removed()
                self._knows_removed = True
            for stream in self.catalog.streams:
                generation = self.catalog.generations[stream.name]
                if generation in marks:
                    self._stream(stream, generation, marks[generation])
        except BaseException:
            self.forget()  # what is in memory may not be in the store
            raise
        return removed or self._judged != before

    def _stream(self, stream: Stream, generation: str, watermark: int) -> None:
        """Streams without a rule keep their position, too: one that is declared later begins there."""
        if stream.name not in self._judged:
            stored = state.steps(self.store, ALERT).get((generation, stream.name))
            position = begins(self.store, stream, generation, run=self.run) if stored is None else stored
            if position is not None:  # while the stream was not declared it ended its alerts between two steps
                position = -(-position // stream.grain) * stream.grain
            if position is None or position > watermark:  # what the groups' states follow from is not written yet
                return
            if stored is None and position == watermark:  # a log may end in the step it began in: there is nothing to judge
                state.save_step(self.store, ALERT, generation, stream.name, position)
            for rule, indicator in rules(stream):
                self._states[indicator.name] = self._load(stream, generation, indicator, rule, position)
            self._orphans[stream.name] = self._orphaned(stream, generation, position)
            self._judged[stream.name] = position
        while (position := self._judged[stream.name]) < watermark and not self._stopped:
            until = min(position + PORTION, watermark) if rules(stream) else watermark
            for rule, indicator in rules(stream):
                self._judge(stream, generation, indicator, rule, position, until)
            at, over = self._orphans[stream.name]
            if position < at <= until:
                self._end(generation, at, over)
            state.save_step(self.store, ALERT, generation, stream.name, until)
            self._judged[stream.name] = until

    def _judge(self, stream: Stream, generation: str, indicator: Indicator, rule: Above, after: int, until: int) -> None:
        states, found = self._states[indicator.name], []
        rows = _finals(self.store, stream, generation, indicator, rule, after, until)
        quiet = self._quiet(stream, generation, after, until)
        held = _held(self.store, stream, generation, indicator, rule, after) if quiet else {}
        for dims in sorted(states.keys() | rows.keys() | held.keys()):
            heard = rows.get(dims, [])
            if quiet:
                heard = silenced(heard, quiet, stream.grain, held.get(dims), after, until)
            transitions, states[dims] = judge(rule, stream.grain, heard, states.get(dims, CALM), after, until)
            for t in transitions:
                found.append((generation, indicator.name, dims, t.at, t.to, t.value, rule.threshold, rule.clear, "", t.at))
        self.store.insert("alerts", state.rows_table("alerts", found))

    def _load(self, stream: Stream, generation: str, indicator: Indicator, rule: Above, position: int) -> dict[Dims, State]:
        """The groups' states at the position."""
        back = looks_back_to(rule, stream.grain, position)
        held = _held(self.store, stream, generation, indicator, rule, back)
        rows = _finals(self.store, stream, generation, indicator, rule, back, position)
        firing = self.store.query(
            f"SELECT dims FROM alerts WHERE generation = {literal(generation)} AND rule = {literal(indicator.name)} "
            f"AND at <= fromUnixTimestamp64Milli({position}) GROUP BY dims HAVING argMax(transition, at) = {literal(FIRING)}"
        )
        fires = {tuple(dims) for dims in firing["dims"].to_list() if grouped(stream, rule, dims)}
        quiet, grain = self._quiet(stream, generation, back, position), stream.grain
        muted = any(begin <= back <= end for begin, end in quiet)
        return {
            d: look_back(
                rule,
                grain,
                silenced(rows.get(d, []), quiet, grain, held.get(d), back, position),
                None if muted else held.get(d),
                d in fires,
                position,
            )
            for d in held.keys() | rows.keys() | fires
        }

    def _orphaned(self, stream: Stream, generation: str, position: int) -> tuple[int, list[Ended]]:
        """What fires with no rule to end it, as that was removed or is for another grouping now, and the step at which it ends.

        That is the first step after all that was judged by any declaration of the stream: what is earlier is not told.
        """
        done = {g: step for (g, name), step in state.steps(self.store, ALERT).items() if name == stream.name}
        done[generation] = position
        declared, at = {i.name: rule for rule, i in rules(stream)}, floor(max(done.values()), stream.grain) + stream.grain
        found = self._firing(done, f"length(dims) = {len(stream.dimensions)}")
        return at, [one for one in found if one[0] not in declared or not grouped(stream, declared[one[0]], one[1])]

    def _end_removed(self) -> bool:
        """End what fires of streams that are declared no more, right after the last step that was judged. Was there any?"""
        declared, ended = {stream.name for stream in self.catalog.streams}, False
        steps = state.steps(self.store, ALERT)
        for name, (generation, _) in state.generations(self.store).items():
            done = {g: step for (g, of), step in steps.items() if of == name}
            if name in declared or not done:
                continue
            if over := self._firing(done):
                at = max(done.values()) + 1
                self._end(generation, at, over)
                state.save_step(self.store, ALERT, generation, name, at)
                ended = True
        return ended

    def _firing(self, done: Mapping[str, int], where: str = "1") -> list[Ended]:
        """What fires by what was judged: generation -> the step it was judged up to."""
        judged = [f"generation = {literal(g)} AND at <= fromUnixTimestamp64Milli({step})" for g, step in done.items()]
        firing = self.store.query(
            "SELECT rule, dims, argMax(value, at) AS last, argMax(threshold, at) AS above, argMax(clear, at) AS below "
            f"FROM alerts WHERE ({' OR '.join(judged)}) AND {where} "
            f"GROUP BY rule, dims HAVING argMax(transition, at) = {literal(FIRING)} ORDER BY rule, dims"
        )
        return [(rule, tuple(dims), *numbers) for rule, dims, *numbers in firing.iter_rows()]

    def _end(self, generation: str, at: int, over: Sequence[Ended]) -> None:
        rows = [(generation, rule, dims, at, RESOLVED, *numbers, REMOVED, at) for rule, dims, *numbers in over]
        self.store.insert("alerts", state.rows_table("alerts", rows))

    def _quiet(self, stream: Stream, generation: str, after: int, until: int) -> list[tuple[int, int]]:
        """While a past is imported into a live centre, nobody is alerted."""
        stored = state.checkpoints(self.store, MEASURE, [stream.topic])
        live = imported.lives({(topic, partition): c for (g, topic, partition), c in stored.items() if g == generation})
        return imported.quiet(self.store, stream, live, after, until)


def begins(store: Store, stream: Stream, generation: str, *, run: bool) -> int | None:
    """The step (ms) after which steps are judged: a run's first finals begin there, or the centre went live in it. None: it is
    not live yet, or a partition of it is not."""
    if run:
        return beginning(store, stream)
    stored = state.checkpoints(store, MEASURE, [stream.topic])
    own = {(topic, partition): c for (g, topic, partition), c in stored.items() if g == generation}
    beats = [(*place, c.clock.live) for place, c in own.items() if c.clock.live is not None]
    if not beats or len(beats) < max(c.partitions for c in own.values()):
        return None
    frame = store.query(
        "SELECT toUnixTimestamp64Milli(max(received_at)) AS at FROM events "
        f"WHERE (topic, partition, offset) IN ({', '.join(map(literal, beats))})"
    )
    return max(beginning(store, stream), floor(frame["at"][0], stream.grain))


def judged(store: Store, catalog: Catalog) -> bool:
    """Whether every step that is rolled has been judged."""
    positions, marks = state.steps(store, ALERT), watermarks(store)
    own = [(catalog.generations[s.name], s.name) for s in catalog.streams]
    return all(positions.get((generation, name), 0) >= marks.get(generation, 0) for generation, name in own)


def rules(stream: Stream) -> list[tuple[Above, Indicator]]:
    """The rules a stream declares."""
    return [(i.alert, i) for i in stream.indicators if i.alert is not None]


def grouped(stream: Stream, rule: Above, dims: Sequence[str]) -> bool:
    """Whether a group is of the grouping the rule is for."""
    return [d != ALL for d in dims] == [name in rule.by for name in stream.dimensions]


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


def _held(store: Store, stream: Stream, generation: str, indicator: Indicator, rule: Above, at: int) -> dict[Dims, float | None]:
    """The first finals that hold at a step: of each group the last row up to there."""
    frame = store.query(
        "SELECT dims, first_value FROM indicators FINAL "
        f"WHERE {_of(stream, generation, indicator, rule)} AND at <= fromUnixTimestamp64Milli({at}) "
        "ORDER BY at DESC LIMIT 1 BY dims"
    )
    return {tuple(dims): value for dims, value in frame.iter_rows()}


def _of(stream: Stream, generation: str, indicator: Indicator, rule: Above) -> str:
    """A condition: final rows of the grouping the rule is for."""
    groups = [f"dims[{i + 1}] {'!=' if name in rule.by else '='} {literal(ALL)}" for i, name in enumerate(stream.dimensions)]
    return " AND ".join(
        [
            f"generation = {literal(generation)} AND indicator = {literal(indicator.name)} AND window = {literal(LEVEL)}",
            *groups,
            "until >= at",
        ]
    )
