"""Steps: the rows of `indicators` against windows summed by hand from the truth: first finals, latest values, open levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ioc.catalog import load
from ioc.store.clickhouse import Store
from tests import brute
from tests.brute import DAY, DOSSIER, HOUR, LEVELS, MINUTE, RAN, Record

if TYPE_CHECKING:
    from tests.chaos.judge import Findings

PROVINCE = timezone(timedelta(hours=7))
WINDOWS = {"1h": 5 * MINUTE, "1d": HOUR, "7d": 6 * HOUR, "day": HOUR, "month": HOUR}
"""Windows that are compared, with their steps."""
ROLLING = {"1h": HOUR, "1d": DAY, "7d": 7 * DAY}
FLOWS: dict[str, Callable[[Any], float | None]] = {
    "dossier.received": lambda s: float(s[0]),
    "dossier.resolved": lambda s: float(s[0]),
    "dossier.resolved_late": lambda s: float(s[0]),
    "dossier.online_share": lambda s: 100.0 * s[0] / s[1] if s[1] else None,
    "dossier.on_time_share": lambda s: 100.0 * (s[1] - s[0]) / s[1] if s[1] else None,
    "ran.dl_throughput": lambda s: s[0] / s[1] / 10 if s[1] else None,
    "ran.nr_share": lambda s: 100.0 * s[0] / s[1] if s[1] else None,
}
COUNTS = ("dossier.received", "dossier.resolved", "dossier.resolved_late", *LEVELS)
"""Where nothing happened these are 0; the others have no value."""


@dataclass
class Facts:
    """The panes of one indicator and group as arrays: bucket, when it was known, measures."""

    at: Any
    known: Any
    sums: Any

    def total(self, where: Any) -> Any:
        """Summed measures."""
        return self.sums[where].sum(axis=0)


def compare(found: Findings, store: Store, truth: brute.Truth, records: list[Record]) -> None:
    """All indicators above, in total and by their first dimension."""
    for name in (*FLOWS, *LEVELS):
        topic = RAN if name.startswith("ran") else DOSSIER
        begin, end = beginning(records, topic), rolled(store, topic)
        for dims, facts in groups(truth, name):
            rows = stored(store, name, dims)
            for window, size in windows(name).items():
                one = rows.filter(pl.col("window") == window)
                pairs = dict(steps(name, window, facts, one, range(begin // size * size + size, end + 1, size)))
                where = f"indicators {name} {window} {dims}"
                found.compare(where, {t: is_ for t, (is_, _) in pairs.items()}, {t: shall for t, (_, shall) in pairs.items()})
            if name in LEVELS:
                found.add("wrong", f"the open step of {name} {dims}", open_level(rows, facts, newest(records)))


def steps(name: str, window: str, facts: Facts, rows: pl.DataFrame, at: range) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """(step, (what is held, what shall be)): value and first value; of a level, which is not restated, the first value."""
    nothing = 0.0 if name in COUNTS else None
    times = rows["at"].to_numpy()
    for t in at:
        last = int(np.searchsorted(times, t, side="right")) - 1
        value, first = (rows["value"][last], rows["first_value"][last]) if last >= 0 else (nothing, nothing)
        if window == "level":
            shall = int(facts.total(np.maximum(facts.at, facts.known) < t)[0])
            yield when(t), ((first,), (float(shall),))
            continue
        inside = (facts.at >= start(window, t)) & (facts.at < t)
        latest, final = (FLOWS[name](facts.total(w)) for w in (inside, inside & (facts.known < t)))
        yield when(t), ((near(value), near(first)), (near(latest), near(final)))


def near(value: float | None) -> float | None:
    """Sums are integers; what is left to differ is the last digit of a division."""
    return None if value is None else round(float(value), 6)


def open_level(rows: pl.DataFrame, facts: Facts, now: int) -> list[Any]:
    """The newest row of a level, if it is not the truth at any instant from its `until` to the end of the log."""
    if rows.is_empty():
        return []
    until, value = rows["until"][-1], rows["value"][-1]
    right = {int(facts.total(facts.at < t)[0]) for t in (*range(until, now, 1_000), now, until)}
    return [] if value in right else [(when(until), value, right)]


def groups(truth: brute.Truth, name: str) -> Iterator[tuple[list[str], Facts]]:
    """The panes of an indicator in total and by each value of its first dimension."""
    own = [(dims, at, known, m) for (i, dims, at, known, *_), (_, m) in truth.panes.items() if i == name]
    for first in (None, *sorted({dims[0] for dims, *_ in own})):
        rows = [row for row in own if first in (None, row[0][0])]
        width = len(own[0][0]) if own else 1
        arrays = (np.array([r[1] for r in rows]), np.array([r[2] for r in rows]), np.array([r[3] for r in rows]))
        if rows:
            yield [first or "*", *["*"] * (width - 1)], Facts(*arrays)


def start(window: str, t: int) -> int:
    """The begin of the window that ends at t; calendar periods are those of the instant just before."""
    if window in ROLLING:
        return t - ROLLING[window]
    local = datetime.fromtimestamp((t - 1) / 1000, PROVINCE).replace(hour=0, minute=0, second=0, microsecond=0)
    return round((local.replace(day=1) if window == "month" else local).timestamp() * 1000)


def stored(store: Store, name: str, dims: list[str]) -> pl.DataFrame:
    """The rows of an indicator and group as readers see them, times in ms."""
    names = load().stream_of(name).dimensions
    where = " AND ".join(f"{dimension} = '{value}'" for dimension, value in zip(names, dims, strict=True))
    return store.query(
        "SELECT window, toUnixTimestamp64Milli(at) AS step, value, first_value, toUnixTimestamp64Milli(until) AS until_ms "
        f"FROM v_{name.replace('.', '_')} WHERE {where} ORDER BY step"
    ).rename({"step": "at", "until_ms": "until"})


def rolled(store: Store, topic: str) -> int:
    """Up to where the steps of a topic's stream are final, ms."""
    frame = store.query(f"SELECT max(received) AS at FROM checkpoints WHERE stage = 'roll' AND topic = '{topic}'")
    return int(frame["at"][0] or 0)


