"""Dossiers (hồ sơ thủ tục hành chính): backlog, overdue, handling time, from the life of each dossier.

What a dossier's life is stands in `streams.lifecycle` (its rules: docs/dossiers.md); here stands what it adds to each indicator.
"""

from __future__ import annotations

from functools import cache
from operator import is_

from ioc.times import DAY
from ioc.vocabulary import (
    Board,
    Contribution,
    Dims,
    Fold,
    Indicator,
    Legal,
    Lifecycle,
    Part,
    Quantiles,
    Ratio,
    Rollup,
    Stream,
    above,
    told,
    told_apart,
)
from schemas.dossier import DossierChanged
from streams import foresight, index766, one_stop, tables
from streams.due import nearing
from streams.levels import ONE, TAKE, on
from streams.lifecycle import FILES, RANK, Event, Life, Span, Step, advance, overdue
from streams.periods import same_periods
from streams.tables import DATA, PROCEDURES, rules

DAYS = Quantiles((*range(0, 60), *range(60, 120, 5), *range(120, 361, 15)), (0.5, 0.9))


def parts(life: Life) -> list[Part]:
    """What a dossier adds to each indicator, and when, in parts. Levels get +1 where a state begins and -1 where it ends."""
    found: list[Part] = []
    for n, opening in enumerate(life.found):
        first, last = opening.spans[0], opening.spans[-1]
        found.append((_reopened if n else _received, first.dims, first.start))
        before = first.dims
        for span in opening.spans:
            found.append((_open, first.start, before, span))
            before = span.dims
        if opening.ended is not None:
            wrong = any(time <= last.end for time, _ in life.wrong)  # type: ignore[operator]
            found.append((_ended, first.start, last, opening.ended, wrong))
            if opening.ended == "completed":
                found.append((_uncollected, last.dims, last.end, opening.taken))
    if life.facts and life.found:
        found += index766.served(life.facts, life.found[0])
    if life.wrong or life.late or life.asked or life.moved:
        found += [(_noted, "dossier.violations", life.wrong), (_noted, "dossier.after_end", life.late)]
        found += [(_noted, "dossier.supplements", life.asked), (_reappointed, life.moved)]
    return found


def _received(dims: Dims, at: int) -> list[Contribution]:
    online = int(dims[2] == "online")
    return [("dossier.received", dims, at, ONE), ("dossier.online_share", dims, at, (online, 1, 1)), index766.begun(dims, at)]


def _reopened(dims: Dims, at: int) -> list[Contribution]:
    return [("dossier.reopened", dims, at, ONE), index766.begun(dims, at)]


def _open(received: int, before: Dims, span: Span) -> list[Contribution]:
    """The levels of a stretch of an open dossier's life; `before`: the dimensions of the stretch before it."""
    start, end, dims, due, paused, _, _ = span
    rows: list[Contribution]
    if end is None and paused is None and due is not None and start < due and before == dims:  # by far the most, so told at once
        soon, today = nearing(due, rules().due_soon_days)
        return [
            ("dossier.backlog", dims, start, ONE),
            ("dossier.overdue", dims, due, ONE),
            ("dossier.due_soon", dims, soon if soon > start else start, ONE),
            ("dossier.due_soon", dims, due, TAKE),
            ("dossier.due_today", dims, today if today > start else start, ONE),
            ("dossier.due_today", dims, due, TAKE),
            ("index766.2_1", dims, due, index766.LATE[same_periods(received, due)]),
        ]
    rows = []
    on(rows, "dossier.backlog", dims, start, end)
    late = overdue(span)
    if late is not None:
        on(rows, "dossier.overdue", dims, *late)
    if paused is not None:
        on(rows, "dossier.paused", dims, start, end)
    elif due is not None and due > start:
        soon, today = nearing(due, rules().due_soon_days)
        until = due if end is None or end > due else end
        on(rows, "dossier.due_soon", dims, max(start, soon), until)
        on(rows, "dossier.due_today", dims, max(start, today), until)
    index766.in_time(rows, received, before, start, dims, late)
    return rows


