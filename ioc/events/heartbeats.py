"""Heartbeats: the events that move a quiet partition's watermark on. Pure, but for the random id."""

from __future__ import annotations

from uuid import uuid4

import orjson

from ioc.events.exact_lane import Reject, exact
from ioc.times import iso
from schemas.heartbeat import Heartbeat

_TYPE = Heartbeat.event_type.encode()


def heartbeat(origin: str, now_ms: int) -> bytes:
    """A heartbeat event."""
    event = {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": f"/ioc/{origin}",
        "type": Heartbeat.event_type,
        "time": iso(now_ms),
        "data": {"origin": origin},
    }
    return orjson.dumps(event)


def is_heartbeat(value: bytes | None) -> bool:
    """Whether a record of a topic that has no contract of its own is one."""
    if value is None or _TYPE not in value:
        return False
    return not isinstance(exact(value, (), {Heartbeat.event_type: Heartbeat}), Reject)
