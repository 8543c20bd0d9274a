"""Speed: how long the queries of the boards take on a store: all of them, again and again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ioc.asking.question import now
from ioc.boards.expand import filled, timed
from ioc.boards.lint import queries
from ioc.boards.model import Dashboard
from ioc.store.clickhouse import Store
from ioc.times import DAY

AIM = 0.2
"""Seconds a query may take in 19 of 20 cases."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one query; `p95`: 19 of 20 took no longer."""

    board: str
    place: str
    p50: float
    p95: float


def timings(
    store: Store,
    boards: Sequence[Dashboard],
    values: Mapping[str, str],
    days: int,
    times: int,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> list[Timing]:
    """Every query of the boards, `times` times, over the last days of the store; the slowest first. StoreErrors are raised.

    `progress` gets how many queries are measured, of how many.
    """
    end = now(store) or 0
    wanted = [(board.uid, place, sql) for board in boards for place, sql in queries(board)]
    found: list[Timing] = []
    for uid, place, sql in wanted:
        asked = timed(filled(sql, values), end - days * DAY, end)
        taken = sorted(_timed(store, asked) for _ in range(times))
        found.append(Timing(uid, place, taken[_rank(0.5, times)], taken[_rank(0.95, times)]))
        progress(len(found), len(wanted))
    return sorted(found, key=lambda timing: -timing.p95)


def _rank(share: float, size: int) -> int:
    """The place of a quantile among sorted values: the first that so great a share of them does not exceed.

    >>> _rank(0.95, 20), _rank(0.5, 20), _rank(0.95, 1)
    (18, 9, 0)
    """
    return math.ceil(share * size) - 1


def _timed(store: Store, sql: str) -> float:
    started = time.perf_counter()
    store.text(sql, "Native")
    return time.perf_counter() - started
