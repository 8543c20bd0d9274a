"""Removed: what fires when its rule or its stream is declared no more, or for other groups, is over, with that as the reason."""

from __future__ import annotations

from collections.abc import Mapping

from ioc.alerting.judge import FIRING, REMOVED, RESOLVED, Removal
from ioc.alerting.leaves import grouped
from ioc.catalog import Catalog
from ioc.store import state
from ioc.store.clickhouse import Store, literal
from ioc.vocabulary import Above, Dims, Indicator, Stream

ALERT = "alert"
"""The stage under which is kept up to which step a stream's alerts are judged."""
Ended = tuple[str, Dims, float, float, float]
"""An alert that nothing will end: rule, group, the value it fired at, threshold and clear."""


def rules(stream: Stream) -> list[tuple[Above, Indicator]]:
    """The rules a stream declares."""
    return [(i.alert, i) for i in stream.indicators if i.alert is not None]


def orphans(store: Store, catalog: Catalog, stream: str, generation: str, done: Mapping[str, int]) -> list[Ended]:
    """What fires with no declared rule to end it: as the views show it, and as it was told last, under whatever declaration.

    `done`: of each generation of the stream the step up to which it is judged.
    """
    judged = [f"generation = {literal(g)} AND at <= fromUnixTimestamp64Milli({step})" for g, step in done.items()]
    fired = f"transition = {literal(FIRING)}"
    frame = store.query(
        f"SELECT rule, dims, argMaxIf(value, at, {fired}) AS last, argMaxIf(threshold, at, {fired}) AS above, "
        f"argMaxIf(clear, at, {fired}) AS below FROM alerts WHERE ({' OR '.join(judged)}) GROUP BY rule, dims "
        f"HAVING argMax(transition, at) = {literal(FIRING)} "
        f"OR argMaxIf(transition, at, generation = {literal(generation)}) = {literal(FIRING)} ORDER BY rule, dims"
    )
    declared = [(s, rule, i.name) for s in catalog.streams for rule, i in rules(s)]
    found: list[Ended] = [(rule, tuple(dims), *numbers) for rule, dims, *numbers in frame.iter_rows()]
    return [one for one in found if not any(name == one[0] and grouped(s, rule, one[1]) for s, rule, name in declared)]


def end(store: Store, generation: str, at: int, over: list[Ended]) -> None:
    """Write that they are over at an instant (ms)."""
    rows = [(generation, rule, dims, at, RESOLVED, *numbers, REMOVED, at) for rule, dims, *numbers in over]
    store.insert("alerts", state.rows_table("alerts", rows))


def end_streams(store: Store, catalog: Catalog) -> bool:
    """End what fires of streams that are declared no more, right after the last step that was judged. Was there any?

    One that only has another name now goes on: its generation is declared.
    """
    steps, ended = state.steps(store, ALERT), False
    for stream, (generation, _) in state.generations(store).items():
        done = {g: step for (g, of), step in steps.items() if of == stream}
        if stream in catalog.generations or generation in catalog.generations.values() or not done:
            continue
        if over := orphans(store, catalog, stream, generation, done):
            at = max(done.values()) + 1
            end(store, generation, at, over)
            state.save_step(store, ALERT, generation, stream, at)
            ended = True
    return ended


def removals(store: Store, stream: str) -> dict[tuple[str, Dims], list[Removal]]:
    """When alerts of a stream were ended as their rule was gone, by rule and group, under whatever generation."""
    own = {g for g, of in state.steps(store, ALERT) if of == stream}
    frame = store.query(
        "SELECT DISTINCT rule, dims, toUnixTimestamp64Milli(at) AS step, value FROM alerts FINAL "
        f"WHERE reason = {literal(REMOVED)} AND generation IN {literal(sorted(own) or [''])} ORDER BY step"
    )
    found: dict[tuple[str, Dims], list[Removal]] = {}
    for rule, dims, at, value in frame.iter_rows():
        found.setdefault((rule, tuple(dims)), []).append((at, value))
    return found
