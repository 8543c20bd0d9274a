"""Seen: which events of a stream without state were counted, by hour of event time. Pure.

Identity is (source, id, time); an event is a duplicate only of a smaller offset, so a row that is ahead changes nothing.
The time is part of it because marks are kept by hour: an id with another time would have to be sought in all hours there are.
So a measurement sent again with a corrected time is another measurement, and both count; its sender must not send it twice.
Marks are columns, 32 bytes each, in sorted runs that are merged as they grow: a batch is judged in a few searches.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

from ioc.times import HOUR

Ints = NDArray[np.int64]
Bits = NDArray[np.uint64]
LIMIT = 500_000
"""Marks of one partition kept in memory (16 MB); an hour with more than half of it is looked up by key."""
NONE = -1
"""The offset of no mark."""
FAR = (1 << 63) - 1


@dataclass(frozen=True)
class Marks:
    """Marks sorted by the first half of the identity: `identities` of shape (n, 2), `hashes` of data, `offsets`, of shape (n,).

    Searches go by the first half and compare the second: two identities with one first half do not meet in practice (2^-64).
    """

    identities: Bits
    hashes: Bits
    offsets: Ints
    first: Bits = field(init=False)
    """The first halves, side by side: a search in a column of `identities` would copy it each time."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", np.ascontiguousarray(self.identities[:, 0]))

    def __len__(self) -> int:
        return len(self.offsets)

    @classmethod
    def of(cls, identities: Bits, hashes: Bits, offsets: Ints) -> Marks:
        """Marks in any order; of an identity that comes twice the smaller offset is found."""
        first = identities[:, 0]
        order = np.argsort(first, kind="stable")  # runs that are sorted already are only merged
        if (first[order[1:]] == first[order[:-1]]).any():
            order = np.lexsort((offsets, first))
        return cls(identities[order], hashes[order], offsets[order])

    def find(self, identities: Bits) -> tuple[Ints, Bits]:
        """Offset (FAR: none) and hash of the mark of each identity."""
        if not len(self):
            return np.full(len(identities), FAR), np.zeros(len(identities), np.uint64)
        place = np.minimum(np.searchsorted(self.first, identities[:, 0]), len(self) - 1)
        hit = (self.first[place] == identities[:, 0]) & (self.identities[:, 1][place] == identities[:, 1])
        return np.where(hit, self.offsets[place], FAR), np.where(hit, self.hashes[place], np.uint64(0))


EMPTY = Marks(np.empty((0, 2), np.uint64), np.empty(0, np.uint64), np.empty(0, np.int64))


