"""Garbage: when a process that counts looks for cycles of objects, and gives back what it has freed.

What it holds are millions of tuples without cycles. Walking them, as Python does by default after every few hundred new objects,
took 40 % of a worker's time (measured); so young objects are looked at seldom, and old ones when the process says so.
"""

from __future__ import annotations

import ctypes
import gc

import pyarrow as pa

YOUNG = 4_000_000
"""New objects after which the young ones are looked at: more than three polls of 20,000 events make (one is decoded, one counted,
one written), for most of them end with it."""
NEVER = 1_000_000
LARGE = 1 << 20
"""Bytes from which on a buffer goes back to the system when it is freed. By itself the C library takes what was freed once for
usual and keeps it, up to 64 MB in each of many pools: 70 MB of 470 after 60,000 dossiers (measured), and no faster."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def seldom() -> None:
    """From now on only young objects are looked at by themselves, and large buffers go back to the system."""
    give_back()
    pa.set_memory_pool(pa.system_memory_pool())  # its own pool keeps 100 MB of what was freed, and is no faster here
    gc.collect()
    gc.freeze()  # modules and classes: there for good
    gc.set_threshold(YOUNG, 20, NEVER)


def give_back() -> None:
    """Keep no large buffer that was freed. Another C library than glibc has its own ways."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option, value in ((_ARENA_MAX, 2), (_MMAP_THRESHOLD, LARGE), (_TRIM_THRESHOLD, LARGE)):
            set_option(option, value)


def collect() -> None:
    """Look at all of them: now and then, and not in the midst of a poll."""
    gc.collect()
