"""Business events (doanh nghiệp): a registry's companies, agreements and exhibition stands, one event a change of one of them.

What is registered has a number and a kind. Companies join and leave, agreements are signed and ended, stands open and close.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Fits, Strict, Text, Timestamp

KINDS: dict[str, str] = {"company": "Doanh nghiệp", "agreement": "Thỏa thuận hợp tác", "stand": "Gian hàng"}
Kind = Literal["company", "agreement", "stand"]
STATES: dict[str, str] = {
    "joined": "Tham gia",
    "left": "Rời",
    "signed": "Ký kết, gia hạn",
    "ended": "Chấm dứt",
    "opened": "Mở",
    "closed": "Đóng",
}
State = Literal["joined", "left", "signed", "ended", "opened", "closed"]


class Business(Strict):
    """What a business event says. A field holds from the event that states it; what is not stated stays as it was."""

    subject: Annotated[Code, Field(description="số đăng ký của doanh nghiệp, thỏa thuận hay gian hàng, e.g. DN-00123")]
    kind: Annotated[Kind, Field(description="; ".join(f"{name} = {vi}" for name, vi in KINDS.items()))]
    state: Annotated[State, Field(description="; ".join(f"{name} = {vi}" for name, vi in STATES.items()))]
    exhibition: (
        Annotated[Code, Field(description="triển lãm mà doanh nghiệp tham gia hay rời; none: chương trình SMEdx")] | None
    ) = None
    company: Annotated[Code, Field(description="doanh nghiệp của gian hàng, hay là bên ký kết")] | None = None
    partner: Annotated[Text, Field(description="bên ký kết khác")] | None = None
    field: Annotated[Code, Field(description="lĩnh vực, a code of streams/data/sectors.toml")] | None = None
    unit: Annotated[Code, Field(description="code of the commune (mã đơn vị hành chính) in force at the event's time")] | None = (
        None
    )
    agency: Annotated[Code, Field(description="cơ quan quản lý, cơ quan ký kết, e.g. 000.00.06.H56")] | None = None
    since: Annotated[Timestamp, Field(description="thỏa thuận có hiệu lực từ; none: from its signing")] | None = None
    until: Annotated[Timestamp, Field(description="thỏa thuận hết hiệu lực; none: until it is ended")] | None = None
    title: Annotated[Text, Field(description="tên doanh nghiệp, nội dung thỏa thuận, tên gian hàng")] | None = None


class BusinessChanged(Envelope[Business]):
    """A company joined or left, an agreement was signed or ended, a stand opened or closed."""

    event_type: ClassVar[str] = "vn.ioc.business.changed.v1"
    topic: ClassVar[str] = "ioc.events.business"
    entity_key: ClassVar[str] = "subject"
    fits: ClassVar[Fits | None] = Fits(
        "state", "kind", {"company": ("joined", "left"), "agreement": ("signed", "ended"), "stand": ("opened", "closed")}
    )

    type: Literal["vn.ioc.business.changed.v1"]
