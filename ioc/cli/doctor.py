"""Doctor: whether log, store and checkpoints fit together, and the two repairs a person must decide on."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from ioc.alerting.notify import NOTIFY
from ioc.alerting.removed import ALERT
from ioc.catalog import REJECTS, Catalog, load
from ioc.centre import live, repair
from ioc.cli.common import local, quiet_libraries, say
from ioc.cli.security import Finding
from ioc.cli.security import findings as open_to_others
from ioc.counting.log_identity import other_partitions
from ioc.counting.pipeline import MEASURE
from ioc.embedded.centre import endpoints, owner, status, stopped
from ioc.errors import ServiceAway, UsageError, WrongGeneration
from ioc.kafka import KafkaError, TopicPartition, bounds
from ioc.rolling.imported import underway
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store, literal
from ioc.store.state import Place

STILL = 10.0
"""Seconds within which a worker that lives counts some of what is to come."""
SILENT = 60
"""Seconds without a record after which a live centre is stuck: its pacemaker beats every five."""


def findings(settings: Settings, security: bool) -> list[Finding]:
    """What there is to tell; or what is open to others on this machine."""
    quiet_libraries()
    return open_to_others(settings) if security else _findings(endpoints(settings), load())


def accept(settings: Settings, place: str) -> None:
    """Go on although records of a partition (`topic:partition`) were lost."""
    quiet_libraries()
    topic, _, partition = place.rpartition(":")
    if not topic or not partition.isdigit():
        raise UsageError(f"--accept-gap {place!r}: write topic:partition, e.g. ioc.events.dossier:2")
    with_services(settings, lambda found: _accept(found, load(), topic, int(partition)))


def rewind(settings: Settings, hours: int | None) -> None:
    """Forget checkpoints, all or those of the last hours."""
    quiet_libraries()
    with_services(settings, lambda found: _rewind(found, load(), hours))


def _accept(settings: Settings, catalog: Catalog, topic: str, partition: int) -> None:
    old, new = repair.accept_gap(settings, catalog, topic, partition)
    say(f"{topic}:{partition}: goes on at {new} (was {old}); the loss is recorded")


def _rewind(settings: Settings, catalog: Catalog, hours: int | None) -> None:
    """Delete checkpoints, if the logs still are what was counted.

    A worker that runs would write its own again: it is killed, which is harmless, and starts anew.
    """
    for service in status(settings.data_dir.absolute()).services:
        if service.name == "worker" and service.pid:
            with suppress(ProcessLookupError):
                os.kill(service.pid, signal.SIGKILL)
    count = repair.rewind(settings, catalog, hours=hours)
    say(f"{count} checkpoints deleted; the worker counts again from there, with the same result")


def _findings(settings: Settings, catalog: Catalog) -> list[Finding]:
    """All there is to tell; what cannot be asked, because a service is away, is a finding itself."""
    free = shutil.disk_usage(settings.data_dir).free >> 30
    found = [("disk", free >= 1, f"{free} GiB free at {settings.data_dir}")]
    found += [(name, False, told) for name, told in stopped(status(settings.data_dir.absolute()))]
    store = Store(settings)
    for what, look in (("store", _stored), ("log", _logs)):
        try:
            found += look(settings, catalog, store)
        except (ServiceAway, KafkaError) as error:
            found.append((what, False, str(error)))
    return found


def _stored(settings: Settings, catalog: Catalog, store: Store) -> list[Finding]:
    found = []
    try:
        live.check_generations(store, catalog)
        found.append(("declarations", True, "the store was counted under these"))
    except WrongGeneration as error:
        found.append(("declarations", False, str(error)))
    lost: dict[tuple[str, int], int] = {}
    for (_, topic, partition), checkpoint in state.checkpoints(store, MEASURE).items():  # each stream of a topic keeps its own
        lost[topic, partition] = max(checkpoint.lost, lost.get((topic, partition), 0))
    found.append(("accepted gaps", True, f"{sum(lost.values())} positions"))
    found.append(_webhook(settings, store))
    for stream in catalog.streams:
        if past := underway(store, catalog.generations[stream.name]):
            found.append((f"imported past of {stream.name}", True, f"on the boards to {local(past[0])} of {local(past[1])}"))
    return found


def _logs(settings: Settings, catalog: Catalog, store: Store) -> list[Finding]:
    """Every log beside what was counted of it: another one, one that has grown partitions, or one that nobody counts on."""
    topics = (*catalog.topics, REJECTS)
    logs = asyncio.run(bounds(settings, topics))
    counts = Counter(place.topic for place in logs)
    known = state.checkpoints(store, MEASURE, topics)
    found = []
    for topic in topics:
        others = {c.partitions for (_, t, _), c in known.items() if t == topic and c.partitions} - {counts[topic]}
        if others:
            found.append((topic, False, f"counting stands still: {other_partitions(topic, counts[topic], max(others))}"))
    waiting = _waiting(store, catalog, logs)
    moves = not waiting or _moves(store, catalog, waiting)
    counted = live.counted(store, catalog)
    logs = asyncio.run(bounds(settings, topics))  # after the positions: what was counted meanwhile must not lie behind its end
    for place, (begin, end) in sorted(logs.items()):
        at = counted.get((place.topic, place.partition), begin)
        what = f"{place.topic}:{place.partition}"
        if at > end or at < begin:
            found.append((what, False, f"counted to {at}, but the log holds {begin} to {end}: another log, or records are gone"))
        elif (place.topic, place.partition) in waiting and at < end and not moves:
            told = f"counting stands still at {at} of {end}: for {STILL:.0f} s no worker has counted on; see `ioc status`"
            found.append((what, False, told))
        else:
            found.append((what, True, f"counted to {at} of {end}" + (f", {end - at} to come" if end > at else "")))
    if (silent := live.silence(store)) > SILENT:
        told = (
            f"nothing was received for {silent} s, though a live centre beats every few seconds: no worker runs, or it is stuck"
        )
        found.append(("heartbeats", False, told))
    return found


def _waiting(store: Store, catalog: Catalog, logs: Mapping[TopicPartition, tuple[int, int]]) -> dict[Place, int]:
    """Position of the partitions that have records to come."""
    counted = live.counted(store, catalog)
    at = {(p.topic, p.partition): (counted.get((p.topic, p.partition), begin), end) for p, (begin, end) in logs.items()}
    return {place: position for place, (position, end) in at.items() if position < end}


def _moves(store: Store, catalog: Catalog, waiting: Mapping[Place, int]) -> bool:
    """Whether any of them is counted on within `STILL` seconds."""
    until = time.monotonic() + STILL
    while time.monotonic() < until:
        counted = live.counted(store, catalog)
        if any(counted.get(place, 0) > position for place, position in waiting.items()):
            return True
        time.sleep(0.2)  # the checkpoints are polled: nothing tells a client when they move
    return False


def _webhook(settings: Settings, store: Store) -> Finding:
    """Whether the webhook takes what it is told."""
    if not settings.webhook_url:
        return "webhook", True, "none is set (IOC_WEBHOOK_URL): alerts are told by `ioc alerts list` and the topic ioc.alerts"
    told, refused, last = store.query(
        "SELECT count() AS n, countIf(status >= 300) AS refused, argMax(concat(toString(status), ' ', answer), told_at) AS last "
        "FROM notifications FINAL"
    ).row(0)
    positions = state.steps(store, NOTIFY)
    due = [
        f"(generation = {literal(generation)} AND at > fromUnixTimestamp64Milli({positions.get((generation, name), 0)}) "
        f"AND at <= fromUnixTimestamp64Milli({step}))"
        for (generation, name), step in state.steps(store, ALERT).items()
    ]
    waits = store.query(
        "SELECT count() AS n FROM alerts FINAL WHERE generation IN (SELECT generation FROM v_generation) "
        f"AND ({' OR '.join(due) or '0'})"
    )["n"][0]
    said = f"{told} told, {refused} of them refused, {waits} waiting" + (f"; its last answer: {last}" if told else "")
    return "webhook", not (waits or (told and int(last.split()[0]) >= 300)), said


def with_services(settings: Settings, work: Callable[[Settings], None]) -> None:
    """Do the work with broker and store: those of the running centre or of the user, else started for the while of it.

    A worker that refuses to count keeps `ioc up` from starting, so a repair must not need one.
    """
    if (settings.kafka_bootstrap and settings.clickhouse_url) or owner(settings.data_dir.absolute()):
        return work(endpoints(settings))
    from ioc.embedded.stack import Stack, default_children
    from ioc.embedded.supervise import Child

    def services(found: Settings, ports: Mapping[str, int], progress: Callable[[str], None]) -> list[Child]:
        return [child for child in default_children(found, ports, progress) if child.name in ("broker", "store")]

    def ready(found: Settings) -> None:
        work(found)
        stack.shutdown()

    stack = Stack(settings, progress=say, children=services)
    stack.run(ready)
