"""Boards: check the derived boards, measure their queries, push them to a Grafana."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ioc.cli.common import Data, Json, Run, dump, reader, say, settings_of, show, table

boards = typer.Typer(help="The boards in grafana/boards, which Grafana and the wall draw.", no_args_is_help=True)
Address = Annotated[str, typer.Option("--grafana", metavar="URL", help="E.g. http://127.0.0.1:3000; token: IOC_GRAFANA_TOKEN.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(boards, name="boards")


@boards.command()
def push(grafana: Address, as_json: Json = False) -> None:
    """Write the boards into folder IOC of a Grafana; what is the same already stays. Example: ioc boards push --grafana URL"""
    from ioc.boards.derive import boards
    from ioc.boards.grafana import Grafana  # an extra: `pip install ioc-streaming[grafana]`
    from ioc.catalog import load

    changed = Grafana(grafana, settings_of().grafana_token.get_secret_value()).push(boards(load()))
    if as_json:
        dump({"pushed": changed})
        return
    show("\n".join(f"pushed {uid}" for uid in changed) or "nothing to push: all boards are there as derived")


@boards.command()
def check(
    grafana: Annotated[str, typer.Option("--grafana", metavar="URL", help="Compare with what this Grafana has.")] = "",
    speed: Annotated[bool, typer.Option("--speed", help="Measure every query on the running centre.")] = False,
    days: Annotated[int, typer.Option(min=1, help="Time range of the lines.")] = 60,
    times: Annotated[int, typer.Option(min=1, help="How often each query is asked.")] = 20,
    agency: Annotated[str, typer.Option(help="The agency chosen; * is all.")] = "*",
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Check the boards' queries, what a Grafana has of them, or how fast they are. Example: ioc boards check --grafana URL

    Exits 1 when something is wrong, differs, or takes longer than 200 ms in more than one of 20 cases.
    """
    from ioc.boards.derive import boards
    from ioc.boards.lint import faults
    from ioc.boards.speed import AIM, timings
    from ioc.boards.words import VI
    from ioc.catalog import load
    from ioc.cli.screen import bar
    from ioc.store.tables import board_views
    from ioc.vocabulary import ALL

    catalog = load()
    found = boards(catalog)
    wrong = faults(found, board_views(catalog))
    if grafana:
        from ioc.boards.grafana import Grafana

        wrong += Grafana(grafana, settings_of().grafana_token.get_secret_value()).differences(found)
    taken = []
    if speed:
        settings, store = reader(data, run)
        values = {"run": settings.clickhouse_database, "agency": agency, "window": "7d"}
        values |= {s.dimensions[0]: ALL for s in catalog.streams if s.dimensions[0] not in values}
        with bar() as shown:
            measuring = shown.add_task("measuring")
            taken = timings(
                store,
                [b for b in found if b.language == VI.language],
                values,
                days,
                times,
                lambda done, total: shown.update(measuring, completed=done, total=total),
            )
        wrong += [f"{t.board}, {t.place}: {1000 * t.p95:.0f} ms (aim: {1000 * AIM:.0f})" for t in taken if t.p95 > AIM]
    if as_json:
        dump({"wrong": wrong, "timings": [asdict(t) for t in taken]})
    else:
        if taken:
            rows = [(t.board, t.place, f"{1000 * t.p50:.0f}", f"{1000 * t.p95:.0f}") for t in taken]
            show(table(f"{times} times each, {days} days", ("board", "query", "p50 ms", "p95 ms"), rows))
        for line in wrong:
            say(line)
        if not wrong:
            show(f"{len(found)} boards are well")
    if wrong:
        raise typer.Exit(1)
