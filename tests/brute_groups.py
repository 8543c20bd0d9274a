"""Brute force of community digital groups: told again from the rules in the declaration's head. No code of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tests.brute import Event, Rows, ms, plus

NEW_CODES = datetime(2025, 6, 30, 17, tzinfo=UTC)
"""The first of July 2025 in the province: from then on a commune's code is of another list."""
STATED = {"stated_groups": "groups", "stated_members": "members"}
LEVELS = frozenset({"group.count", "group.members", "group.counted_units", *(f"group.{name}" for name in STATED)})
Place = tuple[str, str]


def place(event: Event) -> Place:
    """Where an event says it is: the unit under the code list of its day, and the group."""
    new = "@2025-07-01" if datetime.fromisoformat(event["time"]) >= NEW_CODES else ""
    return event["data"]["unit"] + new, event["data"].get("group", "?")


def rows(events: Sequence[Event]) -> Rows:
    """What each event does by itself; then, of each level, what it is after each event, and the differences."""
    found: Rows = {}

    def add(name: str, dims: Place, at: int, amount: int) -> None:
        found[f"group.{name}", dims, at] = plus(found.get((f"group.{name}", dims, at)), (amount,))

    for event in events:
        data, at = event["data"], ms(event["time"])
        if data["state"] == "outreach":
            add("outreach", place(event), at, 1)
            add("reached", place(event), at, data.get("people", 0))
        if data["state"] == "helped":
            add("helped", place(event), at, data["people"])

    for name, opens, closes in (("count", "founded", "dissolved"), ("members", "joined", "left")):
        where: Place | None = None
        for event in (e for e in events if e["data"]["state"] in (opens, closes)):
            at, before, where = ms(event["time"]), where, place(event) if event["data"]["state"] == opens else None
            if name == "members" and (before is None) != (where is None):
                add("joined" if where else "left", where or before or ("", ""), at, 1)
            for dims, amount in ((before, -1), (where, 1)):
                if dims is not None and before != where:
                    add(name, dims, at, amount)

    counted = [e for e in events if e["data"]["state"] == "counted"]
    begins = round(NEW_CODES.timestamp() * 1000)
    for event, following in zip(counted, [*counted[1:], None], strict=False):
        at, end = ms(event["time"]), ms(following["time"]) if following else None
        if at < begins:  # the old units are no more
            end = begins if end is None else min(end, begins)
        for when, sign in ((at, 1), (end, -1)):
            if when is not None:
                dims = (place(event)[0], "?")
                add("counted_units", dims, when, sign)
                for name, field in STATED.items():
                    add(name, dims, when, sign * event["data"][field])
    return {key: measures for key, measures in found.items() if any(measures)}
