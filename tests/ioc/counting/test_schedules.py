"""Schedules: whoever counts, stops, goes on or is late, every row that lands is right; and a rule switched off is found.

`make test` plays sixteen; `make proof` plays hundreds (IOC_TEST_SCHEDULES says how many of each).
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.mutants import FOUND_BY, MUTANTS
from tests.schedules import Schedule
from tests.workers import FATES

pytestmark = pytest.mark.thorough
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
FORTY = 40
COUNT = int(os.environ.get("IOC_TEST_SCHEDULES") or (300 if THOROUGH else 8))


@pytest.mark.timeout(24 * 3600 if COUNT > 8 else 600)
@pytest.mark.parametrize("workers", [2, 3])
def test_no_schedule_of_crashes_zombies_takeovers_and_late_writes_lands_a_wrong_row(workers: int) -> None:
    happened: Counter[str] = Counter()
    for seed in range(COUNT):
        schedule = Schedule(seed, workers).run()
        schedule.right()
        happened += schedule.happened
    assert happened.keys() == {*FATES[2:], "goes on", "takeover", "rewound", "lands late", "counts ahead"}
    assert min(happened.values()) >= COUNT // 8, f"the schedules are tame: {happened}"


@pytest.mark.parametrize("seed", range(2))
def test_a_takeover_at_any_step_to_the_store_lands_no_wrong_row(seed: int) -> None:
    for step in range(1, 60):
        schedule = Schedule(seed, size=16)
        if not schedule.taken_over_at(step):
            assert step > 10, "assignment and a poll take more steps than that"
            return
        schedule.right()
    pytest.fail("a poll of so many steps")


def test_the_schedules_that_find_a_rule_switched_off_are_right_with_all_of_them_on() -> None:
    for seed in range(FORTY) if THOROUGH else {0, *FOUND_BY.values()}:
        schedules_of(seed)


@pytest.mark.parametrize("rule", MUTANTS)
def test_the_schedules_find_a_rule_switched_off(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for target, mutant in MUTANTS[rule].items():
        monkeypatch.setattr(target, mutant)
    seeds = sorted(range(FORTY), key=lambda seed: seed != FOUND_BY.get(rule))
    assert any(lands_a_wrong_row(seed) for seed in seeds)


def lands_a_wrong_row(seed: int) -> bool:
    """Whether one of the seed's schedules does."""
    try:
        schedules_of(seed)
    except AssertionError:
        return True
    return False


def schedules_of(seed: int) -> None:
    Schedule(seed, 2 + seed % 2).run().right()
    for step in (3, 1 + seed % 14):  # before the third step a worker that takes over knows one half of what it must
        schedule = Schedule(seed, size=16)
        schedule.taken_over_at(step)
        schedule.right()
