"""Index of Decision 766/QĐ-TTg: what a dossier adds to its indicators, and their declarations. Pure.

The index asks of a month, a quarter or a year what belongs to it: what was received *and* ended in it. So a fact counts for a
period if the dossier's base (its reception, or its end) lies in the same one; there is a pair of measures for each kind. Rules:
docs/dossiers.md; points and thresholds: `streams/data/packs/`. What a source does not state counts nowhere: no data, not 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache

from ioc.calendar.workdays import Beyond, calendar
from ioc.vocabulary import Board, Contribution, Dims, Indicator, Legal, Measures, Part, Within
from streams.lifecycle import NO_FACTS, Opening
from streams.lifecycle import Facts as Stated
from streams.periods import ANOTHER, KINDS, SAME, same_periods
from streams.tables import procedures, results

FINISHED = ("completed", "returned")
WHOLE = (0, 1) * len(KINDS)
Facts = tuple[object, ...]
"""The fields of a step from `fee` on: fee, paid_online, e_result, digitised, reused, from_store, identified, disliked."""
OF_SERVICE = -1
"""How the service was given is told by all of them but the last."""
UNTOLD = NO_FACTS[:OF_SERVICE]
Verdicts = Iterator[tuple[str, tuple[int, int]]]
"""(part, whole) of a dossier by indicator: whether it counts, and whether it counts as one that does."""
Judge = Callable[[tuple[bool, ...], Facts], Verdicts]
"""The verdicts on a dossier of which something is stated, by what holds of its procedure and channel."""


def begun(dims: Dims, received: int) -> Contribution:
    """2.1: of what was received or ended in the period, what did not end late, nor is overdue.

    What was received in the period and is open counts where it is now; what ended in it counts where it ended.
    """
    return ("index766.2_1", dims, received, WHOLE)


def in_time(
    rows: list[Contribution], received: int, before: Dims, start: int, dims: Dims, late: tuple[int, int | None] | None
) -> None:
    """2.1, in a stretch of an open dossier's life: it counts under other dimensions from its start on; and when it is overdue."""
    name = "index766.2_1"
    if before != dims:
        same = same_periods(received, start)
        rows += ((name, before, start, LESS[same]), (name, dims, start, MORE[same]))
    if late is not None:
        begin, end = late
        rows.append((name, dims, begin, LATE[same_periods(received, begin)]))
        if end is not None:
            rows.append((name, dims, end, NO_LONGER[same_periods(received, end)]))


def ended(rows: list[Contribution], received: int, dims: Dims, end: int, state: str, late: int) -> None:
    """2.1 at the end; and 2.2: the working time of what was received and finished in the period."""
    same = same_periods(received, end)
    if late or same != SAME:
        rows.append(("index766.2_1", dims, end, (ENDED_LATE if late else ENDED)[same]))
    if state in FINISHED and same != ANOTHER and (seconds := _seconds(received, end)) is not None:
        rows.append(("index766.2_2", dims, end, _pairs((seconds * n, n) for n in same)))


def _seconds(since: int, until: int) -> int | None:
    """Working time in seconds; None where the calendar has no days."""
    try:
        return calendar().between(since, until) // 1000
    except Beyond:
        return None


def served(facts: tuple[Stated, ...], opening: Opening) -> list[Part]:
    """How the service was given: indicators of groups 3 to 5, a part for each event that stated some of it."""
    first, last = opening.spans[0], opening.spans[-1]
    parts: list[Part] = [(_received, first.dims, first.start, stated) for stated in facts]
    if opening.ended in FINISHED:
        parts += [(_finished, last.dims, last.end, stated) for stated in facts]
    return parts


def _received(dims: Dims, base: int, stated: Stated) -> list[Contribution]:
    procedure = dims[1]
    rules = (dims[2] == "online", procedure not in resultless(), procedure in with_fee())
    return _judged(dims, base, stated, _of_received, rules)


def _finished(dims: Dims, base: int, stated: Stated) -> list[Contribution]:
    return _judged(dims, base, stated, _of_finished, (dims[1] not in resultless(),))


def _judged(dims: Dims, base: int, stated: Stated, judge: Judge, rules: tuple[bool, ...]) -> list[Contribution]:
    """What was stated before the base counts at the base, what is stated later then."""
    at, before, now = stated
    at = max(at, base)
    return [(name, dims, at, measures) for name, measures in _changed(judge, rules, before, now, same_periods(base, at))]


@lru_cache(maxsize=1 << 14)
def _changed(
    judge: Judge, rules: tuple[bool, ...], before: Facts, now: Facts, same: tuple[int, int, int]
) -> list[tuple[str, Measures]]:
    """The indicators for which these facts lead to another verdict, and their measures. Dossiers with the same facts are many."""
    old = dict(judge(rules, before)) if before != NO_FACTS else {}
    changes = []
    for name, (part, whole) in judge(rules, now):
        part_before, whole_before = old.get(name, (0, 0))
        measures = _pairs(((part - part_before) * n, (whole - whole_before) * n) for n in same)
        if any(measures):
            changes.append((f"index766.{name}", measures))
    return changes


