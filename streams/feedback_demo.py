"""The feedback of the demo's province: citizens send at any hour, offices answer in theirs, and who is on duty answers on any day.

Now and then an agency falls behind, and some topic of some place is on everybody's mind for a week.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from ioc.calendar.workdays import calendar
from ioc.times import DAY, HOUR, MINUTE, OFFSET, SECOND
from ioc.vocabulary import Told

Chance = Callable[..., float]
Luck = Callable[[str], float]
DATA = Path(__file__).parent / "data"
SENDER = "/phananh/thanhhoa"
LIFE = 80
"""Days within which all is said of what was sent on a day."""
HOURS = (3, 2, 1, 1, 2, 5, 14, 28, 36, 38, 35, 28, 22, 26, 30, 30, 28, 30, 38, 54, 64, 58, 38, 16)
"""How many are sent in each hour of the day, relative to each other."""
DUTY = (7 * HOUR, 13 * HOUR, 19 * HOUR)
"""From when on the first questions of a day are sent: who is on duty answers them at once, on any day."""
BLOCK = 24
"""Days in which one thing is on everybody's mind, and some agencies fall behind."""
BUSY = 12
"""Communes with the most to do, of which one falls behind."""


def demo(chance: Chance, day: int) -> Iterator[Told]:
    """What happens on a day to what was sent on it or in the weeks before."""
    begin = day * DAY - OFFSET
    for born in range(day - LIFE, day + 1):
        yield from (one for one in _sent_on(chance, born) if begin <= one.time < begin + DAY)


@lru_cache(maxsize=2 * LIFE)
def _sent_on(chance: Chance, day: int) -> tuple[Told, ...]:
    """All that is ever told of what was sent on a day."""
    usual = 38 + int(20 * chance("feedback", day))
    block, age = divmod(day, BLOCK)
    more = 2 * max(0, min(age - 3, 12 - age))  # of one thing: day by day more, and then less
    return tuple(told for n in range(usual + more) for told in _life(chance, day, n, block if n >= usual else None))


class _Teller:
    """Tells the events of one feedback, each at a time of its own."""

    def __init__(self, feedback: str) -> None:
        self.feedback, self.number, self.last = feedback, 0, 0

    def told(self, time: int, state: str, **data: object) -> Told:
        """The next event, never before the last one."""
        self.number, self.last = self.number + 1, max(time, self.last + 40 * SECOND)
        return Told(self.last, SENDER, f"{self.feedback}/{self.number}", {"feedback": self.feedback, "state": state} | data)

    def office(self, days: int, luck: float) -> int:
        """A time in office hours on the n-th working day after the last event."""
        return _office(self.last, days, luck)


