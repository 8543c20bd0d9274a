"""Rules: what the file of the working calendar says. Days are days since 1970, clocks ms since midnight. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

Shape = tuple[tuple[int, int], ...]
"""The office hours of a day: (opens, closes) of each period, in order; none: closed."""
Name = tuple[str, str]
"""Vietnamese and English."""


@dataclass(frozen=True)
class Week:
    """The office hours of a week from a day on, Monday first. Receipts after `until` count from the next working day."""

    first: int
    shapes: tuple[Shape, ...]
    until: int | None


@dataclass(frozen=True)
class Swap:
    """A day with hours of its own (a Saturday worked, a half day). `instead_of`: the closed day whose hours are worked on it."""

    name: Name
    shape: Shape
    instead_of: int | None


@dataclass(frozen=True)
class Rules:
    """What a file says. `published`: up to this day the yearly decisions are in it; later days follow the law alone."""

    version: str
    source: tuple[str, ...]
    first: int
    last: int
    published: int
    weeks: tuple[Week, ...]
    closed: dict[int, Name] = field(default_factory=dict)
    opened: dict[int, Swap] = field(default_factory=dict)

    def week(self, day: int) -> Week:
        """The hours in force on a day."""
        return next(week for week in reversed(self.weeks) if week.first <= day)

    def shape(self, day: int, week: Week | None = None) -> Shape:
        """The office hours of a day; `week`: the hours in force, where they are known."""
        if day in self.opened:
            return self.opened[day].shape
        return () if day in self.closed else self.usual(day, week)

    def usual(self, day: int, week: Week | None = None) -> Shape:
        """The office hours of its weekday."""
        return (week or self.week(day)).shapes[(day + 3) % 7]
