"""Groups: the queries of boards for groups of a rollup: leaves joined with their groups, and summed before they are a number.

A count is the sum of its leaves' last rows. Any other value comes from the panes of its window up to now: what is rolled of it is
a number already, and numbers of leaves make none of their group.
"""

from __future__ import annotations

from collections.abc import Mapping

from ioc.boards.words import Words
from ioc.calendar.windows import CALENDAR, ROLLING
from ioc.errors import DeclarationError
from ioc.store.clickhouse import literal
from ioc.store.views import LAST, PANES, summed
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


def leaves(run: str, stream: Stream, choice: str) -> str:
    """The rolled groups (`dims`) of the leaves of a chosen group, `district=380`; none where the choice is no group."""
    found = []
    for rollup in choices(stream):
        dims = ", ".join("code" if d == rollup.of else literal(ALL) for d in stream.dimensions)
        found.append(f"SELECT CAST([{dims}], 'Array(LowCardinality(String))') FROM {_known(run, stream, rollup, choice)}")
    return " UNION ALL ".join(found)


def is_group(stream: Stream, choice: str) -> str:
    """Whether the choice is a group: where it is none this is a constant, and what is asked of groups costs nothing."""
    said = (f"startsWith({choice}, {literal(rollup.name + SAID)})" for rollup in choices(stream))
    return f"({' OR '.join(said)})"


def choices(stream: Stream) -> list[Rollup]:
    """The rollups whose groups may be chosen on the board of a stream."""
    return [rollup for rollup in stream.rollups if stream.board and rollup.name in stream.board.choices]


def offered(run: str, stream: Stream, titles: Mapping[str, str], view: str, window: str) -> str:
    """Rows (value, text) of the groups that may be chosen, of those that have counted in a view's window."""
    found = []
    for rollup in choices(stream):
        others = "".join(f" AND r.{d} = {literal(ALL)}" for d in stream.dimensions if d != rollup.of)
        group = f"concat({literal(rollup.name + SAID)}, g.grp)"
        text = f"concat({literal(titles[rollup.name] + ': ')}, if(u.name = '', g.grp, u.name))"
        found.append(
            f" UNION ALL SELECT DISTINCT {group} AS value, {text} AS text FROM {run}.{view} AS r INNER JOIN {run}.v_rollups AS g "
            f"ON g.code = r.{rollup.of} LEFT JOIN {run}.v_units AS u ON u.code = {group} WHERE g.stream = {literal(stream.name)} "
            f"AND g.rollup = {literal(rollup.name)} AND r.window = {window}{others}"
        )
    return "".join(found)


def value_now(run: str, stream: Stream, indicator: Indicator, choice: str, window: str) -> str:
    """A row (value, until) of the chosen group from the panes of its window; none where the choice is no group."""
    since, now = "" if indicator.level else f" AND r.at >= {_since(run, stream, window)}", f"(SELECT now FROM {run}.v_now)"
    high = number(indicator.value, "sumForEach(r.measures)")
    return (
        f"SELECT {high} AS value, {now} AS until FROM {run}.{indicator.view}{PANES} AS r "
        f"WHERE {is_group(stream, choice)} AND {_of(run, stream, choice)} AND r.at < {now}{since} HAVING count() > 0"
    )


def series(run: str, stream: Stream, indicator: Indicator, choice: str, window: str, points: str) -> str:
    """Rows (one, until, value) of the chosen group: for a count at every step at which a leaf has a row, else at the points."""
    if isinstance(indicator.value, Count):
        own = f"{is_group(stream, choice)} AND window = {window} AND dims IN ({leaves(run, stream, choice)})"
        rows = f"FROM {run}.{indicator.view} WHERE {own} AND until <= $__toTime"
        step = "value - lagInFrame(value, 1, 0) OVER (PARTITION BY dims ORDER BY at)"
        steps = f"SELECT until, sum(d) AS delta FROM (SELECT until, {step} AS d {rows}) GROUP BY until"
        return f"SELECT 1 AS one, until, sum(delta) OVER (ORDER BY until) AS value FROM ({steps})"
    first = "toUnixTimestamp64Milli(toDateTime64($__fromTime, 3, 'UTC'))"
    low = "" if indicator.level else f" AND r.at >= (SELECT since FROM ({_begins(stream, window, f'SELECT {first} AS ms')}))"
    sums = (
        f"SELECT r.at AS at, sumForEach(r.measures) AS m FROM {run}.{indicator.view}{PANES} AS r "
        f"WHERE {is_group(stream, choice)} AND {_of(run, stream, choice)} AND r.at < $__toTime{low} GROUP BY at"
    )
    total = f"(SELECT 1 AS one, at, sumForEach(m) OVER (ORDER BY at) AS sums FROM ({sums}))"
    width = len(indicator.value.measures)
    begins = _begins(stream, window, f"SELECT one, time, toUnixTimestamp64Milli(time) AS ms FROM ({points})", "one, time, ")
    gone = f"arrayMap(n -> 0, range({width}))" if indicator.level else f"arrayResize(b.sums, {width})"
    within = f"arrayMap((x, y) -> x - y, arrayResize(e.sums, {width}), {gone})"
    joins = f"ASOF LEFT JOIN {total} AS e ON q.one = e.one AND q.time > e.at"
    joins += "" if indicator.level else f" ASOF LEFT JOIN {total} AS b ON q.one = b.one AND q.since > b.at"
    of = f"SELECT q.time AS until, {within} AS sums FROM ({begins}) AS q {joins}"
    return (
        f"SELECT 1 AS one, until, {number(indicator.value, 'sums')} AS value FROM ({of}) "
        f"WHERE {is_group(stream, choice)} AND (SELECT count() FROM ({leaves(run, stream, choice)})) > 0"
    )


