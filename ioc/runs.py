"""Runs: the replays and imports that have a database of their own: which there are, how a new one begins, and how one goes."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from ioc import tables
from ioc.catalog import PROGRESS, Catalog
from ioc.clickhouse import Store, literal
from ioc.errors import UsageError
from ioc.kafka import delete_topics
from ioc.live import has_database, of_run, run_names
from ioc.settings import Settings

LIVE = "live"
"""What the centre itself is called where a run may be named, too."""
IMPORT, DIRECT = "import", "archive, direct"
"""Sources of runs: files, through topics of the run; the live archive, without topics."""
REPLAYING, ENDED, BROKEN_OFF, DROPPED = "replaying", "ended", "broken off", "dropped"


@dataclass(frozen=True)
class Run:
    """A run as last noted. `begin`, `end`: the times asked for (ms), where there were any; `noted`: when (ms)."""

    name: str
    source: str
    begin: int | None
    end: int | None
    state: str
    noted: int


def runs(store: Store) -> list[Run]:
    """The runs whose databases are there, by name; from the live store."""
    frame = store.query(
        "SELECT name, source, toUnixTimestamp64Milli(from_at), toUnixTimestamp64Milli(to_at), state, "
        "toUnixTimestamp64Milli(created_at) FROM runs ORDER BY created_at DESC LIMIT 1 BY name"
    )
    databases = set(store.query("SELECT name FROM system.databases")["name"].to_list())
    return sorted((Run(*row) for row in frame.rows() if run_names(row[0])[0] in databases), key=lambda run: run.name)


def run_named(store: Store, name: str) -> Run:
    """The run of that name.  Raises UsageError that names the ones there are."""
    there = {run.name: run for run in runs(store)}
    if name not in there:
        known = f"there are {', '.join(there)}" if there else "there are none; `ioc replay start` makes one"
        raise UsageError(f"no run {name!r}; {known}")
    return there[name]


def free_name(store: Store) -> str:
    """A name no run has: replay-1, replay-2, ..."""
    databases = store.query("SELECT name FROM system.databases")["name"].to_list()
    pattern = re.compile(re.escape(run_names("replay-")[0]) + r"(\d+)")
    return f"replay-{max([int(m[1]) for d in databases if (m := pattern.fullmatch(d))], default=0) + 1}"


def run_store(settings: Settings, run: str) -> Store:
    """A writing client of the run's database, which refuses every other one."""
    return Store(settings, run_names(run)[0], run=True)


def check_new(settings: Settings, name: str) -> None:
    """Raise UsageError unless a run may begin under the name."""
    _check_name(settings, name)
    if has_database(of_run(settings, name)):
        raise UsageError(f"the run {name!r} is there already; take another name, or remove it: `ioc replay drop {name}`")


def create(settings: Settings, catalog: Catalog, run: Run) -> Store:
    """The database of a new run, with its tables, noted in the live database.  Raises UsageError when it is there already."""
    check_new(settings, run.name)
    store = run_store(settings, run.name)
    tables.migrate(store, catalog)
    note(settings, run)
    return store


def note(settings: Settings, run: Run) -> None:
    """Write down in the live database what has become of a run."""
    times = ", ".join("NULL" if at is None else f"fromUnixTimestamp64Milli({at})" for at in (run.begin, run.end))
    Store(settings).command(
        "INSERT INTO runs (name, source, from_at, to_at, state) "
        f"VALUES ({literal(run.name)}, {literal(run.source)}, {times}, {literal(run.state)})"
    )


def drop(settings: Settings, catalog: Catalog, name: str) -> list[str]:
    """Remove a run's topics, if it has any, and its database. Returns the topics removed.  Raises UsageError, ServiceAway."""
    _check_name(settings, name)
    store = Store(settings)
    database, topic = run_names(name)
    noted = {run.name: run for run in runs(store)}.get(name)
    if not has_database(of_run(settings, name)):
        run_named(store, name)
    source = noted.source if noted else ""
    topics = [] if source == DIRECT else asyncio.run(delete_topics(settings, [topic(t) for t in (*catalog.topics, PROGRESS)]))
    Store(settings, "default").command(f"DROP DATABASE IF EXISTS {database}")
    note(settings, Run(name, source, None, None, DROPPED, 0))
    return topics


def _check_name(settings: Settings, name: str) -> None:
    if name == LIVE or run_names(name)[0] == settings.clickhouse_database:
        raise UsageError(f"{name!r} is the centre itself and no run; `ioc replay list` shows the runs there are")
