"""History: the events of one entity in their own order, and the difference each of them makes. Pure.

For an event at offset o the difference is contributions(items with offset <= o) - contributions(items with offset < o),
whether or not the stored history is already ahead of o. So late, repeated, out-of-order and corrected events come out
right without any code in the stream, and a worker that lost a race writes what the winner wrote.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from ioc.counting.results import check_lifecycle, check_rows
from ioc.errors import DeclarationError
from ioc.events.exact_lane import Reject
from ioc.times import iso
from ioc.vocabulary import Contribution, Contributions, Dims, Stream

LIMIT = 2_000
"""Events of one entity that are counted. Each costs a look at all before it, and the row is written whole: 2,000 take a second or
two in all and 160 KB; ten times as many would stop a partition for minutes. Real dossiers have less than a hundred."""


class Item(NamedTuple):
    """One event of an entity. The first five fields are its order, never its arrival."""

    time: int
    sequence: int
    rank: int
    source: str
    id: str
    offset: int
    hash: int
    """Of data alone; time and `replaces` stand beside it."""
    replaces: str | None
    step: tuple[Any, ...]
    """The stream's own item (NamedTuple), as `contributions` sees it."""


class History:
    """The events of one entity that count, each with its offset; `offset` is the highest of them (-1: none yet)."""

    __slots__ = ("_latest", "items", "offset", "stream")

    def __init__(self, stream: Stream, items: list[Item] | None = None) -> None:
        self.stream = stream
        self.items = items or []
        self.offset = max([item[5] for item in self.items], default=-1)
        self._latest: Sequence[Contribution] | None = None

    def add(self, item: Item) -> Contributions | Reject | None:
        """Count an event; its difference, without zeros. None: a duplicate of a smaller offset. A reject leaves all as it was."""
        for other in self.items:
            if other[4] == item[4] and other.source == item.source and other.offset < item.offset:
                changed = differing(other, item)
                return id_reused(other.offset, changed, f"{item.id!r} of {item.source!r}", item.id) if changed else None
        ahead = self.offset >= item.offset
        before = [other for other in self.items if other.offset < item.offset] if ahead else self.items
        if len(before) >= LIMIT:
            return Reject("too_many", "", f"its entity has {LIMIT} events already, as many as one may have; begin another one")
        try:
            if not ahead:
                return self._append(item)
            # the stored row is ahead: look at the prefix only, and keep the row
            return self._change(self._rows(sorted([*before, item])), self._rows(before))
        except Exception as error:  # whatever a declaration raises or gives back is a reject, never a crash loop
            return raised(error)

    def _append(self, item: Item) -> Contributions:
        before = self._latest if self._latest is not None else self._rows(self.items)
        after = list(self.items)
        insort(after, item)
        latest = self._rows(after)
        change = self._change(latest, before)
        self.items, self.offset, self._latest = after, item.offset, latest
        return change

    def _change(self, after: Sequence[Contribution], before: Sequence[Contribution]) -> Contributions:
        if after == before:
            return {}  # most events of a life change nothing
        try:
            change = difference(after, before)
            check_rows(self.stream, change)
        except Exception:  # said better of the row itself than of its difference to another
            for indicator, dims, at, measures in after:
                check_rows(self.stream, {(indicator, dims, at): measures})
            raise
        return change

    def _rows(self, items: Sequence[Item]) -> Sequence[Contribution]:
        assert self.stream.contributions is not None
        return self.stream.contributions(steps(items))

    def lifecycle(self) -> tuple[int | None, int | None, int | None, Dims]:
        """(opened_at, ended_at, due_at, dims) as the stream tells them, or nothing where it does not."""
        nothing = (None, None, None, ())
        if self.stream.lifecycle is None:
            return nothing
        try:
            found = self.stream.lifecycle(steps(self.items))
            check_lifecycle(found)
            return found
        except Exception:  # these columns only inform people: no reason to stop counting
            return nothing

    def pack(self) -> str:
        """The history as JSON, for the table `entities`."""
        return orjson.dumps([(*item[:8], tuple(item[8])) for item in self.items]).decode()

    @classmethod
    def unpack(cls, stream: Stream, text: str | bytes) -> History:
        """The history of a row of `entities`."""
        new, step = tuple.__new__, stream.item  # as `_make`, in half the time
        rows = orjson.loads(text)
        for row in rows:
            row[8] = new(step, row[8])  # type: ignore[arg-type]
        return cls(stream, [new(Item, row) for row in rows])


def steps(items: Sequence[Item]) -> list[tuple[Any, ...]]:
    """What the stream sees: the items in order, without those that a correction replaces."""
    for item in items:
        if item[7] is not None:
            break
    else:
        return [item[8] for item in items]
    replaced = [(item[3], item[7]) for item in items if item[7] is not None]
    return [item.step for item in items if (item.source, item.id) not in replaced]


def difference(after: Sequence[Contribution], before: Sequence[Contribution]) -> Contributions:
    """The sum of the rows of `after` less that of `before`, without rows whose measures are all zero."""
    same = 0
    for one, other in zip(after, before, strict=False):
        if one != other:
            break
        same += 1  # what both begin with cancels
    total: Contributions = {}
    for indicator, dims, at, measures in after[same:]:
        key = (indicator, dims, at)
        known = total.get(key)
        if known is not None and len(known) != len(measures):
            raise DeclarationError(f"{indicator}: rows of {len(known)} and of {len(measures)} measures")
        total[key] = measures if known is None else tuple(map(int.__add__, known, measures))
    for indicator, dims, at, measures in before[same:]:
        key = (indicator, dims, at)
        known = total.get(key)
        if known is not None and len(known) != len(measures):
            raise DeclarationError(f"{indicator}: rows of {len(known)} and of {len(measures)} measures")
        total[key] = tuple(map(int.__neg__, measures)) if known is None else tuple(map(int.__sub__, known, measures))
    return {key: measures for key, measures in total.items() if any(measures)}


def differing(first: Item, again: Item) -> list[str]:
    """What a second event of one identity says otherwise, of all that counts: data, time, `replaces`. Nothing: a duplicate.

    Not `sequence`: it only orders events of one time, and an import takes it from the place in the file, which moves as the
    file grows; a file read again must say nothing new. The sequence that came first holds.
    """
    changed = [] if first.time == again.time else [f"another time ({iso(first.time)}, now {iso(again.time)})"]
    if first.replaces != again.replaces:
        changed.append(f"another `replaces` ({first.replaces!r}, now {again.replaces!r})")
    if first.hash != again.hash:
        changed.append("other data")
    return changed


def id_reused(offset: int, changed: Sequence[str], who: str, identity: str) -> Reject:
    """The reject of an identity that was used before, at `offset`, for another event."""
    said = f"{who} was used at offset {offset} for {' and '.join(changed)}"
    return Reject("id_reused", "id", f"{said}; an event that corrects it has an id of its own and `replaces`: {identity!r}")


def raised(error: Exception) -> Reject:
    """The reject of an event the declaration fails on."""
    return Reject("contributions", "", f"the declaration cannot count this event: {type(error).__name__}: {error}")
