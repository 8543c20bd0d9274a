"""SQL: the queries of the boards. They read board views of the chosen database; values and names come in quoted.

A tile or a ranking asks for the last row of a group; a line asks what held at each of its points: rows are written only where a
value changes, so a point takes the last row before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ioc.boards import groups as groups_of
from ioc.boards.words import Words
from ioc.calendar.windows import LEVEL
from ioc.store.clickhouse import literal
from ioc.store.views import LAST, summed
from ioc.times import SECOND
from ioc.vocabulary import ALL, UNKNOWN, Count, Indicator, Measured, Needed, Stream, Terms

NAME = 36
"""Letters of a name at most: Grafana draws no more of it than fit beside the bars, and leaves out the beginning."""
RUN = '"${run:percentencode}"'
BEHIND = 900
"""Seconds by which final steps lie further behind now than a stream's delay and grain where its past is still being rolled."""


def _is_sum(indicator: Indicator) -> bool:
    """Whether its value is 0 where nothing was ever counted, not unknown."""
    value = indicator.value
    return not indicator.each and (isinstance(value, Count | Needed) or (isinstance(value, Terms) and not value.whole))


def view(indicator: Indicator) -> str:
    """The view of an indicator in the chosen database."""
    return f"{RUN}.{indicator.view}"


def chosen(stream: Stream, indicator: Indicator, *, alone: bool = False) -> str:
    """A condition: the group chosen by the variable of the stream's first dimension, or the leaves of the chosen group of a rollup.
    `alone`: without these."""
    first, *rest = stream.dimensions
    one = f"dims = [{', '.join([variable(first), *(literal(ALL) for _ in rest)])}]"
    many = not alone and groups_of.choices(stream) and groups_of.shows(stream, indicator)
    choice = variable(first)
    group = f"{groups_of.is_group(stream, choice)} AND dims IN ({groups_of.leaves(RUN, stream, choice)})" if many else ""
    own = f"({one} OR ({group}))" if many else one
    return f"{_window(indicator)} AND {own}"


def variable(name: str) -> str:
    """A variable's value as SQL: a link may hold any text, and its encoded form ends no quotes."""
    return f"decodeURLComponent('${{{name}:percentencode}}')"


def _window(indicator: Indicator) -> str:
    return f"window = {_chosen_window(indicator)}"


def _chosen_window(indicator: Indicator) -> str:
    return literal(LEVEL) if indicator.level else variable("window")


def _value(indicator: Indicator) -> str:
    """The value of the one row, or of none: counts of nothing are 0, and nothing needs nobody; others have no value."""
    return "ifNull(sum(value), 0)" if _is_sum(indicator) else "max(value)"


def _between(words: Words) -> str:
    """The bounds of the one row as a text, where they are not one number."""
    low, high = (
        f"replaceOne(toString(round(assumeNotNull(max({end})), 1)), '.', {literal(words.decimal)})" for end in ("lo", "hi")
    )
    return f"if(ifNull(max(hi) - max(lo) < 0.05, 1), NULL, concat({low}, ' – ', {high}))"


def tile(stream: Stream, indicator: Indicator, words: Words) -> str:
    """One row: the value now, and the instant it counts to; no value while nothing comes in. With them the bounds, where there are."""
    rolled = f"(SELECT maxOrNull(until) FROM {RUN}.v_rolled WHERE stream = {literal(stream.name)})"
    rows = f"{view(indicator)}{LAST} WHERE {chosen(stream, indicator)}"
    bounds = isinstance(indicator.value, Measured)
    if groups_of.choices(stream) and summed(stream, indicator):
        one = f"SELECT value, until FROM {view(indicator)}{LAST} WHERE {chosen(stream, indicator, alone=True)}"
        group = groups_of.value_now(RUN, stream, indicator, variable(stream.dimensions[0]), _chosen_window(indicator))
        rows = f"({one} UNION ALL {group})"
    return (
        f"SELECT if((SELECT fed FROM {RUN}.v_state), {_value(indicator)}, NULL) AS value, "
        f"if(count() = 0, {rolled}, max(until)) AS until{f', {_between(words)} AS bounds' if bounds else ''} FROM {rows}"
    )


