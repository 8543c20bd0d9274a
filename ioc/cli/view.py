"""View: the indicators in a terminal, as long as the centre runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ioc import live, read
from ioc.catalog import Catalog
from ioc.cli.common import local, number, out, say
from ioc.clickhouse import Store
from ioc.errors import IocError
from ioc.settings import Settings
from ioc.vocabulary import Indicator

EVERY = 1.0
"""Seconds between two looks."""
LATE = 30_000
"""A live centre whose now lags the wall clock by more than this (ms) has no feed."""


def watch(settings: Settings, catalog: Catalog, stop: Callable[[], None]) -> None:
    """Show the indicators until the centre stops; runs beside the supervisor."""
    say(f"gateway: http://127.0.0.1:{settings.gateway_port}/docs   data: {settings.data_dir}   Ctrl-C stops everything")
    threading.Thread(target=_show, args=(settings, catalog), daemon=True).start()


def _show(settings: Settings, catalog: Catalog) -> None:
    store = Store(settings, readonly=True)
    before: tuple[float, int] | None = None
    with Live(console=out, auto_refresh=False, transient=True) as screen:
        while True:
            try:
                positions = sum(live.counted(store, catalog).values())
                now = time.monotonic()
                rate = 0.0 if before is None else (positions - before[1]) / (now - before[0])
                before = (now, positions)
                if out.is_terminal:
                    screen.update(_board(store, catalog, positions, rate), refresh=True)
                else:
                    say(f"{positions:,} records counted, {rate:.0f}/s; {_line(store, catalog)}")
            except IocError as error:
                screen.update(Text(f"waiting: {error}"), refresh=True)
            time.sleep(EVERY if out.is_terminal else 10 * EVERY)


def _line(store: Store, catalog: Catalog) -> str:
    first = [s.indicators[0] for s in catalog.streams]
    return ", ".join(f"{i.name} {number(read.value(store, catalog, i.name)[0].value)} {i.unit}" for i in first)


def _board(store: Store, catalog: Catalog, positions: int, rate: float) -> Group:
    now = read.now(store)
    lag = None if now is None else time.time_ns() // 1_000_000 - now
    fresh = (
        "chưa có dữ liệu / no data yet"
        if lag is None
        else ""
        if lag < LATE
        else f"   KHÔNG CÓ DỮ LIỆU MỚI / no feed for {lag // 1000} s"
    )
    rejects = store.query("SELECT count() AS n FROM rejects")["n"][0]
    head = Text(
        f"{local(now)}{fresh}   {positions:,} bản ghi / records ({rate:.0f}/s)   {rejects:,} từ chối / rejected", style="bold"
    )
    shown = Table(box=None, pad_edge=False)
    for title in ("Chỉ số", "Indicator", "Giá trị", "Đơn vị", "Cửa sổ"):
        shown.add_column(title, justify="right" if title == "Giá trị" else "left")
    for stream in catalog.streams:
        for indicator in stream.indicators:
            answer = read.value(store, catalog, indicator.name)[0]
            shown.add_row(indicator.vi, indicator.name, number(answer.value), indicator.unit, _window(indicator, answer.window))
        shown.add_section()
    return Group(head, Text(), shown)


def _window(indicator: Indicator, window: str) -> str:
    return "hiện tại / now" if indicator.level else window
