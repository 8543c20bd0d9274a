"""Draw: a panel and its query's answer as a tile, a table (HTML), a ranking or lines (options of ECharts). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import polars as pl

from ioc.boards.geomap import MapPanel
from ioc.boards.panels import BarPanel, LinePanel, StatPanel, TablePanel
from ioc.times import iso
from ioc.wall import lines, maps
from ioc.wall.colours import THEMES, Theme
from ioc.wall.shown import Field, age, clock, color, field, link, milliseconds, parts, text
from ioc.wall.words import LANGUAGES, Words

OLD = 180_000
"""A live value that ends longer ago (ms) is marked: the feed or the counting of it lags. Where nothing happens it moves on
with every heartbeat that is counted."""
THICK = 48
"""Pixels of a bar at most: one alone would fill its panel."""
Chart = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """Who looks: language, theme, and the page's parameters (links keep them)."""

    language: str = "vi"
    theme: str = "dark"
    query: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> Words:
        """The wall's own words."""
        return LANGUAGES[self.language]

    @property
    def colours(self) -> Theme:
        """The theme's colours."""
        return THEMES[self.theme]


def until(frame: pl.DataFrame) -> int | None:
    """The instant the first row counts to (ms), where its query says so."""
    if "until" not in frame.columns or frame.is_empty() or frame["until"][0] is None:
        return None
    return milliseconds(frame["until"][0])


def html(panel: StatPanel | TablePanel, frame: pl.DataFrame, look: Look) -> str:
    """A tile or a table."""
    return _tile(panel, frame, look) if isinstance(panel, StatPanel) else _table(panel, frame, look)


def chart(panel: BarPanel | LinePanel | MapPanel, frame: pl.DataFrame, look: Look, begin: int, end: int) -> Chart:
    """A ranking, a map, or lines over the time range [begin, end] (ms)."""
    if isinstance(panel, MapPanel):
        return maps.chart(panel, frame, look.words, look.colours)
    if isinstance(panel, LinePanel):
        return lines.chart(panel, frame, look.words, look.colours, begin, end)
    return _bars(panel, frame, look)


def _tile(panel: StatPanel, frame: pl.DataFrame, look: Look) -> str:
    reduce = panel.options.reduceOptions
    row: dict[str, Any] = dict.fromkeys(frame.columns) if frame.is_empty() else frame.row(0, named=True)
    names = [name for name in row if name != "until" and re.search(reduce.fields.strip("/"), name)]
    if not names:
        return f'<div class="value faint" data-value="">{escape(panel.fieldConfig.defaults.noValue or look.words.no_data)}</div>'
    first, *others = names
    shown = field(panel.fieldConfig, first)
    small = "".join(_smaller(field(panel.fieldConfig, name), row[name], look.words) for name in others if row[name] is not None)
    if row[first] is None and not shown.mappings:
        return f'<div class="value faint" {_raw(None, until(frame))}>{_large(None, shown, look.words)}</div>'
    painted = "" if panel.options.colorMode == "none" else f' style="{_paint(panel.options.colorMode, color(row[first], shown))}"'
    return f'<div class="value"{painted} {_raw(row[first], until(frame))}>{_large(row[first], shown, look.words)}</div>{small}'


def _large(value: Any, shown: Field, words: Words) -> str:
    whole = text(value, shown, words)
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and whole == " ".join(filter(None, parts(value, shown, words)))
    ):
        digits, unit = parts(value, shown, words)
        return f"{digits}<small>{escape(unit)}</small>" if unit else digits
    return f'<span class="words">{escape(whole)}</span>'


def _smaller(shown: Field, value: Any, words: Words) -> str:
    return f'<div class="more">{escape(shown.name)} <b>{escape(text(value, shown, words))}</b></div>'


def _raw(value: Any, ends: int | None) -> str:
    """The value for scripts and tests: a plain number, and the instant in UTC."""
    plain = "" if value is None else f"{value:.15g}" if isinstance(value, int | float) else str(value)
    return f'data-value="{escape(plain)}"' + (f' data-until="{iso(ends)}"' if ends is not None else "")


def _paint(mode: str, name: str) -> str:
    if mode in ("background", "color-background") and name not in ("text", "transparent"):
        return f"background:var(--{name});color:var(--panel)"
    return f"color:var(--{name})" if name not in ("transparent", "palette") else ""


