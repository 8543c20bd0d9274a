"""Words: what the wall itself says, in Vietnamese and in English; everything else stands in the boards. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One language. `{}` stand for what is put in."""

    until: str
    ago: str
    no_feed: str
    no_data: str
    starting: str
    store_away: str
    refused: str
    stopped: str
    """A service of the centre, and why."""
    run: str
    boards: str
    range: str
    ranges: dict[str, str]
    language: str
    theme: str
    themes: dict[str, str]
    live: str
    now: str
    spans: tuple[str, str, str, str]
    """Second, minute, hour, day."""
    thousands: str
    decimal: str
    locale: str


VI = Words(
    until="đến {}",
    ago="{} trước",
    no_feed="Mất tín hiệu",
    no_data="Không có dữ liệu",
    starting="Đang lấy số liệu …",
    store_away="KHO SỐ LIỆU KHÔNG TRẢ LỜI — số đang hiện là số cũ; màn hình tự nối lại",
    stopped="{} ĐÃ NGỪNG — số đang hiện có thể là số cũ; người vận hành chạy `ioc doctor` ({})",
    refused="Không lấy được số liệu: {}",
    run="DIỄN LẠI: {} — không phải số liệu trực tiếp ({})",
    boards="Bảng",
    range="Khoảng",
    ranges={"6h": "6 giờ qua", "24h": "24 giờ qua", "7d": "7 ngày qua", "30d": "30 ngày qua", "all": "Toàn bộ"},
    language="Ngôn ngữ",
    theme="Nền",
    themes={"dark": "Tối", "light": "Sáng"},
    live="Trực tiếp",
    now="đến {}",
    spans=("giây", "phút", "giờ", "ngày"),
    thousands=".",
    decimal=",",
    locale="vi-VN",
)
EN = Words(
    until="until {}",
    ago="{} ago",
    no_feed="No feed",
    no_data="No data",
    starting="Asking …",
    store_away="THE STORE DOES NOT ANSWER — the numbers shown are old; this screen recovers by itself",
    stopped="{} HAS STOPPED — the numbers shown may be old; operators run `ioc doctor` ({})",
    refused="No numbers: {}",
    run="REPLAY: {} — these are no live numbers ({})",
    boards="Boards",
    range="Range",
    ranges={"6h": "Last 6 hours", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days", "all": "All"},
    language="Language",
    theme="Theme",
    themes={"dark": "Dark", "light": "Light"},
    live="Live",
    now="until {}",
    spans=("s", "min", "h", "days"),
    thousands=",",
    decimal=".",
    locale="en-GB",
)
LANGUAGES = {"vi": VI, "en": EN}
STATES = {
    "vi": {"replaying": "đang chạy", "ended": "đã xong", "broken off": "bị ngắt", "open": "đã nạp", "sealed": "đã đóng"},
    "en": {"open": "loaded"},
}
"""States of runs, where they are called otherwise than in the table `runs`."""
