"""Schedules: several workers over one log, stopped at any step they take to the store. For thousands of runs in memory.

A worker reads and writes through a door. Before any read or write it may fail, or stand still and go on later, after others
have taken its place (a zombie with a stale cache); an insert may land and its answer be lost, land in part, land after its
worker's end, or land twice. A poll is written before the next is counted, or after. Every row is checked against the brute force
when it lands, not only at the end.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import partial

import pyarrow as pa
import pytest

from ioc.counting.pipeline import Pipeline
from ioc.store.state import Checkpoint
from tests import brute
from tests.counting import TOPICS, panes, poll, polls_ahead, verdicts
from tests.judged import Judged
from tests.logs import batch, by_place, random_log
from tests.workers import FATES, Worker


class Schedule:
    """One schedule: `workers` at a time over a random log, `steps` random deeds, then one that counts the rest."""

    def __init__(self, seed: int, workers: int = 2, size: int = 30, steps: int = 16, partitions: int = 2) -> None:
        self.rng, self.partitions = random.Random(seed), partitions
        self.log = random_log(self.rng, size, partitions)
        self.places = [(t, p) for t in TOPICS for p in range(partitions)]
        self.store = Judged(self.log, partitions)
        self.late: list[tuple[str, pa.Table]] = []
        self.happened: Counter[str] = Counter()
        self.fetched = dict.fromkeys(self.places, 0)
        """The highest position any worker has read up to: what Kafka's group would know."""
        self.still: list[Worker] = []
        self.workers = [Worker(self) for _ in range(workers)]
        self.small = self.rng.random() < 0.5
        self.steps = steps

    def run(self) -> Schedule:
        """Play it to the end. Raises AssertionError at the first wrong row."""
        with pytest.MonkeyPatch.context() as patch:
            if self.small:
                small_caches(patch)
            try:
                for _ in range(self.steps):
                    self._deed()
            finally:
                self._finish()
        return self

    def taken_over_at(self, step: int) -> bool:
        """One worker stands still before its given step, another goes on in its place, and the first one after it. False: it
        has not so many steps."""
        first, second = Worker(self), self.workers[0]
        second.begin(partial(self._poll, size=2))
        first.begin(partial(self._poll, size=3), "stands still", step)
        stood = first.stands
        second.begin(partial(self._poll, size=2))
        if stood:
            first.go_on()
        first.begin(partial(self._poll, size=3))
        self._finish()
        return stood

    def _finish(self) -> None:
        """A last worker counts the rest; then what is still on its way lands."""
        final = Worker(self)
        ends = {place: records[-1].offset for place, records in by_place(self.log).items()}
        while any(final.pipeline.checkpoints.get(place, Checkpoint()).next <= end for place, end in ends.items()):
            final.begin(self._poll)
        self._land()
        while self.still:  # zombies whose remaining writes land when all is done
            self.still.pop().go_on()
        self._land()

    def right(self) -> None:
        """The tables are what the brute force says of the whole log."""
        truth = self.store.truth
        assert verdicts(self.store) == truth.verdicts
        assert panes(self.store) == truth.panes
        held = {(r["topic"], r["partition"], r["entity"]): r["offset"] for r in self.store.tables["entities"].values()}
        assert held == {key: offsets[-1] for key, offsets in truth.counted.items()}
        seen = sorted((r["topic"], r["partition"], r["offset"]) for r in self.store.tables["seen"].values())
        assert seen == sorted(k for k, v in truth.verdicts.items() if v == ("accepted", "") and k[0] == brute.RAN)

    # ---- deeds

    def _deed(self) -> None:
        rng, chance = self.rng, self.rng.random()
        who = rng.randrange(len(self.workers))
        fate, step = rng.choice(FATES), rng.randrange(1, 14)
        if chance < 0.65:
            self.workers[who].begin(self._poll, fate, step)
            self._after(who, self.workers[who])
        elif chance < 0.8 and self.still:
            worker = self.still.pop(rng.randrange(len(self.still)))
            self.happened["goes on"] += 1
            worker.go_on(fate, step)
            self._after(who, worker)
        elif chance < 0.88:
            self._land()
        elif chance < 0.96:
            self.happened["takeover"] += 1
            self.workers[who].pipeline.revoke(rng.sample(self.places, rng.randrange(1, len(self.places))))
        elif rng.random() < 0.5:
            self.workers[who] = Worker(self)
        else:
            self._rewind()

    def _after(self, who: int, worker: Worker) -> None:
        """A zombie leaves its place to another; one that failed starts again, or only takes its partitions again."""
        if worker.stands:
            self.still.append(worker)
            worker = Worker(self) if worker is self.workers[who] else self.workers[who]
        elif worker.failed:
            worker.failed = False
            worker = Worker(self) if self.rng.random() < 0.5 else worker
        self.workers[who] = worker

    def _poll(self, made: Pipeline, size: int | None = None) -> None:
        """Take what partitions are not held, and count the next records: `size` of each partition, or some of some."""
        lacking = [p for p in self.places if p not in made.checkpoints]
        if lacking:
            made.assign(lacking, dict.fromkeys(TOPICS, self.partitions))
        for place in made.checkpoints:
            if self.rng.random() < 0.2:
                self.fetched[place] = max(self.fetched[place], made.checkpoints[place].next + self.rng.randrange(8))
        if size is None and self.rng.random() < 0.5:
            self.happened["counts ahead"] += 1
            polls_ahead(made, self.log, self.rng, 3, 6)
        elif size is None:
            poll(made, self.log, self.rng)
        else:
            rest = [[r for r in records if r.offset >= made.checkpoints[p].next] for p, records in by_place(self.log).items()]
            made.run(
                [
                    batch(found, made.checkpoints[found[0].topic, found[0].partition].next).cut([size])[0]
                    for found in rest
                    if found
                ]
            )

    def _land(self) -> None:
        """Some of what was on its way lands, in any order; the rest is lost."""
        self.rng.shuffle(self.late)
        for table, rows in self.late:
            if self.rng.random() < 0.8:
                self.happened["lands late"] += 1
                self.store.land(table, rows)
        self.late.clear()

    def _rewind(self) -> None:
        """Back to the beginning, or to an older checkpoint, of one partition or all."""
        self.happened["rewound"] += 1
        kept = self.store.tables["checkpoints"]
        below, place = self.rng.choice((0, 10, 20)), self.rng.choice([*self.places, None])
        for key in [k for k, r in kept.items() if r["next"] > below and place in (None, (r["topic"], r["partition"]))]:
            del kept[key]


def small_caches(patch: pytest.MonkeyPatch) -> None:
    """Caches of a few rows, so that everything is evicted all the time."""
    patch.setattr("ioc.counting.seen.LIMIT", 6)
    patch.setattr("ioc.counting.panes.HASHES", 3)
    patch.setattr("ioc.counting.pipeline.PANE_BYTES", 1 << 20)
    patch.setattr("ioc.counting.held.ENTITY_BYTES", 1 << 20)
