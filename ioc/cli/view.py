"""View: the indicators in a terminal, as long as the centre runs."""

from __future__ import annotations

import threading
import time
from importlib.util import find_spec

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ioc.asking import read
from ioc.catalog import Catalog
from ioc.centre import live
from ioc.cli.common import local, number, say
from ioc.cli.screen import out
from ioc.errors import IocError
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.vocabulary import Indicator

EVERY = 1.0
"""Seconds between two looks."""
SHARE = 5
"""Looking takes at most about a sixth of the time: a large store slows the view, never the worker."""
LATE = 30_000
"""A live centre whose now lags the wall clock by more than this (ms) has no feed."""


class View:
    """Shows the indicators beside the supervisor, from `start` until the block ends (a terminal gets its cursor back)."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self._ended = catalog, threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(10)

    def say(self, message: str) -> None:
        """A message of the supervisor; once it stops its children there is nothing more to show."""
        if message.startswith("stopping"):
            self._stop()
        say(message)

    def start(self, settings: Settings) -> None:
        """All is ready."""
        way_out = "   Ctrl-C stops everything" if out.is_terminal else ""  # in the background there is no Ctrl-C
        if find_spec("nicegui"):
            say(f"the wall: http://127.0.0.1:{settings.wall_port}/")
        say(f"gateway: http://127.0.0.1:{settings.gateway_port}/docs   data: {settings.data_dir}{way_out}")
        self._thread = threading.Thread(target=_show, args=(settings, self._catalog, self._ended), daemon=True)
        self._thread.start()


def _show(settings: Settings, catalog: Catalog, ended: threading.Event) -> None:
    store = Store(settings, readonly=True)
    before: tuple[float, int] | None = None
    with Live(console=out, auto_refresh=False, transient=True) as screen:
        while not ended.is_set():
            began = time.monotonic()
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
                screen.update(f"waiting: {error}", refresh=True)
            ended.wait(max(EVERY if out.is_terminal else 10 * EVERY, SHARE * (time.monotonic() - began)))


def _line(store: Store, catalog: Catalog) -> str:
    first = [one for s in catalog.streams for one in [i for i in s.indicators if not i.each][:1]]
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
        for indicator in (one for one in stream.indicators if not one.each):
            answer = read.value(store, catalog, indicator.name)[0]
            shown.add_row(indicator.vi, indicator.name, number(answer.value), indicator.unit, _window(indicator, answer.window))
        shown.add_section()
    return Group(head, Text(), shown)


def _window(indicator: Indicator, window: str) -> str:
    return "hiện tại / now" if indicator.level else window
