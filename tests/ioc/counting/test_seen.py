"""Seen: duplicates of smaller offsets, whatever is in memory and however large an hour is."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from ioc.counting import keyed_rows, seen
from ioc.counting.seen import Seen, hours, identities, packed
from ioc.events.batch import Batch
from ioc.events.block import Block
from ioc.store import state
from tests.fake import FakeStore

PLACE = ("t", 0)
BLOCK = Block([Batch(*PLACE, 0, 0, (), (), (), ())])


def frame(*events: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(list(events), schema={"_source": pl.String, "_id": pl.String, "_time": pl.Int64}, orient="row")


def test_identity_is_source_id_and_time_and_no_character_confuses_them() -> None:
    found = identities(
        frame(("a", "b", 1), ("a", "b", 2), ("a", "c", 1), ("ab", "", 1), ("a\x00b", "c", 1), ("a", "b\x00c", 1), ("a", "b", 1))
    )
    assert found[0].tolist() == found[-1].tolist()
    assert len({f.tobytes() for f in found}) == 6
    assert hours(frame(("a", "b", 3_600_000), ("a", "b", 3_599_999))).tolist() == [1, 0]


def name_of(hour: int, name: int) -> bytes:
    return xxhash.xxh3_128_digest(b"%d %d" % (hour, name))


def count(
    held: Seen, store: FakeStore, events: list[tuple[int, int, int, int]], ahead: list[pa.Table] | None = None
) -> list[bool]:
    """Judge (offset, hour, id, hash) as `measure` does: load, look up, judge, write. True: it counts.

    `ahead`: holds the rows of the poll before, which are written only now, and then those of this one.
    """
    wanted = np.array([hour for _, hour, _, _ in events])
    names = packed([name_of(hour, name) for _, hour, name, _ in events])
    for (_, hour), marks in keyed_rows.seen_hours(store, "g", {PLACE: held.lacking(wanted)[0]}).items():
        held.put_hour(hour, marks)
    large = held.lacking(wanted)[1]
    if large:
        held.put_marks(keyed_rows.seen_marks(store, "g", PLACE, large, names[np.isin(wanted, large)]))
    hashes, offsets = np.array([h for *_, h in events], np.uint64), np.array([o for o, *_ in events])
    earlier, _ = held.judge(wanted, names, hashes, offsets)
    rows = [keyed_rows.seen_rows("g", BLOCK, [held.changed()])]
    if ahead is not None:
        rows, ahead[:] = ahead[:], rows
    for table in rows:
        store.insert("seen", table)
    held.settle()
    return [offset == seen.NONE for offset in earlier.tolist()]


class Worker(NamedTuple):
    """Marks in memory, the events counted, and those whose marks are written; `ahead` as for `count`."""

    held: Seen
    at: int
    written: int
    ahead: list[pa.Table] | None


@given(st.integers(0, 10**9), st.sampled_from((4, 10, 40, 400_000)))
def test_whatever_the_cache_holds_the_first_of_each_identity_counts_and_no_other(seed: int, limit: int) -> None:
    rng = random.Random(seed)
    log = [(o, rng.randrange(4), rng.randrange(8), rng.randrange(2)) for o in range(60)]
    first = {}
    for offset, hour, name, _ in log:
        first.setdefault((hour, name), offset)
    truth = [first[hour, name] == offset for offset, hour, name, _ in log]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen, "LIMIT", limit)
        store = FakeStore()
        workers = [Worker(Seen(), 0, 0, None), Worker(Seen(), 0, 0, [])]
        for _ in range(30):
            worker = rng.randrange(2)
            held, at, written, ahead = workers[worker]
            if rng.random() < 0.2:  # a restart from an earlier checkpoint
                start = rng.randrange(written + 1)
                workers[worker] = Worker(Seen(), start, start, rng.choice((None, [])))
                continue
            until = min(at + rng.randrange(1, 15), len(log))
            assert count(held, store, log[at:until], ahead) == truth[at:until]
            workers[worker] = Worker(held, until, until if ahead is None else at, ahead)
    rows = {(r["hour"], r["identity"]): r["offset"] for r in store.tables["seen"].values()}
    assert set(rows.values()) <= set(first.values())


def test_an_hour_too_large_to_keep_is_looked_up_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "LIMIT", 10)
    store, held = FakeStore(), Seen()
    assert count(held, store, [(o, 5, o, 0) for o in range(20)]) == [True] * 20
    assert held.lacking(np.array([5])) == ([], [5])
    assert count(held, store, [(20 + o, 5, o, 0) for o in range(25)]) == [False] * 20 + [True] * 5
    assert count(Seen(), store, [(50, 5, 3, 0), (51, 5, 99, 0), (52, 5, 99, 0)]) == [False, True, False]


def test_many_hours_that_fit_alone_but_not_together_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "LIMIT", 20)
    store = FakeStore()
    rows = [("g", *PLACE, hour * 10 + i, hour, name_of(hour, i), 0) for hour in range(10) for i in range(8)]
    store.insert("seen", state.rows_table("seen", rows))
    loaded = keyed_rows.seen_hours(store, "g", {PLACE: list(range(10))})
    assert sum(len(marks or ()) for marks in loaded.values()) <= 20
    assert None not in loaded.values()
    assert count(Seen(), store, [(1_000 + h, h, i, 0) for h in range(10) for i in (0, 9)]) == [False, True] * 10


def test_a_mark_of_a_worker_ahead_changes_nothing() -> None:
    store = FakeStore()
    ahead, behind = Seen(), Seen()
    log = [(0, 1, 1, 7), (1, 1, 1, 7), (2, 1, 2, 7)]
    assert count(ahead, store, log) == [True, False, True]
    before = dict(store.tables["seen"])
    assert count(behind, store, log) == [True, False, True]
    assert store.tables["seen"] == before
    assert len(behind.changed()[1]) == 0
