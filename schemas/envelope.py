"""Envelope: the CloudEvents 1.0 attributes every event carries, and the types contracts are made of.

`data` is strict on purpose: a misspelt field is told to the producer instead of being ignored, and a time without an offset is
refused instead of being guessed. Attributes are as CloudEvents has them: brokers and SDKs add their own, which change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar
from unicodedata import normalize

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

TIMESTAMP = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""`[0-9]`, not `\\d`: that would let the digits of every other script through. Leap seconds are refused."""
CODE = r"^[^\x00-\x20*]([^\x00-\x1f*]*[^\x00-\x20*])?$"
SEQUENCE = r"^0*[0-8]?[0-9]{1,18}$"
JSON_TYPE = r"^[A-Za-z0-9!#$&^_.+-]+/([A-Za-z0-9!#$&^_.+-]+\+)?[Jj][Ss][Oo][Nn][ \t]*(;[ -~]*)?$"
PERIOD = (
    r"^20[0-9]{2}(-Q[1-4]|-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8]))?|-(0[13-9]|1[0-2])-(29|30)|-(0[13578]|1[02])-31)?$"
    r"|^20([02468][048]|[13579][26])-02-29$"
)
ATTRIBUTE = r"^[a-z0-9]+$"
PATTERNS = {
    TIMESTAMP: "must be an RFC 3339 time with an offset, e.g. 2022-10-06T08:30:00+07:00",
    CODE: "must be a code without control characters, without `*` and without a blank at either end",
    SEQUENCE: "must be digits in a string, a number below 9 000 000 000 000 000 000",
    JSON_TYPE: "must be a JSON type: application/json, text/json or one that ends with +json",
    PERIOD: "must be a year, quarter, month or day of the calendar since 2000: 2026, 2026-Q1, 2026-05 or 2026-05-14",
    ATTRIBUTE: "no attribute; its name would be of lower-case letters and digits (CloudEvents 1.0)",
}
"""What a producer is told whose text does not match."""


def calendar_date(value: str) -> str:
    """The time with capital T and Z; days the calendar does not have (30 February) are refused: the pattern cannot see them."""
    try:
        datetime.fromisoformat(value[:10])
    except ValueError:
        raise PydanticCustomError("timestamp", "not a day of the calendar: {day}", {"day": value[:10]}) from None
    return value.upper()


def whole(value: object) -> object:
    """The integer that a number such as 60.0 is; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def scalar(value: object) -> object:
    """Refuse values that CloudEvents has no type for."""
    if isinstance(value, dict | list):
        raise PydanticCustomError(
            "attribute", "an attribute is a text, a number, true or false; objects and lists belong into data"
        )
    return value


Timestamp = Annotated[
    str,
    Field(pattern=TIMESTAMP, description="RFC 3339 with offset, e.g. 2022-10-06T08:30:00+07:00; finer than 1 ms is cut off"),
    AfterValidator(calendar_date),
]
Code = Annotated[str, Field(min_length=1, max_length=128, pattern=CODE)]
"""A code: no control characters, no blank at an end, no `*` (which stands for "all" in results)."""
Text = Annotated[str, Field(max_length=500)]
Period = Annotated[str, Field(pattern=PERIOD, examples=["2022", "2022-Q3", "2022-09", "2022-10-05"])]
"""A period of the calendar; days that it does not have are refused."""
Whole = Annotated[int, BeforeValidator(whole)]
"""An integer as JSON Schema has it: 60.0 is one."""
Attribute = Annotated[Any, AfterValidator(scalar), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]
"""The value of an extension attribute."""
Base64 = Annotated[
    str,
    Field(
        description="`data` as Base64 of a JSON text",
        json_schema_extra={"contentEncoding": "base64", "contentMediaType": "application/json"},
    ),
]
MAX_BYTES = 1 << 20
"""Largest event in bytes; topics take 4 MiB, so that a larger one is kept as a reject instead of being lost."""


class Strict(BaseModel):
    """No conversion, no unknown fields, no NaN. The validator is built for the first event; most commands judge none."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True, defer_build=True)


@dataclass(frozen=True)
class Limit:
    """The unit a named quantity must have and the closed range its value must lie in."""

    unit: str
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class NamedLimits:
    """`data.<field>` is a list of {name, unit, value}; names in `table` must keep its unit and range (else `unit_mismatch`).

    A name with a further part (`DRB.UEThpDl.5QI9`) is one of the table's, too. Without a value there may be no unit.
    `attempts`: the name of what is tried, by that of what succeeds: with the same further part, no more succeeds than is tried.
    """

    field: str
    table: Mapping[str, Limit]
    attempts: Mapping[str, str] = made(default_factory=dict)

    @cached_property
    def pattern(self) -> str:
        """What begins with a name of the table, which is the first group; made once, for it is asked of every measurement."""
        return rf"^({'|'.join(map(re.escape, sorted(self.table, reverse=True)))})(?:\.|$)"

    def attempted(self, name: str) -> str | None:
        """The name of the attempts among which the successes of this name are, if it is one of successes."""
        for success, attempt in self.attempts.items():
            if name == success or name.startswith(f"{success}."):
                return attempt + name[len(success) :]
        return None


