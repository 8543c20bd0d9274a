"""Order: the events of a log sorted by time, and the `sequence` by which those of one moment keep the order of the file.

Where the map states no `sequence`, an event gets one from what the log says of its place: first the part of its time that is
finer than a millisecond, then the row. Where the log is written newest first, the last row of a moment is its first. What all
rows of a case say (`once`) stands before their rows or behind them, as its [[event]] does in the map; events of one row have one
place, and the state decides. A file that grows gives its rows other places: a sequence is no part of an event's identity, and
the one that came first holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ioc.importing.spill import Item, Sorted
from ioc.importing.translate import LAST, Outgoing
from schemas.envelope import MAX_BYTES

KNOWN = 10_000
"""Cases whose last time is remembered, to see in which direction a log is written."""


class Ordered:
    """Events by (event time, the finer part of it, position in the file), again and again, one iteration at a time.

    One without a readable time stays behind the one before it in the file. Context manager, as `Sorted` is.
    """

    def __init__(self, events: Iterable[Outgoing], folder: Path) -> None:
        self.newest_first = False
        """Whether the log is written so; known once it has been read."""
        self._sorted = Sorted(self._items(events), folder)

    def __enter__(self) -> Ordered:
        return self

    def __exit__(self, *_: object) -> None:
        self._sorted.__exit__()

    def __len__(self) -> int:
        return len(self._sorted)

    def __iter__(self) -> Iterator[Outgoing]:
        for _, fine, _, time_ms, topic, key, value, place in self._sorted:
            yield self._placed(Outgoing(time_ms, topic, key, value, place, fine))

    def _items(self, events: Iterable[Outgoing]) -> Iterator[Item]:
        at, direction = 0, _Direction()
        for position, event in enumerate(events):
            time_ms, topic, key, value, place, fine = event
            if time_ms is not None:
                at = time_ms
                if place is not None and 0 < place < LAST:
                    direction.see(key, at)
            yield (at, fine, position, time_ms, topic, key, value, place)
        self.newest_first = direction.newest_first

    def _placed(self, event: Outgoing) -> Outgoing:
        """With its sequence: spliced, for to parse it again would cost more than all the rest."""
        place = event.place
        if place is None or event.time_ms is None or not 0 < len(event.value) <= MAX_BYTES:
            return event
        if self.newest_first and 0 < place < LAST:
            place = LAST - place
        sequence = event.fine * (LAST + 1) + place
        return event._replace(value=event.value[:-1] + b',"sequence":"%d"}' % sequence) if sequence else event


class _Direction:
    """Whether a log is written newest first: by the rows of one case that have another time than the one before, and where there
    are none, by all rows."""

    def __init__(self) -> None:
        self._last: dict[bytes, int] = {}
        self._before: int | None = None
        self._own = self._all = 0

    def see(self, key: bytes, at: int) -> None:
        """The next row in the file."""
        if self._before is not None:
            self._all += (at > self._before) - (at < self._before)
        self._before = at
        if (last := self._last.get(key)) is not None:
            self._own += (at > last) - (at < last)
        elif len(self._last) >= KNOWN:
            self._last.clear()
        self._last[key] = at

    @property
    def newest_first(self) -> bool:
        return (self._own or self._all) < 0
