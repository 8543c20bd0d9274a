"""Measure: one stream's part of a poll, from decoded frames to the rows of `panes`, `entities` and `seen`.

A stream with state goes entity by entity (`entities`); one without goes by whole columns (`columns`). Both end in the same panes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from ioc.counting import columns, entities, keyed_rows
from ioc.counting.held import Part, Work
from ioc.store.clickhouse import Store
from ioc.store.state import Place
from ioc.vocabulary import Stream


def measure(
    store: Store, stream: Stream, generation: str, works: Sequence[Work], parts: Mapping[Place, Part]
) -> Iterator[tuple[str, pa.Table]]:
    """Count the works' events of the stream; yields (table, rows to write). Verdicts of the works are completed."""
    count = entities.count if stream.contributions else columns.count
    works = [work for work in works if len(work.decoded.frames[stream.contract.event_type])]  # a quiet centre has heartbeats only
    if works:
        yield from count(store, stream, generation, works, parts)
    for work in works:
        yield "panes", keyed_rows.pane_rows(generation, work.place, parts[work.place].panes.changed())
