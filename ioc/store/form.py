"""Form: the tables the store holds, each column once. Every row is absolute and keyed; of a key the highest version holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa


class Column(NamedTuple):
    """A column's type in the store with what else its declaration says, and the Arrow type it is written in (None: the store
    fills it, or a statement does)."""

    type: str
    arrow: pa.DataType | None
    more: str = ""

    def of(self, more: str) -> Column:
        """The same with a codec or a default."""
        return self._replace(more=more, arrow=None if more.startswith("DEFAULT") else self.arrow)


TIME = pa.timestamp("ms", tz="UTC")
MS = Column("DateTime64(3, 'UTC')", TIME)
MAYBE_MS = Column("Nullable(DateTime64(3, 'UTC'))", TIME)
WORD = Column("LowCardinality(String)", pa.dictionary(pa.int32(), pa.string()))
WORDS = Column("Array(LowCardinality(String))", pa.list_(pa.dictionary(pa.int32(), pa.string())))
TEXT = Column("String", pa.string())
BYTES = Column("Nullable(String)", pa.binary())
HEADERS = Column("Array(Tuple(name String, value String))", pa.list_(pa.struct({"name": pa.string(), "value": pa.binary()})))
INT, INT32, MAYBE_INT = Column("Int64", pa.int64()), Column("Int32", pa.int32()), Column("Nullable(Int64)", pa.int64())
BOOL, MAYBE_DATE = Column("Bool", pa.bool_()), Column("Nullable(Date)", None)
UINT16, UINT32, UINT = Column("UInt16", pa.uint16()), Column("UInt32", pa.uint32()), Column("UInt64", pa.uint64())
REAL, MAYBE_REAL = Column("Float64", pa.float64()), Column("Nullable(Float64)", pa.float64())
NOW = MS.of("DEFAULT now64(3, 'UTC')")
PACKED = "CODEC(ZSTD(1))"
PLACE = {"topic": WORD, "partition": INT32, "offset": INT}
GROUP = {"dims": WORDS, "at": MS}


@dataclass(frozen=True)
class Table:
    """A table: what it holds (for people), its columns, engine, key, and what else its statement says."""

    holds: str
    columns: dict[str, Column]
    engine: str
    key: tuple[str, ...]
    index: str = ""
    settings: str = ""
    arrow: dict[str, pa.DataType] = field(init=False)
    """The columns that are written, in order, with their Arrow types."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrow", {name: c.arrow for name, c in self.columns.items() if c.arrow is not None})

    def create(self, name: str) -> str:
        """The statement that creates it where it is missing."""
        columns = [f"{column} {' '.join(filter(None, (c.type, c.more)))}" for column, c in self.columns.items()]
        index = [f"INDEX {self.index}"] if self.index else []
        settings = f" SETTINGS {self.settings}" if self.settings else ""
        return (
            f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(columns + index)}) ENGINE = {self.engine} "
            f"ORDER BY ({', '.join(self.key)}){settings}"
        )


