"""Replay: `replay start`, `list`, `diff` and `drop`: the archive counted again beside the live numbers, and the comparison."""

from __future__ import annotations

from typing import Annotated

import typer

from ioc.cli.common import Data, Json, connected, dump, local, moment, quiet_libraries, reader, show, table, utc
from ioc.cli.feed import speed_of
from ioc.errors import UsageError
from ioc.replaying.pace import IDLE


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(replay, name="replay")


replay = typer.Typer(help="Replays: the archive counted again into a run, and what differs.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="See `ioc replay list`.")]
Side = Annotated[str, typer.Argument(metavar="live|RUN", help="live is the centre itself.")]


@replay.command()
def start(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The run's name; else replay-1, replay-2, ...")] = None,
    source: Annotated[str, typer.Option(metavar="archive", help="What is replayed: the archive of the live centre.")] = "archive",
    speed: Annotated[str, typer.Option(metavar="N|max", help="Times the pace of reception; max: as fast as it goes.")] = "max",
    direct: Annotated[
        bool, typer.Option("--direct", help="Straight into the run's database, without topics and worker; no pace.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="Compare and pace from here on; what came before goes through first, unpaced."
        ),
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Only what was received before.")] = None,
    idle: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait so long at most where nothing was received for long.")
    ] = IDLE,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Count the archive again, into a run of its own, beside the live numbers.

    Records go through topics and a worker of the run, paced by the time they were received; boards show the run meanwhile
    (choose it as their source). Ctrl-C breaks it off.

    Example: ioc replay start morning --from 2026-03-30T07:00 --to 2026-03-30T12:00 --speed 60
    """
    from ioc.cli.replayed import start

    if source != "archive":
        raise UsageError(f"--source {source!r}: there is archive (what the live centre has received)")
    factor = speed_of(speed)
    if direct and factor is not None:
        raise UsageError(f"--direct knows no pace: leave --direct out for --speed {speed}")
    begin, end = moment(since, "--from"), moment(to, "--to")
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--from {since} must lie before --to {to}")
    start(connected(data), name, begin, end, factor, idle, direct=direct, as_json=as_json)


@replay.command("list")
def list_runs(data: Data = None, as_json: Json = False) -> None:
    """List the runs there are, replays and imports. Example: ioc replay list --json"""
    from ioc.store import runs

    found = runs.runs(reader(data, None)[1])
    if as_json:
        times = [{"from": utc(run.begin), "to": utc(run.end), "noted": utc(run.noted)} for run in found]
        dump([{"name": run.name, "source": run.source, "state": run.state} | at for run, at in zip(found, times, strict=True)])
        return
    lines = [(r.name, r.source, local(r.begin), local(r.end), r.state, local(r.noted)) for r in found]
    show(table("", ("run", "source", "from", "to", "state", "noted"), lines) if lines else "no runs")


@replay.command()
def drop(name: Name, data: Data = None) -> None:
    """Remove a run: its database, and its topics if it has any. Example: ioc replay drop morning"""
    from ioc.catalog import load
    from ioc.replaying import new_run

    quiet_libraries()
    topics = new_run.drop(connected(data), load(), name)
    show(f"removed {name}" + (f" and its topics {', '.join(topics)}" if topics else ""))


@replay.command()
def diff(
    left: Side,
    right: Annotated[str, typer.Argument(metavar="RUN", help="See `ioc replay list`.")],
    limit: Annotated[int, typer.Option(min=1, help="How many differences are printed.")] = 50,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Compare two of the live centre and the runs, step by step; exits 1 when they differ.

    Compared are first finals, latest values as known at the end of both, alerts, rejects. Example: ioc replay diff live morning
    """
    from ioc.cli.replayed import differences

    if left == right:
        raise UsageError("name two different ones, e.g. `ioc replay diff live morning`")
    found = differences(reader(data, None)[0], left, right, limit, as_json)
    raise typer.Exit(1 if found else 0)
