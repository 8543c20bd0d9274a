"""Learning: small histories, and what they count. Seasons of the demo are judged in test_seasons.py."""

from __future__ import annotations

import json
import random
import tomllib
from collections import Counter
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from ioc.events.exact_lane import Reject, exact
from ioc.province.incidents import chance
from ioc.times import DAY, HOUR, OFFSET, local_day, to_ms
from schemas.learning import AUDIENCES, STATES
from streams.learning import COURSES, DAYS, STREAM, Step, contributions
from tests import brute_learning
from tests.brute import plus
from tests.counting import CATALOG
from tests.logs import text

W = to_ms("2026-06-06T13:00:00Z")
"""A Saturday, 20:00 in the province."""
OF = ("KNS-01", "14758", "citizens")
HERE = ("KNS-01", "14758@2025-07-01", "citizens")
LUCK = partial(chance, 7)


def summed(*history: Step) -> dict[str, list[tuple[int, tuple[int, ...]]]]:
    """By indicator: when, and the measures; those of an instant together, without zeros."""
    sums: dict[tuple[str, int], tuple[int, ...]] = {}
    for name, _, at, measures in contributions(history):
        sums[name, at] = plus(sums.get((name, at)), measures)
    found: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
    for (name, at), measures in sorted(sums.items(), key=lambda item: item[0][1]):
        if any(measures):
            found.setdefault(name.removeprefix("learning."), []).append((at, measures))
    return found


def test_who_completes_is_active_until_then_and_certified_once() -> None:
    done, certified = W + 7 * DAY, W + 8 * DAY
    found = summed(
        Step(W, "enrolled", *OF), Step(done, "completed"), Step(certified, "certified"), Step(certified + DAY, "certified")
    )
    assert found == {
        "enrolled": [(W, (1,))], "active": [(W, (1,)), (done, (-1,))], "completed": [(done, (1,))],
        "completion_share": [(done, (1, 1, 1))], "days": [(done, DAYS.one_hot(7))],
        "certified": [(certified, (1,))], "certified_total": [(certified, (1,))],
    }  # fmt: skip


def test_a_ms_less_than_seven_days_is_in_the_bucket_of_six() -> None:
    assert summed(Step(W, "enrolled", *OF), Step(W + 7 * DAY - 1, "completed"))["days"][0][1] == DAYS.one_hot(6)


def test_who_drops_is_no_longer_active_and_counts_against_the_share() -> None:
    found = summed(Step(W, "enrolled", *OF), Step(W + DAY, "dropped"), Step(W + 2 * DAY, "dropped"))
    assert found == {
        "enrolled": [(W, (1,))], "active": [(W, (1,)), (W + DAY, (-1,))], "dropped": [(W + DAY, (1,))],
        "completion_share": [(W + DAY, (0, 1, 1))],
    }  # fmt: skip


def test_who_enrolls_again_after_a_drop_is_counted_again_and_the_days_begin_anew() -> None:
    found = summed(
        Step(W, "enrolled", *OF), Step(W + DAY, "dropped"), Step(W + 9 * DAY, "enrolled"), Step(W + 11 * DAY, "completed")
    )
    assert found["enrolled"] == [(W, (1,)), (W + 9 * DAY, (1,))]
    assert found["active"] == [(W, (1,)), (W + DAY, (-1,)), (W + 9 * DAY, (1,)), (W + 11 * DAY, (-1,))]
    assert found["days"] == [(W + 11 * DAY, DAYS.one_hot(2))]
    assert [m for _, m in found["completion_share"]] == [(0, 1, 1), (1, 1, 1)]


def test_what_is_completed_after_a_drop_was_taken_up_again_in_that_instant() -> None:
    found = summed(Step(W, "enrolled", *OF), Step(W + DAY, "dropped"), Step(W + 5 * DAY, "completed"))
    assert found["enrolled"] == [(W, (1,)), (W + 5 * DAY, (1,))]
    assert found["active"] == [(W, (1,)), (W + DAY, (-1,))]
    assert found["days"] == [(W + 5 * DAY, DAYS.one_hot(5))]


@pytest.mark.parametrize("state", ["completed", "certified", "dropped"])
def test_an_enrolment_first_heard_of_when_it_ends_began_then_and_nobody_knows_how_many_days_it_took(state: str) -> None:
    found = summed(Step(W, state, *OF))
    assert found["enrolled"] == [(W, (1,))]
    assert not {"active", "days"} & found.keys()
    assert found["completion_share"] == [(W, (int(state != "dropped"), 1, 1))]


def test_a_certificate_says_that_the_course_was_completed_and_a_completion_told_later_is_no_second_one() -> None:
    found = summed(Step(W, "enrolled", *OF), Step(W + DAY, "certified"), Step(W + 2 * DAY, "completed"))
    assert found["completed"] == found["certified"] == [(W + DAY, (1,))]


