"""Statistics (chỉ tiêu, số liệu báo cáo): the figures departments report, beside their plan and the year before, and who is late.

A series is one statistic, or that of one commune: its reports are its history. The value is that of the latest period reported; a later
report of a period restates it. A report is waited for from the period after the first one on, until it is there. What no definition
takes is kept, and counts as unknown and nothing else until it is defined. A commune's figures hold while its code means that commune.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ioc.units.identity import editions, identity
from ioc.vocabulary import (
    UNKNOWN,
    Board,
    Contribution,
    Dims,
    Fold,
    Indicator,
    Legal,
    Lifecycle,
    Mean,
    Measures,
    Part,
    Ratio,
    Rollup,
    Stream,
    above,
    told,
)
from schemas.statistic import StatisticReported
from streams.definitions import (
    DATA,
    SCALE,
    STATISTICS,
    Definition,
    definitions,
    numbers,
    period,
    scaled,
    year,
    year_before,
    year_gone,
)
from streams.levels import ONE, on
from streams.reported import demo, past, stock

Figures = Mapping[int, int]
"""What was reported, in steps, by the number of its period."""
NOTHING: Figures = MappingProxyType({})
POINTS = 100 * SCALE
"""A difference of per cents over this is a share in points."""


class Step(NamedTuple):
    """What the history keeps of a report; time in ms."""

    time: int
    series: str
    period: str
    value: float
    plan: float | None = None
    department: str | None = None


class Held(NamedTuple):
    """What is told of a series from `since` on: (indicator, measures)."""

    dims: Dims
    since: int
    told: tuple[tuple[str, Measures], ...]


class Wait(NamedTuple):
    """A report that is waited for: the number of its period, by whom, and from when on it is overdue."""

    number: int
    dims: Dims
    since: int


class Life(NamedTuple):
    """A series so far."""

    series: tuple[str, str] = ("", UNKNOWN)
    """The series, and its commune as it is counted: under another edition of the code list it begins anew."""
    until: int | None = None
    """When that edition ends (ms), and with it what is told of a commune."""
    department: str | None = None
    figures: Figures = NOTHING
    plans: Figures = NOTHING
    """Plans that reports state, by year."""
    first: tuple[int, int] = (0, 0)
    """When it was first heard of (ms), and of which period."""
    newest: int = 0
    held: Held | None = None
    waits: tuple[Wait, ...] = ()
    closed: tuple[Part, ...] = ()
    """The parts of what it adds that no coming report changes."""


def advance(life: Life, step: Step) -> Life:
    """The life after one more report."""
    time, (code, _, unit) = step.time, step.series.partition("/")
    series = step.series, identity(unit, time) if unit else UNKNOWN
    department = step.department or life.department
    if life.series != series:
        life = Life(series, editions().end(time) if unit else None, department, closed=parts(life, time))
    definition, of = definitions().get(code), period(step.period)
    dims = code, series[1], department or (definition.department if definition else UNKNOWN)
    if definition is None or not definition.takes(of, bool(unit), time):
        return life._replace(department=department, closed=(*life.closed, (_unknown, dims, time)))

    number, value, known = of.number, scaled(step.value), life.figures.get(of.number)
    first, newest = life.first if life.held else (time, number), max(life.newest, number)
    due = definition.due(number) if known is None and number > first[1] else None
    late = None if due is None or due <= first[0] else time > due
    closed = [*life.closed, (_reported, dims, time, late, known not in (None, value))]
    figures = {**life.figures, number: value}
    plans = life.plans if step.plan is None else {**life.plans, year(*of): scaled(step.plan)}

    waits = []
    for wait in life.waits:
        if wait.number == number or wait.dims != dims:
            closed.append((_overdue, wait, time))
        if wait.number != number:
            waits.append(wait if wait.dims == dims else Wait(wait.number, dims, max(wait.since, time)))
    for awaited, since in _awaited(definition, first, life.newest, newest):
        if awaited not in figures:
            waits.append(Wait(awaited, dims, max(since, time)))

    held = Held(dims, time, tuple(_told(definition, figures, newest, plans, unit)))
    if life.held is not None and (life.held.dims, life.held.told) == (dims, held.told):
        held = life.held
    elif life.held is not None:
        closed.append((_holds, life.held, time))
    return Life(series, life.until, department, figures, plans, first, newest, held, tuple(waits), tuple(closed))


def _awaited(definition: Definition, first: tuple[int, int], before: int, newest: int) -> Iterator[tuple[int, int]]:
    """The periods after those waited for so far, to the one after the newest, with their due times: newest first. Of what was due
    before the series was heard of none is waited for."""
    for number in range(newest + 1, max(before + 1, first[1]), -1):
        due = definition.due(number)
        if due is not None:
            if due <= first[0]:
                return
            yield number, due


def _told(definition: Definition, figures: Figures, newest: int, plans: Figures, unit: str) -> Iterator[tuple[str, Measures]]:
    """What a series says as it stands."""
    value, kind = figures[newest], definition.period
    yield "statistic.value", (value, int(definition.units != "sum"), 1)
    if definition.rank:
        yield "statistic.rank", (value, 1, 1)
    of = year(kind, newest)
    yield "statistic.year_gone", (*year_gone(kind, newest), 1)
    so_far = [n for n in numbers(kind, of, newest) if n in figures] if definition.periods != "last" else [newest]
    plan = plans.get(of, definition.planned(of, unit))
    if plan is not None:
        done = _added(definition, [figures[n] for n in so_far])
        part, whole = (done, plan) if definition.better == "higher" else (plan, done)
        if whole > 0:
            yield "statistic.plan_share", (part, whole, 1)
    pairs = [(n, before) for n in so_far if (before := year_before(kind, n)) is not None and before in figures]
    if definition.rank or not pairs:
        return
    now, then = (_added(definition, [figures[n] for n in some]) for some in zip(*pairs, strict=True))
    if definition.unit == "%":
        yield "statistic.change", (now - then, POINTS, 1)
    elif then > 0:
        yield "statistic.change", (now - then, then, 1)


def _added(definition: Definition, figures: Sequence[int]) -> int:
    """Figures of periods of a year as one; a mean to the nearest step."""
    if definition.periods == "mean":
        return (2 * sum(figures) + len(figures)) // (2 * len(figures))
    return sum(figures)


# ---- what it adds


def parts(life: Life, end: int | None = None) -> tuple[Part, ...]:
    """What a series adds to each indicator, in parts; what is open ends then, or with the edition of its commune's code."""
    end = life.until if end is None or (life.until is not None and life.until < end) else end
    holds: list[Part] = [] if life.held is None else [(_holds, life.held, end)]
    return (*life.closed, *holds, *((_overdue, wait, end) for wait in life.waits))


