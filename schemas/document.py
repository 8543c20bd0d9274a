"""Document events (văn bản trên trục liên thông): one document on its way to one receiver, one event a change of its status.

Statuses are those of edXML (QCVN 102:2016/BTTTT); the number is its `StatusCode`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Strict, Text, Whole

STATUSES: dict[str, tuple[str, str]] = {
    "arrived": ("01", "Đã đến"),
    "refused": ("02", "Từ chối tiếp nhận"),
    "received": ("03", "Đã tiếp nhận"),
    "assigned": ("04", "Phân công"),
    "processing": ("05", "Đang xử lý"),
    "completed": ("06", "Hoàn thành"),
    "recalled": ("13", "Lấy lại"),
    "recall_agreed": ("15", "Đồng ý lấy lại/cập nhật"),
    "recall_refused": ("16", "Từ chối lấy lại/cập nhật"),
}
Status = Literal[
    "arrived", "refused", "received", "assigned", "processing", "completed", "recalled", "recall_agreed", "recall_refused"
]
Signature = Literal["valid", "invalid", "none"]
"""A digital signature: it was verified, it did not pass, there is none."""


class Document(Strict):
    """What a document event says. What is stated last of sender, receiver, signatures and count holds for all of a delivery."""

    delivery: Annotated[
        Code, Field(description="một văn bản gửi tới một nơi nhận, e.g. 000.00.03.H56,2022/10/03,123/SNV-VP/000.01.10.H56")
    ]
    status: Annotated[Status, Field(description="; ".join(f"{name} = {code} {vi}" for name, (code, vi) in STATUSES.items()))]
    document: Annotated[Code, Field(description="mã định danh văn bản (DocumentId)")] | None = None
    sender: Annotated[Code, Field(description="cơ quan gửi (From.OrganId), e.g. 000.00.03.H56")] | None = None
    receiver: Annotated[Code, Field(description="cơ quan nhận (To.OrganId), e.g. 000.01.10.H56")] | None = None
    code: Annotated[Text, Field(description="số, ký hiệu văn bản, e.g. 123/UBND-VX")] | None = None
    agency_signature: Annotated[Signature, Field(description="chữ ký số của cơ quan; not stated: not known")] | None = None
    personal_signature: Annotated[Signature, Field(description="chữ ký số của cá nhân; not stated: not known")] | None = None
    count: (
        Annotated[Whole, Field(ge=1, le=10_000_000, description="số văn bản giống nhau, e.g. a daily total; not stated: 1")]
        | None
    ) = None


class DocumentChanged(Envelope[Document]):
    """A document arrived at a receiver, was refused, received, worked on, or asked back."""

    event_type: ClassVar[str] = "vn.ioc.document.changed.v1"
    topic: ClassVar[str] = "ioc.events.document"
    entity_key: ClassVar[str] = "delivery"

    type: Literal["vn.ioc.document.changed.v1"]
