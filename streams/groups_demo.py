"""Groups of the demo: the province's community digital groups as they are founded, grow and work; and how they came to be in 2022."""

from __future__ import annotations

import csv
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from zlib import crc32

from ioc.times import DAY, HOUR, MINUTE, OFFSET
from ioc.vocabulary import Told

DATA = Path(__file__).parent / "data"
SENDER = "/tocongnghe/thanhhoa"
GROUPS, MEMBERS = 4_233, 14_478
"""What the province reported at the opening of its centre, 6 October 2022."""
EPOCH = date(1970, 1, 1)
FOUNDED, SETTLED = (date(2025, 7, 1) - EPOCH).days, (date(2025, 10, 1) - EPOCH).days
"""The demo's groups are those of the communes of July 2025, so they are told of anew from then on, within a quarter. Only then does
anything change, and snapshots begin."""
LASTS = 40, 90
"""After how many days a new group that does not last is dissolved."""
Chance = Callable[..., float]


def demo(chance: Chance, day: int) -> Iterator[Told]:
    """What happens on a day: sessions and help at any time, some who join or leave, a new group; at a month's beginning snapshots."""
    yield from _registered().get(day, ())
    yield from _changes(chance, day)
    yield from _sessions(chance, day)
    yield from _help(chance, day)
    yield from _snapshots(chance, day)


def stock(chance: Chance, day: int) -> Iterator[Told]:
    """The groups and members there are before a day, what changed since they were told of, and the last snapshots."""
    for before, events in _registered().items():
        if before < day:
            yield from events
    for before in range(SETTLED, day):
        yield from _changes(chance, before)
    yield from _snapshots(chance, (EPOCH + timedelta(days=day - 1)).replace(day=1).toordinal() - EPOCH.toordinal())


def past(chance: Chance) -> Iterator[Told]:
    """How the groups that the province reported in October 2022 came to be, in the communes of that time."""
    with (DATA / "units" / "units.csv").open(encoding="utf-8", newline="") as file:
        communes = [row["code"] for row in csv.DictReader(file) if row["level"] == "commune" and row["valid_from"] < "2022"]
    first, last = ((day - EPOCH).days for day in (date(2022, 5, 1), date(2022, 10, 5)))
    yield from _founding(chance, 2022, dict.fromkeys(communes, 1.0), first, last)


def _told(time: int, state: str, group: str, unit: str, end: str = "", **more: object) -> Told:
    subject = group + end
    data = {"subject": subject, "state": state, "group": group, "unit": unit} | more
    return Told(time, SENDER, f"{subject}/{state}", data)