def drawn(title: str, indicator: Indicator, words: Words) -> tuple[tuple[str, str], ...]:
    """The columns of an indicator that are drawn, with their names: the value, and both ends of what it lies between."""
    if not isinstance(indicator.value, Measured):
        return (("value", title),)
    return ("value", title), ("lo", f"{title} ({words.lowest})"), ("hi", f"{title} ({words.highest})")


def lines(stream: Stream, indicators: Mapping[str, Indicator], words: Words) -> str:
    """What held at each point of the time range, up to now; a column for each title.

    While a past is rolled (a first start, a week that was missed, an import) nothing is known yet of the points behind what is.
    """
    points = (
        "SELECT 1 AS one, fromUnixTimestamp64Milli(arrayJoin(arrayPushBack(range(begin, end, toInt64(1000 * $__interval_s)), end)), 'UTC') "
        f"AS time FROM (SELECT 1000 * toInt64(toUnixTimestamp($__fromTime)) AS begin, least(1000 * toInt64(toUnixTimestamp($__toTime)), "
        f"toUnixTimestamp64Milli(now)) AS end FROM {RUN}.v_now) WHERE begin < end"
    )
    joined = "".join(
        f" ASOF LEFT JOIN ({_series(stream, indicator, points)}) AS s{n} ON p.one = s{n}.one AND p.time >= s{n}.until"
        for n, indicator in enumerate(indicators.values())
    )
    lag = BEHIND + (stream.delay + stream.grain) // SECOND
    final, now = (
        f"(SELECT max(final) FROM {RUN}.v_rolled WHERE stream = {literal(stream.name)})",
        f"(SELECT now FROM {RUN}.v_now)",
    )
    ends = (f"(SELECT max(importing_{end}) FROM {RUN}.v_rolled WHERE stream = {literal(stream.name)})" for end in ("from", "to"))
    importing = " AND ".join(f"p.time {sign} {end}" for sign, end in zip("><", ends, strict=True))
    behind = f"({final} < subtractSeconds({now}, {lag}) AND p.time > {final} AND p.time < {now}) OR ({importing})"
    named = [(n, what, name) for n, title in enumerate(indicators) for what, name in drawn(title, indicators[title], words)]
    columns = ", ".join(f"if({behind}, NULL, s{n}.{what}) AS {quoted(name)}" for n, what, name in named)
    return f"SELECT p.time AS time, {columns} FROM ({points}) AS p{joined} ORDER BY time"


def _series(stream: Stream, indicator: Indicator, points: str) -> str:
    """What an indicator holds from when on; of a group of a rollup where one is chosen."""
    where = f"{chosen(stream, indicator, alone=True)} AND until <= $__toTime"
    bounds = ", lo, hi" if isinstance(indicator.value, Measured) else ""
    one = f"SELECT 1 AS one, until, value{bounds} FROM {view(indicator)} WHERE {where}"
    if not groups_of.choices(stream) or not groups_of.shows(stream, indicator):
        return one
    choice = variable(stream.dimensions[0])
    return f"{one} UNION ALL {groups_of.series(RUN, stream, indicator, choice, _chosen_window(indicator), points)}"


