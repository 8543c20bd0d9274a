"""Views: what boards ask beside the numbers: the state of the database, its feeds, its runs, and which working days come.

A board reads views alone. `VIEWS` names the columns of each, for the store and for the check of the boards; a test asks the store for the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from ioc.catalog import REJECTS, Catalog
from ioc.store.clickhouse import RUN, literal
from ioc.store.form import (
    BOOL,
    INT,
    MAYBE_DATE,
    MAYBE_INT,
    MAYBE_MS,
    MAYBE_REAL,
    MS,
    REAL,
    TABLES,
    TEXT,
    UINT,
    UINT32,
    WORD,
    WORDS,
    Column,
)
from ioc.times import PROVINCE
from ioc.vocabulary import Indicator, Mean, Quantiles, Ratio, Stream

NO_FEED = 30
"""Seconds by which a live centre's now may lag the wall clock; then it says that nothing comes."""
COMING = 60
"""Days among which the coming working days are looked for."""
LAST, PANES = "_now", "_panes"
"""How the views of an indicator's last rows, and of what its groups are summed from, end."""

VIEWS = {
    "v_now": {"now": MS},
    "v_state": {"name": TEXT, "live": BOOL, "fed": BOOL, "now": MS},
    "v_rolled": {"stream": TEXT, "until": MS, "final": MS, "importing_from": MAYBE_MS, "importing_to": MAYBE_MS},
    "v_runs": {"name": TEXT, "database": TEXT, "source": TEXT, "state": TEXT, "created_at": MS},
    "v_units": {"code": TEXT, "name": TEXT},
    "v_rollups": {"stream": WORD, "rollup": WORD, "code": TEXT, "grp": WORD},
    "v_sites": {"code": TEXT, "latitude": REAL, "longitude": REAL},
    "v_workdays": {"n": UINT32, "day": MAYBE_DATE},
    "v_feeds": {
        "topic": TEXT,
        "source": WORD,
        "last": MS,
        "freshness": MAYBE_INT,
        "accepted": UINT,
        "duplicate": UINT,
        "rejected": UINT,
    },
    "v_alerts": {"rule": WORD, "indicator": WORD, "group": TEXT, "dims": WORDS, "fired_at": MS, "fired_value": REAL}
    | {"threshold": REAL, "clear": REAL, "resolved_at": MAYBE_MS, "resolved_value": MAYBE_REAL, "state": TEXT, "reason": TEXT},
}
"""View -> its columns."""
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


def columns(stream: Stream, indicator: Indicator) -> dict[str, Column]:
    """The columns of the view of an indicator, one row a change."""
    rest = {name: TABLES["indicators"].columns[name] for name in ("first_value", "restated", "until", "as_of")}
    return _group(stream) | {"at": MS} | _numbers(indicator) | rest


def last_columns(stream: Stream, indicator: Indicator) -> dict[str, Column]:
    """The columns of the view of its last rows."""
    return _group(stream) | _numbers(indicator) | {"until": MAYBE_MS}


def panes_columns(stream: Stream) -> dict[str, Column]:
    """The columns of the view that groups of a rollup are summed from."""
    return dict.fromkeys(stream.dimensions, TEXT) | {name: TABLES["panes"].columns[name] for name in ("at", "measures")}


def _group(stream: Stream) -> dict[str, Column]:
    return {"window": WORD, "dims": WORDS} | dict.fromkeys(stream.dimensions, TEXT)


def _numbers(indicator: Indicator) -> dict[str, Column]:
    return {"value": MAYBE_REAL, "lo": MAYBE_REAL, "hi": MAYBE_REAL, "n": INT} | dict.fromkeys(indicator.value.names, REAL)


def typed(columns: Mapping[str, Column]) -> str:
    """The columns of a view as its definition tells them. The store would find them out by itself, and takes half of a view's
    making for it.

    >>> typed({"window": WORD, "agency": TEXT, "at": MS})
    "(`window` LowCardinality(String), `agency` String, `at` DateTime64(3, 'UTC'))"
    """
    return f"({', '.join(f'`{name}` {column.type}' for name, column in columns.items())})"


def _panes(stream: Stream, indicator: Indicator) -> str:
    names = ", ".join(f"dims[{i + 1}] AS {d}" for i, d in enumerate(stream.dimensions))
    return f"""{typed(panes_columns(stream))} AS SELECT {names}, at, measures FROM panes FINAL
        WHERE generation = (SELECT generation FROM v_generation WHERE stream = {literal(stream.name)})
        AND indicator = {literal(indicator.name)}"""


def views(catalog: Catalog, database: str) -> dict[str, str]:
    """The views of a database beside the numbers: name -> what follows the name where it is created."""
    run = database.removeprefix(RUN) if database.startswith(RUN) else ""
    bodies = {
        "v_state": _state(run),
        "v_units": UNITS,
        "v_rollups": _now("stream, rollup, code, grp", "rollups"),
        "v_sites": _now("code, latitude, longitude", "sites"),
        "v_feeds": _feeds(catalog),
        "v_workdays": _workdays(),
    }
    bodies |= {} if run else {"v_runs": _runs(database)}
    sums = {
        indicator.view + PANES: _panes(stream, indicator)
        for stream in catalog.streams
        for indicator in stream.indicators
        if summed(stream, indicator)
    }
    return {name: f"{typed(VIEWS[name])} AS {body}" for name, body in bodies.items()} | sums


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
