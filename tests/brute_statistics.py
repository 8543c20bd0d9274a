"""Brute force of statistics: what a series adds, told again from the head of the data file and the rules. No code of the engine.

Periods are the texts of the events. A walk is kept, so that a history with one more report goes on where the last one ended.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.brute import Event, Rows, ms, plus
from tests.brute_worktime import HOUR, midnight, works

FILE = Path(__file__).parents[1] / "streams/data/statistics.toml"
DEFINED: dict[str, dict[str, Any]] = {one["code"]: one for one in tomllib.loads(FILE.read_text("utf-8"))["statistic"]}
NEW_CODES = ms("2025-07-01T00:00:00+07:00")
"""From then on a commune's code is of another list."""
STEPS = 10_000
LEVELS = frozenset(f"statistic.{name}" for name in ("value", "rank", "plan_share", "year_gone", "change", "overdue"))
SHARES = {"statistic.plan_share": False, "statistic.year_gone": False, "statistic.change": False, "statistic.on_time_share": True}
MEANS = {"statistic.value": STEPS, "statistic.rank": STEPS}
ADDS = frozenset({"statistic.value"})


def kind(text: str) -> str:
    """What a period is."""
    return "quarter" if "Q" in text else {4: "year", 7: "month", 10: "day"}[len(text)]


@lru_cache(maxsize=1 << 16)
def days(text: str) -> tuple[date, date]:
    """The first day of a period, and that of the next one."""
    year = int(text[:4])
    if kind(text) == "day":
        return (day := date.fromisoformat(text)), day + timedelta(days=1)
    if kind(text) == "year":
        return date(year, 1, 1), date(year + 1, 1, 1)
    month, length = (3 * int(text[6]) - 2, 3) if kind(text) == "quarter" else (int(text[5:]), 1)
    return date(year, month, 1), date(year, month + length, 1) if month + length <= 12 else date(year + 1, 1, 1)


@lru_cache(maxsize=1 << 16)
def following(text: str) -> str:
    """The next period."""
    day = days(text)[1]
    quarter = f"{day.year}-Q{(day.month + 2) // 3}"
    return {"day": f"{day}", "month": f"{day}"[:7], "quarter": quarter, "year": f"{day.year}"}[kind(text)]


@lru_cache(maxsize=1 << 16)
def due(code: str, text: str) -> int | None:
    """Until when it is due: at an hour of its last day, or of the n-th working day after it."""
    asked = DEFINED[code]
    if "due_days" not in asked:
        return None
    day = days(text)[1] - timedelta(days=1)
    for _ in range(asked["due_days"]):
        day += timedelta(days=1)
        while not works(day):
            day += timedelta(days=1)
    return midnight(day) + asked.get("due_hour", 17) * HOUR


def made_one(way: str, figures: Sequence[int]) -> int:
    """Figures of periods as one: their sum, the last, or the mean to the nearest step."""
    if way == "mean":
        whole, rest = divmod(sum(figures), len(figures))
        return whole + (2 * rest >= len(figures))
    return sum(figures) if way == "sum" else figures[-1]


