"""Replayed: a replay from its first record to its last, and what differs between two runs, told to a person."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from ioc.catalog import load
from ioc.cli.common import dump, local, number, quiet_libraries, say, show, table, utc
from ioc.cli.screen import bar
from ioc.errors import IocError
from ioc.replaying import diff as comparing
from ioc.replaying.paced import Going, paced, plan
from ioc.replaying.replay import Replayed
from ioc.replaying.replay import replay as count_again
from ioc.settings import Settings
from ioc.store import runs
from ioc.store.clickhouse import Store
from ioc.store.runs import Run
from ioc.times import iso


def start(
    settings: Settings,
    name: str | None,
    begin: int | None,
    end: int | None,
    speed: float | None,
    idle: float,
    *,
    direct: bool,
    as_json: bool,
) -> None:
    """Count what was received in [begin, end) (ms) again, into the run `name` or a new one, at `speed` times its pace."""
    quiet_libraries()
    name = name or runs.free_name(Store(settings, readonly=True))
    run = Run(name, runs.DIRECT if direct else runs.through_topics(speed), begin, end, runs.REPLAYING, 0)
    try:
        with _sigterm_as_ctrl_c():
            done = _direct(settings, run) if direct else _paced(settings, run, speed, idle)
    except KeyboardInterrupt:
        say(f"broken off; what was counted: `ioc value ... --run {name}`; to remove it: `ioc replay drop {name}`")
        raise
    if as_json:
        dump({"run": name, "records": done.records, "from": utc(begin), "to": utc(end), "received_until": iso(done.now)})
    else:
        show(f"replayed {done.records:,} records into {name}, the last received {local(done.now)}")
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


# ---- what differs


def differences(settings: Settings, left: str, right: str, limit: int, as_json: bool) -> int:
    """Print what differs between two of the live centre and the runs; how much it is.  Raises IocError where nothing compares."""
    found = comparing.diff(settings, load(), left, right, limit)
    if not found.steps:
        why = "; ".join(f"{stream}: {reason}" for stream, reason in found.left_out.items())
        raise IocError(f"nothing could be compared ({why})")
    if as_json:
        dump(_as_dict(found, left, right))
    else:
        _print(found, left, right)
    return found.differences


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
        "shown": [asdict(d) | {"at": utc(d.at)} for d in found.shown],
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
        show(f"no difference {said} between {left} and {right}")
        return
    rows = [(d.indicator, d.window, " ".join(d.dims), local(d.at), d.what, _cell(d.left), _cell(d.right)) for d in found.shown]
    show(table("", ("indicator", "window", "dims", "from step", "what", left, right), rows))
    show(f"{found.differences:,} difference{'s' if found.differences > 1 else ''} {said}")


def _cell(value: float | str | None) -> str:
    return (value or "accepted") if isinstance(value, str) else number(value)
