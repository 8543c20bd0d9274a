"""Spill: an external merge sort. Sorted runs go to one temporary file; what fits into memory never touches the disk."""

from __future__ import annotations

import heapq
import marshal
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

RUN_ROWS = 200_000
RUN_BYTES = 128 << 20
"""A run is sorted in memory: as many rows or (roughly) bytes, whichever comes first."""
BLOCK_ROWS = 256
"""Rows read back at a time per run: merging 500 runs (64 GB) keeps 500 blocks, about 64 MB, in memory."""

Item = tuple[Any, ...]


class Sorted:
    """Tuples of int, str, bytes and None in ascending order; can be iterated again and again, one iteration at a time.

    `size` estimates a tuple's bytes. Context manager: the temporary file in `folder` goes at the end, and with the process.
    """

    def __init__(self, items: Iterable[Item], folder: Path, size: int, run_rows: int = RUN_ROWS) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix="sort-")  # noqa: SIM115 (closed by __exit__)
        self._runs: list[list[tuple[int, int]]] = []
        self._last: list[Item] = []
        self._count = 0
        most = max(1, min(run_rows, RUN_BYTES // max(1, size)))
        try:
            for item in items:
                if len(self._last) >= most:
                    self._spill()
                self._last.append(item)
                self._count += 1
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
        run = []
        for start in range(0, len(self._last), BLOCK_ROWS):
            block = marshal.dumps(self._last[start : start + BLOCK_ROWS])
            run.append((self._file.tell(), len(block)))
            self._file.write(block)
        self._runs.append(run)
        self._last = []

    def _read(self, run: list[tuple[int, int]]) -> Iterator[Item]:
        for place, length in run:
            yield from marshal.loads(os.pread(self._file.fileno(), length, place))  # noqa: S302 (our own file, unlinked)
