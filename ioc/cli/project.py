"""Project: what a developer or an administrator runs: derive, check, topics, rebuild."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ioc.cli.common import Data, connected, quiet_libraries, say, show

ROOT = Path(__file__).parents[2]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (derive, check, rebuild):
        app.command()(command)
    app.add_typer(topics, name="topics")


def derive() -> None:
    """Write what follows from the code: JSON Schemas, AsyncAPI, boards, reference pages of docs/. Example: ioc derive"""
    from ioc.cli.derive import write

    show("\n".join(write(ROOT)) or "nothing changed")


def check() -> None:
    """Check declarations, maps and derived files; exits 1 when something is wrong. Example: ioc check"""
    from ioc.cli.checking import wrong

    found = wrong(ROOT)
    for line in found:
        say(line)
    if found:
        raise typer.Exit(1)
    show("declarations, maps and derived files are well")


def rebuild(
    check: Annotated[bool, typer.Option("--check", help="Only say what changed, and about how long it takes.")] = False,
    data: Data = None,
) -> None:
    """Count the archive again under changed declarations, then let the views read it.

    A changed calendar, edition of unit codes or rule file is a changed declaration. Example: ioc rebuild --check
    """
    from ioc.catalog import load
    from ioc.centre.rebuild import A_SECOND, ahead, rebuild
    from ioc.cli.screen import bar
    from ioc.store.clickhouse import Store

    quiet_libraries()
    settings = connected(data)
    if check:
        changed = ahead(Store(settings, readonly=True), load())
        for name, records in changed.items():
            took = max(1, -(-records // A_SECOND))
            about = f"{took} s" if took < 120 else f"{-(-took // 60)} min"
            show(f"{name}: {records:,} records to count again, about {about}; then its boards fill as the past is rolled")
        show("nothing to count again: the store was counted under these declarations" if not changed else "`ioc rebuild` does it")
        return
    with bar() as shown:
        task = shown.add_task("counting again", total=None)
        count = rebuild(settings, load(), lambda fed, known: shown.update(task, completed=fed, total=known))
    say(f"counted {count:,} records again" if count else "nothing changed: the store was counted under these declarations")


topics = typer.Typer(help="Topics of the centre.", no_args_is_help=True)


@topics.command()
def apply(data: Data = None) -> None:
    """Create the topics that are missing. Example: ioc topics apply"""
    import asyncio

    from ioc.catalog import ALERTS, PROGRESS, REJECTS, load
    from ioc.kafka import create_topics

    quiet_libraries()
    settings, catalog = connected(data), load()
    wanted = dict.fromkeys([*catalog.topics, REJECTS], settings.partitions) | {PROGRESS: 1, ALERTS: 1}
    created = asyncio.run(create_topics(settings, wanted))
    show("created " + ", ".join(created) if created else "all topics are there")
