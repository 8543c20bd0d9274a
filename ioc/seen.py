"""Seen: which events of a stream without state were counted, by hour of event time. Pure.

Identity is (source, id, time); an event is a duplicate only of a smaller offset, so a row that is ahead changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import polars as pl
import xxhash

from ioc.times import HOUR

Mark = tuple[int, int]
"""Offset and hash of data of the event that counted."""
LIMIT = 400_000
"""Marks of one partition kept in memory; an hour with more is looked up by key."""


class Seen:
    """The marks of one stream and partition that are in memory, by hour. An hour that is None is too large to keep."""

    def __init__(self) -> None:
        self._hours: OrderedDict[int, dict[bytes, Mark] | None] = OrderedDict()
        self._looked_up: dict[bytes, Mark] = {}
        self._new: list[tuple[int, bytes, int, int]] = []

    def lacking(self, hours: Sequence[int]) -> tuple[list[int], list[int]]:
        """(hours to load, hours whose identities must be looked up: after loading, what is too large or was left out)."""
        wanted = sorted(set(hours))
        return [h for h in wanted if h not in self._hours], [h for h in wanted if self._hours.get(h) is None]

    def put_hour(self, hour: int, marks: dict[bytes, Mark] | None) -> None:
        """An hour as the store has it; None when it is too large."""
        self._hours[hour] = marks

    def put_marks(self, marks: dict[bytes, Mark]) -> None:
        """Marks of the large hours, for the batch at hand."""
        self._looked_up = marks

    def judge(
        self, hours: Sequence[int], identities: Sequence[bytes], hashes: Sequence[int], offsets: Sequence[int]
    ) -> list[Mark | None]:
        """For each event, in offset order, the earlier mark it repeats, or None if it counts (and is marked from now on)."""
        found: list[Mark | None] = []
        for hour, identity, digest, offset in zip(hours, identities, hashes, offsets, strict=True):
            marks = self._hours.get(hour)
            held = self._looked_up if marks is None else marks
            mark = held.get(identity)
            if mark is not None and mark[0] < offset:
                found.append(mark)
                continue
            found.append(None)
            if mark is None or mark[0] > offset:
                held[identity] = (offset, digest)
                self._new.append((hour, identity, digest, offset))
        for hour in self._hours.keys() & set(hours):
            self._hours.move_to_end(hour)
        return found

    def changed(self) -> list[tuple[int, bytes, int, int]]:
        """The rows to write: hour, identity, hash, offset."""
        return self._new

    def written(self) -> None:
        """All marks are in the store: forget the hours used longest ago, and what was only looked up."""
        self._new = []
        self._looked_up = {}
        held = sum(len(m) for m in self._hours.values() if m is not None)
        for hour in list(self._hours):
            marks = self._hours[hour]
            if held <= LIMIT:
                break
            if marks is None:
                continue
            held -= len(marks)
            if len(marks) > LIMIT // 2:
                self._hours[hour] = None
            else:
                del self._hours[hour]


def identities(frame: pl.DataFrame) -> list[bytes]:
    """128-bit hashes of (source, id, time) of a decoded frame."""
    text = frame.select(
        # the length keeps source and id apart: both may hold any character
        pl.concat_str(
            pl.col("_source").str.len_bytes().cast(pl.String), "_source", "_id", pl.col("_time").cast(pl.String), separator="\x00"
        ).cast(pl.Binary)
    ).to_series()
    digest = xxhash.xxh3_128_digest
    return [digest(value) for value in text.to_list()]


def hours(frame: pl.DataFrame) -> list[int]:
    """Hours since 1970 of the event times."""
    return frame.select(pl.col("_time") // HOUR).to_series().to_list()
