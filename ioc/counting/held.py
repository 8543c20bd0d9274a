"""Held: what the pipeline holds while it counts: a block on its way, and the rows of a partition in memory. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

import polars as pl

from ioc.counting.history import History
from ioc.counting.panes import Panes
from ioc.counting.seen import Seen
from ioc.counting.who import who
from ioc.events.block import Block
from ioc.events.decode import Decoded
from ioc.events.exact_lane import Reject
from ioc.vocabulary import Stream

ENTITY_BYTES = 200
"""About what a packed history takes in memory beside its text."""
LIFE_BYTES = 700
"""About what a life takes in memory."""


@dataclass
class Work:
    """One block on its way: decoded, with the verdict of each record (accepted, duplicate, rejected, heartbeat)."""

    decoded: Decoded
    verdicts: list[str]
    _who: pl.DataFrame | None = None

    @property
    def who(self) -> pl.DataFrame:
        """See `ioc.counting.who`; found out once, after what is counted first."""
        if self._who is None:
            self._who = who(self.decoded)
        return self._who

    @property
    def block(self) -> Block:
        """The block."""
        return self.decoded.block

    def reject(self, index: int, reject: Reject) -> None:
        """Refuse a record that decode had let through."""
        self.verdicts[index] = "rejected"
        self.decoded.rejects[index] = reject


class Entities:
    """Histories by entity: packed, those used last at the end, and of some the life so far. Bounded in bytes by `settle`.

    Ended ones go first: hardly any of them is used again, and each takes the room of an open one.
    """

    def __init__(self) -> None:
        self._packed: OrderedDict[str, bytes] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._bytes = 0
        self._new: dict[str, bytes] = {}
        self._last: dict[str, bytes] = {}
        """Histories that grew in the poll before, which may still be on their way to the store."""
        self._lives: dict[str, History] = {}
        """What spares the way through a packed history; of packed ones only."""

    def lacking(self, entities: Iterable[str]) -> set[str]:
        """Which of the entities must be read from the store first."""
        packed, last = self._packed, self._last
        return {entity for entity in entities if entity not in packed and entity not in last}

    def get(self, stream: Stream, entity: str) -> History | None:
        """The history, or None where it is not in memory."""
        history = self._lives.get(entity)
        if history is None and (packed := self._packed.get(entity) or self._last.get(entity)):
            history = History.unpack(stream, packed)
        return history

    def put(self, entity: str, history: History) -> None:
        """Keep a history that grew: it is to be written."""
        packed = history.pack()
        old = self._packed.pop(entity, None)
        self._packed[entity] = self._new[entity] = packed
        self._bytes += len(packed) - len(old) if old is not None else len(packed) + ENTITY_BYTES
        if history.lifecycle()[1] is not None:
            self._ended[entity] = None
        elif self._ended:
            self._ended.pop(entity, None)
        self._lives[entity] = history.rest()

    def settle(self, limit: int) -> None:
        """All but the last ones are in the store: forget ended ones, lives, then those used longest ago until the rest takes at
        most `limit` bytes."""
        self._last, self._new = self._new, {}
        while self._ended and self._bytes + len(self._lives) * LIFE_BYTES > limit:
            entity, _ = self._ended.popitem(last=False)
            self._lives.pop(entity, None)
            if (packed := self._packed.pop(entity, None)) is not None:
                self._bytes -= len(packed) + ENTITY_BYTES
        while self._lives and self._bytes + len(self._lives) * LIFE_BYTES > limit:
            self._lives = dict(islice(self._lives.items(), len(self._lives) // 2 + 1, None))
        while self._bytes > limit and self._packed:
            _, packed = self._packed.popitem(last=False)
            self._bytes -= len(packed) + ENTITY_BYTES


@dataclass
class Part:
    """What is held of one stream and partition."""

    panes: Panes
    seen: Seen = field(default_factory=Seen)
    entities: Entities = field(default_factory=Entities)
