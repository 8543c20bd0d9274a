"""Tasks (nhiệm vụ được giao): open, due soon, overdue, done late, by department and by who assigned them.

A task is open from its first event to `done` or `cancelled`; `returned` or `assigned` after that opens it again. The due time is the
one stated last; a task without one is never late.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from ioc.tomls import Strict, load
from ioc.vocabulary import UNKNOWN, Board, Contribution, Dims, Indicator, Legal, Ratio, Rollup, Stream, above
from schemas.task import STATES, TaskChanged
from streams.due import nearing
from streams.levels import ONE, on
from streams.tasks_demo import demo

DATA = Path(__file__).parent / "data"
RULES, AGENCIES, ASSIGNERS = DATA / "tasks.toml", DATA / "agencies.toml", DATA / "assigners.toml"
ENDS = frozenset({"done", "cancelled"})
OPENS = frozenset({"assigned", "returned"})
"""What opens a task again after its end."""
RANK = {state: n for n, state in enumerate(STATES)}


class Rules(Strict):
    """`tasks.toml`."""

    due_soon_days: Annotated[int, Field(ge=0, le=250)]


@cache
def rules() -> Rules:
    """What `streams/data/tasks.toml` says.  Raises UsageError."""
    return load(RULES, Rules, f"streams/data/{RULES.name}")


class Step(NamedTuple):
    """What the history keeps of an event; times in ms."""

    time: int
    state: str
    department: str | None = None
    assigner: str | None = None
    due_at: int | None = None


def contributions(history: Sequence[Step]) -> list[Contribution]:
    """What a task adds to each indicator, and when."""
    rows: list[Contribution] = []
    dims: Dims = (UNKNOWN, UNKNOWN)
    since: int | None = None
    """From when on it is open as it stands now; None: it has ended, or not begun."""
    due: int | None = None
    for step in history:
        time, state = step.time, step.state
        if since is not None:
            _open(rows, dims, since, time, due)
        opens = (not rows and since is None) or state in OPENS
        dims = (step.department or dims[0], step.assigner or dims[1])
        due = due if step.due_at is None else step.due_at
        if since is None and not opens:
            continue
        if since is None:
            rows.append(("task.assigned", dims, time, ONE))
        if state in ("extended", "returned"):
            rows.append((f"task.{state}", dims, time, ONE))
        since = time
        if state in ENDS:
            since = None
            rows.append((f"task.{state}", dims, time, ONE))
        if state == "done":
            late = int(due is not None and time > due)
            rows.append(("task.on_time_share", dims, time, (late, 1, 1)))
            if late:
                rows.append(("task.done_late", dims, time, ONE))
    if since is not None:
        _open(rows, dims, since, None, due)
    return rows


def _open(rows: list[Contribution], dims: Dims, start: int, end: int | None, due: int | None) -> None:
    """The levels of a stretch [start, end) of an open task's life."""
    on(rows, "task.open", dims, start, end)
    if due is None:
        return
    if end is None or due < end:
        on(rows, "task.overdue", dims, max(start, due), end)
    if start < due:
        soon, _ = nearing(due, rules().due_soon_days)
        on(rows, "task.due_soon", dims, max(start, soon), due if end is None else min(due, end))


BY = ((), ("department",), ("assigner",))
SLOW = ("7d", "month", "quarter", "year")
"""Windows of what is a handful in a week."""
OWN = Legal("project's own", "2026-12-01")

STREAM = Stream(
    name="tasks",
    contract=TaskChanged,
    dimensions=("department", "assigner"),
    item=Step,
    rank=lambda step: RANK[step.state],
    contributions=contributions,
    indicators=(
        Indicator("task.assigned", "Nhiệm vụ được giao", "Tasks assigned", "1", "+1 at the first event of a task, and when opened again",
                  groupings=BY, legal=OWN),
        Indicator("task.done", "Nhiệm vụ hoàn thành", "Tasks done", "1", "+1 at each event done of an open task", groupings=BY, legal=OWN),
        Indicator("task.done_late", "Nhiệm vụ hoàn thành trễ hạn", "Tasks done late", "1",
                  "+1 at each event done of an open task after its due time", groupings=BY, legal=OWN),
        Indicator("task.cancelled", "Nhiệm vụ thu hồi", "Tasks cancelled", "1", "+1 at each event cancelled of an open task", groupings=BY,
                  legal=OWN),
        Indicator("task.extended", "Lượt gia hạn", "Extensions", "lượt", "+1 at each event extended of an open task", groupings=BY, legal=OWN),
        Indicator("task.returned", "Lượt trả lại để làm tiếp", "Returned to be done again", "lượt",
                  "+1 at each event returned: of an open task, or that opens it again", groupings=BY, legal=OWN),
        Indicator("task.open", "Nhiệm vụ đang thực hiện", "Open tasks", "1", "+1 when assigned or opened again, -1 when done or cancelled",
                  level=True, groupings=BY, legal=OWN),
        Indicator("task.overdue", "Nhiệm vụ quá hạn", "Overdue tasks", "1", "open and past the due time stated last", level=True,
                  groupings=BY, legal=OWN, alert=above(5, hold="1h", clear=3, by=("department",))),
        Indicator("task.due_soon", "Nhiệm vụ sắp đến hạn", "Tasks due soon", "1",
                  "open and at most `due_soon_days` (3) working days before the due time", level=True, groupings=BY, legal=OWN),
        Indicator("task.on_time_share", "Tỷ lệ hoàn thành đúng hạn", "Share done on time", "%", "1 - done late / done",
                  Ratio("late", "done", complement=True), windows=SLOW, groupings=BY, legal=OWN),
    ),
    data_files=(RULES, DATA / "calendar.toml"),
    reads=rules,
    units=(AGENCIES, ASSIGNERS),
    rollups=(Rollup("agency_level", of="department", file=AGENCIES,
                    names={"departments": "Sở, ngành", "communes": "UBND xã, phường"}),),
    board=Board(
        "tasks", "Nhiệm vụ", "Tasks",
        names={"department": ("Cơ quan", "Department"), "assigner": ("Người giao", "Assigned by"), "agency_level": ("Cấp", "Level")},
        tiles=("task.open", "task.overdue", "task.due_soon", "task.on_time_share"),
        rankings=(("task.overdue", "department"), ("task.open", "assigner")),
        lines=(("task.open", "task.overdue", "task.due_soon"), ("task.assigned", "task.done"), ("task.on_time_share",)),
    ),
    demo=demo,
)  # fmt: skip
