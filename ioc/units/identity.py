"""Identity: a unit is its code together with the edition of the code list it was stated under. Pure, but for one file read once.

All codes of July 2025 were codes before, most of them of other places. A level gets +1 and -1 on both sides of that day, so what
is counted is not the code: it is what `identity` makes of it. Only the days on which editions begin decide it (`units.toml`, in
the generation of every stream that uses this); names, parents and successors are joined when numbers are read.

>>> codes = Editions((date(2004, 7, 8), date(2025, 7, 1)))
>>> codes.identity("14758", beginning(date(2025, 7, 1)) - 1), codes.identity("14758", beginning(date(2025, 7, 1)))
('14758', '14758@2025-07-01')
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ioc.times import PROVINCE, from_datetime

FILE = "units.toml"
MARK = "@"
"""Between a code and its edition. `CODE@` names the first edition's unit, also where a code holds the mark itself."""


def beginning(day: date) -> int:
    """The instant (ms) at which a day begins in the province."""
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=PROVINCE))


@dataclass(frozen=True)
class Editions:
    """The days on which the editions of the code list begin, in order, at least one. Before the first one it holds, too."""

    days: tuple[date, ...]
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _marks: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.days or any(a >= b for a, b in zip(self.days, self.days[1:], strict=False)):
            raise ValueError(f"editions are days in order, each once, at least one; these are {', '.join(map(str, self.days))}")
        object.__setattr__(self, "_starts", tuple(beginning(day) for day in self.days[1:]))
        object.__setattr__(self, "_marks", ("", *map(str, self.days[1:])))

    @property
    def starts(self) -> tuple[int, ...]:
        """The instants (ms) at which editions begin, but for the first one."""
        return self._starts

    def at(self, ms: int) -> int:
        """The edition in force at an instant: 0 for the first."""
        return bisect_right(self._starts, ms)

    def end(self, ms: int) -> int | None:
        """When the edition in force at an instant ends (ms), and with it its units; None: it is the last."""
        edition = self.at(ms)
        return self._starts[edition] if edition < len(self._starts) else None

    def on(self, day: date) -> int:
        """The edition in force on a day."""
        return max(bisect_right(self.days, day) - 1, 0)

    def name(self, code: str, edition: int) -> str:
        """The identity of a code that was stated under an edition."""
        return _joined(code, self._marks[edition])

    def identity(self, code: str, at: int) -> str:
        """The identity of a code stated at an instant (ms)."""
        return _joined(code, self._marks[bisect_right(self._starts, at)])

    def parted(self, identity: str) -> tuple[str, int]:
        """Code and edition of an identity.  Raises ValueError where it names an edition there is not.

        >>> Editions((date(2004, 7, 8), date(2025, 7, 1))).parted("14758@2025-07-01")
        ('14758', 1)
        """
        code, mark, edition = identity.rpartition(MARK)
        if not mark:
            return identity, 0
        if not edition:
            return code, 0
        if edition not in self._marks:
            there = ", ".join([*self._marks[1:], f"and `{code}{MARK}` for the first edition ({self.days[0]})"])
            raise ValueError(f"{identity}: no edition of the code list begins on {edition!r}; there are {there}")
        return code, self._marks.index(edition)


@lru_cache(maxsize=1 << 16)
def _joined(code: str, edition: str) -> str:
    """One object for all that state it: it is in a million histories."""
    return f"{code}{MARK}{edition}" if edition or MARK in code else code


def read(path: Path | Traversable) -> Editions:
    """The editions that a file names.  Raises ValueError that says what is right."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("edition", [])
        days = tuple(row["begins"] for row in rows)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {error}; every [[edition]] says `begins = 2025-07-01`") from None
    if odd := [day for day in days if type(day) is not date]:
        raise ValueError(f"{path}: begins = {odd[0]!r} is no day; write e.g. begins = 2025-07-01")
    try:
        return Editions(days)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


@cache
def editions() -> Editions:
    """Those of the shipped code list, `streams/data/units.toml`."""
    return read(files("streams") / "data" / FILE)


def identity(code: str, at: int) -> str:
    """What a stream counts for a unit's code that an event of time `at` (ms) states: the code itself under the first edition,
    `CODE@2025-07-01` under one that begins on that day."""
    return editions().identity(code, at)
