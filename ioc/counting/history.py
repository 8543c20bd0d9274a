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

from ioc.counting.difference import difference
from ioc.counting.results import check_lifecycle, check_rows
from ioc.events.exact_lane import Reject
from ioc.times import iso
from ioc.vocabulary import Contribution, Contributions, Fold, Lifecycle, Stream

LIMIT = 2_000
"""Events of one entity that are counted; `Stream.most` may say otherwise. Each costs a look at all before it, and the row is
written whole: 2,000 take a second or two in all and 160 KB; ten times as many would stop a partition for minutes. Real dossiers
have less than a hundred."""


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


Row = list[Any]
"""An item as JSON keeps it: its fields, the step as a list. What is only read again stays so: making an Item takes longer."""
NOTHING: Lifecycle = (None, None, None, ())
_UNKNOWN = object()


class History:
    """The events of one entity that count, each with its offset; `offset` is the highest of them (-1: none yet).

    Between polls it is its text and, where contributions are a fold, the life so far: enough for an event that comes last.
    """

    __slots__ = ("_contributions", "_life", "_lifecycle", "_plain", "_rows", "_size", "_text", "_until", "offset", "stream")

    def __init__(self, stream: Stream, rows: list[Row] | None = None, text: bytes | None = None) -> None:
        self.stream, self.offset = stream, -1
        self._rows: list[Row] | None = None
        self._text, self._size, self._until = b"[]", 0, 0
        self._plain = True
        """Whether no event replaces another."""
        self._life: Any = _UNKNOWN
        self._contributions: Sequence[Contribution] | None = None
        self._lifecycle: Lifecycle | None = None
        if rows:
            self._hold(rows, text or _written(rows))

    def _hold(self, rows: list[Row], text: bytes) -> None:
        self._rows, self._text, self._size = rows, text, len(rows)
        self.offset, self._until = max([row[5] for row in rows]), rows[-1][0]
        self._plain = not [row for row in rows if row[7] is not None]
        self._life, self._contributions, self._lifecycle = _UNKNOWN, None, None

    def rest(self) -> History:
        """Forget what the text says, too."""
        self._rows = self._contributions = None
        return self

    @property
    def items(self) -> list[Item]:
        """The events in their order."""
        rows = self._all()
        return [Item._make((*row[:8], step)) for row, step in zip(rows, self._made(rows), strict=True)]

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where the events lie in the log, ascending."""
        return tuple(sorted(row[5] for row in self._all()))

    def contributions(self) -> Sequence[Contribution]:
        """What the entity adds, by all of its events."""
        fold = self.stream.contributions
        return fold.say(self._walked(fold)) if isinstance(fold, Fold) else self._told(self._all())

    def add(self, item: Item) -> Contributions | Reject | None:
        """Count an event; its difference, without zeros. None: a duplicate of a smaller offset. A reject leaves all as it was."""
        if self.offset >= item.offset:  # the stored row is ahead: the event meets those before it, and the row stays
            return History(self.stream, [row for row in self._all() if row[5] < item.offset]).add(item)
        if orjson.dumps(item.id) in self._text:  # most ids are not, so the text need not be read
            for first in self.items:
                if first.id == item.id and first.source == item.source:
                    changed = differing(first, item)
                    return id_reused(first.offset, changed, f"{item.id!r} of {item.source!r}", item.id) if changed else None
        most = self.stream.most or LIMIT
        if self._size >= most:
            return Reject("too_many", "", f"its entity has {most} events already, as many as one may have; begin another one")
        row, fold = [*item[:8], _stated(item.step)], self.stream.contributions
        try:
            if self._plain and item.replaces is None and isinstance(fold, Fold) and self._is_last(row):
                return self._append(row, item.step, fold)
            return self._insert(row)
        except Exception as error:  # whatever a declaration raises or gives back is a reject, never a crash loop
            return raised(error)

    def _is_last(self, row: Row) -> bool:
        return self._until < row[0] or self._size == 0 or (self._until == row[0] and self._all()[-1] < row)

    def _append(self, row: Row, step: tuple[Any, ...], fold: Fold[list[Contribution]]) -> Contributions:
        """An event that comes last where no correction is in play: the life goes on."""
        text, before, change = self._followed_by(row), self._walked(fold), {}
        life = fold.advance(before, step)
        if life is not before:  # most events of a life change nothing
            was, becomes = fold.differing(before, life)
            change = self._change(becomes, was)
            self._life, self._contributions = life, None
        if life is not before or not self.stream.one_walk:
            self._lifecycle = None
        if self._rows is not None:
            self._rows.append(row)
        self._text, self._until, self.offset = text, row[0], row[5]
        self._size += 1
        return change

    def _insert(self, row: Row) -> Contributions:
        """Any event: all of the life is told anew."""
        rows = list(self._all())
        known = self._told(rows) if self._contributions is None else self._contributions
        insort(rows, row)
        found = self._told(rows)
        change = self._change(found, known)
        self._hold(rows, self._followed_by(row) if rows[-1] is row else _written(rows))
        self._contributions = found
        return change

    def _change(self, after: Sequence[Contribution], before: Sequence[Contribution]) -> Contributions:
        if after == before:
            return {}
        try:
            change = difference(after, before)
            check_rows(self.stream, change)
        except Exception:  # said better of the row itself than of its difference to another
            for indicator, dims, at, measures in after:
                check_rows(self.stream, {(indicator, dims, at): measures})
            raise
        return change

    def _told(self, rows: Sequence[Row]) -> Sequence[Contribution]:
        assert self.stream.contributions is not None
        return self.stream.contributions(self._seen(rows))

    def _walked(self, fold: Fold[Any]) -> Any:
        if self._life is _UNKNOWN:
            self._life = fold.life(self.steps()) if self._size else fold.begin()
        return self._life

    def steps(self) -> list[tuple[Any, ...]]:
        """What the stream sees: the steps in order, without those that a correction replaces."""
        return self._seen(self._all())

    def _seen(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        replaced = [(row[3], row[7]) for row in rows if row[7] is not None]
        return self._made([row for row in rows if (row[3], row[4]) not in replaced] if replaced else rows)

    def _made(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        assert self.stream.item is not None
        new, step = tuple.__new__, self.stream.item  # as `_make`, in half the time
        unsaid = (None,) * len(step._fields)  # type: ignore[attr-defined]
        return [new(step, (*row[8], *unsaid[len(row[8]) :])) for row in rows]

    def _all(self) -> list[Row]:
        if self._rows is None:
            self._rows = orjson.loads(self._text)
        return self._rows

    def _followed_by(self, row: Row) -> bytes:
        return b"%b,%b]" % (self._text[:-1], orjson.dumps(row)) if self._size else _written([row])

    def lifecycle(self) -> Lifecycle:
        """(opened_at, ended_at, due_at, dims) as the stream tells them, or nothing where it does not."""
        if self._lifecycle is None:
            try:
                self._lifecycle = self._lived()
                check_lifecycle(self._lifecycle)
            except Exception:  # these columns only inform people: no reason to stop counting
                self._lifecycle = NOTHING
        return self._lifecycle

    def _lived(self) -> Lifecycle:
        told, fold = self.stream.lifecycle, self.stream.contributions
        if told is None:
            return NOTHING
        if self.stream.one_walk and isinstance(told, Fold) and isinstance(fold, Fold):
            found: Lifecycle = told.say(self._walked(fold))
            return found
        return told(self.steps())

    def pack(self) -> bytes:
        """The history as JSON, for the table `entities`. Its bytes depend on its events alone, not on how they came."""
        return self._text

    @classmethod
    def unpack(cls, stream: Stream, text: str | bytes) -> History:
        """The history of a row of `entities`."""
        return cls(stream, orjson.loads(text), text.encode() if isinstance(text, str) else text)


def _stated(step: tuple[Any, ...]) -> list[Any]:
    """The step's fields but for the last ones that state nothing: most events state few of them."""
    size = len(step) - tuple.count(step, None)  # a field may be named count
    front = step[:size]
    if None in front:  # something is stated behind what is not
        size = len(step)
        while step[size - 1] is None:  # the first field is the time
            size -= 1
        front = step[:size]
    return [*front]


def _written(rows: list[Row]) -> bytes:
    """The rows as JSON in a buffer of their length. What orjson gives back holds 4 KB however short it is: 1.6 GB for the
    histories of 400,000 dossiers (measured)."""
    return b"%b" % orjson.dumps(rows)


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
