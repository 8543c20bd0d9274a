"""Dossier life: what becomes of one dossier between its reception and its hand-over. Pure, seeded."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from ioc.calendar.workdays import WorkCalendar
from ioc.province.data import Agency, Procedure, communes
from ioc.province.incidents import DAY_OF_WORK, Shortages
from ioc.province.text import Said
from ioc.times import HOUR, MINUTE, SECOND

ENDS = frozenset({"refused", "withdrawn", "stopped", "completed"})
"""States that end the processing of a dossier (a completed one may still be handed over)."""
ACTIVITIES = ("Thẩm định hồ sơ", "Lấy ý kiến cơ quan liên quan", "Trình lãnh đạo phê duyệt")


class Step(NamedTuple):
    """One event of a life: when, the state, and what else the event says (fields of `schemas.dossier.Dossier`)."""

    time: int
    state: str
    says: dict[str, Said]


def pace(rng: Random, days: int) -> float | None:
    """How much of its time limit a dossier takes: below 1 in time, above late; None: it is never finished."""
    luck = rng.random()
    if luck < 0.94:
        return rng.triangular(0.03, 0.95, 0.2) if days == 1 else rng.triangular(0.15, 0.97, 0.7)
    if luck < 0.988:
        return 1.03 + rng.expovariate(1 / 0.3)
    return rng.uniform(2, 5) if luck < 0.999 else None


class Work:
    """The work on a received dossier, in working time: `span` of it, begun at `begin`, pushed back by waiting."""

    def __init__(
        self, rng: Random, hours: WorkCalendar, shortages: Shortages, steps: list[Step], agency: Agency, procedure: Procedure
    ) -> None:
        self._rng, self._hours, self._shortages, self._steps = rng, hours, shortages, steps
        self._agency, self._procedure = agency, procedure
        self._says: dict[str, Said] = {"department": agency.department or procedure.department}
        self._code = agency.code
        self._begin = hours.at(steps[-1].time)
        self._due = hours.due_work(steps[-1].time, procedure.days)
        self._pace = pace(rng, procedure.days)
        self._span = int((self._due - self._begin) * (self._pace or 1.5))
        self._waited = 0

    def _step(self, w: int, state: str, says: dict[str, Said]) -> int:
        """Add a step at working time `w`, or when a shortage of staff allows it; returns its working time."""
        w = max(w, self._hours.at(self._steps[-1].time) + MINUTE)
        w = self._shortages.hold(self._code, w, self._rng.random())
        time = self._hours.moment(w) // SECOND * SECOND
        self._steps.append(Step(max(time, self._steps[-1].time + SECOND), state, says))
        return w

    def _at(self, share: float) -> int:
        """The working time at which a share of the work is done."""
        return self._begin + self._waited + int(self._span * share)

    def run(self, online: bool) -> None:
        """Add all steps up to the hand-over."""
        rng, procedure = self._rng, self._procedure
        first = min(self._begin + int(rng.expovariate(1 / HOUR)), self._at(0.3))
        self._waited = max(0, self._step(first, "processing", self._says | {"activity": ACTIVITIES[0]}) - self._at(0.3))
        if procedure.days >= 3 and rng.random() < 0.08 and not self._supplement():
            return
        more = min(2, rng.randint(0, 1 + procedure.days // 3))
        for share, activity in list(zip((0.45, 0.75), ACTIVITIES[1:], strict=True))[:more]:
            self._step(self._at(share * rng.uniform(0.9, 1.1)), "processing", self._says | {"activity": activity})
        if rng.random() < 0.004 and not self._agency.department:  # sent on to the commune that has jurisdiction
            self._code = rng.choice(communes()).code
            self._step(self._at(0.8), "processing", {"agency": self._code, "activity": "Chuyển hồ sơ đúng thẩm quyền"})
        if self._pace is not None:
            self._finish(online)

    def _supplement(self) -> bool:
        """Papers are missing: the clock stands still until they come. False: they never come, and the dossier is stopped."""
        rng = self._rng
        asked = self._step(self._at(rng.uniform(0.2, 0.5)), "supplement", {"activity": "Bổ sung thành phần hồ sơ"})
        if rng.random() < 0.1:
            self._step(asked + rng.randint(12, 22) * DAY_OF_WORK, "stopped", {})
            return False
        back = asked + int(DAY_OF_WORK * min(0.3 + rng.expovariate(1 / 2.5), 15))
        due = self._hours.deadline(self._due + back - asked)
        again = "received" if rng.random() < 0.6 else "processing"
        self._steps.append(Step(self._hours.moment(back) // SECOND * SECOND + SECOND, again, {"due_at": due // SECOND * SECOND}))
        self._waited += back - asked
        if again == "received":
            self._step(back + int(rng.expovariate(1 / HOUR)), "processing", self._says | {"activity": ACTIVITIES[0]})
        return True

    def _finish(self, online: bool) -> None:
        """Perhaps a payment, then the end, then the hand-over."""
        rng, procedure = self._rng, self._procedure
        if procedure.fee and procedure.days >= 3 and rng.random() < 0.5:
            self._step(self._at(0.85), "payment", {})
            if rng.random() < 0.5:
                self._step(self._at(0.95), "processing", self._says | {"activity": ACTIVITIES[2]})
        luck = rng.random()
        state = "stopped" if luck < 0.012 else "withdrawn" if luck < 0.02 else "completed"
        done = self._step(self._at(1), state, {})
        if state == "completed" and rng.random() < 0.98:
            by_mail = online and procedure.level == "full"
            wait = rng.uniform(1, 20) * MINUTE if by_mail else rng.expovariate(1 / DAY_OF_WORK)
            handed = max(self._hours.moment(done + int(wait)), self._steps[-1].time + SECOND)
            self._steps.append(Step(handed // SECOND * SECOND, "returned", {}))
