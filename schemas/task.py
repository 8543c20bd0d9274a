"""Task events (nhiệm vụ được giao): what the leaders told whom to do by when, one event a change."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Strict, Text, Timestamp

STATES: dict[str, str] = {
    "assigned": "Giao nhiệm vụ",
    "accepted": "Nhận nhiệm vụ",
    "extended": "Gia hạn",
    "done": "Hoàn thành",
    "returned": "Trả lại để làm tiếp",
    "cancelled": "Thu hồi",
}
State = Literal["assigned", "accepted", "extended", "done", "returned", "cancelled"]


class Task(Strict):
    """What a task event says. A field holds from the event that states it; what is not stated stays as it was."""

    task: Annotated[Code, Field(description="mã nhiệm vụ, e.g. NV-2026-00123")]
    state: Annotated[State, Field(description="; ".join(f"{name} = {vi}" for name, vi in STATES.items()))]
    department: Annotated[Code, Field(description="cơ quan được giao, e.g. 000.00.07.H56")] | None = None
    assigner: Annotated[Code, Field(description="người, cơ quan giao việc, e.g. CT-UBND")] | None = None
    due_at: Annotated[Timestamp, Field(description="hạn hoàn thành; none: no due time")] | None = None
    document: Annotated[Code, Field(description="số, ký hiệu văn bản giao việc, e.g. 1234/UBND-THKH")] | None = None
    title: Annotated[Text, Field(description="nội dung nhiệm vụ")] | None = None


class TaskChanged(Envelope[Task]):
    """A task was assigned, accepted, extended, done, returned or cancelled."""

    event_type: ClassVar[str] = "vn.ioc.task.changed.v1"
    topic: ClassVar[str] = "ioc.events.task"
    entity_key: ClassVar[str] = "task"

    type: Literal["vn.ioc.task.changed.v1"]
