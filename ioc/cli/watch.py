"""Watch: a folder whose files are sent as they come, until it is told to end."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ioc.cli.common import Data, Json, connected, quiet_libraries, say, show
from ioc.errors import ServiceAway
from ioc.text import visible

if TYPE_CHECKING:
    from ioc.importing.mapping import Map
    from ioc.importing.watching import Folder, Outcome
    from ioc.settings import Settings

AGAIN_S = 5.0
"""Seconds after which Kafka is tried again."""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(watch)


def watch(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that files are put into.")],
    mapping: Annotated[
        str, typer.Option("--map", metavar="NAME|FILE", help="A map by its name (`docs/importing.md`), or a TOML file of yours.")
    ],
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks; so long a file must not change.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="End when all that is there is sent.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Send the files of a folder as they come, each once, until Ctrl-C. Example: ioc watch /srv/pm --map pm

    What was taken is remembered in the data folder. Files stay where they are; hidden ones and those that end with .tmp or .part
    are passed over. A refused file is told with its line and reason. With `--once` it exits 1 when one was refused.
    """
    from ioc.importing.maps import load_map
    from ioc.importing.personal import keyed
    from ioc.importing.watching import Folder, Taken

    quiet_libraries()
    settings = connected(data)
    log_map = keyed(load_map(mapping, settings.maps_dir), settings, mapping)
    looked = Folder(folder, log_map, Taken(settings.data_dir, folder, log_map.source), every)
    refused = [0]

    def tell(outcome: Outcome) -> None:
        refused[0] += outcome.refused
        _tell(outcome, as_json)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _go_on(settings, looked, log_map, tell, every, once)
    except KeyboardInterrupt:
        say("ended; what was not yet sent is sent when it is started again")
        return
    raise typer.Exit(1 if refused[0] else 0)


def _go_on(settings: Settings, looked: Folder, log_map: Map, tell: Callable[[Outcome], None], every: float, once: bool) -> None:
    """Look, send, wait; `once`: until there is nothing that is not yet whole."""
    from ioc.importing.watching import deliver
    from ioc.kafka import KafkaError

    while True:
        pause = every
        try:
            asyncio.run(deliver(settings, looked, log_map, tell))
        except (ServiceAway, KafkaError) as error:
            if once:
                raise
            say(f"{error}; tried again in {AGAIN_S:.0f} s")
            pause = AGAIN_S
        if once and not looked.unfinished:
            return
        time.sleep(pause)


def _tell(outcome: Outcome, as_json: bool) -> None:
    from ioc.importing.watching import as_dict

    if as_json:
        print(visible(json.dumps(as_dict(outcome), ensure_ascii=False)), flush=True)
    elif outcome.again:
        show(f"{outcome.file}: the same as a file before, nothing sent")
    elif outcome.events > outcome.refused or not outcome.refused:
        show(f"{outcome.file}: {outcome.rows:,} rows, {outcome.events:,} events")
    for trouble in outcome.first:
        say(f"{outcome.file}: refused: {trouble.reason}")
    if (more := outcome.refused - len(outcome.first)) > 0:
        say(f"{outcome.file}: {more:,} more refused")
