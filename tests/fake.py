"""A store in memory with the rule of the real one: of the rows of a key, the highest version holds. For thousands of schedules.

It answers the statements of `store.state` and `counting.keyed_rows`, and holds everyone to "equal versions are equal rows".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
import pyarrow as pa

from ioc.errors import ServiceAway
from ioc.settings import Settings
from ioc.store.clickhouse import Store

KEYS = {
    "events": ("topic", "partition", "offset"),
    "rejects": ("generation", "topic", "partition", "offset"),
    "panes": ("generation", "indicator", "at", "dims", "known", "topic", "partition"),
    "entities": ("generation", "entity", "topic", "partition"),
    "seen": ("generation", "topic", "partition", "hour", "identity"),
    "checkpoints": ("generation", "stage", "topic", "partition", "next"),
}
VERSIONED = ("panes", "entities", "seen")


NOWHERE = Settings(clickhouse_url="http://127.0.0.1:1")
"""Read once: it takes as long as to count a poll, and schedules make hundreds of stores."""


class FakeStore(Store):
    """Tables as dicts by key. `inserts` counts; `before(n, table, rows)` may raise, or return False to lose the write for now."""

    def __init__(self) -> None:
        super().__init__(NOWHERE)
        self.tables: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {name: {} for name in KEYS}
        self.inserts = 0
        self.before: Callable[[int, str, pa.Table], bool] = lambda n, table, rows: True

    def insert(self, table: str, rows: pa.Table, *, durable: bool = False) -> None:
        if rows.num_rows == 0:
            return
        self.inserts += 1
        if self.before(self.inserts, table, rows):
            self.land(table, rows)

    def land(self, table: str, rows: pa.Table) -> None:
        """The rows are in the table."""
        held = self.tables[table]
        columns = {n: rows[n].cast(pa.int64()) if pa.types.is_timestamp(rows[n].type) else rows[n] for n in rows.column_names}
        for row in pa.table(columns).to_pylist():
            key = tuple(tuple(v) if isinstance(v, list) else v for v in (row[n] for n in KEYS[table]))
            old = held.get(key)
            if old is not None and (table not in VERSIONED or old["offset"] == row["offset"]):
                assert old == row, f"{table}: two rows of one version:\n{old}\n{row}"
            if old is None or table not in VERSIONED or old["offset"] <= row["offset"]:
                held[key] = row

    def query(self, sql: str, settings: Mapping[str, Any] | None = None) -> pl.DataFrame:
        name = re.search(r"FROM (\w+) WHERE", sql)
        assert name is not None, sql
        rows = [row for row in self.tables[name[1]].values() if _fits(sql, row)]
        columns = re.split(r",\s*(?![^(]*\))", sql[len("SELECT ") : sql.index(" FROM ")])
        if name[1] == "checkpoints":
            best: dict[Any, dict[str, Any]] = {}
            for row in sorted(rows, key=lambda r: r["next"]):
                best[row["generation"], row["topic"], row["partition"]] = row
            rows = list(best.values())
        if "GROUP BY" in sql:
            group = [c.strip() for c in sql.split("GROUP BY ")[1].split(",")]
            found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
            for row in rows:
                found.setdefault(tuple(row[g] for g in group), []).append(row)
            table = [(*key, len(rs) if "count()" in sql else max(r["known"] for r in rs)) for key, rs in found.items()]
        else:
            table = [tuple(row[re.sub(r"^\w+\((\w+)\)$", r"\1", c)] for c in columns) for row in rows]
        if "ORDER BY offset DESC" in sql and "offset" in columns:
            table.sort(key=lambda r: -r[columns.index("offset")])
        names = [re.sub(r"\W+", "_", c) for c in columns]
        schema = {"hash": pl.UInt64, "identity": pl.Binary}
        return pl.DataFrame(table, schema=[(n, schema.get(n)) for n in names], orient="row", infer_schema_length=None)


def _fits(sql: str, row: Mapping[str, Any]) -> bool:
    where = sql.split(" WHERE ")[1].split(" ORDER BY ")[0].split(" GROUP BY ")[0]
    if " OR " in where or "(topic = " in where:
        places = re.findall(r"\(topic = ('(?:[^'\\]|\\.)*') AND partition = (\d+) AND hour IN (\([^)]*\))\)", where)
        here = any(
            row["topic"] == ast.literal_eval(t) and row["partition"] == int(p) and row["hour"] in _tuple(h) for t, p, h in places
        )
        asked = re.search(r"arrayJoin\((\[[^\]]*\])\)", where)
        identities = asked is None or row["identity"].hex() in ast.literal_eval(asked[1])
        return here and identities and _equal(where, row, "generation")
    for name in ("topic", "entity", "indicator"):
        asked = re.search(rf"\b{name} IN (\((?:'(?:[^'\\]|\\.)*',?)*\))", where)
        if asked and row[name] not in _tuple(asked[1]):
            return False
    return all(_equal(where, row, name) for name in ("generation", "stage"))


def _equal(where: str, row: Mapping[str, Any], name: str) -> bool:
    asked = re.search(rf"\b{name} = ('(?:[^'\\]|\\.)*')", where)
    return asked is None or row[name] == ast.literal_eval(asked[1])


_TUPLES: dict[str, frozenset[Any]] = {}


def _tuple(text: str) -> frozenset[Any]:
    if text not in _TUPLES:
        value = ast.literal_eval(text)
        _TUPLES[text] = frozenset(value if isinstance(value, tuple) else (value,))
    return _TUPLES[text]


def away(*_: Any) -> bool:
    """A write that fails."""
    raise ServiceAway("the store is away")
