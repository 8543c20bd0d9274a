"""Feed: bringing events in: the demo, a log through its map, and the verdict on a file."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from ioc.cli.common import Data, Json, Run, a_duration, connected, dump, settings_of, show
from ioc.errors import UsageError

VALIDATED = 4 << 20
"""Bytes that `ioc validate` judges at most: they are parsed as a whole."""


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(demo)
    app.command("import")(import_files)
    app.command("validate")(validate_file)


def demo(
    data: Data = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Live events a second.")] = 50.0,
    history: Annotated[str, typer.Option(callback=a_duration, help="How much past is loaded first, e.g. 60d.")] = "60d",
    seed: Annotated[int, typer.Option(help="Another seed is another province.")] = 56,
    bad: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of deliberately wrong events.")] = 0.0005,
) -> None:
    """Feed a believable Thanh Hóa: first its past (once), then live until Ctrl-C. Example: ioc demo --rate 50 --history 60d"""
    from ioc.cli.demo import feed

    feed(connected(data), rate, history, seed, bad)


def import_files(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help="CSV, XES, JSON or edXML (also .gz, .zip, a folder).")
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option("--map", metavar="NAME|FILE", help="A map by its name (`docs/importing.md`), or a TOML file of yours."),
    ] = None,
    example: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Instead of files: a worked past that comes with it, thanh-hoa-2022."),
    ] = None,
    data: Data = None,
    run: Run = None,
    check: Annotated[
        bool, typer.Option("--check", help="Show the first rows as events, judge all, and send nothing; needs no centre.")
    ] = False,
    speed: Annotated[str, typer.Option(metavar="N|max", help="Times real time.")] = "max",
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Shift times so that the last event falls at the end of sending.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N events in the order of time.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until the events are counted.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse ids that a spreadsheet has spoiled, like 2.02601E+13.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring a log in through a mapping file; ends when its events are counted, with what became of every row.

    rows = with events + unwanted (no [[event]]'s conditions hold) + unreadable (sent as rejects);
    events = accepted + duplicate + rejected. Exits 1 when any is rejected. Ctrl-C breaks it off; to import again is safe.

    Example: ioc import receipt.csv.gz --map receipt --run trial
    What the province said of itself in 2022: ioc import --example thanh-hoa-2022 --run seed
    """
    from ioc.cli.imports import bring_example, bring_in

    how = {"speed": speed_of(speed), "shift_to_now": shift_to_now, "limit": limit, "strict": strict}
    if example is not None:
        if files or mapping or check or strict:
            raise UsageError("--example brings its own events: give no files, no --map, no --check and no --strict")
        return bring_example(example, data, run, how, no_wait=no_wait, as_json=as_json)
    if not files or mapping is None:
        raise UsageError("give files and the map that reads them (ioc import receipt.csv.gz --map receipt), or --example NAME")
    bring_in(files, mapping, data, run, how, check=check, no_wait=no_wait, as_json=as_json)


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


def validate_file(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="One event, a JSON array, or JSON lines; - is standard input.")],
    mapping: Annotated[
        str | None,
        typer.Option("--map", metavar="NAME|FILE", help="The file holds a portal's own messages; this map reads them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell a producer what is wrong with events, without a centre. Exits 1 when one would be rejected.

    Example: ioc validate schemas/examples/dossier_received_online.json
    With `--map` the verdicts are those of `POST /events/NAME`, in the words of the message.
    """
    from ioc.gateway import validate

    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source:
            contents = source.read(VALIDATED + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    if len(contents) > VALIDATED:
        raise UsageError(f"{file}: more than {VALIDATED >> 20} MiB; validate a part of it: head -n 1000 FILE | ioc validate -")
    now, settings = time.time_ns() // 1_000_000, settings_of()
    found = validate.verdicts(contents, settings, now) if mapping is None else validate.mapped(contents, mapping, settings, now)
    if as_json:
        dump(validate.as_dicts(found))
    else:
        show(validate.render(found))
    raise typer.Exit(1 if any(not verdict.accepted for verdict in found) else 0)
