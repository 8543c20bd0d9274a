"""Feeds: who sends, in what quality, whom to call; and which events a source has numbered but never came."""

from __future__ import annotations

from typing import Annotated

import typer

from ioc.cli.common import Data, Json, Run, dump, local, moment, number, reader, say, show, table
from ioc.errors import UsageError
from ioc.times import iso

feeds = typer.Typer(help="The quality of feeds (nguồn dữ liệu): đúng, đủ, sạch, sống; and whom to call.", no_args_is_help=True)
COLUMNS = {
    "source": "source", "name": "name", "feed.received": "received", "feed.correct": "đúng %", "feed.complete": "đủ %",
    "feed.clean": "sạch %", "feed.delay": "delay s", "silent": "silent", "contact": "contact",
}  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(feeds, name="feeds")


@feeds.command("list")
def list_feeds(
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="As of this time; default: now.")] = None,
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List who sends: over the last day what came and in what quality, whether it is unusually silent, and whom to call.

    Silent tells how many records are usual where none came, by the hour or by the day. A source of streams/data/feeds.toml
    that never sent is listed, too: it has received 0. Exits 1 when a feed is silent.
    Example: ioc feeds list
    """
    from ioc.asking.feeds import feeds as of
    from ioc.catalog import load

    _, store = reader(data, run)
    rows = of(store, load(), moment(at))
    for row in rows:
        row["silent"] = max(row.get("feed.silent") or 0, row.get("feed.silent_day") or 0)
    if as_json:
        dump(rows)
    elif not rows:
        say("nothing was received yet")
    else:
        cells = [[c if isinstance(c := row.get(key), str) else number(c) for key in COLUMNS] for row in rows]
        show(table("", tuple(COLUMNS.values()), cells))
    if any(row["silent"] for row in rows):
        raise typer.Exit(1)


@feeds.command()
def gaps(
    source: Annotated[str, typer.Argument(help="The source, as `ioc feeds list` prints it.")],
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Events of this time on.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Events before this time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Gaps to list at most.")] = 50,
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Find gaps in the `sequence` of a source that numbers its events one by one: what never came, or was refused.

    Exits 1 when numbers are missing. Example: ioc feeds gaps /portal/thanhhoa --from 2026-10-01
    """
    from ioc.asking.feeds import gaps as of
    from ioc.text import nfc

    _, store = reader(data, run)
    found = of(store, nfc(source), moment(since, "--from"), moment(until, "--to"), limit)
    if found.first is None:
        raise UsageError(f"no accepted event of {source} has a `sequence` in that time; `ioc feeds list` shows the sources")
    if as_json:
        rows = [{"first": first, "last": last, "next came at": iso(at)} for first, last, at in found.missing]
        ends = {"first": found.first, "last": found.last, "came": found.came, "shared": found.shared, "missing": found.lost}
        dump(ends | {"gaps": rows})
    else:
        show(f"{found.first} to {found.last}: {found.came} came, {found.lost} are missing")
        if found.shared:
            say(f"note: {found.shared} events bear a number that another has: {source} does not number its events one by one")
        if found.missing:
            rows_ = [(str(first), str(last), str(last - first + 1), local(at)) for first, last, at in found.missing]
            show(table("", ("first", "last", "missing", "the next one is of"), rows_))
    if found.lost:
        raise typer.Exit(1)
