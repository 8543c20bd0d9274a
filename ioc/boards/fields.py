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
