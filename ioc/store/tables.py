"""Tables: what the store holds. Every row is absolute and keyed; the highest offset of a key is the one that holds."""

from __future__ import annotations

from ioc.catalog import Catalog
from ioc.store import reference
from ioc.store.clickhouse import Store
from ioc.store.views import LAST, VIEWS, ahead_columns, ahead_name
from ioc.store.views import statements as others
from ioc.workdays import days_off
from ioc.vocabulary import Stream

MS = "DateTime64(3, 'UTC')"
WORD = "LowCardinality(String)"
PLACE = f"topic {WORD}, partition Int32, offset Int64"

TABLES = {
    "events": f"""({PLACE}, key Nullable(String), headers Array(Tuple(name String, value String)), value Nullable(String) CODEC(ZSTD(1)),
        received_at {MS}, type {WORD}, source {WORD}, id String, time Nullable({MS}), entity String, verdict {WORD},
        INDEX reception received_at TYPE minmax GRANULARITY 4)
        ENGINE = ReplacingMergeTree ORDER BY (topic, partition, offset)""",
    "panes": f"""(generation {WORD}, indicator {WORD}, dims Array({WORD}), at {MS}, known {MS}, {PLACE}, measures Array(Int64), INDEX news offset TYPE minmax GRANULARITY 4)
        ENGINE = ReplacingMergeTree(offset) ORDER BY (generation, indicator, at, dims, known, topic, partition)""",
    "entities": f"""(generation {WORD}, entity String, {PLACE}, opened_at Nullable({MS}), ended_at Nullable({MS}), due_at Nullable({MS}),
        dims Array({WORD}), history String CODEC(ZSTD(1)))
        ENGINE = ReplacingMergeTree(offset) ORDER BY (generation, entity, topic, partition) SETTINGS index_granularity = 1024""",
    "seen": f"""(generation {WORD}, {PLACE}, hour UInt32, identity FixedString(16), hash UInt64)
        ENGINE = ReplacingMergeTree(offset) ORDER BY (generation, topic, partition, hour, identity)""",
    "rejects": f"""(generation {WORD}, {PLACE}, reason {WORD}, field String, message String, key Nullable(String), value Nullable(String),
        received_at {MS}, type {WORD}, source String, id String, size Int64)
        ENGINE = ReplacingMergeTree ORDER BY (generation, topic, partition, offset)""",
    "checkpoints": f"""(generation {WORD}, stage {WORD}, topic {WORD}, partition Int32, next Int64, received Nullable(Int64), live Nullable(Int64),
        partitions Int32, last_offset Int64, last_hash UInt64, lost Int64, shown Nullable(Int64), written_at {MS} DEFAULT now64(3, 'UTC'))
        ENGINE = ReplacingMergeTree(next) ORDER BY (generation, stage, topic, partition, toStartOfTenMinutes(written_at)) SETTINGS fsync_after_insert = 1""",
    "indicators": f"""(generation {WORD}, indicator {WORD}, window {WORD}, dims Array({WORD}), at {MS}, value Nullable(Float64),
        lo Nullable(Float64), hi Nullable(Float64), n Int64, coverage Nullable(Float64), stats Map({WORD}, Float64),
        first_value Nullable(Float64), restated Bool, until {MS}, as_of UInt64, computed_at {MS} DEFAULT now64(3, 'UTC'))
        ENGINE = ReplacingMergeTree(as_of) ORDER BY (generation, indicator, window, dims, at)""",
    "alerts": f"""(generation {WORD}, rule {WORD}, dims Array({WORD}), at {MS}, transition {WORD}, value Float64, threshold Float64, clear Float64, reason {WORD},
        as_of UInt64)
        ENGINE = ReplacingMergeTree(as_of) ORDER BY (generation, rule, dims, at, transition) SETTINGS fsync_after_insert = 1""",
    "notifications": f"""(generation {WORD}, rule {WORD}, dims Array({WORD}), at {MS}, transition {WORD}, status UInt16, answer String,
        told_at {MS} DEFAULT now64(3, 'UTC'))
        ENGINE = ReplacingMergeTree(told_at) ORDER BY (generation, rule, dims, at, transition)""",
    "generations": f"""(stream {WORD}, generation {WORD}, since {MS} DEFAULT now64(3, 'UTC'))
        ENGINE = MergeTree ORDER BY (stream, since)""",
    "runs": f"""(name String, source String, from_at Nullable({MS}), to_at Nullable({MS}), state {WORD}, created_at {MS} DEFAULT now64(3, 'UTC'))
        ENGINE = MergeTree ORDER BY (name, created_at)""",
    "units": """(code String, name String, parent String, valid_from Date, valid_to Nullable(Date))
        ENGINE = MergeTree ORDER BY (code, valid_from)""",
    "days_off": "(day Date) ENGINE = ReplacingMergeTree ORDER BY day",
}

