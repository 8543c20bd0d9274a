"""Notifications (thông báo của phần tử mạng): what a network element says of itself that is neither a measurement nor an alarm.

Heartbeats, files that are ready, changes of state and all else. They are archived as they came and counted by the feeds alone:
an element that stops beating is a source that fell silent.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Strict, Text, Whole


class Notified(Strict):
    """What an element said."""

    element: Annotated[Code, Field(description="who says it: the sourceName of VES")]
    domain: Annotated[Code, Field(description="kind of event, as in VES: heartbeat, notification, stndDefined, ...")]
    name: Annotated[Text, Field(min_length=1, description="eventName of VES")]
    priority: Literal["High", "Medium", "Normal", "Low"] | None = None
    interval_s: Annotated[Whole, Field(ge=0, le=31_536_000, description="of a heartbeat: seconds until the next")] | None = None
    body: Annotated[str, Field(max_length=200_000, description="the fields of its domain, a JSON text")]


class RanNotified(Envelope[Notified]):
    """A network element said something of itself."""

    event_type: ClassVar[str] = "vn.ioc.ran.notified.v1"
    topic: ClassVar[str] = "ioc.events.ran"
    entity_key: ClassVar[str] = "element"

    type: Literal["vn.ioc.ran.notified.v1"]
