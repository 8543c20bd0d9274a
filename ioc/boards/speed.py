"""Speed: how long the queries of the boards take on a store: all of them, again and again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ioc.boards.expand import expand
from ioc.boards.lint import queries
from ioc.boards.model import Dashboard
from ioc.clickhouse import Store
from ioc.scope import now
from ioc.times import DAY

AIM = 0.2
"""Seconds a query may take in 19 of 20 cases."""
POINTS = 1_000
"""Points of a line: about a wide screen's."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one query; `p95` is the slowest but one in 20."""

    board: str
    place: str
    p50: float
    p95: float


def timings(store: Store, boards: Sequence[Dashboard], values: Mapping[str, str], days: int, times: int) -> list[Timing]:
    """Every query of the boards, `times` times, over the last days of the store; the slowest first. StoreErrors are raised."""
    end = now(store) or 0
    found = []
    for board in boards:
        for place, sql in queries(board):
            asked = expand(sql, values, end - days * DAY, end, max(days * DAY // 1000 // POINTS, 1))
            taken = sorted(_timed(store, asked) for _ in range(times))
            found.append(Timing(board.uid, place, taken[times // 2], taken[min(int(0.95 * times), times - 1)]))
    return sorted(found, key=lambda timing: -timing.p95)


def _timed(store: Store, sql: str) -> float:
    started = time.perf_counter()
    store.text(sql, "Native")
    return time.perf_counter() - started
