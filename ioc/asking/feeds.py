"""Feeds: who sends, whether it is silent, whom to call; and which numbers of a source's `sequence` never came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ioc.asking.question import moment, now
from ioc.asking.read import value
from ioc.catalog import Catalog
from ioc.errors import UsageError
from ioc.store.clickhouse import Store, literal
from ioc.times import iso
from ioc.units.rollups import groups
from ioc.vocabulary import UNKNOWN

SHOWN = ("feed.received", "feed.correct", "feed.complete", "feed.clean", "feed.delay", "feed.silent", "feed.silent_day")


def feeds(store: Store, catalog: Catalog, at: int | None = None) -> list[dict[str, Any]]:
    """One row a source that ever sent, or is listed, at `at` (ms): name, agency, contact, and its indicators over a day
    (complete: seven). One that never sent has received 0, and no other indicator.

    Raises UsageError for a time that is to come.
    """
    names, known_to = catalog.units(), now(store)
    if at is not None and known_to is not None and at > known_to:
        raise UsageError(f"{iso(at)} is to come: what is counted ends at {iso(known_to)}")
    stream = catalog.stream_of(SHOWN[0])
    known = {rollup.name: groups(rollup) for rollup in stream.rollups}
    found: dict[str, dict[str, Any]] = {}
    listed = sorted({source for of in known.values() for source in of}) if known_to is not None else []
    for name in SHOWN:
        indicator = stream.indicator(name)
        window = None if indicator.level else "1d" if "1d" in indicator.windows else indicator.windows[0]
        for answer in value(store, catalog, name, at, window, by=["source"]):
            source = answer.dims["source"]
            found.setdefault(source, {})[name] = answer.value
    for source in listed:
        found.setdefault(source, {SHOWN[0]: 0.0})
    told = {source: {group: of.get(source, UNKNOWN) for group, of in known.items()} for source in found}
    return [{"source": source, "name": names.get(source, ""), **told[source], **found[source]} for source in sorted(found)]


@dataclass(frozen=True)
class Gaps:
    """The numbers from `first` to `last` (none: no event has a number): how many came, how many events bear a number that another
    has, and the missing ones as (first, last, time of the next one that came in ms)."""

    first: int | None
    last: int | None
    came: int
    shared: int
    missing: list[tuple[int, int, int]]

    @property
    def lost(self) -> int:
        """How many numbers are missing."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1 - self.came


def gaps(store: Store, source: str, since: int | None, until: int | None, limit: int) -> Gaps:
    """The first `limit` gaps in the `sequence` of a source's accepted events whose time lies in [since, until) (ms)."""
    number = "toInt64OrNull(if(header = '', JSONExtractString(ifNull(value, ''), 'sequence'), header))"
    header = "tupleElement(arrayFirst(h -> h.name = 'ce_sequence', headers), 'value') AS header"
    span = [f"source = {literal(source)}", "verdict = 'accepted'"]
    span += [f"time >= {moment(since)}"] if since is not None else []
    span += [f"time < {moment(until)}"] if until is not None else []
    numbers = (
        f"SELECT {number} AS s, count() AS n, toUnixTimestamp64Milli(min(time)) AS at FROM "
        f"(SELECT value, time, {header} FROM events FINAL WHERE {' AND '.join(span)}) WHERE s IS NOT NULL GROUP BY s"
    )
    (whole,) = store.rows(f"SELECT min(s) AS first, max(s) AS last, count() AS came, sum(n) - count() AS shared FROM ({numbers})")
    before = "lagInFrame(toNullable(s)) OVER (ORDER BY s ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before"
    rows = store.rows(
        f"SELECT assumeNotNull(before) + 1 AS first, s - 1 AS last, at FROM (SELECT s, at, {before} FROM ({numbers})) "
        f"WHERE s - before > 1 ORDER BY s LIMIT {limit}"
    )
    some = whole["came"] > 0
    return Gaps(
        whole["first"] if some else None, whole["last"] if some else None, whole["came"], whole["shared"],
        [(row["first"], row["last"], row["at"]) for row in rows],
    )  # fmt: skip
