"""New run: how a run begins, with a database and topics of its own, and how it is removed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

from ioc.catalog import PROGRESS, REJECTS, Catalog
from ioc.errors import UsageError
from ioc.events.replayed import ROOM
from ioc.kafka import bounds, create_topics, delete_topics
from ioc.settings import Settings
from ioc.store import tables
from ioc.store.clickhouse import Store
from ioc.store.runs import (
    DIRECT,
    DROPPED,
    IMPORT,
    LIVE,
    OPEN,
    REPLAYING,
    Run,
    has_database,
    note,
    of_run,
    run_named,
    run_names,
    run_store,
    run_topics,
    runs,
)


def check_new(settings: Settings, name: str) -> None:
    """Raise UsageError unless a run may begin under the name."""
    _check_name(settings, name)
    if has_database(of_run(settings, name)):
        raise UsageError(f"the run {name!r} is there already; take another name, or remove it: `ioc replay drop {name}`")


def create(settings: Settings, catalog: Catalog, run: Run, partitions: Mapping[str, int] | None = None) -> Store:
    """The database of a new run, with its tables, noted in the live database.  Raises UsageError when it is there already.

    `partitions`: how many each live topic has, for a run that goes through topics of its own: empty ones.
    """
    check_new(settings, run.name)
    if partitions is not None:
        wanted = _with_partitions(settings, catalog, run.name, partitions)
        asyncio.run(delete_topics(settings, wanted))  # of one that was killed before it was noted
        asyncio.run(create_topics(settings, wanted, ROOM))
    store = run_store(settings, run.name)
    tables.migrate(store, catalog)
    note(settings, run)
    return store


def check_import(settings: Settings, name: str) -> None:
    """Raise UsageError unless files may be imported into a run of that name: it is not there, or such an import."""
    _check_name(settings, name)
    there = {run.name: run for run in runs(Store(settings))}.get(name)
    if there and there.source != IMPORT:
        raise UsageError(f"the run {name!r} is a replay ({there.source}); take another name for the import")


def open_import(settings: Settings, catalog: Catalog, name: str) -> bool:
    """The run that files are imported into, made where it is missing: its database and topics. Returns whether it was missing.

    Raises UsageError when the run of that name is a replay.
    """
    check_import(settings, name)
    new = not has_database(of_run(settings, name))
    found = asyncio.run(bounds(settings, (*catalog.topics, REJECTS)))
    live = Counter(place.topic for place in found)
    asyncio.run(create_topics(settings, _with_partitions(settings, catalog, name, live)))
    tables.migrate(Store(settings, run_names(name)[0]), catalog)
    note(settings, Run(name, IMPORT, None, None, OPEN, 0))
    return new


def _with_partitions(settings: Settings, catalog: Catalog, name: str, live: Mapping[str, int]) -> dict[str, int]:
    """Every topic of a run with its number of partitions: as many as the live one has."""
    own = {topic: live.get(of, settings.partitions) for topic, of in run_topics(catalog, name).items()}
    return own | {run_names(name)[1](PROGRESS): 1}


def drop(settings: Settings, catalog: Catalog, name: str) -> list[str]:
    """Remove a run's topics, if it has any, and its database. Returns the topics removed.  Raises UsageError, ServiceAway."""
    _check_name(settings, name)
    store = Store(settings)
    database, _ = run_names(name)
    noted = {run.name: run for run in runs(store)}.get(name)
    if not has_database(of_run(settings, name)):
        run_named(store, name)
    if noted and noted.state == REPLAYING:
        raise UsageError(f"{name!r} is being replayed: break that off with Ctrl-C first, or wait a minute if it was killed")
    source = noted.source if noted else ""
    topics = [] if source == DIRECT else asyncio.run(delete_topics(settings, _with_partitions(settings, catalog, name, {})))
    Store(settings, "default").command(f"DROP DATABASE IF EXISTS {database}")
    note(settings, Run(name, source, None, None, DROPPED, 0))
    return topics


def _check_name(settings: Settings, name: str) -> None:
    """Raise UsageError for a name that is no run's, or whose database is that of another run: - and _ fold together there."""
    database = run_names(name)[0]
    if name == LIVE or database == settings.clickhouse_database:
        raise UsageError(f"{name!r} is the centre itself and no run; `ioc replay list` shows the runs there are")
    other = next((run.name for run in runs(Store(settings)) if run.name != name and run_names(run.name)[0] == database), None)
    if other is not None:
        raise UsageError(
            f"no run {name!r}, and none can be made: the run {other!r} has its database {database}, where - and _ are the same;"
            " name that one, or take another name"
        )
