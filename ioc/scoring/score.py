"""Score: the points of a period under a pack, in all or by group of a dimension.

An item without data has no points, and its points are no part of what could be reached: what is not known is neither 0 nor 100.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, get_args, get_origin

from ioc.asking import read
from ioc.calendar.windows import period_end
from ioc.catalog import Catalog
from ioc.errors import UsageError
from ioc.scoring.pack import PERIOD, Item, Pack, Share
from ioc.store.clickhouse import Store
from ioc.times import MINUTE, PROVINCE, floor, from_datetime, iso, to_datetime
from ioc.values import Within
from ioc.vocabulary import ALL, Stream

ONLINE = ("partial", "full", "level_3", "level_4")
"""Service levels that are offered online, in both vocabularies (Decree 42/2022/NĐ-CP)."""

NO_SHARE = "it is a share of procedures, and one procedure has none"


@dataclass(frozen=True)
class Period:
    """A month, quarter or year: [start, end) in ms."""

    name: str
    window: str
    start: int
    end: int


@dataclass(frozen=True)
class Scored:
    """An item's ratio (%; a mean in its own unit), of how many (`n`), its points, or why it has none."""

    item: Item
    ratio: float | None
    n: int
    points: float | None
    why: str = ""


def period(text: str) -> Period:
    """`2026-10`, `2026-Q3`, `2026`.  Raises UsageError.

    >>> found = period("2026-Q3")
    >>> found.window, iso(found.start), iso(found.end)
    ('quarter', '2026-06-30T17:00:00Z', '2026-09-30T17:00:00Z')
    """
    found = re.fullmatch(PERIOD, text, re.ASCII)
    if not found or not 1901 <= int(found[1]) <= 2298:
        raise UsageError(f"--period {text!r}: write a month, a quarter or a year: 2026-10, 2026-Q3, 2026")
    window = "quarter" if found[2] else "month" if found[3] else "year"
    month = 3 * int(found[2]) - 2 if found[2] else int(found[3] or 1)
    start = from_datetime(datetime(int(found[1]), month, 1, tzinfo=PROVINCE))
    return Period(text, window, start, period_end(window, start))


def goes_on(store: Store, of: Period) -> str:
    """What to say of a period that has not ended in the data; nothing where it has."""
    now = read.now(store)
    if now is None or not of.start <= now < of.end:
        return ""
    return f"{of.name} goes on: points so far, as of {to_datetime(now, PROVINCE).isoformat(' ', 'seconds')}"


def in_effect(pack: Pack, of: Period) -> str:
    """What to say where a pack was not in effect in all of a period; nothing where it was."""
    first, last = (to_datetime(at, PROVINCE).date() for at in (of.start, of.end - 1))
    if pack.begins <= first and last <= (pack.ends or date.max):
        return ""
    until = f" to {pack.ends}" if pack.ends else ""
    return f"pack {pack.id} is in effect from {pack.begins}{until}, not in all of {of.name}: scored as if it were"


def check(pack: Pack, catalog: Catalog) -> None:
    """Whether the pack's indicators are declared.  Raises UsageError."""
    for item in pack.item:
        who = f"pack {pack.id}, item {item.id}"
        for name in item.indicators:
            indicator = catalog.stream_of(name).indicator(name)
            if not isinstance(indicator.value, Within):
                raise UsageError(f"{who}: {name} is no ratio of a period")
            if (item.max or item.less) and indicator.unit != "%":
                raise UsageError(f"{who}: {name} is told in {indicator.unit}, and points are of a ratio in %: max = 0")
        if item.any is not None:
            _check_share(who, catalog.stream_of(item.any.indicator), item.any)


def _check_share(who: str, stream: Stream, share: Share) -> None:
    if stream.indicator(share.indicator).level:
        raise UsageError(f"{who}: {share.indicator} is a level, and counts nothing over a period")
    for dimension, value in {**share.where, "procedure": ""}.items():
        if dimension not in stream.dimensions:
            raise UsageError(f"{who}: {stream.name} has no dimension {dimension!r}")
        field = stream.contract.data_model().model_fields.get(dimension)
        choices = _choices(field.annotation) if field else ()
        if choices and dimension in share.where and value not in choices:
            raise UsageError(f"{who}: {dimension} = {value!r} is never counted; there are {', '.join(choices)}")


