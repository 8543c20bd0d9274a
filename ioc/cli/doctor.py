"""Doctor: whether log, store and checkpoints fit together, and the two repairs a person must decide on."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated

import typer

from ioc.alerting.alerts import ALERT
from ioc.alerting.notify import NOTIFY
from ioc.catalog import Catalog, load
from ioc.centre import live, repair
from ioc.cli.common import Data, Json, dump, out, quiet_libraries, say, settings_of, table
from ioc.counting.pipeline import MEASURE
from ioc.embedded.centre import endpoints, owner, status
from ioc.errors import IocError, UsageError
from ioc.kafka import bounds
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store, literal


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    data: Data = None,
    accept_gap: Annotated[
        str | None, typer.Option("--accept-gap", metavar="TOPIC:PARTITION", help="Go on although records were lost.")
    ] = None,
    rewind: Annotated[
        bool, typer.Option("--rewind", help="Forget checkpoints, so that counting starts again earlier, with the same result.")
    ] = False,
    hours: Annotated[int | None, typer.Option(help="With --rewind: only those of the last hours.")] = None,
    as_json: Json = False,
) -> None:
    """Examine log, store and checkpoints, and mend what can be mended.

    Example: ioc doctor; ioc doctor --accept-gap ioc.events.dossier:2
    """
    settings, catalog = settings_of(data), load()
    quiet_libraries()
    if accept_gap is not None:
        topic, _, partition = accept_gap.rpartition(":")
        if not topic or not partition.isdigit():
            raise UsageError(f"--accept-gap {accept_gap!r}: write topic:partition, e.g. ioc.events.dossier:2")
        with_services(settings, lambda found: _accept(found, catalog, topic, int(partition)))
        return
    if rewind:
        with_services(settings, lambda found: _rewind(found, catalog, hours))
        return
    findings = _findings(endpoints(settings), catalog)
    if as_json:
        dump([{"what": what, "well": well, "detail": detail} for what, well, detail in findings])
    else:
        out.print(
            table("", ("", "what", "finding"), [("ok" if well else "BAD", what, detail) for what, well, detail in findings])
        )
    raise typer.Exit(0 if all(well for _, well, _ in findings) else 1)


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


def _findings(settings: Settings, catalog: Catalog) -> list[tuple[str, bool, str]]:
    store = Store(settings)
    free = shutil.disk_usage(settings.data_dir).free >> 30
    found = [("disk", free >= 1, f"{free} GiB free at {settings.data_dir}")]
    try:
        live.check_generations(store, catalog)
        found.append(("declarations", True, "the store was counted under these"))
    except IocError as error:
        found.append(("declarations", False, str(error)))
    counted = live.counted(store, catalog)
    lost = sum(c.lost for c in state.checkpoints(store, MEASURE).values())
    found.append(("accepted gaps", True, f"{lost} positions"))
    found.append(_webhook(settings, store))
    for place, (begin, end) in sorted(asyncio.run(bounds(settings, catalog.topics)).items()):
        at = counted.get((place.topic, place.partition), begin)
        what = f"{place.topic}:{place.partition}"
        if at > end or at < begin:
            found.append((what, False, f"counted to {at}, but the log holds {begin} to {end}: another log, or records are gone"))
        else:
            found.append((what, True, f"counted to {at} of {end}" + (f", {end - at} to come" if end > at else "")))
    return found


def _webhook(settings: Settings, store: Store) -> tuple[str, bool, str]:
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
