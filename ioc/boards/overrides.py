"""Overrides: what is different for one field of a panel, and with it Grafana's `fieldConfig` of every kind of panel. Strict."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ioc.boards.fields import (
    BarDefaults,
    CellDefaults,
    CellOptions,
    Color,
    Defaults,
    LineDefaults,
    Mapping,
    Part,
    Thresholds,
    Unit,
)

LETTER = 9
"""Pixels of a letter in the heading of a table."""


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


def override(field: str, *properties: Property) -> Override:
    """What is different for the field of this name."""
    return Override(matcher=Matcher(options=field), properties=properties)


def column(field: str, width: int, *properties: Property) -> Override:
    """A column of a table that is wide enough for what it holds, and for its heading."""
    return override(field, *properties, WidthProperty(value=max(width, LETTER * len(field) + 20)))
