"""Records: a stream that counts every record of its topics, whatever became of it, at the time it was received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from ioc.counting import columns
from ioc.counting.held import Part, Work
from ioc.counting.results import check_frames
from ioc.counting.who import RECORDS
from ioc.errors import DeclarationError
from ioc.events.exact_lane import UNKNOWN_FIELD
from ioc.store.clickhouse import Store
from ioc.vocabulary import Stream


def count(store: Store, stream: Stream, generation: str, work: Work, parts: Sequence[Part]) -> None:
    """Count the work's records, whose verdicts are complete. Panes are in the parts then.

    A record was received once, so there is no duplicate to look for; no declaration can refuse one, so its failure is an error.
    """
    frame = framed(work)
    assert stream.records is not None
    found = stream.records(frame)
    check_frames(stream, frame, found)
    _check_once(stream, work, found)
    columns.add(store, stream, generation, work, parts, frame, found)


def _check_once(stream: Stream, work: Work, found: Mapping[str, pl.DataFrame]) -> None:
    """What an event was counted for by `columns` it cannot add again: its pane has counted that offset."""
    events = work.decoded.frames.get(stream.contract.event_type)
    if events is None or events.is_empty() or stream.columns is None:
        return
    for name in stream.columns(events):
        if name in found and found[name]["_i"].is_in(events["_i"].implode()).any():
            raise DeclarationError(f"{name}: columns and records both count the events of {stream.contract.event_type}")


def framed(work: Work) -> pl.DataFrame:
    """The records but for heartbeats, as `Stream.records` takes them."""
    rejects, size = work.decoded.rejects, len(work.block)
    told = [rejects.get(i) for i in range(size)] if rejects else [None] * size
    known = work.who.with_columns(
        pl.Series("_time", work.decoded.received),
        pl.lit(work.block.topic).alias("topic"),
        pl.Series("verdict", work.verdicts, dtype=pl.String),
        pl.Series("reason", [one.reason if one else "" for one in told], dtype=pl.String),
        pl.Series("foreign", [one is not None and UNKNOWN_FIELD in one.message for one in told], dtype=pl.Boolean),
    )
    return known.select(RECORDS.names()).cast(RECORDS).filter(pl.col("verdict") != "heartbeat")
