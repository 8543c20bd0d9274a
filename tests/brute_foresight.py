"""Brute force for foresight: own calendar, own sums over the panes of the brute force, own formulas. No code of the engine.

It is for logs of spring 2026: the days off of that time are written out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache

from tests.brute import HOUR, MINUTE, Truth
from tests.rolled import begin

CLOSED = {date(2026, 4, 27), date(2026, 4, 30), date(2026, 5, 1)}
"""Beside Saturdays and Sundays: the day after the Hùng Kings' (a Sunday), and the two holidays."""
ZERO = datetime(1970, 1, 1, tzinfo=UTC)
Pane = tuple[tuple[str, ...], int, int, int]
"""Dims, at, known, count."""
Panes = Mapping[str, list[Pane]]
"""By indicator."""
Limits = Mapping[tuple[str, ...], int]
NAMES = ("agency", "procedure", "channel", "service_level", "unit")
DAYS = (1, 2, 3, 4, 5, 10)
PERIODS = ("day", "week", "month", "quarter", "year")


def panes(truth: Truth) -> Panes:
    """The panes of all counts."""
    found: dict[str, list[Pane]] = {}
    for (indicator, dims, at, known, *_), (_, measures) in truth.panes.items():
        if len(measures) == 1:
            found.setdefault(indicator, []).append((dims, at, known, measures[0]))
    return found


def day_of(at: int) -> date:
    """The province's day of the instant just before `at`."""
    return (ZERO + timedelta(milliseconds=at - 1, hours=7)).date()


def open_on(day: date) -> bool:
    return day.weekday() < 5 and day not in CLOSED


def day_end(at: int, n: int) -> int:
    """The end of the n-th working day from that of `at` on."""
    day = day_of(at)
    while True:
        n -= open_on(day)
        day += timedelta(1)
        if n == 0:
            return (datetime(day.year, day.month, day.day, tzinfo=UTC) - ZERO) // timedelta(milliseconds=1) - 7 * HOUR


@cache
def looked_back(at: int) -> int:
    """Where the last 75 working hours begin: the earliest instant from which there are no more of them. `at` is on the minute."""
    minutes = 75 * 60
    while minutes > 0:
        at -= MINUTE
        minutes -= _worked(at)
    while not _worked(at - MINUTE):
        at -= MINUTE
    return at


def _worked(at: int) -> bool:
    """Whether the minute that begins at `at` is one of office hours."""
    there = ZERO + timedelta(milliseconds=at, hours=7)
    clock = there.hour * 60 + there.minute
    return open_on(there.date()) and (450 <= clock < 690 or 810 <= clock < 1020)


def group_of(group: Mapping[str, str]) -> Callable[[tuple[str, ...]], bool]:
    """Whether dims are of the group (dimension -> value)."""
    return lambda dims: all(dims[NAMES.index(name)] == value for name, value in group.items())


class Foresight:
    """All foresight of a group at T, from the panes known before `known` (None: all)."""

    def __init__(
        self, found: Panes, group: Mapping[str, str], at: int, known: int | None, overdue: Limits, backlog: Limits
    ) -> None:
        self._panes, self._mine, self._known = found, group_of(group), known
        self._at, self._group = at, tuple(name for name in NAMES if name in group)
        self._overdue, self._backlog = overdue, backlog

    def _sum(self, name: str, since: int | None, until: int) -> int:
        return sum(
            n
            for dims, at, known, n in self._panes.get(name, ())
            if at < until and (since is None or at >= since) and (self._known is None or known < self._known) and self._mine(dims)
        )

    def values(self) -> dict[str, float | None]:
        """By indicator."""
        ahead = {n: self._sum("dossier.overdue", None, day_end(self._at, n)) for n in DAYS}
        since = looked_back(self._at)
        came, went = (self._sum(f"dossier.{name}", since, self._at) for name in ("received", "resolved"))
        return {
            **{f"dossier.overdue_ahead_{n}": float(count) for n, count in ahead.items()},
            "dossier.arrivals": came / 75,
            "dossier.capacity": went / 75,
            "dossier.needed_daily": self._needed(ahead),
            "dossier.time_to_breach": self._breach(self._sum("dossier.backlog", None, self._at), came, went),
            **{f"dossier.{word}_{period}": value for period in PERIODS for word, value in self._one_stop(period).items()},
        }

    def _one_stop(self, period: str) -> dict[str, float | None]:
        """The words of the one-stop desk; what was open when the period began counts where it was then."""
        since = begin(period, self._at)
        opened, overdue = (self._sum(f"dossier.{name}", None, self._at) for name in ("backlog", "overdue"))
        came, again, ended, late = (
            self._sum(f"dossier.{name}", since, self._at) for name in ("received", "reopened", "resolved", "resolved_late")
        )
        to_handle, carried = opened + ended, self._sum("dossier.backlog", None, since)
        if not self._group:  # nothing moves out of the province
            assert to_handle == carried + came + again
        share = 100 * (overdue + late) / to_handle if to_handle else None
        return {"to_handle": float(to_handle), "carried_over": float(carried), "late_share": share}

    def _needed(self, ahead: Mapping[int, int]) -> float | None:
        """By trial: the least number of completions a day that no day's end needs more of."""
        if self._group not in self._overdue:
            return None
        limit, a_day = self._overdue[self._group], 0
        while any(count - n * a_day > limit for n, count in ahead.items()):
            a_day += 1
        return float(a_day)

    def _breach(self, backlog: int, came: int, went: int) -> float | None:
        if self._group not in self._backlog:
            return None
        limit = self._backlog[self._group]
        if backlog > limit:
            return 0.0
        return None if came <= went else (limit - backlog) / ((came - went) / 75)
