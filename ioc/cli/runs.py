"""Runs: a worker of a run for as long as an import lasts, and waiting until its windows are there."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ioc import state
from ioc.catalog import Catalog
from ioc.clickhouse import Store
from ioc.embedded.children import spawn, stop
from ioc.errors import ServiceAway
from ioc.roll import ROLL
from ioc.settings import Settings
from ioc.state import Place

START_PATIENCE = 60.0
"""Seconds a run's worker may take to get its partitions."""
ROLL_PATIENCE = 120.0
"""Seconds without a roll after which waiting is given up."""


@contextmanager
def worker_of(settings: Settings, run: str) -> Iterator[None]:
    """A worker of a run, ready, for as long as the block lasts.  Raises ServiceAway when it does not start."""
    from ioc.embedded.stack import environment

    note = settings.data_dir / "run" / f"worker-{run}.ready"
    log = settings.data_dir / "logs" / f"worker-{run}.log"
    child = spawn([sys.executable, "-m", "ioc", "worker", "--run", run], {**os.environ, **environment(settings)}, log)
    try:
        end = time.monotonic() + START_PATIENCE
        while not (note.exists() and note.read_text() == str(child.pid)):
            if child.poll() is not None or time.monotonic() > end:
                raise ServiceAway(f"the run's worker did not start; its output stands in {log}")
            time.sleep(0.05)
        yield
    finally:
        stop(child, 20)


def wait_rolled(store: Store, catalog: Catalog, wanted: Mapping[Place, int]) -> None:
    """Return once the roller has passed the positions: boards read a run's windows after its worker has gone."""
    wanted = {place: position for place, position in wanted.items() if catalog.of_topic(place[0])}
    reached, moved = -1, time.monotonic()
    while True:
        rolled: dict[Place, int] = {}
        for (_, topic, partition), checkpoint in state.checkpoints(store, ROLL).items():
            rolled[topic, partition] = min(rolled.get((topic, partition), checkpoint.next), checkpoint.next)
        if all(rolled.get(place, 0) >= position for place, position in wanted.items()):
            return
        if (total := sum(rolled.values())) != reached:
            reached, moved = total, time.monotonic()
        if time.monotonic() - moved > ROLL_PATIENCE:
            raise ServiceAway("the run's windows are not rolled on; `ioc worker --run NAME` goes on with them")
        time.sleep(0.2)  # polled: nothing tells a client when the roller moves
