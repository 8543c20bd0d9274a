"""Runs: the replays and imports that have a database of their own: which there are, what they are called, how each goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Event, Thread

from ioc.catalog import REJECTS, Catalog
from ioc.errors import IocError, UsageError
from ioc.settings import Settings
from ioc.store import tables
from ioc.store.clickhouse import RUN, Store, StoreError, literal

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
    found = [Run(*row) for row in frame.rows()]
    there = (run for run in found if run.state != DROPPED and run_names(run.name)[0] in databases)
    return sorted(there, key=lambda run: run.name)


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


def renew(settings: Settings, catalog: Catalog) -> list[str]:
    """Bring the databases of all runs to this program's form: a board asks a run what it asks the live centre. Rows stay.

    Returns a sentence for each run that could not be brought there: no reason for the live centre not to start.
    """
    said = []
    for run in runs(Store(settings)):
        store = run_store(settings, run.name)
        try:
            tables.form(store, catalog)
        except StoreError as error:
            said.append(f"boards of the run {run.name!r} may not work: {error}; `ioc replay drop {run.name}` removes it")
    return said


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


# ---- what a run is called


def run_names(run: str) -> tuple[str, Callable[[str], str]]:
    """The database of a run, and the name of its topic for a live topic.

    >>> database, topic = run_names("morning")
    >>> database, topic("ioc.events.dossier")
    ('ioc_run_morning', 'ioc.run.morning.events.dossier')
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,40}", run):
        raise UsageError(f"{run!r} cannot name a run; use up to 41 of a-z, 0-9, - and _, e.g. morning-1")
    return f"{RUN}{run.replace('-', '_')}", lambda topic: f"ioc.run.{run}.{topic.removeprefix('ioc.')}"


def run_topics(catalog: Catalog, run: str) -> dict[str, str]:
    """The topics of a run that bring records, by their Kafka names: the live topic each stands for."""
    _, topic = run_names(run)
    return {topic(name): name for name in (*catalog.topics, REJECTS)}


def of_run(settings: Settings, run: str | None) -> Settings:
    """The settings with the run's database (or as they are)."""
    return settings if run is None else settings.model_copy(update={"clickhouse_database": run_names(run)[0]})


def has_database(settings: Settings) -> bool:
    """Whether the settings' database is there."""
    name = literal(settings.clickhouse_database)
    return bool(Store(settings, "default").rows(f"SELECT name FROM system.databases WHERE name = {name}"))
