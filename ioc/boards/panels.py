"""Panels: the kinds of panel a board may hold, each with the options we use. Strict."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ioc.boards.fields import Part
from ioc.boards.geomap import MapPanel
from ioc.boards.overrides import BarFields, CellFields, LineFields, StatFields
from ioc.boards.panel import Panel


class Reduce(Part):
    """Which fields of the row a tile shows: those whose names match, as they are displayed; without a pattern the numbers."""

    values: Literal[True] = True
    calcs: tuple[Literal["lastNotNull"]] = ("lastNotNull",)
    fields: str = "/.*/"


class Sizes(Part):
    """Sizes of letters in pixels; what is not said fits itself into the panel."""

    titleSize: int | None = None
    valueSize: int | None = None


class StatOptions(Part):
    """How a tile looks; the value's name stands beside it."""

    reduceOptions: Reduce = Reduce()
    colorMode: Literal["value", "background", "none"] = "value"
    graphMode: Literal["none"] = "none"
    textMode: Literal["auto", "value", "value_and_name"] = "auto"
    text: Sizes | None = None
    justifyMode: Literal["auto", "center"] = "auto"
    orientation: Literal["auto", "horizontal", "vertical"] = "horizontal"


class StatPanel(Panel):
    """A tile: one row, its first column the value (or a text); the column `until` is the instant it counts to."""

    type: Literal["stat"] = "stat"
    options: StatOptions = StatOptions()
    fieldConfig: StatFields


class Legend(Part):
    """The legend."""

    displayMode: Literal["list"] = "list"
    placement: Literal["bottom", "right"] = "bottom"
    showLegend: bool = True
    calcs: tuple[()] = ()


class Tooltip(Part):
    """What is told at the mouse."""

    mode: Literal["single", "multi"] = "multi"
    sort: Literal["none", "desc"] = "none"


class LineOptions(Part):
    """Legend and tooltip."""

    legend: Legend = Legend()
    tooltip: Tooltip = Tooltip()


class LinePanel(Panel):
    """Lines over time: the column `time`, and a line for every other column (or, with a text column, for every text)."""

    type: Literal["timeseries"] = "timeseries"
    options: LineOptions = LineOptions()
    fieldConfig: LineFields


class BarOptions(Part):
    """A ranking: a bar for each row, from the top, named by the column `xField`, coloured by the value of `colorByField`."""

    orientation: Literal["horizontal"] = "horizontal"
    xField: str
    colorByField: str | None = None
    text: Sizes = Sizes(valueSize=14)
    showValue: Literal["always"] = "always"
    stacking: Literal["none"] = "none"
    barWidth: float = 0.8
    groupWidth: float = 0.8
    legend: Legend = Legend(showLegend=False)
    tooltip: Tooltip = Tooltip(mode="single")


class BarPanel(Panel):
    """A ranking."""

    type: Literal["barchart"] = "barchart"
    options: BarOptions
    fieldConfig: BarFields


class TableOptions(Part):
    """How a table looks."""

    showHeader: bool = True
    cellHeight: Literal["sm", "md"] = "sm"


class TablePanel(Panel):
    """A table, in the order of its query."""

    type: Literal["table"] = "table"
    options: TableOptions = TableOptions()
    fieldConfig: CellFields


AnyPanel = Annotated[StatPanel | LinePanel | BarPanel | MapPanel | TablePanel, Field(discriminator="type")]
