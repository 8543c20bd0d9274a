"""Geomap: a panel that draws places on a map, with the options we use. Strict."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ioc.boards.fields import Part
from ioc.boards.overrides import MapFields
from ioc.boards.panel import Panel


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