HOLDS = {
    "events": "The archive: every record of the event topics as it came, with the reception that was used and its verdict "
    "(accepted, duplicate, rejected, heartbeat). A replay and a rebuild read it.",
    "panes": "One partition's contributions to an indicator, summed by the bucket of `at` and by when they became known. All numbers "
    "are sums of panes.",
    "entities": "Each dossier (of a stream whose entities have a life) with its whole history, packed, and its span for people who look.",
    "seen": "Which events of a stream without state were counted: what finds duplicates.",
    "rejects": "What was refused: reason, field, message, and the bytes (at most 64 KiB).",
    "checkpoints": "How far each partition was counted, rolled and judged. Written last.",
    "indicators": "Rolled values: for each step the latest value, and the first final one, which never changes.",
    "alerts": "Transitions of alerts: firing and resolved, with the threshold that held, and the reason where no value ended it (its rule was removed).",
    "notifications": "What the webhook answered to each transition.",
    "generations": "Which generation of a stream the views read: the last one.",
    "runs": "The runs there are, replays and imports, and how each goes; the last row of a name holds.",
    "units": "Names of the values of dimensions: agencies, procedures, sites.",
    "days_off": "Days on which offices are closed: weekends and public holidays.",
}
"""Table -> what it holds, for people."""


def statements(catalog: Catalog, database: str) -> list[str]:
    """All statements that bring a database to this program's form; each may be run again."""
    create = [f"CREATE TABLE IF NOT EXISTS {name} {body}" for name, body in TABLES.items()]
    numbers = [view for stream in catalog.streams for view in views(stream)]
    return [*create, *GROWN, *MERGES, NOW, GENERATION, ROLLED, ALERTS, *numbers, *others(catalog, database)]


