"""Panels: the kinds of panel a board may hold, each with the options we use. Strict."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ioc.boards.fields import BarFields, CellFields, LineFields, MapFields, Part, StatFields

PLUGIN: Literal["grafana-clickhouse-datasource"] = "grafana-clickhouse-datasource"
SOURCE: Literal["ioc-clickhouse"] = "ioc-clickhouse"
"""The uid of the data source; its default database is the live centre's."""


class DataSource(Part):
    """Where queries go."""

    type: Literal["grafana-clickhouse-datasource"] = PLUGIN
    uid: Literal["ioc-clickhouse"] = SOURCE


class Target(Part):
    """One query. `format` 0: a time series (first column `time`, the others numbers), 1: a table."""

    refId: Literal["A"] = "A"
    datasource: DataSource = DataSource()
    editorType: Literal["sql"] = "sql"
    queryType: Literal["timeseries", "table"]
    format: Literal[0, 1]
    rawSql: str


class GridPos(Part):
    """Where a panel stands: 24 columns; a row is about 30 pixels high."""

    x: int = Field(ge=0, le=23)
    y: int = Field(ge=0)
    w: int = Field(ge=1, le=24)
    h: int = Field(ge=1)


class Panel(Part):
    """A panel with one query. The title is unique within its board; `id` stays the same over releases. `description`: what is
    counted, for who asks."""

    id: int = Field(ge=1)
    title: str
    gridPos: GridPos
    description: str | None = None
    datasource: DataSource = DataSource()
    targets: tuple[Target] = Field(min_length=1, max_length=1)


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


class MapView(Part):
    """What a map opens with: all that is on it."""

    id: Literal["fit"] = "fit"
    lat: Literal[0] = 0
    lon: Literal[0] = 0
    zoom: Literal[10] = 10
    allLayers: Literal[True] = True
    padding: int = 10


class Basemap(Part):
    """What lies below: what the administrator of Grafana has set (`geomap.default_baselayer_config`)."""

    type: Literal["default"] = "default"
    name: Literal["base"] = "base"
    config: dict[str, str] = Field(default={}, max_length=0)


class MapColor(Part):
    """The column by which markers are coloured."""

    field: str
    fixed: Literal["blue"] = "blue"


class MapSize(Part):
    """The column by which markers grow; sizes in pixels."""

    field: str
    fixed: int = 6
    min: int = 5
    max: int = 14


class MapText(Part):
    """The column whose text stands at a marker."""

    mode: Literal["field"] = "field"
    field: str
    fixed: Literal[""] = ""


class MapTextConfig(Part):
    """Where the text stands."""

    fontSize: int = 12
    offsetX: int = 0
    offsetY: int = -16
    textAlign: Literal["center"] = "center"
    textBaseline: Literal["middle"] = "middle"


class MapStyle(Part):
    """How a marker looks."""

    color: MapColor
    size: MapSize
    text: MapText
    textConfig: MapTextConfig = MapTextConfig()
    opacity: float = 0.8


class MapConfig(Part):
    """What a layer of markers needs."""

    showLegend: Literal[True] = True
    style: MapStyle


class MapLocation(Part):
    """Which columns hold a row's position, in degrees."""

    mode: Literal["coords"] = "coords"
    latitude: Literal["latitude"] = "latitude"
    longitude: Literal["longitude"] = "longitude"


class MapLayer(Part):
    """A marker for each row."""

    type: Literal["markers"] = "markers"
    name: str
    location: MapLocation = MapLocation()
    config: MapConfig
    tooltip: Literal[True] = True


class MapControls(Part):
    """What a reader may do with a map."""

    showZoom: Literal[True] = True
    mouseWheelZoom: Literal[False] = False
    showAttribution: Literal[True] = True


class MapOptions(Part):
    """A map with one layer."""

    view: MapView = MapView()
    basemap: Basemap = Basemap()
    layers: tuple[MapLayer] = Field(min_length=1, max_length=1)
    controls: MapControls = MapControls()

    @property
    def style(self) -> MapStyle:
        """How its markers look."""
        return self.layers[0].config.style


class MapPanel(Panel):
    """A map: a marker for each row where its columns `latitude` and `longitude` say."""

    type: Literal["geomap"] = "geomap"
    options: MapOptions
    fieldConfig: MapFields


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
