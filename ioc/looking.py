"""Looking: values of indicators that look at the sums of others, at other times or several at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ioc.sums import Floats, Matrix, over, scaled


@dataclass(frozen=True)
class Needed:
    """How many must be finished each working day so that at no coming day's end more than the limit are overdue.

    The measures are what is overdue by the end of the n-th coming working day if nothing is finished: the value is the highest
    of (measure - limit) / n, rounded up; 0 where no day's end is above the limit.
    """

    days: tuple[int, ...]
    limits: Mapping[tuple[str, ...], int] = field(hash=False)
    names: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        """One for each day."""
        return tuple(f"by_day_{n}" for n in self.days)

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return f"max(ceil((by_day_n - limit) / n), 0), n = {', '.join(map(str, self.days))}"

    def n(self, sums: Matrix) -> Matrix:
        """The most dossiers that are overdue at one of the days' ends."""
        highest: Matrix = np.abs(sums[:, : len(self.days)]).max(axis=1)
        return highest

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row; the last column holds the limit."""
        ahead, limit = sums[:, :-1], sums[:, -1:]
        a_day = -((limit - ahead) // np.array(self.days, np.int64))
        value = np.where(limit[:, 0] == NO_LIMIT, np.nan, a_day.max(axis=1).clip(min=0))
        return value, value, value


@dataclass(frozen=True)
class TimeToBreach:
    """When a stock passes its limit, in working hours, if it goes on growing as in the last `hours` working hours.

    0 where it is above the limit; no value where it does not grow, for then it never is.
    """

    hours: int
    limits: Mapping[tuple[str, ...], int] = field(hash=False)
    measures: tuple[str, ...] = ("stock", "came", "went")
    names: tuple[str, ...] = ()
    without: ClassVar[tuple[str, str]] = ("Không tăng", "Not growing")
    """What people are told where there is no value."""

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return f"(limit - stock) / ((came - went) / {self.hours}); 0 if stock > limit"

    def n(self, sums: Matrix) -> Matrix:
        """The stock, or what came and went where that is more."""
        highest: Matrix = np.abs(sums[:, :3]).max(axis=1)
        return highest

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row; the last column holds the limit."""
        stock, came, went, limit = sums.T
        growth = came - went
        grows = np.where(growth > 0, (limit - stock) * self.hours / np.where(growth > 0, growth, 1), np.nan)
        value = np.where(limit == NO_LIMIT, np.nan, np.where(stock > limit, 0.0, grows))
        return value, value, value


@dataclass(frozen=True)
class Terms:
    """The value is a sum of the measures, each so many times; over another one, times `scale`, where there is a `whole`."""

    measures: tuple[str, ...]
    part: tuple[int, ...]
    whole: tuple[int, ...] = ()
    scale: float = 1.0
    names: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        part = self._said(self.part)
        return scaled(self.scale, f"({part}) / ({self._said(self.whole)})") if self.whole else part

    def _said(self, times: tuple[int, ...]) -> str:
        terms = [
            f"{'-' if n < 0 else '+'} {f'{abs(n)} x ' * (abs(n) > 1)}{m}" for n, m in zip(times, self.measures, strict=True) if n
        ]
        return " ".join(terms).removeprefix("+ ")

    def n(self, sums: Matrix) -> Matrix:
        """How many stand behind each row: the whole, or the most of a measure."""
        found: Matrix = sums @ np.array(self.whole, np.int64) if self.whole else np.abs(sums).max(axis=1)
        return found

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row, each of shape (rows,)."""
        part = sums @ np.array(self.part, np.int64)
        value = over(part, sums @ np.array(self.whole, np.int64)) * self.scale if self.whole else part.astype(np.float64)
        return value, value, value


@dataclass(frozen=True)
class Silent:
    """How much is usual where nothing came: 0 where something did.

    The measures are what came now, in the same time of each of the last days, and in that of the same weekday in the last weeks.
    Usual is the lowest of the days or the second lowest of the weeks (one of them may have been out of the ordinary), whichever
    is more: so a quiet hour is told apart from a dead one without a rate anybody has to state.
    """

    days: int
    weeks: int
    names: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        """What came now, on the days, in the weeks."""
        return ("now", *(f"day_{n + 1}" for n in range(self.days)), *(f"week_{n + 1}" for n in range(self.weeks)))

    @property
    def formula(self) -> str:
        """How the value comes from summed measures, for people."""
        return f"0 if now > 0, else max(lowest of {self.days} days, second lowest of {self.weeks} weeks)"

    def n(self, sums: Matrix) -> Matrix:
        """The most that came in any of these times."""
        most: Matrix = np.abs(sums).max(axis=1)
        return most

    def bounds(self, sums: Matrix) -> tuple[Floats, ...]:
        """(value, lo, hi) of each row, each of shape (rows,)."""
        days, weeks = sums[:, 1 : self.days + 1], np.sort(sums[:, self.days + 1 :], axis=1)
        usual = np.maximum(days.min(axis=1), weeks[:, 1])
        value = np.where(sums[:, 0] > 0, 0, usual).astype(np.float64)
        return value, value, value


Limited = Needed | TimeToBreach
"""Values against a limit, of 0 or more: `limits` by grouping, for a province has another one than an agency."""
NO_LIMIT = 1 << 62
"""The limit of a group whose grouping has none: its value is no data."""
