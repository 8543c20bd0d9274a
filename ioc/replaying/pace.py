"""Pace: when a record is due: reception time divided by the speed, idle stretches cut short. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from ioc.times import SECOND

IDLE = 10.0
"""Seconds that a stretch takes, at most, in which nothing was received."""


@dataclass(frozen=True)
class Pace:
    """From the reception `begin` (ms) on, `speed` times as fast as it was; None: as fast as it goes.

    `idle`: the stretches (from, to) in which nothing was received and which would take more than `longest` seconds, in order;
    each takes `longest` seconds.

    >>> Pace(0, 60, ((60_000, 6_060_000),), 10).seconds(6_120_000)
    12.0
    """

    begin: int
    speed: float | None = None
    idle: Sequence[tuple[int, int]] = ()
    longest: float = 0.0

    def seconds(self, at: int) -> float:
        """Seconds after the start at which what was received at `at` (ms) is due."""
        if self.speed is None or at <= self.begin:
            return 0.0
        passed = bisect_right(self._ends, at)
        return (at - self.begin - self._skipped[passed]) / SECOND / self.speed + passed * self.longest

    @cached_property
    def _ends(self) -> list[int]:
        return [end for _, end in self.idle]

    @cached_property
    def _skipped(self) -> list[int]:
        """Milliseconds of idle time before and with each stretch."""
        return list(accumulate((end - begin for begin, end in self.idle), initial=0))
