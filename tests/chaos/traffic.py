"""Traffic: events without end for a live centre, hard on purpose: late, early, doubled, corrected, broken, misplaced."""

from __future__ import annotations

import random
from typing import Any

from tests.brute import DAY, ENDS, HOUR, MINUTE, ORDER, Record, ms
from tests.logs import dossier, ran, record, trouble

OPEN = 40
"""Dossiers under way at a time."""
CELLS = 12
LATE = (0, 0, 0, 0, 5_000, 90_000, 20 * MINUTE, 30 * HOUR, 10 * DAY, -5 * MINUTE)
"""How long before its sending an event says it happened, ms."""
BEAT = b"vn.ioc.heartbeat.v1"


class Traffic:
    """Records in the order they are to be sent; offset and reception are Kafka's matter."""

    def __init__(self, rng: random.Random, partitions: int) -> None:
        self._rng, self._partitions = rng, partitions
        self._open: dict[str, list[dict[str, Any]]] = {}
        self._count = 0

    def next(self, now: int, received: int | None = None) -> list[Record]:
        """An event and what follows it. `received`: a reception to be sent as header, while a past is loaded."""
        at = (now if received is None else received) - self._rng.choice(LATE)
        event = self._dossier(at) if self._rng.random() < 0.5 else self._ran(at)
        made = record(event, 0, now, self._partitions)
        records = [made, *trouble(self._rng, event, made, now if received is None else received, self._partitions)]
        if received is None:
            return records
        header = (("ioc-received", str(received).encode()),)
        return [Record(r.topic, r.partition, 0, r.key, r.value, now, header) for r in records if BEAT not in (r.value or b"")]

    def _ran(self, at: int) -> dict[str, Any]:
        rng = self._rng
        self._count += 1
        cell, rat = f"c{rng.randrange(CELLS)}", rng.choice(("NR", "LTE", None))
        return ran(cell, f"r{self._count}", at // 15_000 * 15_000, rng.choice((0, 1.25, 10, 333.3)), rat=rat)

    def _dossier(self, at: int) -> dict[str, Any]:
        """The next event of a dossier; most follow the states, some do not, and some correct an earlier one."""
        rng = self._rng
        self._count += 1
        fresh = len(self._open) < OPEN
        name = f"D{self._count}" if fresh else rng.choice(list(self._open))
        past = self._open.setdefault(name, [])
        more: dict[str, Any] = {}
        if fresh or rng.random() < 0.2:
            more |= {"agency": rng.choice("ABC"), "channel": rng.choice(("online", "counter")), "procedure": rng.choice("pq")}
        if rng.random() < 0.4:
            more["due_at"] = at + rng.choice((-DAY, 30_000, 2 * MINUTE, HOUR, 2 * DAY, 5 * DAY))
        if rng.random() < 0.1:
            more["sequence"] = str(rng.randrange(3))
        if past and rng.random() < 0.1:
            more["replaces"] = rng.choice(past)["id"]
        if past and rng.random() < 0.1:
            at = ms(rng.choice(past)["time"])  # a tie
        state = "received" if not past and rng.random() < 0.9 else rng.choice(ORDER)
        event = dossier(name, f"e{self._count}", state, at, **more)
        past.append(event)
        if len(past) > 8 or (state in ENDS and rng.random() < 0.7):
            del self._open[name]
        return event
