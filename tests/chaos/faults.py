"""Faults: what is done to whole processes, to the group and to the log, one after the other in the main thread."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable

from tests.chaos import groups
from tests.chaos.scene import WORKERS, Scene

Fault = Callable[[Scene, random.Random], None]


def kill_worker(scene: Scene, rng: random.Random) -> None:
    """kill -9 at any moment; the keeper starts it again."""
    with scene.counts_on("after kill -9 of a worker"):
        scene.hurt(rng.choice(alive(scene)), signal.SIGKILL)


def kill_store(scene: Scene, rng: random.Random) -> None:
    """kill -9 of the store."""
    with scene.counts_on("after kill -9 of the store"):
        scene.centre.kill("store")
        scene.centre.start("store")


def kill_broker(scene: Scene, rng: random.Random) -> None:
    """kill -9 of the broker."""
    with scene.counts_on("after kill -9 of the broker"):
        scene.centre.kill("broker")
        scene.centre.start("broker")


def pause_broker(scene: Scene, rng: random.Random) -> None:
    """The broker stands still while events are on their way to it."""
    with scene.counts_on("after a pause of the broker"):
        scene.hurt("broker", signal.SIGSTOP)
        try:
            more_sent(scene, rng.randrange(50, 300))
        finally:
            scene.hurt("broker", signal.SIGCONT)


def store_away(scene: Scene, rng: random.Random) -> None:
    """The store cannot be reached while events keep coming."""
    with scene.counts_on("after the store was away"):
        scene.proxy.away = True
        try:
            more_sent(scene, rng.randrange(50, 600))
        finally:
            scene.proxy.away = False


def join_or_leave(scene: Scene, rng: random.Random) -> None:
    """One more worker, or one less (but one stays)."""
    with scene.counts_on("after a worker joined or left"):
        leavers = [n for n in alive(scene) if scene.centre.ready(n)]
        if len(scene.wanted) < len(WORKERS) and (len(leavers) < 2 or rng.random() < 0.6):
            name = next(n for n in WORKERS if n not in scene.wanted)
            scene.join(name)
            scene.wait(lambda: scene.centre.ready(name), f"{name} has joined")
        elif leavers:
            with scene.same_crew("a worker can be spared"):
                scene.leave(rng.choice(alive(scene)))


def move_offsets(scene: Scene, rng: random.Random) -> None:
    """All workers leave; the group's offsets are deleted, or set elsewhere; they must not matter to those who come."""
    names = list(scene.wanted)
    with scene.counts_on("after foreign group offsets"), scene.same_crew("all workers can be spared"):
        for name in names:
            scene.leave(name)
        settings = scene.centre.settings
        change = groups.delete if rng.random() < 0.5 else groups.move
        asyncio.run(change(settings, "ioc.measure.ioc", rng))
        for name in names:
            scene.join(name)


def transaction(end: str) -> Fault:
    """Events in a transaction that ends so."""

    def fault(scene: Scene, rng: random.Random) -> None:
        with scene.counts_on(f"after a transaction was {end}"):
            scene.feed.transaction(end)

    return fault


FAULTS: dict[str, tuple[Fault, float]] = {
    "kill -9 of a worker at any moment": (kill_worker, 12),
    "kill -9 of the store": (kill_store, 20),
    "kill -9 of the broker": (kill_broker, 8),
    "broker stopped and continued": (pause_broker, 10),
    "store away": (store_away, 12),
    "worker joins or leaves": (join_or_leave, 16),
    "group offsets moved or deleted": (move_offsets, 3),
    "transaction committed": (transaction("committed"), 7),
    "transaction aborted": (transaction("aborted"), 7),
    "transaction deserted": (transaction("deserted"), 5),
}
"""What is done, and how often each is drawn."""


def alive(scene: Scene) -> list[str]:
    """Workers that run and are not stopped."""
    return [n for n in scene.wanted if n not in scene.stopped and not scene.centre.ended(n)]


def more_sent(scene: Scene, count: int) -> None:
    """Wait until so many more events are under way."""
    before = scene.feed.sent
    scene.wait(lambda: scene.feed.sent >= before + count, f"{count} more events are sent")
