"""Batch: what one fetch brought of one partition, as columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import xxhash

from ioc.events.exact_lane import Headers

RECEIVED = "ioc-received"
"""Header that carries the original reception time (decimal ms, ASCII) where it is trusted: loading a past, imports into a run."""

LONGEST = 14
"""Digits of a reception in ms: to the year 5138. A longer number is rubbish and would not fit the arrays."""


@dataclass(frozen=True)
class Batch:
    """Records of one partition in offset order.

    `start`, `next`: consumer positions before and after the fetch; offsets lie in [start, next) and may have holes
    (transaction markers, compaction). `timestamps`: LogAppendTime in ms. `headers`: only of records that have some, by index.
    `verdicts`: what became of the records, where that is known and not to be found out again.
    """

    topic: str
    partition: int
    start: int
    next: int
    offsets: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    timestamps: Sequence[int]
    headers: dict[int, Headers] = field(default_factory=dict)
    verdicts: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def place(self) -> tuple[str, int]:
        """Topic and partition."""
        return self.topic, self.partition

    def received(self, index: int) -> int | None:
        """The original reception in the header of a record, or None where there is none or it is no such number."""
        for name, raw in self.headers.get(index, ()):
            if name == RECEIVED:  # Kafka knows headers without a value, whatever the type says
                return int(raw) if raw and len(raw) <= LONGEST and raw.isdigit() else None
        return None

    def cut(self, sizes: Iterable[int]) -> list[Batch]:
        """The same records in several batches of the given sizes; the rest in a last one."""
        pieces, low, start = [], 0, self.start
        for size in (*sizes, len(self)):
            high = min(low + size, len(self))
            last = high == len(self)
            following = self.next if last else self.offsets[high - 1] + 1
            pieces.append(
                Batch(
                    self.topic,
                    self.partition,
                    start,
                    following,
                    self.offsets[low:high],
                    self.keys[low:high],
                    self.values[low:high],
                    self.timestamps[low:high],
                    {i - low: h for i, h in self.headers.items() if low <= i < high},
                    self.verdicts[low:high],
                )
            )
            low, start = high, following
            if last:
                break
        return pieces

    @classmethod
    def of(cls, topic: str, partition: int, start: int, found: Any) -> Batch:
        """A batch of what a poll found of a partition (`ioc.kafka.Columns`)."""
        following = found.offsets[-1] + 1
        return cls(topic, partition, start, following, found.offsets, found.keys, found.values, found.timestamps, found.headers)


def record_hash(offset: int, timestamp: int, key: bytes | None, value: bytes | None) -> int:
    """64-bit hash of a record, by which a checkpoint recognises the log it counted."""
    parts = (b"%d" % offset, b"%d" % timestamp, b"-" if key is None else b"+" + key, b"-" if value is None else b"+" + value)
    return xxhash.xxh3_64_intdigest(b"\x00".join(parts))
