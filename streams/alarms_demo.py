"""Demo of network alarms: what the sites of the demo might tell. It counts nothing.

Sites whose measurements stop or turn bad (`ioc.province.incidents`) tell so, in the same minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from ioc.province.incidents import outage
from ioc.times import DAY, HOUR, MINUTE, OFFSET, SECOND
from ioc.vocabulary import Told
from streams.cells import on_air

SENDER = "/mang5g/thanhhoa"
LIFE = 26
"""Days within which an alarm of the demo is over."""
CYCLE = 28
"""Days after which a site has another warning that stands for long."""
Chance = Callable[..., float]


class Problem(NamedTuple):
    """What happens: on a cell or a site, how badly, and how long it usually lasts (minutes, at most)."""

    name: str
    kind: str
    severity: str
    of_cell: bool
    lasts: int


PROBLEMS = (
    Problem("Mains power failure", "environmental", "major", False, 180),
    Problem("High cabinet temperature", "environmental", "minor", False, 360),
    Problem("Cabinet door open", "environmental", "warning", False, 90),
    Problem("VSWR over threshold", "equipment", "minor", True, 600),
    Problem("RX signal level imbalance", "equipment", "warning", True, 900),
    Problem("Fan failure", "equipment", "minor", False, 1_400),
    Problem("Clock synchronisation lost", "processing_error", "minor", False, 240),
    Problem("Transport link degraded", "communications", "minor", False, 120),
    Problem("High interference", "qos", "warning", True, 300),
    Problem("Call drop rate over threshold", "qos", "minor", True, 120),
)
STANDING = ("License about to expire", "Certificate about to expire", "Battery capacity low", "Configuration not backed up")
"""Warnings that nobody hurries about."""


def demo(chance: Chance, day: int) -> Iterator[Told]:
    """What happens on a day to the alarms that were raised on it or before."""
    begin = day * DAY - OFFSET
    for born in range(day - LIFE, day + 1):
        for told in _born(chance, born):
            if begin <= told.time < begin + DAY:
                yield told


@lru_cache(2 * LIFE)
def _born(chance: Chance, day: int) -> tuple[Told, ...]:
    """All that becomes of the alarms of a day, whenever it does."""
    return tuple(_raised(chance, day))


def _raised(chance: Chance, day: int) -> Iterator[Told]:
    for n in range(14 + int(10 * chance("alarms", day))):
        yield from _usual(chance, day, n)
    yield from _flapping(chance, day)
    for place, (site, _) in enumerate(_sites()):
        if (day + 2 * place) % CYCLE == 0:
            yield from _standing(chance, day, site)
    for site, cells in _sites():
        begin, end, kind = outage(chance, site, day)
        if kind == "dark":
            yield from _one(chance, begin, end, site, None, "NE out of service", "communications", "critical")
            for cell in cells:
                yield from _one(chance, begin + 2 * SECOND, end, site, cell, "Cell unavailable", "communications", "critical")
        elif kind == "weak":
            for cell in cells:
                yield from _one(chance, begin + 20 * SECOND, end, site, cell, "Radio performance degraded", "qos", "major")


def _usual(chance: Chance, day: int, n: int) -> Iterator[Told]:
    """The n-th alarm of a day. A site has each problem at most once a day."""

    def luck(what: str) -> float:
        return chance("alarm", day, n, what)

    problem = PROBLEMS[(n + day) % len(PROBLEMS)]
    site, cells = _sites()[(n // len(PROBLEMS) * 5 + int(5 * luck("site")) + day * 3) % len(_sites())]
    cell = cells[int(luck("cell") * len(cells))] if problem.of_cell else None
    begin = day * DAY - OFFSET + int(luck("begin") * 24 * 60) * MINUTE + n * SECOND
    end = begin + int((2 + problem.lasts * luck("lasts") ** 2) * 60) * SECOND
    yield from _one(chance, begin, end, site, cell, problem.name, problem.kind, problem.severity)


def _flapping(chance: Chance, day: int) -> Iterator[Told]:
    """A link that comes and goes some times within an hour or so."""
    site, _ = _sites()[int(chance("flaps", day) * len(_sites()))]
    begin = day * DAY - OFFSET + int((1 + 20 * chance("flaps", day, "begin")) * 60) * MINUTE
    for _ in range(3 + int(4 * chance("flaps", day, "times"))):
        end = begin + int(240 * chance("flaps", begin, "lasts")) * SECOND
        yield from _one(chance, begin, end, site, None, "NG connection lost", "communications", "major")
        begin = end + int((3 + 15 * chance("flaps", begin, "pause")) * 60) * SECOND


def _standing(chance: Chance, day: int, site: str) -> Iterator[Told]:
    """A warning of a site that stands for days or weeks."""
    problem = STANDING[int(chance("standing", site, day) * len(STANDING))]
    begin = day * DAY - OFFSET + 9 * HOUR
    end = begin + int((2 + 23 * chance("standing", site, day, "lasts")) * 24) * HOUR
    yield from _one(chance, begin, end, site, None, problem, "processing_error", "warning")


def _one(
    chance: Chance, begin: int, end: int, site: str, cell: str | None, problem: str, kind: str, severity: str
) -> Iterator[Told]:
    """An alarm from raise to clear: told again by some elements, worse with time, acknowledged by those on duty."""
    alarm = f"{cell or site}/{problem}"
    episode = f"{alarm}/{begin // SECOND}"

    def luck(what: str) -> float:
        return chance(episode, what)

    def told(time: int, state: str, **more: object) -> Told:
        data = {"alarm": alarm, "state": state, "episode": episode} | more
        return Told(time, SENDER, f"{episode}/{state}/{(time - begin) // SECOND}", data)

    where = {"site": site, "object": f"SubNetwork=TH,ManagedElement={site}"} | ({"cell": cell} if cell else {})
    yield told(begin, "raised", severity=severity, kind=kind, problem=problem, **where)
    if luck("repeated") < 0.05:
        yield told(begin + (end - begin) // 2, "raised", severity=severity, **{"site": site})
    worse = {"minor": "major", "warning": "minor"}.get(severity)
    if worse and end - begin > HOUR and luck("worse") < 0.25:
        yield told(begin + (end - begin) // 3, "changed", severity=worse)
    seen = begin + int((1 + 40 * luck("seen") ** 2) * 60) * SECOND
    if seen < end and (severity != "warning" or luck("looked") < 0.5):
        yield told(seen, "acknowledged")
        if luck("handed") < 0.04 and seen + 10 * MINUTE < end:
            yield told(seen + 10 * MINUTE, "unacknowledged")
    yield told(end, "cleared")


@cache
def _sites() -> list[tuple[str, list[str]]]:
    """Sites and their cells that are on air still."""
    return list(on_air().items())
