"""Counting in tests: pipelines over a log, and what a store holds afterwards, the same for the real store and the fake one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from ioc.catalog import Catalog, load
from ioc.counting.pipeline import Pipeline
from ioc.events.batch import Batch
from ioc.settings import Settings
from ioc.store import tables
from ioc.store.clickhouse import RUN, Store
from tests.brute import DOSSIER, RAN, Record
from tests.fake import FakeStore
from tests.logs import batch, by_place

CATALOG = load()
TOPICS = (DOSSIER, RAN)
EVERY = tuple(dict.fromkeys(topic for s in CATALOG.streams for topic in s.topics))
"""All topics that any stream reads."""
OF_LOGS = tuple(s for s in CATALOG.streams if not {*TOPICS}.isdisjoint(s.topics) and s.name != "alarms")
"""The streams that random logs have events of; another stream is tested by its own tests."""


def more_in_proof(some: int, all_of_them: int) -> list[Any]:
    """Seeds: `make test` plays some of them, `make proof` the others."""
    return [*range(some), *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(some, all_of_them))]


def real_store(url: str, database: str, catalog: Catalog = CATALOG, *, named: bool = False) -> Store:
    """A database of its own on the embedded store, with all tables: a new one of that name, or one that a test gave back.

    `named`: one of that name, as are all of runs, which are found by it.
    """
    kind, named = (url, id(catalog)), named or database.startswith(RUN)
    while not named and (free := _FREE.get(kind)):
        if (store := _emptied(url, free.pop(), catalog)) is not None:
            _LENT.append((kind, store))
            return store
    store = Store(Settings(clickhouse_url=url), database)
    store.command(f"DROP DATABASE IF EXISTS {database}") if database in _databases(url) else None
    tables.migrate(store, catalog)
    if not named:
        _FORMS[url, store.database] = (_form(store), catalog)
        _LENT.append((kind, store))
    return store


Kind = tuple[str, int]
"""The store's URL, and which catalog the database is for."""
_LENT: list[tuple[Kind, Store]] = []
_FREE: dict[Kind, list[str]] = {}
_FORMS: dict[tuple[str, str], tuple[int, Catalog]] = {}
"""What all tables and views of a database were when it was new, in a number; and the catalog, so that its id is no other's."""


@contextmanager
def given_back() -> Iterator[None]:
    """What is lent meanwhile is free afterwards: to make a database anew takes ten times as long as to empty it."""
    before = len(_LENT)
    yield
    for kind, store in _LENT[before:]:
        _FREE.setdefault(kind, []).append(store.database)
    del _LENT[before:]


def _emptied(url: str, database: str, catalog: Catalog) -> Store | None:
    """The database without rows, or None: it is gone, or a test changed a table or a view."""
    if database not in _databases(url):
        return None
    store = Store(Settings(clickhouse_url=url), database)
    if _form(store) != _FORMS[url, database][0]:
        return None
    for table in tables.TABLES:
        store.command(f"TRUNCATE TABLE {table}")
    tables.fill(store, catalog)
    return store


def _form(store: Store) -> int:
    """A view that was made again has another id; to have three hundred told takes ten times as long."""
    its = "FROM system.tables WHERE database = currentDatabase() AND engine"
    found: int = store.query(
        f"SELECT groupBitXor(form) AS form FROM (SELECT cityHash64(name, create_table_query) AS form {its} != 'View' "
        f"UNION ALL SELECT cityHash64(name, toString(uuid)) {its} = 'View')"
    )["form"][0]
    return found


def _databases(url: str) -> list[str]:
    found: list[str] = Store(Settings(clickhouse_url=url), "default").query("SELECT name FROM system.databases")["name"].to_list()
    return found


