"""Strikes: traps at the write boundaries, one after the other, in a thread of their own: the bulk of the faults, and quick."""

from __future__ import annotations

import random
import signal
from collections.abc import Mapping

from tests.chaos.proxy import BOUNDARIES, REFUSAL, Trap
from tests.chaos.scene import Scene

KINDS: dict[str, float] = {
    "cut before the write": 26,
    "cut after the write": 26,
    "late write": 22,
    "error 500": 2,
    "kill -9 before the write": 2,
    "kill -9 after the write": 2,
    "zombie write of a killed worker": 2,
    "stopped past its session, then continued": 1,
}
"""How often each is drawn."""
TAKEOVER = 180.0
"""Seconds in which the others take a stopped worker's partitions over: each that is killed meanwhile costs a session more."""


def trap(kind: str, table: str, nth: int) -> Trap:
    """The trap of a kind."""
    return {
        "cut before the write": Trap(kind, table, nth, forward="never", answer=b""),
        "cut after the write": Trap(kind, table, nth, answer=b""),
        "late write": Trap(kind, table, nth, forward="late", answer=b""),
        "error 500": Trap(kind, table, nth, forward="never", answer=REFUSAL),
        "kill -9 before the write": Trap(kind, table, nth, signal.SIGKILL, forward="never", answer=b""),
        "kill -9 after the write": Trap(kind, table, nth, signal.SIGKILL, after=True, answer=b""),
        "zombie write of a killed worker": Trap(kind, table, nth, signal.SIGKILL, forward="late", answer=b""),
        "stopped past its session, then continued": Trap(kind, table, nth, signal.SIGSTOP, forward="late", answer=b""),
    }[kind]


def strike(scene: Scene, rng: random.Random, kinds: Mapping[str, float]) -> tuple[str, str] | None:
    """One fault at a write boundary: (kind, table) once it struck and what belongs to it is done; None: no insert came."""
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    table = rng.choice(BOUNDARIES)
    nth, wait_for_more = rng.randrange(1, 4), rng.random() < 0.6
    set_ = trap(kind, table, nth)
    if not kind.startswith(("stopped", "zombie")):
        return (kind, table) if sprung(scene, set_, rng.randrange(1, 8), wait_for_more) else None
    with scene.same_crew(f"{kind}: the others are to stay"):
        try:
            scene.wait(lambda: len(scene.running()) > 1, f"{kind}: there is another worker", 10)
        except AssertionError:
            return None  # nobody may be about to join: who lets one join waits for strikes
        return (kind, table) if sprung(scene, set_, 0, wait_for_more) else None


def sprung(scene: Scene, trap: Trap, later: int, wait_for_more: bool) -> bool:
    """Set a trap, wait until it strikes, and do what belongs to it. False: no insert came within a minute."""
    scene.proxy.set(trap)
    try:
        scene.wait(trap.struck.is_set, f"{trap.kind} at {trap.table}", 60)
    except AssertionError:
        scene.proxy.drop(trap)
        return False
    try:
        if not later:
            taken_over(scene, trap)
        elif trap.forward == "late":
            moved_on(scene, later)
        if wait_for_more:
            moved_on(scene, 1)
    finally:
        scene.proxy.release(trap)
        if trap.hurt == signal.SIGSTOP:
            scene.hurt(trap.who, signal.SIGCONT)
    return True


def moved_on(scene: Scene, inserts: int) -> None:
    """Wait for that many checkpoints more."""
    before = scene.proxy.written["checkpoints"]
    scene.wait(lambda: scene.proxy.written["checkpoints"] >= before + inserts, f"{inserts} more checkpoints")


def taken_over(scene: Scene, trap: Trap) -> None:
    """Wait until every partition is counted on, whoever had it (a fault beside this one may take long: then not for ever)."""
    before = scene.positions()
    scene.wait(lambda: all(now > before.get(p, 0) for p, now in scene.positions().items()), f"{trap.who} is replaced", TAKEOVER)
