"""Live: bringing a centre up and onwards: topics and tables, going live, waiting until records are counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from ioc.alerting.alerts import judged
from ioc.catalog import ALERTS, PROGRESS, REJECTS, Catalog
from ioc.counting.pipeline import MEASURE
from ioc.errors import ServiceAway, WrongGeneration
from ioc.events.heartbeats import heartbeat
from ioc.kafka import Sender, create_topics, send_to_all
from ioc.rolling.reached import ROLL
from ioc.settings import Settings
from ioc.store import runs, state, tables
from ioc.store.clickhouse import RUN, Store, literal
from ioc.store.state import Place

ROLL_PATIENCE = 120.0
"""Seconds without a roll after which waiting is given up."""


def prepare(settings: Settings, catalog: Catalog) -> list[str]:
    """Create the topics, the database and its tables where they are missing. May be run again at any time.

    Returns what changed of the reference data, a sentence each.
    """
    event_topics = dict.fromkeys([*catalog.topics, REJECTS], settings.partitions)
    asyncio.run(create_topics(settings, event_topics | {PROGRESS: 1, ALERTS: 1}))
    return migrate(settings, catalog)


def migrate(settings: Settings, catalog: Catalog) -> list[str]:
    """Bring the live database, and those of runs, to this program's form.  Returns what there is to say of it, in sentences."""
    return [*tables.migrate(Store(settings), catalog), *runs.renew(settings, catalog)]


def check_generations(store: Store, catalog: Catalog) -> None:
    """Raise WrongGeneration when the store was counted under other declarations."""
    stored = dict(store.query("SELECT stream, generation FROM v_generation").rows())
    changed = [s.name for s in catalog.streams if stored.get(s.name) != catalog.generations[s.name]]
    if changed:
        raise WrongGeneration(f"the declarations of {', '.join(changed)} changed since the store was counted; run `ioc rebuild`")


# ---- going live


async def beat(sender: Sender, catalog: Catalog) -> None:
    """One live heartbeat in every partition of every event topic, and of what is refused."""
    await send_to_all(sender, (*catalog.topics, REJECTS), None, heartbeat("pacemaker", time.time_ns() // 1_000_000))


async def go_live(settings: Settings, catalog: Catalog) -> None:
    """The first live heartbeats: from here on the log's own time counts, and the pacemaker keeps beating."""
    async with Sender(settings) as sender:
        await beat(sender, catalog)


def is_live(store: Store) -> bool:
    """Whether any partition has had a live heartbeat."""
    found = store.query(f"SELECT count() AS found FROM checkpoints WHERE stage = {literal(MEASURE)} AND live IS NOT NULL")
    return bool(found["found"][0])


def late_past(store: Store) -> str:
    """What whoever imports a past should know beforehand of a centre that is live already; nothing to say where it is not."""
    if not is_live(store):
        return ""
    return (
        "this centre is live, so a past that is imported now is late: answers are right, first finals stay as they were. "
        "While it comes in, and for ten minutes after, no alert fires; what it leaves is judged then. The boards follow in the "
        "background, which `ioc doctor` tells of. Two other ways: `--run NAME`, a database of its own; or a new centre that is "
        "loaded before it goes live (`ioc up --no-demo --loading`, import, `ioc live`)"
    )


def silence(store: Store) -> int:
    """Seconds since a live centre received its last record, by the store's clock; 0 where it is not live."""
    asked = "dateDiff('second', (SELECT now FROM v_now), now64(3)) AS seconds"
    return max(0, int(store.query(f"SELECT {asked}")["seconds"][0] or 0)) if is_live(store) else 0


# ---- waiting


def counted(store: Store, catalog: Catalog) -> dict[Place, int]:
    """Positions up to which every stream that reads a topic has counted, by topic and partition."""
    return _reached(store, catalog, MEASURE)


def _reached(store: Store, catalog: Catalog, stage: str) -> dict[Place, int]:
    """The position that all of a topic's owners have reached; where one has none yet there is none.

    What others have left is not asked: a stream's earlier generation, or the topic itself from before a stream read it.
    """
    stored = state.checkpoints(store, stage)
    places = {(topic, partition) for _, topic, partition in stored}
    owned = {place: [stored.get((owner, *place)) for owner in catalog.owners(place[0])] for place in places}
    return {place: min(c.next for c in found if c) for place, found in owned.items() if all(found)}


def wait_counted(
    store: Store,
    catalog: Catalog,
    wanted: Mapping[Place, int],
    progress: Callable[[int], None] | None = None,
    patience: float | None = None,
) -> None:
    """Return once the checkpoints have passed the positions. `progress` gets how many positions are still to come.

    Raises ServiceAway when nothing moves for `patience` seconds.
    """
    left, moved = -1, time.monotonic()
    while True:
        positions = counted(store, catalog)
        now_left = sum(max(0, position - positions.get(place, 0)) for place, position in wanted.items())
        if progress:
            progress(now_left)
        if now_left == 0:
            return
        if now_left != left:
            left, moved = now_left, time.monotonic()
        if patience is not None and time.monotonic() - moved > patience:
            raise ServiceAway(f"the worker has not counted on for {patience:.0f} s ({left} records to come); see `ioc status`")
        time.sleep(0.1)  # the checkpoints are polled: nothing tells a client when they move


def wait_rolled(store: Store, catalog: Catalog, wanted: Mapping[Place, int], patience: float = ROLL_PATIENCE) -> None:
    """Return once the roller has passed the positions, and a run's alerts are judged as far: boards read a run's windows after
    its worker has gone.

    Raises ServiceAway when it does not move for `patience` seconds.
    """
    wanted = {place: position for place, position in wanted.items() if catalog.of_topic(place[0])}
    reached, moved = -1, time.monotonic()
    while True:
        rolled = _reached(store, catalog, ROLL)
        if all(rolled.get(place, 0) >= position for place, position in wanted.items()) and (
            not store.database.startswith(RUN) or judged(store, catalog)
        ):
            return
        if (total := sum(rolled.values())) != reached:
            reached, moved = total, time.monotonic()
        if time.monotonic() - moved > patience:
            raise ServiceAway("the run's windows are not rolled on; `ioc worker --run NAME` goes on with them")
        time.sleep(0.2)  # polled: nothing tells a client when the roller moves
