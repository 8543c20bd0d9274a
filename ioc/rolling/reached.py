"""Reached: where a stream's first finals begin, and up to where they are written."""

from __future__ import annotations

from collections.abc import Mapping

from ioc.store import state
from ioc.store.clickhouse import Store, literal
from ioc.store.state import Checkpoint, Place
from ioc.times import floor
from ioc.vocabulary import Stream

ROLL = "roll"
"""The stage of the roller's checkpoints."""


def beginning(store: Store, stream: Stream, known: dict[str, int] | None = None) -> int:
    """Where first finals begin (ms): steps before any partition's first reception have none. It never changes."""
    known = {} if known is None else known
    if stream.name not in known:
        frame = store.query(
            "SELECT toUnixTimestamp64Milli(argMin(received_at, offset)) AS at FROM events "
            f"WHERE topic IN {literal(stream.topics)} GROUP BY topic, partition"
        )
        known[stream.name] = floor(max(frame["at"].to_list()) - stream.delay, stream.grain)
    return known[stream.name]


def rolled(store: Store, generation: str) -> int | None:
    """The watermark (ms) up to which first finals of a stream's generation are written, or None before the first."""
    return watermarks(state.checkpoints(store, ROLL)).get(generation)


def watermarks(rolls: Mapping[tuple[str, str, int], Checkpoint]) -> dict[str, int]:
    """The same of all generations that have one, from the checkpoints of rolling."""
    found: dict[str, int] = {}
    for (generation, *_), c in rolls.items():
        if c.clock.received is not None:
            found[generation] = max(found.get(generation, c.clock.received), c.clock.received)
    return found


def partitions(stream: Stream, counted: Mapping[Place, Checkpoint]) -> int | None:
    """How many partitions the stream's topics have together; None where one of them has not been counted at all."""
    found: dict[str, int] = {}
    for (topic, _), c in counted.items():
        found[topic] = max(c.partitions, found.get(topic, 0))
    return sum(found.values()) if found.keys() >= set(stream.topics) else None
