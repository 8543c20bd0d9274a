"""Dossier events (hồ sơ thủ tục hành chính): one event a change of a dossier at a one-stop desk or portal.

States are those of the national public-service portal (Cổng DVCQG); the number is its code `TrangThaiHoSo`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Strict, Text, Timestamp, Whole

STATES: dict[str, tuple[int, str]] = {
    "registered": (1, "Mới đăng ký"),
    "received": (2, "Được tiếp nhận"),
    "refused": (3, "Không được tiếp nhận"),
    "processing": (4, "Đang xử lý"),
    "supplement": (5, "Yêu cầu bổ sung giấy tờ"),
    "payment": (6, "Yêu cầu thực hiện nghĩa vụ tài chính"),
    "withdrawn": (7, "Công dân yêu cầu rút hồ sơ"),
    "stopped": (8, "Dừng xử lý"),
    "completed": (9, "Đã xử lý xong"),
    "returned": (10, "Đã trả kết quả"),
}
State = Literal[
    "registered", "received", "refused", "processing", "supplement", "payment", "withdrawn", "stopped", "completed", "returned"
]
Channel = Literal["counter", "online", "post", "phone", "other"]
"""KenhThucHien: 1 Trực tiếp, 2 Trực tuyến, 3 Bưu chính công ích; by phone and other ways the national portal has no number."""
ServiceLevel = Literal["level_1", "level_2", "level_3", "level_4", "information", "partial", "full"]
"""Mức 1-4 before Decree 42/2022/NĐ-CP; cung cấp thông tin, một phần, toàn trình since."""


PaidOnline = Literal["national", "own"]
"""DuocThanhToanTrucTuyen: 1 through the national portal (Cổng DVCQG), 2 through the province's own payment gateway."""


class Dossier(Strict):
    """What a dossier event says. A field holds from the event that states it; what is not stated stays as it was.

    A source that states any of the fields from `fee` to `identified` states them for all of its dossiers: what is left out then
    means no. One that states `disliked` says false of what nobody complained of, e.g. with the reception.
    """

    dossier: Annotated[Code, Field(description="mã hồ sơ, e.g. H56.20-20221006-0001")]
    state: Annotated[State, Field(description="; ".join(f"{name} = {code} {vi}" for name, (code, vi) in STATES.items()))]
    agency: Annotated[Code, Field(description="cơ quan giải quyết, e.g. 000.00.20.H56")] | None = None
    procedure: Annotated[Code, Field(description="mã thủ tục hành chính, e.g. 1.004194")] | None = None
    channel: (
        Annotated[
            Channel, Field(description="kênh thực hiện: trực tiếp, trực tuyến, bưu chính, điện thoại, khác; not stated: counter")
        ]
        | None
    ) = None
    service_level: Annotated[ServiceLevel, Field(description="mức độ dịch vụ công trực tuyến")] | None = None
    unit: Annotated[Code, Field(description="mã đơn vị hành chính (xã, phường)")] | None = None
    due_at: Annotated[Timestamp, Field(description="ngày hẹn trả")] | None = None
    department: Annotated[Text, Field(description="phòng ban xử lý")] | None = None
    activity: Annotated[Text, Field(description="nội dung xử lý")] | None = None
    fee: (
        Annotated[Whole, Field(ge=0, le=10**12, description="tổng phí, lệ phí phải nộp, đồng; 0: the whole list is free")] | None
    ) = None
    paid_online: Annotated[PaidOnline, Field(description="thanh toán trực tuyến: qua Cổng DVCQG, qua cổng của tỉnh")] | None = (
        None
    )
    e_result: Annotated[bool, Field(description="có kết quả điện tử (tệp kết quả được đính kèm)")] | None = None
    digitised: Annotated[bool, Field(description="thành phần hồ sơ được số hóa (có tệp đính kèm)")] | None = None
    reused: (
        Annotated[bool, Field(description="khai thác, sử dụng lại dữ liệu: at least one paper was not asked for again")] | None
    ) = None
    from_store: Annotated[bool, Field(description="có giấy tờ lấy từ, hoặc kết quả lưu vào kho dữ liệu của công dân")] | None = (
        None
    )
    identified: Annotated[bool, Field(description="tài khoản được xác thực qua VNeID (CSDL quốc gia về dân cư)")] | None = None
    disliked: (
        Annotated[bool, Field(description="có phản ánh, kiến nghị hoặc đánh giá không hài lòng về việc giải quyết hồ sơ")] | None
    ) = None


class DossierChanged(Envelope[Dossier]):
    """A dossier changed its state, its due time or its agency."""

    event_type: ClassVar[str] = "vn.ioc.dossier.changed.v1"
    topic: ClassVar[str] = "ioc.events.dossier"
    entity_key: ClassVar[str] = "dossier"

    type: Literal["vn.ioc.dossier.changed.v1"]
