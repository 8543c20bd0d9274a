"""Fields: how the values of a panel are shown: units, colours, thresholds, texts; Grafana's `fieldConfig`. Strict."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer


class Part(BaseModel):
    """A part of a board: no key but those declared, no value of another type. What is None is not written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)
    nulls: ClassVar[frozenset[str]] = frozenset()
    """Keys that are written although their value is null."""

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None or key in self.nulls}


Colour = Literal["green", "yellow", "orange", "red", "blue", "purple", "text", "transparent"]
Unit = Literal[
    "none",  # a number as it is: Grafana separates no thousands, so that its point is a decimal one everywhere
    "percent",  # 0 to 100
    "suffix: ngày",  # days
    "suffix: days",
    "suffix: giây",  # seconds, as they are
    "suffix: seconds",
    "suffix: phút",  # minutes
    "suffix: minutes",
    "suffix: giờ",  # hours of work
    "suffix: hours",
    "suffix: °C",
    "suffix: /s",
    "suffix: bit/J",
    "Kbits",  # kbit/s; large ones are shown as Mbit/s
    "dBm",
    "s",  # a span in seconds, shown in the largest fitting unit
    "time:HH:mm:ss DD/MM",  # an instant, in the board's time zone
    "time:DD/MM/YYYY HH:mm",
    "time:DD/MM/YYYY",
]


class ThresholdStep(Part):
    """From `value` on (null: from below) the colour holds."""

    nulls = frozenset({"value"})
    color: Colour
    value: float | None


class Thresholds(Part):
    """Colours by value; steps ascend and begin with null."""

    mode: Literal["absolute"] = "absolute"
    steps: tuple[ThresholdStep, ...] = Field(min_length=1)


class Color(Part):
    """How a field gets its colour."""

    mode: Literal["thresholds", "fixed", "palette-classic", "continuous-BlYlRd"]
    fixedColor: Colour | None = None


class Shown(Part):
    """What is shown instead of a value."""

    text: str | None = None
    color: Colour | None = None
    index: int = 0


class ValueMapping(Part):
    """Texts and colours for values, by the value as text."""

    type: Literal["value"] = "value"
    options: dict[str, Shown]


class Pattern(Part):
    """What values match, written `/.../`; the whole text is replaced where `result` has one."""

    pattern: str
    result: Shown


class PatternMapping(Part):
    """A colour for the texts that match a pattern."""

    type: Literal["regex"] = "regex"
    options: Pattern


Mapping = Annotated[ValueMapping | PatternMapping, Field(discriminator="type")]


class DataLink(Part):
    """A link at a value; `${__data.fields.NAME}` stands for a field of its row."""

    title: str
    url: str


class LineThresholds(Part):
    """Whether thresholds are drawn as lines."""

    mode: Literal["off", "dashed"] = "dashed"


class LineCustom(Part):
    """How a line is drawn."""

    drawStyle: Literal["line"] = "line"
    lineInterpolation: Literal["linear", "stepAfter"] = "linear"
    lineWidth: int = 2
    fillOpacity: int = 10
    showPoints: Literal["never"] = "never"
    spanNulls: bool = True
    thresholdsStyle: LineThresholds | None = None
    axisSoftMin: float | None = None


class BarCustom(Part):
    """How a bar is drawn."""

    fillOpacity: int = 80
    lineWidth: int = 0


class CellOptions(Part):
    """How a cell is drawn."""

    type: Literal["auto", "color-text", "color-background"]


class CellCustom(Part):
    """The cells of a table."""

    align: Literal["auto", "left", "right", "center"] = "auto"
    cellOptions: CellOptions = CellOptions(type="auto")


class Defaults(Part):
    """How the fields of a panel are shown, unless an override says otherwise."""

    unit: Unit = "none"
    decimals: int | None = None
    min: float | None = None
    max: float | None = None
    noValue: str | None = None
    color: Color = Color(mode="thresholds")
    thresholds: Thresholds = Thresholds(steps=(ThresholdStep(color="text", value=None),))
    mappings: tuple[Mapping, ...] = ()
    links: tuple[DataLink, ...] | None = None


class LineDefaults(Defaults):
    """Of lines."""

    custom: LineCustom = LineCustom()


class BarDefaults(Defaults):
    """Of bars."""

    custom: BarCustom = BarCustom()


class CellDefaults(Defaults):
    """Of cells."""

    custom: CellCustom = CellCustom()


class Matcher(Part):
    """Which field an override is for: the one of this name."""

    id: Literal["byName"] = "byName"
    options: str


class UnitProperty(Part):
    """The field's unit."""

    id: Literal["unit"] = "unit"
    value: Unit


class DecimalsProperty(Part):
    """The field's decimals."""

    id: Literal["decimals"] = "decimals"
    value: int


class NameProperty(Part):
    """The field's name for people."""

    id: Literal["displayName"] = "displayName"
    value: str


class ColorProperty(Part):
    """The field's colour."""

    id: Literal["color"] = "color"
    value: Color


class ThresholdsProperty(Part):
    """The field's thresholds."""

    id: Literal["thresholds"] = "thresholds"
    value: Thresholds


class MappingsProperty(Part):
    """The field's mappings."""

    id: Literal["mappings"] = "mappings"
    value: tuple[Mapping, ...]


class CellProperty(Part):
    """How the field's cells are drawn (tables)."""

    id: Literal["custom.cellOptions"] = "custom.cellOptions"
    value: CellOptions


class NoValueProperty(Part):
    """What stands where the field has no value."""

    id: Literal["noValue"] = "noValue"
    value: str


class WidthProperty(Part):
    """The width of the field's column in pixels (tables)."""

    id: Literal["custom.width"] = "custom.width"
    value: int


class WideProperty(Part):
    """How wide the field's line is drawn (lines)."""

    id: Literal["custom.lineWidth"] = "custom.lineWidth"
    value: int


class FilledProperty(Part):
    """How strongly the area below the field's line is filled (lines)."""

    id: Literal["custom.fillOpacity"] = "custom.fillOpacity"
    value: int


class BelowProperty(Part):
    """The field down to which the area below the line is filled: a band (lines)."""

    id: Literal["custom.fillBelowTo"] = "custom.fillBelowTo"
    value: str


class Hidden(Part):
    """Where a field is not shown."""

    legend: bool = True
    tooltip: bool = False
    viz: bool = False


class HiddenProperty(Part):
    """Where the field is not shown (lines)."""

    id: Literal["custom.hideFrom"] = "custom.hideFrom"
    value: Hidden = Hidden()


Property = Annotated[
    UnitProperty
    | WideProperty
    | FilledProperty
    | BelowProperty
    | HiddenProperty
    | DecimalsProperty
    | NameProperty
    | ColorProperty
    | ThresholdsProperty
    | MappingsProperty
    | CellProperty
    | NoValueProperty
    | WidthProperty,
    Field(discriminator="id"),
]


class Override(Part):
    """What is different for one field."""

    matcher: Matcher
    properties: tuple[Property, ...]


class StatFields(Part):
    """Fields of a tile."""

    defaults: Defaults
    overrides: tuple[Override, ...] = ()


class LineFields(Part):
    """Fields of lines."""

    defaults: LineDefaults
    overrides: tuple[Override, ...] = ()


class BarFields(Part):
    """Fields of bars."""

    defaults: BarDefaults
    overrides: tuple[Override, ...] = ()


class MapFields(Part):
    """Fields of a map."""

    defaults: Defaults
    overrides: tuple[Override, ...] = ()


class CellFields(Part):
    """Fields of a table."""

    defaults: CellDefaults
    overrides: tuple[Override, ...] = ()
