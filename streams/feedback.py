"""Citizens' feedback (phản ánh, kiến nghị, PAKN): open, overdue, on time, published, rated; by agency, topic, place and kind.

What its life is, and what it adds to each indicator, stands in `streams.feedback_life`.
"""

from __future__ import annotations

from ioc.vocabulary import Board, Indicator, Legal, Ratio, Rollup, Stream, Within, above
from schemas.feedback import KINDS, FeedbackChanged
from streams import feedback_demo, periods
from streams.feedback_life import DATA, DAYS, FILES, Step, contributions, rank, rules

AGENCIES, TOPICS = DATA / "agencies.toml", DATA / "feedback_topics.toml"
AGENCY = ((), ("agency",))
BY = (*AGENCY, ("topic",), ("unit",))
CLOCKS = Legal("Quyết định 766/QĐ-TTg ngày 23/6/2022, chỉ số 5.2", "2022-06-23")
OWN = Legal("project's own", "2026-12-01")


def _index(number: str, vi: str, en: str, rule: str) -> Indicator:
    legal = Legal(f"Quyết định 766/QĐ-TTg ngày 23/6/2022, chỉ số {number[:3]}", "2022-06-23")
    name = f"index766.{number.replace('.', '_')}"
    return Indicator(name, vi, en, "%", rule, Within(periods.KINDS), windows=periods.KINDS, groupings=AGENCY, legal=legal)


STREAM = Stream(
    name="feedback",
    contract=FeedbackChanged,
    dimensions=("agency", "topic", "unit", "kind"),
    item=Step,
    rank=rank,
    contributions=contributions,
    indicators=(
        Indicator("feedback.received", "Phản ánh tiếp nhận", "Feedback received", "phản ánh", "+1 at the first event",
                  groupings=(*BY, ("kind",)), legal=OWN),
        Indicator("feedback.answered", "Phản ánh đã trả lời", "Feedback answered", "phản ánh",
                  "+1 at each answer of open feedback: answered, or awaiting_publication or published where no answer was told",
                  groupings=BY, legal=OWN),
        Indicator("feedback.refused", "Phản ánh bị từ chối", "Feedback refused", "phản ánh",
                  "+1 at each event refused of open feedback", groupings=AGENCY, legal=OWN),
        Indicator("feedback.reopened", "Phản ánh mở lại", "Feedback opened again", "phản ánh",
                  "+1 at each event reopened or transferred after an end; open is received + reopened - answered - refused",
                  groupings=AGENCY, legal=OWN),
        Indicator("feedback.open", "Phản ánh đang xử lý", "Open feedback", "phản ánh",
                  "+1 when received or opened again, -1 when answered or refused", level=True, groupings=BY, legal=OWN),
        Indicator("feedback.overdue", "Phản ánh quá hạn", "Overdue feedback", "phản ánh",
                  "open and past its clock: `resolve_days` (15) working days since it was received, opened again or last transferred",
                  level=True, groupings=BY, legal=CLOCKS, alert=above(10, hold="1h", clear=7, by=("agency",))),
        Indicator("feedback.due_soon", "Phản ánh sắp đến hạn", "Feedback due soon", "phản ánh",
                  "open and at most `due_soon_days` (3) working days before the end of its clock", level=True, groupings=AGENCY,
                  legal=OWN),
        Indicator("feedback.awaiting_publication", "Trả lời chờ công khai", "Answers that wait for publication", "phản ánh",
                  "+1 at awaiting_publication, -1 when published or opened again", level=True, groupings=AGENCY, legal=OWN),
        Indicator("feedback.publication_overdue", "Trả lời quá hạn công khai", "Answers overdue for publication", "phản ánh",
                  "waiting for its publication for more than `publish_days` (2) working days", level=True, groupings=AGENCY,
                  legal=CLOCKS),
        Indicator("feedback.on_time_share", "Tỷ lệ xử lý đúng hạn", "Share handled on time", "%",
                  "1 - late / answered or refused; late: answered after 15 working days, refused after 2, or its first supplement asked "
                  "for after 5", Ratio("late", "ended", complement=True), groupings=AGENCY, legal=CLOCKS),
        Indicator("feedback.satisfied_share", "Tỷ lệ hài lòng", "Share satisfied", "%", "ratings satisfied / all ratings",
                  Ratio("satisfied", "rated"), groupings=(*AGENCY, ("topic",)), legal=OWN),
        Indicator("feedback.handling_days", "Thời gian trả lời (ngày)", "Time to the answer", "ngày",
                  "days of the calendar from reception, or from opening again, to the answer; p50 and p90, exact to the bucket", DAYS,
                  groupings=AGENCY, legal=OWN),
        *(
            _index(f"5.1_{kind}", f"Tỷ lệ {vi.lower()}", f"Share of {kind}s",
                   f"of kind {kind} / all, of the feedback received, opened again, answered or refused in the period, each once")
            for kind, vi in KINDS.items()
        ),
        _index("5.2", "Phản ánh, kiến nghị xử lý đúng hạn", "Feedback handled on time",
               "of the feedback received, opened again, answered or refused in the period, each opening once: ended in time, or open and "
               "in time at its end / all; in time as feedback.on_time_share, and open for at most 15 working days"),
        _index("5.3", "Hài lòng với xử lý phản ánh, kiến nghị", "Satisfied with the handling of feedback",
               "of the feedback received, opened again, answered or refused in the period, each once: all - (more dislikes than likes, or "
               "late, or rated dissatisfied `repeated_dissatisfied` (2) times) / all"),
    ),
    data_files=FILES,
    reads=rules,
    units=(AGENCIES, TOPICS),
    rollups=(
        Rollup("agency_level", of="agency", file=AGENCIES, names={"departments": "Sở, ngành", "communes": "UBND xã, phường"}),
        Rollup("district", of="unit", tree=DATA / "units"),
        Rollup("province", of="unit", tree=DATA / "units"),
    ),
    board=Board(
        "feedback", "Phản ánh, kiến nghị", "Citizens' feedback",
        names={"agency": ("Cơ quan", "Agency"), "topic": ("Lĩnh vực", "Topic"), "unit": ("Xã, phường", "Commune"),
               "kind": ("Loại", "Kind"), "agency_level": ("Cấp", "Level")},
        tiles=("feedback.open", "feedback.overdue", "feedback.due_soon", "feedback.on_time_share", "feedback.satisfied_share",
               "feedback.publication_overdue"),
        rankings=(("feedback.open", "topic"), ("feedback.open", "unit")),
        choices=("agency_level",),
        lines=(("feedback.open", "feedback.overdue", "feedback.due_soon"), ("feedback.received", "feedback.answered"),
               ("feedback.on_time_share", "feedback.satisfied_share")),
    ),
    more_boards=(
        Board(
            "index766-feedback", "766: phản ánh", "Index 766: feedback",
            tiles=("index766.5_2", "index766.5_3", *(f"index766.5_1_{kind}" for kind in KINDS)),
            lines=(("index766.5_2", "index766.5_3"), tuple(f"index766.5_1_{kind}" for kind in KINDS)),
        ),
    ),
    demo=feedback_demo.demo,
)  # fmt: skip
