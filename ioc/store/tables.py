"""Tables: a database is brought to the form this program reads and writes: its tables, its views, its reference data."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ioc.calendar.workdays import days_off
from ioc.catalog import Catalog
from ioc.store import reference, state
from ioc.store.clickhouse import Store, literal
from ioc.store.form import TABLES, TEXT, WORD, WORDS, Column
from ioc.store.views import LAST, PANES, VIEWS, columns, last_columns, panes_columns, summed, typed
from ioc.store.views import views as others
from ioc.vocabulary import Stream


def statements() -> list[str]:
    """All statements that bring the tables of a database to this program's form; each may be run again."""
    return [*(table.create(name) for name, table in TABLES.items()), *GROWN, *MERGES]


def views(catalog: Catalog, database: str) -> dict[str, str]:
    """All views of a database: name -> what follows the name where it is created. Each comes after those that it reads."""
    found = {"v_generation": f"{typed({'stream': WORD, 'generation': TEXT})} AS {GENERATION}"}
    found |= {
        name: f"{typed(VIEWS[name])} AS {body}" for name, body in (("v_now", NOW), ("v_rolled", ROLLED), ("v_alerts", ALERTS))
    }
    for stream in catalog.streams:
        found |= numbers(stream)
    return found | others(catalog, database)


def form(store: Store, catalog: Catalog) -> None:
    """Create the database and its tables and views, and change those that are of another form; rows stay.

    A view that is as it shall be is left alone: three hundred of them take seconds to make and a moment to compare.
    """
    store.create(statements())
    wanted = views(catalog, store.database)
    same = as_wanted(store, wanted)
    for name, definition in wanted.items():
        if name not in same:
            store.command(f"CREATE OR REPLACE VIEW {name} {definition}")


def as_wanted(store: Store, wanted: Mapping[str, str]) -> set[str]:
    """The views that the store holds as they are wanted, to the letter: it tells each itself, in one way of writing, which it also
    turns the wanted ones into; only the name of the database is more."""
    told = store.rows(
        f"SELECT name, create_table_query AS made FROM system.tables WHERE database = {literal(store.database)} AND engine = 'View'"
    )
    made = {row["name"]: _without(store.database, row["made"]) for row in told}
    asked = [f"CREATE VIEW {name} {definition}" for name, definition in wanted.items() if name in made]
    if not asked:
        return set()
    written = store.rows(f"SELECT formatQuerySingleLine(arrayJoin({literal(asked)})) AS text")
    return {name for name, row in zip((n for n in wanted if n in made), written, strict=True) if made[name] == row["text"]}


def _without(database: str, made: str) -> str:
    """The definition without the name of the database in front of what it reads; what stands in quotes stays.

    >>> _without("ioc", "CREATE VIEW ioc.v_x (`at` Date) AS SELECT at FROM ioc.x WHERE topic = 'ioc.x'")
    "CREATE VIEW v_x (`at` Date) AS SELECT at FROM x WHERE topic = 'ioc.x'"
    """
    return re.sub(rf"('(?:[^'\\\\]|\\\\.)*')|(?<![\w.]){re.escape(database)}\.", lambda found: found[1] or "", made)


