"""Derive: the boards that follow from the declarations: an overview and one board a stream, each in every language."""

from __future__ import annotations

from collections.abc import Sequence

from ioc.boards import groups, sql, tables
from ioc.boards.build import Builder
from ioc.boards.model import (
    AnyVariable,
    Choice,
    CustomVariable,
    Dashboard,
    Link,
    QueryVariable,
    Templating,
    TimeRange,
)
from ioc.boards.panel import GridPos
from ioc.boards.panels import AnyPanel
from ioc.boards.words import LANGUAGES, Words
from ioc.catalog import Catalog
from ioc.errors import DeclarationError
from ioc.units.listed import rows
from ioc.vocabulary import ALL, Board, Indicator, Stream

FOLDER = "grafana/boards"
OVERVIEW = "overview"
TILES = 5
"""Tiles side by side on the board of a stream at most: a narrower one cuts its title."""
USUAL = "1d"
"""The window a board opens with."""


def files(catalog: Catalog) -> dict[str, str]:
    """`grafana/boards/<uid>.json`: path -> text."""
    return {f"{FOLDER}/{board.uid}.json": board.text() for board in boards(catalog)}


def boards(catalog: Catalog) -> list[Dashboard]:
    """All boards: of each language the overview, then those of every stream that declares its board."""
    shown = [(stream, stream.board) for stream in catalog.streams if stream.board is not None]
    for stream, board in shown:
        _check_choices(stream, board)
        for one in (board, *stream.more_boards):
            _check_opens(stream, one)
    each = [(stream, board) for stream, first in shown for board in (first, *stream.more_boards)]
    found = []
    for words in LANGUAGES:
        names = {OVERVIEW: words.overview} | {board.name: words.of(board.vi, board.en) for _, board in each}
        found.append(_overview(words, names, shown))
        found += [_of_stream(words, names, stream, board, [s for s, _ in shown]) for stream, board in each]
    return found


def uid(name: str, words: Words) -> str:
    """The uid of a board in a language: Vietnamese is the one without a mark."""
    return f"ioc-{name}" + ("" if words is LANGUAGES[0] else f"-{words.language}")


def _overview(words: Words, names: dict[str, str], shown: Sequence[tuple[Stream, Board]]) -> Dashboard:
    make = Builder(words)
    tiles = [(stream, stream.indicator(name)) for stream, board in shown for name in board.overview_tiles]
    rankings = [make.ranking(s, s.indicator(name), by) for s, board in shown for name, by in board.overview_rankings]
    ahead = [make.ahead(s, s.indicator(name)) for s, board in shown for name in board.overview_ahead]
    streams = [stream for stream, _ in shown]
    alerts = tables.alerts(words, [i for s in streams for i in s.indicators])
    panels = _placed(
        [
            (2, [make.state(uid(OVERVIEW, words))]),
            (5, [make.tile(stream, indicator) for stream, indicator in tiles]),
            (11, [*rankings, *ahead]),
            (9, [alerts, tables.feeds(words, streams)]),
        ]
    )
    choosing = [s for s, b in shown if b.overview_tiles or b.overview_rankings or b.overview_ahead]
    return _board(words, names, OVERVIEW, [(stream, ALL) for stream in choosing], [indicator for _, indicator in tiles], panels)


def _of_stream(words: Words, names: dict[str, str], stream: Stream, board: Board, streams: Sequence[Stream]) -> Dashboard:
    make = Builder(words)
    tiles = [stream.indicator(name) for name in board.tiles]
    lines = [[stream.indicator(name) for name in some] for some in board.lines]
    rankings = [(stream.indicator(name), by) for name, by in board.rankings]
    maps = [make.map(stream, stream.indicator(name), of) for name, of in board.maps]
    ahead = [make.ahead(stream, stream.indicator(name)) for name in board.ahead]
    panels = _placed(
        [
            (2, [make.state(uid(board.name, words))]),
            *((5, [make.tile(stream, indicator) for indicator in some]) for some in _rows(tiles)),
            (9, [make.lines(stream, some) for some in lines]),
            (11, [*maps, *(make.ranking(stream, indicator, by) for indicator, by in rankings), *ahead]),
            *([(12, [tables.feeds(words, streams, contacts=True)])] if board.feeds else []),
        ]
    )
    indicators = [
        *tiles,
        *(i for some in lines for i in some),
        *(i for i, _ in rankings),
        *(stream.indicator(name) for name, _ in board.maps),
    ]
    return _board(words, names, board.name, [(stream, board.opens)], indicators, panels)


