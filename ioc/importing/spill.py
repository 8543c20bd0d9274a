"""Spill: an external merge sort. Sorted runs go to one temporary file; what fits into memory never touches the disk."""

from __future__ import annotations

import heapq
import marshal
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

RUN_BYTES = 64 << 20
"""Memory of the items of a run, which is sorted in memory. Sorting, and the pieces that are read back, take a third more."""
BLOCK_BYTES = 64 << 10
"""Read back at a time per run: a log of 64 GB has some 1,000 runs, and merging them keeps as many blocks, 64 MB, in memory."""
_ITEM = 320
"""Bytes of a tuple of eight, its numbers, and the heads of its texts."""

Item = tuple[Any, ...]


class Sorted:
    """Tuples of int, str, bytes and None in ascending order; can be iterated again and again, one iteration at a time.

    Bytes are copied: a serializer's buffer may be many times as long as what it holds. Context manager: the temporary file in
    `folder` goes at the end, and with the process.
    """

    def __init__(self, items: Iterable[Item], folder: Path, run_bytes: int = RUN_BYTES) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix="sort-")  # noqa: SIM115 (closed by __exit__)
        self._runs: list[list[tuple[int, int]]] = []
        self._last: list[Item] = []
        self._count = held = 0
        try:
            for item in items:
                kept = tuple(bytes(memoryview(part)) if type(part) is bytes else part for part in item)
                held += _ITEM + sum(len(part) for part in kept if type(part) is bytes)
                self._last.append(kept)
                self._count += 1
                if held >= run_bytes:
                    self._spill()
                    held = 0
            self._last.sort()
            self._file.flush()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Sorted:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        if not self._runs:
            return iter(self._last)
        return heapq.merge(*(self._read(run) for run in self._runs), self._last)

    def _spill(self) -> None:
        self._last.sort()
        run, block, size = [], [], 0
        for item in self._last:
            block.append(item)
            size += sum(len(part) for part in item if type(part) is bytes)
            if size >= BLOCK_BYTES:
                run.append(self._write(block))
                block, size = [], 0
        if block:
            run.append(self._write(block))
        self._runs.append(run)
        self._last = []

    def _write(self, block: list[Item]) -> tuple[int, int]:
        packed, place = marshal.dumps(block), self._file.tell()
        self._file.write(packed)
        return place, len(packed)

    def _read(self, run: list[tuple[int, int]]) -> Iterator[Item]:
        for place, length in run:
            yield from marshal.loads(os.pread(self._file.fileno(), length, place))  # noqa: S302 (our own file, unlinked)
