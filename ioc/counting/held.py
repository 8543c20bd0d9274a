"""Held: what the pipeline holds while it counts: a batch on its way, and the rows of a partition in memory. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from ioc.counting.panes import Panes
from ioc.counting.seen import Seen
from ioc.events.batch import Batch
from ioc.events.decode import Decoded
from ioc.events.exact_lane import Reject

ENTITY_BYTES = 200
"""About what a packed history takes in memory beside its text."""


@dataclass
class Work:
    """One batch on its way: decoded, with the verdict of each record (accepted, duplicate, rejected, heartbeat)."""

    decoded: Decoded
    verdicts: list[str]
    place: tuple[str, int]

    @property
    def batch(self) -> Batch:
        """The batch."""
        return self.decoded.batch

    def reject(self, index: int, reject: Reject) -> None:
        """Refuse a record that decode had let through."""
        self.verdicts[index] = "rejected"
        self.decoded.rejects[index] = reject


class Entities:
    """Packed histories by entity, those used last at the end; bounded in bytes by `settle`."""

    def __init__(self) -> None:
        self._packed: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0
        self._new: dict[str, str] = {}
        self._last: dict[str, str] = {}
        """Histories that grew in the poll before, which may still be on their way to the store."""

    def __contains__(self, entity: str) -> bool:
        return entity in self._packed or entity in self._last

    def get(self, entity: str) -> str | None:
        """The packed history, or None where it is not in memory."""
        if entity not in self._packed:
            return self._last.get(entity)
        self._packed.move_to_end(entity)
        return self._packed[entity]

    def put(self, entity: str, packed: str) -> None:
        """Keep a history that grew: it is to be written."""
        old = self._packed.pop(entity, None)
        self._packed[entity] = self._new[entity] = packed
        self._bytes += len(packed) + ENTITY_BYTES - (len(old) + ENTITY_BYTES if old is not None else 0)

    def settle(self, limit: int) -> None:
        """All but the last ones are in the store: forget those used longest ago until the rest takes at most `limit` bytes."""
        self._last, self._new = self._new, {}
        while self._bytes > limit and self._packed:
            _, packed = self._packed.popitem(last=False)
            self._bytes -= len(packed) + ENTITY_BYTES


@dataclass
class Part:
    """What is held of one stream and partition."""

    panes: Panes
    seen: Seen = field(default_factory=Seen)
    entities: Entities = field(default_factory=Entities)
