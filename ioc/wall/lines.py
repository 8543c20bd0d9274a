"""Lines: a time series panel as an option of ECharts, its time axis in the province's time. Pure.

ECharts knows two zones only, the browser's and UTC. The axis is UTC, and times are given as the province's clock shows them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from ioc.boards.panels import LinePanel
from ioc.times import PROVINCE, SECOND, to_datetime
from ioc.wall.colours import Theme
from ioc.wall.shown import Field, color, field, milliseconds
from ioc.wall.words import Words

TIME = "time"
Points = list[list[float | None]]
"""Instants (ms) and values."""
_AXIS = {
    "year": "{yyyy}", "month": "{MM}/{yyyy}", "day": "{dd}/{MM}", "hour": "{HH}:{mm}", "minute": "{HH}:{mm}",
    "second": "{HH}:{mm}:{ss}", "millisecond": "{HH}:{mm}:{ss}", "none": "{dd}/{MM}/{yyyy} {HH}:{mm}",
}  # fmt: skip


def chart(panel: LinePanel, frame: pl.DataFrame, words: Words, colours: Theme, begin: int, end: int) -> dict[str, Any]:
    """The option for the time range [begin, end] (ms)."""
    series, defaults = _series(frame), panel.fieldConfig.defaults
    shown = {name: field(panel.fieldConfig, name) for name in series}
    font = {"color": colours.faint, "fontSize": 14}
    legend, main = panel.options.legend, next(iter(shown.values()), field(panel.fieldConfig, ""))
    right = legend.showLegend and legend.placement == "right"
    bands = [(name, shown[name].below) for name in series if shown[name].below in series]
    plain = [name for name in series if not any(name in band for band in bands)]
    paints = {name: colours.of(color(_last(series[name]), shown[name]), number) for number, name in enumerate(plain)}
    drawn = [_line(panel, shown[name], series[name], paints[name], words) for name in plain]
    for high, low in bands:
        of = next((name for name in plain if low.startswith(name)), plain[0])
        drawn += _band(panel, series[low], series[high], paints[of], low)
    if drawn and (marks := _thresholds(panel, main, colours)):
        drawn[0]["markLine"] = marks
    return {
        "animation": False,
        "aria": {"enabled": True},
        "useUTC": True,
        "grid": {
            "left": 4, "right": 190 if right else 18, "top": 14, "bottom": 34 if legend.showLegend and not right else 4,
            "outerBoundsMode": "same", "outerBoundsContain": "axisLabel",
        },
        "legend": {
            "show": legend.showLegend and bool(drawn), "type": "scroll",
            "data": [shown[name].name for name in plain], "textStyle": font | {"color": colours.names["text"]},
            "icon": "roundRect", "itemHeight": 4,
            "pageTextStyle": font, "pageIconColor": colours.names["text"],
            **({"orient": "vertical", "right": 0, "top": 8} if right else {"bottom": 0, "left": "center"}),
        },
        "tooltip": {
            "trigger": "axis" if panel.options.tooltip.mode == "multi" else "item",
            "order": "valueDesc" if panel.options.tooltip.sort == "desc" else "seriesAsc",
            "backgroundColor": colours.panel, "borderColor": colours.line, "confine": True,
            "textStyle": {"color": colours.names["text"]},
        },
        "xAxis": {
            "type": "time", "min": _local(begin) if begin else None, "max": _local(end),
            "axisLabel": font | {"formatter": _AXIS, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": colours.line}}, "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value", "scale": defaults.custom.axisSoftMin is None, "min": defaults.min, "max": defaults.max,
            "splitNumber": 4, "interval": None if defaults.max is None else defaults.max / 4,
            "axisLabel": font | {":formatter": formatter(replace(main, decimals=None), words)},
            "splitLine": {"lineStyle": {"color": colours.line}},
        },
        "series": drawn,
    }  # fmt: skip


def formatter(shown: Field, words: Words) -> str:
    """A function of JavaScript that writes a number as `shown.text` does."""
    options = "{maximumFractionDigits: 2}" if shown.decimals is None else (
        f"{{minimumFractionDigits: 0, maximumFractionDigits: {shown.decimals}}}"
    )  # fmt: skip
    plain = f"v.toLocaleString({words.locale!r}, {options})"
    unit = (
        shown.unit.removeprefix("suffix: ")
        if shown.unit.startswith("suffix: ")
        else {"percent": "%", "dBm": "dBm"}.get(shown.unit)
    )
    if shown.unit == "Kbits":
        large = f"(v / 1000).toLocaleString({words.locale!r}, {{maximumFractionDigits: 1}})"
        return f"v => v == null ? '' : Math.abs(v) >= 1000 ? {large} + ' Mbit/s' : {plain} + ' kbit/s'"
    if shown.unit == "s":
        unit = words.spans[0]
    return f"v => v == null ? '' : {plain}" + (f" + ' {unit}'" if unit else "")


def _series(frame: pl.DataFrame) -> dict[str, list[list[float | None]]]:
    """Points by line: a line for every column of numbers, or for every text of the text column."""
    if TIME not in frame.columns or frame.is_empty():
        return {}
    times = [_local(milliseconds(at)) for at in frame[TIME]]
    numbers = [name for name in frame.columns if name != TIME and frame[name].dtype.is_numeric()]
    texts = [name for name in frame.columns if frame[name].dtype == pl.String]
    found: dict[str, list[list[float | None]]] = {}
    for name in numbers:
        for row, (at, value) in enumerate(zip(times, frame[name], strict=True)):
            label = " ".join(str(frame[text][row]) for text in texts) or name
            found.setdefault(label, []).append([at, value])
    return found


def _line(panel: LinePanel, shown: Field, points: list[list[float | None]], paint: str, words: Words) -> dict[str, Any]:
    custom = panel.fieldConfig.defaults.custom
    return {
        "type": "line", "name": shown.name, "data": points, "step": "end" if custom.lineInterpolation == "stepAfter" else False,
        "showSymbol": len(points) == 1, "symbolSize": 8, "connectNulls": custom.spanNulls,
        "lineStyle": {"width": custom.lineWidth + 0.5, "color": paint},
        "itemStyle": {"color": paint}, "areaStyle": {"color": paint, "opacity": custom.fillOpacity / 100},
        "tooltip": {":valueFormatter": formatter(shown, words)},
    }  # fmt: skip


def _band(
    panel: LinePanel, low: list[list[float | None]], high: list[list[float | None]], paint: str, name: str
) -> list[dict[str, Any]]:
    """The area between two lines: the lower one, unseen, and upon it the rest up to the higher one."""
    custom = panel.fieldConfig.defaults.custom
    rest = [[at, None if top is None or base is None else top - base] for (at, base), (_, top) in zip(low, high, strict=True)]
    common = {
        "type": "line", "stack": name, "step": "end" if custom.lineInterpolation == "stepAfter" else False, "showSymbol": False,
        "lineStyle": {"width": 0}, "silent": True, "tooltip": {"show": False}, "connectNulls": custom.spanNulls,
        "itemStyle": {"color": paint},
    }  # fmt: skip
    return [
        common | {"name": f"{name} 0", "data": low},
        common | {"name": f"{name} 1", "data": rest, "areaStyle": {"color": paint, "opacity": 0.25}},
    ]


def _thresholds(panel: LinePanel, shown: Field, colours: Theme) -> dict[str, Any] | None:
    style = panel.fieldConfig.defaults.custom.thresholdsStyle
    steps = [step for step in shown.thresholds if step.value is not None]
    if style is None or style.mode == "off" or not steps:
        return None
    data = [{"yAxis": s.value, "lineStyle": {"color": colours.of(s.color), "type": "dashed", "width": 2}} for s in steps]
    return {"symbol": "none", "silent": True, "label": {"show": False}, "data": data}


def _last(points: list[list[float | None]]) -> float | None:
    return next((value for _, value in reversed(points) if value is not None), None)


def _local(ms: int) -> int:
    """The instant whose UTC clock shows what the province's shows."""
    offset = to_datetime(ms, PROVINCE).utcoffset()
    assert offset is not None
    return ms + int(offset.total_seconds()) * SECOND
