"""Dossiers (hồ sơ thủ tục hành chính): backlog, overdue, handling time, from the life of each dossier.

A dossier is received at its first `received` (2) and ends at its first end state (9 completed, 10 returned, 3 refused,
7 withdrawn, 8 stopped; at equal times in this order). An end before the reception counts at the reception. Only `received` opens
an ended dossier again, from that moment on; its first end stays counted, and its next one counts, too. What else comes after an
end opens nothing and is counted as such. Due time, agency, procedure and channel hold from the event that states them.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from ioc.times import DAY, HOUR
from ioc.vocabulary import UNKNOWN, Board, Contribution, Dims, Fold, Indicator, Lifecycle, Quantiles, Ratio, Stream, above
from schemas.dossier import STATES, DossierChanged

ENDS = frozenset({"completed", "returned", "refused", "withdrawn", "stopped"})
TURNS = ENDS | {"received"}
"""States that may open or end a dossier; the others only state something."""
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


Late = tuple[int, Dims]
"""When something came after the end, and under which dimensions the dossier had ended."""


class Life(NamedTuple):
    """A dossier so far: what its events state, and the stretches of its life that follow from it."""

    dims: Dims = (UNKNOWN, UNKNOWN, UNKNOWN)
    due: int | None = None
    ended: str | None = None
    """The state it ended in, also before it was received; none while it is open."""
    found: tuple[tuple[Span, ...], ...] = ()
    """The spans from reception to end, then those of each time it was opened again. Empty: never received."""
    late: tuple[Late, ...] = ()
    """What came after an end."""


def advance(life: Life, step: Step) -> Life:
    """The life after one more event; the same one where it changes nothing, as most events do: this is the engine's hottest code."""
    time, state, agency, procedure, channel, due = step
    dims, due_before, ended, found, late = life
    moved = False
    if due is None:
        due = due_before
    elif due != due_before:
        moved = True
    if agency is not None or procedure is not None or channel is not None:
        stated = _dims(agency or dims[0], procedure or dims[1], channel or dims[2])
        if stated != dims:
            dims, moved = stated, True
    elif ended is None and not moved and state not in TURNS:
        return life
    if found and ended is None:
        spans = found[-1]
        if moved:
            spans = (*spans[:-1], _until(spans[-1], time), Span(time, None, dims, due))
        if state in ENDS:
            ended, spans = state, (*spans[:-1], _until(spans[-1], time))
        found = (*found[:-1], spans) if moved or ended else found
    elif state == "received":
        early = not found and ended is not None
        found, ended = (*found, (Span(time, time if early else None, dims, due),)), ended if early else None
    elif not found:
        ended = ended or (state if state in ENDS else None)
    elif state == "returned" and ended == "completed":
        ended = state  # 9, then 10: as it should be
    else:
        late = (*late, (time, found[-1][-1].dims))
    same = not moved and ended == life.ended and found is life.found and late is life.late
    return life if same else Life(dims, due, ended, found, late)


@lru_cache(maxsize=1 << 16)
def _dims(agency: str, procedure: str, channel: str) -> Dims:
    """One object for all dossiers that share them: a million lives are in memory."""
    return agency, procedure, channel


def _until(span: Span, end: int) -> Span:
    return Span(span.start, end, span.dims, span.due)


def contributed(life: Life) -> list[Contribution]:
    """What a dossier adds to each indicator, and when. Levels get +1 where a state begins and -1 where it ends."""
    found, late = life.found, life.late
    if not found:
        return []
    first = found[0][0]
    online = int(first.dims[2] == "online")
    rows: list[Contribution] = [
        ("dossier.received", first.dims, first.start, ONE),
        ("dossier.online_share", first.dims, first.start, (online, 1, 1)),
    ]
    for spans in found:
        if spans[0] is not first:
            rows.append(("dossier.reopened", spans[0].dims, spans[0].start, ONE))
        for span in spans:
            _on(rows, "dossier.backlog", span, span.start, span.end)
            if span.due is not None:
                due_or_end = span.due if span.end is None else min(span.due, span.end)
                _on(rows, "dossier.overdue", span, max(span.due, span.start), span.end)
                _on(rows, "dossier.due_soon", span, max(span.start, span.due - SOON), due_or_end)
        _ended(rows, spans[0].start, spans[-1])
    if late:
        rows += [("dossier.after_end", dims, time, ONE) for time, dims in late]
    return rows


