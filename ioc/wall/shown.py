"""Shown: how a value of a panel looks: its text in the reader's language, its colour, its link; as the board's fields say. Pure.

>>> from ioc.wall.words import VI
>>> number(1434, None, VI), number(50.754, 2, VI), number(0.5, None, VI)
('1.434', '50,75', '0,5')
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from ioc.boards import fields as board
from ioc.boards import overrides
from ioc.times import DAY, HOUR, MINUTE, PROVINCE, SECOND, from_datetime, iso, to_datetime
from ioc.wall.words import Words

_LINKED = re.compile(r"\$\{__data\.fields\.(?:\"([^\"]+)\"|([^}]+))\}")
_CLOCK = {"HH": "%H", "mm": "%M", "ss": "%S", "DD": "%d", "MM": "%m", "YYYY": "%Y"}

DRAWN = (overrides.WideProperty, overrides.FilledProperty, overrides.HiddenProperty)
"""How Grafana draws the ends of a band; here a band has a form of its own (`ioc.wall.lines`)."""
PLAIN = board.Color(mode="thresholds")


@dataclass(frozen=True)
class Field:
    """How one field is shown: the panel's defaults with the field's overrides."""

    name: str
    unit: str = "none"
    decimals: int | None = None
    color: board.Color = PLAIN
    thresholds: tuple[board.ThresholdStep, ...] = ()
    mappings: tuple[board.Mapping, ...] = ()
    no_value: str | None = None
    links: tuple[board.DataLink, ...] = ()
    cell: str = "auto"
    width: int | None = None
    below: str = ""
    """The field down to which the area is filled."""


def field(config: Any, column: str) -> Field:
    """The field of a column under a panel's `fieldConfig`."""
    defaults = config.defaults
    cell = defaults.custom.cellOptions.type if isinstance(defaults, board.CellDefaults) else "auto"
    found: dict[str, Any] = {
        "name": column, "unit": defaults.unit, "decimals": defaults.decimals, "color": defaults.color, "cell": cell,
        "thresholds": defaults.thresholds.steps, "mappings": defaults.mappings,
        "no_value": defaults.noValue, "links": defaults.links or (),
    }  # fmt: skip
    for override in config.overrides:
        if override.matcher.options == column:
            found |= dict(_property(p) for p in override.properties if not isinstance(p, DRAWN))
    return Field(**found)


def _property(given: overrides.Property) -> tuple[str, Any]:
    match given:
        case overrides.NameProperty():
            return "name", given.value
        case overrides.ThresholdsProperty():
            return "thresholds", given.value.steps
        case overrides.CellProperty():
            return "cell", given.value.type
        case overrides.WidthProperty():
            return "width", given.value
        case overrides.NoValueProperty():
            return "no_value", given.value
        case overrides.BelowProperty():
            return "below", given.value
        case _:
            return given.id, given.value


def text(value: Any, shown: Field, words: Words) -> str:
    """The value as people read it."""
    replaced = _mapped(value, shown)
    if replaced is not None and replaced.text is not None:
        return replaced.text
    if value is None:
        return shown.no_value or words.no_data
    if shown.unit.startswith("time:"):
        return clock(milliseconds(value), shown.unit.removeprefix("time:"))
    if isinstance(value, datetime):
        return clock(milliseconds(value), "HH:mm:ss DD/MM/YYYY")
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return " ".join(filter(None, parts(float(value), shown, words)))


def parts(value: float, shown: Field, words: Words) -> tuple[str, str]:
    """A number and its unit."""
    unit, decimals = shown.unit, shown.decimals
    if unit == "s":
        return age(round(value * SECOND), words), ""
    if unit == "Kbits" and abs(value) >= 1000:
        return number(value / 1000, 1 if decimals is None else decimals, words), "Mbit/s"
    names = {"percent": "%", "Kbits": "kbit/s", "dBm": "dBm"}
    return number(value, decimals, words), unit.removeprefix("suffix: ") if unit.startswith("suffix: ") else names.get(unit, "")


def number(value: float, decimals: int | None, words: Words) -> str:
    """A number with the language's separators; without `decimals`: two where it is no whole number."""
    whole = decimals is None and value == int(value)
    plain = f"{value:,.{0 if whole else 2 if decimals is None else decimals}f}"
    if decimals is None and not whole:
        plain = plain.rstrip("0").rstrip(".")
    return plain.translate({ord(","): words.thousands, ord("."): words.decimal, ord("-"): "−"})


def age(ms: int, words: Words) -> str:
    """A span in its largest fitting unit, rounded down.

    >>> from ioc.wall.words import EN
    >>> age(3 * HOUR + 59 * MINUTE, EN)
    '3 h'
    """
    for size, name in zip((DAY, HOUR, MINUTE), reversed(words.spans), strict=False):
        if ms >= size:
            return f"{ms // size} {name}"
    return f"{max(0, ms) // SECOND} {words.spans[0]}"


def clock(ms: int, form: str) -> str:
    """An instant in the province's time, e.g. `HH:mm:ss DD/MM`."""
    return to_datetime(ms, PROVINCE).strftime(re.sub("|".join(_CLOCK), lambda found: _CLOCK[found[0]], form))


def milliseconds(value: Any) -> int:
    """An instant of the store as ms: DateTime64 comes as a datetime, DateTime as seconds in 32 bits, other numbers are ms."""
    if isinstance(value, datetime):
        return from_datetime(value)
    return int(value) * (SECOND if value < 1 << 32 else 1)


def color(value: Any, shown: Field) -> str:
    """The name of the value's colour: of its mapping, fixed, or by threshold; `palette`: the panel's next one."""
    replaced = _mapped(value, shown)
    if replaced is not None and replaced.color is not None:
        return replaced.color
    if shown.color.mode == "fixed":
        return shown.color.fixedColor or "text"
    if shown.color.mode == "palette-classic":
        return "palette"
    if not isinstance(value, int | float):
        return "text"
    return [step.color for step in shown.thresholds if step.value is None or value >= step.value][-1]


def _mapped(value: Any, shown: Field) -> board.Shown | None:
    plain = "null" if value is None else iso(milliseconds(value)) if isinstance(value, datetime) else str(value)
    if isinstance(value, float) and value == int(value):
        plain = str(int(value))
    for mapping in shown.mappings:
        if isinstance(mapping, board.ValueMapping):
            if plain in mapping.options:
                return mapping.options[plain]
        elif found := re.search(mapping.options.pattern.strip("/"), plain):
            result = mapping.options.result
            said = None if result.text is None else found.expand(re.sub(r"\$(\d)", r"\\\1", result.text))
            return result.model_copy(update={"text": said})
    return None


def link(shown: Field, row: Mapping[str, Any], query: Sequence[tuple[str, str]]) -> str | None:
    """Where the value's first link leads on this wall: a board `/d/UID?var-NAME=VALUE`, with the page's other parameters."""
    for given in shown.links:
        url = _LINKED.sub(lambda found: quote(str(row.get(found[1] or found[2], "")), safe=""), given.url)
        parted = urlsplit(url)
        names = dict(query) | {"board": parted.path.rsplit("/", 1)[-1].removesuffix("-en")}
        names |= {n.removeprefix("var-"): v for n, v in parse_qsl(parted.query) if n.startswith("var-") and "$" not in v}
        return "/?" + urlencode(names)
    return None