class Walk:
    """A series, report by report."""

    def __init__(self) -> None:
        self.rows: Rows = {}
        self.department: str | None = None
        self.begin("?")

    def begin(self, placed: str) -> None:
        """Nothing is known under this commune."""
        self.placed = placed
        self.figures: dict[str, dict[str, int]] = {}
        self.plans: dict[str, float] = {}
        self.first: tuple[int, str] | None = None
        self.newest = ""
        self.open: list[tuple[str, tuple[str, ...], tuple[int, ...]]] = []
        self.waits: dict[str, tuple[int, tuple[str, ...]]] = {}

    def add(self, name: str, dims: tuple[str, ...], at: int, *measures: int) -> None:
        key = (f"statistic.{name}", dims, at)
        self.rows[key] = plus(self.rows.get(key), measures)

    def end(self, at: int) -> None:
        """What holds now ends."""
        for name, dims, measures in self.open:
            self.add(name, dims, at, *(-m for m in measures))
        for since, dims in self.waits.values():
            self.late(dims, since, at)
        self.open, self.waits = [], {}

    def late(self, dims: tuple[str, ...], since: int, until: int) -> None:
        if since < until:
            self.add("overdue", dims, since, 1)
            self.add("overdue", dims, until, -1)

    def take(self, event: Event) -> None:
        """One more report."""
        data, at = event["data"], ms(event["time"])
        code, _, unit = data["series"].partition("/")
        placed = f"{unit}@2025-07-01" if unit and at >= NEW_CODES else unit or "?"
        if placed != self.placed:
            self.end(NEW_CODES)
            self.begin(placed)
        self.department = data.get("department") or self.department
        asked, text = DEFINED.get(code, {}), data["period"]
        dims = (code, placed, self.department or asked.get("department", "?"))
        if asked.get("period") != kind(text) or ("units" in asked) != bool(unit) or midnight(days(text)[0]) > at:
            self.add("unknown", dims, at, 1)
            return

        figure, of_year = round(data["value"] * STEPS), self.figures.setdefault(text[:4], {})
        self.add("reports", dims, at, 1)
        if of_year.get(text, figure) != figure:
            self.add("restated", dims, at, 1)
        self.first = self.first or (at, text)
        until = due(code, text)
        if text not in of_year and text > self.first[1] and until is not None and until > self.first[0]:
            self.add("on_time_share", dims, at, int(at > until), 1, 1)
            if at > until:
                self.add("late_reports", dims, at, 1)
        of_year[text] = figure
        if data.get("plan") is not None:
            self.plans[text[:4]] = data["plan"]

        if text in self.waits:
            since, whose = self.waits.pop(text)
            self.late(whose, since, at)
        for awaited, (since, whose) in list(self.waits.items()):
            if whose != dims:
                self.late(whose, since, at)
                self.waits[awaited] = max(since, at), dims
        awaited, self.newest = self.newest or text, max(self.newest, text)
        while awaited <= self.newest:
            awaited = following(awaited)
            until = due(code, awaited)
            there = awaited in self.figures.get(awaited[:4], {}) or awaited in self.waits
            if until is not None and until > self.first[0] and not there:
                self.waits[awaited] = max(until, at), dims

        for name, whose, measures in self.open:
            self.add(name, whose, at, *(-m for m in measures))
        self.open = [(name, dims, measures) for name, measures in self.says(asked, unit)]
        for name, whose, measures in self.open:
            self.add(name, whose, at, *measures)

    def says(self, asked: dict[str, Any], unit: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        """What the reports say together."""
        year, newest, way = self.newest[:4], self.newest, asked["periods"]
        figures, before = self.figures[year], self.figures.get(f"{int(year) - 1}", {})
        yield "value", (figures[newest], 0 if asked.get("units") == "sum" else 1, 1)
        if asked.get("rank"):
            yield "rank", (figures[newest], 1, 1)
        (begin, end), last = days(year), days(newest)[1]
        yield "year_gone", ((last - begin).days, (end - begin).days, 1)
        so_far = [newest] if way == "last" else sorted(figures)
        plan = self.plans.get(year, asked.get("plan", {}).get(year))
        plan = plan.get(unit) if isinstance(plan, dict) else plan
        if plan is not None:
            done, wanted = made_one(way, [figures[text] for text in so_far]), round(plan * STEPS)
            ratio = (wanted, done) if asked.get("better") == "lower" else (done, wanted)
            if ratio[1] > 0:
                yield "plan_share", (*ratio, 1)
        counterpart = {text: f"{int(year) - 1}{text[4:]}" for text in so_far}
        both = [(figures[text], before[there]) for text, there in counterpart.items() if there in before]
        if both and not asked.get("rank"):
            now, then = (made_one(way, some) for some in zip(*both, strict=True))
            if asked["unit"] == "%":
                yield "change", (now - then, 100 * STEPS, 1)
            elif then > 0:
                yield "change", (now - then, then, 1)

    def told(self) -> Rows:
        """All rows, and what is to come: what is waited for, and the end of a commune's code."""
        whole = self.rows
        self.rows = dict(whole)
        open_, waits = self.open, dict(self.waits)
        if "@" not in self.placed and self.placed != "?":
            self.end(NEW_CODES)
        else:
            for since, dims in self.waits.values():
                self.add("overdue", dims, since, 1)
        found, self.rows, self.open, self.waits = self.rows, whole, open_, waits
        return {key: measures for key, measures in found.items() if any(measures)}


_walked: tuple[list[Event], Walk] = [], Walk()


def rows(events: Sequence[Event]) -> Rows:
    """What the reports of one series add."""
    global _walked
    known, walk = _walked
    if not known or len(known) > len(events) or any(a is not b for a, b in zip(known, events, strict=False)):
        known, walk = [], Walk()
    for event in events[len(known) :]:
        walk.take(event)
        known.append(event)
    _walked = known, walk
    return walk.told()