def _holds(held: Held, end: int | None) -> list[Contribution]:
    """What is told in [since, end)."""
    dims, since, rows = held
    if end is not None and end <= since:
        return []
    found: list[Contribution] = [(name, dims, since, measures) for name, measures in rows]
    return found if end is None else [*found, *((name, dims, end, tuple(-m for m in measures)) for name, measures in rows)]


def _overdue(wait: Wait, end: int | None) -> list[Contribution]:
    rows: list[Contribution] = []
    on(rows, "statistic.overdue", wait.dims, wait.since, end)
    return rows


def _reported(dims: Dims, time: int, late: bool | None, restated: bool) -> list[Contribution]:
    """A report. `late`: after its due time; None: it was not waited for."""
    rows: list[Contribution] = [("statistic.reports", dims, time, ONE)]
    if late is not None:
        rows.append(("statistic.on_time_share", dims, time, (int(late), 1, 1)))
    if late:
        rows.append(("statistic.late_reports", dims, time, ONE))
    if restated:
        rows.append(("statistic.restated", dims, time, ONE))
    return rows


def _unknown(dims: Dims, time: int) -> list[Contribution]:
    return [("statistic.unknown", dims, time, ONE)]


def say(life: Life) -> list[Contribution]:
    """The rows of all parts."""
    return told(parts(life))


def apart(one: Life, other: Life) -> tuple[list[Contribution], list[Contribution]]:
    """The rows of two lives, without those of what is closed in both: of years there are thousands."""
    same = min(len(one.closed), len(other.closed))
    if one.closed[:same] != other.closed[:same]:
        return say(one), say(other)
    return told(parts(one)[same:]), told(parts(other)[same:])


def spanned(life: Life) -> Lifecycle:
    """(first heard of, no end, when the next report is due, dims) of a series."""
    if life.held is None:
        return None, None, None, ()
    return life.first[0], None, min((wait.since for wait in life.waits), default=None), life.held.dims


contributions = Fold(Life, advance, say, apart)
BY = ((), ("code",), ("department",))
OF = (("code",),)
WINDOWS = ("7d", "month", "year")
OWN = Legal("project's own", "2026-12-01")
GUIDANCE = Legal("1709/BKHCN-CĐSQG (đúng, đủ, sạch, sống)", "2025-05-21")