def _ended(start: int, last: Span, state: str, wrong: bool) -> list[Contribution]:
    """The flows of an end of processing."""
    dims, end, late = last.dims, last.end, int(last.late)
    assert end is not None
    rows: list[Contribution] = [
        ("dossier.resolved", dims, end, ONE),
        ("dossier.on_time_share", dims, end, (late, 1, 1)),
        ("dossier.handling_days", dims, end, handled((end - start) / DAY)),
        ("dossier.conformance", dims, end, (int(wrong), 1, 1)),
    ]
    if late:
        rows.append(("dossier.resolved_late", dims, end, ONE))
    if state in UNFINISHED:
        rows.append((f"dossier.{state}", dims, end, ONE))
    index766.ended(rows, start, dims, end, state, late)
    return rows


def _uncollected(dims: Dims, end: int, taken: int | None) -> list[Contribution]:
    """The level of results nobody has taken yet."""
    rows: list[Contribution] = []
    on(rows, "dossier.uncollected", dims, end, taken)
    return rows


def _noted(indicator: str, events: tuple[Event, ...]) -> list[Contribution]:
    return [(indicator, dims, time, ONE) for time, dims in events]


def _reappointed(moved: tuple[Event, ...]) -> list[Contribution]:
    again = _noted("dossier.reappointed_again", moved[rules().reappointments :])
    return [*_noted("dossier.reappointed", moved), *again]


@cache
def _bucket(day: int) -> tuple[int, ...]:
    return DAYS.one_hot(day)


def handled(days: float) -> tuple[int, ...]:
    """The histogram entry of a handling time (all edges are whole days)."""
    return _bucket(min(int(days), 10_000))


def spanned(life: Life) -> Lifecycle:
    """(opened_at, ended_at, due_at, dims) of a dossier."""
    if not life.found:
        return None, None, None, Life().dims
    last = life.found[-1].spans[-1]
    return life.found[0].spans[0].start, last.end, last.due, last.dims


def contributed(life: Life) -> list[Contribution]:
    """All that a dossier adds."""
    return told(parts(life))


def apart(one: Life, other: Life) -> tuple[list[Contribution], list[Contribution]]:
    """What only one of two lives adds; nothing where an event only moved the dossier from one open state to another."""
    if all(map(is_, one[ADDS:], other[ADDS:])):
        return [], []
    return told_apart(parts(one), parts(other))


ADDS = Life._fields.index("found")
contributions = Fold(Life, advance, contributed, apart)
lifecycle = Fold(Life, advance, spanned)

AGENCIES, LEVELS = DATA / "agencies.toml", DATA / "service_levels.toml"
BY = ((), ("agency",), ("procedure",), ("channel",))
PLACES = (*BY, ("service_level",), ("unit",))
UNFINISHED = ("refused", "withdrawn", "stopped")
ONE_STOP = Legal(
    "Từ vựng tồn đọng của bộ phận một cửa: Nghị định 61/2018/NĐ-CP, 107/2021/NĐ-CP; Nghị định 118/2025/NĐ-CP, "
    "367/2025/NĐ-CP từ 1/7/2025",
    "2018-06-21",
)
INDEX = Legal("Quyết định 766/QĐ-TTg", "2022-06-23")
OWN = Legal("project's own", "2026-11-24")
SLIP = Legal("Phiếu xin lỗi và hẹn lại ngày trả kết quả: Nghị định 61/2018/NĐ-CP, 107/2021/NĐ-CP; 118/2025/NĐ-CP", "2018-06-21")

