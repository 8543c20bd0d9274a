"""Replayed: a record of the archive on its way through a run's topic, and as it was before. Pure.

It bears one more header, the last one: the reception that was used, which takes the place of the broker's own time. Where the
live log has no record (markers of transactions, compaction, retention) an empty one is sent, so that every record keeps its
offset: that is the version of every row, and the run's rows are then the live ones.
"""

from __future__ import annotations

from dataclasses import replace

from ioc.errors import IocError
from ioc.events.batch import LONGEST, Batch
from ioc.events.exact_lane import Headers

REPLAYED = "ioc-replayed"
"""Header: the reception used (decimal ms, ASCII); empty: no record stood here."""
HOLE: Headers = [(REPLAYED, b"")]
ROOM = 64
"""Bytes a record may grow by the header."""


def carried(headers: Headers, received: int) -> Headers:
    """The headers of a record that was received then (ms)."""
    return [*headers, (REPLAYED, b"%d" % received)]


def before(headers: Headers, where: str) -> tuple[int, Headers] | None:
    """(reception in ms, headers) of a record of a run's topic as they were in the live log; None for what stands for a hole.

    Raises IocError for a record that no replay has sent.
    """
    *others, (name, at) = headers or (("", b""),)
    if name != REPLAYED or len(at) > LONGEST or not (at.isdigit() or not at):
        raise IocError(
            f"{where} was not replayed: someone else wrote to this run; remove it with `ioc replay drop` and start it again"
        )
    return (int(at), tuple(others)) if at else None


def arrived(batch: Batch) -> Batch:
    """A batch of a run's topic as it was in the live log.  Raises IocError as `before`."""
    where = f"{batch.topic}:{batch.partition} holds a record at"
    found = [before(batch.headers.get(i, ()), f"{where} {offset} that") for i, offset in enumerate(batch.offsets)]
    kept = [(i, *was) for i, was in enumerate(found) if was is not None]
    return replace(
        batch,
        offsets=[batch.offsets[i] for i, _, _ in kept],
        keys=[batch.keys[i] for i, _, _ in kept],
        values=[batch.values[i] for i, _, _ in kept],
        timestamps=[at for _, at, _ in kept],
        headers={new: headers for new, (_, _, headers) in enumerate(kept) if headers},
    )
