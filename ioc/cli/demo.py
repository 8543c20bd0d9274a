"""Demo: a believable Thanh Hóa: its past, which is loaded once, and its life from then on."""

from __future__ import annotations

import asyncio
import signal

from ioc.catalog import Catalog, load
from ioc.centre import live
from ioc.cli.common import quiet_libraries, say
from ioc.cli.screen import bar, err
from ioc.kafka import bounds
from ioc.province.demo import run_history, run_live, wall_ms
from ioc.province.demo_state import open_province, remembered
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.times import duration


def load_history(settings: Settings, catalog: Catalog, history: str, seed: int = 56, bad: float = 0.0005) -> None:
    """Load the demo's past, once a data folder, and wait until it is counted."""
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


def feed(settings: Settings, rate: float, history: str, seed: int, bad: float) -> None:
    """Load the past if that was not done, then send `rate` events a second until told to end."""
    quiet_libraries()
    catalog = load()
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
