"""Results: whatever a declaration raises or gives back, one event is refused, and all others are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from ioc.catalog import Catalog
from ioc.counting.results import MOST
from ioc.vocabulary import Stream
from streams import dossiers
from streams.ran import STREAM as ran_stream
from tests import brute
from tests.counting import panes, pipeline, verdicts
from tests.fake import FakeStore
from tests.logs import START, batch, dossier, ran, record
from tests.streams_queue import QUEUE, TOPIC, change
from tests.streams_queue import record as queue_record

D = brute.DOSSIER
ONE: Any = ("?",) * 5


def counted(stream: Stream, topic: str, log: list[brute.Record]) -> tuple[dict[int, tuple[str, str]], dict[Any, Any]]:
    """Verdicts by offset and panes by indicator and `at`, of one partition."""
    store = FakeStore()
    pipeline(store, 1, Catalog((stream,)), (topic,)).run([batch(log, 0)])
    return {o: v for (_, _, o), v in verdicts(store).items()}, {(k[0], k[2]): m for k, (_, m) in panes(store).items()}


def test_one_event_that_a_declaration_fails_on_costs_no_look_at_each_of_the_others() -> None:
    looks = list[int]()

    def columns(frame: pl.DataFrame) -> Any:
        looks.append(len(frame))
        assert "bad" not in frame["_id"]
        assert ran_stream.columns is not None
        return ran_stream.columns(frame)

    log = [record(ran("c", "bad" if i == 300 else f"e{i}", START + i), i, START + brute.HOUR) for i in range(512)]
    found, sums = counted(replace(ran_stream, columns=columns), brute.RAN, log)
    others = [r for i, r in enumerate(log) if i != 300]
    assert [o for o, (verdict, _) in found.items() if verdict == "rejected"] == [300]
    assert sums == counted(ran_stream, brute.RAN, others)[1]
    assert len(looks) < 40


def bad_rows(rows: Any) -> Stream:
    """Dossiers whose declaration gives these rows for a history that holds a `stopped`."""

    def contributions(history: Sequence[Any]) -> Any:
        stopped = any(step.state == "stopped" for step in history)
        found = rows(history) if callable(rows) and stopped else rows
        return found if stopped else dossiers.contributions(history)

    return replace(dossiers.STREAM, contributions=contributions)


def raising(history: Sequence[Any]) -> Any:
    return history[99]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (raising, "IndexError"),
        ([("dossier.recieved", ONE, START, (1,))], "no indicator 'dossier.recieved'; dossiers has dossier.received"),
        ([("dossier.received", ONE, START, (1, 1))], "dossier.received: 2 measures; it has 1: count"),
        ([("dossier.online_share", ONE, START, (1, 1))], "dossier.online_share: 2 measures; it has 3: online, received, n"),
        (
            [("dossier.backlog", ONE, START, (1,)), ("dossier.backlog", ONE, START, (1, 2))],
            "dossier.backlog: 2 measures; it has 1",
        ),
        ([("dossier.received", ONE, START, (1.5,))], "(1.5,); a measure is an integer"),
        ([("dossier.backlog", ONE, START, (1,)), ("dossier.backlog", ONE, START, (1.5,))], "a measure is an integer"),
        ([("dossier.resolved", ONE, START, (True,))], "(True,); a measure is an integer"),
        ([("dossier.received", ONE, START, (MOST + 2,))], "a measure is an integer of at most 1e+15"),
        ([("dossier.received", ("?", "?"), START, (1,))], "2 dimensions ('?', '?'); dossiers has ('agency',"),
        ([("dossier.received", ("?", "?", "?", "?", None), START, (1,))], "NoneType"),
        ([("dossier.received", ["?"] * 5, START, (1,))], "TypeError"),
        ([("dossier.received", ONE, float(START + 7), (1,))], "a time is an integer of milliseconds"),
        ([("dossier.received", ONE, 1 << 60, (1,))], "between 1900 and 2299"),
        ([("dossier.received", ONE, START)], "ValueError"),
        (None, "TypeError"),
    ],
)
def test_a_history_the_declaration_cannot_count_is_refused_with_what_is_right(rows: Any, says: str) -> None:
    log = [
        record(dossier("D", "a", "received", START), 0, START + brute.DAY),
        record(dossier("D", "b", "stopped", START + 1), 1, START + brute.DAY),
        record(dossier("D", "c", "completed", START + 2), 2, START + brute.DAY),
    ]
    store = FakeStore()
    made = pipeline(store, 1, Catalog((bad_rows(rows),)), (D,))
    made.run([batch(log, 0)])
    assert verdicts(store)[D, 0, 1] == ("rejected", "contributions")
    (reject,) = store.tables["rejects"].values()
    assert says in reject["message"]
    assert {v for (_, _, o), v in verdicts(store).items() if o != 1} == {("accepted", "")}
    assert panes(store) == brute.truth([log[0], log[2]], 1, feeds=False).panes


def test_a_declaration_that_fails_on_an_empty_history_refuses_its_events_and_stops_nobody() -> None:
    broken = replace(dossiers.STREAM, contributions=lambda history: [("dossier.received", ONE, history[0].time, (1,))])
    assert counted(broken, D, [record(dossier("D", "a", "received", START), 0, START)]) == (
        {0: ("rejected", "contributions")},
        {},
    )


@pytest.mark.parametrize("rank", [lambda step: {}[step.state], lambda step: None if step.state == "stopped" else 1])
def test_a_rank_that_fails_refuses_the_event(rank: Any) -> None:
    log = [record(dossier("D", i, "stopped", START), n, START) for n, i in enumerate("ab")]
    found, _ = counted(replace(dossiers.STREAM, rank=rank), D, log)
    assert found[1] == ("rejected", "contributions")


@pytest.mark.parametrize(
    "said", [None, (1, 2, 3), ("now", None, None, ()), (None, None, None, (None,)), (1 << 62, None, None, ())]
)
def test_a_lifecycle_that_is_wrong_leaves_its_columns_empty(said: Any) -> None:
    found, _ = counted(
        replace(dossiers.STREAM, lifecycle=lambda history: said), D, [record(dossier("D", "a", "received", START), 0, START)]
    )
    assert found == {0: ("accepted", "")}


def one_of(frame: pl.DataFrame, **columns: pl.Expr) -> dict[str, pl.DataFrame]:
    right = {"_i": pl.col("_i"), "at": pl.col("_time"), "desk": pl.col("desk"), "count": pl.col("change").cast(pl.Int64)}
    return {"queue.waiting": frame.select(**(right | columns))}


def spoilt(name: str, wrong: Any) -> Any:
    """Columns that are right but for the events of desk X."""
    here = pl.col("desk") == "X"
    return lambda frame: one_of(frame, **{name: pl.when(here).then(wrong).otherwise(one_of(frame)["queue.waiting"][name])})


def failing(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    if (frame["desk"] == "X").any():
        raise KeyError("X")
    return one_of(frame)


WRONG_COLUMNS = {
    "raises": (failing, "KeyError"),
    "another name": (
        lambda f: {("queue.wating" if (f["desk"] == "X").any() else "queue.waiting"): one_of(f)["queue.waiting"]},
        "no indicator 'queue.wating'; queue has queue.waiting",
    ),
    "a fraction": (
        lambda f: one_of(f, count=pl.lit(1.5)) if (f["desk"] == "X").any() else one_of(f),
        "column 'count' holds Float64; it must hold integers",
    ),
    "too much": (spoilt("count", MOST + 1), "count lies between"),
    "no measure": (spoilt("count", None), "column 'count' has no value for some event"),
    "no dimension": (spoilt("desk", None), "column 'desk' has no value for some event"),
    "no time": (spoilt("at", None), "column 'at' has no value for some event"),
    "a time far off": (spoilt("at", 1 << 60), "at lies between"),
    "a foreign event": (spoilt("_i", 77), "`_i` names events that are not in the frame"),
    "nothing": (lambda f: None if (f["desk"] == "X").any() else one_of(f), "AttributeError"),
    "a column less": (
        lambda f: {"queue.waiting": one_of(f)["queue.waiting"].drop(["desk"] if (f["desk"] == "X").any() else [])},
        "no column 'desk'; it needs _i, at, count, desk",
    ),
}


@pytest.mark.parametrize("fault", WRONG_COLUMNS)
def test_columns_the_declaration_cannot_count_refuse_their_events_and_no_other(fault: str) -> None:
    columns, says = WRONG_COLUMNS[fault]
    log = [queue_record(change(desk, 1, START + i, f"{i}"), i, START) for i, desk in enumerate("AXBXA")]
    store = FakeStore()
    pipeline(store, 1, Catalog((replace(QUEUE, columns=columns),)), (TOPIC,)).run([batch(log, 0)])
    assert {o: v for (_, _, o), (v, _) in verdicts(store).items()} == {
        0: "accepted", 1: "rejected", 2: "accepted", 3: "rejected", 4: "accepted"
    }  # fmt: skip
    assert {r["reason"] for r in store.tables["rejects"].values()} == {"contributions"}
    assert all(says in r["message"] for r in store.tables["rejects"].values())
    assert sum(m[0] for _, m in panes(store).values()) == 3


@pytest.mark.parametrize("order", ["as they come", "backwards", "by desk"])
def test_columns_in_any_order_lose_nothing_after_a_crash_between_panes_and_checkpoint(order: str) -> None:
    sorts = {
        "as they come": lambda part: part,
        "backwards": lambda part: part.reverse(),
        "by desk": lambda part: part.sort("desk", "count", descending=True),
    }
    stream = replace(QUEUE, columns=lambda frame: {n: sorts[order](part) for n, part in one_of(frame).items()})
    log = [queue_record(change("AB"[i % 2], 1 + i, START, f"{i}"), i, START) for i in range(10)]
    store = FakeStore()
    made = pipeline(store, 1, Catalog((stream,)), (TOPIC,))
    made.run([batch(log[:4], 0)])
    store.tables["checkpoints"].clear()  # the panes are in the store, the checkpoint is not
    pipeline(store, 1, Catalog((stream,)), (TOPIC,)).run([batch(log, 0)])
    assert {k[1]: m for k, (_, m) in panes(store).items()} == {("A",): (1 + 3 + 5 + 7 + 9,), ("B",): (2 + 4 + 6 + 8 + 10,)}
