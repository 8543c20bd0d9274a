"""Garbage: when a process that counts looks for cycles of objects, and gives back what it has freed.

What it holds are millions of tuples without cycles. Walking them, as Python does by default after every few hundred new objects,
took 40 % of a worker's time (measured); so young objects are looked at seldom, and old ones when the process says so.
"""

from __future__ import annotations

import gc

import pyarrow as pa

YOUNG = 1_000_000
"""New objects after which the young ones are looked at: more than a poll of 20,000 events makes, for most of them end with it."""
NEVER = 1_000_000


def seldom() -> None:
    """From now on only young objects are looked at by themselves, and Arrow's buffers go back to the system."""
    pa.set_memory_pool(pa.system_memory_pool())  # its own pool keeps 100 MB of what was freed, and is no faster here
    gc.collect()
    gc.freeze()  # modules and classes: there for good
    gc.set_threshold(YOUNG, 20, NEVER)


def collect() -> None:
    """Look at all of them: now and then, and not in the midst of a poll."""
    gc.collect()
