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
PAUSES = (5.0, 300.0)
"""Seconds of a pause at least and at most."""
LONG = 60.0
"""Seconds of a lead, beside twice the last pause, after which the next pause is a first one."""
APART = 1_000
"""Two that begin in the same moment take different numbers, but for one time in so many: then both write, as equals."""


class Lead:
    """The lead of one roller. `number`: which it took, None before and after; it is part of the `as_of` of its rows."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.number: int | None = None
        self.pause = 0.0
        """Seconds to leave it to another that has taken it."""
        self._since, self._renewed = 0.0, False

    def take(self) -> int:
        """The number; one above all others is written first where there is none, or where it is renewed and not lost."""
        if self.number is None or self._renewed:
            self._renewed, highest = False, self._highest()
            if self.number in (None, highest):
                number = highest + 1 + secrets.randbelow(APART)
                self.store.insert("checkpoints", state.checkpoint_rows(LEAD, {KEY: Checkpoint(number)}))
                self._since = time.monotonic() if self.number is None else self._since
                self.number = number
        assert self.number is not None
        return self.number

    def lost(self) -> bool:
        """Whether another has begun since. To be asked after what is counted was read, and before anything is written."""
        return self._highest() != self.number

    def leave(self) -> None:
        """Another has begun. Two that took it from each other in turns would begin anew for ever and never end a long past.

        So the pause is longer each time, until the lead was held for long.
        """
        held = time.monotonic() - self._since
        before = 0.0 if held > LONG + 2 * self.pause else self.pause
        self.number, self.pause = None, min(max(2 * before, PAUSES[0]), PAUSES[1])

    def renew(self) -> None:
        """Take a higher number the next time; the lead is not left."""
        self._renewed = True

    def drop(self) -> None:
        """Begin anew the next time."""
        self.number, self.pause = None, 0.0

    def _highest(self) -> int:
        return state.checkpoints(self.store, LEAD, where="generation = ''").get(KEY, Checkpoint()).next
