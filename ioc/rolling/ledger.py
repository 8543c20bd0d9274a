"""Ledger: what a roller keeps of a stream's panes, so that the open step and the next final ones need no look at the past.

Whatever is counted later is known later: a pane that was known before every partition's watermark never changes again. So what
was known before `mark`, up to where first finals are written, is summed once for every group and window; only the panes known
since are held one by one, and read again when they changed. What time alone brings into a window, or takes out of it, is read
ahead in blocks. The cost of a roll is that of what is new, whatever lies behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from ioc.calendar.looks import shifts
from ioc.calendar.windows import LEVEL, ROLLING, window_start
from ioc.rolling.book import COMING, Block, Book, Pane
from ioc.rolling.open_step import Opened, opened
from ioc.rolling.series import Entries
from ioc.rolling.steps import NEVER, dimensions, moment
from ioc.store.clickhouse import Store, literal
from ioc.store.state import Place
from ioc.times import DAY, MINUTE
from ioc.values import Matrix
from ioc.vocabulary import Indicator, Stream

AHEAD = 15 * MINUTE
"""Blocks are read so far ahead of now."""
FAR, MOST = DAY, 300_000
"""With a mark so far behind now, or so many panes to hold one by one, the past is read instead."""


class Ledger:
    """The panes of one stream as a roller needs them. `mark` (ms): first finals are written up to there; `positions`: all that
    was counted before them is in it."""

    def __init__(self, store: Store, stream: Stream, generation: str, mark: int, positions: Mapping[Place, int]) -> None:
        self.store, self.stream, self.generation = store, stream, generation
        self.mark, self.positions, self.until = mark, dict(positions), mark
        self.books = {i.name: Book(stream, i) for i in stream.indicators}
        for indicator, window, groups, sums, _ in opened(store, stream, generation, mark, mark, mark, known=mark):
            book = self.books[indicator.name]
            rows = [book.group(dims) for dims in groups]
            book.held(window)[rows] = sums
            book.there[window].update(rows)
        self._note(self._panes(f"known >= fromUnixTimestamp64Milli({mark})"))

    @classmethod
    def made(cls, store: Store, stream: Stream, generation: str, mark: int, positions: Mapping[Place, int]) -> Ledger | None:
        """A new one; None where so much was known since the mark (a past comes in) that it would be dropped at once."""
        since = f"generation = {literal(generation)} AND known >= fromUnixTimestamp64Milli({mark})"
        fresh = store.query(f"SELECT count() AS n FROM panes WHERE {since}")
        made = cls(store, stream, generation, mark, positions) if fresh["n"][0] <= MOST else None
        return made if made is not None and made.held() <= MOST else None  # more may have come meanwhile

    # ---- what is new

    def read(self, counted: Mapping[Place, int]) -> pl.DataFrame | None:
        """The panes that changed since the last time: columns indicator, dims, `at` (ms), ... None: the ledger is of no use any
        more, as one of them was known before the mark, or they are too many to hold."""
        news = [
            f"(topic = {literal(topic)} AND partition = {partition} AND offset >= {self.positions.get((topic, partition), 0)})"
            for (topic, partition), after in counted.items()
            if after > self.positions.get((topic, partition), 0)
        ]
        changed = self._panes(" OR ".join(news) or "0")
        if len(changed) > MOST or (len(changed) and int(changed["known"].min()) < self.mark):  # type: ignore[arg-type]
            return None
        self._note(changed)
        self.positions |= counted
        return changed

    def _panes(self, where: str) -> pl.DataFrame:
        return self.store.query(
            "SELECT indicator, dims, toUnixTimestamp64Milli(at) AS a, toUnixTimestamp64Milli(known) AS k, topic, partition, "
            f"offset, measures FROM panes WHERE generation = {literal(self.generation)} AND ({where}) ORDER BY offset DESC "
            f"LIMIT 1 BY indicator, at, dims, known, topic, partition LIMIT {MOST + 1}"
        ).rename({"a": "at", "k": "known"})

    def _note(self, panes: pl.DataFrame) -> None:
        for name, dims, at, known, topic, partition, offset, measures in panes.rows():
            if (book := self.books.get(name)) is None:
                continue
            key = (tuple(dims), at, known, (topic, partition))
            there = book.fresh.get(key)
            if there is None or there[0] < offset:
                book.fresh[key] = (offset, measures)

    def held(self) -> int:
        """How many panes are held one by one."""
        return sum(len(book.fresh) for book in self.books.values())

    # ---- what time brings

    def covers(self, now: int) -> bool:
        """Whether it can tell what is open at `now` (ms); what time brings until then is read."""
        if now - self.mark > FAR or self.held() > MOST:
            return False
        if now > self.until:
            self._read_ahead(now + AHEAD)
        return True

    def _read_ahead(self, until: int) -> None:
        length = until - self.mark
        starts = {COMING: self.mark}
        for window in {w for book in self.books.values() for w in book.sums if w in ROLLING}:
            starts[window] = self.mark - ROLLING[window][0]
        looked = {
            (shift, look.of): (shift.back(self.mark), shift.back(until))
            for book in self.books.values()
            for look in book.indicator.looks
            for shift in shifts(*look.where)
        }
        ranges = [f"at >= fromUnixTimestamp64Milli({s}) AND at < fromUnixTimestamp64Milli({s + length})" for s in starts.values()]
        ranges += [
            f"indicator = {literal(of)} AND at >= {moment(low)} AND at < {moment(high)}"
            for (_, of), (low, high) in looked.items()
            if low < high
        ]
        frame = self.store.query(
            "SELECT indicator, dims, toUnixTimestamp64Milli(at) AS a, sumForEach(measures) AS m FROM panes FINAL "
            f"WHERE generation = {literal(self.generation)} AND known < fromUnixTimestamp64Milli({self.mark}) "
            f"AND ({' OR '.join(f'({r})' for r in ranges)}) GROUP BY indicator, dims, at"
        )
        rows: dict[str, list[Pane]] = {name: [] for name in self.books}
        for name, dims, at, sums in frame.rows():
            if name in rows:
                rows[name].append((tuple(dims), at, sums))
        coming = {(shift, of): [row for row in rows[of] if low <= row[1] < high] for (shift, of), (low, high) in looked.items()}
        for name, book in self.books.items():
            if book.indicator.looks:
                book.blocks[COMING] = book.looked(coming)
                continue
            for window, start in starts.items():
                if window == COMING or window in book.sums:
                    book.blocks[window] = book.block(r for r in rows[name] if start <= r[1] < start + length)
        self.until = until

    # ---- what a roller asks

    def open(self, now: int, here: int) -> Iterator[Opened]:
        """The sums of every window that ends at `here`, over panes with at < `now` (ms)."""
        held = {name: [(k[0], k[1], sums) for k, (_, sums) in book.fresh.items()] for name, book in self.books.items()}
        for book in self.books.values():
            fresh = _block(book, held)
            came = np.concatenate([fresh.of[fresh.at < now], book.blocks[COMING].between(self.mark, now).of])
            for window in book.sums:
                sums = self._moved(book, window, here, now, fresh)
                # also of what came and is gone again: an open row of another roller may tell of it
                book.there[window].update(book.places[came].ravel().tolist())
                book.there[window].update(np.flatnonzero(sums.any(axis=1)).tolist())
                rows, names = sorted(book.there[window]), list(book.groups)
                yield Opened(book.indicator, window, [names[row] for row in rows], sums[rows])

    def _moved(self, book: Book, window: str, to: int, now: int, fresh: Block) -> Matrix:
        """The sums of the window that ends at `to`, of settled panes and of the fresh ones given, with at < `now`."""
        start, before = (NEVER if window == LEVEL else window_start(window, at) for at in (to, self.mark))
        sums = book.held(window).copy()
        if window in ROLLING:
            book.add(sums, book.blocks[window].between(before, start), -1)
        elif start != before:  # another period: it begins where the mark is, or behind it
            sums[:] = 0
        book.add(sums, book.blocks[COMING].between(max(self.mark, start), now))
        book.add(sums, fresh.between(start, now))
        return sums

    def level(self, indicator: Indicator, last: int) -> Entries:
        """What counts for a level at the steps in (mark, last], summed by group and step: the entries of `steps.entries`."""
        book, size = self.books[indicator.name], self.stream.grain
        sums = book.held(LEVEL)
        ahead = book.blocks[COMING].between(self.mark, last)
        new = [(dims, at, known, sums) for (dims, at, known, _), (_, sums) in book.fresh.items() if at < last]
        at = np.array([row[1] for row in new], np.int64)
        known = np.array([row[2] for row in new], np.int64)
        own = np.array([row[3] for row in new], np.int64).reshape(len(new), book.width)
        of = np.concatenate([ahead.of, np.array([book.pane(row[0]) for row in new], np.int64)])
        at, known = np.concatenate([ahead.at, at]), np.concatenate([ahead.at, known])
        places = book.places[of]
        count, before = places.shape[1], self.mark - size
        names = list(book.groups)
        held = np.flatnonzero(sums.any(axis=1))
        group = np.concatenate([held, places.T.reshape(-1)])
        dims = [[names[g][i] for g in group] for i in range(len(self.stream.dimensions))]
        step = np.maximum(at // size * size, before)
        return Entries(
            pl.DataFrame(dict(zip(dimensions(self.stream), (pl.Series(d, dtype=pl.String) for d in dims), strict=True))),
            np.concatenate([np.full(len(held), before), *[step] * count]),
            np.concatenate([np.full(len(held), before), *[np.maximum(step, known // size * size)] * count]),
            np.concatenate([sums[held], *[np.concatenate([ahead.sums, own])] * count]),
        )

    def settle(self, mark: int) -> None:
        """First finals are written up to `mark` now, which it covers."""
        passed: dict[str, list[Pane]] = {}
        for name, book in self.books.items():
            keys = [key for key in book.fresh if key[2] < mark]
            passed[name] = [(key[0], key[1], book.fresh.pop(key)[1]) for key in keys]
        for book in self.books.values():
            gone = _block(book, passed)
            came = np.concatenate([gone.of[gone.at < mark], book.blocks[COMING].between(self.mark, mark).of])
            for window in book.sums:
                book.there[window].update(book.places[came].ravel().tolist())  # a final row may tell of them
                book.sums[window] = self._moved(book, window, mark, mark, gone)
            for window, block in book.blocks.items():
                start = 0 if window == COMING else ROLLING[window][0]
                low, high = mark - start, self.until - start
                both = [block.between(low, high), gone.between(low, high)]
                joined = Block(*(np.concatenate(parts) for parts in zip(*both, strict=True)))
                order = np.argsort(joined.at, kind="stable")
                book.blocks[window] = Block(joined.at[order], joined.of[order], joined.sums[order])
        self.mark = mark


def _block(book: Book, panes: Mapping[str, Sequence[Pane]]) -> Block:
    """The panes of an indicator, or of those it looks at as it sees them, from panes by indicator."""
    looks = book.indicator.looks
    if not looks:
        return book.block(panes[book.indicator.name])
    return book.looked({(shift, look.of): panes[look.of] for look in looks for shift in shifts(*look.where)})