STREAM = Stream(
    name="dossiers",
    contract=DossierChanged,
    dimensions=("agency", "procedure", "channel", "service_level", "unit"),
    item=Step,
    rank=lambda step: RANK[step.state],
    contributions=contributions,
    lifecycle=lifecycle,
    indicators=(
        Indicator("dossier.received", "Hồ sơ tiếp nhận", "Dossiers received", "hồ sơ",
                  "+1 at the first event of state received", groupings=PLACES, legal=ONE_STOP),
        Indicator("dossier.reopened", "Hồ sơ mở lại", "Dossiers opened again", "hồ sơ",
                  "+1 at each event of state received after an end; the backlog is received + reopened - resolved", groupings=BY,
                  legal=OWN),
        Indicator("dossier.after_end", "Bước sau khi kết thúc", "Steps after the end", "1",
                  "+1 at each event after an end that opens nothing: any state but received, and returned after completed",
                  groupings=BY, legal=OWN),
        Indicator("dossier.violations", "Bước chuyển trạng thái sai quy trình", "Moves that are not allowed", "1",
                  "+1 at each event that changes the state otherwise than docs/dossiers.md allows", groupings=BY, legal=OWN),
        Indicator("dossier.conformance", "Tỷ lệ hồ sơ đúng quy trình", "Share that moved only as allowed", "%",
                  "1 - ended with a move that is not allowed before / ended", Ratio("violating", "resolved", complement=True),
                  groupings=BY, legal=OWN),
        Indicator("dossier.resolved", "Hồ sơ đã giải quyết", "Dossiers resolved", "hồ sơ",
                  "+1 at each end of processing (completed, returned, refused, withdrawn, stopped)", groupings=PLACES,
                  legal=ONE_STOP),
        Indicator("dossier.resolved_late", "Hồ sơ giải quyết trễ hạn", "Dossiers resolved late", "hồ sơ",
                  "+1 at the end of processing if it comes after the due time; while a supplement is waited for: if it was asked for "
                  "after the due time, or twice", groupings=BY, legal=ONE_STOP),
        Indicator("dossier.refused", "Hồ sơ không được tiếp nhận, từ chối", "Dossiers refused", "hồ sơ",
                  "+1 at an end in state refused", groupings=BY, legal=ONE_STOP),
        Indicator("dossier.withdrawn", "Hồ sơ công dân rút", "Dossiers withdrawn", "hồ sơ",
                  "+1 at an end in state withdrawn", groupings=BY, legal=ONE_STOP),
        Indicator("dossier.stopped", "Hồ sơ dừng xử lý", "Dossiers stopped", "hồ sơ",
                  "+1 at an end in state stopped", groupings=BY, legal=ONE_STOP),
        Indicator("dossier.supplements", "Lượt yêu cầu bổ sung", "Supplements asked for", "lượt",
                  "+1 at each event that brings an open dossier to state supplement", groupings=BY, legal=ONE_STOP),
        Indicator("dossier.reappointed", "Hồ sơ hẹn lại ngày trả", "New due times with an apology", "lượt",
                  "+1 at each event that moves the due time of an open dossier to a later one while no supplement is waited for",
                  groupings=BY, legal=SLIP),
        Indicator("dossier.reappointed_again", "Hồ sơ hẹn lại quá số lần cho phép", "New due times above what is allowed", "lượt",
                  "+1 at each such event of a dossier after the first `reappointments` of streams/data/dossiers.toml", groupings=BY,
                  legal=SLIP),
        Indicator("dossier.backlog", "Hồ sơ đang tồn", "Backlog", "hồ sơ",
                  "+1 at reception and when opened again, -1 at each end of processing", level=True, groupings=PLACES,
                  legal=ONE_STOP, alert=above(200, hold="5m", clear=180, by=("agency",))),
        Indicator("dossier.overdue", "Hồ sơ quá hạn đang tồn", "Overdue dossiers", "hồ sơ",
                  "open and past its due time, but for a supplement that was asked for in time; open and waiting for a second "
                  "supplement; the due time is the one stated last, else the legal limit of the procedure, and moves by the working "
                  "time of an answered supplement", level=True, groupings=PLACES, legal=INDEX),
        Indicator("dossier.due_soon", "Hồ sơ sắp đến hạn", "Dossiers due soon", "hồ sơ",
                  "open, not waiting for a supplement, and at most `due_soon_days` (3) working days before its due time",
                  level=True, groupings=BY, legal=ONE_STOP),
        Indicator("dossier.due_today", "Hồ sơ đến hạn hôm nay", "Dossiers due today", "hồ sơ",
                  "open, not waiting for a supplement, and due later today", level=True, groupings=BY, legal=ONE_STOP),
        Indicator("dossier.paused", "Hồ sơ chờ bổ sung", "Dossiers that wait for a supplement", "hồ sơ",
                  "open and in state supplement (and payment, where streams/data/dossiers.toml says so)", level=True, groupings=BY,
                  legal=ONE_STOP),
        Indicator("dossier.uncollected", "Hồ sơ có kết quả, chưa trả", "Results not yet collected", "hồ sơ",
                  "+1 at an end in state completed, -1 when returned or opened again", level=True, groupings=BY, legal=ONE_STOP),
        Indicator("dossier.online_share", "Tỷ lệ hồ sơ trực tuyến", "Share received online", "%",
                  "received through channel online / received", Ratio("online", "received"), groupings=BY, legal=ONE_STOP),
        Indicator("dossier.on_time_share", "Tỷ lệ giải quyết đúng hạn", "Share resolved on time", "%",
                  "1 - resolved late / resolved", Ratio("late", "resolved", complement=True), groupings=PLACES, legal=ONE_STOP),
        Indicator("dossier.handling_days", "Thời gian giải quyết (ngày)", "Handling time", "ngày",
                  "days from reception, or from opening again, to the end of processing; p50 and p90, exact to the bucket", DAYS,
                  groupings=BY, legal=OWN),
        *one_stop.INDICATORS,
        *foresight.INDICATORS,
        *index766.INDICATORS,
    ),
    data_files=(*FILES, tables.RESULTS),
    reads=tables.read,
    units=(AGENCIES, PROCEDURES, LEVELS),
    rollups=(
        Rollup("agency_level", of="agency", file=AGENCIES, names={"departments": "Sở, ngành", "communes": "UBND xã, phường"}),
        Rollup("field", of="procedure", file=PROCEDURES, key="field"),
        Rollup("service", of="service_level", file=LEVELS, key="service",
               names={"information": "Cung cấp thông tin", "partial": "Một phần", "full": "Toàn trình"}),
        Rollup("district", of="unit", tree=DATA / "units"),
        Rollup("province", of="unit", tree=DATA / "units"),
    ),
    board=Board(
        "dossiers", "Hồ sơ", "Dossiers",
        names={"agency": ("Cơ quan", "Agency"), "procedure": ("Thủ tục", "Procedure"), "channel": ("Kênh", "Channel"),
               "service_level": ("Mức độ dịch vụ", "Service level"), "unit": ("Xã, phường", "Commune"),
               "agency_level": ("Cấp", "Level"), "field": ("Lĩnh vực", "Field")},
        tiles=("dossier.backlog", "dossier.overdue", "dossier.on_time_share", "dossier.handling_days", "dossier.needed_daily",
               "dossier.time_to_breach"),
        rankings=(("dossier.backlog", "agency"), ("dossier.overdue", "field")),
        choices=("agency_level", "field"),
        lines=(("dossier.backlog", "dossier.overdue", "dossier.due_soon"), ("dossier.received", "dossier.resolved"),
               ("dossier.arrivals", "dossier.capacity")),
        ahead=("dossier.overdue",),
        overview_tiles=("dossier.backlog", "dossier.overdue", "dossier.due_soon", "dossier.on_time_share"),
        overview_rankings=(("dossier.backlog", "agency"),),
        overview_ahead=("dossier.overdue",),
    ),
    more_boards=(one_stop.BOARD, index766.BOARD),
)  # fmt: skip
