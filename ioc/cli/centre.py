"""Centre: starting, watching, examining and stopping it, and its processes one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ioc.cli.common import Data, Json, Run, a_duration, connected, dump, local, say, settings_of, show, table


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, status, doctor, worker, gateway, wall):
        app.command()(command)
    app.command("live")(go_live)
    app.add_typer(store, name="store")


def up(
    data: Data = None,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Feed a believable Thanh Hóa: 60 days of history, then live.")
    ] = True,
    loading: Annotated[
        bool, typer.Option("--loading", help="With --no-demo: wait for `ioc live` before time counts (load a past first).")
    ] = False,
    detached: Annotated[
        bool, typer.Option("-d", "--detach", help="Go on in the background; come back when all is ready.")
    ] = False,
    rate: Annotated[float, typer.Option(help="Live events a second of the demo.")] = 50.0,
    history: Annotated[str, typer.Option(callback=a_duration, help="How much past the demo loads first.")] = "60d",
) -> None:
    """Start the centre: broker, store, worker, gateway, wall and a demo feed. Ctrl-C stops everything.

    Example: ioc up --no-demo --data /srv/ioc -d
    With IOC_KAFKA_BOOTSTRAP or IOC_CLICKHOUSE_URL set, those servers are used and none of its own is started.
    """
    from ioc.cli.start import start, start_detached

    if detached:
        start_detached(settings_of(data))
    else:
        start(settings_of(data), (rate, history) if demo else None, loading)


def go_live(data: Data = None) -> None:
    """End the loading of a past: from now on time counts, and what is imported is late.

    Example: ioc up --no-demo --loading -d && ioc import past.csv --map my.toml && ioc live
    """
    import asyncio

    from ioc.catalog import load
    from ioc.centre import live
    from ioc.store.clickhouse import Store

    settings = connected(data)
    if live.is_live(Store(settings)):
        say("the centre is live already")
        return
    asyncio.run(live.go_live(settings, load()))
    say("the centre is live")


def down(data: Data = None) -> None:
    """Stop the centre on the data folder. Example: ioc down --data /srv/ioc"""
    from ioc.embedded import centre

    found = settings_of(data)
    say("stopped" if centre.down(found.data_dir) else f"no centre runs on {found.data_dir}")


def status(data: Data = None, as_json: Json = False) -> None:
    """Show the centre's processes; exits 0 when all are ready, else 3. Example: ioc status --json"""
    from ioc.embedded import centre

    found = centre.status(settings_of(data).data_dir)
    if as_json:
        dump(found.as_dict())
    elif not found.running:
        say("no centre runs; start it with `ioc up`")
    else:
        rows = [(s.name, s.state, s.port, s.pid, local(int(s.since * 1000)) if s.since else "") for s in found.services]
        show(table("", ("service", "state", "port", "pid", "since"), rows))
        for name, told in centre.stopped(found):
            show(f"{name}: {told}")
    raise typer.Exit(0 if found.ready else 3)


def doctor(
    data: Data = None,
    accept_gap: Annotated[
        str | None, typer.Option("--accept-gap", metavar="TOPIC:PARTITION", help="Go on although records were lost.")
    ] = None,
    rewind: Annotated[
        bool, typer.Option("--rewind", help="Forget checkpoints, so that counting starts again earlier, with the same result.")
    ] = False,
    hours: Annotated[int | None, typer.Option(help="With --rewind: only those of the last hours.")] = None,
    security: Annotated[bool, typer.Option("--security", help="Instead: what is open to others on this machine.")] = False,
    as_json: Json = False,
) -> None:
    """Examine services, log, store and checkpoints, and mend what can be mended.

    Exits 1 when a service is away, counting stands still, or log and store do not fit; each finding says why and the way out.

    Example: ioc doctor; ioc doctor --accept-gap ioc.events.dossier:2
    """
    from ioc.cli import doctor

    settings = settings_of(data)
    if accept_gap is not None:
        return doctor.accept(settings, accept_gap)
    if rewind:
        return doctor.rewind(settings, hours)
    findings = doctor.findings(settings, security)
    if as_json:
        dump([{"what": what, "well": well, "detail": detail} for what, well, detail in findings])
    else:
        show(table("", ("", "what", "finding"), [("ok" if well else "BAD", what, detail) for what, well, detail in findings]))
    raise typer.Exit(0 if all(well for _, well, _ in findings) else 1)


def worker(data: Data = None, run: Run = None) -> None:
    """Run one worker in the foreground (several share the partitions). Example: ioc worker --data /srv/ioc"""
    from ioc import logs
    from ioc.centre.worker import main

    logs.begin()
    raise typer.Exit(main(connected(data), run))


def gateway(data: Data = None) -> None:
    """Run the HTTP gateway in the foreground, on 127.0.0.1. Example: IOC_GATEWAY_PORT=8088 ioc gateway"""
    from ioc import logs
    from ioc.gateway.app import serve

    logs.begin()
    found = connected(data)
    serve(found, found.gateway_port)


def wall(
    data: Data = None,
    port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1 (IOC_WALL_PORT; default 8080).")] = None,
) -> None:
    """Show the boards in a browser, live: the wall alone, in the foreground, on 127.0.0.1.

    Example: ioc wall --data /srv/ioc --port 8081
    A link says all that is seen: /?board=ioc-dossiers&range=24h&theme=light&lang=en
    """
    from ioc import logs
    from ioc.wall.app import serve

    logs.begin()
    found = connected(data)
    serve(found, found.wall_port if port is None else port)


store = typer.Typer(help="The store: serve an embedded one, or bring a database to this program's form.", no_args_is_help=True)


@store.command()
def serve(data: Data = None) -> None:
    """Serve the embedded store in the foreground. Example: ioc store serve --data /srv/ioc"""
    from ioc.embedded.store import serve as run

    found = settings_of(data)
    run(Path(found.data_dir) / "store", found.store_port)


@store.command("migrate")
def store_migrate(data: Data = None) -> None:
    """Create database, tables and views where they are missing, and the views of runs. Example: ioc store migrate"""
    from ioc.catalog import load
    from ioc.centre.live import migrate

    found = connected(data)
    for changed in migrate(found, load()):
        say(changed)
    say(f"{found.clickhouse_database} has this program's form")