GROWN = (
    "ALTER TABLE alerts ADD COLUMN IF NOT EXISTS threshold Float64 AFTER value, ADD COLUMN IF NOT EXISTS clear Float64 AFTER threshold, "
    f"ADD COLUMN IF NOT EXISTS reason {WORD.type} AFTER clear",
    "ALTER TABLE checkpoints ADD COLUMN IF NOT EXISTS shown Nullable(Int64) AFTER lost",
    f"ALTER TABLE generations ADD COLUMN IF NOT EXISTS dimensions {WORDS.type} AFTER generation",
    "ALTER TABLE rollups ADD COLUMN IF NOT EXISTS since Int64 AFTER grp, ADD COLUMN IF NOT EXISTS until Int64 AFTER since",
    "ALTER TABLE events ADD INDEX IF NOT EXISTS reception received_at TYPE minmax GRANULARITY 4",
)
"""Columns and indexes that came later than their table."""
MERGES = [
    *(
        f"ALTER TABLE {name} MODIFY SETTING merge_selector_base = 10"
        for name in ("events", "panes", "entities", "seen", "checkpoints", "indicators")
    ),
    *(f"ALTER TABLE {name} MODIFY SETTING min_rows_to_fsync_after_merge = 1" for name in ("checkpoints", "alerts")),
]
"""Inserts of some ten rows, one or two a second: by default (5) each is merged at once with the tens of thousands before it, and the
store rewrites 300 rows for each that comes; by 10 it is 12. What was inserted with fsync is merged with fsync, or the merged part
could be lost with all that it replaced."""
FSYNC = [
    f"ALTER TABLE {name} MODIFY SETTING fsync_after_insert = {{0}}, fsync_part_directory = {{0}}, min_rows_to_fsync_after_merge = {{0}}"
    for name in ("events", "panes", "entities", "seen", "rejects", "indicators")
]
"""With IOC_FSYNC (1, else 0): what a checkpoint says is counted is on disk before it."""
GENERATION = """SELECT stream, argMax(generation, since) AS generation FROM generations GROUP BY stream"""
NOW = """SELECT fromUnixTimestamp64Milli(assumeNotNull(max(received)) + 1, 'UTC') AS now FROM checkpoints WHERE stage = 'measure' AND received IS NOT NULL"""
ALERTS = """SELECT rule, rule AS indicator, arrayStringConcat(arrayFilter(d -> d != '*', dims), ', ') AS "group", dims, at AS fired_at, value AS fired_value,
    threshold, clear, ended AS resolved_at, if(why = '', ended_value, NULL) AS resolved_value, if(ended IS NULL, 'firing', 'resolved') AS state, why AS reason FROM
    (SELECT rule, dims, at, transition, value, threshold, clear, leadInFrame(toNullable(at)) OVER following AS ended, leadInFrame(toNullable(value)) OVER following AS ended_value,
    leadInFrame(toString(reason)) OVER following AS why
    FROM alerts FINAL WHERE generation IN (SELECT generation FROM v_generation)
    WINDOW following AS (PARTITION BY rule, dims ORDER BY at ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING))
    WHERE transition = 'firing'"""
"""One row an episode: of a group, every `firing` is followed by its `resolved`, or by nothing yet."""


ROLLED = """SELECT stream, until, final, fromUnixTimestamp64Milli(importing.1, 'UTC') AS importing_from,
    fromUnixTimestamp64Milli(importing.2, 'UTC') AS importing_to FROM
    (SELECT generation, any(stream) AS stream, fromUnixTimestamp64Milli(assumeNotNull(max(ifNull(shown, received))), 'UTC') AS until,
    fromUnixTimestamp64Milli(max(ifNull(received, 0)), 'UTC') AS final FROM checkpoints
    INNER JOIN v_generation USING (generation) WHERE stage = 'roll' AND ifNull(shown, received) IS NOT NULL GROUP BY generation) AS r
    LEFT JOIN (SELECT generation, argMax(tuple(received, live), tuple(next, written_at)) AS importing FROM checkpoints
    WHERE stage = 'history' GROUP BY generation) AS h ON h.generation = r.generation"""
"""The instant to which the open steps of a stream count, and up to which its steps are final (1970 where none is).

`importing_from`, `importing_to`: between them nothing is known yet while an imported past is rolled; else they are NULL.
"""


