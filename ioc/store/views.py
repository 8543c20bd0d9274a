"""Views: what boards ask beside the numbers: the state of the database, its feeds, its runs, and which working days come.

A board reads views alone. `VIEWS` names the columns of each, for the check of the boards; a test asks the store for the same.
"""

from __future__ import annotations

from ioc.catalog import REJECTS, Catalog
from ioc.store.clickhouse import RUN, literal
from ioc.times import PROVINCE
from ioc.vocabulary import Indicator, Mean, Quantiles, Ratio, Stream

NO_FEED = 30
"""Seconds by which a live centre's now may lag the wall clock; then it says that nothing comes."""
COMING = 60
"""Days among which the coming working days are looked for."""
LAST, PANES = "_now", "_panes"
"""How the views of an indicator's last rows, and of what its groups are summed from, end."""

VIEWS = {
    "v_now": ("now",),
    "v_state": ("name", "live", "fed", "now"),
    "v_rolled": ("stream", "until", "final", "importing_from", "importing_to"),
    "v_runs": ("name", "database", "source", "state", "created_at"),
    "v_units": ("code", "name"),
    "v_rollups": ("stream", "rollup", "code", "grp"),
    "v_sites": ("code", "latitude", "longitude"),
    "v_workdays": ("n", "day"),
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
    "v_rolled": "to which instant the open steps of each stream count, up to which its steps are final, and what an imported past leaves open",
    "v_runs": "the live database and the runs, for the choice on a board",
    "v_units": "names of agencies, procedures, sites and units by their codes, and of groups by `district=380`",
    "v_rollups": "which group of a rollup the values of a dimension are of now; what is not there is of `?`",
    "v_sites": "the sites on air now, and where they stand (degrees)",
    "v_workdays": "the coming working days by their number, the day of now being the first if it is one",
    "v_feeds": "who sent in the last seven days, how fresh it is (seconds), and what became of it in the last hour",
    "v_alerts": "one row an episode: when an alert fired, at which value, when it was resolved, and the reason where no value ended it",
}
"""View -> what it tells, for people."""


def summed(stream: Stream, indicator: Indicator) -> bool:
    """Whether groups of a rollup are summed from the panes of an indicator, as its rolled values are no sums."""
    return bool(stream.rollups) and not indicator.each and isinstance(indicator.value, Ratio | Mean | Quantiles)


def panes_columns(stream: Stream) -> tuple[str, ...]:
    """The columns of such a view."""
    return (*stream.dimensions, "at", "measures")


def _panes(stream: Stream, indicator: Indicator) -> str:
    names = ", ".join(f"dims[{i + 1}] AS {d}" for i, d in enumerate(stream.dimensions))
    return f"""CREATE OR REPLACE VIEW {indicator.view}{PANES} AS SELECT {names}, at, measures FROM panes FINAL
        WHERE generation = (SELECT generation FROM v_generation WHERE stream = {literal(stream.name)})
        AND indicator = {literal(indicator.name)}"""


def statements(catalog: Catalog, database: str) -> list[str]:
    """The statements that create the views in a database; each may be run again."""
    run = database.removeprefix(RUN) if database.startswith(RUN) else ""
    sums = [
        _panes(stream, indicator) for stream in catalog.streams for indicator in stream.indicators if summed(stream, indicator)
    ]
    bodies = {
        "v_state": _state(run),
        "v_units": UNITS,
        "v_rollups": _now("stream, rollup, code, grp", "rollups"),
        "v_sites": _now("code, latitude, longitude", "sites"),
        "v_feeds": _feeds(catalog),
        "v_workdays": _workdays(),
    }
    bodies |= {} if run else {"v_runs": _runs(database)}
    return [*(f"CREATE OR REPLACE VIEW {name} AS {body}" for name, body in bodies.items()), *sums]


UNITS = "SELECT code, argMax(name, valid_from) AS name FROM units GROUP BY code"


def _now(columns: str, table: str) -> str:
    """The rows of a table that hold now: in what ends then, not in what begins."""
    now = "(SELECT toUnixTimestamp64Milli(now) FROM v_now)"
    return f"SELECT {columns} FROM {table} WHERE since < {now} AND until >= {now}"


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


def _workdays() -> str:
    """The coming working days by their number; that of the instant just before now is the first, if it is one."""
    return f"""WITH (SELECT now FROM v_now) AS now, toDate(now - INTERVAL 1 MILLISECOND, '{PROVINCE.key}') AS today,
        (SELECT groupArray(day) FROM days_off WHERE day BETWEEN today AND today + {COMING}) AS off,
        arrayFilter(d -> NOT has(off, d), arrayMap(n -> today + n, range({COMING}))) AS days
        SELECT n, day FROM (SELECT 1) ARRAY JOIN days AS day, arrayEnumerate(days) AS n"""
