"""Measure: one stream's part of a poll, from decoded frames to the rows of `panes`, `entities` and `seen`.

A stream with state goes entity by entity (`entities`); one without goes by whole columns (`columns`); one that counts records,
whatever became of them, comes after the stream of their topic (`records`). All end in the same panes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from ioc.counting import columns, entities, keyed_rows, records
from ioc.counting.held import Part, Work
from ioc.store.clickhouse import Store
from ioc.vocabulary import Stream


def measure(store: Store, stream: Stream, generation: str, work: Work, parts: Sequence[Part]) -> Iterator[tuple[str, pa.Table]]:
    """Count the work's events of the stream; yields (table, rows to write). The work's verdicts are completed.

    `parts`: what is held of the stream in the partition of each batch.
    """
    own = work.decoded.frames.get(stream.contract.event_type)
    events, others = own is not None and len(own) > 0, stream.records and len(work.decoded.beats) < len(work.block)
    if not events and not others:  # a quiet centre has heartbeats only
        return
    if events:
        yield from (entities.count if stream.contributions else columns.count)(store, stream, generation, work, parts)
    if others:
        records.count(store, stream, generation, work, parts)
    yield "panes", keyed_rows.pane_rows(generation, work.block, [part.panes.changed() for part in parts])
