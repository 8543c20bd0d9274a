"""Demo of learning: who of Thanh Hóa might learn what, and when. It counts nothing."""

from __future__ import annotations

import tomllib
from bisect import bisect
from collections.abc import Callable, Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from ioc.times import DAY, HOUR, MINUTE, OFFSET
from ioc.vocabulary import Told

DATA = Path(__file__).parent / "data"
COURSES, AGENCIES = DATA / "courses.toml", DATA / "agencies.toml"
LIFE = 45
"""Days within which an enrolment of the demo is over: then the platform drops who has not completed."""
WHO = {"group_members": 0.35, "citizens": 0.3, "officials": 0.15, "students": 0.15, "commune_leaders": 0.05}


def demo(chance: Callable[..., float], day: int) -> Iterator[Told]:
    """What happens on a day to the enrolments that began on it or in the weeks before."""
    for born in range(day - LIFE, day + 1):
        for n in range(40 + int(20 * chance("learning", born)) + 20 * (born % 7 in (2, 3))):
            yield from _life(chance, born, n, day)


def _life(chance: Callable[..., float], born: int, n: int, day: int) -> Iterator[Told]:
    """What the n-th enrolment of a day does on another day. Of most nothing: so one number says when it ends, and how."""
    fate = chance("enrolment", born, n)
    completes, luck = fate < 0.72, (fate / 0.72 if fate < 0.72 else (fate - 0.72) / 0.28)
    ends = born + (1 + int(luck**2 * 30) if completes else 3 + int(luck * (LIFE - 3)))
    certified = ends + 1 + n % 3
    if day not in (born, ends, certified):
        return
    number = f"GD-{born}-{n:03}"

    def told(at: int, state: str, **more: object) -> Told:
        return Told(at, "/hoctap/thanhhoa", f"{number}/{state}", {"enrolment": number, "state": state} | more)

    if day == born:
        yield told(_at(chance, day, n, "begins"), "enrolled", **_who(chance, born, n))
    if day == ends:
        yield told(_at(chance, day, n, "ends"), "completed" if completes else "dropped")
    if day == certified and completes and n % 8:
        yield told(day * DAY - OFFSET + 8 * HOUR + int(chance("certified", born, n) * 120) * MINUTE, "certified")


def _at(chance: Callable[..., float], day: int, n: int, what: str) -> int:
    """When people learn: in the evening most of all, at weekends all day; a few at night."""
    luck, free = chance("when", day, n, what), day % 7 in (2, 3)
    if luck < (0.4 if free else 0.6):
        opens, length = 19.0, 4.0
    elif luck < 0.85:
        opens, length = (8.0, 11.0) if free else (11.5, 2.0)
    else:
        opens, length = (0.0, 24.0) if luck > 0.93 else (8.0, 9.0)
    return day * DAY - OFFSET + int((opens + length * chance("at", day, n, what)) * 60) * MINUTE


def _who(chance: Callable[..., float], born: int, n: int) -> dict[str, str]:
    """Who enrolls in what, and where."""
    courses, codes, weights = _listed()
    audience = list(WHO)[min(bisect(list(accumulate(WHO.values())), chance("who", born, n)), len(WHO) - 1)]
    fitting = courses[audience]
    unit = codes[bisect(weights, chance("where", born, n) * weights[-1])]
    group = {"group": f"TCN-2025-{unit}-{1 + int(10 * chance('group', born, n)):02}"} if audience == "group_members" else {}
    return {"course": fitting[int(chance("course", born, n) * len(fitting))], "unit": unit, "audience": audience} | group


@cache
def _listed() -> tuple[dict[str, list[str]], list[str], list[float]]:
    """The courses of each audience; the communes, and their weights added up."""
    courses: list[Any] = tomllib.loads(COURSES.read_text(encoding="utf-8"))["course"]
    communes = tomllib.loads(AGENCIES.read_text(encoding="utf-8"))["communes"]
    of = {audience: [course["code"] for course in courses if audience in course["audience"]] for audience in WHO}
    return of, [unit for _, _, unit, _ in communes], list(accumulate(weight + 1 for *_, weight in communes))
