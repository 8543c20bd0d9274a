"""Alarm events (cảnh báo mạng 5G): what a network element says of one alarm condition on one object, one event a change."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Strict, Text

State = Literal["raised", "changed", "acknowledged", "unacknowledged", "cleared"]
Severity = Literal["critical", "major", "minor", "warning", "indeterminate"]
Kind = Literal["communications", "qos", "processing_error", "equipment", "environmental", "other"]


class Alarm(Strict):
    """What an alarm event says."""

    alarm: Annotated[Code, Field(description="an alarm condition on an object, e.g. THA-HT1:2/Cell unavailable")]
    state: State
    severity: Annotated[Severity, Field(description="with raised and changed")] | None = None
    site: Annotated[Code, Field(description="site (gNB) the object belongs to")]
    cell: Annotated[Code, Field(description="cell it is about")] | None = None
    object: Annotated[Text, Field(min_length=1, description="distinguished name (DN) of the object")] | None = None
    kind: Kind | None = None
    problem: Annotated[Text, Field(min_length=1, description="probable cause or specific problem")] | None = None
    episode: Annotated[Code, Field(description="eventId or alarmId: the same from onset to clear")] | None = None
    affects_service: bool | None = None


class RanAlarm(Envelope[Alarm]):
    """An alarm of the radio network was raised, changed, acknowledged or cleared."""

    event_type: ClassVar[str] = "vn.ioc.ran.alarm.v1"
    topic: ClassVar[str] = "ioc.events.ran"
    entity_key: ClassVar[str] = "alarm"

    type: Literal["vn.ioc.ran.alarm.v1"]