def _choices(kind: object) -> tuple[str, ...]:
    """The values that a type allows, where they are written out; empty: any."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(choice for inner in get_args(kind) for choice in _choices(inner))


def score(
    store: Store,
    catalog: Catalog,
    pack: Pack,
    of: Period,
    procedures: Sequence[Mapping[str, object]],
    by: str | None = None,
) -> dict[str, list[Scored]]:
    """The items of a pack over a period, by group of the dimension `by` (`*`: in all). A period that goes on is scored to now.

    `procedures`: what there is, each with `code`, `level` and `fee`.  Raises UsageError, ServiceAway, StoreError.
    """
    check(pack, catalog)
    if by is not None and not any(_tells(catalog, item, by) for item in pack.item if item.indicator):
        told_by = [catalog.stream_of(name) for item in pack.item for name in item.indicators]
        streams = {stream.name: stream for stream in told_by}
        there = dict.fromkeys(name for s in streams.values() for name in (*s.dimensions, *(r.name for r in s.rollups)))
        raise UsageError(f"no item of the pack is told by {by!r}; there are {', '.join(there)}")
    now = read.now(store)
    at = of.end if now is None else min(of.end, floor(now, MINUTE))  # a window ends on the grain
    if at <= of.start:
        raise UsageError(f"{of.name} begins after what is counted so far ({iso(now) if now else 'nothing'})")
    listed = {
        "online": {str(p["code"]) for p in procedures if p["level"] in ONLINE},
        "fee": {str(p["code"]) for p in procedures if p["fee"]},
    }
    asked = [_asked(store, catalog, item, pack, of, at, listed, by) for item in pack.item]
    groups = sorted({group for found in asked for group in found} - {ALL}) if by else [ALL]
    nothing = [replace(_nothing(item), why=_untold(catalog, item, by)) for item in pack.item]
    return {group: [found.get(group, none) for found, none in zip(asked, nothing, strict=True)] for group in groups}


def _untold(catalog: Catalog, item: Item, by: str | None) -> str:
    """Why an item has no points in a group in which none were found."""
    if item.any and by == "procedure":
        return NO_SHARE
    if by is not None and item.indicator and not _tells(catalog, item, by):
        return f"{' and '.join(item.indicators)} {'are' if item.less else 'is'} not told by {by}"
    return _nothing(item).why


def _tells(catalog: Catalog, item: Item, by: str) -> bool:
    """Whether the streams of an item's indicators have a dimension or a rollup of that name."""
    streams = [catalog.stream_of(name) for name in item.indicators]
    return all(by in stream.dimensions or stream.rollup(by) is not None for stream in streams)


def _asked(
    store: Store,
    catalog: Catalog,
    item: Item,
    pack: Pack,
    of: Period,
    at: int,
    listed: Mapping[str, set[str]],
    by: str | None,
) -> dict[str, Scored]:
    """One item by group."""
    if item.any is not None:
        return _shares(store, catalog, item, item.any, of, at, listed[item.any.of], by)
    if item.indicator is None:
        return {}
    factor = 1.0
    if item.factor is not None:
        stated = pack.factors[item.factor].get(of.name)
        if stated is None:
            return {}
        factor = stated
    if by is not None and not _tells(catalog, item, by):
        return {}
    found, *less = (
        {
            answer.dims[by] if by else ALL: answer
            for answer in read.value(store, catalog, name, at, of.window, by=[by] if by else [])
        }
        for name in item.indicators
    )
    return {group: scored(item, _ratio(group, answer, less, factor), answer.n) for group, answer in found.items()}


def _ratio(group: str, answer: read.Answer, less: Sequence[Mapping[str, read.Answer]], factor: float) -> float | None:
    """An answer times the factor, less what is taken from it; None: one of them has no data."""
    taken = [one[group].value if group in one else None for one in less]
    if answer.value is None or None in taken:
        return None
    return answer.value * factor - sum(one for one in taken if one is not None)


def _shares(
    store: Store,
    catalog: Catalog,
    item: Item,
    share: Share,
    of: Period,
    at: int,
    listed: set[str],
    by: str | None,
) -> dict[str, Scored]:
    """The share of the listed procedures that have at least one, by group: all of them are everybody's.

    A group that has some, but none as `where` asks, has a share of 0; one that has nothing at all has no data.
    """
    total = len(listed)
    if by == "procedure" or not total:
        return {}
    own = [by] if by else []
    received = read.value(store, catalog, share.indicator, at, of.window, by=own)
    groups: dict[str, set[str]] = {answer.dims[by] if by else ALL: set() for answer in received if answer.n > 0}
    for answer in read.value(store, catalog, share.indicator, at, of.window, share.where, by=["procedure", *own]):
        if answer.n > 0 and answer.dims["procedure"] in listed:
            groups.setdefault(answer.dims[by] if by else ALL, set()).add(answer.dims["procedure"])
    return {group: scored(item, 100 * len(there) / total, total) for group, there in groups.items()}


def scored(item: Item, ratio: float | None, n: int) -> Scored:
    """The points of a ratio: min(max, ratio * max / target); none below 0.

    >>> item = Item(id="3.3", vi="", en="", max=12, target=50, indicator="x")
    >>> scored(item, 50.0, 8).points, scored(item, 25.0, 8).points, scored(item, None, 0).points
    (12.0, 6.0, None)
    """
    if ratio is None:
        return _nothing(item)
    return Scored(item, ratio, n, max(0.0, min(item.max, ratio * item.max / item.target)))


def _nothing(item: Item) -> Scored:
    counted = f"nothing was counted of {' or '.join(item.indicators)}" if item.less else "nothing was counted"
    why = item.missing or (f"the factor {item.factor} of the period is not stated" if item.factor else counted)
    return Scored(item, None, 0, None, why)


def total(items: Sequence[Scored]) -> tuple[float | None, float]:
    """The points of what has data (None: nothing has), and how many it could give."""
    told = [(one.points, one.item.max) for one in items if one.points is not None]
    return (sum(points for points, _ in told) if told else None), sum(most for _, most in told)
