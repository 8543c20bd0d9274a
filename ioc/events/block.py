"""Block: what one poll brought of one topic, its batches side by side. Pure.

A batch costs the same hundreds of calls of pyarrow, polars and numpy however little is in it, and a centre of 50 events a second
gets eight of them in a poll. So they are decoded and counted together, and a record's index is its place in the block.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ioc.events.batch import Batch
from ioc.events.exact_lane import Headers
from ioc.events.packed import packed

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """One batch or more of one topic, at most one of each partition. Arrays have one entry a record, in the batches' order."""

    batches: Sequence[Batch]

    @property
    def topic(self) -> str:
        """The topic of all of them."""
        return self.batches[0].topic

    def __len__(self) -> int:
        return self.bounds[-1]

    @cached_property
    def bounds(self) -> list[int]:
        """Where each batch's records begin, and where the last ones end: one number more than batches."""
        return [0, *np.cumsum([len(batch) for batch in self.batches]).tolist()]

    @cached_property
    def number(self) -> Ints:
        """Which of the batches the record is of."""
        return np.repeat(np.arange(len(self.batches)), np.diff(self.bounds))

    @cached_property
    def partitions(self) -> Ints:
        """The record's partition."""
        return np.array([batch.partition for batch in self.batches], np.int64)[self.number]

    @cached_property
    def offsets(self) -> Ints:
        """The record's offset."""
        return np.concatenate([np.asarray(batch.offsets, np.int64) for batch in self.batches])

    @cached_property
    def keys(self) -> Sequence[bytes | None]:
        """The record's key."""
        return _chained([batch.keys for batch in self.batches])

    @cached_property
    def values(self) -> Sequence[bytes | None]:
        """The record's value."""
        return _chained([batch.values for batch in self.batches])

    @cached_property
    def headers(self) -> dict[int, Headers]:
        """Headers, of those records that have some."""
        starts = zip(self.bounds, self.batches, strict=False)
        return {start + index: found for start, batch in starts for index, found in batch.headers.items()}

    @cached_property
    def joined(self) -> bytes:
        """The bytes of all values, side by side."""
        return b"".join(filter(None, self.values))

    @cached_property
    def packed(self) -> pa.Array | pa.ChunkedArray:
        """The values as one Arrow array, null where there is none: parsed, and archived."""
        return packed(self.values, self.joined)

    def parted(self, indices: Sequence[int]) -> list[list[int]]:
        """Ascending indices as those of each batch's own records."""
        cuts = [bisect_left(indices, bound) for bound in self.bounds]
        return [
            [index - start for index in indices[low:high]] for start, low, high in zip(self.bounds, cuts, cuts[1:], strict=False)
        ]


def _chained(parts: list[Sequence[bytes | None]]) -> Sequence[bytes | None]:
    return parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))
