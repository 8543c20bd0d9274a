"""Bench: the command that measures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from ioc.cli.common import Json, dump, quiet_libraries, say, show, table

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
    only: Annotated[str, typer.Option("--only", help="streams: without a whole worker; whole: nothing else.")] = "",
    as_json: Json = False,
) -> None:
    """Measure the engine beside a raw fetch, on a broker and a store of its own; takes some minutes. Example: ioc bench

    Ratios are to the raw fetch of the same topic in the same run: machines differ and are noisy, ratios less. Higher is better,
    but for `cost, all : first tenth`: the cost of an event over all of them, by that of the first ones (aim: at most 1.15).
    """
    from ioc.bench.run import bench as run  # heavy, and for this command alone

    quiet_libraries()
    if events < FEW:
        say(f"{events:,} events are read in milliseconds: the ratios below {FEW:,} mean little")
    report = run(events, opened, partitions, say, only or None, loaded)
    if as_json:
        dump(asdict(report))
        return
    columns = {"per_second": ("events/s", ",.0f"), "ratio": ("of raw fetch", ".4f"), "target": ("aim: at least", ".2f")}
    columns |= {"flat": ("cost, all : first tenth", ".2f"), "mb": ("peak MB", ".0f")}
    rows = [[name, *(_shown(row.get(key), form) for key, (_title, form) in columns.items())] for name, row in report.rows.items()]
    titles = ["path", *(title for title, _form in columns.values())]
    if rows:
        show(table(f"{events:,} events, {partitions} partitions", titles, rows))
    if report.latency:
        found = report.latency
        show(
            f"from produce to visible row at {found['per_second']:,.0f} events/s: p50 {found['p50_ms']:.0f} ms, "
            f"p99 {found['p99_ms']:.0f} ms (aim: 2,000), at most {found['max_ms']:.0f} ms"
        )
    for name, seconds in report.queries.items():
        show(f"{name.removesuffix(' (s)')}: {seconds:.3f} s")
    show("peak memory, MB: " + ", ".join(f"{name} {mb:.0f}" for name, mb in report.memory.items()))


def _shown(value: Any, form: str) -> str:
    return "" if value is None else format(value, form)