def ranking(stream: Stream, indicator: Indicator, dimension: str, titles: tuple[str, str], limit: int, words: Words) -> str:
    """The groups of a dimension or a rollup with the highest values; named where a name is known. `titles`: of the two columns.

    Where there are none one row says so: Grafana takes an answer without rows for one without columns.
    """
    if (rollup := stream.rollup(dimension)) is not None:
        groups = groups_of.ranked(RUN, stream, indicator, rollup, _chosen_window(indicator), words)
        found = f"{groups} ORDER BY high DESC, code LIMIT {limit}"
    else:
        others = "".join(f" AND r.{d} = {literal(ALL)}" for d in stream.dimensions if d != dimension)
        found = (
            f"SELECT 1 AS one, {_named(f'r.{dimension}', words)} AS full, r.{dimension} AS code, r.value AS high "
            f"FROM {view(indicator)}{LAST} AS r LEFT JOIN {RUN}.v_units AS u ON u.code = r.{dimension} "
            f"WHERE r.{_window(indicator)} AND r.{dimension} != {literal(ALL)}{others} AND isNotNull(r.value) AND r.value != 0 "
            f"ORDER BY r.value DESC, r.{dimension} LIMIT {limit}"
        )
    nothing = literal(words.nothing if _is_sum(indicator) else words.no_data)
    name = f"multiIf(full = '', {nothing}, lengthUTF8(full) > {NAME}, concat(substringUTF8(full, 1, {NAME - 1}), '…'), full)"
    return (
        f"SELECT {name} AS {quoted(titles[0])}, high AS {quoted(titles[1])} FROM (SELECT 1 AS one) AS o "
        f"LEFT JOIN ({found}) AS f ON o.one = f.one ORDER BY high DESC, code"
    )


def map_of(stream: Stream, indicator: Indicator, dimension: str, titles: tuple[str, str], words: Words) -> str:
    """The sites on air, each with its name, its position and its value, if it has one. `titles`: of the columns name and value."""
    others = "".join(f" AND {d} = {literal(ALL)}" for d in stream.dimensions if d != dimension)
    found = f"SELECT {dimension} AS code, value AS high FROM {view(indicator)}{LAST} WHERE {_window(indicator)}{others}"
    value = "ifNull(r.high, 0)" if _is_sum(indicator) else "r.high"
    return (
        f"SELECT {_named('s.code', words)} AS {quoted(titles[0])}, s.latitude AS latitude, s.longitude AS longitude, "
        f"{value} AS {quoted(titles[1])} FROM {RUN}.v_sites AS s LEFT JOIN ({found}) AS r ON r.code = s.code "
        f"LEFT JOIN {RUN}.v_units AS u ON u.code = s.code ORDER BY r.high DESC, s.code"
    )


def ahead(stream: Stream, indicator: Indicator, seen: Mapping[int, Indicator], words: Words, title: str) -> str:
    """A level now and at the end of each coming working day, as known now. `seen`: what looks ahead at it, by the number of days."""
    days = f"transform(toDayOfWeek(day), {list(range(1, 8))}, {literal(list(words.weekdays))}, '')"
    each = " UNION ALL ".join(
        f"SELECT {n} AS n, value FROM {view(one)}{LAST} WHERE {chosen(stream, one)}" for n, one in {0: indicator, **seen}.items()
    )
    return (
        f"SELECT if(n = 0, {literal(words.now)}, concat({days}, formatDateTime(day, ' %d/%m'))) AS {quoted(words.day)}, "
        f"toFloat64(sum(value)) AS {quoted(title)} FROM (SELECT arrayJoin({[0, *seen]}) AS n, 0 AS value UNION ALL {each}) AS a "
        f"LEFT JOIN {RUN}.v_workdays AS w ON a.n = w.n GROUP BY n, day ORDER BY n"
    )


def state(words: Words) -> str:
    """One row: live, or which run is shown, or that nothing comes; and the last hours of it, for a link (ms)."""
    return (
        f"SELECT multiIf(live AND fed, {literal(words.live)}, live, {literal(words.no_data)}, "
        f"concat({literal(words.replay + ': ')}, name)) AS state, now AS until, toUnixTimestamp64Milli(now) AS last, "
        f"last - 7 * 86400000 AS begin FROM {RUN}.v_state"
    )


