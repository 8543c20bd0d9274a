"""Rows on their way to the store: many are written while more are computed, in order, and none after one that failed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import polars as pl
import pytest

from ioc.rolling import rows
from ioc.rolling.rows import written

PATIENCE = 10.0


def frame(number: int, size: int) -> pl.DataFrame:
    return pl.DataFrame({"number": [number] * size})


def test_many_rows_are_written_while_the_next_are_computed_and_all_of_them_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MANY", 5)
    further, came = threading.Event(), list[list[int]]()

    def computed() -> Iterator[pl.DataFrame]:
        yield frame(0, 2)
        yield frame(1, 3)
        further.set()  # the first five are on their way
        yield frame(2, 7)
        yield frame(3, 1)

    def write(some: Sequence[pl.DataFrame]) -> None:
        assert further.wait(PATIENCE), "nothing is computed while rows are written"
        came.append([part["number"][0] for part in some])

    assert written(computed(), write) == 13
    assert came == [[0, 1], [2], [3]]


def test_what_is_few_is_written_at_once_and_nothing_is_nothing() -> None:
    came = list[int]()
    assert written(iter([frame(0, 2), frame(1, 3)]), lambda some: came.append(len(some))) == 5
    assert written(iter(()), lambda some: came.append(len(some))) == 0
    assert came == [2, 0]


def test_a_write_that_fails_is_told_and_nothing_is_written_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MANY", 1)
    tried = list[int]()

    def write(some: Sequence[pl.DataFrame]) -> None:
        tried.append(some[0]["number"][0])
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        written((frame(number, 1) for number in range(4)), write)
    assert tried == [0]