STREAM = Stream(
    name="statistics",
    contract=StatisticReported,
    dimensions=("code", "unit", "department"),
    item=Step,
    rank=lambda step: 0,
    contributions=contributions,
    lifecycle=Fold(Life, advance, spanned),
    most=8_000,
    indicators=(
        Indicator("statistic.value", "Giá trị kỳ mới nhất", "Latest value", "1",
                  "what was reported last of the latest period, in the statistic's own unit; of several communes their sum or mean, as the "
                  "statistic's definition says, each of its own latest period; never of several statistics",
                  Mean(SCALE, adds=True), level=True, groupings=OF, each=("code",), legal=OWN),
        Indicator("statistic.rank", "Thứ hạng", "Rank", "1", "the latest value of a statistic that is a rank (1 is best)",
                  Mean(SCALE), level=True, groupings=OF, each=("code",), legal=OWN),
        Indicator("statistic.plan_share", "Tỷ lệ đạt kế hoạch năm", "Share of the year's plan reached", "%",
                  "figures of the year of the latest period so far, as the definition adds them up (sum, mean, last) / plan of that year; where lower is "
                  "better plan / figure; no value without a plan",
                  Ratio("done", "plan", beyond=True), level=True, groupings=OF, each=("code",), legal=OWN),
        Indicator("statistic.year_gone", "Thời gian của năm đã qua", "Share of the year gone", "%",
                  "days of its year gone at the end of the latest period reported / days of that year",
                  Ratio("gone", "year"), level=True, groupings=OF, each=("code",), legal=OWN),
        Indicator("statistic.change", "So với cùng kỳ năm trước", "Change on the same period last year", "%",
                  "figures of the year so far against those of the same periods of the year before, both as the definition adds them up, of periods that "
                  "were reported in both years; of per cents in percentage points; none of ranks, and none where the year before is not above 0",
                  Ratio("change", "before", beyond=True), level=True, groupings=OF, each=("code",), legal=OWN),
        Indicator("statistic.overdue", "Báo cáo quá hạn", "Overdue reports", "1",
                  "reports past their due time and not there: of each series the periods between its first and its latest one, and the next",
                  level=True, groupings=BY, legal=GUIDANCE, alert=above(3, hold="1h", clear=1, by=("department",))),
        Indicator("statistic.reports", "Báo cáo đã nhận", "Reports", "lượt", "reports of defined statistics, restatements among them",
                  windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("statistic.late_reports", "Báo cáo trễ hạn", "Late reports", "lượt",
                  "first reports of a period that come after its due time, counted when they come", windows=WINDOWS, groupings=BY, legal=GUIDANCE),
        Indicator("statistic.on_time_share", "Tỷ lệ báo cáo đúng hạn", "Share reported on time", "%",
                  "1 - late / first reports of periods that were waited for", Ratio("late", "awaited", complement=True), windows=WINDOWS,
                  groupings=BY, legal=GUIDANCE),
        Indicator("statistic.restated", "Số liệu điều chỉnh", "Restatements", "lượt", "reports that change what a period was told to be",
                  windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("statistic.unknown", "Báo cáo chưa có định nghĩa", "Reports without a definition", "lượt",
                  "reports that no definition takes, and which count nowhere else: of a code that is not defined, of another kind of period, of a commune where "
                  "there are none or of none where there are, of a period that has not begun; they are counted once defined, by `ioc rebuild`",
                  windows=WINDOWS, groupings=BY, legal=OWN),
    ),
    data_files=(STATISTICS, DATA / "calendar.toml", DATA / "units.toml"),
    reads=definitions,
    units=(STATISTICS, DATA / "agencies.toml"),
    rollups=(Rollup("district", of="unit", tree=DATA / "units"),),
    board=Board(
        "statistics", "Chỉ tiêu", "Statistics",
        names={"code": ("Chỉ tiêu", "Statistic"), "unit": ("Xã, phường", "Commune"), "department": ("Cơ quan báo cáo", "Department")},
        opens="budget_revenue",
        tiles=("statistic.value", "statistic.plan_share", "statistic.year_gone", "statistic.change", "statistic.overdue", "statistic.restated"),
        rankings=(("statistic.plan_share", "code"), ("statistic.overdue", "department"), ("statistic.unknown", "code")),
        lines=(("statistic.value",), ("statistic.plan_share", "statistic.year_gone"), ("statistic.on_time_share",)),
    ),
    demo=demo,
    stock=stock,
    pasts={"thanh-hoa-2022": past},
)  # fmt: skip