def alerts(words: Words, titles: Mapping[str, str]) -> str:
    """Alerts, those that still hold first, then the newest. `titles`: of indicators by name."""
    since, state, indicator, where, value, threshold, until = map(quoted, words.alert_columns)
    named = f"transform(a.indicator, {literal(list(titles))}, {literal(list(titles.values()))}, a.indicator)"
    return (
        f"SELECT a.fired_at AS {since}, if(a.reason = '', a.state, a.reason) AS {state}, {named} AS {indicator}, "
        f"if(u.name = '', a.\"group\", u.name) AS {where}, a.fired_value AS {value}, a.threshold AS {threshold}, "
        f'a.resolved_at AS {until} FROM {RUN}.v_alerts AS a LEFT JOIN {RUN}.v_units AS u ON u.code = a."group" '
        f"ORDER BY a.state = 'firing' DESC, a.fired_at DESC LIMIT 50"
    )


def feeds(words: Words, streams: Mapping[str, str], contacts: bool) -> str:
    """Who sends, and what became of it; what is refused comes first, then who has been silent for longest. `streams`: titles by
    topic. `contacts`: with whom to call."""
    topic, source, last, freshness, accepted, duplicate, rejected = map(quoted, words.feed_columns)
    named = f"transform(f.topic, {literal(list(streams))}, {literal(list(streams.values()))}, f.topic)"
    who = f", if(c.grp = '', {literal(words.unknown)}, c.grp) AS {quoted(words.contact)}" if contacts else ""
    call = (
        f" LEFT JOIN (SELECT code, grp FROM {RUN}.v_rollups WHERE rollup = 'contact') AS c ON c.code = f.source"
        if contacts
        else ""
    )
    return (
        f"SELECT {named} AS {topic}, multiIf(f.source = '', {literal(words.unknown)}, u.name = '', f.source, u.name) AS {source}, "
        f"f.last AS {last}, f.freshness AS {freshness}, f.accepted AS {accepted}, f.duplicate AS {duplicate}, "
        f"f.rejected AS {rejected}{who} FROM {RUN}.v_feeds AS f LEFT JOIN {RUN}.v_units AS u ON u.code = f.source{call} "
        "ORDER BY f.rejected DESC, f.freshness DESC, f.topic, f.source LIMIT 50"
    )


def runs(words: Words) -> str:
    """Database and text of the live centre and of every run; from the data source's default database, the live one."""
    return f"SELECT database, if(source = 'live', {literal(words.live)}, name) AS text FROM v_runs ORDER BY source != 'live', created_at DESC"


def groups(stream: Stream, words: Words) -> str:
    """Code and name of every value of the stream's first dimension, all of them first, and of the groups that may be chosen."""
    first, *rest = stream.dimensions
    indicator = next(i for i in stream.indicators if (first,) in i.groupings)
    others = "".join(f" AND r.{d} = {literal(ALL)}" for d in rest)
    window = literal(LEVEL if indicator.level else indicator.windows[-1])
    found = (
        f"SELECT DISTINCT r.{first} AS value, if(r.{first} = {literal(ALL)}, {literal(words.everything)}, {_named(f'r.{first}', words)}) "
        f"AS text FROM {view(indicator)}{LAST} AS r LEFT JOIN {RUN}.v_units AS u ON u.code = r.{first} WHERE r.window = {window}{others}"
    )
    if groups_of.choices(stream):
        names = {name: words.of(*both) for name, both in (stream.board.names if stream.board else {}).items()}
        offered = groups_of.offered(RUN, stream, names, f"{indicator.view}{LAST}", window)
        found = f"SELECT value, text FROM ({found}{offered})"
    return f"{found} ORDER BY value != {literal(ALL)}, text"


def _named(code: str, words: Words) -> str:
    """The name of a value of a dimension, `u` being its row of the units."""
    return f"multiIf({code} = {literal(UNKNOWN)}, {literal(words.unknown)}, u.name = '', {code}, u.name)"


def quoted(name: str) -> str:
    """A name of a column as SQL."""
    return '"' + name.replace('"', "'") + '"'


def windows(indicators: Sequence[Indicator]) -> tuple[str, ...]:
    """The windows all of them have, levels aside, in the order of the first."""
    own = [i.windows for i in indicators if not i.level]
    return tuple(w for w in own[0] if all(w in other for other in own)) if own else ()
