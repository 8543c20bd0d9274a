"""Life of citizens' feedback (phản ánh, kiến nghị): its openings, clocks and publication, event by event, and what follows. Pure.

Feedback is open from its first event to its answer or refusal. What comes after an answer (its publication) tells of one where none
was told, and so does a rating with which it begins. `reopened`, or `transferred` after the end, opens it again. A clock of working
days (`streams/data/feedback.toml`) begins with each opening, and anew when it is transferred. Another agency, topic or place that an
event states moves it, and the clock goes on. An answer waits from `awaiting_publication` until it is published or opened again, and
counts where it was when that began. Every rating that is stated counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field, model_validator

from ioc.calendar.workdays import Beyond, calendar
from ioc.times import DAY
from ioc.tomls import Strict, load
from ioc.units.identity import identity
from ioc.vocabulary import UNKNOWN, Contribution, Dims, Quantiles
from schemas.feedback import KINDS, STATES
from streams.due import nearing
from streams.levels import ONE, on
from streams.periods import Standing, stood

DATA = Path(__file__).parent / "data"
RULES = DATA / "feedback.toml"
FILES = (RULES, DATA / "calendar.toml", DATA / "units.toml")
"""What decides what feedback adds beside its events."""
ENDS = frozenset({"refused", "answered", "awaiting_publication", "published"})
OPENS = frozenset({"reopened", "transferred"})
"""What opens it again after its end."""
RANK = {state: n for n, state in enumerate(STATES)}
DAYS = Quantiles((*range(0, 60), *range(60, 181, 15)), (0.5, 0.9))


class Rules(Strict):
    """`feedback.toml`: clocks in working days, and what else can be decided otherwise."""

    refuse_days: Annotated[int, Field(ge=1, le=250)]
    supplement_days: Annotated[int, Field(ge=1, le=250)]
    resolve_days: Annotated[int, Field(ge=1, le=250)]
    publish_days: Annotated[int, Field(ge=1, le=250)]
    due_soon_days: Annotated[int, Field(ge=0, le=250)]
    repeated_dissatisfied: Annotated[int, Field(ge=1, le=1_000)]

    @model_validator(mode="after")
    def _answer_last(self) -> Rules:
        if self.resolve_days < max(self.refuse_days, self.supplement_days):
            raise ValueError(
                f"resolve_days = {self.resolve_days} is the longest: refuse_days = {self.refuse_days} and "
                f"supplement_days = {self.supplement_days} are at most that"
            )
        return self


@cache
def rules() -> Rules:
    """What `streams/data/feedback.toml` says.  Raises UsageError."""
    return load(RULES, Rules, f"streams/data/{RULES.name}")


class Step(NamedTuple):
    """What the history keeps of an event; times in ms."""

    time: int
    state: str
    agency: str | None = None
    topic: str | None = None
    unit: str | None = None
    kind: str | None = None
    rating: str | None = None
    likes: int | None = None
    dislikes: int | None = None


class Clock(NamedTuple):
    """By when open feedback is to be answered, refused, asked for a supplement (ms; None: the calendar has no days there).

    `asked`: it was asked for a supplement. `late`: for the first time, and after that clock.
    """

    answer: int | None
    refusal: int | None
    supplement: int | None
    asked: bool = False
    late: bool = False

    def broken(self, time: int) -> bool:
        """Whether open feedback is late at an instant."""
        return self.late or (self.answer is not None and self.answer <= time)

    def ended_late(self, time: int, state: str) -> bool:
        """Whether feedback that ends then does so late; at the very end of the clock it does not."""
        limit = self.refusal if state == "refused" else self.answer
        return self.late or (limit is not None and limit < time)

    def asked_at(self, time: int) -> Clock:
        """The clock after a request for a supplement: only the first one has to come in time."""
        if self.asked:
            return self
        return self._replace(asked=True, late=self.supplement is not None and self.supplement < time)


@lru_cache(maxsize=1 << 14)
def within(at: int, days: int) -> int | None:
    """The end (ms) of a clock of so many working days; None where the calendar has no days."""
    try:
        return calendar().due(at, days)
    except Beyond:
        return None


def begun(at: int) -> Clock:
    """The clock that begins then."""
    days = rules()
    return Clock(within(at, days.resolve_days), within(at, days.refuse_days), within(at, days.supplement_days))


def contributions(history: Sequence[Step]) -> list[Contribution]:
    """What feedback adds to each indicator, and when."""
    life = _Life()
    for step in history:
        life.tell(step)
    return life.told() if history else []


class _Life:
    """Feedback, told event by event: what it has added so far, and how it stands."""

    def __init__(self) -> None:
        self.rows: list[Contribution] = []
        self.dims: Dims = (UNKNOWN,) * 4
        self.clock: Clock | None = None
        """None: it has ended, or not begun."""
        self.opened = self.since = self.base = 0
        """Of its last opening, of the stretch of it in which nothing moved it, and when it was last opened or ended."""
        self.was_late = False
        """Whether an opening before ended late."""
        self.waits: tuple[int, Dims] | None = None
        """Since when its answer waits to be published, and where."""
        self.likes = self.dislikes = self.dissatisfied = 0
        self.standings: list[Standing] = []
        self.openings: list[list[Standing]] = []

    def tell(self, step: Step) -> None:
        """One more event."""
        time, state, first = step.time, step.state, not self.standings
        self._pass(time)
        before, self.dims = self.dims, self._moved(step)
        if first or (self.clock is None and state in OPENS):
            self._open(time, "reopened" if self.openings else "received")
        elif self.clock is not None and (before != self.dims or state in ENDS or state == "transferred"):
            self._stretch(before, self.clock, time)
            if state == "transferred":
                self.clock = begun(time)
        if self.clock is not None and state == "supplement":
            self.clock = self.clock.asked_at(time)
        self._rate(step)
        if self.clock is not None and (state in ENDS or (first and state == "rated")):
            self._end(self.clock, time, state)
        else:
            self._stand(time)
        self._publish(time, state)

    def told(self) -> list[Contribution]:
        """All that it adds."""
        self._pass(None)
        if self.clock is not None:
            self._stretch(self.dims, self.clock, None)
        self._published(None)
        for opening in self.openings:
            stood(self.rows, "index766.5_2", opening)
        stood(self.rows, "index766.5_3", self.standings)
        for kind in KINDS:
            stood(self.rows, f"index766.5_1_{kind}", (one._replace(holds=one.dims[3] == kind) for one in self.standings))
        return self.rows

    def _moved(self, step: Step) -> Dims:
        agency, topic, unit, kind = self.dims
        placed = unit if step.unit is None else identity(step.unit, step.time)
        return (step.agency or agency, step.topic or topic, placed, step.kind or kind)

    def _open(self, time: int, flow: str) -> None:
        self.rows.append((f"feedback.{flow}", self.dims, time, ONE))
        self.opened = self.since = self.base = time
        self.clock = begun(time)
        self.openings.append([])
        self._published(time)

    def _stretch(self, dims: Dims, clock: Clock, end: int | None) -> None:
        """The levels of a stretch [since, end) of its open life."""
        start, self.since, due = self.since, end or 0, clock.answer
        on(self.rows, "feedback.open", dims, start, end)
        if due is None:
            return
        if end is None or due < end:
            on(self.rows, "feedback.overdue", dims, max(start, due), end)
        if start < due:
            soon, _ = nearing(due, rules().due_soon_days)
            on(self.rows, "feedback.due_soon", dims, max(start, soon), due if end is None else min(due, end))

    def _end(self, clock: Clock, time: int, state: str) -> None:
        late = clock.ended_late(time, state)
        self.clock, self.base, self.was_late = None, time, self.was_late or late
        self.rows.append(("feedback.on_time_share", self.dims, time, (int(late), 1, 1)))
        if state == "refused":
            self.rows.append(("feedback.refused", self.dims, time, ONE))
        else:
            self.rows.append(("feedback.answered", self.dims, time, ONE))
            self.rows.append(("feedback.handling_days", self.dims, time, handled(time - self.opened)))
        self.openings[-1].append(Standing(time, self.dims, time, not late))
        self._stand(time)

    def _publish(self, time: int, state: str) -> None:
        if state == "awaiting_publication" and self.waits is None:
            self.waits = (time, self.dims)
        elif state == "published":
            self._published(time)

    def _published(self, end: int | None) -> None:
        """Nobody waits for the publication any more; no end: it is still waited for."""
        if self.waits is None:
            return
        start, dims = self.waits
        self.waits = None
        on(self.rows, "feedback.awaiting_publication", dims, start, end)
        due = within(start, rules().publish_days)
        if due is not None and (end is None or due < end):
            on(self.rows, "feedback.publication_overdue", dims, due, end)

    def _rate(self, step: Step) -> None:
        self.likes = self.likes if step.likes is None else step.likes
        self.dislikes = self.dislikes if step.dislikes is None else step.dislikes
        if step.rating is not None:
            self.dissatisfied += step.rating == "dissatisfied"
            self.rows.append(("feedback.satisfied_share", self.dims, step.time, (int(step.rating == "satisfied"), 1, 1)))

    def _pass(self, until: int | None) -> None:
        """How it stands from the end of its clock on, if that comes before the next event."""
        due = None if self.clock is None else self.clock.answer
        if due is not None and self.standings[-1].at < due and (until is None or due < until):
            self._stand(due)

    def _stand(self, time: int) -> None:
        late = self.clock is not None and self.clock.broken(time)
        if self.clock is not None:
            self.openings[-1].append(Standing(time, self.dims, self.opened, not late))
        disliked = self.dislikes > self.likes or self.dissatisfied >= rules().repeated_dissatisfied
        self.standings.append(Standing(time, self.dims, self.base, not (late or self.was_late or disliked)))


@cache
def _bucket(day: int) -> tuple[int, ...]:
    return DAYS.one_hot(day)


def handled(time: int) -> tuple[int, ...]:
    """The histogram entry of a handling time (ms); all edges are whole days."""
    return _bucket(min(time // DAY, 10_000))


def rank(step: Step) -> int:
    """The order of events of one time."""
    return RANK[step.state]
