"""Start: `ioc up`, from the first service to the indicators in the terminal."""

from __future__ import annotations

import asyncio
import sys
from functools import partial

from ioc.catalog import Catalog, load
from ioc.centre import live, rebuild
from ioc.cli.common import quiet_libraries, say
from ioc.cli.demo import load_history
from ioc.cli.view import View
from ioc.counting.from_archive import CHUNK
from ioc.embedded import stack
from ioc.errors import WrongGeneration
from ioc.settings import Settings
from ioc.store.clickhouse import Store


def start_detached(settings: Settings) -> None:
    """Start the centre in the background, with the same command; returns when all is ready."""
    again = [sys.executable, "-m", "ioc", *(a for a in sys.argv[1:] if a not in ("-d", "--detach"))]
    stack.detach(settings, again, say)
    found = stack.status(settings.data_dir)
    say(f"the centre is ready (pid {found.pid}); ports {found.ports}; stop it with `ioc down --data '{settings.data_dir}'`")


def start(settings: Settings, demo: tuple[float, str] | None, loading: bool) -> None:
    """Run the centre until Ctrl-C. `demo`: its live events a second, and how much past it loads first; None: there is none."""
    quiet_libraries()
    catalog = load()
    rate, history = demo or (0.0, None)
    with View(catalog) as view:
        centre = stack.Stack(
            settings,
            progress=view.say,
            before_worker=partial(_before_worker, catalog=catalog),
            after_worker=partial(_after_worker, catalog=catalog, history=history, loading=loading),
            demo=["--rate", str(rate), "--history", history] if history is not None else None,
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
