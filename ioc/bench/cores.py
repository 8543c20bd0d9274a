"""Cores: how much of the processors processes take, with all that they started, read from /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ioc.errors import ServiceAway

TICK = os.sysconf("SC_CLK_TCK")


OTHERS = "others"


def cores(pids: Mapping[str, int], seconds: float) -> dict[str, float]:
    """By name, processor seconds a second over so many seconds from now; and `others`: what all else on the machine took."""
    began, before, all_before = time.monotonic(), used(pids), _busy()
    time.sleep(seconds)
    took, after, all_after = time.monotonic() - began, used(pids), _busy()
    found = {name: (after[name] - before[name]) / took for name in pids}
    return found | {OTHERS: max(0.0, (all_after - all_before) / took - sum(found.values()))}


def used(pids: Mapping[str, int]) -> dict[str, float]:
    """Processor seconds of each process so far, in the program and in the kernel, with those of all that it started, also of
    what has ended, but for what is named itself.  Raises ServiceAway when one is gone."""
    found, named = _all(), set(pids.values())
    below: dict[int, list[int]] = {}
    for pid, (parent, _) in found.items():
        if pid not in named:
            below.setdefault(parent, []).append(pid)
    if gone := [name for name, pid in pids.items() if pid not in found]:
        raise ServiceAway(f"{gone[0]} ended while it was measured")
    return {name: sum(found[one][1] for one in _tree(pid, below)) / TICK for name, pid in pids.items()}


def peak(pid: int) -> float:
    """Most memory a process has held so far, MB (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def _busy() -> float:
    """Processor seconds that the machine has worked so far, or that its host took from it."""
    with Path("/proc/stat").open() as file:
        user, nice, system, _, _, irq, softirq, steal, *_ = map(int, file.readline().split()[1:])
    return (user + nice + system + irq + softirq + steal) / TICK


def _all() -> dict[int, tuple[int, int]]:
    """By process: its parent, and its ticks with those of children it has waited for."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it has ended meanwhile
                fields = (folder / "stat").read_text().rpartition(")")[2].split()  # from field 3 on; a name may hold blanks
                found[int(folder.name)] = int(fields[1]), sum(map(int, fields[11:15]))  # utime stime cutime cstime
    return found


def _tree(pid: int, below: Mapping[int, list[int]]) -> Iterable[int]:
    yield pid
    for child in below.get(pid, ()):
        yield from _tree(child, below)
