"""Centre: starting, watching and stopping it, and its processes one by one."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ioc import logs
from ioc.catalog import Catalog, load
from ioc.centre import live, rebuild
from ioc.cli.common import Data, Json, Run, connected, dump, local, out, quiet_libraries, say, settings_of, table
from ioc.cli.feed import load_history
from ioc.cli.view import View
from ioc.counting.from_archive import CHUNK
from ioc.embedded import stack
from ioc.embedded.centre import stopped
from ioc.errors import WrongGeneration
from ioc.settings import Settings
from ioc.store.clickhouse import Store


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, status, worker, gateway, wall):
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
    history: Annotated[str, typer.Option(help="How much past the demo loads first.")] = "60d",
) -> None:
    """Start the centre: broker, store, worker, gateway, wall and a demo feed. Ctrl-C stops everything.

    Example: ioc up --no-demo --data /srv/ioc -d
    With IOC_KAFKA_BOOTSTRAP or IOC_CLICKHOUSE_URL set, those servers are used and none of its own is started.
    """
    settings = settings_of(data)
    if detached:
        again = [sys.executable, "-m", "ioc", *(a for a in sys.argv[1:] if a not in ("-d", "--detach"))]
        stack.detach(settings, again, say)
        found = stack.status(settings.data_dir)
        say(f"the centre is ready (pid {found.pid}); ports {found.ports}; stop it with `ioc down --data '{settings.data_dir}'`")
        return
    quiet_libraries()
    catalog = load()
    feed = ["--rate", str(rate), "--history", history] if demo else None
    with View(catalog) as view:
        centre = stack.Stack(
            settings,
            progress=view.say,
            before_worker=partial(_before_worker, catalog=catalog),
            after_worker=partial(_after_worker, catalog=catalog, history=history if demo else None, loading=loading),
            demo=feed,
        )
        centre.run(ready=view.start)
    say("stopped; `ioc up` goes on where it stopped")


def _before_worker(settings: Settings, catalog: Catalog) -> None:
    for changed in live.prepare(settings, catalog):
        say(changed)
    try:
        live.check_generations(Store(settings), catalog)
    except WrongGeneration:
        say("the declarations changed: counting the archive again")
        count = rebuild.rebuild(
            settings,
            catalog,
            lambda fed, known: say(f"  {fed} of {known} records") if fed % 100_000 < CHUNK else None,
        )
        say(f"counted {count} records again")


def _after_worker(settings: Settings, catalog: Catalog, history: str | None, loading: bool) -> None:
    if history is not None:
        load_history(settings, catalog, history)
    if not loading and not live.is_live(Store(settings, patience=30)):
        asyncio.run(live.go_live(settings, catalog))


def go_live(data: Data = None) -> None:
    """End the loading of a past: from now on time counts, and what is imported is late.

    Example: ioc up --no-demo --loading -d && ioc import past.csv --map my.toml && ioc live
    """
    settings = connected(data)
    if live.is_live(Store(settings)):
        say("the centre is live already")
        return
    asyncio.run(live.go_live(settings, load()))
    say("the centre is live")


def down(data: Data = None) -> None:
    """Stop the centre on the data folder. Example: ioc down --data /srv/ioc"""
    found = settings_of(data)
    say("stopped" if stack.down(found.data_dir) else f"no centre runs on {found.data_dir}")


def status(data: Data = None, as_json: Json = False) -> None:
    """Show the centre's processes; exits 0 when all are ready, else 3. Example: ioc status --json"""
    found = stack.status(settings_of(data).data_dir)
    if as_json:
        dump(found.as_dict())
    elif not found.running:
        say("no centre runs; start it with `ioc up`")
    else:
        rows = [(s.name, s.state, s.port, s.pid, local(int(s.since * 1000)) if s.since else "") for s in found.services]
        out.print(table("", ("service", "state", "port", "pid", "since"), rows))
        for name, told in stopped(found):
            out.print(f"{name}: {told}")
    raise typer.Exit(0 if found.ready else 3)


def worker(data: Data = None, run: Run = None) -> None:
    """Run one worker in the foreground (several share the partitions). Example: ioc worker --data /srv/ioc"""
    from ioc.centre.worker import main  # Faust takes a second to load

    logs.begin()
    raise typer.Exit(main(connected(data), run))


def gateway(data: Data = None) -> None:
    """Run the HTTP gateway in the foreground, on 127.0.0.1. Example: IOC_GATEWAY_PORT=8088 ioc gateway"""
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
    from ioc.wall.app import serve  # NiceGUI takes seconds to load

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


@store.command()
def migrate(data: Data = None) -> None:
    """Create database, tables and views where they are missing. Example: ioc store migrate"""
    from ioc.store import tables

    found = connected(data)
    for changed in tables.migrate(Store(found), load()):
        say(changed)
    say(f"{found.clickhouse_database} has this program's form")