GROWN = (
    "ALTER TABLE alerts ADD COLUMN IF NOT EXISTS threshold Float64 AFTER value, ADD COLUMN IF NOT EXISTS clear Float64 AFTER threshold, "
    f"ADD COLUMN IF NOT EXISTS reason {WORD} AFTER clear",
    "ALTER TABLE checkpoints ADD COLUMN IF NOT EXISTS shown Nullable(Int64) AFTER lost",
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
"""Inserts of some ten rows, four a second: by default (5) each is merged at once with the tens of thousands before it, and the
store rewrites 300 rows for each that comes; by 10 it is 12. What was inserted with fsync is merged with fsync, or the merged part
could be lost with all that it replaced."""
FSYNC = [
    f"ALTER TABLE {name} MODIFY SETTING fsync_after_insert = {{0}}, fsync_part_directory = {{0}}, min_rows_to_fsync_after_merge = {{0}}"
    for name in ("events", "panes", "entities", "seen", "rejects", "indicators")
]
"""With IOC_FSYNC (1, else 0): what a checkpoint says is counted is on disk before it."""
GENERATION = """CREATE OR REPLACE VIEW v_generation AS
    SELECT stream, argMax(generation, since) AS generation FROM generations GROUP BY stream"""
NOW = """CREATE OR REPLACE VIEW v_now AS
    SELECT fromUnixTimestamp64Milli(assumeNotNull(max(received)) + 1, 'UTC') AS now FROM checkpoints WHERE stage = 'measure' AND received IS NOT NULL"""
ALERTS = """CREATE OR REPLACE VIEW v_alerts AS
    SELECT rule, rule AS indicator, arrayStringConcat(arrayFilter(d -> d != '*', dims), ', ') AS "group", dims, at AS fired_at, value AS fired_value,
    threshold, clear, ended AS resolved_at, if(why = '', ended_value, NULL) AS resolved_value, if(ended IS NULL, 'firing', 'resolved') AS state, why AS reason FROM
    (SELECT rule, dims, at, transition, value, threshold, clear, leadInFrame(toNullable(at)) OVER following AS ended, leadInFrame(toNullable(value)) OVER following AS ended_value,
    leadInFrame(toString(reason)) OVER following AS why
    FROM alerts FINAL WHERE generation IN (SELECT generation FROM v_generation)
    WINDOW following AS (PARTITION BY rule, dims ORDER BY at ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING))
    WHERE transition = 'firing'"""
"""One row an episode: of a group, every `firing` is followed by its `resolved`, or by nothing yet."""


ROLLED = """CREATE OR REPLACE VIEW v_rolled AS
    SELECT stream, fromUnixTimestamp64Milli(assumeNotNull(max(ifNull(shown, received))), 'UTC') AS until FROM checkpoints
    INNER JOIN v_generation USING (generation) WHERE stage = 'roll' AND ifNull(shown, received) IS NOT NULL GROUP BY stream"""
"""The instant to which the open steps of a stream count."""


def views(stream: Stream) -> list[str]:
    """Two views an indicator, with the dimensions as columns (`*`: all): `v_<indicator>`, one row a change, and
    `v_<indicator>_now`, one row a group, the last. `dims` holds all dimensions: a condition on it is found by the sort key.

    An open step's row at a step that has become final is left out: it came from a roller that was overtaken. The last row of a
    group holds until the open steps were last looked at: whatever had changed by then has a row of its own.
    """
    found, generation = [], f"(SELECT generation FROM v_generation WHERE stream = '{stream.name}')"
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
        found.append(
            f"""CREATE OR REPLACE VIEW {view} AS
            SELECT window, dims, {names}, at, value, lo, hi, n, coverage{extra}, first_value, restated, until, as_of FROM indicators FINAL
            WHERE {where}"""
        )
        # without FINAL: the last row of a group is the one with the highest step, and there with the highest as_of. One number to
        # compare, and no Nullable: an argMax of tuples takes three times as long.
        bounds = ("value", "lo", "hi")
        numbers = {name: f"ifNull({name}, nan)" for name in bounds} | {"n": "n"}
        numbers |= {name: f"stats['{name}']" for name in indicator.value.names}
        last = ", ".join(f"argMax({taken}, latest) AS last_{name}" for name, taken in {**numbers, "until": "until"}.items())
        shown = ", ".join(f"if(isNaN(last_{n}), NULL, last_{n}) AS {n}" if n in bounds else f"last_{n} AS {n}" for n in numbers)
        found.append(
            f"""CREATE OR REPLACE VIEW {view}{LAST} AS
            SELECT window, dims, {names}, {shown}, greatest(last_until, fromUnixTimestamp64Milli({shown_at}, 'UTC')) AS until
            FROM (WITH bitShiftLeft(toUInt128(toUnixTimestamp64Milli(at)), 64) + as_of AS latest SELECT window, dims, {last}
            FROM indicators WHERE {where} GROUP BY window, dims)"""
        )
    return found


def migrate(store: Store, catalog: Catalog) -> list[str]:
    """Create the database, its tables and views; an empty store takes this program's generations, the reader gets the views.

    Unit names and days off follow their files. Returns what changed of those that were there, a sentence each.
    """
    store.create(statements(catalog, store.database))
    for statement in FSYNC:
        store.command(statement.format(int(store.settings.fsync)))
    if store.settings.clickhouse_reader:
        store.command(f"GRANT SELECT ON {store.database}.v_* TO {store.settings.clickhouse_reader}")
    return fill(store, catalog)


def fill(store: Store, catalog: Catalog) -> list[str]:
    """The part of `migrate` that writes rows."""
    known = set(store.query("SELECT DISTINCT stream FROM generations")["stream"].to_list())
    for stream in catalog.streams:
        if stream.name not in known:
            store.command(
                f"INSERT INTO generations (stream, generation) VALUES ('{stream.name}', '{catalog.generations[stream.name]}')"
            )
    return reference.follow(store, catalog.units(), days_off())


def board_views(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """The views boards may read, with their columns."""
    found = dict(VIEWS)
    for stream in catalog.streams:
        for indicator in stream.indicators:
            view = indicator.view
            group, stats = ("window", "dims", *stream.dimensions), indicator.value.names
            numbers = ("value", "lo", "hi", "n")
            found[view] = (*group, "at", *numbers, "coverage", *stats, "first_value", "restated", "until", "as_of")
            found[view + LAST] = (*group, *numbers, *stats, "until")
            if indicator.level:
                found[ahead_name(indicator)] = ahead_columns(stream)
    return found
