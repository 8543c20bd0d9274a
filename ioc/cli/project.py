"""Project: what a developer or an administrator runs: derive, check, topics, rebuild."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from ioc.boards.derive import boards
from ioc.boards.lint import faults
from ioc.catalog import ALERTS, PROGRESS, REJECTS, load
from ioc.centre import rebuild as rebuilding
from ioc.cli import derive as deriving
from ioc.cli.checking import declarations
from ioc.cli.common import Data, connected, out, quiet_libraries, say
from ioc.cli.feed import bar
from ioc.errors import IocError
from ioc.importing.mapping import load_map, shipped
from ioc.kafka import create_topics
from ioc.store.tables import board_views

ROOT = Path(__file__).parents[2]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (derive, check, rebuild):
        app.command()(command)
    app.add_typer(topics, name="topics")


def derive() -> None:
    """Write what follows from the code: JSON Schemas, AsyncAPI, boards, reference pages of docs/. Example: ioc derive"""
    changed = deriving.write(ROOT)
    out.print("\n".join(changed) if changed else "nothing changed")


def check() -> None:
    """Check declarations, maps and derived files; exits 1 when something is wrong. Example: ioc check"""
    wrong = declarations()
    well = not wrong
    for name in shipped():
        try:
            load_map(name)
        except IocError as error:
            wrong.append(f"map {name}: {error}")
    if well:  # boards and schemas are derived from the declarations
        wrong += faults(boards(load()), board_views(load()))
        wrong += [f"{path} is not what is derived; run `ioc derive`" for path in deriving.differences(ROOT)]
    for line in wrong:
        say(line)
    if wrong:
        raise typer.Exit(1)
    out.print("declarations, maps and derived files are well")


def rebuild(data: Data = None) -> None:
    """Count the archive again under changed declarations, then let the views read it. Example: ioc rebuild"""
    quiet_libraries()
    settings = connected(data)
    with bar() as shown:
        task = shown.add_task("counting again", total=None)
        count = rebuilding.rebuild(settings, load(), lambda fed, known: shown.update(task, completed=fed, total=known))
    say(f"counted {count:,} records again" if count else "nothing changed: the store was counted under these declarations")


topics = typer.Typer(help="Topics of the centre.", no_args_is_help=True)


@topics.command()
def apply(data: Data = None) -> None:
    """Create the topics that are missing. Example: ioc topics apply"""
    quiet_libraries()
    settings, catalog = connected(data), load()
    wanted = dict.fromkeys([*catalog.topics, REJECTS], settings.partitions) | {PROGRESS: 1, ALERTS: 1}
    created = asyncio.run(create_topics(settings, wanted))
    out.print("created " + ", ".join(created) if created else "all topics are there")