def _table(panel: TablePanel, frame: pl.DataFrame, look: Look) -> str:
    if frame.is_empty():
        return f'<p class="faint">{escape(panel.fieldConfig.defaults.noValue or look.words.no_data)}</p>'
    columns = [(name, field(panel.fieldConfig, name), _right(frame[name].dtype)) for name in frame.columns]
    head = "".join(f'<th scope="col"{_class(number)}{_width(shown)}>{escape(shown.name)}</th>' for _, shown, number in columns)
    body = "".join(
        "<tr>" + "".join(_cell(row[name], row, shown, number, look) for name, shown, number in columns) + "</tr>"
        for row in frame.iter_rows(named=True)
    )
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if panel.options.showHeader else ''}<tbody>{body}</tbody></table>"


def _right(kind: pl.DataType) -> bool:
    """Numbers and times stand on the right, one below the other."""
    return kind.is_numeric() or kind.is_temporal()


def _cell(value: Any, row: dict[str, Any], shown: Field, number: bool, look: Look) -> str:
    style = f' style="{_paint(shown.cell, color(value, shown))}"' if shown.cell != "auto" else ""
    said = "–" if value is None and not shown.mappings else text(value, shown, look.words)
    target = link(shown, row, look.query)
    inner = f'<a href="{escape(target)}">{escape(said)}</a>' if target else escape(said)
    plain = f' data-value="{value:.15g}"' if isinstance(value, int | float) else ""
    return f"<td{_class(number)}{style}{plain}>{inner}</td>"


def _class(number: bool) -> str:
    return ' class="number"' if number else ""


def _width(shown: Field) -> str:
    return f' style="width:{shown.width}px"' if shown.width else ""


def _bars(panel: BarPanel, frame: pl.DataFrame, look: Look) -> Chart:
    label = panel.options.xField
    values = [name for name in frame.columns if name != label and frame[name].dtype.is_numeric()]
    shown = {name: field(panel.fieldConfig, name) for name in values}
    names = [text(name, field(panel.fieldConfig, label), look.words) for name in frame[label]] if label in frame.columns else []
    colours, font = look.colours, {"color": look.colours.names["text"], "fontSize": 15}
    return {
        "animation": False,
        "aria": {"enabled": True},
        "grid": {"left": 4, "right": 96, "top": 4, "bottom": 4, "outerBoundsMode": "same", "outerBoundsContain": "axisLabel"},
        "xAxis": {"type": "value", "show": False, "min": panel.fieldConfig.defaults.min, "max": panel.fieldConfig.defaults.max},
        "yAxis": {
            "type": "category", "inverse": True, "data": names, "axisTick": {"show": False}, "axisLine": {"show": False},
            "axisLabel": font | {"width": 300, "overflow": "truncate", "interval": 0},
        },
        "legend": {"show": panel.options.legend.showLegend, "bottom": 0, "textStyle": font},
        "series": [
            {
                "type": "bar",
                "name": shown[name].name,
                "barWidth": f"{panel.options.barWidth * 100 / len(values):.0f}%",
                "barMaxWidth": THICK,
                "data": _bar_data(frame[name].to_list(), shown[name], number, look.words, colours),
                "label": font | {"show": True, "position": "right"},
            }
            for number, name in enumerate(values)
        ],
    }  # fmt: skip


def _bar_data(values: Sequence[float | None], shown: Field, number: int, words: Words, colours: Theme) -> list[Chart]:
    return [
        {
            "value": value,
            "label": {"formatter": text(value, shown, words)},
            "itemStyle": {"color": colours.of(color(value, shown), number)},
        }
        for value in values
    ]


def freshness(ends: int | None, now: int | None, wall_clock: int | None, look: Look) -> str:
    """What stands below a tile, as HTML: until when, and how long ago (`wall_clock` None: of a run, by its now)."""
    if ends is None:
        return ""
    passed = (now if wall_clock is None else wall_clock) or ends
    old = wall_clock is not None and wall_clock - ends > OLD
    same_day = clock(ends, "DD/MM/YYYY") == clock(passed, "DD/MM/YYYY")
    told = look.words.until.format(clock(ends, "HH:mm:ss" if same_day else "HH:mm:ss DD/MM/YYYY"))
    line = escape(f"{told} · {look.words.ago.format(age(passed - ends, look.words))}")
    return f'<span class="old">{line}</span>' if old else line
