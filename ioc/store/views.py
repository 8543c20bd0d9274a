"""Views: what boards ask beside the numbers: the state of the database, its feeds, its runs, and what is to come.

A board reads views alone. `VIEWS` names the columns of each, for the check of the boards; a test asks the store for the same.
"""

from __future__ import annotations

from ioc.calendar.windows import LEVEL
from ioc.catalog import REJECTS, Catalog
from ioc.store.clickhouse import RUN, literal
from ioc.times import PROVINCE
from ioc.vocabulary import ALL, Count, Indicator, Stream

NO_FEED = 30
"""Seconds by which a live centre's now may lag the wall clock; then it says that nothing comes."""
DAYS = 5
"""Working days that are looked ahead."""
LAST, AHEAD = "_now", "_ahead"
"""How the views of an indicator's last rows, and of its coming days, end."""

VIEWS = {
    "v_now": ("now",),
    "v_state": ("name", "live", "fed", "now"),
    "v_rolled": ("stream", "until"),
    "v_runs": ("name", "database", "source", "state", "created_at"),
    "v_units": ("code", "name"),
    "v_feeds": ("topic", "source", "last", "freshness", "accepted", "duplicate", "rejected"),
    "v_alerts": (
        "rule",
        "indicator",
        "group",
        "dims",
        "fired_at",
        "fired_value",
        "threshold",
        "clear",
        "resolved_at",
        "resolved_value",
        "state",
        "reason",
    ),
}
"""View -> columns."""
TELLS = {
    "v_now": "the database's now: its highest reception; boards use it instead of the wall clock",
    "v_state": "which database this is: its name (a run's), whether it is the live one, whether events come, its now",
    "v_rolled": "up to which instant each stream is rolled",
    "v_runs": "the live database and the runs, for the choice on a board",
    "v_units": "names of agencies, procedures and sites by their codes",
    "v_feeds": "who sent in the last seven days, how fresh it is (seconds), and what became of it in the last hour",
    "v_alerts": "one row an episode: when an alert fired, at which value, when it was resolved, and the reason where no value ended it",
}
"""View -> what it tells, for people."""


def ahead_name(indicator: Indicator) -> str:
    """The view of a level's coming days."""
    return f"{indicator.view}{AHEAD}"


def ahead_columns(stream: Stream) -> tuple[str, ...]:
    """The columns of such a view."""
    return ("dims", *stream.dimensions, "day", "at", "value")


def statements(catalog: Catalog, database: str) -> list[str]:
    """The statements that create the views in a database; each may be run again."""
    run = database.removeprefix(RUN) if database.startswith(RUN) else ""
    ahead = [
        _ahead(stream, indicator)
        for stream in catalog.streams
        for indicator in stream.indicators
        if indicator.level and isinstance(indicator.value, Count)
    ]
    bodies = {"v_state": _state(run), "v_units": UNITS, "v_feeds": _feeds(catalog)}
    bodies |= {} if run else {"v_runs": _runs(database)}
    return [*(f"CREATE OR REPLACE VIEW {name} AS {body}" for name, body in bodies.items()), *ahead]


UNITS = "SELECT code, argMax(name, valid_from) AS name FROM units GROUP BY code"


def _state(run: str) -> str:
    """One row: which database this is, whether it is the live one, whether events come, and its now."""
    fed = "1" if run else f"now >= now64(3) - INTERVAL {NO_FEED} SECOND"
    return f"SELECT {literal(run)} AS name, toBool({int(not run)}) AS live, toBool({fed}) AS fed, now FROM v_now"


def _runs(database: str) -> str:
    """The live database and the runs that are not dropped, the live one first, then the newest."""
    return f"""SELECT '' AS name, {literal(database)} AS database, 'live' AS source, 'live' AS state, now64(3, 'UTC') AS created_at
        UNION ALL SELECT name, concat({literal(RUN)}, replaceAll(name, '-', '_')), argMax(source, at), argMax(state, at) AS last, max(at)
        FROM (SELECT name, source, state, created_at AS at FROM runs) GROUP BY name HAVING last != 'dropped'"""


def _feeds(catalog: Catalog) -> str:
    """Who sent in the last seven days, and what became of it in the last hour.

    What the gateway refused counts for the topic it was meant for.
    """
    types = {kind: topic for topic in catalog.topics for kind in catalog.accepted(topic)}
    meant = f"transform(type, {literal(list(types))}, {literal(list(types.values()))}, topic)"
    counts = ", ".join(
        f"uniqExactIf((events.topic, partition, offset), verdict = {literal(verdict)} AND received_at >= now - INTERVAL 1 HOUR) AS {verdict}"
        for verdict in ("accepted", "duplicate", "rejected")
    )
    return f"""WITH (SELECT now FROM v_now) AS now SELECT if(topic = {literal(REJECTS)}, {meant}, topic) AS topic, source,
        max(received_at) AS last, intDiv(toUnixTimestamp64Milli(now) - toUnixTimestamp64Milli(last), 1000) AS freshness, {counts}
        FROM events WHERE received_at >= now - INTERVAL 7 DAY AND verdict != 'heartbeat' GROUP BY topic, source"""


def _ahead(stream: Stream, indicator: Indicator) -> str:
    """A level now (day 1970-01-01) and at the end of each coming working day, as known now: what is rolled, and the panes that
    count from there on.

    The open step is shown at one time for all groups, but for those whose last row still says the same: each counts to the latest
    `until`. The last row is found by the sort key, which asks for the window and one type of `dims` throughout.
    """
    rolled = indicator.view
    generation = f"(SELECT generation FROM v_generation WHERE stream = {literal(stream.name)})"
    groups = ", ".join(
        "[" + ", ".join(f"dims[{i + 1}]" if d in grouping else literal(ALL) for i, d in enumerate(stream.dimensions)) + "]"
        for grouping in indicator.groupings
    )
    since = f"(SELECT max(until) FROM indicators WHERE indicator = {literal(indicator.name)} AND generation = {generation})"
    names = ", ".join(f"dims[{i + 1}] AS {d}" for i, d in enumerate(stream.dimensions))
    return f"""CREATE OR REPLACE VIEW {rolled}{AHEAD} AS
        WITH (SELECT now FROM v_now) AS now, toDate(now, '{PROVINCE.key}') AS today,
            (SELECT groupArray(day) FROM days_off WHERE day BETWEEN today AND today + 60) AS off,
            arraySlice(arrayFilter(d -> NOT has(off, d), arrayMap(n -> today + n, range(60))), 1, {DAYS}) AS days,
            {since} AS since,
            arrayMap(d -> (d, toDateTime64(toString(d + 1), 3, '{PROVINCE.key}')), days) AS ends
        SELECT dims, {names}, one.1 AS day, one.2 AS at, sumIf(m, counts < one.2) AS value FROM (
            SELECT dims, toDateTime64(0, 3, 'UTC') AS counts, toInt64(value) AS m FROM {rolled}{LAST} WHERE window = {literal(LEVEL)}
            UNION ALL
            SELECT CAST(arrayJoin([{groups}]), 'Array(LowCardinality(String))') AS dims, at AS counts, measures[1] AS m FROM panes FINAL WHERE generation = {generation}
            AND indicator = {literal(indicator.name)} AND at >= since AND at < now + INTERVAL 90 DAY)
        ARRAY JOIN arrayPushFront(ends, (toDate(0), toTimeZone(since, '{PROVINCE.key}'))) AS one GROUP BY dims, day, at"""
