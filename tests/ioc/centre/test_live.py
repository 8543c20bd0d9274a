"""Live: how far a topic is counted is what its owners of today have reached."""

from __future__ import annotations

from ioc.centre import live
from ioc.counting.pipeline import MEASURE
from ioc.rolling.reached import ROLL
from ioc.store import state
from ioc.store.state import Checkpoint
from tests.counting import real_store
from tests.streams_queue import CATALOG, QUEUE, TOPIC

OWN = CATALOG.generations[QUEUE.name]


def test_what_was_counted_before_a_stream_read_the_topic_keeps_nobody_waiting(store_url: str) -> None:
    store = real_store(store_url, "live_owners", CATALOG)
    stale = {("earlier generation", TOPIC, 0): Checkpoint(7), (TOPIC, TOPIC, 0): Checkpoint(44)}
    store.insert("checkpoints", state.checkpoint_rows(MEASURE, stale))
    store.insert("checkpoints", state.checkpoint_rows(ROLL, stale))
    assert live.counted(store, CATALOG) == {}, "the stream itself has counted nothing yet"
    own = {(OWN, TOPIC, 0): Checkpoint(88), ("ioc.rejects", "ioc.rejects", 0): Checkpoint(3)}
    store.insert("checkpoints", state.checkpoint_rows(MEASURE, own))
    store.insert("checkpoints", state.checkpoint_rows(ROLL, own))
    assert live.counted(store, CATALOG) == {(TOPIC, 0): 88, ("ioc.rejects", 0): 3}
    live.wait_counted(store, CATALOG, {(TOPIC, 0): 88}, patience=1)
    live.wait_rolled(store, CATALOG, {(TOPIC, 0): 88}, patience=1)
