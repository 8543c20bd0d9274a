"""Axis (trục liên thông văn bản): what the demo's province sends each other, and what it had sent before its center opened.

Neither decides what is counted: `streams/documents.py` does.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from random import Random
from typing import NamedTuple

from ioc.calendar.workdays import calendar
from ioc.times import DAY, HOUR, MINUTE, OFFSET, SECOND
from ioc.vocabulary import Told
from schemas.document import STATUSES

AGENCIES = Path(__file__).parent / "data" / "agencies.toml"
SENDER = "/truclienthong/thanhhoa"
LIFE = 24
"""Days within which all is done with a document of the demo, a Tết among them."""
POLICE = "000.00.15.H56"
"""Who is on duty at night: Công an tỉnh."""
SHIFTS = (0, 6, 12, 18)
"""Hours at which the duty reports."""


class Sent(NamedTuple):
    """A document of the demo: who sends it to whom and when (ms), and what it states beside."""

    time: int
    sender: str
    receivers: list[str]
    document: str
    says: dict[str, object]
    duty: bool = False


def demo(chance: Callable[..., float], day: int) -> Iterator[Told]:
    """What happens on a day to the documents that were sent on it or in the weeks before."""
    begin = day * DAY - OFFSET
    for born in range(day - LIFE, day + 1):
        for time, status, sent, receiver in _born(chance("documents", born), born):
            if begin <= time < begin + DAY:
                yield _told(sent, receiver, time, status)


@lru_cache(maxsize=64)
def _born(seed: float, day: int) -> tuple[tuple[int, str, Sent, str], ...]:
    """All that ever happens to the documents sent on a day: time, status, document, receiver."""
    luck, found = Random(f"{seed}"), []  # noqa: S311 - a reproducible simulation
    for sent in _sent(luck, day):
        for receiver in sent.receivers:
            steps = _duty(luck, sent.time) if sent.duty else _life(luck, sent.time)
            found += [(time, status, sent, receiver) for time, status in steps]
    return tuple(found)


def _told(sent: Sent, receiver: str, time: int, status: str) -> Told:
    delivery = f"{sent.document}/{receiver}"
    data: dict[str, object] = {"delivery": delivery, "status": status}
    if status == "arrived":
        data |= {"document": sent.document, "sender": sent.sender, "receiver": receiver} | sent.says
    return Told(time, SENDER, f"{delivery}/{STATUSES[status][0]}", data)


def _sent(luck: Random, day: int) -> Iterator[Sent]:
    """The documents sent on a day: in office hours, a few on days off, and the reports of the duty."""
    works, start = calendar().works(day), day * DAY - OFFSET
    departments, communes = _agencies()
    written = day_of(day)
    for n in range(len(SHIFTS) + (31 + luck.randrange(12) if works else 2 + luck.randrange(4))):
        duty = n < len(SHIFTS)
        signed = "valid" if (lot := luck.random()) < 0.987 else "none" if lot < 0.995 else "invalid"
        agency = "valid" if luck.random() < 0.998 else "invalid"
        way = luck.random()
        if duty:
            time = start + SHIFTS[n] * HOUR + luck.randrange(5 * MINUTE, 20 * MINUTE, SECOND)
            sender, receivers = POLICE, luck.sample(communes, 1)
        else:
            clock = luck.choice((8, 9, 9, 10, 10, 13, 14, 14, 15, 16, 16)) if works else luck.randrange(7, 21)
            time = start + clock * HOUR + luck.randrange(0, HOUR, SECOND)
            if way < 0.5:
                sender, receivers = luck.choice(departments), luck.sample(communes, luck.choice((1, 1, 2, 3, 4, 6)))
            elif way < 0.8:
                sender, receivers = luck.choice(communes), luck.sample(departments, 1)
            else:
                sender, *receivers = luck.sample(departments, luck.choice((2, 2, 3, 4)))
        code = f"{(written.timetuple().tm_yday - 1) * 50 + n + 1}/{_initials()[sender]}"
        says: dict[str, object] = {"code": code, "agency_signature": agency, "personal_signature": signed}
        yield Sent(time, sender, receivers, f"{sender},{written:%Y/%m/%d},{code}", says, duty)


def _duty(luck: Random, sent: int) -> list[tuple[int, str]]:
    """Who is on duty reads at once, at any hour."""
    return [(sent, "arrived"), (sent + luck.randrange(5 * MINUTE, 30 * MINUTE, SECOND), "received")]


def _life(luck: Random, sent: int) -> list[tuple[int, str]]:
    """What becomes of a delivery: most are accepted within hours, some are late, a few refused or asked back."""
    kind, more, recall = luck.random(), luck.random(), luck.random()
    hours = 0.05 + 4 * luck.random() ** 2 if kind < 0.88 else 4 + 4 * luck.random() if kind < 0.95 else 8 + 20 * luck.random()
    accepted = _worked(sent, hours)
    if hours < 4 and luck.random() < 0.4 and not calendar().works((sent + OFFSET) // DAY):
        accepted = sent + int(hours * 3600) * SECOND  # somebody is there on a day off, too
    steps = {sent: "arrived", accepted: "refused" if luck.random() < 0.012 else "received"}
    refused = steps[accepted] == "refused"
    if more < 0.35 and not refused:
        assigned = _worked(accepted, 0.2 + 2 * luck.random())
        first = "assigned" if luck.random() < 0.7 else "processing"
        steps |= {assigned: first, _worked(assigned, 2 + 20 * luck.random()): "completed"}
    if recall < 0.016 and not refused:
        asked = sent + luck.randrange(10 * MINUTE, 90 * MINUTE, SECOND)
        answered, agreed = _worked(asked, 0.2 + 5 * luck.random()), luck.random() < 0.75
        steps = {time: status for time, status in steps.items() if not agreed or time < answered}
        steps |= {asked: "recalled", answered: "recall_agreed" if agreed else "recall_refused"}
    return sorted(steps.items())


def _worked(since: int, hours: float) -> int:
    """The instant so many working hours later."""
    return calendar().add(since, int(hours * 3600) * SECOND)


def day_of(day: int) -> date:
    """The date of a day since 1970."""
    return date(1970, 1, 1) + timedelta(days=day)


@cache
def _agencies() -> tuple[list[str], list[str]]:
    """The codes of departments and communes."""
    listed = tomllib.loads(AGENCIES.read_text(encoding="utf-8"))
    return [row[0] for row in listed["departments"]], [row[0] for row in listed["communes"]]


@cache
def _initials() -> dict[str, str]:
    """How each agency signs its documents: `SNV` Sở Nội vụ, `UBND` a commune."""
    listed = tomllib.loads(AGENCIES.read_text(encoding="utf-8"))
    words = {
        row[0]: [word for word in row[1].replace(",", "").split() if word != "và"] for rows in listed.values() for row in rows
    }
    return {code: "UBND" if name[0] == "UBND" else "".join(word[0].upper() for word in name) for code, name in words.items()}


# ---- a worked past

PAST = 4_480
"""Lots of 625 documents in the past of 2022: 2.8 million."""
LOT, UNSIGNED = 625, 8
"""Of a lot so many have no personal signature: 98.72 % have one."""
FIRST, LAST = date(2020, 1, 1), date(2022, 10, 5)


def past(chance: Callable[..., float]) -> Iterator[Told]:
    """The 2.8 million documents sent and received until the province opened its center, of which 98.72 % have a valid personal
    signature and all an agency's: known as totals, so two events a working day. Every month is so many whole lots."""
    first, last = ((end - date(1970, 1, 1)).days for end in (FIRST, LAST))
    weights = {day: (0.8 + 0.4 * chance("past", day)) * (1 + (day - first) / (last - first)) for day in range(first, last + 1)}
    days = [day for day in weights if calendar().works(day)]
    months = [list(month) for _, month in groupby(days, key=lambda day: f"{day_of(day):%Y-%m}")]
    for lots, month in zip(parts(PAST, (sum(weights[day] for day in month) for month in months)), months, strict=True):
        totals = parts(lots * LOT, (weights[day] for day in month))
        for day, total, without in zip(month, totals, parts(lots * UNSIGNED, totals), strict=True):
            for signature, count in (("valid", total - without), ("none", without)):
                delivery = f"thanh-hoa-2022/{day_of(day)}/{signature}"
                data: dict[str, object] = {"delivery": delivery, "status": "received", "count": count}
                data |= {"agency_signature": "valid", "personal_signature": signature}
                yield Told(day * DAY - OFFSET + 17 * HOUR, SENDER, delivery, data)


def parts(total: int, weights: Iterable[float]) -> list[int]:
    """A total in whole parts by weight; together they are the total.

    >>> parts(10, [1, 1, 1]), parts(7, [3, 1])
    ([3, 4, 3], [5, 2])
    """
    listed = list(weights)
    whole, upto, done = sum(listed), 0.0, 0
    found = []
    for weight in listed:
        upto += weight
        found.append(round(total * upto / whole) - done)
        done += found[-1]
    return found
