"""Page: the only file that knows NiceGUI: lays a board's panels out and sends over a websocket what has changed."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from html import escape
from pathlib import Path

from fastapi import FastAPI, Request
from nicegui import ui

from ioc.boards.expand import filled
from ioc.boards.geomap import MapPanel
from ioc.boards.model import Dashboard, QueryVariable
from ioc.boards.panels import AnyPanel, BarPanel, LinePanel
from ioc.wall import draw, view
from ioc.wall.colours import THEMES, variables
from ioc.wall.data import Fetched, Pulse, Question, Wall

EVERY = 0.5
"""Seconds between two looks of a page at its answers."""
LOW = 2
"""Panels of this height (rows) have their title beside the value, not above."""
STYLE = Path(__file__).with_name("wall.css").read_text(encoding="utf-8")


def attach(app: FastAPI, wall: Wall, boards: Mapping[str, Dashboard]) -> None:
    """Put the wall's page into the application."""

    @ui.page("/", title="IOC")
    def page(request: Request) -> None:
        asked = request.query_params
        Page(wall, boards, view.view(boards, {**asked, view.RUN: wall.database(asked.get(view.RUN))}))

    ui.run_with(
        app,
        title="IOC",
        tailwind=False,
        dark=None,
        show_welcome_message=False,
        reconnect_timeout=30,
        binding_refresh_interval=None,
    )


class Page:
    """One viewer's page."""

    def __init__(self, wall: Wall, boards: Mapping[str, Dashboard], shown: view.View) -> None:
        self.wall, self.shown = wall, shown
        look = shown.look
        ui.page_title(f"{view.short(shown.board.title)} · IOC")
        ui.add_css(f":root{{{variables(THEMES[look.theme])}color-scheme:{look.theme}}}\n{STYLE}", shared=False)
        ui.add_head_html(f'<script>document.documentElement.lang = "{look.language}"</script>')
        with ui.element("header").classes("head"):
            _html(view.tabs(boards, shown))
            self.form = _html("")
            self.now = _html("").classes("now")
        self.band = _html("")
        rows = max((p.gridPos.y + p.gridPos.h for p in shown.board.panels), default=1)
        with ui.element("div").classes("board").style(f"--rows:{rows}"):
            self.panels = [Painted(panel, self._question(panel), shown) for panel in shown.board.panels]
        self.renew()
        ui.timer(EVERY, self.renew)

    def renew(self) -> None:
        """Show what is known by now."""
        pulse, wall_clock = self.wall.pulse(self.shown.database), time.time_ns() // 1_000_000
        live = self.shown.database == self.wall.settings.clickhouse_database
        lost = self.wall.lost(self.shown.database, pulse)
        words = self.shown.look.words
        self.form.content = view.form(self.shown, {v.name: self._offered(v.name) for v in self.shown.board.templating.list})
        self.band.content = view.band(self.shown, pulse.run, pulse.state, pulse.silent(), self.wall.stopped(self.shown.database))
        self.now.content = view.clocks(pulse.now, words)
        for painted in self.panels:
            painted.renew(self.wall.answer(painted.question), pulse, wall_clock if live else None, lost)

    def _question(self, panel: AnyPanel) -> Question:
        return Question(self.shown.database, filled(panel.targets[0].rawSql, self.shown.values), self.shown.span)

    def _offered(self, name: str) -> view.Choices:
        variable = next(v for v in self.shown.board.templating.list if v.name == name)
        found = None
        if isinstance(variable, QueryVariable):
            found = self.wall.answer(
                Question(self.shown.database, filled(variable.query, self.shown.values), self.shown.span)
            ).frame
        return view.offered(variable, found, self.shown.values[name])


class Painted:
    """A panel on a page."""

    def __init__(self, panel: AnyPanel, question: Question, shown: view.View) -> None:
        self.panel, self.question, self.look = panel, question, shown.look
        self._drawn: object = None
        at = panel.gridPos
        kind = "chart" if isinstance(panel, BarPanel | LinePanel | MapPanel) else panel.type
        section = (
            ui.element("section")
            .classes(f"panel {kind}{' low' if at.h <= LOW else ''}")
            .props(f"data-testid=tile-{panel.id} aria-labelledby=title-{panel.id}")
        )
        section.style(f"grid-area:{at.y + 1}/{at.x + 1}/span {at.h}/span {at.w}")
        with section:
            heading = ui.element("h2").props(f"id=title-{panel.id}")
            with heading:
                ui.label(panel.title)
            if panel.description:
                heading.props["title"] = panel.description
            self.note = _html(f'<span class="faint">{self.look.words.starting}</span>').classes("note")
            if kind == "chart":
                self.chart = ui.echart({}).classes("body").props("role=img tabindex=0")
                self.chart.props["aria-label"] = panel.title
            else:
                self.body = _html("").classes("body")
            self.fresh = _html("").classes("fresh")

    def renew(self, answer: Fetched, pulse: Pulse, wall_clock: int | None, lost: bool) -> None:
        """Draw a new answer; tell what is wrong, and how old the numbers are."""
        words, frame = self.look.words, answer.frame
        if answer.error and not answer.away:
            self.note.content = f'<span class="error" role="alert">{escape(words.refused.format(plain(answer.error)))}</span>'
        elif frame is not None or pulse.away:
            self.note.content = ""
        if frame is None:
            return
        if frame is not self._drawn:
            self._draw(answer)
        ends = draw.until(frame)
        told = draw.freshness(answer.end if ends is None else ends, pulse.now, wall_clock, self.look)
        self.fresh.content = f'<b class="error">{words.no_feed}</b> · {told}' if lost else told

    def _draw(self, answer: Fetched) -> None:
        panel, frame = self.panel, answer.frame
        assert frame is not None
        self._drawn = frame
        if isinstance(panel, BarPanel | LinePanel | MapPanel):
            option = draw.chart(panel, frame, self.look, answer.begin, answer.end)
            if option != self.chart.options:
                self.chart.options.clear()
                self.chart.options.update(option)
                self.chart.update()
        else:
            self.body.content = draw.html(panel, frame, self.look)


def plain(error: str) -> str:
    """What the store said, without its codes and the query.

    >>> plain("Received ClickHouse exception, code: 60. DB::Exception: Unknown table 'v'. In scope SELECT 1")
    "Unknown table 'v'"
    """
    return re.split(r"\.? (?:In scope|Maybe you meant|\(for url|While executing)", error.rpartition("DB::Exception: ")[2])[0]


def _html(content: str) -> ui.html:
    """HTML that is ours: every value in it was escaped."""
    return ui.html(content, sanitize=False)