TABLES = {
    "events": Table(
        "The archive: every record of the event topics as it came, with the reception that was used and its verdict "
        "(accepted, duplicate, rejected, heartbeat). A replay and a rebuild read it.",
        PLACE
        | {"key": BYTES, "headers": HEADERS, "value": BYTES.of(PACKED), "received_at": MS, "type": WORD, "source": WORD}
        | {"id": TEXT, "time": MAYBE_MS, "entity": TEXT, "verdict": WORD},
        "ReplacingMergeTree",
        ("topic", "partition", "offset"),
        index="reception received_at TYPE minmax GRANULARITY 4",
    ),
    "panes": Table(
        "One partition's contributions to an indicator, summed by the bucket of `at` and by when they became known. All numbers "
        "are sums of panes.",
        {"generation": WORD, "indicator": WORD}
        | GROUP
        | {"known": MS}
        | PLACE
        | {"measures": Column("Array(Int64)", pa.list_(pa.int64()))},
        "ReplacingMergeTree(offset)",
        ("generation", "indicator", "at", "dims", "known", "topic", "partition"),
        index="news offset TYPE minmax GRANULARITY 4",
    ),
    "entities": Table(
        "Each dossier (of a stream whose entities have a life) with its whole history, packed, and its span for people who look.",
        {"generation": WORD, "entity": TEXT}
        | PLACE
        | {"opened_at": MAYBE_MS, "ended_at": MAYBE_MS, "due_at": MAYBE_MS, "dims": WORDS, "history": TEXT.of(PACKED)},
        "ReplacingMergeTree(offset)",
        ("generation", "entity", "topic", "partition"),
        settings="index_granularity = 1024",
    ),
    "seen": Table(
        "Which events of a stream without state were counted: what finds duplicates.",
        {"generation": WORD} | PLACE | {"hour": UINT32, "identity": Column("FixedString(16)", pa.binary(16)), "hash": UINT},
        "ReplacingMergeTree(offset)",
        ("generation", "topic", "partition", "hour", "identity"),
    ),
    "rejects": Table(
        "What was refused: reason, field, message, and the bytes (at most 64 KiB).",
        {"generation": WORD}
        | PLACE
        | {"reason": WORD, "field": TEXT, "message": TEXT, "key": BYTES, "value": BYTES, "received_at": MS, "type": WORD}
        | {"source": TEXT, "id": TEXT, "size": INT},
        "ReplacingMergeTree",
        ("generation", "topic", "partition", "offset"),
    ),
    "checkpoints": Table(
        "How far each partition was counted, rolled and judged. Written last.",
        {
            "generation": WORD,
            "stage": WORD,
            "topic": WORD,
            "partition": INT32,
            "next": INT,
            "received": MAYBE_INT,
            "live": MAYBE_INT,
        }
        | {"partitions": INT32, "last_offset": INT, "last_hash": UINT, "lost": INT, "shown": MAYBE_INT, "written_at": NOW},
        "ReplacingMergeTree(next)",
        ("generation", "stage", "topic", "partition", "toStartOfTenMinutes(written_at)"),
        settings="fsync_after_insert = 1",
    ),
    "indicators": Table(
        "Rolled values: for each step the latest value, and the first final one, which never changes.",
        {"generation": WORD, "indicator": WORD, "window": WORD}
        | GROUP
        | {"value": MAYBE_REAL, "lo": MAYBE_REAL, "hi": MAYBE_REAL, "n": INT}
        | {"stats": Column("Map(LowCardinality(String), Float64)", pa.map_(pa.string(), pa.float64()))}
        | {"first_value": MAYBE_REAL, "restated": BOOL, "until": MS, "as_of": UINT, "computed_at": NOW},
        "ReplacingMergeTree(as_of)",
        ("generation", "indicator", "window", "dims", "at"),
    ),
    "alerts": Table(
        "Transitions of alerts: firing and resolved, with the threshold that held, and the reason where no value ended it (its "
        "rule was removed).",
        {"generation": WORD, "rule": WORD}
        | GROUP
        | {"transition": WORD, "value": REAL, "threshold": REAL, "clear": REAL, "reason": WORD, "as_of": UINT},
        "ReplacingMergeTree(as_of)",
        ("generation", "rule", "dims", "at", "transition"),
        settings="fsync_after_insert = 1",
    ),
    "notifications": Table(
        "What the webhook answered to each transition.",
        {"generation": WORD, "rule": WORD} | GROUP | {"transition": WORD, "status": UINT16, "answer": TEXT, "told_at": NOW},
        "ReplacingMergeTree(told_at)",
        ("generation", "rule", "dims", "at", "transition"),
    ),
    "generations": Table(
        "Which generation of a stream the views read: the last one. With the names of its dimensions.",
        {"stream": WORD, "generation": WORD, "dimensions": WORDS, "since": NOW},
        "MergeTree",
        ("stream", "since"),
    ),
    "runs": Table(
        "The runs there are, replays and imports, and how each goes; the last row of a name holds.",
        {"name": TEXT, "source": TEXT, "from_at": MAYBE_MS, "to_at": MAYBE_MS, "state": WORD, "created_at": NOW},
        "MergeTree",
        ("name", "created_at"),
    ),
    "units": Table(
        "Names of the values of dimensions: agencies, procedures, sites.",
        {
            "code": TEXT,
            "name": TEXT,
            "parent": TEXT,
            "valid_from": Column("Date", None),
            "valid_to": MAYBE_DATE,
        },
        "MergeTree",
        ("code", "valid_from"),
    ),
    "rollups": Table(
        "Which group of a rollup the values of a dimension are of, and when (ms), for boards: a district of communes, say.",
        {"stream": WORD, "rollup": WORD, "code": TEXT, "grp": WORD, "since": INT, "until": INT},
        "MergeTree",
        ("stream", "rollup", "code"),
    ),
    "sites": Table(
        "Where sites stand, and when they are on air there (ms), as the registry of cells says.",
        {"code": TEXT, "latitude": REAL, "longitude": REAL, "since": INT, "until": INT},
        "MergeTree",
        ("code",),
    ),
    "days_off": Table(
        "Days on which offices are closed: weekends and public holidays.",
        {"day": Column("Date", None)},
        "ReplacingMergeTree",
        ("day",),
    ),
}
"""Name -> table."""