def pipeline(
    store: Store, partitions: int = 2, catalog: Catalog = CATALOG, topics: Sequence[str] = TOPICS, **settings: Any
) -> Pipeline:
    """A pipeline that has all partitions of the topics."""
    sealed = settings.pop("sealed", False)
    made = Pipeline(catalog, store, Settings(clickhouse_url="http://127.0.0.1:1", **settings), sealed=sealed)
    made.assign([(t, p) for t in topics for p in range(partitions)], dict.fromkeys(topics, partitions))
    return made


def following(made: Pipeline, log: Sequence[Record], rng: random.Random | None = None, most: int = 15) -> list[Batch]:
    """The next records of some partitions after what the pipeline has counted."""
    batches = []
    for place, records in by_place(log).items():
        start = made.checkpoints[place].next
        rest = [r for r in records if r.offset >= start]
        if rest and (rng is None or rng.random() < 0.7):
            size = len(rest) if rng is None else rng.randrange(1, most)
            batches.append(batch(rest, start).cut([size])[0])
    return batches


def poll(made: Pipeline, log: Sequence[Record], rng: random.Random | None = None, most: int = 15) -> bool:
    """Count the next records of some partitions. False: there were none."""
    batches = following(made, log, rng, most)
    if batches:
        made.run(batches)
    return any(made.checkpoints[place].next <= records[-1].offset for place, records in by_place(log).items())


def polls_ahead(made: Pipeline, log: Sequence[Record], rng: random.Random, polls: int, most: int = 15) -> None:
    """Count some polls, each before the one before it is written, as the feeder may."""
    rows = None
    for _ in range(polls):
        counted = made.count(made.decode(following(made, log, rng, most)))
        if rows is not None:
            made.write(rows)
        made.settle()
        rows = counted
    if rows is not None:
        made.write(rows)
        made.settle()


def count(made: Pipeline, log: Sequence[Record], rng: random.Random | None = None, most: int = 15) -> None:
    """Count the rest of the log, cut at random."""
    while poll(made, log, rng, most):
        pass


def panes(store: Store) -> dict[Any, Any]:
    """(indicator, dims, at, known, topic, partition) -> (offset, measures)."""
    if isinstance(store, FakeStore):
        rows = [tuple(r[n] for n in _PANES) for r in store.tables["panes"].values()]
    else:
        rows = store.query(
            "SELECT indicator, dims, toUnixTimestamp64Milli(at), toUnixTimestamp64Milli(known), topic, partition, "
            "offset, measures FROM panes FINAL"
        ).rows()
    return {(i, tuple(d), a, k, t, p): (o, tuple(m)) for i, d, a, k, t, p, o, m in rows}


_PANES = ("indicator", "dims", "at", "known", "topic", "partition", "offset", "measures")


def verdicts(store: Store) -> dict[tuple[str, int, int], tuple[str, str]]:
    """(topic, partition, offset) -> (verdict, reason)."""
    if isinstance(store, FakeStore):
        events = [tuple(r[n] for n in ("topic", "partition", "offset", "verdict")) for r in store.tables["events"].values()]
        rejects = [tuple(r[n] for n in ("topic", "partition", "offset", "reason")) for r in store.tables["rejects"].values()]
    else:
        events = store.query("SELECT topic, partition, offset, verdict FROM events FINAL").rows()
        rejects = store.query("SELECT topic, partition, offset, reason FROM rejects FINAL").rows()
    reasons = {(t, p, o): reason for t, p, o, reason in rejects}
    assert reasons.keys() == {(t, p, o) for t, p, o, v in events if v == "rejected"}
    return {(t, p, o): (v, reasons.get((t, p, o), "")) for t, p, o, v in events}


def everything(store: Store) -> dict[str, list[Any]]:
    """All rows that hold, of every table but the checkpoints."""
    names = ("events", "rejects", "panes", "entities", "seen")
    if isinstance(store, FakeStore):
        return {name: sorted(map(str, store.tables[name].values())) for name in names}
    return {name: store.query(f"SELECT * FROM {name} FINAL ORDER BY ALL").rows() for name in names}
