"""Learning events (học trực tuyến): who enrolled in which course, completed it and got a certificate, one event a change."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Needs, Strict

STATES: dict[str, str] = {
    "enrolled": "Ghi danh",
    "dropped": "Bỏ học",
    "completed": "Hoàn thành",
    "certified": "Cấp chứng nhận",
}
State = Literal["enrolled", "dropped", "completed", "certified"]
AUDIENCES: dict[str, str] = {
    "officials": "Cán bộ, công chức",
    "commune_leaders": "Lãnh đạo xã, phường",
    "group_members": "Thành viên tổ công nghệ số cộng đồng",
    "citizens": "Người dân",
    "students": "Học sinh, sinh viên",
}
Audience = Literal["officials", "commune_leaders", "group_members", "citizens", "students"]


class Enrolment(Strict):
    """What a learning event says. A field holds from the event that states it; what is not stated stays as it was."""

    enrolment: Annotated[Code, Field(description="one person's enrolment in one course, a pseudonym, e.g. GD-2026-0004711")]
    state: Annotated[State, Field(description="; ".join(f"{name} = {vi}" for name, vi in STATES.items()))]
    course: Annotated[Code, Field(description="mã khóa học, e.g. KNS-01")] | None = None
    unit: Annotated[Code, Field(description="mã xã, phường của người học, e.g. 14758")] | None = None
    group: Annotated[Code, Field(description="mã tổ công nghệ số cộng đồng của người học, e.g. TCN-14758-03")] | None = None
    audience: Annotated[Audience, Field(description="; ".join(f"{name} = {vi}" for name, vi in AUDIENCES.items()))] | None = None


class LearningChanged(Envelope[Enrolment]):
    """Somebody enrolled in a course, completed it, got a certificate of it, or dropped it."""

    event_type: ClassVar[str] = "vn.ioc.learning.changed.v1"
    topic: ClassVar[str] = "ioc.events.learning"
    entity_key: ClassVar[str] = "enrolment"
    needs: ClassVar[Needs | None] = Needs("state", {"enrolled": ("course",)})

    type: Literal["vn.ioc.learning.changed.v1"]
