"""Scene: a centre with its proxy, its feed and its workers, and a keeper that starts again what has ended. Faults act on it."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ioc.counting.pipeline import MEASURE
from ioc.rolling.reached import ROLL
from ioc.store import state
from tests.centre import Centre
from tests.chaos.feed import Feed
from tests.chaos.proxy import Proxy
from tests.counting import EVERY

WORKERS = ("worker1", "worker2", "worker3")
PATIENCE = 120.0
"""Seconds without anything counted after which the centre is said to stand still."""
TICK = 0.05
"""Seconds between two looks at a condition."""


class Scene:
    """What the faults see. Only the thread that made it starts processes, for children end with their thread."""

    def __init__(self, centre: Centre, proxy: Proxy, feed: Feed, watch: Callable[[str], None]) -> None:
        self.centre, self.proxy, self.feed, self._watch = centre, proxy, feed, watch
        self.wanted: list[str] = []
        """Workers that shall run: the keeper starts them again."""
        self.stopped: set[str] = set()
        """Workers under SIGSTOP."""
        self.crew = threading.Lock()
        """Held while the others must take a worker's place, or while workers leave: not both at once."""
        self.endings: Counter[str] = Counter()
        """How workers ended that nobody had killed."""
        self.memory = 0
        """The largest worker, MiB."""
        self._store = centre.store
        self._main = threading.get_ident()

    # ---- workers

    def join(self, name: str) -> None:
        """A worker is to run from now on."""
        self.centre.launch(name)
        self.wanted.append(name)

    def leave(self, name: str) -> None:
        """A worker is told to stop, and stops in order."""
        self.wanted.remove(name)
        self.hurt(name, signal.SIGTERM)
        self.wait(lambda: self.centre.ended(name), f"{name} stops", keep=False)
        self._note(name)

    def hurt(self, name: str, how: signal.Signals) -> None:
        """A signal for a process; from any thread."""
        {signal.SIGSTOP: self.stopped.add, signal.SIGCONT: self.stopped.discard}.get(how, lambda name: None)(name)
        self.centre.signal(name, how)

    def running(self) -> list[str]:
        """Workers that count: ready, not stopped, not dead."""
        return [n for n in list(self.wanted) if n not in self.stopped and not self.centre.ended(n) and self.centre.ready(n)]

    def keep(self) -> None:
        """Start again what has ended."""
        for name in self.wanted:
            if self.centre.ended(name):
                self._note(name)
                self.stopped.discard(name)
                self.centre.launch(name)
            self.memory = max(self.memory, self.centre.rss(name))

    def _note(self, name: str) -> None:
        code = self.centre.exit_code(name)
        if code == -signal.SIGTERM:
            self.endings["told to stop while it started"] += 1
        elif code not in (0, -signal.SIGKILL):
            says = [line for line in self.centre.log(name).splitlines() if line.startswith("ioc worker:")]
            self.endings[f"exit {code}: {says[-1][12:192] if says else '?'}"] += 1

    # ---- waiting

    def wait(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE, keep: bool = True) -> None:
        """Until the condition holds. In the main thread workers are kept running meanwhile."""
        self._watch(what)
        end = time.monotonic() + seconds
        main = threading.get_ident() == self._main
        while not condition():
            assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
            if keep and main:
                self.keep()
            time.sleep(TICK)

    @contextmanager
    def same_crew(self, what: str) -> Iterator[None]:
        """Nobody else makes workers leave, or counts on others to take over."""
        self.wait(lambda: self.crew.acquire(blocking=False), what)
        try:
            yield
        finally:
            self.crew.release()

    @contextmanager
    def counts_on(self, what: str) -> Iterator[None]:
        """Do something, and return once something more is counted."""
        yield
        before = self.proxy.written["checkpoints"]
        self.wait(lambda: self.proxy.written["checkpoints"] > before, f"counting goes on: {what}")

    def positions(self, stage: str = MEASURE) -> dict[tuple[str, int], int]:
        """Positions counted (or rolled) by partition."""
        found: dict[tuple[str, int], int] = {}
        for (_, *place), checkpoint in state.checkpoints(self._store, stage, EVERY).items():  # of every stream that reads it
            at = (str(place[0]), int(place[1]))
            found[at] = min(checkpoint.next, found.get(at, checkpoint.next))
        return found

    def settle(self) -> dict[tuple[str, int], int]:
        """No more events: wait until all is counted and rolled, and stop the workers. Returns the ends of the log."""
        self.feed.stop()
        ends = self.centre.ends()
        for stage in (MEASURE, ROLL):
            self.wait(lambda stage=stage: self._reached(stage, ends), f"all is counted ({stage})")  # type: ignore[misc]
        for name in list(self.wanted):
            self.leave(name)
        return ends

    def _reached(self, stage: str, ends: dict[tuple[str, int], int]) -> bool:
        at = self.positions(stage)
        return all(at.get(place, 0) >= end for place, end in ends.items())

    def close(self) -> None:
        """Wake what is stopped, so that it can end."""
        for name in list(self.stopped):
            with suppress(ProcessLookupError):
                self.hurt(name, signal.SIGCONT)


@contextmanager
def scene(
    folder: Path, seed: str, rate: float, watch: Callable[[str], None], partitions: int = 4, roll: float = 3.0
) -> Iterator[Scene]:
    """A centre that is fed, with two workers that count."""
    with (
        Centre(folder, partitions, roll=roll) as centre,
        Proxy(centre.port("store"), lambda name, how: made.hurt(name, how)) as proxy,
    ):
        centre.store_port = proxy.port
        with Feed(centre.settings, centre.catalog, seed, rate) as feed:
            made = Scene(centre, proxy, feed, watch)
            try:
                for name in WORKERS[:2]:
                    made.join(name)
                made.wait(lambda: len(made.running()) == 2, "two workers count")
                yield made
            finally:
                made.close()
