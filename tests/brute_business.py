"""Brute force of business: what a number of the registry adds, told again from the rules in the declaration's head.

Every interesting instant is asked for the state it is in: a level steps where two instants beside each other differ.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.brute import DAY, Event, Rows, ms, plus

LEVELS = frozenset(f"business.{name}" for name in ("companies", "agreements", "expiring", "stands", "exhibitors"))
EXPIRING = tomllib.loads((Path(__file__).parents[1] / "streams/data/business.toml").read_text("utf-8"))["expiring_days"] * DAY
NEW_CODES = datetime(2025, 6, 30, 17, tzinfo=UTC)
"""The first of July 2025 in the province: from then on a commune's code is of another list."""
Dims = tuple[str, str, str]
NEVER = 1 << 60


class Validity(NamedTuple):
    """From when to when a signing holds, if nothing ends it early."""

    begins: int
    ends: int


def rows(events: Sequence[Event]) -> Rows:
    """The flows by walking, the levels by asking at every instant at which they may step."""
    found: Rows = {}

    def add(name: str, dims: Dims, at: int, by: int) -> None:
        key = (f"business.{name}", dims, at)
        found[key] = plus(found.get(key), (by,))

    for kind in ("company", "agreement", "stand"):
        own = [event for event in events if event["data"]["kind"] == kind]
        for n, name in _flows(own):
            add(name, _dims(own[: n + 1]), ms(own[n]["time"]), 1)
        before: dict[str, Dims] = {}
        for at in _instants(own):
            now = dict.fromkeys(_state(own, at), _dims([event for event in own if ms(event["time"]) <= at]))
            for name in before.keys() | now.keys():
                if before.get(name) != now.get(name):
                    if name in before:
                        add(name, before[name], at, -1)
                    if name in now:
                        add(name, now[name], at, 1)
            before = now
    return {key: measures for key, measures in found.items() if any(measures)}


def _dims(events: Sequence[Event]) -> Dims:
    """What was stated last of field, unit and agency."""
    last = {"field": "?", "unit": "?", "agency": "?"}
    for event in events:
        stated = {name: event["data"][name] for name in last if event["data"].get(name) is not None}
        if "unit" in stated and datetime.fromisoformat(event["time"]) >= NEW_CODES:
            stated["unit"] += "@2025-07-01"
        last |= stated
    return last["field"], last["unit"], last["agency"]


def _flows(events: Sequence[Event]) -> list[tuple[int, str]]:
    """Which event is which flow."""
    found = []
    for n, event in enumerate(events):
        data, before = event["data"], events[:n]
        if data["kind"] == "company" and data.get("exhibition") is None:
            is_in = _member(before)
            if data["state"] == "joined" and not is_in:
                found.append((n, "joined"))
            if data["state"] == "left" and is_in:
                found.append((n, "left"))
        if data["kind"] == "agreement":
            valid = _validity(before)
            runs = valid is not None and ms(event["time"]) < valid.ends
            if data["state"] == "signed" and not runs:
                found.append((n, "agreements_signed"))
            if data["state"] == "ended" and runs:
                found.append((n, "agreements_ended"))
    return found


def _member(events: Sequence[Event]) -> bool:
    """Whether the last event about the programme says that the company is in it."""
    said = [event["data"]["state"] for event in events if event["data"].get("exhibition") is None]
    return said[-1:] == ["joined"]


def _validity(events: Sequence[Event]) -> Validity | None:
    """What holds after these events: of the last signing with its renewals; None: never signed, or ended."""
    valid: Validity | None = None
    for event in events:
        data, at = event["data"], ms(event["time"])
        since = ms(data["since"]) if data.get("since") else None
        until = ms(data["until"]) if data.get("until") else None
        if data["state"] == "ended":
            valid = None
        elif valid is None or valid.ends <= at:
            valid = Validity(at if since is None else max(at, since), NEVER if until is None else until)
        else:
            begins = valid.begins if valid.begins <= at or since is None else max(at, since)
            valid = Validity(begins, valid.ends if until is None else until)
    return valid


def _instants(events: Sequence[Event]) -> list[int]:
    """All times at which something may change."""
    found = set()
    for event in events:
        data = event["data"]
        found |= {ms(event["time"])} | {ms(data[name]) for name in ("since", "until") if data.get(name)}
        if data.get("until"):
            found.add(ms(data["until"]) - EXPIRING)
    return sorted(found)


def _state(events: Sequence[Event], at: int) -> set[str]:
    """The levels in which it is 1 at an instant."""
    so_far = [event for event in events if ms(event["time"]) <= at]
    if not so_far:
        return set()
    kind = so_far[0]["data"]["kind"]
    if kind == "stand":
        return {"stands"} if so_far[-1]["data"]["state"] == "opened" else set()
    if kind == "agreement":
        valid = _validity(so_far)
        if valid is None or not valid.begins <= at < valid.ends:
            return set()
        return {"agreements", "expiring"} if valid.ends - EXPIRING <= at else {"agreements"}
    shows = {}
    for event in so_far:
        if event["data"].get("exhibition") is not None:
            shows[event["data"]["exhibition"]] = event["data"]["state"] == "joined"
    return ({"companies"} if _member(so_far) else set()) | ({"exhibitors"} if any(shows.values()) else set())
