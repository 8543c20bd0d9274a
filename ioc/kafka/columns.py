"""Columns: what a fetch brought of a partition, taken a record batch at a time instead of a record at a time.

aiokafka makes an object of eleven fields of every record, of which we read five once. Here only the last step is ours: how the
records of a batch are laid down. Which batches count (aborted transactions, markers), whether they are whole (CRC), where the
position stands afterwards, pauses, seeks and rebalances stay aiokafka's: it sees each piece of a batch as one record.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any
from weakref import ref

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult

BYTES = 32 << 20
"""Bytes of values after which the columns of a partition end, so that large records do not pile up in memory."""
PIECE = 250
"""Records that are laid down before it is looked whether there is room for more."""


@dataclass
class Columns:
    """Records of one partition in offset order, timestamps in ms. `headers`: only of records that have some, by index."""

    offsets: array[int] = field(default_factory=lambda: array("q"))
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    timestamps: array[int] = field(default_factory=lambda: array("q"))
    headers: dict[int, tuple[tuple[str, bytes], ...]] = field(default_factory=dict)
    bytes: int = 0
    """Of the values."""

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, records: Sequence[Any]) -> None:
        """Lay down records that follow."""
        headers = [r.headers for r in records]
        if any(headers):
            self.headers.update({i: tuple(found) for i, found in enumerate(headers, len(self)) if found})
        self.offsets.extend([r.offset for r in records])
        self.keys += [r.key for r in records]
        values = [r.value for r in records]
        self.values += values
        self.bytes += sum(map(len, filter(None, values)))
        self.timestamps.extend([r.timestamp for r in records])


class ColumnConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """A consumer whose `getmany` brings `Columns` by partition; its `getone` brings nothing of use."""

    async def start(self) -> None:
        """Join the group; what is fetched from now on is laid down as columns."""
        await super().start()
        aside, self._fetcher._records = self._fetcher._records, _Aside()
        for place, found in aside.items():
            self._fetcher._records[place] = found


class _Aside(OrderedDict[Any, Any]):
    """What the fetcher has laid aside, by partition: results and errors."""

    def __setitem__(self, place: Any, found: Any) -> None:
        if type(found) is FetchResult:
            records = found._partition_records
            records._records = _Pieces(records._records, records.next_fetch_offset)
            records._consumer_record = _as_it_is
            found.getall = partial(_getall, ref(found))  # weak: a cycle would hold megabytes until somebody looks for cycles
        super().__setitem__(place, found)


def _as_it_is(_: Any, last: _Last) -> _Last:
    return last


def _getall(result: ref[Any], most: int | None = None) -> Columns:
    """`FetchResult.getall` for columns: at most so many records, and not many more than BYTES."""
    found: Any = result()
    columns = Columns()
    if not found.check_assignment(found._topic_partition) or not found.has_more():
        return columns
    found._partition_records._records.into(columns, most)
    for _ in found._partition_records:
        if (most is not None and len(columns) >= most) or columns.bytes >= BYTES:
            found._update_position()
            break
    else:
        found._update_position()
        found._partition_records = None
    return columns


@dataclass
class _Last:
    """The last record of a piece: aiokafka asks for nothing but its offset."""

    offset: int


class _Pieces:
    """Stands for the record batches of a fetch that was asked for from `position` on."""

    def __init__(self, batches: Any, position: int) -> None:
        self._batches, self._position = batches, position
        self.has_next = batches.has_next

    def into(self, columns: Columns, most: int | None) -> None:
        """Lay what follows down in these columns, until they hold so many records."""
        self._columns, self._most = columns, most

    def next_batch(self) -> _Batch:
        """The next record batch."""
        return _Batch(self._batches.next_batch(), self)

    def of(self, batch: Any) -> Iterator[_Last]:
        """The records of a batch, laid down piece by piece."""
        rest = chain(batch)  # a batch itself may be walked only once
        while records := list(islice(rest, self._room())):
            if records[0].offset < self._position:  # a seek into the midst of a batch
                records = [r for r in records if r.offset >= self._position]
            if records:
                self._columns.add(records)
                self._position = records[-1].offset + 1
                yield _Last(records[-1].offset)

    def _room(self) -> int:
        return PIECE if self._most is None else min(PIECE, self._most - len(self._columns))


class _Batch:
    """A record batch whose records come as pieces; all else is the batch's own."""

    def __init__(self, batch: Any, pieces: _Pieces) -> None:
        self._batch, self._pieces = batch, pieces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)  # of a control batch: its marker

    def __iter__(self) -> Iterator[_Last]:
        return self._pieces.of(self._batch)
