"""Replay: `replay start`, `list`, `diff` and `drop`: the archive counted again beside the live numbers, and the comparison."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from ioc.catalog import load
from ioc.cli.common import Data, Json, connected, dump, local, moment, number, out, quiet_libraries, reader, say, table
from ioc.cli.feed import bar, speed_of
from ioc.errors import IocError, UsageError
from ioc.replaying import diff as comparing
from ioc.replaying import new_run
from ioc.replaying.paced import IDLE, Going, paced, plan
from ioc.replaying.replay import Replayed
from ioc.replaying.replay import replay as count_again
from ioc.settings import Settings
from ioc.store import runs
from ioc.store.clickhouse import Store
from ioc.store.runs import Run
from ioc.times import iso


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
    quiet_libraries()
    if source != "archive":
        raise UsageError(f"--source {source!r}: there is archive (what the live centre has received)")
    factor = speed_of(speed)
    if direct and factor is not None:
        raise UsageError(f"--direct knows no pace: leave --direct out for --speed {speed}")
    begin, end = moment(since, "--from"), moment(to, "--to")
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--from {since} must lie before --to {to}")
    settings = connected(data)
    name = name or runs.free_name(Store(settings, readonly=True))
    run = Run(name, runs.DIRECT if direct else runs.through_topics(factor), begin, end, runs.REPLAYING, 0)
    try:
        with _sigterm_as_ctrl_c():
            done = _direct(settings, run) if direct else _paced(settings, run, factor, idle)
    except KeyboardInterrupt:
        say(f"broken off; what was counted: `ioc value ... --run {name}`; to remove it: `ioc replay drop {name}`")
        raise
    if as_json:
        dump({"run": name, "records": done.records, "from": _iso(begin), "to": _iso(end), "received_until": iso(done.now)})
    else:
        out.print(f"replayed {done.records:,} records into {name}, the last received {local(done.now)}")
        say(f"compare with `ioc replay diff live {name}`; ask with `ioc value ... --run {name}`")


def _direct(settings: Settings, run: Run) -> Replayed:
    with bar() as shown:
        task = shown.add_task(f"replaying into {run.name}", total=None)
        return count_again(settings, load(), run, lambda fed, known: shown.update(task, completed=fed, total=known))


def _paced(settings: Settings, run: Run, speed: float | None, idle: float) -> Replayed:
    planned = plan(settings, run, speed, idle)
    if speed is not None:
        say(f"replaying what was received from {local(planned.pace.begin)} to {local(planned.last)} in {_took(planned.seconds)}")
        gaps = planned.pace.idle
        for begin, end in gaps[:3]:
            say(f"  nothing was received from {local(begin)} to {local(end)}: passed in {idle:g} s (--idle)")
        if len(gaps) > 3:
            say(f"  and {len(gaps) - 3:,} more such stretches")
    if run.begin is not None:
        say("what was received before goes through first, as fast as it goes")
    say(f"boards show it: choose {run.name} as the source (on the wall: &run={run.name})")
    say(f"ask meanwhile with `ioc value ... --run {run.name}`; Ctrl-C breaks it off")
    with bar(foretold=speed is None) as shown:
        total = planned.asked.records
        task = shown.add_task(run.name, total=total)

        def progress(going: Going) -> None:
            rest = f", {_took(going.left)} left" if speed is not None else ""
            reached = f"{local(going.at)}{rest}" if going.records < total else "counting and rolling the last of it"
            shown.update(task, completed=going.records, description=f"{run.name}: {reached}")

        return paced(settings, load(), planned, progress)


def _took(seconds: float) -> str:
    """A span of time for people: `3 min 28 s`."""
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{n:,} {unit}" for n, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if n]
    return " ".join(parts[:2]) or "0 s"


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """A run that is broken off is noted as that, however it is told to end."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@replay.command("list")
def list_runs(data: Data = None, as_json: Json = False) -> None:
    """List the runs there are, replays and imports. Example: ioc replay list --json"""
    found = runs.runs(reader(data, None)[1])
    if as_json:
        rows = [asdict(run) | {"begin": _iso(run.begin), "end": _iso(run.end), "noted": iso(run.noted)} for run in found]
        dump([{{"begin": "from", "end": "to"}.get(key, key): value for key, value in row.items()} for row in rows])
        return
    lines = [(r.name, r.source, local(r.begin), local(r.end), r.state, local(r.noted)) for r in found]
    out.print(table("", ("run", "source", "from", "to", "state", "noted"), lines) if lines else "no runs")


@replay.command()
def drop(name: Name, data: Data = None) -> None:
    """Remove a run: its database, and its topics if it has any. Example: ioc replay drop morning"""
    quiet_libraries()
    topics = new_run.drop(connected(data), load(), name)
    out.print(f"removed {name}" + (f" and its topics {', '.join(topics)}" if topics else ""))


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
    settings, _ = reader(data, None)
    if left == right:
        raise UsageError("name two different ones, e.g. `ioc replay diff live morning`")
    found = comparing.diff(settings, load(), left, right, limit)
    if not found.steps:
        why = "; ".join(f"{stream}: {reason}" for stream, reason in found.left_out.items())
        raise IocError(f"nothing could be compared ({why})")
    if as_json:
        dump(_as_dict(found, left, right))
    else:
        _print(found, left, right)
    raise typer.Exit(1 if found.differences else 0)


def _as_dict(found: comparing.Compared, left: str, right: str) -> dict[str, Any]:
    return {
        "left": left,
        "right": right,
        "compared": ["latest"] if found.latest_only else ["first", "latest", "alert", "reject"],
        "ranges": {stream: {"from": iso(a), "to": iso(b)} for stream, (a, b) in found.ranges.items()},
        "left_out": found.left_out,
        "indicators": found.indicators,
        "no_step": found.no_step,
        "alerts": {rule: {"from": iso(a), "to": iso(b)} for rule, (a, b) in found.alerts.items()},
        "unjudged": found.unjudged,
        "steps": found.steps,
        "differences": found.differences,
        "shown": [asdict(d) | {"at": _iso(d.at)} for d in found.shown],
    }


def _print(found: comparing.Compared, left: str, right: str) -> None:
    for stream, (begin, end) in found.ranges.items():
        say(f"{stream}: compared the steps after {local(begin)} up to {local(end)}; what came later is not final yet")
    for stream, reason in found.left_out.items():
        say(f"{stream}: not compared: {reason}")
    if found.no_step:
        say(f"no whole step in that range: {', '.join(found.no_step)}; compare again later, or load the past before going live")
    if found.unjudged:
        say(f"alerts not compared, as the two have judged no step in common: {', '.join(found.unjudged)}")
    what = "latest values" if found.latest_only else "first finals, latest values, alerts, rejects"
    said = f"in {found.steps:,} steps of {found.indicators} indicators ({what})"
    if not found.differences:
        out.print(f"no difference {said} between {left} and {right}")
        return
    rows = [(d.indicator, d.window, " ".join(d.dims), local(d.at), d.what, _cell(d.left), _cell(d.right)) for d in found.shown]
    out.print(table("", ("indicator", "window", "dims", "from step", "what", left, right), rows))
    out.print(f"{found.differences:,} difference{'s' if found.differences > 1 else ''} {said}")


def _cell(value: float | str | None) -> str:
    return (value or "accepted") if isinstance(value, str) else number(value)


def _iso(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)
