"""Values against a limit: what is needed each day, and when a limit is passed, at their edges."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ioc.catalog import load
from ioc.values import NO_LIMIT, Count, Mean, Needed, TimeToBreach, Value, completed

LIMITS = {("agency",): 10}


def value(of: Value, sums: list[int], limit: int) -> float | None:
    one = float(of.bounds(completed(of, np.array([sums], np.int64), [limit]))[0][0])
    return None if np.isnan(one) else one


@pytest.mark.parametrize(
    ("ahead", "limit", "needed"),
    [
        ([0, 0, 0], 0, 0), ([10, 10, 10], 10, 0), ([11, 11, 11], 10, 1), ([10, 13, 13], 10, 2), ([10, 10, 21], 10, 3),
        ([14, 30, 30], 10, 10), ([3, 0, 0], 5, 0), ([5, 0, 0], 5, 0), ([11, 9, 9], NO_LIMIT, None),
    ],
)  # fmt: skip
def test_the_days_that_need_most_say_how_many_are_needed_each_day(ahead: list[int], limit: int, needed: float | None) -> None:
    """Days 1, 2 and 5."""
    assert value(Needed((1, 2, 5), LIMITS), ahead, limit) == needed


@pytest.mark.parametrize(
    ("stock", "came", "went", "limit", "hours"),
    [
        (0, 0, 0, 10, None), (5, 75, 0, 10, 5), (5, 76, 75, 10, 375), (10, 76, 75, 10, 0), (10, 75, 75, 10, None),
        (11, 0, 75, 10, 0), (5, 75, 76, 10, None), (5, 75, 0, NO_LIMIT, None), (0, 1, 0, 0, 0),
    ],
)  # fmt: skip
def test_a_stock_passes_its_limit_when_it_has_grown_so_far(
    stock: int, came: int, went: int, limit: int, hours: float | None
) -> None:
    assert value(TimeToBreach(75, LIMITS), [stock, came, went], limit) == hours


def test_sums_of_nothing_are_the_same_under_every_limit() -> None:
    """Where a group has no row the value of nothing is taken for it, whatever its limit."""
    for of, nothing in ((Needed((1, 5), LIMITS), 0.0), (TimeToBreach(75, LIMITS), None)):
        for limit in (0, 1, 1_000):
            assert value(of, [0] * len(of.measures), limit) == nothing


@pytest.mark.parametrize(
    ("sums", "mean", "adding"),
    [([30, 3, 3], 1, 1), ([30, 0, 3], None, 3), ([0, 0, 0], None, None), ([-5, 0, 1], None, -0.5), ([30, 2, 3], 1.5, 1.5)],
)
def test_what_has_no_weight_has_no_mean_and_adds_up_where_that_is_declared(
    sums: list[int], mean: float | None, adding: float | None
) -> None:
    found = [of.bounds(np.array([sums], np.int64))[0][0] for of in (Mean(10), Mean(10, adds=True))]
    assert [None if np.isnan(one) else one for one in found] == [mean, adding]
    assert "without weights sum(value)" in Mean(10, adds=True).formula


def test_a_rate_is_a_count_over_hours() -> None:
    assert Count(per=75).bounds(np.array([[30]], np.int64))[0].tolist() == [0.4]


def test_every_indicator_tells_its_formula_rule_source_dates_of_effect_and_unit() -> None:
    for one in load().indicators():
        assert all((one.value.formula, one.rule, one.unit)), one.name
        assert one.legal is not None, one.name
        assert re.fullmatch(r"from \d{4}-\d\d-\d\d( to \d{4}-\d\d-\d\d)?", one.legal.effect), one.name
