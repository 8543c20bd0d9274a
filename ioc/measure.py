"""Measure: one stream's part of a poll, from decoded frames to the rows of `panes`, `entities` and `seen`.

A stream with state goes entity by entity (`ioc.entities`); one without goes by whole columns (`ioc.columns`). Both end in the
same panes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from ioc import columns, entities, keyed
from ioc.clickhouse import Store
from ioc.state import Place
from ioc.vocabulary import Stream
from ioc.work import Part, Work


def measure(
    store: Store, stream: Stream, generation: str, works: Sequence[Work], parts: Mapping[Place, Part]
) -> Iterator[tuple[str, pa.Table]]:
    """Count the works' events of the stream; yields (table, rows to write). Verdicts of the works are completed."""
    count = entities.count if stream.contributions else columns.count
    yield from count(store, stream, generation, works, parts)
    for place, part in parts.items():
        yield "panes", keyed.pane_rows(generation, place, part.panes.changed())
