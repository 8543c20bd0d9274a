"""Feed: bringing events in: the demo, and the verdict on a file."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ioc.catalog import Catalog, load
from ioc.centre import live
from ioc.cli.common import Data, Json, connected, dump, err, out, quiet_libraries, say, settings_of
from ioc.errors import UsageError
from ioc.gateway import validate
from ioc.kafka import bounds
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.times import duration

VALIDATED = 4 << 20
"""Bytes that `ioc validate` judges at most: they are parsed as a whole."""


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(demo)
    app.command("validate")(validate_file)


def bar(foretold: bool = True) -> Progress:
    """A progress bar on stderr; silent where that is no terminal. `foretold`: with the time to come, by the pace so far."""
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    columns += [TimeRemainingColumn()] if foretold else []
    return Progress(*columns, console=err, disable=not err.is_terminal, transient=True)


def speed_of(text: str) -> float | None:
    """Times real time, of `60`, `x60` or `max` (None).  Raises UsageError."""
    if text == "max":
        return None
    try:
        factor = float(text.removeprefix("x"))
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise UsageError(f"--speed {text!r}: write a number above 0 (times real time) or max")
    return factor


def load_history(settings: Settings, catalog: Catalog, history: str, seed: int = 56, bad: float = 0.0005) -> None:
    """Load the demo's past, once a data folder, and wait until it is counted."""
    from ioc.province.demo import run_history, wall_ms
    from ioc.province.demo_state import open_province, remembered

    known = remembered(settings)
    if known is not None and known.loaded:
        return
    began = known.anchor if known else wall_ms()
    province = open_province(settings, seed, duration(history), now_ms=wall_ms(), bad=bad)
    say(f"loading {history} of the demo's past")
    first = began - duration(history)
    with bar() as shown:
        task = shown.add_task("demo history", total=100)
        spread = max(1, began - first)
        last = [0.0]

        def progress(events: int, reached: int) -> None:
            share = min(100.0, max(0.0, (reached - first) / spread * 100))
            shown.update(task, completed=share)
            if not err.is_terminal and share - last[0] >= 20:
                last[0] = share
                say(f"  {share:.0f} % ({events:,} events)")

        asyncio.run(run_history(settings, province, progress))
    ends = {(p.topic, p.partition): end for p, (_, end) in asyncio.run(bounds(settings, catalog.topics)).items()}
    say("counting it")
    live.wait_counted(Store(settings, patience=60), catalog, ends, patience=180)


def demo(
    data: Data = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Live events a second.")] = 50.0,
    history: Annotated[str, typer.Option(help="How much past is loaded first, e.g. 60d.")] = "60d",
    seed: Annotated[int, typer.Option(help="Another seed is another province.")] = 56,
    bad: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of deliberately wrong events.")] = 0.0005,
) -> None:
    """Feed a believable Thanh Hóa: first its past (once), then live until Ctrl-C. Example: ioc demo --rate 50 --history 60d"""
    from ioc.province.demo import run_live, wall_ms
    from ioc.province.demo_state import open_province

    quiet_libraries()
    settings, catalog = connected(data), load()
    load_history(settings, catalog, history, seed, bad)
    if not live.is_live(Store(settings, patience=30)):
        asyncio.run(live.go_live(settings, catalog))
    province = open_province(settings, seed, duration(history), now_ms=wall_ms(), bad=bad)

    async def until_told() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run_live(settings, province, rate, stop)

    asyncio.run(until_told())


def validate_file(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="One event, a JSON array, or JSON lines; - is standard input.")],
    as_json: Json = False,
) -> None:
    """Tell a producer what is wrong with events, without a centre. Exits 1 when one would be rejected.

    Example: ioc validate schemas/examples/dossier_received_online.json
    """
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source:
            contents = source.read(VALIDATED + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    if len(contents) > VALIDATED:
        raise UsageError(f"{file}: more than {VALIDATED >> 20} MiB; validate a part of it: head -n 1000 FILE | ioc validate -")
    found = validate.verdicts(contents, settings_of(), time.time_ns() // 1_000_000)
    if as_json:
        dump(validate.as_dicts(found))
    else:
        out.print(validate.render(found))
    raise typer.Exit(1 if any(not verdict.accepted for verdict in found) else 0)
