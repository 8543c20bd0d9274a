"""Judge: first finals of one group, step by step, become the transitions of its alert. Pure.

The alert fires at the first step at which the value has been above the threshold for `hold`, seen at every step: with 5 min at
a grain of 1 min, the sixth step above it. A step is final once the watermark has passed it, so people hear of it 6 to 7 minutes
after the fact. It is resolved at the first step with a value of `clear` or less: a rule without a band is resolved exactly when
the value is no longer above the threshold, also where that is 0. No value at all breaks a hold and resolves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ioc.times import floor
from ioc.vocabulary import Above

FIRING, RESOLVED = "firing", "resolved"
REMOVED = "rule_removed"
REASONS = {REMOVED: ("quy tắc đã bị gỡ", "rule removed")}
"""Why an alert is over though no value says so -> the same for people (vi, en)."""


@dataclass(frozen=True)
class State:
    """What is known of a group after a step: the value there, the first step of the stretch above the threshold that has not
    ended (ms; None: not above), and whether the alert is firing."""

    value: float | None = None
    since: int | None = None
    firing: bool = False


CALM = State()
"""Nothing was seen yet."""


@dataclass(frozen=True)
class Transition:
    """The alert begins (`firing`) or ends (`resolved`) at a step (ms), with the value there; or with the one it fired at, if it
    ends for another `reason`."""

    at: int
    to: str
    value: float
    reason: str = ""


Removal = tuple[int, float]
"""When an alert was ended as its rule was gone (ms), and the value it had fired at."""


def judge_on(
    rule: Above,
    grain: int,
    rows: Sequence[tuple[int, float | None]],
    state: State,
    after: int,
    until: int,
    removed: Sequence[Removal] = (),
) -> tuple[list[Transition], State]:
    """As `judge`, for a rule that was gone in between and is there again: what fires at a removal in (after, until] is over, with
    that as its reason, and fires anew at the next step."""
    found: list[Transition] = []
    for at, value in removed:
        if after < at <= until:
            step = max(floor(at, grain), after)
            before = [row for row in rows if row[0] <= step]
            transitions, state = judge(rule, grain, before, state, after, step)
            found += transitions
            if state.firing:
                found.append(Transition(at, RESOLVED, value, REMOVED))
                state = replace(state, firing=False)
            rows, after = rows[len(before) :], step
    transitions, state = judge(rule, grain, rows, state, after, until)
    return found + transitions, state


def judge(
    rule: Above, grain: int, rows: Sequence[tuple[int, float | None]], state: State, after: int, until: int
) -> tuple[list[Transition], State]:
    """The transitions at the steps in (after, until], and the state at `until`, from the state at `after`.

    `rows`: (step, value) in order, of the steps where the value may differ from the one before; each holds until the next.
    """
    since, firing = state.since, state.firing
    found: list[Transition] = []
    steps = [after + grain, *(at for at, _ in rows), until + grain]
    values = [state.value, *(v for _, v in rows)]
    for start, end, value in zip(steps[:-1], steps[1:], values, strict=True):
        if start == end:  # nothing is held before a row at the very first step
            continue
        since = (start if since is None else since) if value is not None and value > rule.threshold else None
        if firing and value is not None and value <= rule.clear:
            firing = False
            found.append(Transition(start, RESOLVED, value))
        elif not firing and since is not None and value is not None:
            due = max(start, since + _hold(rule, grain))
            if due < end:
                firing = True
                found.append(Transition(due, FIRING, value))
    return found, State(values[-1], since, firing)


def silenced(
    rows: Sequence[tuple[int, float | None]],
    quiet: Sequence[tuple[int, int]],
    grain: int,
    held: float | None,
    after: int,
    until: int,
) -> list[tuple[int, float | None]]:
    """The rows in (after, until] with no value in the quiet stretches [begin, end]; behind each the value holds that it left.

    While a past is imported a group holds the sum of what has come of it, which is no news. `held`: the value at `after`.
    """
    told = [row for row in rows if not any(begin <= row[0] <= end for begin, end in quiet)]
    for begin, end in quiet:
        left = next((value for at, value in reversed(rows) if at <= end + grain), held)
        told = [row for row in told if row[0] != end + grain]
        told += [(at, value) for at, value in ((begin, None), (end + grain, left)) if after < at <= until]
    return sorted(told, key=lambda row: row[0])


def looks_back_to(rule: Above, grain: int, position: int) -> int:
    """The step from whose value on rows are needed to know the state at `position`: a longer stretch changes nothing."""
    return position - _hold(rule, grain)


def look_back(
    rule: Above, grain: int, rows: Sequence[tuple[int, float | None]], value: float | None, firing: bool, position: int
) -> State:
    """The state at `position`, from the value at `looks_back_to(position)`, the rows since, and whether the alert is firing."""
    _, state = judge(rule, grain, rows, State(value), looks_back_to(rule, grain, position), position)
    return State(state.value, state.since, firing)


def _hold(rule: Above, grain: int) -> int:
    """`hold` in whole steps, rounded up."""
    return -(-rule.hold // grain) * grain
