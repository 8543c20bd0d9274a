"""Heartbeats: events that only say "this partition lives", so that quiet streams move on."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Envelope, Strict


class Beat(Strict):
    """Who beats."""

    origin: Annotated[Literal["pacemaker", "import", "replay"], Field(description="what sent the heartbeat")]


class Heartbeat(Envelope[Beat]):
    """Accepted on every event topic; carries time, never a number. Its key is free."""

    event_type: ClassVar[str] = "vn.ioc.heartbeat.v1"
    topic: ClassVar[str] = "*"
    entity_key: ClassVar[str] = ""

    type: Literal["vn.ioc.heartbeat.v1"]
