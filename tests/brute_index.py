"""Brute force of the index of Decision 766, after docs/index766.md: what a period, told up to an instant, says of one dossier.

A row is what changes at an instant: the difference of what is said just after it and just before; a new period begins with
nothing. All is told anew for every instant.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from tests.brute_worktime import ms, worked

DATA = Path(__file__).parents[1] / "streams" / "data"
PROCEDURES = tomllib.loads((DATA / "procedures.toml").read_text(encoding="utf-8"))["procedure"]
WITH_FEE = {p["code"] for p in PROCEDURES if p["fee"]}
NOT_WRITTEN = set(tomllib.loads((DATA / "index766.toml").read_text(encoding="utf-8"))["no_written_result"])
FACTS = ("fee", "paid_online", "e_result", "digitised", "reused", "from_store", "identified", "disliked")
Dims = tuple[str, ...]
Pairs = dict[tuple[str, Dims], list[int]]
"""By indicator and dimensions: part and whole of a month, of a quarter, of a year."""


class Told(Protocol):
    """What is asked of a dossier's state: `tests.brute_dossiers.State`."""

    flows: Any
    ends: Any
    dims: Dims

    def overdue(self, instant: int) -> bool: ...


@lru_cache(maxsize=1 << 16)
def periods(at: int) -> tuple[tuple[int, int], ...]:
    """Month, quarter and year that an instant lies in, in the province."""
    there = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at, hours=7)
    return (there.year, there.month), (there.year, 100 + (there.month - 1) // 3), (there.year, 0)


def facts_before(events: Sequence[Mapping[str, Any]], instant: int) -> dict[str, Any]:
    """What the events before an instant state of the service (in order)."""
    found: dict[str, Any] = {}
    for event in events:
        if ms(event["time"]) < instant:
            found |= {name: event["data"][name] for name in FACTS if event["data"].get(name) is not None}
    return found


def said(state: Told, facts: Mapping[str, Any], instant: int) -> Pairs:
    """What each kind of period says, told up to the instant."""
    now, found = periods(instant - 1), Pairs()

    def add(name: str, dims: Dims, at: int, part: int, whole: int) -> None:
        """One more, in the periods of now that `at` lies in, too."""
        pairs = found.setdefault((f"index766.{name}", dims), [0] * 6)
        for kind, (own, other) in enumerate(zip(now, periods(at), strict=True)):
            if own == other:
                pairs[2 * kind] += part
                pairs[2 * kind + 1] += whole

    openings = [(at, dims) for what, dims, at in state.flows if what in ("dossier.received", "dossier.reopened")]
    ends = {(end.opened, n): end for n, end in enumerate(state.ends)}
    for n, (opened, _) in enumerate(openings):
        end = ends.get((opened, n))
        if end is not None:
            add("2_1", end.dims, end.at, int(end.late), 1)
        else:
            add("2_1", state.dims, opened, int(state.overdue(instant)), 1)
        if end is not None and end.state in ("completed", "returned"):
            for kind in range(3):
                if now[kind] == periods(end.at)[kind] == periods(opened)[kind]:
                    pairs = found.setdefault(("index766.2_2", end.dims), [0] * 6)
                    pairs[2 * kind] += worked(opened, end.at) // 1000
                    pairs[2 * kind + 1] += 1
    disliked = facts.get("disliked")
    if openings and disliked is not None:
        received, dims = openings[0]
        add("5_4", dims, received, int(disliked), 1)
    if openings and facts.keys() - {"disliked"}:
        received, dims = openings[0]
        paid, electronic = "paid_online" in facts, facts.get("e_result") is True
        online = dims[2] == "online" and (electronic or dims[1] in NOT_WRITTEN)
        add("3_3", dims, received, int(online), 1)
        if facts.get("fee"):
            add("3_5", dims, received, int(paid), 1)
        if dims[1] in WITH_FEE and facts.get("fee") != 0:
            add("3_6", dims, received, int(paid), 1)
        for name, fact in (("4_3", "reused"), ("4_4", "from_store"), ("4_5", "identified")):
            add(name, dims, received, int(facts.get(fact) is True), 1)
        end = ends.get((received, 0))
        if end is not None and end.state in ("completed", "returned"):
            if end.dims[1] not in NOT_WRITTEN:
                add("4_1", end.dims, end.at, int(electronic), 1)
            add("4_2", end.dims, end.at, int(electronic and facts.get("digitised") is True), 1)
    return found


def rows(events: Sequence[Mapping[str, Any]], times: Sequence[int], states: Sequence[Told], instants: Sequence[int]) -> Any:
    """(indicator, dims, at, measures) of a dossier. `states[n]`: after the events of the first n `times`."""
    stating = [event for event in events if any(event["data"].get(name) is not None for name in FACTS)]
    for t in instants:
        was = said(states[bisect_right(times, t - 1)], facts_before(stating, t), t)
        becomes = said(states[bisect_right(times, t)], facts_before(stating, t + 1), t + 1)
        begins = [a != b for a, b in zip(periods(t - 1), periods(t), strict=True)]
        for key in was.keys() | becomes.keys():
            before, after = was.get(key, [0] * 6), becomes.get(key, [0] * 6)
            change = tuple(
                now - (0 if begins[place // 2] else then) for place, (now, then) in enumerate(zip(after, before, strict=True))
            )
            if any(change):
                yield (*key, t, change)