def _ended(rows: list[Contribution], start: int, last: Span) -> None:
    if last.end is None:
        return
    late = int(last.due is not None and last.end > last.due)
    rows.append(("dossier.resolved", last.dims, last.end, ONE))
    if late:
        rows.append(("dossier.resolved_late", last.dims, last.end, ONE))
    rows.append(("dossier.on_time_share", last.dims, last.end, (late, 1, 1)))
    rows.append(("dossier.handling_days", last.dims, last.end, handled((last.end - start) / DAY)))


def _on(rows: list[Contribution], indicator: str, span: Span, start: int, end: int | None) -> None:
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


def spanned(life: Life) -> Lifecycle:
    """(opened_at, ended_at, due_at, dims) of a dossier."""
    if not life.found:
        return None, None, None, (UNKNOWN, UNKNOWN, UNKNOWN)
    last = life.found[-1][-1]
    return life.found[0][0].start, last.end, last.due, last.dims


contributions = Fold(Life, advance, contributed)
lifecycle = Fold(Life, advance, spanned)

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
    indicators=(
        Indicator("dossier.received", "Hồ sơ tiếp nhận", "Dossiers received", "hồ sơ",
                  "+1 at the first event of state received", groupings=BY, legal=C3),
        Indicator("dossier.reopened", "Hồ sơ mở lại", "Dossiers opened again", "hồ sơ",
                  "+1 at each event of state received after an end; the backlog is received + reopened - resolved", groupings=BY,
                  legal="project's own"),
        Indicator("dossier.after_end", "Bước sau khi kết thúc", "Steps after the end", "1",
                  "+1 at each event after an end that opens nothing: any state but received, and returned after completed",
                  groupings=BY, legal="project's own"),
        Indicator("dossier.resolved", "Hồ sơ đã giải quyết", "Dossiers resolved", "hồ sơ",
                  "+1 at each end of processing (completed, returned, refused, withdrawn, stopped)", groupings=BY, legal=C3),
        Indicator("dossier.resolved_late", "Hồ sơ giải quyết trễ hạn", "Dossiers resolved late", "hồ sơ",
                  "+1 at the end of processing if it comes after the due time", groupings=BY, legal=C3),
        Indicator("dossier.backlog", "Hồ sơ đang tồn", "Backlog", "hồ sơ",
                  "+1 at reception and when opened again, -1 at each end of processing", level=True, groupings=BY, legal=C3,
                  alert=above(200, hold="5m", clear=180, by=("agency",))),
        Indicator("dossier.overdue", "Hồ sơ quá hạn đang tồn", "Overdue dossiers", "hồ sơ",
                  "with a = max(due, reception or opening again): +1 at a, -1 at the end if it is missing or later than a", level=True, groupings=BY, legal=C3),
        Indicator("dossier.due_soon", "Hồ sơ sắp đến hạn (72 giờ)", "Dossiers due within 72 h", "hồ sơ",
                  "with a = max(reception or opening again, due - 72 h), b = min(due, end): +1 at a, -1 at b if a < b", level=True, groupings=BY, legal=C3),
        Indicator("dossier.online_share", "Tỷ lệ hồ sơ trực tuyến", "Share received online", "%",
                  "received through channel online / received", Ratio("online", "received"), groupings=BY,
                  legal="Quyết định 766/QĐ-TTg, nhóm 3 (without the rule of e-results and the sync ratio)"),
        Indicator("dossier.on_time_share", "Tỷ lệ giải quyết đúng hạn", "Share resolved on time", "%",
                  "1 - resolved late / resolved", Ratio("late", "resolved", complement=True), groupings=BY, legal=C3),
        Indicator("dossier.handling_days", "Thời gian giải quyết (ngày)", "Handling time", "ngày",
                  "days from reception, or from opening again, to the end of processing; p50 and p90, exact to the bucket", DAYS, groupings=BY,
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