@pytest.mark.parametrize("state", ["enrolled", "dropped", "completed"])
def test_after_the_completion_nothing_but_the_certificate_counts(state: str) -> None:
    done = (Step(W, "enrolled", *OF), Step(W + DAY, "completed"))
    assert summed(*done, Step(W + 2 * DAY, state)) == summed(*done)


def test_who_moves_to_another_commune_is_active_there_and_is_completed_there() -> None:
    rows = contributions([Step(W, "enrolled", *OF), Step(W + DAY, "enrolled", unit="14797"), Step(W + 2 * DAY, "completed")])
    there = (OF[0], "14797@2025-07-01", OF[2])
    assert [(dims, at, m) for name, dims, at, m in rows if name == "learning.active"] == [
        (HERE, W, (1,)), (HERE, W + DAY, (-1,)), (there, W + DAY, (1,)), (there, W + 2 * DAY, (-1,)),
    ]  # fmt: skip
    assert [dims for name, dims, _, _ in rows if name == "learning.completed"] == [there]
    assert [dims for name, dims, _, _ in rows if name == "learning.enrolled"] == [HERE]


def test_every_order_of_states_counts_what_brute_force_says() -> None:
    rng, seen = random.Random(5), Counter[str]()
    for _ in range(3_000):
        steps = [
            Step(
                W + n * HOUR * rng.choice((1, 24, 900)),
                rng.choice(list(STATES)),
                *(v if rng.random() < 0.3 else None for v in OF),
            )
            for n in range(rng.randrange(1, 7))
        ]
        history = sorted(steps, key=lambda step: step.time)
        if any(a.time == b.time for a, b in pairwise(history)):
            continue
        found: brute_learning.Rows = {}
        for name, dims, at, measures in contributions(history):
            found[name, dims, at] = plus(found.get((name, dims, at)), measures)
        events: list[Any] = [
            {"time": text(step.time), "data": {k: v for k, v in step._asdict().items() if k != "time" and v is not None}}
            for step in history
        ]
        assert {k: m for k, m in found.items() if any(m)} == brute_learning.rows(events), history
        seen.update(name for name, _, _ in found)
    assert len(seen) == len(STREAM.indicators)


def test_an_enrolling_without_a_course_is_refused_and_says_what_is_right() -> None:
    event = {"specversion": "1.0", "id": "e", "source": "/s", "type": STREAM.contract.event_type, "time": text(W)}
    data = {"enrolment": "GD-1", "state": "enrolled", "audience": "citizens"}
    reject = exact(json.dumps({**event, "data": data}).encode(), (), CATALOG.accepted(STREAM.topic))
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.field) == ("schema", "data.course")
    assert reject.message == "an event with state 'enrolled' states course; it lacks course"
    pupils = json.dumps({**event, "data": {**data, "course": "C", "audience": "pupils"}}).encode()
    assert isinstance(exact(pupils, (), CATALOG.accepted(STREAM.topic)), Reject)


def test_every_audience_of_the_contract_has_its_name_on_the_boards() -> None:
    listed = tomllib.loads(COURSES.read_text(encoding="utf-8"))
    assert dict(listed["audience"]) == AUDIENCES
    assert {audience for course in listed["course"] for audience in course["audience"]} == AUDIENCES.keys()


def test_the_demo_learns_at_any_hour_and_most_in_the_evening_and_at_weekends() -> None:
    assert STREAM.demo is not None
    first = local_day(W) - 5
    days = {day: list(STREAM.demo(LUCK, day)) for day in range(first, first + 28)}
    assert all(100 <= len(told) <= 250 for told in days.values())
    hours = Counter(
        (one.time + OFFSET) % DAY // HOUR for told in days.values() for one in told if one.data["state"] != "certified"
    )
    assert hours.keys() == {*range(24)}
    assert sum(hours[hour] for hour in range(19, 23)) > sum(hours.values()) / 2
    begun = {day: sum(one.data["state"] == "enrolled" for one in told) for day, told in days.items()}
    assert local_day(W) % 7 == 2
    assert min(n for day, n in begun.items() if day % 7 in (2, 3)) > max(n for day, n in begun.items() if day % 7 not in (2, 3))


def test_every_enrolment_of_the_demo_ends_and_no_tile_is_ever_without_a_number() -> None:
    assert STREAM.demo is not None
    first = local_day(W)
    lives: dict[str, list[Any]] = {}
    told = [one for day in range(first, first + 60) for one in STREAM.demo(LUCK, day)]
    for one in sorted(told, key=lambda one: one.time):
        lives.setdefault(str(one.data["enrolment"]), []).append(one)
    born = [life for life in lives.values() if life[0].data["state"] == "enrolled" and life[0].time < (first + 10) * DAY - OFFSET]
    assert len(born) > 400
    assert all(len({one.time for one in life}) == len(life) == len({one.id for one in life}) for life in lives.values())
    assert all({one.data["state"] for one in life} & {"completed", "dropped"} for life in born)
    assert {len(life) for life in born} == {2, 3}
    finished = sorted(one.time for one in told if one.data["state"] == "completed")
    assert max(b - a for a, b in pairwise(finished)) < DAY
