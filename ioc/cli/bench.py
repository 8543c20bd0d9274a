"""Bench: the command that measures."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ioc.cli.common import Json, a_duration, dump, quiet_libraries, say, show, table
from ioc.errors import UsageError

if TYPE_CHECKING:
    from ioc.bench.report import Report

FEW = 200_000
"""Events below which a raw fetch is over before it is measured."""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(
    events: Annotated[int, typer.Option("--events", min=10_000, help="Events of each stream.")] = 1_000_000,
    opened: Annotated[int, typer.Option("--open", min=100, help="Dossiers open at any time.")] = 100_000,
    partitions: Annotated[int, typer.Option("--partitions", min=1, max=64)] = 4,
    loaded: Annotated[
        int, typer.Option("--memory", min=0, help="Open dossiers at which a whole worker's memory is measured; 0: not at all.")
    ] = 1_000_000,
    history: Annotated[
        str,
        typer.Option("--history", callback=a_duration, help="The past of the centre that is measured with the demo's feed."),
    ] = "60d",
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="Where the store of three years is kept; default: in your cache folder."),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="How long its processes are measured.")] = 60.0,
    only: Annotated[
        str,
        typer.Option(
            "--only",
            help="streams: both, each by itself, and the first roll (4 minutes); roll: the dossiers and their first roll (2); "
            "pm: files of radio networks (1); "
            "whole: a worker, its latency and memory (4); centre: what a whole centre takes, quiet and with the demo's feed (5); "
            "years: the same after three years (5, and 20 to make them once); start: until a centre is final, and a short "
            "command (2).",
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Measure the engine beside a raw fetch, then whole centres, all on servers of its own; takes long. Example: ioc bench

    Ratios are to the raw fetch of the same topic in the same run: machines differ and are noisy, ratios less. Higher is better,
    but for `cost, all : first tenth`: the cost of an event over all of them, by that of the first ones (aim: at most 1.15).
    What is no ratio should be at most its aim. Cores: processor seconds a second, of broker, store, worker, gateway and wall.
    The store of three years is made once, in twenty minutes, and kept (1.5 GB); without `--only` it is measured if it is there.
    """
    from ioc.bench.run import PARTS, Sizes  # heavy, and for this command alone
    from ioc.bench.run import bench as run

    if only and only not in PARTS:
        raise UsageError(f"--only {only}: there are {', '.join(PARTS)}")
    quiet_libraries()
    if opened > events:
        say(f"{events:,} events open no more than as many dossiers: --open is {events:,}")
        opened = events
    if events < FEW and only in ("", "streams", "roll"):
        say(f"{events:,} events are read in milliseconds: the ratios below {FEW:,} mean little")
    report = run(Sizes(events, opened, partitions, loaded, history, seconds), say, only or None, folder)
    if as_json:
        dump(asdict(report))
    else:
        _print(report)


def _print(report: Report) -> None:
    columns = {"per_second": ("events/s", ",.0f"), "ratio": ("of raw fetch", ".4f"), "target": ("aim: at least", ".2f")}
    later = {"flat": ("cost, all : first tenth", ".2f"), "mb": ("peak MB", ".0f")}
    rows = [
        [
            name,
            *(_shown(row.get(key), form) for key, (_title, form) in columns.items()),
            _met(row.get("met")),
            *(_shown(row.get(key), form) for key, (_title, form) in later.items()),
        ]
        for name, row in report.rows.items()
    ]
    titles = ["path", *(title for title, _form in columns.values()), "", *(title for title, _form in later.values())]
    if rows:
        show(table(f"{report.events:,} events, {report.partitions} partitions", titles, rows))
    figures = [
        (name, number(f.value), f.unit, "" if f.aim is None else number(f.aim), _met(f.met), _parts(f.parts))
        for name, f in report.figures.items()
    ]
    if figures:
        show(table("", ("figure", "measured", "", "aim: at most", "", "of which"), figures))
    for name, what in report.made.items():
        show(f"{name}: {what}")


def number(value: float) -> str:
    """Three digits that count; whole thousands in full."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _parts(parts: dict[str, float]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in parts.items())


def _met(met: bool | None) -> str:
    return {None: "", True: "met", False: "missed"}[met]


def _shown(value: Any, form: str) -> str:
    return "" if value is None else format(value, form)
