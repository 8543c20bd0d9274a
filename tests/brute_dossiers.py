"""Brute force of dossiers, after docs/dossiers.md: what is true just before an instant, from the events before it.

Own order, own rules, own working time; all is told anew from the first event on. `tests.brute` counts logs with it.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from tests import brute_index
from tests.brute_worktime import DAY, HOUR, days_before, later, limit, midnight, ms, worked

DATA = Path(__file__).parents[1] / "streams" / "data"
RULES = tomllib.loads((DATA / "dossiers.toml").read_text(encoding="utf-8"))
LIMITS = {p["code"]: p["days"] for p in tomllib.loads((DATA / "procedures.toml").read_text(encoding="utf-8"))["procedure"]}
TODAYS_UNITS = date(2025, 7, 1)
"""Since then a commune's code is one of the new code list."""
ENDS = ("completed", "returned", "refused", "withdrawn", "stopped")
ORDER = ("registered", "received", "supplement", "payment", "processing", *ENDS)
"""The rank of codes 1, 2, 5, 6, 4, 9, 10, 3, 7, 8."""
CODES = dict(zip(ORDER, (1, 2, 5, 6, 4, 9, 10, 3, 7, 8), strict=True))
MOVES = {
    None: (1, 2),
    "registered": (2, 3, 5, 7),
    "received": (4, 5, 6, 7, 8, 9),
    "processing": (5, 6, 7, 8, 9),
    "supplement": (2, 4, 7, 8),
    "payment": (4, 7, 8, 9),
    "completed": (10,),
    "refused": (),
    "withdrawn": (),
    "stopped": (),
    "returned": (),
}
DIMENSIONS = ("agency", "procedure", "channel", "service_level", "unit")
UNSAID = {"channel": "counter"}
LEVELS = (
    "dossier.backlog",
    "dossier.overdue",
    "dossier.due_soon",
    "dossier.due_today",
    "dossier.paused",
    "dossier.uncollected",
)
EDGES = (*range(60), *range(60, 120, 5), *range(120, 361, 15))

Event = dict[str, Any]
Dims = tuple[str, ...]
Rows = dict[tuple[str, Dims, int], tuple[int, ...]]
Flow = tuple[str, Dims, int]
"""One more of an indicator: under which dimensions, and when."""


@dataclass(frozen=True)
class End:
    """An end of processing: opened and ended when, in which state, where, when due, and whether late."""

    opened: int
    at: int
    state: str
    dims: Dims
    due: int | None
    late: bool


@dataclass
class State:
    """A dossier as its events tell, one after the other."""

    state: str | None = None
    said: dict[str, str] = field(default_factory=dict)
    stated_due: int | None = None
    """The due time stated last, moved by the supplements since."""
    said_due: int | None = None
    """The due time stated last, as it was stated: to repeat it states nothing."""
    since: int | None = None
    """Open since then, or None."""
    opened: int | None = None
    """The reception, or when it was opened again; None: never received."""
    end_state: str = ""
    """The state it ended in, also before the reception."""
    requests: int = 0
    """Requests for a supplement since it was opened."""
    asked: int | None = None
    """When the supplement (or payment) was asked for that is waited for now; the clock stands still."""
    stands: int | None = None
    """From when on the time it stands still moves the due time."""
    waited: int = 0
    """Working time of the answered ones, since it was opened."""
    reappointed: int = 0
    uncollected: Dims | None = None
    flows: tuple[Flow, ...] = ()
    ends: tuple[End, ...] = ()

    @property
    def dims(self) -> Dims:
        return tuple(self.said.get(n) or UNSAID.get(n, "?") for n in DIMENSIONS)

    @property
    def due(self) -> int | None:
        if self.stated_due is not None:
            return self.stated_due
        days = LIMITS.get(self.said.get("procedure", ""))
        return None if days is None or self.opened is None else later(limit(self.opened, days), self.waited)

    def overdue(self, instant: int) -> bool:
        """Whether a dossier that is open is overdue."""
        if self.state == "supplement" and self.requests >= 2:
            return True
        return self.due is not None and self.due < (instant if self.asked is None else self.asked)

    def count(self, what: str, at: int) -> None:
        self.flows += ((f"dossier.{what}", self.dims, at),)

    # ---- one more event

    def tell(self, event: Event) -> None:
        at, data = ms(event["time"]), event["data"]
        what, was = data["state"], self.state
        self.said = self.said | {n: data[n] for n in DIMENSIONS if data.get(n) is not None}
        if data.get("unit") is not None and at >= midnight(TODAYS_UNITS):
            self.said["unit"] = f"{data['unit']}@{TODAYS_UNITS}"
        if what != was and CODES[what] not in MOVES[was]:
            self.count("violations", at)
        due = ms(data["due_at"]) if data.get("due_at") is not None else None
        if due == self.said_due:
            due = None
        elif due is not None:
            self.said_due = due
        if self.since is not None:
            self.go_on(at, what, due)
            return
        if due is not None:
            self.stated_due = due
        self.state = what
        if what == "received":
            self.open(at)
        elif self.opened is None:
            if what in ENDS and what != "withdrawn" and self.end_state in ("", "completed" if what == "returned" else ""):
                self.end_state = what
        elif (self.end_state, what) == ("completed", "returned"):
            self.end_state, self.uncollected = what, None
        else:
            self.count("after_end", at)

    def open(self, at: int) -> None:
        first, early = self.opened is None, self.end_state
        self.since = self.opened = at
        self.requests = self.waited = 0
        self.uncollected, self.end_state = None, ""
        self.count("received" if first else "reopened", at)
        if first and early:
            self.end(at, early)

    def end(self, at: int, what: str) -> None:
        assert self.since is not None
        self.ends += (End(self.since, at, what, self.dims, self.due, self.overdue(at)),)
        self.since, self.end_state = None, what
        self.uncollected = self.dims if what == "completed" else None

    def go_on(self, at: int, what: str, due: int | None) -> None:
        """An event of an open dossier."""
        was, self.state = self.state, what
        standing = ("supplement", "payment") if RULES["payment_pauses"] else ("supplement",)
        if due is not None:
            waits = "supplement" in (was, what)
            if self.stated_due is not None and due > self.stated_due and not waits:
                self.reappointed += 1
                self.count("reappointed", at)
                if self.reappointed > RULES["reappointments"]:
                    self.count("reappointed_again", at)
            self.stated_due = due
        if what in ENDS:
            self.state = was  # it ends as what it was: late if overdue then
            self.end(at, what)
            self.state = what
        if self.asked is not None and what != was:  # the clock runs again
            assert self.stands is not None
            self.waited += worked(self.asked, at)
            if self.stated_due is not None and due is None:
                self.stated_due = later(self.stated_due, worked(self.stands, at))
            self.asked = self.stands = None
        if what in standing and what != was:
            self.asked = self.stands = at
        elif self.asked is not None and due is not None:
            self.stands = at
        if what == "supplement" and what != was:
            self.requests += 1
            self.count("supplements", at)


