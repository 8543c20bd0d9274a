"""Tables: what the store holds. Every row is absolute and keyed; the highest offset of a key is the one that holds."""

from __future__ import annotations

from ioc.catalog import Catalog
from ioc.clickhouse import Store
from ioc.vocabulary import Stream

MS = "DateTime64(3, 'UTC')"
WORD = "LowCardinality(String)"
PLACE = f"topic {WORD}, partition Int32, offset Int64"

TABLES = {
    "events": f"""({PLACE}, key Nullable(String), headers Array(Tuple(name String, value String)), value Nullable(String) CODEC(ZSTD(1)),
        received_at {MS}, type {WORD}, source {WORD}, id String, time Nullable({MS}), entity String, verdict {WORD})
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
        partitions Int32, last_offset Int64, last_hash UInt64, lost Int64, written_at {MS} DEFAULT now64(3, 'UTC'))
        ENGINE = MergeTree ORDER BY (generation, stage, topic, partition, next) SETTINGS fsync_after_insert = 1""",
    "indicators": f"""(generation {WORD}, indicator {WORD}, window {WORD}, dims Array({WORD}), at {MS}, value Nullable(Float64),
        lo Nullable(Float64), hi Nullable(Float64), n Int64, coverage Nullable(Float64), stats Map({WORD}, Float64),
        first_value Nullable(Float64), restated Bool, until {MS}, as_of UInt64, computed_at {MS} DEFAULT now64(3, 'UTC'))
        ENGINE = ReplacingMergeTree(as_of) ORDER BY (generation, indicator, window, dims, at)""",
    "alerts": f"""(generation {WORD}, rule {WORD}, dims Array({WORD}), at {MS}, transition {WORD}, value Float64, as_of UInt64)
        ENGINE = ReplacingMergeTree(as_of) ORDER BY (generation, rule, dims, at, transition)""",
    "generations": f"""(stream {WORD}, generation {WORD}, since {MS} DEFAULT now64(3, 'UTC'))
        ENGINE = MergeTree ORDER BY (stream, since)""",
    "runs": f"""(name String, source String, from_at Nullable({MS}), to_at Nullable({MS}), state {WORD}, created_at {MS} DEFAULT now64(3, 'UTC'))
        ENGINE = MergeTree ORDER BY (name, created_at)""",
    "units": """(code String, name String, parent String, valid_from Date, valid_to Nullable(Date))
        ENGINE = MergeTree ORDER BY (code, valid_from)""",
}


def statements(catalog: Catalog) -> list[str]:
    """All statements that bring a database to this program's form; each may be run again."""
    create = [f"CREATE TABLE IF NOT EXISTS {name} {body}" for name, body in TABLES.items()]
    return [*create, NOW, GENERATION, *(view for stream in catalog.streams for view in views(stream))]


GENERATION = """CREATE OR REPLACE VIEW v_generation AS
    SELECT stream, argMax(generation, since) AS generation FROM generations GROUP BY stream"""
NOW = """CREATE OR REPLACE VIEW v_now AS
    SELECT fromUnixTimestamp64Milli(assumeNotNull(max(received)) + 1, 'UTC') AS now FROM checkpoints WHERE stage = 'measure' AND received IS NOT NULL"""


def views(stream: Stream) -> list[str]:
    """One view an indicator, one row a change, with the dimensions as columns (`*`: all).

    An open step's row at a step that has become final is left out: it came from a roller that was overtaken.
    """
    found, generation = [], f"(SELECT generation FROM v_generation WHERE stream = '{stream.name}')"
    for indicator in stream.indicators:
        dims = ", ".join(f"dims[{i + 1}] AS {name}" for i, name in enumerate(stream.dimensions))
        extra = "".join(f", stats['{name}'] AS {name}" for name in indicator.value.names)
        found.append(
            f"""CREATE OR REPLACE VIEW v_{indicator.name.replace(".", "_")} AS
            SELECT window, {dims}, at, value, lo, hi, n, coverage{extra}, first_value, restated, until, as_of FROM indicators FINAL
            WHERE indicator = '{indicator.name}' AND generation = {generation} AND (until >= at OR toUnixTimestamp64Milli(at) >
            (SELECT ifNull(max(received), 0) FROM checkpoints WHERE stage = 'roll' AND generation = {generation}))"""
        )
    return found


def migrate(store: Store, catalog: Catalog) -> None:
    """Create the database, its tables and views; an empty store takes this program's generations, the reader gets the views."""
    store.create(statements(catalog))
    known = set(store.query("SELECT DISTINCT stream FROM generations")["stream"].to_list())
    for stream in catalog.streams:
        if stream.name not in known:
            store.command(
                f"INSERT INTO generations (stream, generation) VALUES ('{stream.name}', '{catalog.generations[stream.name]}')"
            )
    if store.settings.clickhouse_reader:
        store.command(f"GRANT SELECT ON {store.database}.v_* TO {store.settings.clickhouse_reader}")
