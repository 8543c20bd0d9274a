"""Counters: the names of 3GPP TS 28.552 with unit, object and type, and whose own names of vendors are the same.

The archive keeps what was said, under the name it was said by; a vendor's name becomes the standard's where it is counted:

    every = standard(every)        # a frame with vendor, name and value: name and value are then the standard's

A name with a further part (`RRC.ConnEstabAtt.mo-Data`) is one of the table's, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import polars as pl
from pydantic import Field, model_validator

from ioc.tomls import Strict, load
from schemas.ran import LIMITS

DATA = Path(__file__).parent / "data"
COUNTERS, VENDORS = DATA / "counters.toml", DATA / "vendors"
FILES = (COUNTERS, *sorted(VENDORS.glob("*.toml")))
"""What a stream that counts by these names reads (`Stream.data_files`)."""
Name = Annotated[str, Field(min_length=1, max_length=128)]


class Counter(Strict):
    """A measurement of TS 28.552. `type`: cumulative counter, status inspection, gauge, or discrete event registration."""

    name: Name
    unit: Annotated[str, Field(min_length=1, max_length=32)]
    object: str
    type: Literal["CC", "SI", "GAUGE", "DER"]
    clause: Annotated[str, Field(pattern=r"^5(\.[0-9]+)+$")]
    title: Annotated[str, Field(min_length=1)]
    check: bool = False
    """Whether its clause or unit was not compared with the text of the standard."""


class _Counters(Strict):
    counter: list[Counter]

    @model_validator(mode="after")
    def _each_once(self) -> _Counters:
        _once([counter.name for counter in self.counter])
        return self


class Own(Strict):
    """A vendor's counter: its value times `factor` is that of the standard's name, in its unit."""

    name: Name
    to: Name
    factor: Annotated[float, Field(gt=0)] = 1.0
    unit: str
    """The vendor's own."""
    check: bool = False


class Vendor(Strict):
    """`vendors/<name>.toml`. `names`: what PM files call the vendor, in any case."""

    names: Annotated[list[Name], Field(min_length=1)]
    counter: list[Own]

    @model_validator(mode="after")
    def _is_known(self) -> Vendor:
        _once([own.name for own in self.counter])
        for own in self.counter:
            if counter(own.to) is None:
                raise ValueError(f"{own.name} is to be {own.to}, which streams/data/counters.toml does not have")
        return self


class Said(NamedTuple):
    """What a vendor's name is by the standard."""

    name: str
    factor: float


def _once(names: list[str]) -> None:
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"counter {doubled[0]} is there twice")


@cache
def counters() -> Mapping[str, Counter]:
    """The table, by name.  Raises UsageError, as the others."""
    return {one.name: one for one in load(COUNTERS, _Counters, "streams/data/counters.toml").counter}


@cache
def vendors() -> Mapping[str, Vendor]:
    """The vendors, by the names of their files."""
    return {path.stem: load(path, Vendor, f"streams/data/vendors/{path.name}") for path in FILES[1:]}


@cache
def mapped() -> Mapping[tuple[str, str], Said]:
    """(vendor in lower case, its counter) -> what that is by the standard."""
    return {
        (name.lower(), own.name): Said(own.to, own.factor)
        for vendor in vendors().values()
        for name in vendor.names
        for own in vendor.counter
    }


def counter(name: str) -> Counter | None:
    """The entry of a name, or of what it begins with."""
    while name not in counters():
        name, dot, _ = name.rpartition(".")
        if not dot:
            return None
    return counters()[name]


def unit(name: str) -> str | None:
    """The unit of a name of the table, or of one that the contract knows; None for another."""
    found = counter(name)
    if found is not None:
        return found.unit
    limit = next((LIMITS.table[one] for one in (name, name.partition(".")[0]) if one in LIMITS.table), None)
    return None if limit is None else limit.unit


def known(vendor: str | None, name: str) -> bool:
    """Whether it can be told what is counted: by the standard's name, or by the vendor's."""
    return unit(name) is not None or ((vendor or "").lower(), name) in mapped()


def standard(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the standard's `name` and `value` where its `vendor` has names of its own that are known; rows stay in
    their order. A vector stays what it is."""
    if frame["vendor"].null_count() == len(frame):
        return frame
    said = pl.DataFrame(
        [(vendor, name, to, factor) for (vendor, name), (to, factor) in mapped().items()],
        {"_vendor": pl.String, "name": pl.String, "_to": pl.String, "_factor": pl.Float64},
        orient="row",
    )
    found = frame.with_columns(_vendor=pl.col("vendor").str.to_lowercase()).join(
        said, on=["_vendor", "name"], how="left", maintain_order="left"
    )
    return found.with_columns(name=pl.coalesce("_to", "name"), value=pl.col("value") * pl.col("_factor").fill_null(1.0)).drop(
        "_vendor", "_to", "_factor"
    )


def read() -> None:
    """Read all of them: what is wrong is told before anything is counted."""
    counters(), vendors()
