"""The words of the one-stop desk (bộ phận một cửa): what there was to handle in a calendar period, and how much of it is late.

The national words: Cần xử lý = Đã tiếp nhận + Tồn kỳ trước; Tỉ lệ trễ = (trễ đang xử lý + trễ đã xử lý) / Cần xử lý. What was received
or carried over either ended in the period or is open now, so all of it follows from what is open and what ended. The ratio is not
that of Decision 766 (`index766.2_1`), which leaves out what was carried over and is still open.
"""

from __future__ import annotations

from ioc.vocabulary import PERIODS, Board, Indicator, Legal, Look, Terms

BASIS = Legal("Từ vựng của Cổng dịch vụ công, bộ phận một cửa (Gia Lai và các tỉnh): Nghị định 61/2018/NĐ-CP, 107/2021/NĐ-CP; "
              "118/2025/NĐ-CP, 367/2025/NĐ-CP từ 1/7/2025", "2018-06-21")  # fmt: skip
NAMES = {"day": "hôm nay", "week": "tuần này", "month": "tháng này", "quarter": "quý này", "year": "năm nay"}
BY = ((), ("agency",), ("procedure",))


def _words(period: str) -> tuple[Indicator, ...]:
    of = NAMES[period]
    opened, ended = Look("dossier.backlog"), Look("dossier.resolved", this=period)
    return (
        Indicator(f"dossier.to_handle_{period}", f"Cần xử lý ({of})", f"To handle (this {period})", "hồ sơ",
                  f"received or opened again in the {period} to date + carried over into it + what came from other groups - what went "
                  "there; that is, open now + resolved in it",
                  Terms(("open", "ended"), (1, 1)), level=True, groupings=BY, legal=BASIS, looks=(opened, ended)),
        Indicator(f"dossier.carried_over_{period}", f"Tồn kỳ trước ({of})", f"Carried over (into this {period})", "hồ sơ",
                  f"open when the {period} began, where it was then: open now - the change of the backlog since then",
                  Terms(("open", "change"), (1, -1)), level=True, groupings=BY, legal=BASIS,
                  looks=(opened, Look("dossier.backlog", this=period))),
        Indicator(f"dossier.late_share_{period}", f"Tỉ lệ trễ ({of})", f"Share late (this {period})", "%",
                  f"(overdue now + resolved late in the {period}) / to handle; not the ratio of Decision 766",
                  Terms(("overdue", "late", "open", "ended"), (1, 1, 0, 0), (0, 0, 1, 1), 100.0), level=True, groupings=BY, legal=BASIS,
                  looks=(Look("dossier.overdue"), Look("dossier.resolved_late", this=period), opened, ended)),
    )  # fmt: skip


INDICATORS = tuple(indicator for period in PERIODS for indicator in _words(period))
BOARD = Board(
    "one-stop", "Một cửa", "One-stop desk",
    tiles=("dossier.to_handle_month", "dossier.carried_over_month", "dossier.late_share_month", "dossier.due_today", "dossier.paused",
           "dossier.uncollected", "dossier.conformance"),
    rankings=(("dossier.late_share_month", "agency"), ("dossier.paused", "agency")),
    lines=(("dossier.late_share_day", "dossier.late_share_month"), ("dossier.on_time_share", "dossier.online_share"),
           ("dossier.paused", "dossier.uncollected")),
)  # fmt: skip
