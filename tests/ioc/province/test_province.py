"""The demo's province is believable, lawful, and the same every time."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import islice, pairwise, takewhile
from pathlib import Path
from typing import Any

import pytest
from vietnam_provinces import Ward
from vietnam_provinces.codes import ProvinceCode

from ioc.calendar.workdays import calendar
from ioc.catalog import load
from ioc.events.exact_lane import Reject, exact
from ioc.province.data import communes, departments, procedures, sites
from ioc.province.model import DOSSIER, RAN, STOCK, Outgoing, Province
from ioc.times import DAY, HOUR, MINUTE, OFFSET, PROVINCE, SECOND, from_datetime, iso, local_day, to_datetime, to_ms
from ioc.units.reading import tree
from schemas import contracts
from schemas.dossier import STATES
from schemas.envelope import Envelope

NOW = from_datetime(datetime(2026, 11, 24, 14, 20, 30, tzinfo=PROVINCE))
LEGAL = {1: {2, 3, 5, 7}, 2: {4, 5, 6, 7, 8, 9}, 4: {4, 5, 6, 7, 8, 9}, 5: {2, 4, 7, 8}, 6: {4, 7, 8, 9}, 9: {10}}
"""Transitions of the national portal's states; 4 -> 4 is another step of the same processing."""
ENDED = {"completed", "refused", "withdrawn", "stopped"}


@cache
def history() -> tuple[Outgoing, ...]:
    return tuple(Province(7, NOW, 30 * DAY).history())


@cache
def lives() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in history():
        if event.topic == DOSSIER:
            found[event.key.decode()].append(json.loads(event.value)["data"] | {"time": event.time_ms})
    return found


def local(day: str, clock: str) -> int:
    return from_datetime(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=PROVINCE))


def live(province: Province, minutes: int, rate: float = 50, since: int | None = None) -> list[Outgoing]:
    begin = since or province.anchor
    return list(takewhile(lambda e: e.due_ms < province.anchor + minutes * MINUTE, province.live(begin, begin, rate)))


def test_the_agencies_are_the_communes_of_today_and_every_department_has_a_procedure() -> None:
    draft = {"15115": "15106", "15118": "15112", "15718": "15715", "16063": "16072", "16207": "16222", "16219": "16213"}
    codes = {w: str(w.code.value) for w in Ward.iter_by_province(ProvinceCode(38))}  # six of them of the draft of the list
    wards = {draft.get(code, code): f"UBND {w.name[0].lower()}{w.name[1:]}" for w, code in codes.items()}
    assert {agency.unit: agency.name for agency in communes()} == wards
    assert {p.at for p in procedures()} - {"commune"} == {agency.code for agency in departments()}
    units = tree(Path(str(files("streams") / "data" / "units")))
    assert {unit.code for unit in units.of(1, ["commune"])} == wards.keys()
    assert {site.unit for site in sites()} <= wards.keys()
    assert len({a.code for a in (*departments(), *communes())}) == len(departments()) + 166


def test_every_event_is_valid_and_its_key_is_the_entity() -> None:
    known = contracts()
    for event in (*history()[::97], *live(Province(7, NOW, DAY, bad=0), 3, rate=60)):
        verdict = exact(event.value, (), known)
        assert isinstance(verdict, Envelope), verdict
        assert getattr(verdict.data, verdict.entity_key) == event.key.decode()
        assert verdict.topic == event.topic
        assert to_ms(verdict.time) == event.time_ms


def test_the_history_is_in_order_and_ends_at_the_anchor() -> None:
    times = [event.time_ms for event in history()]
    assert times == sorted(times)
    assert times[-1] < NOW // MINUTE * MINUTE
    assert len({(event.topic, json.loads(event.value)["id"]) for event in history()[::7]}) == len(history()[::7])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_province() -> None:
    short = [tuple(Province(seed, NOW, 3 * DAY).history()) for seed in (7, 7, 8)]
    assert short[0] == short[1] != short[2]


def test_lives_follow_the_states_of_the_national_portal() -> None:
    for dossier, steps in lives().items():
        codes = [STATES[step["state"]][0] for step in steps]
        assert codes[0] in (1, 2), dossier
        for before, after in pairwise(codes):
            assert after in LEGAL[before], (dossier, codes)
        times = [step["time"] for step in steps]
        assert all(a < b for a, b in pairwise(times)), dossier


