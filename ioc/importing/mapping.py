"""Mapping: how the rows of a log become events, as a TOML file a user can write without code.

    source = "/import/receipt"            # CloudEvents `source` of all events
    type = "vn.ioc.dossier.changed.v1"    # event type; an [[event]] may have its own
    case = "case:concept:name"            # column naming the case, for `once = "case"`
    on_change = "refuse"                  # an id seen before with another time or other data is a reject; or "correct": it
                                          # is sent with an id of its own and `replaces`, and takes the other's place
    [input]      null = ["", "-"], delimiter = ",", encoding = "utf-8-sig", decimal = ".", members = ["*.csv", "*.xes"]
    [time]       format = "iso" (or a list: yyyyMMddHHmmss, epoch_s, epoch_ms, a strptime pattern), zone = "Asia/Ho_Chi_Minh"
    [values.channel]                      # a value table; without `default` an unknown value makes the event a reject
    Desk = "counter"
    [data]                                # what every event states: field = value
    [[event]]                             # one event a row, or once = "case"; when = { column = "value" | [...] | true | false }
    id, time, sequence = value            # true: the column has a value, false: it has none
    data = { field = value }
    [[event.measurements]]                # for contracts with named quantities: name, unit, column, null_below, null_above

A value is a text in which `{column}` stands for the column (a null column: the field is left out), a number, or a table:
`{ column = }` with `values =` (a table), `format =` and `zone =` (a time); `{ join = [texts], by = "/" }` joins what is not null;
`{ first = [texts] }` takes the first without a null. `{@member}` is the file (in a zip: the member), `{@row}` the number of the
data row in it, from 1. Times and numbers are recognised by the contract's field. XES: attributes are the columns; those of
the trace begin with `case:`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ioc.errors import UsageError
from schemas import contracts

Scalar = str | int | float | bool
COLUMN = re.compile(r"\{([^{}]+)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _value(given: Any) -> Any:
    if isinstance(given, str):
        return {"first": [given]}
    return {"constant": given} if isinstance(given, int | float) else given


class Value(_Strict):
    """Where a field comes from: exactly one of constant, column, join, first."""

    constant: int | float | bool | None = None
    column: str | None = None
    join: list[str] = []
    first: list[str] = []
    by: str = "/"
    values: str | None = None
    format: str | list[str] | None = None
    zone: str | None = None

    def texts(self) -> list[str]:
        """The templates, whatever they are called."""
        return [f"{{{self.column}}}"] if self.column is not None else [*self.join, *self.first]

    def columns(self) -> set[str]:
        """The columns read, @row and @member among them."""
        return {name for text in self.texts() for name in COLUMN.findall(text)}


AnyValue = Annotated[Value, BeforeValidator(_value)]


class Measure(_Strict):
    """A named quantity in a column; below `null_below` or above `null_above` stands for "not measured"."""

    name: str
    column: str
    unit: str
    null_below: float = float("-inf")
    null_above: float = float("inf")


class EventMap(_Strict):
    """One event made of a row, or of the first row of a case."""

    type: str = ""
    once: Literal["case"] | None = None
    when: dict[str, bool | str | list[str]] = {}
    id: AnyValue
    time: AnyValue
    sequence: AnyValue | None = None
    data: dict[str, AnyValue] = {}
    measurements: list[Measure] = []


class Input(_Strict):
    """How the file is written."""

    null: list[str] = [""]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8-sig"
    decimal: Literal[".", ","] = "."
    members: list[str] = ["*.csv", "*.xes"]


class Clock(_Strict):
    """How times are written where a value says nothing else."""

    format: str | list[str] = "iso"
    zone: str | None = None


class Map(_Strict):
    """A mapping file."""

    title: str = ""
    source: str = Field(min_length=1)
    type: str = ""
    case: str | None = None
    on_change: Literal["refuse", "correct"] = "refuse"
    input: Input = Input()
    time: Clock = Clock()
    values: dict[str, dict[str, Scalar]] = {}
    data: dict[str, AnyValue] = {}
    event: list[EventMap] = Field(min_length=1)

    def typed(self, event: EventMap) -> str:
        """The event type of one [[event]]."""
        return event.type or self.type

    def topics(self) -> set[str]:
        """The live topics the events go to."""
        return {contracts()[self.typed(event)].topic for event in self.event}

    def fields(self, event: EventMap) -> dict[str, Value]:
        """What one [[event]] states: [data] and its own."""
        return {**self.data, **event.data}

    def placed(self) -> Iterator[tuple[str, str, Value]]:
        """(TOML key, contract's field or "", value) of every value in the file."""
        for field, value in self.data.items():
            yield f"data.{field}", field, value
        for n, event in enumerate(self.event):
            for name in ("id", "time", "sequence"):
                if (value := getattr(event, name)) is not None:
                    yield f"event[{n}].{name}", "", value
            for field, value in event.data.items():
                yield f"event[{n}].data.{field}", field, value

    def columns(self) -> set[str]:
        """All columns the log must have."""
        found = {column for _, _, value in self.placed() for column in value.columns()} | ({self.case} if self.case else set())
        for event in self.event:
            found |= set(event.when) | {measure.column for measure in event.measurements}
        return found - {"@row", "@member"}


def shipped() -> list[str]:
    """Names of the maps that come with the program."""
    return sorted(path.name[:-5] for path in resources.files("streams").joinpath("maps").iterdir() if path.name.endswith(".toml"))


def load_map(name_or_path: str) -> Map:
    """The map of that name, or in that file.  Raises UsageError naming the key, or the maps there are."""
    from ioc.importing.mapping_check import problems

    path = Path(name_or_path)
    if name_or_path in shipped():
        text = resources.files("streams").joinpath("maps", f"{name_or_path}.toml").read_text("utf-8")
    elif path.is_file():
        text = path.read_text("utf-8")
    else:
        raise UsageError(f"no map {name_or_path!r}: neither a file nor one of the shipped maps {', '.join(shipped())}")
    try:
        found = Map.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise UsageError(f"map {name_or_path}: " + "; ".join(_said(e) for e in error.errors(include_url=False))) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"map {name_or_path} is not TOML: {error}") from None
    if wrong := problems(found):
        raise UsageError(f"map {name_or_path}: " + "; ".join(wrong))
    return found


def _said(error: Any) -> str:
    key = ""
    for part in error["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
    known = ""
    if error["type"] == "extra_forbidden":
        known = f"; there are {', '.join(_owner(error['loc']))}"
    return f"{key.lstrip('.')}: {error['msg']}{known}"


def _owner(loc: tuple[Any, ...]) -> list[str]:
    """The keys allowed where an unknown one stands."""
    names = [part for part in loc[:-1] if isinstance(part, str)]
    model: type[BaseModel] = Map
    tables: dict[str, type[BaseModel]] = {"input": Input, "time": Clock, "event": EventMap, "measurements": Measure}
    for name in names:
        model = tables.get(name, Value)
    return sorted(model.model_fields)
