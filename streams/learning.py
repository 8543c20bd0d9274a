"""Learning (học trực tuyến): who enrolled, completed and was certified, by course, commune and audience.

An enrolment is one person's in one course. It begins with its first event, whatever that says, and is active until it is completed or
dropped. After a drop `enrolled` takes it up again, and so does what completes it. It is completed once: by `completed`, or by
`certified` where nothing told so before; then only the first `certified` counts. Any other event only states its fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ioc.times import DAY
from ioc.units.identity import identity
from ioc.vocabulary import UNKNOWN, Board, Contribution, Dims, Indicator, Legal, Quantiles, Ratio, Rollup, Stream
from schemas.learning import STATES, LearningChanged
from streams.learning_demo import demo

DATA = Path(__file__).parent / "data"
COURSES, AGENCIES = DATA / "courses.toml", DATA / "agencies.toml"
RANK = {state: n for n, state in enumerate(STATES)}
COMPLETES = frozenset({"completed", "certified"})
DAYS = Quantiles((*range(0, 31), *range(35, 91, 5), 120, 180, 365), (0.5, 0.9))


class Step(NamedTuple):
    """What the history keeps of an event; times in ms."""

    time: int
    state: str
    course: str | None = None
    unit: str | None = None
    audience: str | None = None


def contributions(history: Sequence[Step]) -> list[Contribution]:
    """What an enrolment adds to each indicator, and when."""
    rows: list[Contribution] = []
    dims: Dims = (UNKNOWN, UNKNOWN, UNKNOWN)
    enrolled: int | None = None
    """When it was last taken up by an event that says so."""
    active = completed = certified = False
    for step in history:
        time, state = step.time, step.state
        if active:
            rows.append(("learning.active", dims, time, (-1,)))
        placed = dims[1] if step.unit is None else identity(step.unit, time)
        dims = (step.course or dims[0], placed, step.audience or dims[2])
        if not completed:
            if not active and (not rows or state != "dropped"):
                rows.append(("learning.enrolled", dims, time, (1,)))
                enrolled, active = time if state == "enrolled" else enrolled, True
            if active and state != "enrolled":
                completed, active = state in COMPLETES, False
                rows.append((f"learning.{'completed' if completed else 'dropped'}", dims, time, (1,)))
                rows.append(("learning.completion_share", dims, time, (int(completed), 1, 1)))
                if completed and enrolled is not None:
                    rows.append(("learning.days", dims, time, DAYS.one_hot((time - enrolled) / DAY)))
        if state == "certified" and not certified:
            certified = True
            rows += (("learning.certified", dims, time, (1,)), ("learning.certified_total", dims, time, (1,)))
        if active:
            rows.append(("learning.active", dims, time, (1,)))
    return rows


BY = ((), ("course",), ("unit",), ("audience",))
WINDOWS = ("1d", "7d", "day", "month", "year")
OWN = Legal("project's own", "2026-12-01")

STREAM = Stream(
    name="learning",
    contract=LearningChanged,
    dimensions=("course", "unit", "audience"),
    item=Step,
    rank=lambda step: RANK[step.state],
    contributions=contributions,
    indicators=(
        Indicator("learning.enrolled", "Lượt ghi danh", "Enrolments", "lượt",
                  "+1 at the first event of an enrolment, and when it is taken up again after a drop", windows=WINDOWS, groupings=BY,
                  legal=OWN),
        Indicator("learning.completed", "Lượt hoàn thành", "Completions", "lượt",
                  "+1 at the first event completed of an enrolment, or certified where that comes first", windows=WINDOWS, groupings=BY,
                  legal=OWN),
        Indicator("learning.certified", "Chứng nhận đã cấp", "Certificates given", "lượt", "+1 at the first event certified of an enrolment",
                  windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("learning.dropped", "Lượt bỏ học", "Drops", "lượt", "+1 at each event dropped of an active enrolment", windows=WINDOWS,
                  groupings=BY, legal=OWN),
        Indicator("learning.active", "Lượt đang học", "Active enrolments", "lượt", "enrolled, neither completed nor dropped", level=True,
                  groupings=BY, legal=OWN),
        Indicator("learning.certified_total", "Chứng nhận đã cấp đến nay", "Certificates so far", "lượt",
                  "+1 at the first event certified of an enrolment", level=True, groupings=BY, legal=OWN),
        Indicator("learning.completion_share", "Tỷ lệ hoàn thành khóa học", "Share completed", "%", "completed / (completed + dropped)",
                  Ratio("completed", "ended"), windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("learning.days", "Số ngày đến khi hoàn thành", "Days to completion", "ngày",
                  "days from the event enrolled that began it, or took it up last, to the completion; where there is one; p50 and p90, exact "
                  "to the bucket", DAYS, windows=WINDOWS, groupings=BY, legal=OWN),
    ),
    data_files=(DATA / "units.toml",),
    units=(COURSES,),
    rollups=(Rollup("district", of="unit", tree=DATA / "units"), Rollup("province", of="unit", tree=DATA / "units")),
    board=Board(
        "learning", "Học trực tuyến", "Learning",
        names={"course": ("Khóa học", "Course"), "unit": ("Xã, phường", "Commune"), "audience": ("Đối tượng", "Audience")},
        tiles=("learning.active", "learning.enrolled", "learning.completed", "learning.certified_total", "learning.completion_share",
               "learning.days"),
        rankings=(("learning.enrolled", "course"), ("learning.completed", "unit")),
        lines=(("learning.enrolled", "learning.completed", "learning.certified"), ("learning.active",), ("learning.completion_share",)),
    ),
    demo=demo,
)  # fmt: skip
