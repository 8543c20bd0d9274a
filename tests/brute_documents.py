"""Brute force of documents: what a delivery adds, told again from the rules in the declaration's head. No code of the engine."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import timedelta

from tests.brute import HOUR, Event, Rows, ms, plus
from tests.brute_worktime import PERIODS, days, local, midnight, worked, works

EDGES = (0, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 7.5, 11.25, 15, 22.5, 37.5, 75)
HISTOGRAMS = {"document.acceptance_hours": EDGES}
LEVELS = frozenset({"document.waiting", "document.stuck"})
SHARES = {
    f"document.{name}": False
    for name in ("stuck_share", "recall_share", "recall_agreed_share", "signed_agency_share", "signed_personal_share")
}
ACCEPTED = ("received", "assigned", "processing", "completed")
ENDED = ("refused", "recall_agreed")


def next_working_day(at: int) -> int:
    """When as much of the next working day is gone as of this one; of a whole day at its closing."""
    today, clock = local(at)
    opens, closes = PERIODS[0][0], PERIODS[-1][1]
    if works(today) and clock <= opens:
        return midnight(today) + closes
    following = next(day for day in days(today + timedelta(days=1), 1) if works(day))
    if not works(today) or clock >= closes:
        return midnight(following) + closes
    if PERIODS[0][1] <= clock < PERIODS[1][0]:
        clock = PERIODS[1][0]
    return midnight(following) + clock


def sendings(events: Sequence[Event]) -> list[list[tuple[int, str]]]:
    """The life cut into sendings, each up to its end; without what counts nothing behind one."""
    found: list[list[tuple[int, str]]] = []
    for event in events:
        step = (ms(event["time"]), event["data"]["status"])
        if found and found[-1][-1][1] not in ENDED:
            found[-1].append(step)
        elif not found or step[1] == "arrived":
            found.append([step])
    return found


def rows(events: Sequence[Event]) -> Rows:
    """Sending by sending."""
    found: Rows = {}
    stated = {key: value for event in events for key, value in event["data"].items() if value is not None}
    dims, count = (stated.get("sender", "?"), stated.get("receiver", "?")), stated.get("count", 1)
    signatures = {who: stated.get(f"{who}_signature") for who in ("agency", "personal")}

    def add(name: str, at: int, *measures: int) -> None:
        key = (f"document.{name}", dims, at)
        found[key] = plus(found.get(key), tuple(count * one for one in measures))

    for steps in sendings(events):
        begin, first = steps[0]
        add("sent", begin, 1)
        add("received", begin, 1)
        add("recall_share", begin, 0, 1, 1)
        for who, signature in signatures.items():
            if signature:
                add(f"signed_{who}_share", begin, signature == "valid", 1, 1)
            if signature == "invalid":
                add("invalid_signatures", begin, 1)

        left = next((step for step in steps if step[1] in (*ACCEPTED, *ENDED)), None)
        for level, start in (("waiting", begin), ("stuck", next_working_day(begin))):
            if left is None or start < left[0]:
                add(level, start, 1)
                if left is not None:
                    add(level, left[0], -1)
        if first == "arrived":
            deadline = next_working_day(begin)
            add("stuck_share", deadline, int(all(at > deadline for at, status in steps if status in (*ACCEPTED, *ENDED))), 1, 1)
        if left is not None and left[1] in ACCEPTED and first == "arrived":
            place = bisect_right(EDGES, worked(begin, left[0]) / HOUR) - 1
            add("acceptance_hours", left[0], *(int(n == place) for n in range(len(EDGES))))

        about = [step for step in steps if step[1].startswith("recall")]
        if about:
            add("recall_share", about[0][0], 1, 0, 0)
        for n, (at, status) in enumerate(about):
            if status == "recall_agreed":
                add("recall_agreed_share", at, 1, 1, 1)
            if status == "recall_refused" and (n == 0 or about[n - 1][1] != "recall_refused"):
                add("recall_agreed_share", at, 0, 1, 1)
        if steps[-1][1] == "refused":
            add("refused", steps[-1][0], 1)
    return {key: measures for key, measures in found.items() if any(measures)}
