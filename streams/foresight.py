"""Foresight (dự báo): what becomes overdue in the coming days, how fast dossiers come and go, what that asks of an agency.

These indicators look at the panes of others (`Look`), so no event contributes to them. They are as known at their time: what was
foreseen on a past morning can be seen again (`ioc value --at T --known T`), and their latest value says what came of it.
"""

from __future__ import annotations

from ioc.vocabulary import Count, Indicator, Legal, Look, Needed, TimeToBreach, above

DAYS = (1, 2, 3, 4, 5, 10)
"""Coming working days that are looked ahead to, that of the instant itself counted."""
HOURS = 75
"""Working hours that are looked back over: ten working days of 7.5 h."""
OVERDUE = {(): 300, ("agency",): 20, ("procedure",): 20}
"""How many dossiers may be overdue (ngưỡng quá hạn): in the province, of an agency, of a procedure."""
BACKLOG = {(): 5_000, ("agency",): 200, ("procedure",): 400}
"""How many dossiers may be open (ngưỡng tồn đọng)."""
BY = ((), ("agency",), ("procedure",))
OWN = Legal("project's own", "2026-11-30")

INDICATORS = (
    *(
        Indicator(f"dossier.overdue_ahead_{n}", f"Sẽ quá hạn đến hết ngày làm việc thứ {n}", f"Overdue by the end of working day {n}", "hồ sơ",
                  f"dossiers overdue at the end of the {n}. coming working day if nothing is finished, today counted if offices are open; "
                  "midnight belongs to the day that ends", level=True, groupings=BY, legal=OWN,
                  looks=(Look("dossier.overdue", ahead=n),))
        for n in DAYS
    ),
    Indicator("dossier.arrivals", "Hồ sơ đến (mỗi giờ làm việc)", "Arrivals per working hour", "hồ sơ/giờ làm việc",
              f"received in the last {HOURS} working hours / {HOURS}", Count(per=HOURS), level=True, groupings=BY, legal=OWN,
              looks=(Look("dossier.received", last=HOURS),)),
    Indicator("dossier.capacity", "Năng lực xử lý (hồ sơ mỗi giờ làm việc)", "Capacity: completions per working hour", "hồ sơ/giờ làm việc",
              f"resolved in the last {HOURS} working hours / {HOURS}", Count(per=HOURS), level=True, groupings=BY, legal=OWN,
              looks=(Look("dossier.resolved", last=HOURS),)),
    Indicator("dossier.needed_daily", "Số hồ sơ phải giải quyết mỗi ngày làm việc", "Completions needed each working day", "hồ sơ/ngày làm việc",
              "the highest of (overdue by the end of working day n - limit) / n, rounded up, at least 0; n = "
              + ", ".join(map(str, DAYS)), Needed(DAYS, OVERDUE), level=True, groupings=BY, legal=OWN,
              alert=above(40, clear=30, by=("agency",)), looks=tuple(Look("dossier.overdue", ahead=n) for n in DAYS)),
    Indicator("dossier.time_to_breach", "Thời gian đến khi vượt ngưỡng tồn đọng (giờ làm việc)", "Time until the backlog passes its limit", "giờ làm việc",
              f"(limit - backlog) / (arrivals - capacity) over the last {HOURS} working hours; 0 where it is above the limit, none where it does "
              "not grow", TimeToBreach(HOURS, BACKLOG), level=True, groupings=BY, legal=OWN,
              looks=(Look("dossier.backlog"), Look("dossier.received", last=HOURS), Look("dossier.resolved", last=HOURS))),
)  # fmt: skip
"""In the order of the board."""
