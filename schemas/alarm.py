"""Alarm events (cảnh báo mạng 5G): what a network element says of one alarm condition on one object, one event a change.

The words are those of ITU-T X.733 and 3GPP TS 28.111: perceived severity, event type, probable cause, acknowledgement.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Needs, Strict, Text

STATES: dict[str, str] = {
    "raised": "Phát sinh",
    "changed": "Thay đổi",
    "acknowledged": "Đã tiếp nhận",
    "unacknowledged": "Bỏ tiếp nhận",
    "cleared": "Kết thúc",
}
State = Literal["raised", "changed", "acknowledged", "unacknowledged", "cleared"]
SEVERITIES: dict[str, str] = {
    "critical": "Nghiêm trọng",
    "major": "Lớn",
    "minor": "Nhỏ",
    "warning": "Nhắc nhở",
    "indeterminate": "Chưa xác định",
}
Severity = Literal["critical", "major", "minor", "warning", "indeterminate"]
AFFECTING = frozenset({"critical", "major"})
"""The severities of what affects service (X.733 8.1.2.3), where the sender does not say whether it does."""
KINDS: dict[str, str] = {
    "communications": "Truyền thông",
    "qos": "Chất lượng dịch vụ",
    "processing_error": "Lỗi xử lý",
    "equipment": "Thiết bị",
    "environmental": "Môi trường, nguồn điện",
    "other": "Khác",
}
Kind = Literal["communications", "qos", "processing_error", "equipment", "environmental", "other"]
"""Event types of X.733 8.1.1."""


def _words(table: dict[str, str]) -> str:
    return "; ".join(f"{name} = {vi}" for name, vi in table.items())


class Alarm(Strict):
    """What an alarm event says. A field holds from the event that states it; what is not stated stays as it was."""

    alarm: Annotated[Code, Field(description="an alarm condition on an object, for ever, e.g. THA-HT1:2/Cell unavailable")]
    state: Annotated[State, Field(description=_words(STATES))]
    severity: Annotated[Severity, Field(description=f"X.733 8.1.2.3: {_words(SEVERITIES)}")] | None = None
    site: Annotated[Code, Field(description="site (gNB) the object belongs to, e.g. THA-HT1")] | None = None
    cell: Annotated[Code, Field(description="cell it is about, e.g. THA-HT1:2; none: the site as a whole")] | None = None
    object: Annotated[Text, Field(min_length=1, description="distinguished name (DN) of the object")] | None = None
    kind: Annotated[Kind, Field(description=f"X.733 8.1.1: {_words(KINDS)}")] | None = None
    problem: (
        Annotated[Text, Field(min_length=1, description="probable cause or specific problem, e.g. Cell unavailable")] | None
    ) = None
    episode: Annotated[Code, Field(description="alarmId of TS 28.111, eventId of VES: the same from onset to clear")] | None = (
        None
    )
    affects_service: (
        Annotated[bool, Field(description="whether service is affected; never stated: critical and major affect it")] | None
    ) = None


class RanAlarm(Envelope[Alarm]):
    """An alarm of the radio network was raised, changed, acknowledged or cleared."""

    event_type: ClassVar[str] = "vn.ioc.ran.alarm.v1"
    topic: ClassVar[str] = "ioc.events.ran"
    entity_key: ClassVar[str] = "alarm"
    needs: ClassVar[Needs | None] = Needs("state", {"raised": ("severity", "site")})

    type: Literal["vn.ioc.ran.alarm.v1"]
