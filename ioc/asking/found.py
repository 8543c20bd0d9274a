"""Found: what stands behind a number, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ioc.values import Value

CHUNK = 20_000
"""Rows of one query."""


@dataclass(frozen=True)
class Found:
    """One entity or event: what it is, what it adds to the number, and where its records lie in the log."""

    what: dict[str, Any]
    """Entity, opened_at, ended_at, due_at (ms); or source, id, time, entity."""
    dims: dict[str, str]
    measures: tuple[int, ...]
    n: int
    """How much it adds to `n` of the answer; over all of the evidence, the sum of these is the number (of a ratio: its n)."""
    topic: str
    partition: int
    offsets: tuple[int, ...]


@lru_cache(maxsize=1 << 12)
def weight(value: Value, measures: tuple[int, ...]) -> int:
    """How much these measures add to `n` of an answer."""
    return int(value.n(np.array([measures], np.int64))[0])
