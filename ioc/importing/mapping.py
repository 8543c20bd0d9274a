"""Mapping: how the rows of a log become events, as a TOML file a user can write without code.

    source = "/import/receipt"            # CloudEvents `source` of all events
    type = "vn.ioc.dossier.changed.v1"    # event type; an [[event]] may have its own
    case = "case:concept:name"            # column naming the case, for `once`
    on_change = "refuse"                  # an id seen before with another time or other data is a reject; or "correct": it
                                          # is sent with an id of its own and `replaces`, and takes the other's place
    [input]                               # how the file is written; every key may be left out
    null = ["", "-"]                      # texts that mean "nothing here"; null_in = { column = ["0"] }: in one column only
    encoding = "utf-8-sig"                # or utf-16, windows-1258, ...; all text becomes NFC
    delimiter = ","                       # left out: that of , ; tab | with which all columns named below are found
    quote = '"'                           # quote = "": a quote is a letter like any other
    multiline = false                     # true: cells may hold lines that look like rows of their own
    skip = 0                              # lines above the header; left out: those above the line that has all columns
    trim = true                           # blanks around a cell are no part of it
    decimal = "."                         # or ","; stated: the other mark groups by threes (1.234,5); not stated: 1,234 is none
    members = ["*.csv", "*.xes"]          # of a zip or a folder, in any case, with or without .gz; for JSON write ["*.json"]
    kind = "edxml"                        # each file is one edXML, or "pm": a PM file; without, what it is its first bytes say
    records = "data"                      # JSON: the rows are the elements of this list, not the documents
    [time]
    format = "iso"                        # or yyyyMMddHHmmss, epoch_s, epoch_ms, serial (days of a spreadsheet), serial_1904,
                                          # a pattern ("%d/%m/%Y %H:%M"), or a list: the first that fits
    zone = "Asia/Ho_Chi_Minh"             # of readings without an offset
    since = "2020-01-01T00:00:00Z"        # the moment from which epochs count, where that is not 1970
    office_close = "17:00"                # what `time = "office-close"` means
    [values.channel]                      # a value table; without `default` an unknown value makes the event a reject
    Desk = "counter"
    [personal]                            # what is personal; JSON: with all below it
    drop = ["ChuHoSo", "Email"]           # no value of the map may read it
    hmac = ["SoDinhDanh"]                 # read as HMAC-SHA256 with the key IOC_HMAC_KEY; never in an id
    [data]                                # what every event states: field = value
    [[event]]                             # one event a row; once = "case": of the first row of a case, once = "last": of its last
    each = "DanhSachLePhi"                # JSON: one event for each element of this list; its columns: DanhSachLePhi[].Gia
    when = { column = "value" }           # or ["a", "b"], or { not = ... } of them; true: has a value, false: has none
    id, time, sequence = value
    source = value                        # who of several sent it: stands behind the map's source, with a / between
    data = { field = value }
    [[event.measurements]]                # for contracts with named quantities: name, column; null_below, null_above: beyond them
                                          # the column's own number stands for "not measured"
    unit = "Mbit/s"                       # the column's unit, converted to the contract's; factor = 0.1: taken so many times

A value is a text in which `{column}` stands for the column (a null column: the field is left out), a number, or a table:
`{ column = }` with `values =` (a table), `factor =` (a number), `format =`, `zone =`, `since =` and `time =` (a time);
`{ join = [texts], by = "/" }` joins what is not null; `{ first = [texts] }` takes the first without a null. `{@member}` is the
file (in a zip: the member), `{@row}` the number of the data row in it, from 1. Times and numbers are recognised by the
contract's field. XES: attributes are the columns; those of the trace begin with `case:`.

JSON: a file is a document, an array of documents, or one a line. A column is a path: `A.B` within an object, `L[0].K` in the
first element of a list, `L[].K` in each: in the one that `each` is at (`{@item}`: its number, from 1), else in `when` alone,
where the condition must hold for any element (`false`: none has a value). `/K` is at the top of the document, above `records`.
`{ sum = "L[].K" }` adds what is not null up, and `{ any = "L[].K" }` says whether any element has a value (`of = ["1", "2"]`: one
of these). Numbers are the texts they are written as; null, and a key that is not there, is nothing. What no path names is nowhere
kept.

edXML: a column is a path within the header, as in JSON, by names without prefix: `MessageHeader.From.OrganId`. `MessageHeader`,
`TraceHeaderList` and `Status` are read. `To`, `TraceHeader` and `ResponseFor` are lists; so is what is repeated, unless it is
what a document has one of (an id, a time, a status): then the file is a reject.

PM files (3GPP TS 32.435, TS 28.532): a row is what was measured of one object in one period; its results are the event's
measurements by themselves. Its columns: id, begin, end, seconds (the period), object (its DN), class, cell, site, group (its
measInfoId), job, suspect, sender, vendor.

A day without a time is its first moment, and in `due_at` its last. `time = "start-of-day"`, `"end-of-day"` or `"office-close"`
says it for one value; 00:00 is then taken for a day without a time, too. Directives of patterns: %Y %y %m %b %B %d %j %a %A
%H %I %p %M %S %f %z; %Z and what depends on a machine's language are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from schemas import contracts

Scalar = str | int | float | bool
Day = Literal["start-of-day", "end-of-day", "office-close"]
OWN = frozenset({"@row", "@member", "@item"})
"""What a row has beside its columns."""
RESULTS = "@results"
"""Where a row of a PM file has its results; no value of a map reads them."""
DUE = "due_at"
"""The field that says until when: a day without a time there means its end."""
COLUMN = re.compile(r"\{([^{}]+)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _value(given: Any) -> Any:
    if isinstance(given, str):
        return {"first": [given]}
    return {"constant": given} if isinstance(given, int | float) else given


class Value(_Strict):
    """Where a field comes from: exactly one of constant, column, join, first, sum, any."""

    constant: int | float | bool | None = None
    column: str | None = None
    join: list[str] = []
    first: list[str] = []
    sum: str | None = None
    any: str | None = None
    of: list[str] = []
    by: str = "/"
    values: str | None = None
    format: str | list[str] | None = None
    zone: str | None = None
    since: str | None = None
    time: Day | None = None
    factor: int | float | None = None

    def texts(self) -> list[str]:
        """The templates, whatever they are called."""
        return [f"{{{self.column}}}"] if self.column is not None else [*self.join, *self.first]

    def columns(self) -> set[str]:
        """The columns read, @row and @member among them."""
        return {name for text in self.texts() for name in COLUMN.findall(text)} | self.lists()

    def lists(self) -> set[str]:
        """The columns that are read for every element of a list at once."""
        return {name for name in (self.sum, self.any) if name is not None}


def day_of(value: Value, place: str) -> Day:
    """What a day without a time means at a place."""
    return value.time or ("end-of-day" if place == DUE else "start-of-day")


AnyValue = Annotated[Value, BeforeValidator(_value)]


class Measure(_Strict):
    """A named quantity in a column, in `unit` once taken `factor` times; below `null_below` or above `null_above` the column's
    number stands for "not measured"."""

    name: str
    column: str
    unit: str
    factor: int | float = 1
    null_below: float = float("-inf")
    null_above: float = float("inf")


class Not(_Strict):
    """Every text but these, and also none."""

    words: str | list[str] = Field(alias="not")


class EventMap(_Strict):
    """One event made of a row, or of the first or last row of a case."""

    type: str = ""
    once: Literal["case", "last"] | None = None
    each: str = ""
    when: dict[str, bool | str | list[str] | Not] = {}
    id: AnyValue
    time: AnyValue
    sequence: AnyValue | None = None
    source: AnyValue | None = None
    data: dict[str, AnyValue] = {}
    measurements: list[Measure] = []


class Input(_Strict):
    """How the file is written."""

    null: list[str] = [""]
    null_in: dict[str, list[str]] = {}
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8-sig"
    decimal: Literal[".", ","] = "."
    members: list[str] = ["*.csv", "*.xes"]
    kind: Literal["edxml", "pm"] | None = None
    records: Annotated[str, Field(min_length=1)] | None = None
    skip: Annotated[int, Field(ge=0, le=1000)] | None = None
    trim: bool = True
    quote: Annotated[str, Field(max_length=1)] = '"'
    multiline: bool = False


class Clock(_Strict):
    """How times are written where a value says nothing else."""

    format: str | list[str] = "iso"
    zone: str | None = None
    since: str | None = None
    office_close: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "17:00"


class Personal(_Strict):
    """Columns that are personal. The key comes from the settings: none stands in a map."""

    drop: list[str] = []
    hmac: list[str] = []
    _key: bytes = PrivateAttr(b"")

    def __bool__(self) -> bool:
        return bool(self.drop or self.hmac)

    def with_key(self, key: bytes) -> Personal:
        """The same, able to hash."""
        found = self.model_copy()
        found._key = key
        return found

    def key(self) -> bytes:
        """The key; empty where there is none."""
        return self._key


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
    personal: Personal = Personal()
    data: dict[str, AnyValue] = {}
    event: list[EventMap] = Field(min_length=1)

    def typed(self, event: EventMap) -> str:
        """The event type of one [[event]]."""
        return event.type or self.type

    def topics(self) -> set[str]:
        """The live topics the events go to."""
        return {contracts()[self.typed(event)].topic for event in self.event}

    @property
    def of_several(self) -> bool:
        """Whether events have sources of their own below that of the map."""
        return any(event.source is not None for event in self.event)

    def fields(self, event: EventMap) -> dict[str, Value]:
        """What one [[event]] states: [data] and its own."""
        return {**self.data, **event.data}

    def placed(self) -> Iterator[tuple[str, str, Value]]:
        """(TOML key, contract's field or "", value) of every value in the file."""
        for field, value in self.data.items():
            yield f"data.{field}", field, value
        for n, event in enumerate(self.event):
            for name in ("id", "time", "sequence", "source"):
                if (value := getattr(event, name)) is not None:
                    yield f"event[{n}].{name}", "", value
            for field, value in event.data.items():
                yield f"event[{n}].data.{field}", field, value

    def columns(self) -> set[str]:
        """All columns the log must have."""
        found = {column for _, _, value in self.placed() for column in value.columns()} | set(self.input.null_in)
        found |= {self.case} if self.case else set()
        for event in self.event:
            found |= set(event.when) | {measure.column for measure in event.measurements}
        return found - OWN
