"""Dossiers (hồ sơ thủ tục hành chính): backlog, overdue, handling time, from the life of each dossier.

A dossier is received at its first `received` (2) and ends at its first end state (9 completed, 10 returned, 3 refused,
7 withdrawn, 8 stopped; at equal times in this order). An end before the reception counts at the reception; what comes
after the end changes nothing. Due time, agency, procedure and channel hold from the event that states them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ioc.times import DAY, HOUR
from ioc.vocabulary import UNKNOWN, Board, Dims, Indicator, Quantiles, Ratio, Row, Stream, above
from schemas.dossier import STATES, DossierChanged

ENDS = frozenset({"completed", "returned", "refused", "withdrawn", "stopped"})
RANK = {name: (1, 2, 5, 6, 4, 9, 10, 3, 7, 8).index(code) for name, (code, _) in STATES.items()}
SOON = 72 * HOUR
"""A dossier is due soon in the 72 hours before its due time."""
ONE = (1,)
TAKE = (-1,)
"""One dossier less."""
DAYS = Quantiles((*range(0, 60), *range(60, 120, 5), *range(120, 361, 15)), (0.5, 0.9))


class Step(NamedTuple):
    """What the history keeps of an event; times in ms."""

    time: int
    state: str
    agency: str | None
    procedure: str | None
    channel: str | None
    due_at: int | None


class Span(NamedTuple):
    """A stretch [start, end) of an open dossier's life with one set of dimensions and one due time; no end: still open."""

    start: int
    end: int | None
    dims: Dims
    due: int | None


def life(history: Sequence[Step]) -> tuple[list[Span], bool]:
    """The spans of a dossier from reception to end, and whether it has ended. No spans: never received."""
    agency = procedure = channel = None
    due: int | None = None
    start: int | None = None
    ended = False
    spans: list[Span] = []
    for time, state, new_agency, new_procedure, new_channel, new_due in history:  # unpacked: this loop is the engine's hottest
        if state == "received" and start is None:
            start = time
        before = (agency, procedure, channel, due)
        agency, procedure, channel = new_agency or agency, new_procedure or procedure, new_channel or channel
        due = due if new_due is None else new_due
        ended = ended or state in ENDS
        if start is None:
            continue
        if not spans:
            spans.append(Span(start, None, (agency or UNKNOWN, procedure or UNKNOWN, channel or UNKNOWN), due))
        elif before != (agency, procedure, channel, due):
            spans[-1] = _until(spans[-1], time)
            spans.append(Span(time, None, (agency or UNKNOWN, procedure or UNKNOWN, channel or UNKNOWN), due))
        if ended:
            spans[-1] = _until(spans[-1], time)
            break
    return spans, ended and bool(spans)


def _until(span: Span, end: int) -> Span:
    return Span(span.start, end, span.dims, span.due)


def contributions(history: Sequence[Step]) -> list[Row]:
    """What a dossier adds to each indicator, and when. Levels get +1 where a state begins and -1 where it ends."""
    spans, ended = life(history)
    if not spans:
        return []
    first, last = spans[0], spans[-1]
    online = int(first.dims[2] == "online")
    rows: list[Row] = [
        ("dossier.received", first.dims, first.start, ONE),
        ("dossier.online_share", first.dims, first.start, (online, 1, 1)),
    ]
    for span in spans:
        _on(rows, "dossier.backlog", span, span.start, span.end)
        if span.due is not None:
            due_or_end = span.due if span.end is None else min(span.due, span.end)
            _on(rows, "dossier.overdue", span, max(span.due, span.start), span.end)
            _on(rows, "dossier.due_soon", span, max(span.start, span.due - SOON), due_or_end)
    if ended and last.end is not None:
        late = int(last.due is not None and last.end > last.due)
        rows.append(("dossier.resolved", last.dims, last.end, ONE))
        if late:
            rows.append(("dossier.resolved_late", last.dims, last.end, ONE))
        rows.append(("dossier.on_time_share", last.dims, last.end, (late, 1, 1)))
        rows.append(("dossier.handling_days", last.dims, last.end, handled((last.end - first.start) / DAY)))
    return rows


def _on(rows: list[Row], indicator: str, span: Span, start: int, end: int | None) -> None:
    """The level is 1 in [start, end)."""
    if end is None or start < end:
        rows.append((indicator, span.dims, start, ONE))
        if end is not None:
            rows.append((indicator, span.dims, end, TAKE))


@cache
def _bucket(day: int) -> tuple[int, ...]:
    return DAYS.one_hot(day)


