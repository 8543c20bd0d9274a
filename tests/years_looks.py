"""Years: what looks at the sums of others must say at any instant (foresight, the words of the one-stop desk, silence), by own
formulas.

Own working days (`tests.brute_worktime`), own periods (`tests.rolled.begin`); the limits are those of streams/foresight.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from ioc.asking import read
from ioc.catalog import Catalog
from ioc.store.clickhouse import Store
from ioc.vocabulary import Indicator, Stream
from tests.brute_worktime import DAY, HOUR, days, days_before, local, midnight, periods, worked, works
from tests.rolled import begin
from tests.years import Sums, Told, _Held, same

DAYS = (1, 2, 3, 4, 5, 10)
OVERDUE, BACKLOG = {(): 300, ("agency",): 20, ("procedure",): 20}, {(): 5_000, ("agency",): 200, ("procedure",): 400}
HOURS = 75
Group = tuple[str, ...]


def day_end(at: int, n: int) -> int:
    """The end of the n-th working day from that of the instant just before `at` on."""
    for day in days(local(at - 1)[0], 1):
        n -= works(day)
        if not n:
            return midnight(day + timedelta(days=1))
    raise AssertionError


def looked_back(at: int) -> int:
    """The first instant from which there are no more than 75 working hours: before an opening, the closing before it."""
    since = days_before(at, 10)
    for day in days(local(since)[0], -1):
        for opens, closes in reversed(periods(day)):
            if opens < since < closes:
                return since
            if closes <= since:
                return closes if worked(closes, since) == 0 else since
    raise AssertionError


class Looks:
    """What each look says of every group of a grouping, at an instant (ms), from what was known before `known` (None: all)."""

    def __init__(self, sums: Sums, grouping: Group, at: int, known: int | None) -> None:
        self._sums, self._grouping, self._at, self._known = sums, grouping, at, known

    def _count(self, name: str, low: int, high: int) -> dict[Group, int]:
        found = self._sums.by(f"dossier.{name}", self._grouping, low, high, self._known)
        return {group: measures[0] for group, measures in found.items()}

    def values(self, indicator: str) -> dict[Group, float | None]:
        """The values of an indicator by group; a group that is not there has nothing."""
        name, at = indicator.removeprefix("dossier."), self._at
        if name.startswith("overdue_ahead_"):
            return dict(self._count("overdue", 0, day_end(at, int(name.rpartition("_")[2]))))
        if name in ("arrivals", "capacity"):
            of = "received" if name == "arrivals" else "resolved"
            return {group: n / HOURS for group, n in self._count(of, looked_back(at), at).items()}
        if name == "needed_daily":
            ahead = {n: self._count("overdue", 0, day_end(at, n)) for n in DAYS}
            return {group: self._needed({n: found.get(group, 0) for n, found in ahead.items()}) for group in _all(ahead.values())}
        if name == "time_to_breach":
            stock = self._count("backlog", 0, at)
            came, went = (self._count(of, looked_back(at), at) for of in ("received", "resolved"))
            return {g: self._breach(*(part.get(g, 0) for part in (stock, came, went))) for g in _all((stock, came, went))}
        word, _, period = name.rpartition("_")
        return self._one_stop(word, begin(period, at))

    def _needed(self, ahead: dict[int, int]) -> float:
        a_day = 0
        while any(count - n * a_day > OVERDUE[self._grouping] for n, count in ahead.items()):
            a_day += 1
        return float(a_day)

    def _breach(self, stock: int, came: int, went: int) -> float | None:
        limit = BACKLOG[self._grouping]
        if stock > limit:
            return 0.0
        return (limit - stock) * HOURS / (came - went) if came > went else None

    def _one_stop(self, word: str, since: int) -> dict[Group, float | None]:
        opened, overdue = self._count("backlog", 0, self._at), self._count("overdue", 0, self._at)
        carried = self._count("backlog", 0, since)
        ended, late = (self._count(name, since, self._at) for name in ("resolved", "resolved_late"))
        found: dict[Group, float | None] = {}
        for group in _all((opened, overdue, carried, ended, late)):
            whole = opened.get(group, 0) + ended.get(group, 0)
            if word == "to_handle":
                found[group] = whole
            elif word == "carried_over":
                found[group] = carried.get(group, 0)
            else:
                found[group] = 100 * (overdue.get(group, 0) + late.get(group, 0)) / whole if whole else None
        return found


class Silence:
    """The same for the silence of sources."""

    def __init__(self, sums: Sums, grouping: Group, at: int, known: int | None) -> None:
        self._sums, self._grouping, self._at, self._known = sums, grouping, at, known

    def values(self, indicator: str) -> dict[Group, float | None]:
        """How much is usual where nothing came in an hour, or in a day."""
        length = 24 * HOUR if indicator == "feed.silent_day" else HOUR
        now, *before = (self._came(back, length) for back in (0, *range(1, 8), 14, 21, 28))
        today = local(self._at - 1)[0]
        holiday = today.weekday() < 5 and not works(today)
        found: dict[Group, float | None] = {}
        for group in _all((now, *before)):
            days = [came.get(group, 0) for came in before[:7]]
            weeks = [0, 0] if holiday else sorted(came.get(group, 0) for came in before[6:])
            found[group] = 0 if now.get(group) else max(min(days), weeks[1])
        return found

    def _came(self, back: int, length: int) -> dict[Group, int]:
        end = self._at - back * DAY
        found = self._sums.by("feed.received", self._grouping, end - length, end, self._known)
        return {group: measures[0] for group, measures in found.items()}


def _all(parts: Iterable[dict[Group, Any]]) -> set[Group]:
    return {group for part in parts for group in part}


def nothing(indicator: str) -> float | None:
    """What is said of a group of which nothing is known."""
    return None if "late_share" in indicator or indicator == "dossier.time_to_breach" else 0.0


def judge_looks(store: Store, catalog: Catalog, stream: Stream, sums: Sums, instants: Sequence[int], seed: int) -> int:
    """Reader and rolled first finals against these: at each instant some of them, by a grouping of chance, as known then and now;
    rolled, all of them at the hour before."""
    rng, compared, grain = random.Random(seed), 0, stream.grain
    looking = [i for i in stream.indicators if i.looks]
    for at in instants:
        for indicator in rng.sample(looking, 2):
            grouping, known = rng.choice(indicator.groupings), rng.choice((None, at // grain * grain))
            # what was received or resolved is known by the grain alone
            exact = indicator.name.startswith(("dossier.overdue_ahead_", "dossier.needed_daily", "dossier.carried_over_"))
            wanted = _looks(sums, grouping, at if exact else at // grain * grain, known, indicator)
            answers = read.value(store, catalog, indicator.name, at, known=known, by=grouping)
            found = {tuple(a.dims[d] for d in stream.dimensions): a.value for a in answers}
            for group in found.keys() | wanted.keys():
                said, right = found.get(group, nothing(indicator.name)), wanted.get(group, nothing(indicator.name))
                assert _near(said, right), (indicator.name, group, at, known, said, right)
                compared += 1
    return compared + sum(_judge_rolled(store, stream, sums, indicator, instants) for indicator in looking)


def _looks(sums: Sums, grouping: Group, at: int, known: int | None, indicator: Indicator) -> dict[Group, float | None]:
    kind = Silence if indicator.name.startswith("feed.") else Looks
    return kind(sums, grouping, at, known).values(indicator.name)


def _judge_rolled(store: Store, stream: Stream, sums: Sums, indicator: Indicator, instants: Sequence[int]) -> int:
    held, compared = _Held(store, indicator.view, "level"), 0
    for at in sorted({at // HOUR * HOUR for at in instants}):
        rows = held.at(at)
        for grouping in indicator.groupings:
            wanted = _looks(sums, grouping, at, at, indicator)
            mine = [g for g in rows if tuple(d for d, v in zip(stream.dimensions, g, strict=True) if v != "*") == grouping]
            for group in {*wanted, *mine}:
                first = rows[group][1] if group in rows else nothing(indicator.name)
                assert _near(first, wanted.get(group, nothing(indicator.name))), (indicator.name, group, at)
                compared += 1
    return compared


def _near(a: float | None, b: float | None) -> bool:
    return same(Told(a, a, a, 0), Told(b, b, b, 0))
