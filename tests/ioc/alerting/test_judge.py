"""Judge: transitions against a brute force that looks at every step by itself, and that no cut of the steps changes them."""

from __future__ import annotations

import inspect
import random
import sys
import types
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc import vocabulary
from ioc.alerting import judge as judging
from ioc.alerting.judge import CALM, State, Transition, judge, look_back, looks_back_to
from ioc.catalog import generation, load
from ioc.errors import DeclarationError
from ioc.times import MINUTE
from ioc.vocabulary import Above, Indicator, above

Values = list[float | None]
RULES = st.builds(
    lambda threshold, band, hold: Above(threshold, hold, threshold - band, ("agency",)),
    st.integers(0, 4), st.integers(0, 3), st.sampled_from([0, 1, 999, 1_000, 2_500, 3_000, 5_000]),
)  # fmt: skip
VALUES = st.lists(st.one_of(st.none(), st.integers(0, 7).map(float)), min_size=1, max_size=40)
GRAIN = 1_000


def brute(rule: Above, values: Values, before: int = 0) -> list[tuple[int, str, float]]:
    """Every step looked at by itself: has the value been above at this step and at all those `hold` back? The first `before`
    steps are history: seen, not judged."""
    found, firing = [], False
    for step in range(before, len(values)):
        value = values[step]
        back = [s for s in range(len(values)) if s * GRAIN <= step * GRAIN - rule.hold]
        held = bool(back) and all(v is not None and v > rule.threshold for v in values[max(back) : step + 1])
        if not firing and held:
            firing = True
            found.append((step, "firing", value))
        elif firing and value is not None and value <= rule.clear:
            firing = False
            found.append((step, "resolved", value))
    return found  # type: ignore[return-value]


def rows(values: Values, redundant: Sequence[bool] = ()) -> list[tuple[int, float | None]]:
    """A row where the value changes (and some where it does not)."""
    always = [*redundant, *[False] * len(values)]
    return [
        (step * GRAIN, value)
        for step, value in enumerate(values)
        if (value is not None if step == 0 else value != values[step - 1]) or always[step]
    ]


def plain(found: Sequence[Transition]) -> list[tuple[int, str, float]]:
    return [(t.at // GRAIN, t.to, t.value) for t in found]


@given(RULES, VALUES, st.lists(st.booleans(), max_size=40))
def test_the_judge_says_what_looking_at_every_step_says(rule: Above, values: Values, redundant: list[bool]) -> None:
    found, _ = judge(rule, GRAIN, rows(values, redundant), CALM, -GRAIN, (len(values) - 1) * GRAIN)
    assert plain(found) == brute(rule, values)


@given(RULES, VALUES, st.sets(st.integers(0, 39)), st.booleans())
def test_any_cut_into_portions_gives_the_same_transitions(rule: Above, values: Values, cuts: set[int], forgets: bool) -> None:
    """Also when the state is not carried over but found anew from the last transition and a look back."""
    whole, last = rows(values), (len(values) - 1) * GRAIN
    state, after, found = CALM, -GRAIN, []
    for until in [*sorted(c * GRAIN for c in cuts if c * GRAIN < last), last]:
        some, state = judge(rule, GRAIN, [r for r in whole if after < r[0] <= until], state, after, until)
        found += some
        after = until
        if forgets:
            back = looks_back_to(rule, GRAIN, after)
            held = next((v for at, v in reversed(whole) if at <= back), None)
            firing = bool(found) and found[-1].to == "firing"
            state = look_back(rule, GRAIN, [r for r in whole if back < r[0] <= after], held, firing, after)
    assert plain(found) == brute(rule, values)


@given(RULES, VALUES, st.integers(0, 39))
def test_what_lies_before_the_first_judged_step_is_seen_and_not_judged(rule: Above, values: Values, before: int) -> None:
    before = min(before, len(values) - 1)
    after, whole = (before - 1) * GRAIN, rows(values)
    back = looks_back_to(rule, GRAIN, after)
    held = next((v for at, v in reversed(whole) if at <= back), None)
    state = look_back(rule, GRAIN, [r for r in whole if back < r[0] <= after], held, False, after)
    found, _ = judge(rule, GRAIN, [r for r in whole if r[0] > after], state, after, (len(values) - 1) * GRAIN)
    assert plain(found) == brute(rule, values, before)


def test_a_backlog_fires_six_steps_after_the_first_above_and_resolves_once() -> None:
    rule = above(200, hold="5m", clear=180, by=("agency",))
    steps = [(10 * MINUTE, 201.0), (30 * MINUTE, 190.0), (40 * MINUTE, 201.0), (41 * MINUTE, 180.0), (42 * MINUTE, 0.0)]
    found, state = judge(rule, MINUTE, steps, CALM, 0, 60 * MINUTE)
    assert found == [Transition(15 * MINUTE, "firing", 201.0), Transition(41 * MINUTE, "resolved", 180.0)]
    assert state == State(0.0)


def test_a_threshold_of_0_resolves_at_0() -> None:
    found, _ = judge(above(0), MINUTE, [(MINUTE, 1.0), (2 * MINUTE, 0.0)], CALM, 0, 5 * MINUTE)
    assert [t.to for t in found] == ["firing", "resolved"]


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda: above(200, hold="5 minutes"), "e.g. 5m or 60d"),
        (lambda: above(200, clear=201), "at most 200"),
        (lambda: above(200, by="agency"), r"by=\('agency',\)"),
        (lambda: Indicator("x", "x", "x", "1", "r", alert=above(1)), "declare level=True"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_told_what_is_right(declare: object, says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        declare()  # type: ignore[operator]


def test_a_changed_threshold_asks_for_no_rebuild(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = load().stream_of("dossier.backlog")
    old, backlog = generation(stream), stream.indicator("dossier.backlog")
    assert backlog.alert is not None
    changed = vocabulary.above(backlog.alert.threshold + 100, by=("agency",))
    monkeypatch.setitem(backlog.__dict__, "alert", changed)
    assert generation(stream) == old


MUTANTS = {
    "fires at the threshold": ("value > rule.threshold", "value >= rule.threshold"),
    "is not over at clear": ("value <= rule.clear", "value < rule.clear"),
    "a break does not count": ("start if since is None else since", "start"),
    "a hold is seen in full only after it": ("if due < end:", "if due <= end:"),
    "fires at once": ("since + _hold(rule, grain)", "since"),
    "a hold is rounded down": ("-(-rule.hold // grain) * grain", "rule.hold // grain * grain"),
    "no value resolves": ("if firing and value is not None and value <= rule.clear", "if firing and (value or 0) <= rule.clear"),
    "no value holds": ("if value is not None and value > rule", "if value is None or value > rule"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_judge_with_one_rule_changed_is_found_out(name: str) -> None:
    source, (old, new) = inspect.getsource(judging), MUTANTS[name]
    assert source.count(old) == 1, "the mutant fits the code"
    mutant = types.ModuleType("mutant")
    sys.modules["mutant"] = mutant
    exec(source.replace(old, new), mutant.__dict__)
    rng = random.Random(1)
    for _ in range(400):
        threshold = rng.randrange(5)
        rule = Above(threshold, rng.choice((0, 1, 2_500, 3_000)), threshold - rng.randrange(3), ("agency",))
        values = [rng.choice((None, *map(float, range(7)))) for _ in range(30)]
        found, _ = mutant.judge(rule, GRAIN, rows(values), mutant.CALM, -GRAIN, 29 * GRAIN)
        if plain(found) != brute(rule, values):
            return
    raise AssertionError("nothing tells it from the right one")
