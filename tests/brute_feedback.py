"""Brute force of citizens' feedback, from the head of streams/feedback_life.py, docs/index766.md and the clocks of Decision 766.

What is said up to an instant is told from all events before it. Levels, and the index, change at an instant by what is said just
after it and was not just before. No code of the engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from tests.brute import DAY, Event, Rows, ms, plus
from tests.brute_index import periods
from tests.brute_worktime import days_before, limit, midnight

LEVELS = frozenset(f"feedback.{name}" for name in ("open", "overdue", "due_soon", "awaiting_publication", "publication_overdue"))
SHARES = {"feedback.on_time_share": True, "feedback.satisfied_share": False}
EDGES = [*range(60), *range(60, 181, 15)]
HISTOGRAMS = {"feedback.handling_days": EDGES}
REFUSE, SUPPLEMENT, RESOLVE, PUBLISH = 2, 5, 15, 2
SOON, REPEATED = 3, 2
KINDS = ("report", "proposal", "question")
TODAYS_UNITS = midnight(date(2025, 7, 1))
Dims = tuple[str, str, str, str]


class Opening(NamedTuple):
    """From where it was opened to its end: since when its clock runs, when a supplement was first asked for, how it ended."""

    opened: int
    clock: int
    asked: int | None = None
    ended: int | None = None
    refused: bool = False
    dims: Dims | None = None
    """Where it ended."""

    def late(self, instant: int) -> bool:
        """Whether one of its clocks was broken by then."""
        if self.asked is not None and self.asked > limit(self.clock, SUPPLEMENT):
            return True
        if self.ended is not None:
            return self.ended > limit(self.clock, REFUSE if self.refused else RESOLVE)
        return instant > limit(self.clock, RESOLVE)


class Said(NamedTuple):
    """All that the events before an instant say."""

    dims: Dims = ("?", "?", "?", "?")
    openings: tuple[Opening, ...] = ()
    waits: tuple[int, Dims] | None = None
    ratings: tuple[str, ...] = ()
    likes: int = 0
    dislikes: int = 0


def after(said: Said, event: Event) -> tuple[Said, list[str]]:
    """What is said after one more event, and what happened by it: opened, reopened, answered, refused, rated."""
    data, at, happened = event["data"], ms(event["time"]), []
    agency, topic, unit, kind = said.dims
    if data.get("unit"):
        unit = data["unit"] + ("@2025-07-01" if at >= TODAYS_UNITS else "")
    dims = (data.get("agency") or agency, data.get("topic") or topic, unit, data.get("kind") or kind)
    *past, last = said.openings or (None,)
    waits, state = said.waits, data["state"]
    if last is None or (last.ended is not None and state in ("reopened", "transferred")):
        happened.append("received" if last is None else "reopened")
        past, last, waits = list(said.openings), Opening(at, at), None
    elif last.ended is None and state == "transferred":
        last = Opening(last.opened, at)
    if last.ended is None and state == "supplement" and last.asked is None:
        last = last._replace(asked=at)
    closes = state in ("answered", "refused", "awaiting_publication", "published") or (state == "rated" and not said.openings)
    if last.ended is None and closes:
        last = last._replace(ended=at, refused=state == "refused", dims=dims)
        happened.append("refused" if state == "refused" else "answered")
    if state == "awaiting_publication" and waits is None:
        waits = (at, dims)
    if state == "published":
        waits = None
    ratings = said.ratings
    if data.get("rating"):
        happened.append("rated")
        ratings = (*ratings, data["rating"])
    likes, dislikes = (data[name] if data.get(name) is not None else getattr(said, name) for name in ("likes", "dislikes"))
    return Said(dims, (*past, last), waits, ratings, likes, dislikes), happened


def levels(said: Said, instant: int) -> Counter[tuple[str, Dims]]:
    """What the levels are just before an instant."""
    found: Counter[tuple[str, Dims]] = Counter()
    if said.openings and said.openings[-1].ended is None:
        due = limit(said.openings[-1].clock, RESOLVE)
        found["feedback.open", said.dims] = 1
        found["feedback.overdue", said.dims] = int(due < instant)
        found["feedback.due_soon", said.dims] = int(days_before(due, SOON) < instant <= due)
    if said.waits is not None:
        since, dims = said.waits
        found["feedback.awaiting_publication", dims] = 1
        found["feedback.publication_overdue", dims] = int(limit(since, PUBLISH) < instant)
    return found


def index(said: Said, instant: int) -> dict[tuple[str, Dims], list[int]]:
    """Part and whole of the month, the quarter and the year that go on just before an instant."""
    found: dict[tuple[str, Dims], list[int]] = {}
    now = periods(instant - 1)

    def add(name: str, dims: Dims, base: int, holds: bool) -> None:
        pairs = found.setdefault((f"index766.{name}", dims), [0] * 6)
        for kind, (own, other) in enumerate(zip(now, periods(base), strict=True)):
            if own == other:
                pairs[2 * kind] += holds
                pairs[2 * kind + 1] += 1

    for opening in said.openings:
        base = opening.opened if opening.ended is None else opening.ended
        add("5_2", opening.dims or said.dims, base, not opening.late(instant))
    if said.openings:
        last = said.openings[-1]
        base = last.opened if last.ended is None else last.ended
        good = not any(opening.late(instant) for opening in said.openings)
        good = good and said.dislikes <= said.likes and said.ratings.count("dissatisfied") < REPEATED
        add("5_3", said.dims, base, good)
        for kind in KINDS:
            add(f"5_1_{kind}", said.dims, base, said.dims[3] == kind)
    return found


def rows(events: Sequence[Event]) -> Rows:
    """What happens at the events; then what changes at each instant at which anything may."""
    found: Rows = {}

    def add(name: str, dims: Dims, at: int, *measures: int) -> None:
        found[name, dims, at] = plus(found.get((name, dims, at)), measures)

    times, states = [ms(event["time"]) for event in events], [Said()]
    for event, at in zip(events, times, strict=True):
        said, happened = after(states[-1], event)
        states.append(said)
        for what in happened:
            if what == "rated":
                add("feedback.satisfied_share", said.dims, at, int(said.ratings[-1] == "satisfied"), 1, 1)
                continue
            add(f"feedback.{what}", said.dims, at, 1)
            last = said.openings[-1]
            if what in ("answered", "refused"):
                add("feedback.on_time_share", said.dims, at, int(last.late(at)), 1, 1)
            if what == "answered":
                place = max(n for n, edge in enumerate(EDGES) if edge * DAY <= at - last.opened)
                add("feedback.handling_days", said.dims, at, *(int(n == place) for n in range(len(EDGES))))

    ends = {limit(at, days) for at in times for days in (RESOLVE, PUBLISH)}
    for at in sorted({*times, *ends, *(days_before(limit(at, RESOLVE), SOON) for at in times)}):
        before, now = (states[sum(time < instant for time in times)] for instant in (at, at + 1))
        was, becomes = levels(before, at), levels(now, at + 1)
        for name, dims in {*was, *becomes}:
            add(name, dims, at, becomes[name, dims] - was[name, dims])
        told, tells = index(before, at), index(now, at + 1)
        begins = [a != b for a, b in zip(periods(at - 1), periods(at), strict=True)]
        for key in {*told, *tells}:
            old, new = told.get(key, [0] * 6), tells.get(key, [0] * 6)
            change = (b - (0 if begins[place // 2] else a) for place, (a, b) in enumerate(zip(old, new, strict=True)))
            add(*key, at, *change)
    return {key: measures for key, measures in found.items() if any(measures)}
