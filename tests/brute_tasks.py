"""Brute force of tasks: what a task adds, told again from the rules in the declaration's head. No code of the engine."""

from __future__ import annotations

from collections.abc import Sequence

from tests.brute import Event, Rows, ms, plus
from tests.brute_worktime import days_before

LEVELS = frozenset({"task.open", "task.overdue", "task.due_soon"})
SHARES = {"task.on_time_share": True}
DUE_SOON = 3


def rows(events: Sequence[Event]) -> Rows:
    """The stretches of the life first, then what each of them adds."""
    found: Rows = {}

    def add(name: str, dims: tuple[str, str], at: int, *measures: int) -> None:
        found[f"task.{name}", dims, at] = plus(found.get((f"task.{name}", dims, at)), measures)

    department = assigner = "?"
    due: int | None = None
    is_open = False
    stretches: list[tuple[int, tuple[str, str], int | None, bool]] = []
    for n, event in enumerate(events):
        data, at = event["data"], ms(event["time"])
        department, assigner = data.get("department") or department, data.get("assigner") or assigner
        if data.get("due_at"):
            due = ms(data["due_at"])
        dims, state = (department, assigner), data["state"]
        if not is_open and (n == 0 or state in ("assigned", "returned")):
            is_open = True
            add("assigned", dims, at, 1)
        if not is_open:
            continue
        if state in ("extended", "returned", "cancelled", "done"):
            add(state, dims, at, 1)
        if state == "done":
            late = due is not None and at > due
            add("on_time_share", dims, at, int(late), 1, 1)
            if late:
                add("done_late", dims, at, 1)
        is_open = state not in ("done", "cancelled")
        stretches.append((at, dims, due, is_open))

    for (start, dims, due, held), following in zip(stretches, [*stretches[1:], None], strict=True):
        end = following[0] if following else None
        if not held:
            continue
        spans = {"open": (start, end)}
        if due is not None:
            spans["overdue"] = (max(start, due), end)
            spans["due_soon"] = (max(start, days_before(due, DUE_SOON)), due if end is None else min(due, end))
        for name, (low, high) in spans.items():
            if high is None or low < high:
                add(name, dims, low, 1)
                if high is not None:
                    add(name, dims, high, -1)
    return {key: measures for key, measures in found.items() if any(measures)}
