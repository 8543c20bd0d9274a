"""Rules: what an indicator rests on, what it looks at, and when it warns. Frozen data, written in declarations. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ioc.errors import DeclarationError
from ioc.times import duration, spoken

Dims = tuple[str, ...]
PERIODS = ("day", "week", "month", "quarter", "year")
"""Calendar periods, to date."""
ALL = "*"
"""In results: summed over this dimension."""


@dataclass(frozen=True)
class Above:
    """When an indicator alerts: above `threshold` for `hold` (ms) without a break; it is over at a value of `clear` or less.

    `by`: the grouping it is judged for, each group by itself. Made by `above`.
    """

    threshold: float
    hold: int
    clear: float
    by: Dims

    def __str__(self) -> str:
        """The rule for people; declared in one place, it is read from here wherever it is shown.

        >>> print(above(10, hold="5m", clear=8, by=("agency",)))
        > 10 for 5m, until <= 8; by agency
        """
        held = f" for {spoken(self.hold)}" if self.hold else ""
        return f"> {self.threshold:g}{held}, until <= {self.clear:g}; by {' x '.join(self.by) or ALL}"


def above(threshold: float, *, hold: str = "0s", clear: float | None = None, by: Dims = ()) -> Above:
    """The rule of an alert. Without `clear` it is over as soon as the value is no longer above the threshold.

    A rule does not decide what is counted: changing one asks for no rebuild, and holds from the next step that is judged.
    Raises DeclarationError.
    """
    try:
        held = duration(hold)
    except ValueError as error:
        raise DeclarationError(f"above({threshold:g}): hold: {error}") from None
    clear = threshold if clear is None else clear
    if clear > threshold:
        raise DeclarationError(
            f"above({threshold:g}): clear={clear:g} lies above the threshold; it must be at most {threshold:g}"
        )
    if isinstance(by, str):
        raise DeclarationError(f"above({threshold:g}): by={by!r} is a text; write by=({by!r},)")
    return Above(float(threshold), held, float(clear), tuple(by))


@dataclass(frozen=True)
class Legal:
    """What a rule rests on: a law, a standard or our own choice, and the days it is in effect (`until`: the last one).

    >>> print(Legal("Quyết định 766/QĐ-TTg", "2022-06-23").effect)
    from 2022-06-23
    """

    text: str
    since: str
    until: str = ""

    def __str__(self) -> str:
        """The source."""
        return self.text

    @property
    def effect(self) -> str:
        """The dates of effect, for people."""
        return f"from {self.since}" + (f" to {self.until}" if self.until else "")


@dataclass(frozen=True)
class Look:
    """A look at the panes of the indicator `of`, whose value is a count: what it counts at T (a flow: all it ever did).

    `ahead`: what it will count at the end of the n-th coming working day, as far as it is known; the day of T counts as the first
    if it is a working day. `last`: what it counted in the last n working hours. `this`: what it counted in the calendar
    period of T (`day`, `week`, `month`, `quarter`, `year`) to date. `hours`: what it counted in so many hours that end at T, or
    `days` days before; with `workday` nothing where the day of T is a holiday: closed on a weekday with office hours.
    """

    of: str
    ahead: int = 0
    last: int = 0
    this: str = ""
    hours: int = 0
    days: int = 0
    workday: bool = False

    def __str__(self) -> str:
        """The look for people.

        >>> print(Look("dossier.overdue", ahead=3))
        dossier.overdue by the end of working day 3
        """
        where = f" by the end of working day {self.ahead}" if self.ahead else ""
        where += f" in this {self.this}" if self.this else ""
        where += (
            f" in {self.hours} h" + f", {self.days} days before" * bool(self.days) + ", unless a holiday" * self.workday
            if self.hours
            else ""
        )
        return f"{self.of}{where}" + (f" in the last {self.last} working hours" if self.last else "")

    @property
    def where(self) -> tuple[int, int, str, int, int, bool]:
        """Where it looks, as `ioc.calendar.looks` takes it."""
        return self.ahead, self.last, self.this, self.hours, self.days, self.workday

    @property
    def leaves(self) -> bool:
        """Whether what it counts once is nothing later."""
        return bool(self.last or self.this or self.hours)

    def __post_init__(self) -> None:
        ways = (self.ahead, self.last, self.this, self.hours)
        if self.ahead < 0 or self.last < 0 or sum(map(bool, ways)) > 1 or self.this not in ("", *PERIODS):
            raise DeclarationError(
                f"{self}: give `ahead` (working days) or `last` (working hours), each at least 1, or `this` "
                f"({', '.join(PERIODS)}), or `hours`, or none of them"
            )
        if not 0 <= self.hours <= 24 or self.days < 0 or (not self.hours and (self.days or self.workday)):
            raise DeclarationError(f"{self}: `hours` are 1 to 24; `days` and `workday` say which")
