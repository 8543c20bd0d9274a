"""Network alarms (cảnh báo mạng 5G): active, affecting service, not acknowledged, flapping, never cleared; by site, cell, severity.

Not to be taken for the alerts (cảnh báo) of indicators: those are judged here, these are told by radio equipment. An entity is an
alarm condition on an object; what becomes of it says `streams.alarm_life`. An outage is counted by alarms: several on one cell are
entities of their own, perhaps in several partitions, and sums cannot tell that they are of one cell.
"""

from __future__ import annotations

from pathlib import Path

from ioc.vocabulary import Board, Fold, Indicator, Legal, Stream, above
from schemas.alarm import RanAlarm
from streams.alarm_life import CLEARING, RULES, Life, Step, advance, apart, rank, rules, say, spanned
from streams.alarms_demo import demo
from streams.cells import NAMES, PLACES

DATA = Path(__file__).parent / "data"
contributions = Fold(Life, advance, say, apart)
BY = ((), ("site",), ("site", "cell"), ("severity",))
WINDOWS = ("1h", "1d", "7d", "day", "month")
X733 = Legal("ITU-T X.733", "1992-02-10")
FAULTS = Legal("3GPP TS 28.111 (Rel-18)", "2024-03-30")
OWN = Legal("project's own", "2026-12-01")

STREAM = Stream(
    name="alarms",
    contract=RanAlarm,
    dimensions=("site", "cell", "severity", "kind"),
    item=Step,
    rank=rank,
    contributions=contributions,
    lifecycle=Fold(Life, advance, spanned),
    most=20_000,
    indicators=(
        Indicator("alarm.active", "Cảnh báo mạng đang hoạt động", "Active network alarms", "1",
                  "+1 when raised, -1 when cleared; a change of severity moves it from one severity to the other", level=True, groupings=BY,
                  legal=FAULTS),
        Indicator("alarm.active_service", "Cảnh báo mạng ảnh hưởng dịch vụ", "Active network alarms that affect service", "1",
                  "active, and service is affected: as the sender says, or else severity critical or major", level=True, groupings=BY,
                  legal=X733, alert=above(2, hold="5m", clear=0, by=("site",))),
        Indicator("alarm.unacknowledged", "Cảnh báo mạng chưa tiếp nhận", "Network alarms not acknowledged", "1",
                  "active, and not acknowledged since raised or unacknowledged", level=True, groupings=BY, legal=FAULTS),
        Indicator("alarm.outage", "Cảnh báo mất dịch vụ (ô, trạm)", "Alarms of cells and sites out of service", "1",
                  "active, with a problem that streams/data/alarms.toml lists as outage; alarms, not cells", level=True, groupings=BY,
                  legal=OWN),
        Indicator("alarm.never_cleared", "Cảnh báo mạng tồn đọng", "Network alarms never cleared", "1",
                  "active for more than `stale_days` (7) days", level=True, groupings=BY, legal=OWN),
        Indicator("alarm.raised", "Cảnh báo mạng phát sinh", "Network alarms raised", "lượt",
                  "+1 at each event raised of an alarm that is not active", windows=WINDOWS, groupings=BY, legal=FAULTS),
        Indicator("alarm.cleared", "Cảnh báo mạng kết thúc", "Network alarms cleared", "lượt",
                  "+1 at each event cleared of an active alarm", windows=WINDOWS, groupings=BY, legal=FAULTS),
        Indicator("alarm.time_to_clear", "Thời gian đến khi kết thúc", "Time to clear", "phút",
                  "minutes from raised to cleared, of what was cleared; p50 and p90, exact to the bucket", CLEARING, windows=WINDOWS,
                  groupings=BY, legal=OWN),
        Indicator("alarm.flapping", "Cảnh báo mạng chập chờn", "Network alarms that flap", "lượt",
                  "+1 when raised at most `flap_minutes` (15) after its clear before", windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("alarm.reraised", "Phát sinh lặp lại khi chưa kết thúc", "Raised again while active", "lượt",
                  "+1 at each event raised of an active alarm: it is the same alarm", windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("alarm.unmatched", "Thông báo không có cảnh báo gốc", "Changed or cleared without an alarm", "lượt",
                  "+1 at each event changed or cleared of an alarm that is not active, or of its episode before", windows=WINDOWS,
                  groupings=BY, legal=OWN),
    ),
    data_files=(RULES,),
    reads=rules,
    units=(DATA / "alarm_words.toml",),
    rollups=PLACES,
    board=Board(
        "alarms", "Cảnh báo mạng 5G", "5G network alarms",
        names={"site": ("Trạm", "Site"), "cell": ("Ô", "Cell"), "severity": ("Mức độ", "Severity"), "kind": ("Loại", "Kind"), **NAMES},
        tiles=("alarm.active", "alarm.active_service", "alarm.unacknowledged", "alarm.outage", "alarm.never_cleared",
               "alarm.time_to_clear"),
        rankings=(("alarm.active", "site"), ("alarm.active", "severity")),
        lines=(("alarm.active", "alarm.active_service", "alarm.unacknowledged"), ("alarm.outage", "alarm.never_cleared"),
               ("alarm.raised", "alarm.cleared", "alarm.flapping"), ("alarm.time_to_clear",)),
        overview_tiles=("alarm.active_service",),
    ),
    demo=demo,
)  # fmt: skip
