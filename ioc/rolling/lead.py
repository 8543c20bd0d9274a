"""Lead: whose rows win where two rollers believe that it is their turn.

A row is written where something changed since the same roller wrote there last, and the highest `as_of` wins. Both hold
only if no other writes in between. So who begins writes a number into the store, higher than all before it, and then reads what
is counted; and who has read what is counted looks whether its number is still the highest. If so, it read before the other
began: whatever it writes, and however late that lands, the other's first rows tell of more and have a higher `as_of`.
"""

from __future__ import annotations

import secrets
import time

from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.store.state import Checkpoint

LEAD = "lead"
"""The stage of the numbers in the table of checkpoints."""
KEY = ("", "", 0)
APART = 1_000
"""Two that begin in the same moment take different numbers, but for one time in so many: then both write, as equals."""


class Lead:
    """The lead of one roller. `number`: which it took, None before and after; it is part of the `as_of` of its rows."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.number: int | None = None
        self._since = 0.0

    @property
    def held(self) -> float:
        """Seconds since the number was taken."""
        return time.monotonic() - self._since

    def take(self) -> int:
        """The number; one above all others is written first where there is none."""
        if self.number is None:
            number = self._highest() + 1 + secrets.randbelow(APART)
            self.store.insert("checkpoints", state.checkpoint_rows(LEAD, {KEY: Checkpoint(number)}))
            self.number, self._since = number, time.monotonic()
        return self.number

    def lost(self) -> bool:
        """Whether another has begun since. To be asked after what is counted was read, and before anything is written."""
        return self._highest() != self.number

    def drop(self) -> None:
        """Begin anew the next time."""
        self.number = None

    def _highest(self) -> int:
        return state.checkpoints(self.store, LEAD, where="generation = ''").get(KEY, Checkpoint()).next
