"""Incidents: what goes wrong in the demo's province, as pure functions of the seed and the time.

An office short of staff finishes nothing for some days; a site goes dark or measures badly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from random import Random

import xxhash

from ioc.province.data import Agency
from ioc.times import DAY, HOUR, MINUTE

DAY_OF_WORK = 15 * HOUR // 2
"""What the demo takes for a working day where it says how long something takes."""
BLOCK = 12 * DAY_OF_WORK
"""Every 12 working days one busy agency has an incident."""
OUTAGE = 0.02
"""Share of site-days with an outage."""


def dice(seed: int, *parts: object) -> int:
    """64 random bits that depend on the seed and the parts alone."""
    return xxhash.xxh3_64_intdigest(":".join(map(str, (seed, *parts))).encode())


def chance(seed: int, *parts: object) -> float:
    """A number in [0, 1) that depends on the seed and the parts alone."""
    return dice(seed, *parts) / (1 << 64)


class Shortages:
    """Staff shortages: in each block of working time one agency finishes nothing for 4 to 6 working days."""

    def __init__(self, seed: int, busy: list[Agency]) -> None:
        self._seed, self._busy = seed, busy
        self._known: dict[int, tuple[str, int, int]] = {}

    def of_block(self, block: int) -> tuple[str, int, int]:
        """(agency code, begin, end) of the incident of a block, in working time."""
        if block not in self._known:
            rng = Random(dice(self._seed, "shortage", block))  # noqa: S311 - a reproducible simulation
            begin = block * BLOCK + rng.randint(1, 5) * DAY_OF_WORK
            self._known[block] = (rng.choice(self._busy).code, begin, begin + rng.randint(4, 6) * DAY_OF_WORK)
        return self._known[block]

    def hold(self, agency: str, w: int, luck: float) -> int:
        """When work meant for `w` is done: `w`, or after the shortage, caught up over three days as `luck` in [0, 1) has it."""
        code, begin, end = self.of_block(w // BLOCK)
        return end + int(luck * 3 * DAY_OF_WORK) if code == agency and begin <= w < end else w


@lru_cache(4096)
def outage(luck: Callable[..., float], site: str, day: int) -> tuple[int, int, str]:
    """(begin ms, end ms, kind) of a site's outage on a UTC day; (0, 0, "") if it has none. `luck`: `chance` of a seed.

    "dark": nothing is measured; "weak": little is left of signal and throughput.
    """
    rng = Random(luck("outage", site, day))  # noqa: S311 - a reproducible simulation
    if rng.random() >= OUTAGE:
        return 0, 0, ""
    begin = day * DAY + rng.randrange(0, 18 * HOUR, MINUTE)
    return begin, begin + rng.randrange(20 * MINUTE, 5 * HOUR, MINUTE), "dark" if rng.random() < 0.6 else "weak"
