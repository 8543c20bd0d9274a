"""Brute force of network alarms: what an alarm condition adds, told again from docs/alarms-5g.md.

Flows are asked of each event and those before it; levels at every instant at which one may step.
"""

from __future__ import annotations

import tomllib
from bisect import bisect
from collections.abc import Sequence
from pathlib import Path

from tests.brute import DAY, MINUTE, Event, Rows, ms, plus

LEVELS = frozenset(f"alarm.{name}" for name in ("active", "active_service", "unacknowledged", "outage", "never_cleared"))
MINUTES = (0, 1, 2, 5, 10, 15, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440, 2880, 10080, 43200)
HISTOGRAMS = {"alarm.time_to_clear": MINUTES}
RULES = tomllib.loads((Path(__file__).parents[1] / "streams/data/alarms.toml").read_text("utf-8"))
FLAP, STALE = RULES["flap_minutes"] * MINUTE, RULES["stale_days"] * DAY
OUTAGES = {problem.lower() for problem in RULES["outage"]}
Dims = tuple[str, str, str, str]


def rows(events: Sequence[Event]) -> Rows:
    """Flows by event, levels by instant."""
    found: Rows = {}

    def add(name: str, dims: Dims, at: int, *measures: int) -> None:
        found[f"alarm.{name}", dims, at] = plus(found.get((f"alarm.{name}", dims, at)), measures)

    heard: list[Event] = []
    ends: list[int] = []
    for n, event in enumerate(events):
        state, at = event["data"]["state"], ms(event["time"])
        if _of_the_alarm_before(events[:n], event):
            if state in ("changed", "cleared"):
                add("unmatched", _dims(heard), at, 1)
            continue
        was = _begun(heard)
        heard.append(event)
        dims = _dims(heard)
        if state == "raised":
            add("raised" if was is None else "reraised", dims, at, 1)
            if was is None and ends and at - ends[-1] <= FLAP:
                add("flapping", dims, at, 1)
        elif was is None and state in ("changed", "cleared"):
            add("unmatched", dims, at, 1)
        elif was is not None and state == "cleared":
            ends.append(at)
            add("cleared", dims, at, 1)
            lasted = at - ms(heard[was]["time"])
            bucket = max(n for n, edge in enumerate(MINUTES) if edge * MINUTE <= lasted)
            add("time_to_clear", dims, at, *(int(n == bucket) for n in range(len(MINUTES))))

    times = [ms(one["time"]) for one in heard]  # in order
    raises = [ms(one["time"]) + STALE for one in heard if one["data"]["state"] == "raised"]
    before: set[tuple[str, Dims]] = set()
    for at in sorted({*times, *raises}):
        now = _levels(heard[: bisect(times, at)], at)
        for name, dims in before - now:
            add(name, dims, at, -1)
        for name, dims in now - before:
            add(name, dims, at, 1)
        before = now
    return {key: measures for key, measures in found.items() if any(measures)}


def _of_the_alarm_before(earlier: Sequence[Event], event: Event) -> bool:
    """Whether it names what the last raise but one (of those that named another) called its episode."""
    named = [one["data"].get("episode") for one in earlier if one["data"]["state"] == "raised"]
    said = [name for name in named if name is not None]
    in_turn = [name for n, name in enumerate(said) if n == 0 or said[n - 1] != name]
    own = event["data"].get("episode")
    return event["data"]["state"] != "raised" and own is not None and in_turn[-2:-1] == [own]


def _begun(heard: Sequence[Event]) -> int | None:
    """The number of the raise with which the alarm that is active after these events began; None: none is."""
    begun: int | None = None
    for n, one in enumerate(heard):
        if one["data"]["state"] == "raised" and begun is None:
            begun = n
        if one["data"]["state"] == "cleared":
            begun = None
    return begun


def _last(heard: Sequence[Event], field: str) -> object:
    return next((said for one in reversed(heard) if (said := one["data"].get(field)) is not None), None)


def _dims(heard: Sequence[Event]) -> Dims:
    site, cell, severity, kind = (str(_last(heard, name) or "?") for name in ("site", "cell", "severity", "kind"))
    return site, cell, severity, kind


def _levels(heard: Sequence[Event], at: int) -> set[tuple[str, Dims]]:
    """The levels in which it is 1 after these events, the last of which were at this instant or before."""
    begun = _begun(heard)
    if begun is None:
        return set()
    affects = _last(heard, "affects_service")
    acks = [state for one in heard[begun:] if (state := one["data"]["state"]) in ("acknowledged", "unacknowledged")]
    holds = {
        "active": True,
        "active_service": affects if affects is not None else _last(heard, "severity") in ("critical", "major"),
        "unacknowledged": acks[-1:] != ["acknowledged"],
        "outage": " ".join(str(_last(heard, "problem")).lower().split()) in OUTAGES,
        "never_cleared": at - ms(heard[begun]["time"]) >= STALE,
    }
    return {(name, _dims(heard)) for name, is_so in holds.items() if is_so}