def _of(run: str, stream: Stream, choice: str) -> str:
    """A condition on panes: they are of the chosen group."""
    of = [f"r.{rollup.of} IN (SELECT code FROM {_known(run, stream, rollup, choice)})" for rollup in choices(stream)]
    return f"({' OR '.join(of)})"


def _known(run: str, stream: Stream, rollup: Rollup, choice: str) -> str:
    own = f"stream = {literal(stream.name)} AND rollup = {literal(rollup.name)}"
    return f"{run}.v_rollups WHERE {own} AND concat({literal(rollup.name + SAID)}, grp) = {choice}"


def shows(stream: Stream, indicator: Indicator) -> bool:
    """Whether a board can show groups of an indicator: a value against a limit of its own has none for them, nor has one that is
    told of each value of a dimension."""
    return not indicator.each and (isinstance(indicator.value, Count) or summed(stream, indicator))


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
            bare = f"if(m[3] = 0, NULL, m[1] / {value.scale})" if value.adds else "NULL"
            return f"if({m}[2] = 0, {bare}, m[1] / m[2] / {value.scale})"
        case Quantiles():
            edges = literal([float(edge) for edge in value.edges])
            rank = f"(greatest(ceil(arraySum(m) * {value.quantiles[0]}), 1) AS rank)"
            bucket = "(arrayFirstIndex(c -> c >= rank, arrayCumSum(m)) AS b)"
            inside = f"{edges}[b] + ({edges}[b + 1] - {edges}[b]) * (rank - arraySum(arraySlice(m, 1, b)) + m[b]) / m[b]"
            nothing = f"arraySum({m}) <= 0 OR {rank} < 1"  # named here: within a lambda it could not be
            return f"if({nothing}, NULL, if({bucket} = {len(value.edges)}, {edges}[b], {inside}))"
        case _:
            raise DeclarationError(f"a board ranks no groups of a rollup by {type(value).__name__}; rank its dimension")


def _since(run: str, stream: Stream, window: str) -> str:
    """Where the window that is open now begins."""
    return f"(SELECT since FROM ({_begins(stream, window, f'SELECT toUnixTimestamp64Milli(now) AS ms FROM {run}.v_now')}))"


def _begins(stream: Stream, window: str, instants: str, more: str = "") -> str:
    """Rows with `since`, where the window that is open at `ms` begins: at its step's end less its length, or with the calendar's
    period. `instants`: rows with `ms`; `more`: what else is taken from them."""
    grain = stream.grain
    starts = [f"window = {literal(w)}, ends - {length}" for w, (length, _) in ROLLING.items()]
    starts += [
        f"window = {literal(w)}, 1000 * toInt64(toUnixTimestamp(toDateTime(toString({begin}), {literal(PROVINCE.key)})))"
        for w, begin in CALENDARS.items()
    ]
    return (
        f"SELECT {more}fromUnixTimestamp64Milli(multiIf({', '.join(starts)}, ends), 'UTC') AS since FROM (SELECT {more}"
        f"{window} AS window, intDiv(ms - 1, {grain}) * {grain} + {grain} AS ends, "
        f"toTimeZone(fromUnixTimestamp64Milli(ends - 1, 'UTC'), {literal(PROVINCE.key)}) AS t FROM ({instants}))"
    )