def in_order(events: Sequence[Event]) -> list[Event]:
    """Without the replaced, by (time, sequence, state rank, source, id)."""
    gone = {(e["source"], e["replaces"]) for e in events if e.get("replaces") is not None}
    left = [e for e in events if (e["source"], e["id"]) not in gone]
    return sorted(
        left, key=lambda e: (ms(e["time"]), int(e.get("sequence") or 0), ORDER.index(e["data"]["state"]), e["source"], e["id"])
    )


def state_before(events: Sequence[Event], instant: int) -> State:
    """The state from the events before the instant (in order, corrections done)."""
    state = State()
    for event in events:
        if ms(event["time"]) < instant:
            state.tell(event)
    return state


def levels(events: Sequence[Event], instant: int) -> dict[str, Dims | None]:
    """The dimensions under which a dossier counts in each level at the instant, or None."""
    return levels_of(state_before(events, instant), instant)


def levels_of(s: State, instant: int) -> dict[str, Dims | None]:
    """The same from the state before the instant."""
    due = s.due
    nearing = s.since is not None and s.asked is None and due is not None and instant <= due
    true = {
        "dossier.backlog": s.since is not None,
        "dossier.overdue": s.since is not None and s.overdue(instant),
        "dossier.due_soon": nearing and soon(due or 0) < instant,
        "dossier.due_today": nearing and today(due or 0) < instant,
        "dossier.paused": s.since is not None and s.asked is not None,
    }
    return {level: s.dims if is_so else None for level, is_so in true.items()} | {"dossier.uncollected": s.uncollected}


def soon(due: int) -> int:
    """Due soon after this instant."""
    return days_before(due, RULES["due_soon_days"])


def today(due: int) -> int:
    """Due today after this instant: the beginning of the day that the due time, or the ms before it, lies in."""
    return (due - 1 + 7 * HOUR) // DAY * DAY - 7 * HOUR


def contributions(history: Sequence[Event]) -> Rows:
    """All rows of a dossier: levels by their changes at every instant that could matter, flows by their rules."""
    events = in_order(history)
    rows: Rows = {}

    def add(indicator: str, dims: Dims, at: int, measures: tuple[int, ...]) -> None:
        known = rows.get((indicator, dims, at))
        rows[indicator, dims, at] = measures if known is None else tuple(map(int.__add__, known, measures))

    times = sorted({ms(e["time"]) for e in events})
    s, states = State(), [State()]  # states[n]: after the events of the first n times
    for time in times:
        for event in events:
            if ms(event["time"]) == time:
                s.tell(event)
        states.append(copy(s))
    dues = {one.due for one in states if one.due is not None}
    instants = sorted({*times, *dues, *map(soon, dues), *map(today, dues)})
    for indicator, dims, at, measures in brute_index.rows(events, times, states, sorted({*times, *dues})):
        add(indicator, dims, at, measures)
    for t in instants:
        was, becomes = (levels_of(states[bisect_right(times, at - 1)], at) for at in (t, t + 1))
        for level in LEVELS:
            if was[level] != becomes[level]:
                for dims, sign in ((was[level], -1), (becomes[level], 1)):
                    if dims is not None:
                        add(level, dims, t, (sign,))
    for indicator, dims, at in s.flows:
        add(indicator, dims, at, (1,))
        if indicator == "dossier.received":
            add("dossier.online_share", dims, at, (int(dims[2] == "online"), 1, 1))
    for end in s.ends:
        add("dossier.resolved", end.dims, end.at, (1,))
        if end.late:
            add("dossier.resolved_late", end.dims, end.at, (1,))
        if end.state in ("refused", "withdrawn", "stopped"):
            add(f"dossier.{end.state}", end.dims, end.at, (1,))
        add("dossier.on_time_share", end.dims, end.at, (int(end.late), 1, 1))
        wrong = any(what == "dossier.violations" and at <= end.at for what, _, at in s.flows)
        add("dossier.conformance", end.dims, end.at, (int(wrong), 1, 1))
        bucket = bisect_right(EDGES, (end.at - end.opened) // DAY) - 1
        add("dossier.handling_days", end.dims, end.at, tuple(int(i == bucket) for i in range(len(EDGES))))
    return {key: measures for key, measures in rows.items() if any(measures)}
