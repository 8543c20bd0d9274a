"""Supervise: child processes started in order, restarted when they fall, stopped in reverse, and never left behind."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Literal

from ioc.embedded.children import keep_small, spawn, stop, tail
from ioc.errors import IocError

State = Literal["starting", "ready", "silent", "restarting", "away", "ended"]
SILENCE = 30.0
"""Seconds a child that was ready may be silent, where it has an `answers`, before it is killed and started again."""
LISTEN = 2.0
"""Seconds between two such questions."""
REFUSED = (1, 2)  # exit codes that mean "I was told something impossible": trying for ever would not help
NO_START = 71  # what a child that could not even be started counts as: no refusal, memory or disk may come back


class Stopping(Exception):
    """`Supervisor.shutdown` was called while something was waited for: not an error, leave and close."""


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Child:
    """A process to keep running. `command` is asked anew at every start; `ready` is given the process id."""

    name: str
    command: Callable[[], list[str]]
    ready: Callable[[int], bool]
    env: Mapping[str, str] = field(default_factory=dict)  # added to the supervisor's own environment
    without: tuple[str, ...] = ()  # how the names begin of what it does not get of either
    before: Callable[[], object] = _nothing  # once, before the first start; may take long
    after: Callable[[], object] = _nothing  # once, after it was ready for the first time
    patience: float = 120  # seconds it may take to become ready
    answers: Callable[[], bool] | None = None  # asked again while it is ready: one that is silent for long is started anew
    grace: float = 15  # seconds between SIGTERM and SIGKILL
    may_end: bool = False  # exit code 0 is its proper end, not a fall
    optional: bool = False  # where it cannot run, the others go on without it
    foreign: bool = False  # its exit codes are not ours: once it was ready none is a refusal (Kafka ends with 1 on a full disk)


@dataclass
class Service:
    """What is known of a child: state, process, since when (seconds of the epoch), and while it is not ready why it fell last."""

    name: str
    state: State = "starting"
    pid: int | None = None
    since: float = field(default_factory=time.time)
    why: str = ""


class Supervisor:
    """Keeps children running. All methods but `shutdown` belong to one thread: the kernel kills the children when it ends."""

    def __init__(
        self,
        logs: Path,
        progress: Callable[[str], None],
        changed: Callable[[list[Service]], None] = lambda _: None,
        *,
        first_pause: float = 0.5,
        longest_pause: float = 30,
        calm: float = 60,
        listen: float = LISTEN,
        silence: float = SILENCE,
    ) -> None:
        """Pauses between restarts double from `first_pause`; after `calm` seconds of running they begin anew."""
        self.listen, self.silence = listen, silence
        self.logs, self._progress, self._changed = logs, progress, changed
        self.first_pause, self.longest_pause, self.calm = first_pause, longest_pause, calm
        self._kept: list[_Kept] = []
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._tell_again: float | None = None
        self._measured = 0.0

    def start(self, child: Child) -> None:
        """Start the child and come back when it is ready; IocError when it gave up or was too slow, Stopping on `shutdown`."""
        self.run(child.before)
        kept = _Kept(child, self)
        self._kept.append(kept)
        kept.launch()
        end = time.monotonic() + child.patience
        while kept.service.state not in ("ready", "ended"):
            self._turn()
            if kept.service.state == "away":
                raise IocError(kept.last_words)
            if time.monotonic() > end:
                kept.give_up(f"{child.name} was not ready within {child.patience:.0f} s; its log ends with:\n{tail(kept.log)}")
        if kept.service.state == "ready":
            self.run(child.after)

    def run(self, work: Callable[[], object]) -> None:
        """Do the work while watching the children that run already; raises what it raises, Stopping on `shutdown`."""
        failed: list[BaseException] = []

        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        while thread.is_alive():
            self._turn()
        if failed:
            raise failed[0]

    def watch(self) -> None:
        """Restart what falls, until `shutdown`."""
        with suppress(Stopping):
            while True:
                self._turn()

    def shutdown(self) -> None:
        """Ask for the end (from a signal handler or another thread); asked twice, children are killed at once."""
        (self._hurry if self._stop.is_set() else self._stop).set()

    def close(self) -> None:
        """Stop all children, the last one started first."""
        for kept in reversed(self._kept):
            if kept.process is not None and kept.process.poll() is None:
                self.progress(f"stopping {kept.child.name}")
            if kept.process is not None:
                stop(kept.process, kept.child.grace, self._hurry.is_set)
            kept.turn("away", None)
        self._kept.clear()

    def _turn(self) -> None:
        for kept in self._kept:
            kept.look()
        if self._tell_again is not None and time.monotonic() >= self._tell_again:
            self.tell()
        if time.monotonic() - self._measured >= self.listen:
            self._measured = time.monotonic()
            for log in self.logs.glob("*.log"):
                with suppress(OSError):  # one that is not ours, or gone meanwhile
                    keep_small(log)
        if self._stop.wait(0.05):
            raise Stopping

    def tell(self) -> None:
        """Report all services to whoever listens; where that fails (a full disk), again and again until it does not."""
        before = self._tell_again
        try:
            self._changed([kept.service for kept in self._kept])
        except OSError as error:
            self._tell_again = time.monotonic() + self.first_pause
            if before is None:
                self.progress(f"the state of the services cannot be written ({error}); they run on, and it is tried again")
            return
        self._tell_again = None
        if before is not None:
            self.progress("the state of the services is written again")

    def progress(self, text: str) -> None:
        """Say what goes on; a log on a full disk loses it, and nothing else stops for that."""
        with suppress(OSError):
            self._progress(text)


class _Kept:
    """One child under supervision: its process, how often it fell and when it may start again."""

    def __init__(self, child: Child, owner: Supervisor) -> None:
        self.child, self.owner = child, owner
        self.log = owner.logs / f"{child.name}.log"
        self.process: Popen[bytes] | None = None
        self.service = Service(child.name)
        self.last_words = ""
        self.why = ""
        self._served = False
        self._pause = owner.first_pause
        self._started = self._due = 0.0
        self._asked = self._heard = 0.0
        self._refusals: deque[float] = deque(maxlen=4)

    def launch(self) -> None:
        env = {name: value for name, value in {**os.environ, **self.child.env}.items() if not name.startswith(self.child.without)}
        self.process = spawn(self.child.command(), env, self.log)
        self._started = time.monotonic()
        self.turn("starting", self.process.pid)

    def look(self) -> None:
        """One look at the child: it may have become ready, fallen, been too slow, or its pause is over."""
        now, state = time.monotonic(), self.service.state
        if state == "restarting" and now >= self._due:
            try:
                self.launch()
            except (OSError, IocError) as error:  # no memory, no disk: the next attempt may find some
                self._fell(NO_START, now, f"could not be started: {error}")
        elif self.process is not None and state in ("starting", "ready", "silent"):
            if (code := self.process.poll()) is not None:
                self._fell(code, now)
            elif state == "starting" and self.child.ready(self.process.pid):
                self._asked = self._heard = now
                self.turn("ready", self.process.pid)
            elif state in ("ready", "silent"):
                self._listen(self.process, now)
            elif state == "starting" and now - self._started > self.child.patience:
                stop(self.process, self.child.grace)  # the next look finds it fallen

    def _listen(self, process: Popen[bytes], now: float) -> None:
        """Ask a child that was ready whether it still answers: while it does not it is silent, in the end it is killed."""
        if self.child.answers is None or now - self._asked < self.owner.listen:
            return
        well, self._asked = self.child.answers(), time.monotonic()
        if well:
            self._heard = self._asked
        if well != (self.service.state == "ready"):
            self.turn("ready" if well else "silent", process.pid)
        if self._asked - self._heard > self.owner.silence:
            self.owner.progress(f"{self.child.name} has not answered for {self._asked - self._heard:.0f} s: it is ended")
            stop(process, 0)  # it hears nothing: no use in asking it to end; the next look finds it fallen

    def _fell(self, code: int, now: float, why: str = "") -> None:
        if self.process is not None:
            stop(self.process, 0)  # whatever it left in its group
        if code == 0 and self.child.may_end:
            return self.turn("ended", None)
        refused = code in REFUSED and not (self.child.foreign and self._served)
        self.why = why or f"{'refused to run' if refused else 'ended'} (exit code {code}): {last_word(self.log)}"
        if refused:
            self._refusals.append(now)
        if len(self._refusals) == self._refusals.maxlen and now - self._refusals[0] < 60:
            return self.give_up(f"{self.child.name} refused to run (exit code {code}); its log ends with:\n{tail(self.log)}")
        if now - self._started > self.owner.calm:
            self._pause = self.owner.first_pause
        self.owner.progress(f"{self.child.name} {why or f'ended (exit code {code})'}; starting it again in {self._pause:g} s")
        self._due, self._pause = now + self._pause, min(2 * self._pause, self.owner.longest_pause)
        return self.turn("restarting", None)

    def give_up(self, why: str) -> None:
        """Stop trying: its end where it is optional, else the state in which `start` fails."""
        if self.process is not None:
            stop(self.process, self.child.grace)
        self.last_words, self.why = why, self.why or why
        self.owner.progress(why)
        self.turn("ended" if self.child.optional else "away", None)

    def turn(self, state: State, pid: int | None) -> None:
        if state == "ready":
            self._served, self.why = True, ""
        self.service = Service(self.child.name, state, pid, why=self.why)
        self.owner.tell()


def last_word(log: Path) -> str:
    """Why a process ended, in one line: what it said as `ioc ...: why`, else its last line."""
    lines = [line for line in tail(log, 30).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.startswith("ioc")), lines[-1] if lines else "it said nothing")