def test_desks_work_in_office_hours_only() -> None:
    hours, automatic = calendar(), {procedure.code for procedure in procedures() if procedure.automatic}
    for steps in lives().values():
        if steps[0]["procedure"] in automatic and steps[0]["channel"] == "online":
            continue
        for step in steps:
            if step["state"] in ("received", "processing", "supplement", "completed", "refused"):
                clock = to_datetime(step["time"], PROVINCE).strftime("%H:%M:%S")
                assert hours.works(local_day(step["time"])), step
                assert "07:30:00" <= clock <= "11:30:01" or "13:30:00" <= clock <= "17:00:01", step


@pytest.mark.parametrize(
    ("received", "days", "due"),
    [
        (("2026-11-23", "09:00"), 1, ("2026-11-25", "09:00")),  # Monday; 24/11 is Vietnam Cultural Day
        (("2026-04-29", "09:00"), 5, ("2026-05-08", "09:00")),  # 30/4 and 1/5
        (("2026-08-28", "10:00"), 1, ("2026-09-03", "10:00")),  # 31/8 off (worked on Saturday 22/8), 1-2/9
        (("2026-08-21", "10:00"), 1, ("2026-08-22", "10:00")),  # the Saturday worked instead
        (("2026-02-13", "14:00"), 3, ("2026-02-25", "14:00")),  # Tết: 16-20/2
        (("2026-11-18", "14:59"), 2, ("2026-11-20", "14:59")),
        (("2026-11-18", "15:01"), 2, ("2026-11-20", "17:00")),  # after 15:00: counts from the next morning
        (("2026-11-21", "20:00"), 1, ("2026-11-23", "17:00")),  # a Saturday evening
    ],
)
def test_due_times_skip_weekends_and_holidays(received: tuple[str, str], days: int, due: tuple[str, str]) -> None:
    assert to_datetime(calendar().due(local(*received), days), PROVINCE) == to_datetime(local(*due), PROVINCE)


def test_what_the_portal_answers_by_itself_is_done_within_the_hour_on_days_off_too() -> None:
    hours, automatic = calendar(), {procedure.code for procedure in procedures() if procedure.automatic}
    own = [s for s in lives().values() if s[0]["procedure"] in automatic and s[0]["channel"] == "online"]
    ended = [(s[0]["time"], s[-1]["time"]) for s in own if s[-1]["state"] == "returned"]
    assert len(ended) > 0.9 * len(own)
    assert all(until - since < HOUR for since, until in ended)
    assert {local_day(until) for _, until in ended} >= {
        d for d in range(local_day(NOW) - 30, local_day(NOW)) if not hours.works(d)
    }


def test_a_supplement_moves_the_due_time_by_the_pause() -> None:
    moved = [s for steps in lives().values() for s in steps[2:] if "due_at" in s]
    assert len(moved) > 300
    for steps in islice((s for s in lives().values() if sum("due_at" in x for x in s) > 1), 50):
        first, second = (to_ms(s["due_at"]) for s in steps if "due_at" in s)
        assert second > first


def test_the_backlog_is_stable_and_a_few_are_late() -> None:
    level: Counter[int] = Counter()
    ended = late = 0
    for steps in lives().values():
        received = next((s["time"] for s in steps if s["state"] == "received"), None)
        end = next((s["time"] for s in steps if s["state"] in ENDED), None)
        if received is None:
            continue
        level[local_day(received)] += 1
        due = max(to_ms(s["due_at"]) for s in steps if "due_at" in s)
        if end is not None:
            level[local_day(end)] -= 1
            ended, late = ended + 1, late + (end > due)
    days = range(local_day(NOW - 30 * DAY), local_day(NOW))
    backlog = [sum(n for day, n in level.items() if day <= last) for last in days]
    assert 2000 < min(backlog) < max(backlog) < 5000
    assert 0.04 < late / ended < 0.12