def _founding(luck: Chance, year: int, communes: dict[str, float], first: int, last: int) -> Iterator[Told]:
    """Groups and members of communes, by their weights, founded from a first to a last day (days since 1970)."""
    number, whole, done = 0, sum(communes.values()), 0.0
    for unit, weight in communes.items():
        done += weight
        before, number = number, round(GROUPS * done / whole)
        for n in range(before, number):
            group = f"TCN-{year}-{unit}-{n - before + 1:02}"
            day = first + int(luck(group, "day") * (last - first + 1))
            time = day * DAY - OFFSET + 8 * HOUR + int(luck(group, "time") * 9 * 60) * MINUTE
            yield _told(time, "founded", group, unit)
            for k in range(1, MEMBERS * (n + 1) // GROUPS - MEMBERS * n // GROUPS + 1):
                yield _told(time + 5 * k * MINUTE, "joined", group, unit, f"/{k}")


@cache
def _registered() -> dict[int, list[Told]]:
    """The foundings and joinings of the demo's groups by day. In a small commune there is a group for each village, too."""
    listed = tomllib.loads((DATA / "agencies.toml").read_text(encoding="utf-8"))["communes"]
    found: dict[int, list[Told]] = {}
    weights = {unit: weight + 1 for _, _, unit, weight in listed}
    for one in _founding(lambda *what: crc32("/".join(what).encode()) / (1 << 32), 2025, weights, FOUNDED, SETTLED - 1):
        found.setdefault((one.time + OFFSET) // DAY, []).append(one)
    return found


@cache
def _those(state: str) -> list[tuple[str, str, str]]:
    """Subject, group and unit of each group (`founded`) or membership (`joined`) that was registered."""
    told = (one.data for events in _registered().values() for one in events)
    return sorted((str(d["subject"]), str(d["group"]), str(d["unit"])) for d in told if d["state"] == state)


def _any_group(chance: Chance, *what: object) -> tuple[str, str]:
    """A group that was registered, and its unit."""
    groups = _those("founded")
    return groups[int(chance("group", *what) * len(groups))][1:]


def _changes(chance: Chance, day: int) -> Iterator[Told]:
    """Who joins and leaves on a day, and which group is new or is dissolved. Nobody leaves twice."""
    if day < SETTLED:
        return
    begin = day * DAY - OFFSET

    def at(*what: object) -> int:
        return begin + 7 * HOUR + int(chance("group", day, *what, "time") * 14 * 60) * MINUTE

    for n in range(1 + int(3 * chance("groups", day, "joins"))):
        group, unit = _any_group(chance, day, n, "joins")
        yield _told(at("joins", n), "joined", group, unit, f"/{day}-{n}")
    for n in range(2):
        if chance("groups", day, n, "leaves") < 0.75:
            members = _those("joined")
            subject, group, unit = members[((day - SETTLED) * 2 + n) * 7_919 % len(members)]
            yield _told(at("leaves", n), "left", group, unit, subject.removeprefix(group))
    for born in range(day, day - LASTS[1], -1):
        if born % 2 or born < SETTLED:
            continue
        group, size, unit = f"TCN-{born}", 3 + int(2 * chance("groups", born, "size")), _any_group(chance, born, "new")[1]
        if born == day:
            yield _told(time := at("new"), "founded", group, unit)
            for k in range(1, size + 1):
                yield _told(time + 5 * k * MINUTE, "joined", group, unit, f"/{k}")
        elif day - born >= LASTS[0] and _lasts(chance, born) == day - born:
            time = at("ends")
            for k in range(1, size + 1):
                yield _told(time, "left", group, unit, f"/{k}")
            yield _told(time, "dissolved", group, unit)


def _lasts(chance: Chance, born: int) -> int:
    """How many days a new group is there; 0: it stays."""
    if chance("groups", born, "stays") < 0.85:
        return 0
    return LASTS[0] + int(chance("groups", born, "lasts") * (LASTS[1] - LASTS[0]))


def _sessions(chance: Chance, day: int) -> Iterator[Told]:
    """Sessions of outreach, in the evening and at weekends most of all; some of those who came are helped afterwards."""
    for n in range(22 + int(18 * chance("groups", day, "sessions")) + 14 * (day % 7 in (2, 3))):
        group, unit = _any_group(chance, day, n, "session")
        luck = chance("session", day, n, "when")
        opens, length = (8.5, 2) if luck < 0.25 else (14.5, 2) if luck < 0.45 else (18.5, 2.5)
        time = day * DAY - OFFSET + int((opens + length * chance("session", day, n, "time")) * 60) * MINUTE
        end, people = f"/TT-{day}-{n}", 12 + int(40 * chance("session", day, n, "people"))
        yield _told(time, "outreach", group, unit, end, people=people)
        yield _told(time + 30 * MINUTE, "helped", group, unit, end, people=1 + people // 4)


def _help(chance: Chance, day: int) -> Iterator[Told]:
    """Help at home, at the market and at the one-stop desk, from early morning to late evening."""
    for n in range(60 + int(40 * chance("groups", day, "help"))):
        group, unit = _any_group(chance, day, n, "help")
        time = day * DAY - OFFSET + 6 * HOUR + int(chance("help", day, n, "time") * 17 * 60) * MINUTE
        yield _told(time, "helped", group, unit, f"/HT-{day}-{n}", people=1 + int(4 * chance("help", day, n, "people")))


def _snapshots(chance: Chance, day: int) -> Iterator[Told]:
    """What every commune counts where a month begins: what there is, in one of twenty a member or two more or less."""
    begins = EPOCH + timedelta(days=day)
    if begins.day != 1 or day < SETTLED:
        return
    states = {"founded": ("groups", 1), "dissolved": ("groups", -1), "joined": ("members", 1), "left": ("members", -1)}
    there: defaultdict[tuple[str, str], int] = defaultdict(int)
    changes = (one for before in range(SETTLED, day) for one in _changes(chance, before))
    for events in (*_registered().values(), changes):
        for one in events:
            what, sign = states[str(one.data["state"])]
            there[str(one.data["unit"]), what] += sign
    for unit in sorted({unit for unit, _ in there}):
        luck = chance("snapshot", unit, day)
        drift = (-2, -1, -1, 1, 1, 2)[int(luck / 0.05 * 6)] if luck < 0.05 else 0
        yield Told(
            day * DAY - OFFSET, SENDER, f"{unit}/{begins:%Y-%m}",
            {"subject": unit, "state": "counted", "unit": unit, "groups": there[unit, "groups"], "members": there[unit, "members"] + drift},
        )  # fmt: skip
