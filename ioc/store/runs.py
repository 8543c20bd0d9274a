"""Runs: the replays and imports that have a database of their own: which there are, how a new one begins, and how one goes."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Event, Thread

from ioc.catalog import PROGRESS, REJECTS, Catalog
from ioc.centre.live import has_database, of_run, run_names, run_topics
from ioc.errors import IocError, UsageError
from ioc.events.replayed import ROOM
from ioc.kafka import bounds, create_topics, delete_topics
from ioc.settings import Settings
from ioc.store import tables
from ioc.store.clickhouse import Store, literal

LIVE = "live"
"""What the centre itself is called where a run may be named, too."""
IMPORT, DIRECT = "import", "archive, direct"
"""Sources of runs: files, through topics of the run; the live archive, without topics. Any other is the live archive through
topics of the run, and names its speed (`through_topics`)."""
OPEN, REPLAYING, ENDED, BROKEN_OFF, DROPPED = "open", "replaying", "ended", "broken off", "dropped"
NOTE, GONE = 10.0, 60
"""Seconds between two notes of a run that is being replayed, and without one after which its replay is gone: it was killed."""


def through_topics(speed: float | None) -> str:
    """The source of a run that comes from the live archive through topics of its own, at that speed (None: as fast as it goes).

    >>> through_topics(60), through_topics(None)
    ('archive, x60', 'archive, max')
    """
    return "archive, max" if speed is None else f"archive, x{speed:.15g}"


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
    killed = f"state = {literal(REPLAYING)} AND created_at < now64(3) - INTERVAL {GONE} SECOND"
    state = f"if({killed}, {literal(BROKEN_OFF)}, state) AS found"
    frame = store.query(
        f"SELECT name, source, toUnixTimestamp64Milli(from_at), toUnixTimestamp64Milli(to_at), {state}, "
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


def open_import(settings: Settings, catalog: Catalog, name: str) -> None:
    """The run that files are imported into, made where it is missing: its database and topics.

    Raises UsageError when the run of that name is a replay.
    """
    _check_name(settings, name)
    store = Store(settings)
    there = {run.name: run for run in runs(store)}.get(name)
    if there and there.source != IMPORT:
        raise UsageError(f"the run {name!r} is a replay ({there.source}); take another name for the import")
    found = asyncio.run(bounds(settings, (*catalog.topics, REJECTS)))
    live = Counter(place.topic for place in found)
    asyncio.run(create_topics(settings, _with_partitions(settings, catalog, name, live)))
    tables.migrate(Store(settings, run_names(name)[0]), catalog)
    note(settings, Run(name, IMPORT, None, None, OPEN, 0))


def _with_partitions(settings: Settings, catalog: Catalog, name: str, live: Mapping[str, int]) -> dict[str, int]:
    """Every topic of a run with its number of partitions: as many as the live one has."""
    own = {topic: live.get(of, settings.partitions) for topic, of in run_topics(catalog, name).items()}
    return own | {run_names(name)[1](PROGRESS): 1}


def note(settings: Settings, run: Run) -> None:
    """Write down in the live database what has become of a run."""
    times = ", ".join("NULL" if at is None else f"fromUnixTimestamp64Milli({at})" for at in (run.begin, run.end))
    Store(settings).command(
        "INSERT INTO runs (name, source, from_at, to_at, state) "
        f"VALUES ({literal(run.name)}, {literal(run.source)}, {times}, {literal(run.state)})"
    )


@contextmanager
def replaying(settings: Settings, run: Run) -> Iterator[None]:
    """Note a run again and again while the block replays it, then whether it has ended or was broken off."""
    over = Event()

    def again() -> None:
        while not over.wait(NOTE):
            with suppress(IocError):  # the store is away for a while: the next note tells
                note(settings, run)

    noting = Thread(target=again, daemon=True)
    noting.start()
    try:
        yield
    except BaseException:
        over.set()
        noting.join()
        with suppress(IocError):  # what broke the block off is what is told
            note(settings, replace(run, state=BROKEN_OFF))
        raise
    over.set()
    noting.join()
    note(settings, replace(run, state=ENDED))


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
    if name == LIVE or run_names(name)[0] == settings.clickhouse_database:
        raise UsageError(f"{name!r} is the centre itself and no run; `ioc replay list` shows the runs there are")