def _life(chance: Chance, day: int, n: int, block: int | None) -> Iterator[Told]:
    """The events of the n-th feedback of a day. `block`: it is of what is on everybody's mind then."""

    def luck(what: str) -> float:
        return chance("feedback", day, n, what)

    one, midnight = _Teller(f"PA-{day}-{n:03}"), day * DAY - OFFSET
    mind = luck if block is None else (lambda what: chance("feedback", "everybody's mind", block, what))
    (topic, department), (committee, unit) = _topic(mind("topic")), _place(mind("place"))
    agency = department if mind("level") < 0.3 else committee
    if n < len(DUTY):
        yield from _on_duty(one, luck, midnight + DUTY[n], {"agency": agency, "topic": topic, "unit": unit})
        return
    sent = int(15 * luck("hour") * MINUTE) if n == len(DUTY) else _hour(luck("hour"))
    kind = "report" if (which := luck("kind")) < 0.6 else "proposal" if which < 0.85 else "question"
    channel = ("app", "portal", "1022")[int(3 * luck("channel") ** 1.5)]
    yield one.told(midnight + sent, "received", agency=agency, topic=topic, unit=unit, kind=kind, channel=channel)
    if (fate := luck("fate")) < 0.04:
        yield one.told(one.office(1 + int(1.6 * luck("days")), luck("refused")), "refused")
        return
    other = {"topic": _topic(luck("other"))[0]} if block is None and luck("reclassified") < 0.06 else {}
    yield one.told(one.office(1, luck("classified")), "classified", **other)
    if fate < 0.1:
        yield one.told(one.office(1 + int(3.5 * luck("days")), luck("supplement")), "supplement")
    begun = midnight + sent
    if luck("transfer") < 0.1:
        agency = committee if agency == department else department
        yield one.told(one.office(1 + int(2.4 * luck("days")), luck("transferred")), "transferred", agency=agency)
        begun = one.last
    days = 2 + int(11 * luck("work") ** 1.3)
    if agency in _behind(chance, day // BLOCK) and luck("late") < 0.75:
        days += 8 + int(7 * luck("how late"))
    elif luck("late") < 0.05:
        days += 9
    yield one.told(_office(begun, days, luck("answered")), "answered")
    yield from _afterwards(one, luck)


def _on_duty(one: _Teller, luck: Luck, since: int, about: dict[str, str]) -> Iterator[Told]:
    """A question that is answered at once, and rated soon."""
    yield one.told(since + int(luck("hour") * 3600) * SECOND, "received", kind="question", channel="1022", **about)
    yield one.told(one.last + int((15 + 60 * luck("answered")) * 60) * SECOND, "answered")
    rating = "satisfied" if luck("mood") < 0.88 else "neutral"
    yield one.told(one.last + int((10 + 80 * luck("rated")) * 60) * SECOND, "rated", rating=rating, likes=int(3 * luck("likes")))


def _afterwards(one: _Teller, luck: Luck) -> Iterator[Told]:
    """The publication of an answer, what the sender thinks of it, and perhaps a second answer."""
    if luck("public") < 0.55:
        yield one.told(one.last + int((5 + 40 * luck("waits")) * MINUTE), "awaiting_publication")
        days = 4 + int(3 * luck("how forgotten")) if luck("forgotten") < 0.08 else 1
        yield one.told(one.office(days, luck("published")), "published")
    for time in ("first", "second"):
        if luck(f"rates {time}") > 0.55:
            return
        mood = luck(f"mood {time}")
        rating = "satisfied" if mood < 0.78 else "neutral" if mood < 0.88 else "dissatisfied"
        votes = {
            "likes": int(8 * luck(f"likes {time}") ** 2),
            "dislikes": int(3 * luck(f"dislikes {time}") ** 3) + 3 * (mood > 0.96),
        }
        yield one.told(one.last + int((1 + 50 * luck(f"rated {time}")) * 3600) * SECOND, "rated", rating=rating, **votes)
        if time == "second" or rating != "dissatisfied" or luck("insists") > 0.5:
            return
        yield one.told(one.last + int((2 + 20 * luck("reopened")) * 60) * SECOND, "reopened")
        yield one.told(one.office(3 + int(6 * luck("work again")), luck("answered again")), "answered")


def _office(after: int, days: int, luck: float) -> int:
    """A time in office hours (07:30-11:30, 13:30-17:00) on the n-th working day after an instant."""
    midnight, _ = calendar().day_after(after, days)
    worked = int(luck * 27_000) * SECOND
    return midnight + 15 * HOUR // 2 + worked + (2 * HOUR if worked >= 4 * HOUR else 0)


def _hour(luck: float) -> int:
    """When in a day a citizen sends, ms since its midnight."""
    hour, place = _drawn(luck, HOURS)
    return hour * HOUR + int(place * 3600) * SECOND


def _topic(luck: float) -> tuple[str, str]:
    """A topic, and the department that answers for it."""
    topics = _listed().topics
    code, _, department, _ = topics[_drawn(luck, tuple(row[3] for row in topics))[0]]
    return code, department


def _place(luck: float) -> tuple[str, str]:
    """The people's committee of a commune, and the commune."""
    communes = _listed().communes
    agency, _, unit, _ = communes[_drawn(luck, tuple(row[3] for row in communes))[0]]
    return agency, unit


@cache
def _ends(weights: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(accumulate(weights))


def _drawn(luck: float, weights: tuple[float, ...]) -> tuple[int, float]:
    """Which of them is drawn, by their weights, and where in it, from 0 to 1."""
    ends = _ends(weights)
    place = bisect_left(ends, luck * ends[-1])
    return place, max(0.0, 1 - (ends[place] - luck * ends[-1]) / weights[place])


@lru_cache(maxsize=64)
def _behind(chance: Chance, block: int) -> frozenset[str]:
    """Who falls behind in a block of days: mostly a department and a commune with much to do."""
    listed = _listed()
    departments = sorted({department for _, _, department, _ in listed.topics})
    busy = sorted(listed.communes, key=lambda row: -row[3])[:BUSY]
    drawn = (
        {departments[int(chance("behind", block, "department") * len(departments))]}
        if chance("behind", block, 1) < 0.7
        else set()
    )
    return frozenset(
        drawn | ({busy[int(chance("behind", block, "commune") * BUSY)][0]} if chance("behind", block, 2) < 0.8 else set())
    )


class _Listed(NamedTuple):
    topics: list[Any]
    communes: list[Any]


@cache
def _listed() -> _Listed:
    """(code, name, department, weight) of topics; (agency, name, unit, weight) of communes."""
    topics, agencies = (
        tomllib.loads((DATA / name).read_text(encoding="utf-8")) for name in ("feedback_topics.toml", "agencies.toml")
    )
    return _Listed(topics["topic"], agencies["communes"])
