"""Unknown: what was counted under codes of units that no edition of the code list knows, and under unknown sites."""

from __future__ import annotations

from typing import Any

import numpy as np

from ioc.catalog import Catalog
from ioc.store.clickhouse import Store, literal
from ioc.units.rollups import registry, tree_of
from ioc.vocabulary import UNKNOWN, Stream


def unknown(store: Store, catalog: Catalog) -> list[dict[str, Any]]:
    """Of every stream with units the unknown codes, each with how much of the stream's first flow was ever counted under it."""
    found = []
    for stream in catalog.streams:
        for dimension in stream.dimensions:
            if (tree := tree_of(stream, dimension)) is not None:
                known = {*tree.identities(), UNKNOWN}  # an event that states no unit is no fault of a code
                found += [row for row in _counted(store, stream, dimension) if row["code"] not in known and row["count"]]
    return found


def unknown_sites(store: Store, catalog: Catalog) -> list[dict[str, Any]]:
    """The same of streams with sites: those that no registry of cells knows."""
    found = []
    for stream in catalog.streams:
        known = {rollup.of: cells.names for rollup in stream.rollups if (cells := registry(rollup)) is not None}
        for dimension, sites in known.items():
            found += [row for row in _counted(store, stream, dimension) if row["code"] not in sites and row["count"]]
    return found


def _counted(store: Store, stream: Stream, dimension: str) -> list[dict[str, Any]]:
    first = next((i for i in stream.indicators if not i.level), stream.indicators[0])
    place = stream.dimensions.index(dimension) + 1
    rows = store.rows(
        f"SELECT dims[{place}] AS code, sumForEach(measures) AS sums FROM panes FINAL WHERE generation = "
        f"(SELECT generation FROM v_generation WHERE stream = {literal(stream.name)}) AND indicator = {literal(first.name)} "
        "GROUP BY code ORDER BY code"
    )
    return [
        {"stream": stream.name, "dimension": dimension, "code": row["code"],
         "count": int(first.value.n(np.array([row["sums"]], np.int64))[0]), "of": first.name}
        for row in rows
    ]  # fmt: skip
