"""Tasks: small histories, and what they count. Seasons of the demo are judged in test_seasons.py."""

from __future__ import annotations

import pytest

from ioc.times import DAY, HOUR, to_ms
from streams.tasks import STREAM, Step, contributions

D, W = ("A", "CT"), to_ms("2026-06-01T03:00:00Z")
"""A Monday, 10:00 in the province."""
DUE = to_ms("2026-06-12T10:00:00Z")
"""Friday of the week after, 17:00."""


def summed(*history: Step) -> dict[str, list[tuple[int, tuple[int, ...]]]]:
    """By indicator: when, and the measures."""
    found: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
    for name, _, at, measures in sorted(contributions(history), key=lambda row: row[2]):
        found.setdefault(name.removeprefix("task."), []).append((at, measures))
    return found


def level(of: list[tuple[int, tuple[int, ...]]], at: int) -> int:
    return sum(measures[0] for when, measures in of if when <= at)


def test_a_task_is_due_soon_three_working_days_before_its_due_time_and_overdue_after_it() -> None:
    found = summed(Step(W, "assigned", *D, DUE), Step(DUE + 5 * HOUR, "done"))
    assert found["due_soon"] == [(to_ms("2026-06-10T00:30:00Z"), (1,)), (DUE, (-1,))]
    assert found["overdue"] == [(DUE, (1,)), (DUE + 5 * HOUR, (-1,))]
    assert found["done_late"] == [(DUE + 5 * HOUR, (1,))]
    assert found["on_time_share"] == [(DUE + 5 * HOUR, (1, 1, 1))]


def test_done_at_its_very_due_time_is_in_time() -> None:
    found = summed(Step(W, "assigned", *D, DUE), Step(DUE, "done"))
    assert "overdue" not in found
    assert found["on_time_share"] == [(DUE, (0, 1, 1))]


def test_an_extension_moves_the_due_time_and_is_counted() -> None:
    found = summed(Step(W, "assigned", *D, DUE), Step(DUE + HOUR, "extended", due_at=DUE + 7 * DAY), Step(DUE + 8 * DAY, "done"))
    assert found["extended"] == [(DUE + HOUR, (1,))]
    assert [level(found["overdue"], DUE + n * DAY + HOUR // 2) for n in (0, 1, 7)] == [1, 0, 1]


def test_returned_opens_it_again_and_what_else_comes_after_the_end_changes_nothing() -> None:
    assigned, done = Step(W, "assigned", *D), Step(W + HOUR, "done")
    again = summed(assigned, done, Step(W + 2 * HOUR, "returned"))
    assert [level(again["open"], W + n * HOUR) for n in range(3)] == [1, 0, 1]
    assert len(again["assigned"]) == 2
    late = Step(W + 2 * HOUR, "accepted")
    assert summed(assigned, done, late) == summed(assigned, done)


def test_a_change_of_department_moves_the_task() -> None:
    rows = contributions([Step(W, "assigned", *D), Step(W + HOUR, "accepted", "B")])
    opened = [(dims, at, measures) for name, dims, at, measures in rows if name == "task.open"]
    assert opened == [(D, W, (1,)), (D, W + HOUR, (-1,)), (("B", "CT"), W + HOUR, (1,))]


def test_a_task_first_heard_of_when_it_is_done_was_assigned_and_done_then() -> None:
    found = summed(Step(W, "done", *D))
    assert found.keys() == {"assigned", "done", "on_time_share"}


@pytest.mark.parametrize("name", ["task.open", "task.overdue"])
def test_the_levels_are_on_the_board(name: str) -> None:
    assert STREAM.board is not None
    assert name in STREAM.board.tiles