class Seen:
    """The marks of one stream and partition that are in memory, by hour. An hour that is None is too large to keep."""

    def __init__(self) -> None:
        self._hours: OrderedDict[int, list[Marks] | None] = OrderedDict()
        self._held = 0
        """Marks in all of them: to count them at every poll would cost more with every hour there is."""
        self._looked_up = EMPTY
        self._new: list[tuple[int, Marks]] = []
        self._last: list[tuple[int, Marks]] = []
        """New marks of the poll before, which may still be on their way to the store."""

    def lacking(self, hours: Ints) -> tuple[list[int], list[int]]:
        """(hours to load, hours whose identities must be looked up: after loading, what is too large or was left out)."""
        wanted = np.unique(hours).tolist()
        return [h for h in wanted if h not in self._hours], [h for h in wanted if self._hours.get(h) is None]

    def put_hour(self, hour: int, marks: Marks | None) -> None:
        """An hour as the store has it; None when it is too large."""
        self._held -= sum(map(len, self._hours.pop(hour, None) or ()))
        self._hours[hour] = runs = None if marks is None else [marks, *self._of_last(hour)]
        self._held += sum(map(len, runs or ()))

    def put_marks(self, marks: Marks) -> None:
        """Marks of the large hours, for the batch at hand."""
        self._looked_up = marks

    def _of_last(self, hour: int) -> list[Marks]:
        return [marks for h, marks in self._last if h == hour]

    def judge(self, hours: Ints, identities: Bits, hashes: Bits, offsets: Ints) -> tuple[Ints, Bits]:
        """For each event, in offset order, the offset and the hash of the earlier mark it repeats.

        The offset is NONE where there is none: the event counts, and is marked from now on.
        """
        earlier, theirs = np.full(len(offsets), NONE), np.zeros(len(offsets), np.uint64)
        for hour in np.unique(hours).tolist():
            rows = np.flatnonzero(hours == hour)
            earlier[rows], theirs[rows] = self._judge(hour, identities[rows], hashes[rows], offsets[rows])
            if hour in self._hours:
                self._hours.move_to_end(hour)
        return earlier, theirs

    def _judge(self, hour: int, identities: Bits, hashes: Bits, offsets: Ints) -> tuple[Ints, Bits]:
        runs = self._hours.get(hour)
        order = np.argsort(identities[:, 0], kind="stable")
        identities, hashes, offsets = identities[order], hashes[order], offsets[order]
        # the first of each identity in the batch stands for all of them
        one, other = identities[:, 0], identities[:, 1]
        first = np.append(True, (one[1:] != one[:-1]) | (other[1:] != other[:-1]))
        head, of = np.flatnonzero(first), np.cumsum(first) - 1
        marked, digests = np.full(len(head), FAR), np.zeros(len(head), np.uint64)
        for run in [self._looked_up, *self._of_last(hour)] if runs is None else runs:
            offset, digest = run.find(identities[head])
            marked, digests = np.minimum(marked, offset), np.where(offset < marked, digest, digests)
        repeats = marked < offsets[head]
        fresh = marked > offsets[head]
        if fresh.any():
            new = Marks(identities[head][fresh], hashes[head][fresh], offsets[head][fresh])
            self._new.append((hour, new))
            if runs is not None:
                _push(runs, new)
                self._held += len(new)
        earlier, theirs = np.empty(len(order), np.int64), np.empty(len(order), np.uint64)
        earlier[order] = np.where(first & ~repeats[of], NONE, np.where(repeats, marked, offsets[head])[of])
        theirs[order] = np.where(repeats, digests, hashes[head])[of]
        return earlier, theirs

    def changed(self) -> tuple[Ints, Marks]:
        """The rows to write: their hours, and the marks (unsorted)."""
        hours = np.concatenate([np.full(len(m), h) for h, m in self._new] or [np.empty(0, np.int64)])
        return hours, Marks(*_joined([EMPTY, *(m for _, m in self._new)]))

    def settle(self) -> None:
        """All but the last marks are in the store: forget the hours used longest ago, and what was only looked up."""
        self._last, self._new = self._new, []
        self._looked_up = EMPTY
        if self._held <= LIMIT:
            return
        sizes = {hour: sum(map(len, runs)) for hour, runs in self._hours.items() if runs is not None}
        for hour, size in sizes.items():
            if self._held <= LIMIT:
                break
            self._held -= size
            if size > LIMIT // 2:
                self._hours[hour] = None
            else:
                del self._hours[hour]


def _push(runs: list[Marks], new: Marks) -> None:
    """Add a run; runs of about one size are merged, so that there are few and each mark is moved seldom."""
    runs.append(new)
    while len(runs) > 1 and 2 * len(runs[-1]) > len(runs[-2]):
        last, before = runs.pop(), runs.pop()
        runs.append(Marks.of(*_joined([before, last])))


def _joined(runs: Sequence[Marks]) -> tuple[Bits, Bits, Ints]:
    columns = ([m.identities for m in runs], [m.hashes for m in runs])
    identities, hashes = (np.concatenate(column) for column in columns)
    return identities, hashes, np.concatenate([m.offsets for m in runs])


def identities(frame: pl.DataFrame) -> Bits:
    """128-bit hashes of (source, id, time) of a decoded frame, shape (n, 2)."""
    text = frame.select(
        # the length keeps source and id apart: both may hold any character
        pl.concat_str(
            pl.col("_source").str.len_bytes().cast(pl.String), "_source", "_id", pl.col("_time").cast(pl.String), separator="\x00"
        ).cast(pl.Binary)
    ).to_series()
    return packed(map(xxhash.xxh3_128_digest, text.to_list()))


def packed(values: Iterable[bytes]) -> Bits:
    """Identities of 16 bytes each as an array of shape (n, 2)."""
    return np.frombuffer(b"".join(values), "<u8").reshape(-1, 2)


def hours(frame: pl.DataFrame) -> Ints:
    """The hours of the event times since 1970; those before count down from 2^32, as the store keeps 32 bits without a sign."""
    return (frame["_time"].to_numpy() // HOUR) & 0xFFFF_FFFF
