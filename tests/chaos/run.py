"""Run: faults by the seed until there are enough, then the judge."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import steps
from tests.chaos.faults import FAULTS
from tests.chaos.judge import Findings, judge, read_back
from tests.chaos.scene import Scene, scene
from tests.chaos.strikes import KINDS, strike

STRIKES = 4
"""Strikes at write boundaries for each fault of a whole process."""
STRIKERS = 3
"""Traps that are set at a time, each by a thread of its own."""
Watch = Callable[[int, int, str], None]
"""Gets how many faults struck, how many events were sent, and what happens now."""


@dataclass
class Result:
    """What struck, and what the judge found."""

    seed: int
    struck: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Faults by kind and boundary (a table, or nothing)."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time they took in all, by kind."""
    endings: Counter[str] = field(default_factory=Counter)
    memory: int = 0
    findings: Findings = field(default_factory=Findings)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def faults(self) -> int:
        """How many struck."""
        with self.lock:
            return self.struck.total()

    def note(self, kind: str, table: str, began: float) -> None:
        """A fault struck, and what belongs to it is done."""
        with self.lock:
            self.struck[kind, table] += 1
            self.seconds[kind] = self.seconds.get(kind, 0.0) + time.monotonic() - began

    def balanced(self) -> bool:
        """Whether there were enough strikes for the next fault of a whole process."""
        with self.lock:
            found = list(self.struck.items())
        return sum(n for (_, t), n in found if t) >= STRIKES * sum(n for (_, t), n in found if not t)

    def summary(self) -> str:
        """The one line."""
        counts = ", ".join(f"{kind} {self.findings.counts[kind]}" for kind in ("lost", "doubled", "wrong"))
        return f"faults {self.faults}, events {self.findings.events}, {counts}"

    def dump(self) -> dict[str, Any]:
        """All of it, for JSON."""
        kinds: dict[str, Any] = {}
        for (kind, table), count in sorted(self.struck.items()):
            own = kinds.setdefault(kind, {"faults": 0, "seconds": round(self.seconds[kind], 1), "boundaries": {}})
            own["faults"] += count
            own["boundaries"] |= {table: count} if table else {}
        found = self.findings
        counts = {kind: found.counts[kind] for kind in ("lost", "doubled", "wrong")}
        return {"seed": self.seed, "faults": self.faults, "events": found.events, **counts, "kinds": kinds} | {
            "compared": dict(found.compared),
            "examples": found.examples,
            "endings": dict(self.endings),
            "worker_mib": self.memory,
        }


def chaos(
    folder: Path,
    faults: int,
    seed: int,
    watch: Watch = lambda *_: None,
    weights: Mapping[str, float] | None = None,
    strikes: Mapping[str, float] = KINDS,
    rate: float = 50,
) -> Result:
    """Strike until `faults` have struck, and judge. `weights`, `strikes`: how often each fault of a whole process, and each
    strike at a write boundary, is drawn."""
    result = Result(seed)
    feeds: list[Any] = []

    def tell(what: str) -> None:
        watch(result.faults, feeds[0].sent if feeds else 0, what)

    with scene(folder, f"{seed} traffic", rate, tell, roll=1.0) as found:
        feeds.append(found.feed)
        _storm(found, result, faults, weights or {kind: weight for kind, (_, weight) in FAULTS.items()}, strikes)
        ends = found.settle()
        result.endings, result.memory = found.endings, found.memory
        tell("the log is read back and counted by brute force")
        records = read_back(found.centre.settings.kafka_bootstrap, found.centre.settings.partitions)
        result.findings = judge(found.centre.store, records, found.centre.settings.partitions, ends)
        result.findings.add("wrong", "windows", steps.behind(found.centre.store, records, ends))
    return result


def _storm(scene: Scene, result: Result, faults: int, weights: Mapping[str, float], strikes: Mapping[str, float]) -> None:
    """Strikes in threads, faults of whole processes here, until there are enough of both together."""
    failed: list[BaseException] = []

    def enough() -> bool:
        return bool(failed) or result.faults >= faults

    def strike_on(number: int) -> None:
        chance = random.Random(f"{result.seed} strikes {number}")
        try:
            while not enough():
                began = time.monotonic()
                if struck := strike(scene, chance, strikes):
                    result.note(*struck, began)
        except BaseException as error:
            failed.append(error)

    strikers = [threading.Thread(target=strike_on, args=(n,), daemon=True) for n in range(STRIKERS)]
    for thread in strikers:
        thread.start()
    chance = random.Random(f"{result.seed} faults")
    try:
        while not enough():
            kind = chance.choices(list(weights), list(weights.values()))[0]
            began = time.monotonic()
            FAULTS[kind][0](scene, chance)
            result.note(kind, "", began)
            scene.wait(lambda: enough() or result.balanced(), "strikes at write boundaries", 300)
        scene.wait(lambda: not any(thread.is_alive() for thread in strikers), "the last strikes are over", 300)
    except AssertionError as error:
        failed.append(error)
    if failed:
        raise failed[0]
