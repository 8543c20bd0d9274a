"""Groups: the queries of boards for groups of a rollup: leaves joined with their groups, and summed before they are a number.

A count is the sum of its leaves' last rows. Any other value comes from the panes of its window up to now: what is rolled of it is
a number already, and numbers of leaves make none of their group.
"""

from __future__ import annotations

from ioc.boards.words import Words
from ioc.calendar.windows import CALENDAR, ROLLING
from ioc.errors import DeclarationError
from ioc.store.clickhouse import literal
from ioc.store.views import LAST, PANES
from ioc.times import PROVINCE
from ioc.units.rollups import SAID
from ioc.values import Count, Mean, Quantiles, Ratio, Value
from ioc.vocabulary import ALL, UNKNOWN, Indicator, Rollup, Stream

CALENDARS = {
    "day": "toStartOfDay(t)", "week": "toStartOfWeek(t, 1)", "month": "toStartOfMonth(t)", "quarter": "toStartOfQuarter(t)",
    "year": "toStartOfYear(t)",
}  # fmt: skip
"""Where the calendar period of an instant `t` of the province begins."""
assert CALENDARS.keys() == set(CALENDAR)


def ranked(run: str, stream: Stream, indicator: Indicator, rollup: Rollup, window: str, words: Words) -> str:
    """Rows of all groups: `full` (the name), `code`, `high`. `run`: the database before a view; `window`: the window as SQL."""
    known = f"SELECT code, grp FROM {run}.v_rollups WHERE stream = {literal(stream.name)} AND rollup = {literal(rollup.name)}"
    group = f"if(g.code = '', {literal(UNKNOWN)}, g.grp)"
    if isinstance(indicator.value, Count):
        others = "".join(f" AND r.{d} = {literal(ALL)}" for d in stream.dimensions if d != rollup.of)
        leaves = f"{run}.{indicator.view}{LAST} AS r"
        high, where = "sum(r.value)", f"r.window = {window} AND r.{rollup.of} != {literal(ALL)}{others}"
    else:
        leaves = f"{run}.{indicator.view}{PANES} AS r"
        high, where = number(indicator.value, "sumForEach(r.measures)"), f"r.at < (SELECT now FROM {run}.v_now)"
        where += "" if indicator.level else f" AND r.at >= {_since(run, stream, window)}"
    joined = f"{leaves} LEFT JOIN ({known}) AS g ON g.code = r.{rollup.of}"
    sums = f"SELECT {group} AS code, {high} AS high FROM {joined} WHERE {where} GROUP BY code"
    named = f"multiIf(s.code = {literal(UNKNOWN)}, {literal(words.unknown)}, u.name = '', s.code, u.name)"
    return (
        f"SELECT 1 AS one, {named} AS full, s.code AS code, s.high AS high FROM ({sums}) AS s LEFT JOIN {run}.v_units AS u "
        f"ON u.code = concat({literal(rollup.name + SAID)}, s.code) WHERE isNotNull(s.high) AND s.high != 0"
    )


def number(value: Value, sums: str) -> str:
    """The value of summed measures as SQL, as `ioc.values` has it; NULL where there is none.  Raises DeclarationError."""
    m = f"({sums} AS m)"
    match value:
        case Count():
            return f"{m}[1]"
        case Ratio():
            part = "m[2] - m[1]" if value.complement else "m[1]"
            return f"if({m}[2] = 0, NULL, ({part}) / m[2] * {value.scale})"
        case Mean():
            return f"if({m}[2] = 0, NULL, m[1] / m[2] / {value.scale})"
        case Quantiles():
            edges = literal([float(edge) for edge in value.edges])
            rank = f"(greatest(ceil(arraySum(m) * {value.quantiles[0]}), 1) AS rank)"
            bucket = "(arrayFirstIndex(c -> c >= rank, arrayCumSum(m)) AS b)"
            inside = f"{edges}[b] + ({edges}[b + 1] - {edges}[b]) * (rank - arraySum(arraySlice(m, 1, b)) + m[b]) / m[b]"
            nothing = f"arraySum({m}) <= 0 OR {rank} < 1"  # named here: within a lambda it could not be
            return f"if({nothing}, NULL, if({bucket} = {len(value.edges)}, {edges}[b], {inside}))"
        case _:
            raise DeclarationError(
                f"a board does not rank groups of a rollup by {type(value).__name__}: rank its dimension instead"
            )


def _since(run: str, stream: Stream, window: str) -> str:
    """Where the window that is open now begins: at its step's end less its length, or with the calendar's period."""
    grain = stream.grain
    starts = [f"window = {literal(w)}, ends - {length}" for w, (length, _) in ROLLING.items()]
    starts += [
        f"window = {literal(w)}, 1000 * toInt64(toUnixTimestamp(toDateTime(toString({begin}), {literal(PROVINCE.key)})))"
        for w, begin in CALENDARS.items()
    ]
    return (
        f"(SELECT fromUnixTimestamp64Milli(multiIf({', '.join(starts)}, ends), 'UTC') FROM (SELECT {window} AS window, "
        f"intDiv(toUnixTimestamp64Milli(now) - 1, {grain}) * {grain} + {grain} AS ends, "
        f"toTimeZone(fromUnixTimestamp64Milli(ends - 1, 'UTC'), {literal(PROVINCE.key)}) AS t FROM {run}.v_now))"
    )
