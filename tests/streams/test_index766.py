"""Index of Decision 766: what a dossier adds is what its definition says of every period, told up to every instant."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.periods import same_periods
from tests.brute import DAY, ms
from tests.brute_index import periods
from tests.ioc.counting.test_history import play, truth
from tests.logs import START, dossier, random_history

STARTS = [ms(f"{day}T00:00:00Z") for day in ("2022-10-28", "2022-09-27", "2022-12-28")]
"""Histories of ten days that cross a month, a quarter, a year."""


@pytest.mark.parametrize("start", STARTS)
@given(seed=st.integers(0, 10**9), size=st.integers(1, 9))
def test_every_row_is_the_change_of_what_the_definition_says_of_a_period(start: int, seed: int, size: int) -> None:
    events = random_history(random.Random(seed), "D", size, start)
    total = play(events)[1]
    rows = {key: measures for key, measures in truth(events).items() if key[0].startswith("index766.")}
    assert {key: measures for key, measures in total.items() if key[0].startswith("index766.")} == rows


def test_the_histories_have_rows_of_every_indicator_and_every_kind_of_period() -> None:
    rng, seen = random.Random(3), set()
    for _ in range(400):
        for (name, _, _), measures in truth(random_history(rng, "D", 9, rng.choice(STARTS))).items():
            if name.startswith("index766."):
                seen |= {(name, place) for place, n in enumerate(measures) if n}
    names = {name for name, _ in seen}
    assert len(names) == 11
    assert len(seen) == 6 * len(names), "each part and whole of month, quarter and year"


@given(st.integers(ms("2000-01-01T00:00:00Z"), ms("2049-01-01T00:00:00Z")), st.integers(-400 * DAY, 400 * DAY))
def test_two_instants_share_the_periods_of_the_provinces_calendar(at: int, apart: int) -> None:
    assert same_periods(at, at + apart) == tuple(int(a == b) for a, b in zip(periods(at), periods(at + apart), strict=True))


def test_a_dossier_that_moves_in_its_month_counts_for_the_agency_that_has_it() -> None:
    total = play([dossier("D", "a", "received", START, agency="A"), dossier("D", "b", "processing", START + DAY, agency="B")])[1]
    whole = {(dims[0], (at - START) // DAY): m[1] for (name, dims, at), m in total.items() if name == "index766.2_1"}
    assert whole == {("A", 0): 1, ("A", 1): -1, ("B", 1): 1}


def test_what_no_source_states_counts_nowhere() -> None:
    total = play([dossier("D", "a", "received", START), dossier("D", "b", "completed", START + DAY)])[1]
    assert {name for name, _, _ in total if name.startswith("index766.")} == {"index766.2_1", "index766.2_2"}
