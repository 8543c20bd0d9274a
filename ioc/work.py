"""Work: what the pipeline holds while it counts: a batch on its way, and the rows of a partition in memory. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from ioc.batch import Batch
from ioc.decode import Decoded
from ioc.exact import Reject
from ioc.panes import Panes
from ioc.seen import Seen

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
    """Packed histories by entity, those used last at the end; bounded in bytes by `shrink`."""

    def __init__(self) -> None:
        self._packed: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0

    def __contains__(self, entity: str) -> bool:
        return entity in self._packed

    def get(self, entity: str) -> str | None:
        """The packed history, or None where it is not in memory."""
        if entity not in self._packed:
            return None
        self._packed.move_to_end(entity)
        return self._packed[entity]

    def put(self, entity: str, packed: str) -> None:
        """Keep a history; it is the row in the store, or will be before the batch ends."""
        old = self._packed.pop(entity, None)
        self._packed[entity] = packed
        self._bytes += len(packed) + ENTITY_BYTES - (len(old) + ENTITY_BYTES if old is not None else 0)

    def shrink(self, limit: int) -> None:
        """Forget those used longest ago until the rest takes at most `limit` bytes."""
        while self._bytes > limit and self._packed:
            _, packed = self._packed.popitem(last=False)
            self._bytes -= len(packed) + ENTITY_BYTES


@dataclass
class Part:
    """What is held of one stream and partition."""

    panes: Panes
    seen: Seen = field(default_factory=Seen)
    entities: Entities = field(default_factory=Entities)
