"""View: what a link to the wall asks for, and the head of a page: tabs, choices, band and banner, as HTML. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

import polars as pl

from ioc.boards.expand import span
from ioc.boards.model import AnyVariable, CustomVariable, Dashboard
from ioc.text import nfc
from ioc.wall.colours import THEMES
from ioc.wall.draw import Look
from ioc.wall.shown import clock
from ioc.wall.words import LANGUAGES, STATES, Words

FIRST = "ioc-overview"
RUN = "run"
"""The variable that names the database."""
Choices = Sequence[tuple[str, str]]
"""Values and their texts."""


@dataclass(frozen=True)
class View:
    """What one page shows: a board, its variables' values, a time range, a language and a theme."""

    board: Dashboard
    values: dict[str, str]
    range: str
    look: Look

    @property
    def database(self) -> str:
        """Where the numbers come from."""
        return self.values[RUN]

    @property
    def span(self) -> int | None:
        """The time range in ms, None: all."""
        return span(self.range)


def view(boards: Mapping[str, Dashboard], query: Mapping[str, str]) -> View:
    """The page a link asks for; what it leaves out or misspells is as the board opens."""
    lang = query.get("lang", "vi") if query.get("lang") in LANGUAGES else "vi"
    theme = query.get("theme", "dark") if query.get("theme") in THEMES else "dark"
    uid = query.get("board", FIRST)
    board = next((boards[name] for name in (named(uid, lang), named(FIRST, lang), FIRST) if name in boards), None)
    board = board or next(iter(boards.values()))
    values = {v.name: nfc(query.get(v.name) or v.current.value) for v in board.templating.list}
    words = LANGUAGES[lang]
    opened = board.time.begin.removeprefix("now-")
    chosen = query.get("range", opened)
    kept = {"board": plain(board.uid), **values, "range": chosen, "lang": lang, "theme": theme}
    chosen = chosen if chosen in words.ranges or chosen == opened else opened
    return View(board, values, chosen, Look(lang, theme, tuple((kept | {"range": chosen}).items())))


def named(uid: str, lang: str) -> str:
    """The board's uid in a language."""
    return plain(uid) + ("-en" if lang == "en" else "")


def plain(uid: str) -> str:
    """What a board is called in links, whatever its language."""
    return uid.removesuffix("-en")


def short(title: str) -> str:
    """A board's title beside its sisters: on the wall each need not say that it is of the center."""
    return title.removeprefix("IOC · ")


def tabs(boards: Mapping[str, Dashboard], shown: View) -> str:
    """The boards of the page's language."""
    links = [
        f'<a href="{escape(to(shown, board=plain(uid)))}"{_current(uid == shown.board.uid)}>{escape(short(board.title))}</a>'
        for uid, board in sorted(boards.items(), key=lambda item: plain(item[0]) != FIRST)
        if board.language == shown.board.language
    ]
    return f'<nav aria-label="{escape(shown.look.words.boards)}">{"".join(links)}</nav>'


def form(shown: View, choices: Mapping[str, Choices]) -> str:
    """The choices: the board's variables, time range, language, theme. Plain form fields: they need no mouse and make a link."""
    words = shown.look.words
    ranges = {shown.range: shown.range} | words.ranges
    fields = [_select(v.name, v.label, choices[v.name], shown.values[v.name]) for v in shown.board.templating.list]
    fields.append(_select("range", words.range, list(ranges.items()), shown.range))
    fields.append(_select("lang", words.language, [("vi", "Tiếng Việt"), ("en", "English")], shown.look.language))
    fields.append(_select("theme", words.theme, list(words.themes.items()), shown.look.theme))
    board = escape(plain(shown.board.uid))
    return f'<form method="get" action="/"><input type="hidden" name="board" value="{board}">{"".join(fields)}</form>'


def offered(variable: AnyVariable, found: pl.DataFrame | None, value: str) -> Choices:
    """A variable's values: declared, or found by its query (None: not yet); the chosen one is always among them."""
    if isinstance(variable, CustomVariable):
        known = [(choice.value, choice.text) for choice in variable.options]
    else:
        known = [] if found is None else [(str(row[0]), str(row[-1] if len(row) == 1 else row[1])) for row in found.rows()]
    if any(value == name for name, _ in known):
        return known
    text = variable.current.text if value == variable.current.value else value
    return [(value, text), *known]


def band(shown: View, run: str, state: str, away: bool, stopped: Sequence[tuple[str, str]] = ()) -> str:
    """The mark of a run, and the banners of an absent store and of services that have stopped (name, why)."""
    words = shown.look.words
    found = ""
    if run:
        told = STATES[shown.look.language].get(state, state) or "?"
        found += f'<div class="band run" role="status" data-testid="run-band">{escape(words.run.format(run, told))}</div>'
    if away:
        found += f'<div class="band away" role="alert" data-testid="store-away">{escape(words.store_away)}</div>'
    for name, why in stopped:
        found += f'<div class="band away" role="alert" data-testid="stopped">{escape(words.stopped.format(name, why))}</div>'
    return found


def clocks(now: int | None, words: Words) -> str:
    """Until when the numbers of the page go."""
    return "" if now is None else escape(words.now.format(clock(now, "HH:mm:ss DD/MM/YYYY")))


def to(shown: View, **other: str) -> str:
    """The link to this page with other parameters."""
    return "/?" + urlencode(dict(shown.look.query) | other)


def _current(here: bool) -> str:
    return ' aria-current="page"' if here else ""


def _select(name: str, label: str, choices: Choices, chosen: str) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in choices
    )
    return f'<label>{escape(label)}<select name="{escape(name)}" onchange="this.form.submit()">{options}</select></label>'