def handled(days: float) -> tuple[int, ...]:
    """The histogram entry of a handling time (all edges are whole days)."""
    return _bucket(min(int(days), 10_000))


def lifecycle(history: Sequence[Step]) -> tuple[int | None, int | None, int | None, Dims]:
    """(opened_at, ended_at, due_at, dims) of a dossier."""
    spans, ended = life(history)
    if not spans:
        return None, None, None, (UNKNOWN, UNKNOWN, UNKNOWN)
    return spans[0].start, spans[-1].end if ended else None, spans[-1].due, spans[-1].dims


BY = ((), ("agency",), ("procedure",), ("channel",))
C3 = "Từ vựng tồn đọng của bộ phận một cửa; Nghị định 61/2018/NĐ-CP, 107/2021/NĐ-CP"

STREAM = Stream(
    name="dossiers",
    contract=DossierChanged,
    dimensions=("agency", "procedure", "channel"),
    item=Step,
    rank=lambda step: RANK[step.state],
    contributions=contributions,
    lifecycle=lifecycle,
    times=("due_at",),
    indicators=(
        Indicator("dossier.received", "Hồ sơ tiếp nhận", "Dossiers received", "hồ sơ",
                  "+1 at the first event of state received", groupings=BY, legal=C3),
        Indicator("dossier.resolved", "Hồ sơ đã giải quyết", "Dossiers resolved", "hồ sơ",
                  "+1 at the end of processing (completed, returned, refused, withdrawn, stopped)", groupings=BY, legal=C3),
        Indicator("dossier.resolved_late", "Hồ sơ giải quyết trễ hạn", "Dossiers resolved late", "hồ sơ",
                  "+1 at the end of processing if it comes after the due time", groupings=BY, legal=C3),
        Indicator("dossier.backlog", "Hồ sơ đang tồn", "Backlog", "hồ sơ",
                  "+1 at reception, -1 at the end of processing", level=True, groupings=BY, legal=C3,
                  alert=above(200, hold="5m", clear=180, by=("agency",))),
        Indicator("dossier.overdue", "Hồ sơ quá hạn đang tồn", "Overdue dossiers", "hồ sơ",
                  "with a = max(due, reception): +1 at a, -1 at the end if it is missing or later than a", level=True, groupings=BY, legal=C3),
        Indicator("dossier.due_soon", "Hồ sơ sắp đến hạn (72 giờ)", "Dossiers due within 72 h", "hồ sơ",
                  "with a = max(reception, due - 72 h), b = min(due, end): +1 at a, -1 at b if a < b", level=True, groupings=BY, legal=C3),
        Indicator("dossier.online_share", "Tỷ lệ hồ sơ trực tuyến", "Share received online", "%",
                  "received through channel online / received", Ratio("online", "received"), groupings=BY,
                  legal="Quyết định 766/QĐ-TTg, nhóm 3 (without the rule of e-results and the sync ratio)"),
        Indicator("dossier.on_time_share", "Tỷ lệ giải quyết đúng hạn", "Share resolved on time", "%",
                  "1 - resolved late / resolved", Ratio("late", "resolved", complement=True), groupings=BY, legal=C3),
        Indicator("dossier.handling_days", "Thời gian giải quyết (ngày)", "Handling time", "ngày",
                  "days from reception to end of processing; p50 and p90, exact to the bucket", DAYS, groupings=BY,
                  legal="Quyết định 766/QĐ-TTg, 2.2 (here over all procedures, calendar days)"),
    ),
    units=tuple(Path(__file__).parent / "data" / name for name in ("agencies.toml", "procedures.toml")),
    board=Board(
        "dossiers", "Hồ sơ", "Dossiers",
        names={"agency": ("Đơn vị", "Agency"), "procedure": ("Thủ tục", "Procedure"), "channel": ("Kênh", "Channel")},
        tiles=("dossier.backlog", "dossier.overdue", "dossier.due_soon", "dossier.on_time_share", "dossier.handling_days"),
        rankings=(("dossier.backlog", "agency"), ("dossier.overdue", "procedure")),
        lines=(("dossier.backlog", "dossier.overdue", "dossier.due_soon"), ("dossier.received", "dossier.resolved"),
               ("dossier.on_time_share", "dossier.online_share")),
        ahead=("dossier.overdue",),
        overview_tiles=("dossier.backlog", "dossier.overdue", "dossier.due_soon", "dossier.on_time_share"),
        overview_rankings=(("dossier.backlog", "agency"),),
        overview_ahead=("dossier.overdue",),
    ),
)  # fmt: skip
