"""Feed: bringing events in: imports, the demo, and the verdict on a file."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ioc.catalog import Catalog, load
from ioc.centre import live
from ioc.cli.common import Data, Json, Run, connected, dump, err, out, quiet_libraries, say, settings_of
from ioc.embedded.workers import worker_of
from ioc.errors import UsageError
from ioc.gateway import validate
from ioc.importing.importer import Sent, run_import
from ioc.importing.mapping import load_map
from ioc.kafka import bounds
from ioc.replaying import new_run
from ioc.settings import Settings
from ioc.store import runs
from ioc.store.clickhouse import Store, literal
from ioc.store.state import Place
from ioc.times import duration


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import")(import_files)
    app.command()(demo)
    app.command("validate")(validate_file)


def bar(foretold: bool = True) -> Progress:
    """A progress bar on stderr; silent where that is no terminal. `foretold`: with the time to come, by the pace so far."""
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    columns += [TimeRemainingColumn()] if foretold else []
    return Progress(*columns, console=err, disable=not err.is_terminal, transient=True)


def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV (also .gz, .zip) or XES (also .gz).")],
    mapping: Annotated[
        str, typer.Option("--map", metavar="NAME|FILE", help="A shipped map (receipt, ucc5g) or a TOML file of yours.")
    ],
    data: Data = None,
    run: Run = None,
    speed: Annotated[str, typer.Option(metavar="N|max", help="Times real time.")] = "max",
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Shift times so that the last event falls at the end of sending.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N events in the order of time.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until the events are counted.")] = False,
    as_json: Json = False,
) -> None:
    """Bring a log in through a mapping file; ends when its events are counted, with their verdicts.

    Example: ioc import receipt.csv.gz --map receipt --run trial
    """
    quiet_libraries()
    settings, catalog, log_map = connected(data), load(), load_map(mapping)
    factor = speed_of(speed)
    if run is None:
        if not shift_to_now and (told := live.late_past(Store(settings))):
            say(told)
        return _import(settings, catalog, files, log_map, factor, shift_to_now, limit, None, no_wait, as_json)
    new_run.open_import(settings, catalog, run)
    with worker_of(settings, run):
        return _import(settings, catalog, files, log_map, factor, shift_to_now, limit, run, no_wait, as_json)


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


def _import(settings, catalog, files, log_map, speed, shift, limit, run, no_wait, as_json) -> None:  # type: ignore[no-untyped-def]
    topics = runs.run_names(run)[1] if run else str
    back = {topics(name): name for name in catalog.topics}
    begins: dict[Place, int] = {(back[p.topic], p.partition): end for p, (_, end) in asyncio.run(bounds(settings, back)).items()}
    store = Store(runs.of_run(settings, run))
    with bar() as shown:
        sending = shown.add_task("sending", total=None)
        sent = asyncio.run(
            run_import(
                settings, files, log_map, speed=speed, shift_to_now=shift, limit=limit, topics=topics,
                progress=lambda done, total: shown.update(sending, completed=done, total=total),
            )
        )  # fmt: skip
        wanted = {(back[topic], partition): position for (topic, partition), position in sent.next.items()}
        if no_wait:
            return dump({"sent": sent.sent}) if as_json else say(f"sent {sent.sent:,}")
        shown.remove_task(sending)
        counting = shown.add_task("counting", total=sum(max(0, p - begins.get(place, 0)) for place, p in wanted.items()))
        total = shown.tasks[0].total or 0
        live.wait_counted(store, catalog, wanted, lambda left: shown.update(counting, completed=total - left), patience=120)
        if run is not None:
            live.wait_rolled(store, catalog, wanted)
    _report(store, sent, log_map.source, begins, wanted, as_json)


def _report(store: Store, sent: Sent, source: str, begins: dict[Place, int], wanted: dict[Place, int], as_json: bool) -> None:
    """The archive's verdicts of the map's source between the positions before and after, as others may write meanwhile.

    Rejects whose bytes claim no source are counted, too: they may be ours.
    """
    spans = " OR ".join(
        f"(topic = {literal(place[0])} AND partition = {place[1]} AND offset >= {begins.get(place, 0)} AND offset < {position})"
        for place, position in wanted.items()
    )
    ours = f"(source = {literal(source)} OR (verdict = 'rejected' AND source = ''))"
    found = dict(
        store.query(
            "SELECT verdict, uniqExact(topic, partition, offset) AS n FROM events "
            f"WHERE verdict != 'heartbeat' AND ({spans or '0'}) AND {ours} GROUP BY verdict"
        ).rows()
    )
    accepted, duplicate, rejected = (found.get(v, 0) for v in ("accepted", "duplicate", "rejected"))
    others = accepted + duplicate + rejected - sent.sent
    if as_json:
        dump({"read": sent.sent, "accepted": accepted, "duplicate": duplicate, "rejected": rejected, "from_others": others})
    else:
        out.print(f"read {sent.sent:,} = accepted {accepted:,} + duplicate {duplicate:,} + rejected {rejected:,}")
        if others:
            say(f"({others:,} of these came from others who wrote to the same topics meanwhile)")
        if rejected:
            say("see `ioc rejects list`, with the same --run and --data")
    raise typer.Exit(1 if rejected else 0)


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
        contents = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    found = validate.verdicts(contents, settings_of(), time.time_ns() // 1_000_000)
    if as_json:
        dump(validate.as_dicts(found))
    else:
        out.print(validate.render(found))
    raise typer.Exit(1 if any(not verdict.accepted for verdict in found) else 0)
