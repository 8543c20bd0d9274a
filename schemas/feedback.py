"""Feedback events (phản ánh, kiến nghị, PAKN): what citizens told the authorities, and what became of it, one event a change.

No field is personal: who sent it, and in which words, stays where it was sent.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Strict, Whole

STATES: dict[str, str] = {
    "received": "Tiếp nhận",
    "classified": "Phân loại",
    "supplement": "Yêu cầu bổ sung thông tin",
    "transferred": "Chuyển cơ quan khác xử lý",
    "refused": "Từ chối",
    "answered": "Đã trả lời",
    "awaiting_publication": "Chờ công khai",
    "published": "Đã công khai",
    "rated": "Người gửi đánh giá",
    "reopened": "Mở lại",
}
State = Literal[
    "received", "classified", "supplement", "transferred", "refused", "answered", "awaiting_publication", "published", "rated",
    "reopened",
]  # fmt: skip
KINDS: dict[str, str] = {"report": "Phản ánh", "proposal": "Kiến nghị", "question": "Hỏi đáp"}
Kind = Literal["report", "proposal", "question"]
RATINGS: dict[str, str] = {"satisfied": "Hài lòng", "neutral": "Chấp nhận được", "dissatisfied": "Không hài lòng"}
Rating = Literal["satisfied", "neutral", "dissatisfied"]
Votes = Annotated[Whole, Field(ge=0, le=10**9)]


def _said(words: dict[str, str]) -> str:
    return "; ".join(f"{name} = {vi}" for name, vi in words.items())


class Feedback(Strict):
    """What a feedback event says. A field holds from the event that states it; what is not stated stays as it was."""

    feedback: Annotated[Code, Field(description="mã phản ánh, kiến nghị, e.g. PA-20221003-0042")]
    state: Annotated[State, Field(description=_said(STATES))]
    agency: Annotated[Code, Field(description="cơ quan đang xử lý, e.g. 000.00.07.H56")] | None = None
    topic: Annotated[Code, Field(description="lĩnh vực, a code of streams/data/feedback_topics.toml")] | None = None
    unit: (
        Annotated[Code, Field(description="mã đơn vị hành chính (xã, phường) nơi có việc, in force at the event's time")] | None
    ) = None
    kind: Annotated[Kind, Field(description=_said(KINDS))] | None = None
    channel: Annotated[Code, Field(description="kênh tiếp nhận, e.g. portal, app, 1022")] | None = None
    rating: (
        Annotated[Rating, Field(description=f"người gửi đánh giá kết quả: {_said(RATINGS)}; each that is stated counts")] | None
    ) = None
    likes: Annotated[Votes, Field(description="số lượt thích câu trả lời, in all until now")] | None = None
    dislikes: Annotated[Votes, Field(description="số lượt không thích câu trả lời, in all until now")] | None = None


class FeedbackChanged(Envelope[Feedback]):
    """Feedback was received, classified, transferred, refused, answered, published, rated or opened again."""

    event_type: ClassVar[str] = "vn.ioc.feedback.changed.v1"
    topic: ClassVar[str] = "ioc.events.feedback"
    entity_key: ClassVar[str] = "feedback"

    type: Literal["vn.ioc.feedback.changed.v1"]
