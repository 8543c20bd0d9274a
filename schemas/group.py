"""Community digital group events (tổ công nghệ số cộng đồng): groups, members and what they did, one event a change."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Needs, Strict, Whole

STATES: dict[str, str] = {
    "founded": "Thành lập tổ",
    "joined": "Thành viên tham gia",
    "outreach": "Buổi tuyên truyền, hướng dẫn",
    "helped": "Người dân được hỗ trợ",
    "left": "Thành viên rời tổ",
    "dissolved": "Giải thể tổ",
    "counted": "Số liệu chốt đầu tháng",
}
State = Literal["founded", "joined", "outreach", "helped", "left", "dissolved", "counted"]
Number = Annotated[Whole, Field(ge=0, le=1_000_000)]


class Group(Strict):
    """What a group event says: of a group, of a membership, of what a group did, or of what a unit counts.

    `founded` and `dissolved` are of the group; `joined` and `left` of a membership: who leaves a dissolved group is told, too.
    `counted` tells what there was at the event's time, the beginning of a month; each one replaces the one before it.
    """

    subject: Annotated[
        Code,
        Field(
            description="a group's code, a membership's (<group>/<member>), one of what it did (<group>/<session>), or of a "
            "snapshot the unit's code, e.g. TCN-14758-03/5; members are pseudonyms"
        ),
    ]
    state: Annotated[State, Field(description="; ".join(f"{name} = {vi}" for name, vi in STATES.items()))]
    group: Annotated[Code, Field(description="mã tổ, e.g. TCN-14758-03")] | None = None
    unit: Annotated[Code, Field(description="mã xã, phường, e.g. 14758")] | None = None
    people: Annotated[Number, Field(description="số người dự buổi tuyên truyền, số người được hỗ trợ")] | None = None
    groups: Annotated[Number, Field(description="số liệu chốt: số tổ của xã, phường")] | None = None
    members: Annotated[Number, Field(description="số liệu chốt: số thành viên của xã, phường")] | None = None


class GroupChanged(Envelope[Group]):
    """A group was founded or dissolved, somebody joined or left it, it held a session or helped; or a unit counted its own."""

    event_type: ClassVar[str] = "vn.ioc.group.changed.v1"
    topic: ClassVar[str] = "ioc.events.group"
    entity_key: ClassVar[str] = "subject"
    needs: ClassVar[Needs | None] = Needs(
        "state",
        {
            "founded": ("group", "unit"),
            "joined": ("group", "unit"),
            "outreach": ("group", "unit"),
            "helped": ("group", "unit", "people"),
            "counted": ("unit", "groups", "members"),
        },
    )

    type: Literal["vn.ioc.group.changed.v1"]
