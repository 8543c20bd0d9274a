"""Maps: sites where they stand, as an option of ECharts: points on degrees, without tiles, so without a foreign host. Pure.

ECharts knows no labels that make room for each other (in the build at hand), so they are placed here, by what a panel is large
about: the highest values first, each beside its point where nothing stands yet, or not at all; the tooltip names every point.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, radians
from typing import Any, NamedTuple

import polars as pl

from ioc.boards.geomap import MapPanel
from ioc.wall.colours import Theme
from ioc.wall.shown import field, text
from ioc.wall.words import Words

ROW, COLUMN = 37, 66
"""Pixels of a row and a column of a board on a wall, about: a degree shall be as long to the north as to the east."""
ABOVE, BESIDE = 100, 70
"""Pixels of a panel that are no map: title, scale and time; its edges and the numbers of its axis."""
AROUND = 0.08
"""The share of its sites' extent that a map shows beyond them on each side."""
LEAST = 0.02
"""Degrees that a map shows at least."""
LETTER, LINE = 7, 16
"""Pixels of a letter and a line of a name, about."""


class Box(NamedTuple):
    """A rectangle: from x0, y0 to x1, y1."""

    x0: float
    y0: float
    x1: float
    y1: float

    def within(self, other: Box) -> bool:
        """Whether all of it lies within the other."""
        return other.x0 <= self.x0 and self.x1 <= other.x1 and other.y0 <= self.y0 and self.y1 <= other.y1

    def meets(self, other: Box) -> bool:
        """Whether both have a place in common."""
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1


def chart(panel: MapPanel, frame: pl.DataFrame, words: Words, colours: Theme) -> dict[str, Any]:
    """The option. What has no value is a ring."""
    style, defaults = panel.options.style, panel.fieldConfig.defaults
    shown, of = field(panel.fieldConfig, style.color.field), style.color.field
    rows = sorted(frame.rows(named=True), key=lambda row: (row[of] is None, -(row[of] or 0)))
    known = [row[of] for row in rows if row[of] is not None]
    low = defaults.min if defaults.min is not None else min(known, default=0)
    high = defaults.max if defaults.max is not None else max(known, default=1)
    sizes = [2 * (style.size.min + _share(row[of], low, high) * (style.size.max - style.size.min)) for row in rows]
    width, height = panel.gridPos.w * COLUMN - BESIDE, panel.gridPos.h * ROW - ABOVE
    seen = _seen(frame, width / height)
    places = _labels(rows, sizes, seen, (width, height), style.text.field)
    points = [
        {
            "name": f"{row[style.text.field]}: {text(row[of], shown, words)}",
            "value": [row["longitude"], row["latitude"], row[of]],
            "symbolSize": size,
            "label": {"show": place is not None, "position": place, "formatter": row[style.text.field]},
        }
        for row, size, place in zip(rows, sizes, places, strict=True)
    ]
    font, names = {"color": colours.faint, "fontSize": 13}, colours.names
    degrees = f"v => v.toLocaleString({words.locale!r}) + '°'"
    axis = {
        "type": "value", "axisLine": {"show": False}, "splitLine": {"lineStyle": {"color": colours.line}},
        "axisLabel": font | {":formatter": degrees, "hideOverlap": True, "showMinLabel": False, "showMaxLabel": False},
    }  # fmt: skip
    common = {
        "type": "scatter", "emphasis": {"scale": 1.2}, "label": {"color": names["text"], "fontSize": 13},
    }  # fmt: skip
    ring = {"color": "transparent", "borderColor": colours.faint, "borderWidth": 2}
    return {
        "animation": False,
        "aria": {"enabled": True},
        "grid": {"left": 4, "right": 8, "top": 6, "bottom": 34, "outerBoundsMode": "same", "outerBoundsContain": "axisLabel"},
        "xAxis": axis | {"min": seen.x0, "max": seen.x1},
        "yAxis": axis | {"min": seen.y0, "max": seen.y1},
        "tooltip": {
            "trigger": "item", "formatter": "{b}", "confine": True, "backgroundColor": colours.panel, "borderColor": colours.line,
            "textStyle": {"color": names["text"]},
        },
        "visualMap": {
            "type": "continuous", "min": low, "max": high, "dimension": 2, "seriesIndex": 0, "orient": "horizontal",
            "left": "center", "bottom": 0, "itemWidth": 14, "itemHeight": 180, "textStyle": font, "calculable": False,
            "text": [text(high, shown, words), text(low, shown, words)],
            "inRange": {"color": [names[name] for name in ("blue", "green", "yellow", "orange", "red")]},
        },
        "series": [
            common | {"data": points[: len(known)], "itemStyle": {"opacity": 1, "borderColor": colours.panel, "borderWidth": 1}},
            common | {"data": points[len(known) :], "itemStyle": ring},
        ],
    }  # fmt: skip


def _share(value: float | None, low: float, high: float) -> float:
    return 0.0 if value is None or high <= low else min(max((value - low) / (high - low), 0.0), 1.0)


def _seen(frame: pl.DataFrame, wide: float) -> Box:
    """The degrees that are shown: all sites, in the middle of a panel that is so many times as wide as it is high."""
    if frame.is_empty():
        return Box(0, 0, 1, 1)
    spans = []
    for name in ("longitude", "latitude"):
        least, most = min(frame[name].to_list()), max(frame[name].to_list())
        spans.append(((least + most) / 2, max((most - least) * (1 + 2 * AROUND), LEAST)))
    (x, width), (y, height) = spans
    squeezed = cos(radians(y))
    height, width = max(height, width * squeezed / wide), max(width, height * wide / squeezed)
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _labels(
    rows: list[dict[str, Any]], sizes: list[float], seen: Box, pixels: tuple[float, float], name: str
) -> list[str | None]:
    """Where the name of each row stands, beside its point; None: nowhere is room."""
    scale = pixels[0] / (seen.x1 - seen.x0), pixels[1] / (seen.y1 - seen.y0)
    middles = [((row["longitude"] - seen.x0) * scale[0], (seen.y1 - row["latitude"]) * scale[1]) for row in rows]
    taken = [Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2) for (x, y), size in zip(middles, sizes, strict=True)]
    whole, found = Box(0, 0, *pixels), list[str | None]()
    for row, (x, y), size in zip(rows, middles, sizes, strict=True):
        places = _around(x, y, size / 2 + 5, LETTER * len(row[name]))
        free = [(place, box) for place, box in places.items() if box.within(whole) and not any(map(box.meets, taken))]
        found.append(free[0][0] if free else None)
        taken += [box for _, box in free[:1]]
    return found


def _around(x: float, y: float, off: float, width: float) -> Mapping[str, Box]:
    """The rectangles a name may take, the best first."""
    half = LINE / 2
    return {
        "top": Box(x - width / 2, y - off - LINE, x + width / 2, y - off),
        "right": Box(x + off, y - half, x + off + width, y + half),
        "left": Box(x - off - width, y - half, x - off, y + half),
        "bottom": Box(x - width / 2, y + off, x + width / 2, y + off + LINE),
    }