def _check_choices(stream: Stream, board: Board) -> None:
    """What is shown of a chosen group is rolled by the leaves of every group that may be chosen; a value against a limit of its
    own is not shown then."""
    shown = {*board.tiles, *(name for some in board.lines for name in some), *board.ahead, *board.overview_tiles}
    for name in board.choices:
        if stream.rollup(name) is None or name not in board.names:
            there = ", ".join(rollup.name for rollup in stream.rollups) or "none"
            said = f"choice {name!r} is a rollup with a title in `names`; there are {there}"
            raise DeclarationError(f"board of {stream.name}: {said}")
        for indicator in map(stream.indicator, sorted(shown | {*board.overview_ahead})):
            if groups.shows(stream, indicator) and stream.leaves((name,)) not in indicator.groupings:
                said = f"{indicator.name} is not rolled by {stream.leaves((name,))}"
                raise DeclarationError(f"board of {stream.name}: {said}, so no {name} of it can be chosen")


def _check_opens(stream: Stream, board: Board) -> None:
    """What has no sum over the first dimension is shown of one of its values, so the board opens with one; of another dimension
    none is chosen. The overview opens with all."""
    first = stream.dimensions[0]
    for name in (*board.tiles, *(name for some in board.lines for name in some), *board.ahead):
        for lacking in stream.indicator(name).each:
            if lacking != first or board.opens == ALL:
                right = "say with which the board opens=..." if lacking == first else f"a board chooses by {first}"
                raise DeclarationError(f"board of {stream.name}: {name} is told of each {lacking}; {right}")
    for name in (*board.overview_tiles, *board.overview_ahead):
        if each := stream.indicator(name).each:
            raise DeclarationError(f"board of {stream.name}: {name} is told of each {each[0]}; the overview shows sums over all")


def _rows(tiles: Sequence[Indicator]) -> list[Sequence[Indicator]]:
    """The tiles in rows of about the same length."""
    rows = max(-(-len(tiles) // TILES), 1)
    length = -(-len(tiles) // rows)
    return [tiles[n * length : (n + 1) * length] for n in range(rows)]


def _board(
    words: Words,
    names: dict[str, str],
    name: str,
    opening: Sequence[tuple[Stream, str]],
    indicators: Sequence[Indicator],
    panels: tuple[AnyPanel, ...],
) -> Dashboard:
    make = Builder(words)
    run = QueryVariable(
        name="run",
        label=words.source,
        current=Choice(text=words.live, value="ioc"),
        query=sql.runs(words),
        definition=sql.runs(words),
    )
    chosen = [
        QueryVariable(
            name=stream.dimensions[0],
            label=make.dimension(stream, stream.dimensions[0]),
            current=_opening(stream, value, words),
            query=sql.groups(stream, words),
            definition=sql.groups(stream, words),
        )
        for stream, value in opening
    ]
    variables: list[AnyVariable] = [run, *chosen]
    if windows := sql.windows(indicators):
        variables.append(_windows(words, windows))
    links = [Link(title=title, url=f"/d/{uid(other, words)}") for other, title in names.items() if other != name]
    links += [Link(title=other.own_name, url=f"/d/{uid(name, other)}", icon="doc") for other in LANGUAGES if other is not words]
    return Dashboard(
        uid=uid(name, words),
        title=f"IOC · {names[name]}",
        tags=("ioc", words.language),
        time=TimeRange(begin="now-7d"),
        templating=Templating(list=tuple(variables)),
        links=tuple(links),
        panels=panels,
    )


def _opening(stream: Stream, value: str, words: Words) -> Choice:
    """The value a board opens with, by its name.  Raises DeclarationError where no file of the stream's units names it."""
    if value == ALL:
        return Choice(text=words.everything, value=ALL)
    named = {row.code: row.name for path in stream.units for row in rows(path)}
    if value not in named:
        raise DeclarationError(f"board of {stream.name}: opens={value!r} is no value that its units name")
    return Choice(text=named[value], value=value)


def _windows(words: Words, windows: Sequence[str]) -> CustomVariable:
    usual = USUAL if USUAL in windows else windows[0]
    return CustomVariable(
        name="window",
        label=words.window,
        current=Choice(text=words.windows[usual], value=usual),
        query=", ".join(f"{words.windows[w]} : {w}" for w in windows),
        options=tuple(Choice(text=words.windows[w], value=w, selected=w == usual) for w in windows),
    )


def _placed(rows: Sequence[tuple[int, Sequence[AnyPanel]]]) -> tuple[AnyPanel, ...]:
    """The panels row by row, those of a row side by side over all 24 columns. A row: (height, panels)."""
    found: list[AnyPanel] = []
    y = 0
    for height, panels in rows:
        edges = [round(24 * n / len(panels)) for n in range(len(panels) + 1)] if panels else []
        for panel, x, end in zip(panels, edges, edges[1:], strict=False):
            found.append(panel.model_copy(update={"gridPos": GridPos(x=x, y=y, w=end - x, h=height)}))
        y += height if panels else 0
    return tuple(found)
