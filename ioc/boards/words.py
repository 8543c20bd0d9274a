"""Words: what boards say in each language; Vietnamese first. Titles of indicators and dimensions are declared with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["vi", "en"]


@dataclass(frozen=True)
class Words:
    """The texts of one language. `windows`: by window; `weekdays`: Monday to Sunday."""

    language: Language
    own_name: str
    overview: str
    everything: str
    live: str
    replay: str
    no_data: str
    nothing: str
    between: str
    lowest: str
    highest: str
    decimal: str
    source: str
    window: str
    state: str
    until: str
    show_range: str
    over_time: str
    ranked: str
    on_map: str
    coming: str
    now: str
    day: str
    weekdays: tuple[str, ...]
    windows: dict[str, str]
    alerts: str
    alert_columns: tuple[str, str, str, str, str, str, str]
    firing: str
    resolved: str
    rule_removed: str
    no_alerts: str
    feeds: str
    feed_columns: tuple[str, str, str, str, str, str, str]
    contact: str
    unknown: str

    def of(self, vi: str, en: str) -> str:
        """The one of the two that is in this language."""
        return vi if self.language == "vi" else en


VI = Words(
    language="vi",
    own_name="Tiếng Việt",
    overview="Tổng quan",
    everything="Tất cả",
    live="Trực tiếp",
    replay="DIỄN LẠI",
    no_data="Không có dữ liệu",
    between="Trong khoảng",
    lowest="thấp nhất",
    highest="cao nhất",
    decimal=",",
    nothing="Không có",
    source="Nguồn",
    window="Kỳ",
    state="Trạng thái",
    until="đến",
    show_range="Xem khoảng thời gian của dữ liệu này",
    over_time="theo thời gian",
    ranked="theo",
    on_map="bản đồ",
    coming="hôm nay và các ngày làm việc tới",
    now="Hiện tại",
    day="Ngày",
    weekdays=("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"),
    windows={
        "1h": "1 giờ qua",
        "1d": "24 giờ qua",
        "7d": "7 ngày qua",
        "day": "Hôm nay",
        "week": "Tuần này",
        "month": "Tháng này",
        "quarter": "Quý này",
        "year": "Năm nay",
    },
    alerts="Cảnh báo",
    alert_columns=("Từ lúc", "Trạng thái", "Chỉ số", "Nơi", "Khi báo", "Ngưỡng", "Hết lúc"),
    firing="Đang cảnh báo",
    resolved="Đã hết",
    rule_removed="Quy tắc đã bị gỡ",
    no_alerts="Không có cảnh báo",
    feeds="Nguồn dữ liệu, một giờ qua",
    feed_columns=("Luồng", "Nguồn gửi", "Nhận lần cuối", "Cách đây", "Hợp lệ", "Trùng", "Bị từ chối"),
    contact="Liên hệ",
    unknown="(không rõ)",
)
EN = Words(
    language="en",
    own_name="English",
    overview="Overview",
    everything="All",
    live="Live",
    replay="REPLAY",
    no_data="No data",
    between="Between",
    lowest="lowest",
    highest="highest",
    decimal=".",
    nothing="None",
    source="Source",
    window="Window",
    state="State",
    until="until",
    show_range="Show the time range of these data",
    over_time="over time",
    ranked="by",
    on_map="map",
    coming="today and in the coming working days",
    now="Now",
    day="Day",
    weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    windows={
        "1h": "last hour",
        "1d": "last 24 hours",
        "7d": "last 7 days",
        "day": "today",
        "week": "this week",
        "month": "this month",
        "quarter": "this quarter",
        "year": "this year",
    },
    alerts="Alerts",
    alert_columns=("Since", "State", "Indicator", "Where", "Value then", "Threshold", "Until"),
    firing="Firing",
    resolved="Resolved",
    rule_removed="Rule removed",
    no_alerts="No alerts",
    feeds="Feeds, last hour",
    feed_columns=("Stream", "Sender", "Last received", "Ago", "Accepted", "Repeated", "Rejected"),
    contact="Contact",
    unknown="(unknown)",
)
LANGUAGES = (VI, EN)
