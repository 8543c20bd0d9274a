"""Learning (học trực tuyến): who enrolled, completed and was certified, by course, commune and audience.

An enrolment is one person's in one course. It begins with its first event, whatever that says, and is active until it is completed or
dropped. After a drop `enrolled` takes it up again, and so does what completes it. It is completed once: by `completed`, or by
`certified` where nothing told so before; then only the first `certified` counts. Any other event only states its fields.
"""

from __future__ import annotations

import tomllib
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from ioc.times import DAY, HOUR, MINUTE, OFFSET
from ioc.units.identity import identity
from ioc.vocabulary import UNKNOWN, Board, Contribution, Dims, Indicator, Legal, Quantiles, Ratio, Rollup, Stream, Told
from schemas.learning import STATES, LearningChanged

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


# ---- the demo

LIFE = 45
"""Days within which an enrolment of the demo is over: then the platform drops who has not completed."""
WHO = {"group_members": 0.35, "citizens": 0.3, "officials": 0.15, "students": 0.15, "commune_leaders": 0.05}


def demo(chance: Callable[..., float], day: int) -> Iterator[Told]:
    """What happens on a day to the enrolments that began on it or in the weeks before."""
    for born in range(day - LIFE, day + 1):
        for n in range(40 + int(20 * chance("learning", born)) + 20 * (born % 7 in (2, 3))):
            yield from _life(chance, born, n, day)


def _life(chance: Callable[..., float], born: int, n: int, day: int) -> Iterator[Told]:
    """What the n-th enrolment of a day does on another day. Of most nothing: so one number says when it ends, and how."""
    fate = chance("enrolment", born, n)
    completes, luck = fate < 0.72, (fate / 0.72 if fate < 0.72 else (fate - 0.72) / 0.28)
    ends = born + (1 + int(luck**2 * 30) if completes else 3 + int(luck * (LIFE - 3)))
    certified = ends + 1 + n % 3
    if day not in (born, ends, certified):
        return
    number = f"GD-{born}-{n:03}"

    def told(at: int, state: str, **more: object) -> Told:
        return Told(at, "/hoctap/thanhhoa", f"{number}/{state}", {"enrolment": number, "state": state} | more)

    if day == born:
        yield told(_at(chance, day, n, "begins"), "enrolled", **_who(chance, born, n))
    if day == ends:
        yield told(_at(chance, day, n, "ends"), "completed" if completes else "dropped")
    if day == certified and completes and n % 8:
        yield told(day * DAY - OFFSET + 8 * HOUR + int(chance("certified", born, n) * 120) * MINUTE, "certified")


def _at(chance: Callable[..., float], day: int, n: int, what: str) -> int:
    """When people learn: in the evening most of all, at weekends all day; a few at night."""
    luck, free = chance("when", day, n, what), day % 7 in (2, 3)
    if luck < (0.4 if free else 0.6):
        opens, length = 19.0, 4.0
    elif luck < 0.85:
        opens, length = (8.0, 11.0) if free else (11.5, 2.0)
    else:
        opens, length = (0.0, 24.0) if luck > 0.93 else (8.0, 9.0)
    return day * DAY - OFFSET + int((opens + length * chance("at", day, n, what)) * 60) * MINUTE


def _who(chance: Callable[..., float], born: int, n: int) -> dict[str, str]:
    """Who enrolls in what, and where."""
    courses, codes, weights = _listed()
    audience = list(WHO)[min(bisect(list(accumulate(WHO.values())), chance("who", born, n)), len(WHO) - 1)]
    fitting = courses[audience]
    unit = codes[bisect(weights, chance("where", born, n) * weights[-1])]
    group = {"group": f"TCN-2025-{unit}-{1 + int(10 * chance('group', born, n)):02}"} if audience == "group_members" else {}
    return {"course": fitting[int(chance("course", born, n) * len(fitting))], "unit": unit, "audience": audience} | group


@cache
def _listed() -> tuple[dict[str, list[str]], list[str], list[float]]:
    """The courses of each audience; the communes, and their weights added up."""
    courses: list[Any] = tomllib.loads(COURSES.read_text(encoding="utf-8"))["course"]
    communes = tomllib.loads(AGENCIES.read_text(encoding="utf-8"))["communes"]
    of = {audience: [course["code"] for course in courses if audience in course["audience"]] for audience in WHO}
    return of, [unit for _, _, unit, _ in communes], list(accumulate(weight + 1 for *_, weight in communes))


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