@dataclass(frozen=True)
class Needs:
    """An event whose `data.<field>` is one of the keys of `of` states the fields that stand there, too (else `schema`)."""

    field: str
    of: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Fits:
    """Beside each value of `data.<of>` in `table`, `data.<field>` is one of the values there: a state of that kind of thing."""

    field: str
    of: str
    table: Mapping[str, Sequence[str]]


Data = TypeVar("Data", bound=Strict)
Model = type[Strict]


class Envelope(Strict, Generic[Data]):
    """A CloudEvents 1.0 document. A subclass of `Envelope[Data]` is the contract of one event type.

    Attributes it does not name are extensions: kept in the archive as they came, and never counted.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Annotated[str, Field(pattern=ATTRIBUTE)], Attribute]

    event_type: ClassVar[str]
    topic: ClassVar[str]
    entity_key: ClassVar[str]
    """The field of `data` that is the Kafka key: all events of one entity lie in one partition."""
    limits: ClassVar[NamedLimits | None] = None
    needs: ClassVar[Needs | None] = None
    fits: ClassVar[Fits | None] = None

    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1, max_length=256, description="unique within `source`; a repeat is a duplicate")]
    source: Annotated[str, Field(min_length=1, max_length=256, description="the producing system, e.g. /portal/thanhhoa")]
    type: str
    time: Annotated[Timestamp, Field(description="event time: when the fact became true")]
    datacontenttype: Annotated[str, Field(pattern=JSON_TYPE, description="a JSON type")] | None = None
    dataschema: Text | None = None
    subject: Text | None = None
    sequence: Annotated[str, Field(pattern=SEQUENCE, description="orders events of one entity with the same time")] | None = None
    replaces: (
        Annotated[str, Field(min_length=1, max_length=256, description="id of the earlier event this one corrects")] | None
    ) = None
    data_base64: Base64 | None = None
    data: Data

    @model_validator(mode="after")
    def _states_what_it_needs(self) -> Self:
        """A state without what belongs to it (a founding without a place) is told to the producer, not counted under `?`."""
        if self.needs is not None:
            said = getattr(self.data, self.needs.field)
            needed = self.needs.of.get(said, ())
            lacking = [name for name in needed if getattr(self.data, name) is None]
            if lacking:
                raise PydanticCustomError(
                    "lacking",
                    "an event with {of} '{said}' states {needed}; it lacks {lacking}",
                    {
                        "field": f"data.{lacking[0]}",
                        "of": self.needs.field,
                        "said": said,
                        "needed": ", ".join(needed),
                        "lacking": ", ".join(lacking),
                    },
                )
        return self

    @model_validator(mode="after")
    def keep_what_fits(self) -> Self:
        """Two fields of data that must fit each other do."""
        fits = type(self).fits
        if fits is not None:
            of, value = getattr(self.data, fits.of), getattr(self.data, fits.field)
            allowed = fits.table.get(of, (value,))
            if value is not None and value not in allowed:
                told = {"field": f"data.{fits.field}", "of": fits.of, "is": of, "allowed": ", ".join(allowed), "got": value}
                raise PydanticCustomError("misfit", "of {of} {is}: {allowed}; not {got}", told)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """What pydantic leaves out: names of extensions, and `data` in one of two forms."""
        schema = handler.resolve_ref_schema(handler(core))
        schema["required"].remove("data")
        packed = {"properties": {"data_base64": {"type": "string"}}, "required": ["data_base64"]}
        either = {"if": packed, "then": {"not": {"required": ["data"]}}, "else": {"required": ["data"]}}
        names = {"anyOf": [{"pattern": ATTRIBUTE}, {"const": "data_base64"}]}
        return {**schema, "propertyNames": names, **either}

    @classmethod
    def data_model(cls) -> Model:
        """The model of `data`."""
        model: Any = cls.model_fields["data"].annotation
        return model  # type: ignore[no-any-return]

    def key(self) -> bytes:
        """The Kafka key: the entity in UTF-8 and NFC; empty where the key is free."""
        return normalize("NFC", getattr(self.data, self.entity_key)).encode() if self.entity_key else b""
