"""Province: a believable Thanh Hóa that yields events: first its past, then its present. Pure, seeded.

Everything is a function of (seed, time): a dossier's life of (seed, day of arrival), a measurement of (seed, cell, begin).
So the feed can stop anywhere and go on later, with the same ids, without simulating what lies between.

>>> province = Province(seed=1, now_ms=1_790_000_000_000, history_ms=2 * DAY)
>>> events = list(province.history())
>>> events == sorted(events, key=lambda event: event.time_ms) and events[-1].time_ms < province.anchor
True
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from heapq import heappop, heappush, merge
from itertools import chain, count
from math import inf
from operator import attrgetter

from ioc.province.bad import spoilt
from ioc.province.dossiers import LIFE, Desks
from ioc.province.incidents import chance, dice
from ioc.province.life import ENDS, Step
from ioc.province.ran import LONG, Radio
from ioc.province.text import DOSSIER, RAN, Outgoing, changed, event_of
from ioc.times import DAY, HOUR, MINUTE, OFFSET, SECOND, floor, iso, local_day
from ioc.vocabulary import Stream, Told
from schemas import Contract
from schemas.feed import FeedStated

__all__ = ["TOPICS", "Outgoing", "Province"]

Demo = Callable[[Callable[..., float], int], Iterable[Told]]
TOPICS = (DOSSIER, RAN)
STOCK = 45 * DAY
"""Dossiers open when the history begins come with their past, unless it is older: so the backlog does not begin at 0."""
DELAYED = 0.004
"""Share of live dossier events that a desk sends late."""
REPEATED = 0.002
"""Share of live dossier events that a desk sends twice."""
LOSING = 0.02
"""Share of days of a source of which an event or a few never arrive."""
BEHIND = 10 * MINUTE
"""A feed further behind than this fills the gap with long measurement periods."""
DOSSIER_RATE = 0.05
"""Dossier events a second, on average over a week."""


class Province:
    """The province of a seed whose history ends (and whose present begins) at `anchor`: `now_ms`, floored to the minute."""

    def __init__(self, seed: int, now_ms: int, history_ms: int, bad: float = 0.0005, streams: Sequence[Stream] = ()) -> None:
        """`streams`: those that tell their own events (`Stream.demo`)."""
        self.seed, self.bad = seed, bad
        self.streams = [stream for stream in streams if stream.demo]
        self.anchor = floor(now_ms, MINUTE)
        self.start = floor(self.anchor - history_ms, LONG)
        self.desks = Desks(seed)
        self.radio = Radio(seed)
        self._chance = partial(chance, seed)
        """One object: what a stream's demo remembers by it is found again."""

    def history(self, since: int = 0) -> Iterator[Outgoing]:
        """All events before the anchor, in the order of their times; those before `since` are left out."""
        first = local_day(self.start - STOCK)
        dossiers = self._dossiers(first, None, self.anchor)
        radio = self.radio.past(max(self.start, floor(since, LONG)), self.anchor)
        others = self.others(since, self.anchor)
        for event in merge(dossiers, radio, *others, key=attrgetter("due_ms")):
            if event.due_ms >= since:
                yield event

    def live(self, since: int, now_ms: int, rate: float) -> Iterator[Outgoing]:
        """The events that are due from `since` on, without end, in the order they are due; `rate`: events a second, about.

        `now_ms` tells how far behind the feed is: what is long past comes in long measurement periods.
        """
        since = max(since, self.anchor)
        first = max(local_day(self.start - STOCK), local_day(since - LIFE - DAY))
        radio = map(self._perhaps_spoilt, self._radio(since, now_ms, rate))
        yield from merge(self._dossiers(first, since, None), radio, *self.others(since, None), key=attrgetter("due_ms"))

    def _perhaps_spoilt(self, event: Outgoing) -> Outgoing:
        """A measurement, or the mistake that is made in its place."""
        if self.bad and chance(self.seed, "bad", event.key, event.time_ms) < self.bad:
            return spoilt(event, dice(self.seed, "mistake", event.key, event.time_ms))
        return event

    def _radio(self, since: int, now_ms: int, rate: float) -> Iterator[Outgoing]:
        rate = max(rate - DOSSIER_RATE, 0.1)
        if now_ms - since <= BEHIND:
            return self.radio.seconds(since, None, rate)
        begin, end = -floor(-since, MINUTE), floor(now_ms, MINUTE)
        return chain(self.radio.seconds(since, begin, rate), self.radio.past(begin, end), self.radio.seconds(end, None, rate))

    def others(self, since: int, until: int | None) -> list[Iterator[Outgoing]]:
        """The events of [since, until) of each stream that tells its own; of the past, what entities did before it began, too.

        What there was long before is sent when the past begins: no number of that time is asked for.
        """
        found = list[Iterator[Outgoing]]()
        for stream in self.streams:
            assert stream.demo is not None
            first = floor(self.start - STOCK, DAY, OFFSET) if stream.contributions else self.start
            if stream.stock is not None and since <= first:
                before = list(self._sent(stream.contract, stream.stock(self._chance, local_day(first)), 0, first))
                due = first - len(before)  # a millisecond apart: a feed that is cut off goes on where it was
                found.append(one._replace(due_ms=due + number) for number, one in enumerate(before))
            found.append(self._of(stream.contract, stream.demo, first, max(first, since), until))
        return found

    def _of(self, contract: Contract, demo: Demo, first: int, since: int, until: int | None) -> Iterator[Outgoing]:
        """The events of [since, until) of a stream told from `first` on; after each whole day its sources state how many."""
        begin, ended = local_day(since), list[Told]()
        if begin - 1 >= local_day(first + DAY - 1):
            ended = list(demo(self._chance, begin - 1))
        for day in count(begin):
            start = day * DAY - OFFSET
            if until is not None and start >= until:
                return
            told = list(demo(self._chance, day))
            sent = [
                self._sent(contract, told, since, until),
                self._sent(FeedStated, self._stated(contract, day - 1, ended), since, until),
            ]
            yield from merge(*sent, key=attrgetter("due_ms"))
            ended = told if start >= first else []

    def _stated(self, contract: Contract, day: int, told: Iterable[Told]) -> Iterator[Told]:
        """How many events each source says it emitted on a day, some minutes after its end; of some it is not heard."""
        end = (day + 1) * DAY - OFFSET
        for source, events in sorted(Counter(one.source for one in told).items()):
            lost = (
                int(3 * self._chance("lost", contract.event_type, source, day) + 1)
                if self._chance("loses", contract.event_type, source, day) < LOSING
                else 0
            )
            data = {"feed": source, "since": iso(end - DAY), "until": iso(end), "events": events + lost}
            yield Told(end + 5 * MINUTE, source, f"{contract.event_type}/{source}/{day}", data)

    def _sent(self, contract: Contract, told: Iterable[Told], since: int, until: int | None) -> Iterator[Outgoing]:
        for one in sorted(told, key=attrgetter("time")):
            if since <= one.time < (inf if until is None else until):
                yield event_of(contract, one)

    def _dossiers(self, first: int, since: int | None, until: int | None) -> Iterator[Outgoing]:
        """Dossier events by the time they are due, of the dossiers that arrive from day `first` on.

        Either the past (`until`: as if each had been sent at once) or the present (`since`: as they are delivered).
        """
        waiting: list[tuple[int, str, int, Step]] = []
        day = first
        while until is None or day * DAY - OFFSET < until:
            for dossier, steps in self.desks.day(day):
                if not self._known(day, steps):
                    continue
                for number, step in enumerate(steps, 1):
                    for due in (step.time,) if since is None else self._deliveries(dossier, number, step.time):
                        if due >= (since or 0) and (until is None or due < until):
                            heappush(waiting, (due, dossier, number, step))
            day += 1
            while waiting and waiting[0][0] < day * DAY - OFFSET:
                due, dossier, number, step = heappop(waiting)
                yield changed(dossier, number, step.time, step.state, step.says)._replace(due_ms=due)

    def _known(self, day: int, steps: list[Step]) -> bool:
        """Whether the centre hears of a dossier: it comes after the history's begin, or was open then."""
        if day * DAY - OFFSET >= self.start:
            return True
        ended = next((step.time for step in steps if step.state in ENDS), None)
        return ended is None or ended >= self.start

    def _deliveries(self, dossier: str, number: int, time: int) -> tuple[int, ...]:
        """When a live event is sent: mostly at once, some late, some twice; what happened before the anchor is history."""
        if time < self.anchor:
            return ()
        luck = chance(self.seed, dossier, number)
        if luck < DELAYED:
            return (time + 2 * MINUTE + int(luck / DELAYED * 3 * HOUR),)
        return (time, time + 40 * SECOND) if luck > 1 - REPEATED else (time,)