def numbers(stream: Stream) -> dict[str, str]:
    """Two views an indicator, with the dimensions as columns (`*`: all): `v_<indicator>`, one row a change, and
    `v_<indicator>_now`, one row a group, the last. `dims` holds all dimensions: a condition on it is found by the sort key.

    An open step's row at a step that has become final is left out: it came from a roller that was overtaken. The last row of a
    group holds until the open steps were last looked at: whatever had changed by then has a row of its own.
    """
    found, generation = {}, f"(SELECT generation FROM v_generation WHERE stream = '{stream.name}')"
    rolled = f"(SELECT ifNull(max(received), 0) FROM checkpoints WHERE stage = 'roll' AND generation = {generation})"
    shown_at = (
        f"(SELECT max(ifNull(shown, ifNull(received, 0))) FROM checkpoints WHERE stage = 'roll' AND generation = {generation})"
    )
    names = ", ".join(f"dims[{i + 1}] AS {name}" for i, name in enumerate(stream.dimensions))
    for indicator in stream.indicators:
        view = indicator.view
        where = f"""indicator = '{indicator.name}' AND generation = {generation}
            AND (until >= at OR toUnixTimestamp64Milli(at) > {rolled})"""
        extra = "".join(f", stats['{name}'] AS {name}" for name in indicator.value.names)
        found[view] = f"""{typed(columns(stream, indicator))} AS
            SELECT window, dims, {names}, at, value, lo, hi, n{extra}, first_value, restated, until, as_of FROM indicators FINAL
            WHERE {where}"""
        # without FINAL: the last row of a group is the one with the highest step, and there with the highest as_of. One number to
        # compare, and no Nullable: an argMax of tuples takes three times as long.
        bounds = ("value", "lo", "hi")
        taken = {name: f"ifNull({name}, nan)" for name in bounds} | {"n": "n"}
        taken |= {name: f"stats['{name}']" for name in indicator.value.names}
        last = ", ".join(f"argMax({t}, latest) AS last_{name}" for name, t in {**taken, "until": "until"}.items())
        shown = ", ".join(f"if(isNaN(last_{n}), NULL, last_{n}) AS {n}" if n in bounds else f"last_{n} AS {n}" for n in taken)
        found[view + LAST] = f"""{typed(last_columns(stream, indicator))} AS
            SELECT window, dims, {names}, {shown}, greatest(last_until, fromUnixTimestamp64Milli({shown_at}, 'UTC')) AS until
            FROM (WITH bitShiftLeft(toUInt128(toUnixTimestamp64Milli(at)), 64) + as_of AS latest SELECT window, dims, {last}
            FROM indicators WHERE {where} GROUP BY window, dims)"""
    return found


def migrate(store: Store, catalog: Catalog) -> list[str]:
    """Create the database, its tables and views; an empty store takes this program's generations, the reader gets the views.

    Unit names and days off follow their files. Returns what changed of those that were there, a sentence each.
    """
    form(store, catalog)
    for statement in FSYNC:
        store.command(statement.format(int(store.settings.fsync)))
    if store.settings.clickhouse_reader:
        store.command(f"GRANT SELECT ON {store.database}.v_* TO {store.settings.clickhouse_reader}")
    return fill(store, catalog)


def fill(store: Store, catalog: Catalog) -> list[str]:
    """The part of `migrate` that writes rows."""
    stored = state.generations(store)
    archived = {topic for _, topic, _ in state.checkpoints(store, "measure")} if stored else set()
    for stream in catalog.streams:
        if stream.name not in stored and not archived.isdisjoint(stream.topics):
            continue  # what its topics hold was counted without it: that is for `ioc rebuild`
        own = catalog.generations[stream.name]
        known, names = stored.get(stream.name, (own, []))
        if known == own and names[:1] != [stream.dimensions]:  # it is new, or of a store that did not keep the names
            state.read_by_views(store, stream, own)
    return reference.follow(store, catalog.units(), days_off(), catalog.groups(), catalog.sites())


def board_views(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """The views boards may read, with their columns."""
    found: dict[str, Mapping[str, Column]] = dict(VIEWS)
    for stream in catalog.streams:
        for indicator in stream.indicators:
            found[indicator.view] = columns(stream, indicator)
            found[indicator.view + LAST] = last_columns(stream, indicator)
            if summed(stream, indicator):
                found[indicator.view + PANES] = panes_columns(stream)
    return {name: tuple(its) for name, its in found.items()}
