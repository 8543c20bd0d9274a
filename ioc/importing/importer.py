"""Import: the past of a log into Kafka, in order, with its own reception times.

Everything is read and sorted (`ioc.importing.order`) before anything is sent. The header `ioc-received` is the running maximum of
event times; a time before the first year or after the moment of import does not move it, so that one wrong clock in a log harms
nobody. One heartbeat in every partition opens and one closes the import, so that quiet partitions move on with the others.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import orjson

from ioc.errors import UsageError
from ioc.events.batch import RECEIVED
from ioc.importing.mapping import Map
from ioc.importing.order import Ordered
from ioc.importing.shift import shifted
from ioc.importing.translate import Outgoing, Statistics, read_events
from ioc.kafka import Sender, send_to_all
from ioc.settings import Settings
from ioc.times import from_datetime, iso

RATE = 30_000
"""Events a second that `--speed max` is taken to send when the end of sending has to be foretold."""
NAP = 0.005
"""Seconds: shorter waits are not worth leaving the loop for."""
STEP = 1_000
"""Events between two reports of progress."""


@dataclass
class Sent:
    """What an import did. `next`: (topic, partition) -> the position after the last record, for waiting until it is counted."""

    read: int = 0
    """Rows of the log."""
    sent: int = 0
    """Events, without the heartbeats."""
    next: dict[tuple[str, int], int] = field(default_factory=dict)
    first_ms: int = 0
    last_ms: int = 0
    """The first and the last reception time."""
    shift_ms: int = 0
    statistics: Statistics = field(default_factory=Statistics)


@dataclass(frozen=True)
class Log:
    """A log that has been read and sorted and may be sent: `total` events of it, in order."""

    ordered: Ordered
    total: int
    window: Window
    first_ms: int | None
    """The first (shifted) event time that moves the reception time; None where there is none. Such a log had better not be sent:
    it would move the watermark to the moment of import, past all times of the log that is meant."""
    shift_ms: int
    speed: float | None
    statistics: Statistics

    def events(self) -> Iterator[Outgoing]:
        """The events to send, not yet shifted."""
        return islice(self.ordered, self.total)


class Origin(Protocol):
    """Where a past comes from: a map with its files, or an example."""

    @property
    def source(self) -> str:
        """The source of its events."""

    @property
    def on_change(self) -> str:
        """`correct`: what was sent before, and says something else now, is corrected."""

    def topics(self) -> set[str]:
        """The live topics the events go to."""


@dataclass(frozen=True)
class Past:
    """A past whose events are there already, of one source, for some topics."""

    source: str
    to: frozenset[str]
    on_change: str = ""

    def topics(self) -> set[str]:
        """The live topics the events go to."""
        return {*self.to}


def told_of(events: Iterable[Outgoing], statistics: Statistics) -> Iterator[Outgoing]:
    """The events, counted as if each were a row."""
    for event in events:
        statistics.rows += 1
        statistics.events += 1
        yield event


@contextmanager
def read_log(
    settings: Settings,
    events: Callable[[Statistics], Iterable[Outgoing]],
    *,
    speed: float | None = None,
    shift_to_now: bool = False,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda read: None,
    tell: Callable[[str], None] = lambda line: None,
    strict: bool = False,
) -> Iterator[Log]:
    """Read and sort what `events` gives. `speed`: times real time, None for as fast as it goes; `limit`: the first so many in
    the order of time; `progress`: events read; `tell`: what was found out about the files; `strict`: ids that a spreadsheet
    spoiled are refused.

    Raises UsageError (`bad_file`), before anything was sent.
    """
    if speed is not None and speed <= 0:
        raise UsageError("--speed is a number above 0 (times real time) or max")
    statistics = Statistics()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with Ordered(_told(events(statistics), progress), settings.data_dir) as ordered:
        spoiled = statistics.spoiled.lines()
        for line in (*statistics.reading.notes, *spoiled):
            tell(line)
        if strict and spoiled:
            raise UsageError("bad_file: --strict: " + "; ".join(spoiled))
        total = len(ordered) if limit is None else min(limit, len(ordered))
        window = Window(from_datetime(datetime(settings.first_year, 1, 1, tzinfo=UTC)), int(time.time() * 1000))
        shift = 0
        if shift_to_now:
            shift, window = _shift(lambda: islice(ordered, total), total, window, speed)
        first = next(_valid(islice(ordered, total), window, shift), None)
        yield Log(ordered, total, window, first, shift, speed, statistics)


async def send_log(
    settings: Settings,
    log: Log,
    origin: Origin,
    topics: Callable[[str], str],
    progress: Callable[[int, int | None], None],
    correct: Callable[[Iterable[Outgoing]], Iterable[Outgoing]] = iter,
) -> Sent:
    """Shift, pace and send. `topics`: a live topic's name to the one to send to; `progress`: events sent, and the total;
    `correct`: the events to those that are sent instead (`ioc.importing.corrections`).

    A log without an event sends nothing.  Raises ServiceAway, KafkaError.
    """
    first = log.window.last if log.first_ms is None else log.first_ms
    sent = Sent(log.statistics.rows, 0, {}, first, first, log.shift_ms, log.statistics)
    if not log.total:
        return sent
    async with Sender(settings) as sender:
        names = sorted({topics(topic) for topic in origin.topics()})
        await _beat(sender, names, origin.source, first)
        await _send(sender, correct(log.events()), sent, log.window, log.speed, topics, lambda done: progress(done, log.total))
        await _beat(sender, names, origin.source, sent.last_ms)
        sent.next = dict(sender.next)
    progress(sent.sent, log.total)
    return sent


async def run_import(
    settings: Settings,
    files: Sequence[Path],
    log_map: Map,
    *,
    speed: float | None,
    shift_to_now: bool,
    limit: int | None,
    topics: Callable[[str], str],
    progress: Callable[[int, int | None], None],
    tell: Callable[[str], None] = lambda line: None,
    strict: bool = False,
) -> Sent:
    """Both together: read, sort, shift, pace and send."""
    options: dict[str, Any] = {"speed": speed, "shift_to_now": shift_to_now, "limit": limit, "tell": tell, "strict": strict}
    with read_log(settings, partial(read_events, files, log_map), **options, progress=lambda read: progress(0, None)) as log:
        return await send_log(settings, log, log_map, topics, progress)


def _told(events: Iterable[Outgoing], progress: Callable[[int], None]) -> Iterator[Outgoing]:
    for read, event in enumerate(events):
        if read % STEP == 0:
            progress(read)
        yield event


@dataclass(frozen=True)
class Window:
    """The event times that move the reception time: from the first year to the moment of import, in milliseconds."""

    first: int
    last: int

    def __contains__(self, ms: object) -> bool:
        return isinstance(ms, int) and self.first <= ms <= self.last


def _shift(events: Callable[[], Iterator[Outgoing]], total: int, window: Window, speed: float | None) -> tuple[int, Window]:
    """The shift by which the last event falls at the expected end of sending, and the window that then holds."""
    first, last = next(_valid(events(), window), None), max(_valid(events(), window), default=None)
    if first is None or last is None:
        raise UsageError("--shift-to-now: no event of the log has a time between the first year and now")
    seconds = total / RATE if speed is None else (last - first) / 1000 / speed
    end = window.last + int(seconds * 1000)
    return end - last, Window(window.first, end)


def _valid(events: Iterable[Outgoing], window: Window, shift: int = 0) -> Iterator[int]:
    """The (shifted) event times that move the reception time."""
    return (at for event in events if event.time_ms is not None and (at := event.time_ms + shift) in window)


async def _send(
    sender: Sender,
    events: Iterable[Outgoing],
    sent: Sent,
    window: Window,
    speed: float | None,
    topics: Callable[[str], str],
    progress: Callable[[int], None],
) -> None:
    """Send every event with its reception time; with a speed, when that time has come."""
    clock = asyncio.get_running_loop().time
    start, headers = clock(), [(RECEIVED, b"%d" % sent.first_ms)]
    for event in events:
        if sent.shift_ms:
            event = shifted(event, sent.shift_ms)
        if event.time_ms is not None and event.time_ms > sent.last_ms and event.time_ms in window:
            sent.last_ms = event.time_ms
            headers = [(RECEIVED, b"%d" % sent.last_ms)]
            if speed and (wait := start + (sent.last_ms - sent.first_ms) / 1000 / speed - clock()) > NAP:
                await sender.push()
                progress(sent.sent)
                await asyncio.sleep(wait)
        await sender.post(topics(event.topic), event.key, event.value, headers)
        sent.sent += 1
        if sent.sent % STEP == 0:
            progress(sent.sent)
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError  # Ctrl-C: Python 3.11's wait_for drops it when its answer has just come
    await sender.flush()


async def _beat(sender: Sender, topics: Sequence[str], source: str, at: int) -> None:
    """A heartbeat of the import in every partition, received `at`."""
    beat = {
        "specversion": "1.0", "id": str(uuid.uuid4()), "source": source, "type": "vn.ioc.heartbeat.v1", "time": iso(at),
        "data": {"origin": "import"},
    }  # fmt: skip
    await send_to_all(sender, topics, b"import", orjson.dumps(beat), [(RECEIVED, b"%d" % at)])