def _of_received(rules: tuple[bool, ...], facts: Facts) -> Verdicts:
    (online, written, with_fee), (fee, paid, e_result, _, reused, from_store, identified, disliked) = rules, facts
    if disliked is not None:
        yield "5_4", (int(disliked is True), 1)
    if facts[:OF_SERVICE] == UNTOLD:
        return
    yield "3_3", (int(online and (e_result is True or not written)), 1)
    yield "3_5", (int(paid is not None), 1) if fee else (0, 0)
    if with_fee:
        yield "3_6", (int(paid is not None), 1) if fee != 0 else (0, 0)
    for name, fact in (("4_3", reused), ("4_4", from_store), ("4_5", identified)):
        yield name, (int(fact is True), 1)


def _of_finished(rules: tuple[bool, ...], facts: Facts) -> Verdicts:
    (written,), (_, _, e_result, digitised, *_) = rules, facts
    if facts[:OF_SERVICE] == UNTOLD:
        return
    if written:
        yield "4_1", (int(e_result is True), 1)
    yield "4_2", (int(e_result is True and digitised is True), 1)


def _pairs(pairs: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(n for pair in pairs for n in pair)


PERIODS = (SAME, (0, 1, 1), (0, 0, 1), ANOTHER)
"""What two instants may have in common: the month, the quarter, the year, nothing."""
LESS = {same: _pairs((0, -n) for n in same) for same in PERIODS}
MORE = {same: _pairs((0, n) for n in same) for same in PERIODS}
LATE = {same: _pairs((n, 0) for n in same) for same in PERIODS}
NO_LONGER = {same: _pairs((-n, 0) for n in same) for same in PERIODS}
ENDED = {same: _pairs((0, 1 - n) for n in same) for same in PERIODS}
ENDED_LATE = {same: _pairs((1, 1 - n) for n in same) for same in PERIODS}


@cache
def with_fee() -> frozenset[str]:
    """The procedures for which a fee is due (TTHC có phí, lệ phí)."""
    return frozenset(procedure.code for procedure in procedures() if procedure.fee)


@cache
def resultless() -> frozenset[str]:
    """The procedures whose result is no written paper."""
    return frozenset(results().no_written_result)


BY = ((), ("agency",), ("procedure",))


def _indicator(number: str, vi: str, en: str, rule: str, value: Within | None = None, unit: str = "%") -> Indicator:
    legal = Legal(f"Quyết định 766/QĐ-TTg ngày 23/6/2022, chỉ số {number}", "2022-06-23")
    name = f"index766.{number.replace('.', '_')}"
    return Indicator(name, vi, en, unit, rule, value or Within(KINDS), windows=KINDS, groupings=BY, legal=legal)


INDICATORS = (
    _indicator("2.1", "Hồ sơ xử lý trước hạn, đúng hạn", "Processed early or on time",
               "of the dossiers received or ended in the period: 1 - (ended late + received in it, open and overdue) / all of them; "
               "late and overdue as dossier.resolved_late and dossier.overdue", Within(KINDS, complement=True)),
    _indicator("2.2", "Thời gian giải quyết trung bình", "Mean processing time",
               "working hours from reception to end / dossiers, of those received and finished (9, 10) in the period",
               Within(KINDS, scale=1 / 3600), "giờ làm việc"),
    _indicator("3.3", "Hồ sơ tiếp nhận trực tuyến", "Received online",
               "received online (with an electronic result, where a written one is due) / received, in the period; the ratio of "
               "synchronised dossiers (1.4) is a factor of the pack"),
    _indicator("3.5", "Hồ sơ có phí, thanh toán trực tuyến", "Dossiers with a fee, paid online",
               "paid online / received with a fee above 0, in the period; the pack counts the procedures that have one"),
    _indicator("3.6", "Hồ sơ thanh toán trực tuyến", "Paid online",
               "paid online (national portal or own gateway) / received for procedures with a fee, without those whose fees are "
               "all 0, in the period"),
    _indicator("4.1", "Cấp kết quả điện tử", "Electronic results issued",
               "with an electronic result / finished (9, 10) of procedures with a written result, in the period"),
    _indicator("4.2", "Số hóa hồ sơ, kết quả", "Dossiers digitised",
               "papers digitised and an electronic result / finished (9, 10), in the period"),
    _indicator("4.3", "Khai thác, sử dụng lại dữ liệu", "Data re-used", "with a paper that was re-used / received, in the period"),
    _indicator("4.4", "Chia sẻ với kho dữ liệu công dân", "Shared with the citizen's store",
               "with a paper from the citizen's store, or the result in it / received, in the period"),
    _indicator("4.5", "Xác thực dữ liệu dân cư", "Identity checked",
               "account checked by VNeID / received, in the period"),
    _indicator("5.4", "Hồ sơ bị phản ánh, không hài lòng", "Dossiers complained of or disliked",
               "complained of or disliked / received in the period, of those of which it is stated; the pack takes it, and what is "
               "overdue, from 100 %"),
)  # fmt: skip
"""3.2 and 3.5 of the index count procedures: the pack counts those with a dossier in dossier.received and in index766.3_5."""
BOARD = Board(
    "index766", "Chỉ số 766", "Index 766",
    tiles=tuple(one.name for one in INDICATORS if one.name != "index766.5_4"),  # half of an item: the score tells it
    rankings=(("index766.2_2", "procedure"),),
    lines=(("index766.2_1", "index766.3_3", "index766.4_1"),),
)  # fmt: skip
