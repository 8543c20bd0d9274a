"""Network alarms: small histories, and what they count. Seasons of the demo are judged in test_seasons.py."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from ioc.catalog import Catalog
from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.province.incidents import outage
from ioc.province.model import Province
from ioc.times import to_ms
from schemas.alarm import RanAlarm
from streams import alarm_life
from streams.alarm_life import CLEARING, Step
from streams.alarms import STREAM, contributions
from tests import brute_alarms, season
from tests.brute import DAY, HOUR, MINUTE
from tests.counting import count, panes, pipeline
from tests.fake import FakeStore
from tests.logs import record, text

T = to_ms("2026-06-01T03:00:00Z")
RAISED = Step(T, "raised", "THA-HT1", "THA-HT1:1", "major", "equipment", "Fan failure")
OF = ("THA-HT1", "THA-HT1:1", "major", "equipment")


def summed(*history: Step) -> dict[str, list[tuple[int, tuple[int, ...]]]]:
    """By indicator: when (ms after T), and the measures."""
    found: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
    for name, _, at, measures in sorted(contributions(history), key=lambda row: row[2]):
        found.setdefault(name.removeprefix("alarm."), []).append((at - T, measures))
    return found


def level(of: list[tuple[int, tuple[int, ...]]], at: int) -> int:
    return sum(measures[0] for when, measures in of if when <= at)


def test_an_alarm_raised_and_cleared_in_one_moment_counts_and_was_never_active() -> None:
    found = summed(RAISED, Step(T, "cleared"))
    assert found == {"raised": [(0, (1,))], "cleared": [(0, (1,))], "time_to_clear": [(0, CLEARING.one_hot(0))]}


def test_raised_again_before_its_clear_it_is_the_same_alarm_with_the_severity_stated_last() -> None:
    again = Step(T + HOUR, "raised", "THA-HT1", None, "critical")
    rows = contributions([RAISED, again, Step(T + 2 * HOUR, "cleared")])
    worse = (*OF[:2], "critical", OF[3])
    assert [(d, at - T, m) for n, d, at, m in rows if n == "alarm.active"] == [
        (OF, 0, (1,)), (OF, HOUR, (-1,)), (worse, HOUR, (1,)), (worse, 2 * HOUR, (-1,)),
    ]  # fmt: skip
    found = summed(RAISED, again, Step(T + 2 * HOUR, "cleared"))
    assert (len(found["raised"]), found["reraised"], len(found["cleared"])) == (1, [(HOUR, (1,))], 1)
    assert found["time_to_clear"] == [(2 * HOUR, CLEARING.one_hot(120))], "from the first raise on"


@pytest.mark.parametrize("state", ["cleared", "changed"])
def test_what_is_cleared_or_changed_without_an_alarm_counts_as_unmatched_alone(state: str) -> None:
    assert summed(Step(T, state)) == {"unmatched": [(0, (1,))]}
    assert summed(RAISED, Step(T + 1, "cleared"), Step(T + 2, state))["unmatched"] == [(2, (1,))]


def test_acknowledged_after_its_clear_is_nothing_odd() -> None:
    assert "unmatched" not in summed(RAISED, Step(T + 1, "cleared"), Step(T + 2, "acknowledged"))


def test_a_change_of_severity_moves_the_alarm_and_whether_it_affects_service() -> None:
    found = summed(RAISED, Step(T + HOUR, "changed", severity="minor"), Step(T + 2 * HOUR, "cleared"))
    assert found["active_service"] == [(0, (1,)), (HOUR, (-1,))]
    stated = summed(RAISED._replace(severity="warning", affects_service=True), Step(T + HOUR, "changed", severity="minor"))
    assert level(stated["active_service"], 2 * HOUR) == 1, "as the sender says"


def test_it_is_unacknowledged_until_somebody_acknowledges_it_and_from_a_withdrawal_on() -> None:
    steps = [Step(T + n * HOUR, state) for n, state in enumerate(("acknowledged", "unacknowledged", "cleared"), 1)]
    assert summed(RAISED, *steps)["unacknowledged"] == [(0, (1,)), (HOUR, (-1,)), (2 * HOUR, (1,)), (3 * HOUR, (-1,))]
    again = summed(RAISED, steps[0], Step(T + 2 * HOUR, "cleared"), RAISED._replace(time=T + 3 * HOUR))
    assert level(again["unacknowledged"], 4 * HOUR) == 1, "a new alarm, whatever became of the one before"


@pytest.mark.parametrize(("pause", "flaps"), [(15 * MINUTE, 1), (15 * MINUTE + 1, 0)])
def test_it_flaps_when_raised_again_within_fifteen_minutes_of_its_clear(pause: int, flaps: int) -> None:
    found = summed(RAISED, Step(T + HOUR, "cleared"), RAISED._replace(time=T + HOUR + pause))
    assert len(found["raised"]) == 2
    assert len(found.get("flapping", ())) == flaps


def test_what_is_active_for_seven_days_counts_as_never_cleared_until_it_is() -> None:
    assert summed(RAISED)["never_cleared"] == [(7 * DAY, (1,))]
    assert summed(RAISED, Step(T + 9 * DAY, "cleared"))["never_cleared"] == [(7 * DAY, (1,)), (9 * DAY, (-1,))]
    assert "never_cleared" not in summed(RAISED, Step(T + 7 * DAY, "cleared"))


@pytest.mark.parametrize("problem", ["Cell unavailable", "  cell  UNAVAILABLE "])
def test_an_outage_is_what_the_table_lists_however_it_is_written(problem: str) -> None:
    assert summed(RAISED._replace(problem=problem), Step(T + HOUR, "cleared"))["outage"] == [(0, (1,)), (HOUR, (-1,))]
    assert "outage" not in summed(RAISED)


def test_a_clear_of_the_alarm_before_leaves_the_one_that_is_active() -> None:
    """An element that restarts raises anew what holds, under another id, and then clears what it had raised."""
    first, second = RAISED._replace(episode="1"), RAISED._replace(time=T + HOUR, episode="2")
    found = summed(first, second, Step(T + HOUR, "cleared", episode="1"))
    assert (level(found["active"], 2 * HOUR), found["unmatched"]) == (1, [(HOUR, (1,))])
    assert level(summed(first, second, Step(T + HOUR, "cleared", episode="x"))["active"], 2 * HOUR) == 0, "an id of its own"


def event(n: int, at: int, state: str, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"e{n}", "source": "/ems", "type": RanAlarm.event_type, "time": text(at),
        "data": {"alarm": "A/x", "state": state} | data,
    }  # fmt: skip


def test_a_raise_that_arrives_after_its_clear_is_matched_in_the_end() -> None:
    told = [event(1, T + HOUR, "cleared"), event(2, T, "raised", site="S", severity="minor"), event(1, T + HOUR, "cleared")]
    log = [record(one, n, T + DAY + n, topic=STREAM.topic, partition=0, key=b"A/x") for n, one in enumerate(told)]
    store = FakeStore()
    count(pipeline(store, 1, Catalog((STREAM,)), (STREAM.topic,)), log)
    found: Counter[tuple[str, str]] = Counter()
    for key, (_, measures) in panes(store).items():
        found[key[0], key[1][2]] += sum(measures)
    assert {key: n for key, n in found.items() if n} == {
        ("alarm.raised", "minor"): 1, ("alarm.cleared", "minor"): 1, ("alarm.time_to_clear", "minor"): 1,
    }  # fmt: skip


def test_random_lives_add_what_the_brute_force_says_and_so_does_each_event() -> None:
    """Ties, repeats, unknown ends, foreign episodes: what the demo seldom sends."""
    luck = random.Random(17)
    fields = {
        "severity": ["critical", "major", "minor", "warning"], "cell": ["c1", "c2"], "kind": ["qos", "other"],
        "problem": ["Fan failure", "CELL unavailable"], "affects_service": [True, False], "episode": ["1", "2", "3"],
    }  # fmt: skip
    states = ["raised", "raised", "changed", "acknowledged", "unacknowledged", "cleared", "cleared"]
    for _ in range(600):
        at, history = T, []
        for n in range(luck.randint(1, 9)):
            at += luck.choice((0, 0, 1, MINUTE, 15 * MINUTE, 15 * MINUTE + 1, 7 * DAY, 8 * DAY))
            data = {name: luck.choice(values) for name, values in fields.items() if luck.random() < 0.3}
            state = luck.choice(states)
            more = {"site": "S", "severity": "minor"} | data if state == "raised" else data
            history.append(event(n, at, state, **more))
        steps = [Step(to_ms(e["time"]), e["data"]["state"], *(e["data"].get(name) for name in Step._fields[2:])) for e in history]
        whole: dict[Any, tuple[int, ...]] = {}
        for name, dims, when, measures in contributions(steps):
            whole[name, dims, when] = brute_alarms.plus(whole.get((name, dims, when)), measures)
        assert {key: m for key, m in whole.items() if any(m)} == brute_alarms.rows(history)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"state": "raised", "site": "S"}, "an event with state 'raised' states severity, site; it lacks severity"),
        ({"state": "raised", "severity": "cleared", "site": "S"}, "severity"),
        ({"state": "closed"}, "state"),
    ],
)
def test_an_alarm_that_is_not_right_is_told_what_is(data: dict[str, Any], said: str) -> None:
    refused = exact(json.dumps(event(1, T, **data)).encode(), (), {RanAlarm.event_type: RanAlarm})
    assert isinstance(refused, Reject)
    assert said in f"{refused.field} {refused.message}"


def test_rules_that_are_wrong_are_told_before_anything_is_counted(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "alarms.toml"
    file.write_text(alarm_life.RULES.read_text().replace("flap_minutes = 15", "flap_minutes = 0"))
    monkeypatch.setattr(alarm_life, "RULES", file)
    with pytest.raises(UsageError, match="flap_minutes"):
        alarm_life.rules.__wrapped__()


def test_the_demo_never_stands_still_and_its_outages_are_those_of_the_measurements() -> None:
    province = Province(7, season.END, 12 * DAY, streams=[STREAM])
    sent = [json.loads(one.value or b"") for one in season.log(STREAM, 12) if b"ran.alarm" in (one.value or b"")]
    active: dict[str, int] = {}
    fewest, dark, seen = 100, set(), 0
    for one, after in pairwise(sorted(sent, key=lambda one: to_ms(one["time"]))):
        data = one["data"]
        if data["state"] == "raised":
            active[data["alarm"]] = 1
        if data["state"] == "cleared":
            active.pop(data["alarm"], None)
        if data.get("problem") == "NE out of service":
            dark.add((data["site"], to_ms(one["time"])))
        if season.END - 12 * DAY <= to_ms(one["time"]) < to_ms(after["time"]):
            fewest, seen = min(fewest, len(active)), seen + 1
    assert seen > 500
    assert fewest >= 2, "some alarm is always active"
    days = range(season.END // DAY - 40, season.END // DAY + 1)
    sites = {cell.site for cell in province.radio.cells}
    outages = [(site, *outage(province._chance, site, day)) for site in sites for day in days]
    expected = {(site, begin) for site, begin, _, kind in outages if kind == "dark" and begin < season.END}
    assert {one for one in dark if one[1] >= days[0] * DAY} == expected != set()
