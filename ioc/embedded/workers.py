"""Workers: one more worker process, for as long as it is needed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen

from ioc.embedded.children import spawn, stop, tail
from ioc.embedded.stack import environment
from ioc.errors import ServiceAway
from ioc.settings import Settings

START_PATIENCE = 60.0
"""Seconds a worker may take to get its partitions."""


@contextmanager
def worker_of(settings: Settings, run: str | None = None) -> Iterator[Popen[bytes]]:
    """A worker of a run, or of the centre itself, ready, for as long as the block lasts: its process.

    Raises ServiceAway when it does not start.
    """
    name = "worker" if run is None else f"worker-{run}"
    note, log = settings.data_dir / "run" / f"{name}.ready", settings.data_dir / "logs" / f"{name}.log"
    command = [sys.executable, "-m", "ioc", "worker", *([] if run is None else ["--run", run])]
    child = spawn(command, {**os.environ, **environment(settings)}, log)
    try:
        end = time.monotonic() + START_PATIENCE
        while not (note.exists() and note.read_text() == str(child.pid)):
            if child.poll() is not None or time.monotonic() > end:
                raise ServiceAway(f"the worker did not start; its output stands in {log}:\n{tail(log)}")
            time.sleep(0.05)
        yield child
    finally:
        stop(child, 20)