def behind(store: Store, records: list[Record], ends: Mapping[tuple[str, int], int]) -> Iterator[str]:
    """The topics whose steps are not final up to the watermark of the records before the ends."""
    for topic in (DOSSIER, RAN):
        logs: dict[int, list[Record]] = {}
        for r in records:
            if r.topic == topic and r.offset < ends[topic, r.partition]:
                logs.setdefault(r.partition, []).append(r)
        marks = [brute.clock([*own, own[-1]], False, 600_000)[-1][1] for own in logs.values()]
        watermark = (min(marks) - MINUTE) // MINUTE * MINUTE
        if (at := rolled(store, topic)) < watermark:
            yield f"{topic}: final up to {when(at)}, the watermark is {when(watermark)}"


def beginning(records: list[Record], topic: str) -> int:
    """Steps before the first reception of any partition have no first final."""
    first: dict[int, Record] = {}
    for r in records:
        if r.topic == topic and r.offset <= first.get(r.partition, r).offset:
            first[r.partition] = r
    firsts = [brute.clock([r], False, 600_000)[0][0] for r in first.values()]
    return (max(firsts) - MINUTE) // MINUTE * MINUTE


def newest(records: list[Record]) -> int:
    """Just after the last reception."""
    return max(r.timestamp for r in records) + 1


def when(t: int) -> str:
    """A step as people read it."""
    return datetime.fromtimestamp(t / 1000, UTC).isoformat()


def windows(name: str) -> dict[str, int]:
    """The windows of an indicator that are compared; radio has no calendar windows beyond the day."""
    if name in LEVELS:
        return {"level": MINUTE}
    return {w: size for w, size in WINDOWS.items() if w != "month" or not name.startswith("ran")}
