"""Replayed: a record of the archive on its way through a run's topic, and as it was before. Pure.

It bears one more header, the last one: the reception that was used, which takes the place of the broker's own time. Where the
live log has no record (markers of transactions, compaction, retention) an empty one is sent, so that every record keeps its
offset: that is the version of every row, and the run's rows are then the live ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ioc.errors import IocError
from ioc.events.batch import LONGEST
from ioc.events.exact_lane import Headers

REPLAYED = "ioc-replayed"
"""Header: the reception used (decimal ms, ASCII); empty: no record stood here."""
HOLE: Headers = [(REPLAYED, b"")]
ROOM = 64
"""Bytes a record may grow by the header."""


def carried(headers: Headers, received: int) -> Headers:
    """The headers of a record that was received then (ms)."""
    return [*headers, (REPLAYED, b"%d" % received)]


def arrived(records: Iterable[Any]) -> list[Any]:
    """Consumer records of a run's topic as they were in the live log; what stands for a hole is left out.

    Raises IocError for a record that no replay has sent.
    """
    found = []
    for record in records:
        *headers, (name, at) = record.headers or (("", b""),)
        if name != REPLAYED or len(at) > LONGEST or not (at.isdigit() or not at):
            raise IocError(
                f"{record.topic}:{record.partition} holds a record at {record.offset} that was not replayed: someone else wrote "
                "to this run; remove it with `ioc replay drop` and start it again"
            )
        if at:
            found.append(replace(record, timestamp=int(at), headers=tuple(headers)))
    return found