def test_a_shortage_of_staff_stops_an_agency_and_is_caught_up() -> None:
    desks = Province(7, NOW, DAY).desks
    agency, begin, end = desks.shortages.of_block(desks.hours.at(NOW) // (12 * 27_000_000) - 1)
    inside = (begin + end) // 2
    assert desks.shortages.hold(agency, inside, 0.5) >= end
    assert desks.shortages.hold("000.00.99.H56", inside, 0.5) == inside


def test_volumes_are_those_of_a_province() -> None:
    count = Counter(event.topic for event in history())
    assert 200_000 < 2 * count[DOSSIER] < 280_000
    assert 270_000 < 2 * count[RAN] < 290_000


def test_load_follows_the_day_and_throughput_falls_with_it() -> None:
    by_hour: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for event in history():
        if event.topic == RAN and event.key == b"THA-HT1:1":
            values = {m["name"]: m["value"] for m in json.loads(event.value)["data"]["measurements"]}
            by_hour[to_datetime(event.time_ms, PROVINCE).hour].append((values["RRU.PrbTotDl"], values["DRB.UEThpDl"]))
    used, speed = ({h: sum(v[i] for v in rows) / len(rows) for h, rows in by_hour.items()} for i in (0, 1))
    assert used[20] > 3 * used[3]
    assert speed[20] < 0.75 * speed[3]


def test_sites_have_outages_now_and_then() -> None:
    per_cell = Counter(event.key for event in history() if event.topic == RAN)
    full = max(per_cell.values())
    assert 0.97 < sum(per_cell.values()) / len(per_cell) / full < 1


@pytest.mark.parametrize("rate", [3, 20, 50, 200])
def test_live_flows_at_the_rate_smoothly(rate: int) -> None:
    events = live(Province(7, NOW, DAY), 5, rate)
    per_second = Counter(event.due_ms // SECOND for event in events)
    assert len(events) / 300 == pytest.approx(rate, rel=0.06)
    assert max(per_second.values()) <= 2 * rate + 5


def test_live_stopped_anywhere_goes_on_with_the_same_events() -> None:
    province = Province(7, NOW, 5 * DAY)
    whole = live(province, 6)
    cut = whole[len(whole) // 2].due_ms
    rest = live(Province(7, NOW, 5 * DAY), 6, since=cut)
    assert rest == [event for event in whole if event.due_ms >= cut]


def test_dossiers_open_at_the_end_of_the_history_live_on() -> None:
    province = Province(7, NOW, 30 * DAY)
    open_then = {
        k
        for k, steps in lives().items()
        if steps[-1]["state"] in ("received", "processing") and steps[0]["time"] > NOW - 20 * DAY
    }
    later = {event.key.decode() for event in live(province, 24 * 60, rate=1) if event.topic == DOSSIER}
    assert len(later & open_then) > 100


def test_a_long_gap_is_filled_with_long_periods_and_without_holes() -> None:
    province = Province(7, NOW, DAY, bad=0)
    since, now = province.anchor + 90_500, province.anchor + 6 * HOUR + 123
    spans = defaultdict(list)
    for event in takewhile(lambda e: e.due_ms < now + MINUTE, province.live(since, now, 50)):
        if event.topic == RAN:
            spans[event.key].append((event.time_ms, json.loads(event.value)["data"]["period_s"] * SECOND))
    rows = spans[b"THA-TX1:1"]
    assert len(rows) < 300
    assert all(b[0] - a[0] - a[1] <= 2 * SECOND for a, b in pairwise(rows))


def test_bad_events_are_rare_various_and_really_bad() -> None:
    known = contracts()
    events = live(Province(7, NOW, DAY, bad=0.02), 5)
    late = [e for e in events if e.time_ms + HOUR < to_ms_of(e)]
    verdicts = [exact(event.value, (), known) for event in events]
    reasons = Counter(v.reason for v in verdicts if isinstance(v, Reject))
    assert {"schema", "unit_mismatch", "bad_json"} <= reasons.keys()
    assert late, "a clock a day ahead is bad by its time only"
    assert sum(reasons.values()) + len(late) == pytest.approx(0.02 * len(events), rel=0.3)
    assert not any(isinstance(exact(e.value, (), known), Reject) for e in live(Province(7, NOW, DAY, bad=0), 2))


def to_ms_of(event: Outgoing) -> int:
    """The event time the bytes state, or that of the event where they state none."""
    try:
        return to_ms(json.loads(event.value)["time"])
    except (ValueError, IndexError):
        return event.time_ms


@pytest.mark.parametrize("now", ["2026-06-10T13:17:00Z", "2026-06-18T13:17:00Z"])
def test_from_when_a_past_begins_a_stream_tells_the_same_however_long_the_past_is(now: str) -> None:
    """What was there before is told up to a midnight, what happens from it on; the second past begins on a day of snapshots.

    Of the day before, which the shorter past does not have, its sources state nothing."""
    begin = (to_ms(now) - 3 * DAY - STOCK + OFFSET) // DAY * DAY - OFFSET
    groups, anchor = [stream for stream in load().streams if stream.stock], to_ms(now)

    def told(days: int) -> set[tuple[int, bytes]]:
        province = Province(7, anchor, days * DAY, bad=0, streams=groups)
        sent = {(event.time_ms, event.value) for events in province.others(0, anchor) for event in events}
        return {(at, value) for at, value in sent if f'"until": "{iso(begin)}"'.encode() not in value}

    short, long = ({value for at, value in told(days) if at >= begin} for days in (3, 90))
    assert len(short) > 1_000
    assert short == long
