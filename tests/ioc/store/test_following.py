"""Following: who reads only the young checkpoints knows what who reads all of them knows."""

from __future__ import annotations

import random

from ioc.store import state
from ioc.store.clickhouse import Store
from tests.counting import real_store


def write(store: Store, place: str, position: int, minutes_ago: int = 0) -> None:
    store.command(
        "INSERT INTO checkpoints (generation, stage, topic, partition, next, written_at) "
        f"VALUES ('g', 'measure', '{place}', 0, {position}, now64(3) - INTERVAL {minutes_ago} MINUTE)"
    )


def test_it_knows_the_highest_position_of_every_partition_whenever_it_was_written(store_url: str) -> None:
    """Also of one that stands still for hours, of which a worker that was overtaken writes a lower one now."""
    store, rng = real_store(store_url, "following"), random.Random(8)
    write(store, "idle", 900, minutes_ago=300)
    write(store, "a", 1, minutes_ago=200)
    following = state.Following(store, "measure")
    assert following.read() == state.checkpoints(store, "measure")
    for position in range(10, 20):
        write(store, rng.choice("abc"), position + rng.randrange(-5, 5), rng.choice((0, 0, 30)))
        if position == 14:
            write(store, "idle", 800)
        if position == 16:
            write(store, "new", 1)
        assert following.read() == state.checkpoints(store, "measure")
    assert following.read()["g", "idle", 0].next == 900


def test_what_only_an_old_row_says_is_known_after_the_next_whole_look(store_url: str) -> None:
    """A store whose clock was set back writes rows that look old."""
    store = real_store(store_url, "following_back")
    write(store, "a", 1)
    following = state.Following(store, "measure")
    assert following.read()["g", "a", 0].next == 1
    write(store, "a", 2, minutes_ago=200)
    assert following.read()["g", "a", 0].next == 1
    following.WHOLE = 0.0
    assert following.read()["g", "a", 0].next == 2
