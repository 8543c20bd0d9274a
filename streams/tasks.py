"""Tasks (nhiệm vụ được giao): open, due soon, overdue, done late, by department and by who assigned them.

A task is open from its first event to `done` or `cancelled`; `returned` or `assigned` after that opens it again. The due time is the
one stated last; a task without one is never late.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from ioc.calendar.workdays import calendar
from ioc.times import DAY, HOUR, MINUTE, OFFSET, iso, local_day
from ioc.tomls import Strict, load
from ioc.vocabulary import UNKNOWN, Board, Contribution, Dims, Indicator, Legal, Ratio, Rollup, Stream, Told, above
from schemas.task import STATES, TaskChanged
from streams.levels import ONE, nearing, on

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


# ---- the demo

LIFE = 70
"""Days within which a task of the demo is over."""
TITLES = (
    "Báo cáo tiến độ giải ngân vốn đầu tư công", "Xây dựng kế hoạch chuyển đổi số của ngành", "Rà soát thủ tục hành chính nội bộ",
    "Kiểm tra an toàn hồ đập trước mùa mưa lũ", "Tham mưu văn bản trả lời kiến nghị cử tri", "Báo cáo kết quả sản xuất vụ chiêm xuân",
    "Chuẩn bị nội dung phiên họp thường kỳ", "Xử lý vướng mắc giải phóng mặt bằng",
)  # fmt: skip


def demo(chance: Callable[..., float], day: int) -> Iterator[Told]:
    """What happens on a day to the tasks that were assigned on it or in the weeks before."""
    begin = day * DAY - OFFSET
    for born in range(day - LIFE, day + 1):
        for n in range(_count(chance, born)):
            yield from (one for one in _life(chance, born, n) if begin <= one.time < begin + DAY)


def _count(chance: Callable[..., float], day: int) -> int:
    """How many tasks are assigned on a day: on working days, most on Mondays after the meetings."""
    return 3 + int(5 * chance("tasks", day)) + 3 * (day % 7 == 4) if calendar().works(day) else 0


def _life(chance: Callable[..., float], born: int, n: int) -> Iterator[Told]:
    """The events of the n-th task of a day."""
    listed = _listed()
    number = f"NV-{born}-{n:02}"

    def luck(what: str) -> float:
        return chance("task", born, n, what)

    def told(step: int, time: int, state: str, **more: object) -> Told:
        return Told(time, "/nhiemvu/thanhhoa", f"{number}/{step}", {"task": number, "state": state} | more)

    def office(days: float, what: str) -> int:
        """A time in office hours so many days after it was assigned."""
        day = born + int(days)
        while not calendar().works(day):
            day += 1
        return day * DAY - OFFSET + 8 * HOUR + int(luck(what) * 8 * 60) * MINUTE

    department = listed["departments"][int(luck("who") ** 1.6 * len(listed["departments"]))][0]
    assigner = listed["assigner"][int(luck("by") * len(listed["assigner"]))][0]
    start, term = office(0, "start"), 5 + int(20 * luck("term"))
    due = local_day(office(term, "due")) * DAY - OFFSET + 17 * HOUR
    title = TITLES[int(luck("title") * len(TITLES))]
    yield told(1, start, "assigned", department=department, assigner=assigner, due_at=iso(due), title=title)
    yield told(2, start + int((1 + 5 * luck("accept")) * HOUR), "accepted")
    done = term * (0.35 + 0.75 * luck("done")) + (12 * luck("delay") if luck("late") < 0.12 else 0)
    if done > term and luck("extend") < 0.5:
        due += 7 * DAY
        extended = office(max(term - 1, 1), "extended")
        yield told(3, extended, "extended", due_at=iso(due))
        done = max(done, (extended - start) / DAY + 1)
    if luck("cancel") < 0.02:
        yield told(4, office(done, "end") + DAY, "cancelled")
        return
    yield told(4, ended := office(done + 1, "end"), "done")
    if luck("return") < 0.06:
        yield told(5, max(office(done + 3, "returned"), ended + HOUR), "returned")
        yield told(6, office(done + 6, "again"), "done")


@cache
def _listed() -> dict[str, list[list[str]]]:
    return {k: v for file in (AGENCIES, ASSIGNERS) for k, v in tomllib.loads(file.read_text(encoding="utf-8")).items()}


BY = ((), ("department",), ("assigner",))
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
                  Ratio("late", "done", complement=True), groupings=BY, legal=OWN),
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
