"""Brute force of learning: what an enrolment adds, told again from the rules in the declaration's head. No code of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tests.brute import DAY, Event, Rows, ms, plus

NEW_CODES = datetime(2025, 6, 30, 17, tzinfo=UTC)
"""The first of July 2025 in the province: from then on a commune's code is of another list."""
EDGES = [*range(31), 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 120, 180, 365]
LEVELS = frozenset({"learning.active", "learning.certified_total"})
SHARES, HISTOGRAMS = {"learning.completion_share": False}, {"learning.days": EDGES}
FINISHES = ("completed", "certified")
Place = tuple[str, str, str]


def rows(events: Sequence[Event]) -> Rows:
    """First where it was after each event and whether it was active then; then what that adds."""
    found: Rows = {}

    def add(name: str, dims: Place, at: int, *measures: int) -> None:
        found[f"learning.{name}", dims, at] = plus(found.get((f"learning.{name}", dims, at)), measures)

    places = [_place(events[: n + 1]) for n in range(len(events))]
    states, times = [event["data"]["state"] for event in events], [ms(event["time"]) for event in events]
    finish = next((n for n, state in enumerate(states) if state in FINISHES), len(events))
    active: list[bool] = []
    for n, state in enumerate(states):
        was = bool(active) and active[-1]
        active.append(n < finish and (state == "enrolled" or (state != "dropped" and was)))
        if n > finish:
            continue
        taken_up = not was and (n == 0 or state != "dropped")
        if taken_up:
            add("enrolled", places[n], times[n], 1)
        if state == "dropped" and (was or taken_up):
            add("dropped", places[n], times[n], 1)
            add("completion_share", places[n], times[n], 0, 1, 1)
    if finish < len(events):
        add("completed", places[finish], times[finish], 1)
        add("completion_share", places[finish], times[finish], 1, 1, 1)
        begins = [times[n] for n in range(finish) if states[n] == "enrolled" and not (n and active[n - 1])]
        if begins:
            days = (times[finish] - begins[-1]) // DAY
            add("days", places[finish], times[finish], *(int(low <= days < high) for low, high in _buckets()))
    if "certified" in states:
        first = states.index("certified")
        add("certified", places[first], times[first], 1)
        add("certified_total", places[first], times[first], 1)
    for n, here in enumerate(active):
        if here:
            add("active", places[n], times[n], 1)
            if n + 1 < len(events):
                add("active", places[n], times[n + 1], -1)
    return {key: measures for key, measures in found.items() if any(measures)}


def _place(events: Sequence[Event]) -> Place:
    """What was stated last of each."""
    course = unit = audience = "?"
    for event in events:
        data = event["data"]
        course, audience = data.get("course") or course, data.get("audience") or audience
        if data.get("unit"):
            unit = data["unit"] + ("@2025-07-01" if datetime.fromisoformat(event["time"]) >= NEW_CODES else "")
    return course, unit, audience


def _buckets() -> list[tuple[float, float]]:
    return list(zip(EDGES, [*EDGES[1:], float("inf")], strict=True))
