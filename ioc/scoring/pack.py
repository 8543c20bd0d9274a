"""Pack: the rules by which a period is scored, a TOML file: groups and items with points, thresholds and dates of effect.

    id, version, vi, en, basis, source      # what it is, and where it comes from
    from = 2022-06-23                       # its dates of effect; `to`: the last day, left out while it is in force
    [[group]]                               # id, vi, en, max
    [[item]]                                # id (the first part is its group), vi, en, max, target (%; left out: 100), and one of
    indicator = "index766.2_1"              # a ratio in %; `factor = "1.4"`: it is multiplied by a factor of the period;
                                          # `less = "index766.5_4"`: another ratio is taken from it
    any = { indicator, where = {}, of }     # the share of procedures (of = "online" or "fee") with at least one
    missing = "why"                         # what no event tells
    [factors."1.4"]                         # "2026-10" = 0.98

The score of an item is min(max, ratio * max / target) (Decision 766), and never below 0. One of `max = 0` gives no points.
"""

from __future__ import annotations

from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ioc.errors import UsageError
from ioc.tomls import Strict, load

FOLDER = ("data", "packs")


Points = Annotated[float, Field(ge=0, le=1000)]

PERIOD = r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?"
"""`2026-10`, `2026-Q3`, `2026`."""
PeriodName = Annotated[str, Field(pattern=f"^(?:{PERIOD})$")]
Factor = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A share: 0.98, not 98."""


class Group(Strict):
    """A group of items and its points."""

    id: str
    vi: str
    en: str
    max: Points


class Share(Strict):
    """The share of procedures with at least one of what an indicator counts."""

    indicator: str
    of: Literal["online", "fee"]
    where: dict[str, str] = Field(default_factory=dict)


class Item(Strict):
    """An item: what is measured, and the points it can give."""

    id: str
    vi: str
    en: str
    max: Points
    target: Annotated[float, Field(gt=0, le=100)] = 100
    indicator: str | None = None
    factor: str | None = None
    less: str | None = None
    any: Share | None = None
    missing: str | None = None

    @property
    def group(self) -> str:
        """The id of its group."""
        return self.id.partition(".")[0]

    @property
    def indicators(self) -> tuple[str, ...]:
        """The ratios it is told by."""
        return tuple(name for name in (self.indicator, self.less) if name is not None)

    @model_validator(mode="after")
    def _one_source(self) -> Item:
        given = [name for name in ("indicator", "any", "missing") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"item {self.id}: say one of indicator, any, missing; it says {', '.join(given) or 'none'}")
        if self.factor is not None and self.indicator is None:
            raise ValueError(f"item {self.id}: a factor multiplies an indicator; it names none")
        if self.less is not None and self.indicator is None:
            raise ValueError(f"item {self.id}: less is taken from an indicator; it names none")
        return self


class Pack(Strict):
    """The rules of one edition of an index."""

    id: str
    version: str
    vi: str
    en: str
    basis: str
    source: str
    begins: Annotated[date, Field(alias="from")]
    ends: Annotated[date | None, Field(alias="to")] = None
    group: list[Group]
    item: list[Item]
    factors: dict[str, dict[PeriodName, Factor]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _holds_together(self) -> Pack:
        if self.ends is not None and self.ends < self.begins:
            raise ValueError(f"to = {self.ends} lies before from = {self.begins}")
        for what, ids in (("group", [g.id for g in self.group]), ("item", [i.id for i in self.item])):
            if doubled := sorted({one for one in ids if ids.count(one) > 1}):
                raise ValueError(f"{what} {doubled[0]} is there twice")
        groups = {group.id: group for group in self.group}
        for item in self.item:
            if item.group not in groups:
                raise ValueError(f"item {item.id}: there is no group {item.group!r}; there are {', '.join(groups)}")
            if item.factor is not None and item.factor not in self.factors:
                raise ValueError(f'item {item.id}: there is no [factors."{item.factor}"], though it may be empty')
        if unused := sorted(self.factors.keys() - {item.factor for item in self.item}):
            raise ValueError(f'[factors."{unused[0]}"] is the factor of no item')
        for group in self.group:
            points = sum(item.max for item in self.item if item.group == group.id)
            if points != group.max:
                raise ValueError(f"group {group.id} has {group.max:g} points, its items together {points:g}")
        return self


def shipped() -> dict[str, Traversable]:
    """The packs of `streams/data/packs`, by name."""
    folder = resources.files("streams").joinpath(*FOLDER)
    return {path.name.removesuffix(".toml"): path for path in sorted(folder.iterdir(), key=str) if path.name.endswith(".toml")}


def load_pack(name: str) -> Pack:
    """A shipped pack by name, or a file.  Raises UsageError that says what is right."""
    path: Traversable | Path = Path(name)
    if name in shipped():
        path = shipped()[name]
    elif not path.is_file():
        raise UsageError(f"no pack {name!r}: it is a file, or one of {', '.join(shipped())}")
    return load(path, Pack, f"pack {name}")
