"""Dossier lives: how the demo's dossiers arrive at the desks and what becomes of them. Pure, seeded.

A day's dossiers depend on the seed and the day alone, so any day can be made again without the days before it.
"""

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import NamedTuple

from ioc.calendar.rules import Shape
from ioc.calendar.workdays import calendar
from ioc.province.data import Agency, Procedure, communes, departments, procedures
from ioc.province.incidents import Shortages, dice
from ioc.province.life import Step, Work
from ioc.province.service import Service
from ioc.province.text import Said, day_text
from ioc.times import DAY, HOUR, MINUTE, OFFSET, SECOND

A_DAY = 900
"""Dossiers that arrive on a working day, about."""
ON_A_FREE_DAY = 80
"""On weekends and holidays the portal alone is open."""
LIFE = 120 * DAY
"""Nothing happens to a dossier later than this after its arrival."""
BY_WEEKDAY = (1.2, 1.05, 0.98, 0.95, 0.82, 1.0, 1.0)


class Life(NamedTuple):
    """A dossier: its number (mã hồ sơ) and its steps in order of time."""

    dossier: str
    steps: list[Step]


class Desks:
    """All one-stop desks (bộ phận một cửa) of the province."""

    def __init__(self, seed: int) -> None:
        self.hours = calendar()
        self._seed = seed
        self._procedures = procedures()
        self._departments = {a.code: a for a in departments()}
        self._communes = communes()
        self._by_weight = list(accumulate(p.weight for p in self._procedures))
        self._by_weight_online = list(accumulate(p.weight * p.online for p in self._procedures))
        self._by_size = list(accumulate(a.weight for a in self._communes))
        big = sorted(self._communes, key=lambda a: -a.weight)[:2]
        answering = {p.at for p in self._procedures if p.weight >= 4}
        self.shortages = Shortages(seed, [a for a in departments() if a.code in answering] + big)

    def day(self, day: int) -> list[Life]:
        """The lives of the dossiers that arrive on a day (days since 1970, local), in order of arrival."""
        rng = Random(dice(self._seed, "day", day))  # noqa: S311 - a reproducible simulation
        open_at = self.hours.hours(day)
        works = bool(open_at)
        size = A_DAY * BY_WEEKDAY[(day + 3) % 7] if works else ON_A_FREE_DAY
        if works and not (self.hours.works(day - 1) or self.hours.works(day - 3)):
            size *= 1.2  # after a long holiday
        count = round(size * rng.uniform(0.93, 1.07))
        kinds = rng.choices(self._procedures, cum_weights=self._by_weight if works else self._by_weight_online, k=count)
        places = rng.choices(self._communes, cum_weights=self._by_size, k=count)
        midnight = day * DAY - OFFSET
        arrivals = []
        for procedure, place in zip(kinds, places, strict=True):
            online = not works or rng.random() < procedure.online
            arrivals.append((midnight + _clock(rng, open_at, online), online, procedure, place))
        arrivals.sort(key=lambda arrival: arrival[0])
        date = day_text(day).replace("-", "")
        return [self._life(rng, date, number, *arrival) for number, arrival in enumerate(arrivals, 1)]

    def _life(self, rng: Random, date: str, number: int, arrival: int, online: bool, procedure: Procedure, place: Agency) -> Life:
        agency = place if procedure.at == "commune" else self._departments[procedure.at]
        steps: list[Step] = []
        about: dict[str, Said] = {
            "agency": agency.code,
            "procedure": procedure.code,
            "channel": "online" if online else "post" if rng.random() < 0.06 else "counter",
            "service_level": procedure.level,
            "unit": place.unit,
        }
        received, answered = arrival, online and procedure.automatic
        if online:
            steps.append(Step(arrival, "registered", about))
            about = {}
            accepted = self.hours.at(arrival) + MINUTE + int(rng.expovariate(1 / (50 * MINUTE)))
            received = arrival + 5 * SECOND if answered else self.hours.moment(accepted) // SECOND * SECOND
            luck = rng.random()
            if luck < 0.025:
                steps.append(Step(received, "refused" if luck < 0.018 else "withdrawn", {}))
                received = 0
        if received:
            steps.append(Step(received, "received", about | {"due_at": self.hours.due(received, procedure.days)}))
            if answered:
                done = received + rng.randint(20, 900) * SECOND
                steps += (Step(done, "completed", {}), Step(done + rng.randint(1, 30) * SECOND, "returned", {}))
            else:
                Work(rng, self.hours, self.shortages, steps, agency, procedure).run(online)
        limit, dossier = arrival + LIFE, f"{agency.short}-{date}-{number:04}"
        service = Service(self._seed, dossier, procedure, online)
        return Life(dossier, [service.told(step) for step in steps if step.time < limit])


def _clock(rng: Random, open_at: Shape, online: bool) -> int:
    """The time of day (ms since midnight) at which somebody files a dossier; `open_at`: the office hours of the day, if any."""
    if online and (not open_at or rng.random() < 0.3):
        clock = rng.triangular(6 * HOUR, 23.5 * HOUR, 20 * HOUR)
    else:  # mornings and afternoons have each their peak
        (opens, closes), peak = (open_at[0], 8.5 * HOUR) if rng.random() < 0.6 else (open_at[-1], 14.3 * HOUR)
        clock = rng.triangular(opens, closes, min(max(peak, opens), closes))
    return int(clock) // SECOND * SECOND
