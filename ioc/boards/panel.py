"""Panel: what every panel of a board has: its place, its query, a stable id. Strict."""

from __future__ import annotations

import zlib
from typing import Literal

from pydantic import Field

from ioc.boards.fields import Part

PLUGIN: Literal["grafana-clickhouse-datasource"] = "grafana-clickhouse-datasource"
SOURCE: Literal["ioc-clickhouse"] = "ioc-clickhouse"
"""The uid of the data source; its default database is the live centre's."""


class DataSource(Part):
    """Where queries go."""

    type: Literal["grafana-clickhouse-datasource"] = PLUGIN
    uid: Literal["ioc-clickhouse"] = SOURCE


class Target(Part):
    """One query. `format` 0: a time series (first column `time`, the others numbers), 1: a table."""

    refId: Literal["A"] = "A"
    datasource: DataSource = DataSource()
    editorType: Literal["sql"] = "sql"
    queryType: Literal["timeseries", "table"]
    format: Literal[0, 1]
    rawSql: str


class GridPos(Part):
    """Where a panel stands: 24 columns; a row is about 30 pixels high."""

    x: int = Field(ge=0, le=23)
    y: int = Field(ge=0)
    w: int = Field(ge=1, le=24)
    h: int = Field(ge=1)


class Panel(Part):
    """A panel with one query. The title is unique within its board; `id` stays the same over releases. `description`: what is
    counted, for who asks."""

    id: int = Field(ge=1)
    title: str
    gridPos: GridPos
    description: str | None = None
    datasource: DataSource = DataSource()
    targets: tuple[Target] = Field(min_length=1, max_length=1)


NOWHERE = GridPos(x=0, y=0, w=24, h=1)
"""Where a panel stands before its board has placed it."""


def panel_id(key: str) -> int:
    """The id of a panel by what it shows (`tile dossier.backlog`); the same in every language and release.

    >>> panel_id("tile dossier.backlog") == panel_id("tile dossier.backlog")
    True
    """
    return zlib.crc32(key.encode()) % 1_000_000 + 1


def queried(query: str) -> tuple[Target]:
    """A query that answers with a table."""
    return (Target(queryType="table", format=1, rawSql=query),)
