"""Statistics: small histories, and what they say. Seasons of the demo are judged in test_seasons.py."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ioc.asking.evidence import evidence
from ioc.asking.question import scope
from ioc.asking.read import value
from ioc.calendar.workdays import calendar
from ioc.counting.history import History, Item
from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.province.incidents import chance
from ioc.province.text import event_of
from ioc.settings import Settings
from ioc.times import DAY, HOUR, iso, local_day, to_ms
from ioc.vocabulary import Contribution
from schemas.statistic import LARGEST, StatisticReported
from streams import definitions, reported, statistics
from streams.definitions import Definition
from streams.statistics import STREAM, Step, advance, contributions
from tests.brute import Record
from tests.counting import CATALOG, count, pipeline, real_store
from tests.logs import beat, record

PROVINCE = "2026-{}T08:00:00+07:00"
COMMUNES = {"units": "sum", "period": "day", "due_days": 0, "plan": {"2026": {"16531": 10, "14758": 30}}}


def defined(code: str, **more: Any) -> Definition:
    """A monthly flow of which twelve are planned, due on the second working day at 17:00; or what is said instead."""
    given = {
        "code": code,
        "name": f"{code} (tấn)",
        "en": code,
        "unit": "tấn",
        "period": "month",
        "periods": "sum",
        "department": "S",
    }
    return Definition(**(given | {"due_days": 2, "plan": {"2026": 12}} | more))


DEFINED = {
    one.code: one
    for one in (
        defined("flow"),
        defined("bare", plan={}),
        defined("price", periods="mean", better="lower", plan={"2026": 4}),
        defined("rate", name="rate (%)", unit="%", periods="last", plan={"2026": 95}),
        defined("place", period="year", periods="last", better="lower", rank=True, due_days=200, plan={"2026": 10}),
        defined("daily", period="day", due_days=1, due_hour=9),
        defined("quarterly", period="quarter"),
        defined("once", period="year", periods="last", due_days=None),
        defined("guests", **COMMUNES),
        defined("cover", **COMMUNES | {"name": "cover (%)", "unit": "%", "units": "mean", "periods": "last"}),
    )
}


@pytest.fixture(autouse=True)
def as_defined(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """These definitions, but for tests of what is shipped."""
    if "shipped" not in request.fixturenames:
        monkeypatch.setattr(statistics, "definitions", lambda: DEFINED)


@pytest.fixture
def shipped() -> None:
    """The definitions of streams/data."""


def at(day: str) -> int:
    """A time of 2026, `05-14` at 8:00 in the province, or any."""
    return to_ms(day if "T" in day else PROVINCE.format(day))


def step(series: str, day: str, period: str, figure: float, plan: float | None = None, department: str | None = None) -> Step:
    return Step(at(day), series, period, figure, plan, department)


def said(*history: Step, when: str | int | None = None) -> dict[str, float | None]:
    """What each indicator says of the series as it stands at a time, of a flow in all; none: it has no value."""
    end = 1 << 60 if when is None else at(when) if isinstance(when, str) else when
    sums: dict[str, tuple[int, ...]] = {}
    for name, _, begin, measures in contributions(sorted(history)):
        if begin < end:
            sums[name] = tuple(map(sum, zip(sums.get(name, (0,) * len(measures)), measures, strict=True)))
    found = {name: float(STREAM.indicator(name).value.bounds(np.array([of], np.int64))[0][0]) for name, of in sums.items()}
    return {name.removeprefix("statistic."): None if np.isnan(number) else round(number, 9) for name, number in found.items()}


def rows(name: str, *history: Step) -> list[Contribution]:
    return [row for row in contributions(sorted(history)) if row[0] == f"statistic.{name}"]


JANUARY, FEBRUARY, MARCH = (
    step("flow", "02-02", "2026-01", 1),
    step("flow", "03-02", "2026-02", 2),
    step("flow", "04-01", "2026-03", 3),
)


def test_the_value_is_that_of_the_latest_period_and_the_plan_is_reached_by_all_of_the_year_so_far() -> None:
    assert said(JANUARY, FEBRUARY, MARCH, when="04-02") == {
        "value": 3, "plan_share": 50, "year_gone": round(100 * 90 / 365, 9), "reports": 3, "on_time_share": 100,
    }  # fmt: skip
    assert said(JANUARY, FEBRUARY, MARCH, when="03-20")["plan_share"] == 25


def test_a_later_report_of_a_period_restates_it_and_one_that_says_the_same_does_not() -> None:
    assert "restated" not in said(JANUARY, step("flow", "02-03", "2026-01", 1))
    found = said(JANUARY, step("flow", "02-03", "2026-01", 7))
    assert (found["value"], found["restated"], found["reports"]) == (7, 1, 2)
    found = said(JANUARY, FEBRUARY, step("flow", "03-09", "2026-01", 4), when="03-10")
    assert (found["value"], found["plan_share"], found["restated"]) == (2, 50, 1)


def test_an_older_period_that_is_told_later_changes_what_is_reached_and_not_the_value() -> None:
    found = said(JANUARY, MARCH, step("flow", "04-09", "2026-02", 2), when="04-10")
    assert (found["value"], found["plan_share"]) == (3, 50)


def test_the_order_in_which_reports_come_does_not_matter() -> None:
    """Restated, late, left out, of two departments; a fold that is told apart, and one that begins again for what comes late."""
    reports = [
        *(step("daily", f"0{month}-{day:02}", f"2026-0{month}-{day - 1:02}", day) for month in (1, 2) for day in range(2, 28, 3)),
        *(step("daily", f"03-0{n}", f"2026-02-{10 + n}", n, department="B") for n in range(1, 5)),
        step("daily", "03-06", "2026-01-01", 7, plan=900),
    ]
    rng = random.Random(3)
    for order in (reports, reports[::-1], *(rng.sample(reports, len(reports)) for _ in range(20))):
        history, total = History(STREAM), Counter[tuple[Any, int]]()
        for offset, one in enumerate(order):
            added = history.add(Item(one.time, 0, 0, "/s", str(one.time), offset, offset, None, one))
            assert isinstance(added, dict)
            total.update({(key, place): measure for key, measures in added.items() for place, measure in enumerate(measures)})
        wanted = Counter[tuple[Any, int]]()
        for *key, measures in contributions(sorted(reports)):
            wanted.update({(tuple(key), place): measure for place, measure in enumerate(measures)})
        assert {key: n for key, n in total.items() if n} == {key: n for key, n in wanted.items() if n}


def test_without_a_plan_there_is_no_share_of_it_and_never_none() -> None:
    assert "plan_share" not in said(step("bare", "02-02", "2026-01", 0))
    assert "plan_share" not in said(step("flow", "02-02", "2026-01", 3, plan=0))
    assert "plan_share" not in said(step("flow", "2027-02-01T08:00:00+07:00", "2027-01", 3))
    assert said(step("flow", "02-02", "2026-01", 0))["plan_share"] == 0


def test_a_report_may_state_the_plan_of_its_year() -> None:
    stated = step("bare", "02-02", "2026-01", 1, plan=4)
    assert said(stated, step("bare", "03-02", "2026-02", 1))["plan_share"] == 50
    over = step("flow", "03-02", "2026-02", 2, plan=6)
    assert [said(JANUARY, over, when=when)["plan_share"] for when in ("03-01", "03-03")] == [pytest.approx(100 / 12), 50]


def test_where_lower_is_better_the_plan_is_over_the_figure_and_a_mean_is_of_the_periods_reported() -> None:
    assert said(step("price", "02-02", "2026-01", 4), step("price", "03-02", "2026-02", 6))["plan_share"] == 80
    assert "plan_share" not in said(step("price", "02-02", "2026-01", 0)), "nothing is a share of nothing"
    found = said(step("place", "10-20", "2025", 15), step("place", "2027-10-20T08:00:00+07:00", "2026", 12.0))
    assert (found["rank"], found["value"], found["plan_share"]) == (12, 12, pytest.approx(100 * 10 / 12))
    assert "change" not in found, "of places there is none"


def test_a_change_is_that_of_the_periods_reported_in_both_years() -> None:
    before = [step("flow", f"2025-0{n + 1}-03T08:00:00+07:00", f"2025-0{n}", figure) for n, figure in ((1, 2), (3, 2))]
    assert said(*before, JANUARY)["change"] == -50
    assert said(*before, JANUARY, FEBRUARY)["change"] == -50, "February was not reported then"
    assert said(*before, JANUARY, FEBRUARY, MARCH)["change"] == 0
    assert "change" not in said(JANUARY, FEBRUARY)
    assert "change" not in said(before[0]._replace(value=0.0), JANUARY), "there is no share of nothing"


def test_a_change_of_per_cents_is_told_in_points_and_of_the_last_period() -> None:
    before = step("rate", "2025-03-03T08:00:00+07:00", "2025-02", 90.5)
    assert said(before, step("rate", "03-02", "2026-02", 92))["change"] == 1.5
    assert said(before, step("rate", "03-02", "2026-02", 92), step("rate", "04-02", "2026-03", 93))["change"] is None


def test_a_leap_day_has_no_day_of_the_year_before_and_leap_years_are_longer() -> None:
    days = {year: [f"{year}-02-28", f"{year}-02-29", f"{year}-03-01"] for year in (2023, 2024)}
    history = [
        step("daily", f"{day}T20:00:00+07:00", day, figure)
        for year, figure in ((2023, 10), (2024, 11))
        for day in days[year]
        if day != "2023-02-29"
    ]
    found = said(*history)
    assert (found["change"], found["year_gone"]) == (10, pytest.approx(100 * 61 / 366))
    assert said(*history[:-1])["change"] == 10


@pytest.mark.parametrize(
    ("series", "period", "due"),
    [
        ("flow", "2026-01", "2026-02-03T17:00:00+07:00"),
        ("flow", "2025-12", "2026-01-06T17:00:00+07:00"),  # 2 January was swapped for Saturday, 10 January
        ("daily", "2026-02-12", "2026-02-13T09:00:00+07:00"),
        ("daily", "2026-02-13", "2026-02-23T09:00:00+07:00"),  # the last day before Tết
        ("daily", "2026-02-17", "2026-02-23T09:00:00+07:00"),
        ("quarterly", "2026-Q1", "2026-04-02T17:00:00+07:00"),
        ("place", "2025", None),
        ("guests", "2026-02-17", "2026-02-17T17:00:00+07:00"),
        ("once", "2026", "never"),
    ],
)
def test_a_report_is_due_working_days_after_its_period_also_over_new_year(series: str, period: str, due: str | None) -> None:
    _, number = definitions.period(period)
    found = DEFINED[series].due(number)
    if due == "never":
        assert found is None
    elif due is None:
        first = to_ms("2025-12-31T17:00:00Z")
        assert found == calendar().day_after(first - 1, 200)[0] + 17 * HOUR
    else:
        assert found == to_ms(due), iso(found or 0)


def test_a_report_is_overdue_from_its_due_time_until_it_is_there() -> None:
    late = step("flow", "03-05", "2026-02", 2)
    found = [(row[2], row[3]) for row in rows("overdue", JANUARY, late) if row[2] <= at("03-05")]
    assert found == [(to_ms("2026-03-03T17:00:00+07:00"), (1,)), (at("03-05"), (-1,))]
    assert (said(JANUARY, late)["late_reports"], said(JANUARY, late)["on_time_share"]) == (1, 0)
    assert said(JANUARY, when="2027-01-01T00:00:00+07:00")["overdue"] == 1, "no more is waited for than the next"


def test_a_report_at_its_very_due_time_is_in_time() -> None:
    due = step("flow", "2026-03-03T17:00:00+07:00", "2026-02", 2)
    found = said(JANUARY, due, when="03-04")
    assert (found["on_time_share"], "late_reports" in found, "overdue" in found) == (100, False, False)
    assert [row[2] for row in rows("overdue", JANUARY, due)] == [to_ms("2026-04-02T17:00:00+07:00")]


def test_a_period_that_was_left_out_is_overdue_until_it_is_told() -> None:
    skipped, told = [JANUARY, MARCH], step("flow", "04-20", "2026-02", 2)
    assert [said(*skipped, told, when=when).get("overdue", 0) for when in ("03-03", "03-04", "04-02", "04-21")] == [0, 1, 1, 0]
    assert said(*skipped, when="05-09")["overdue"] == 2, "February, and April"


def test_what_was_due_before_a_series_was_heard_of_is_not_waited_for() -> None:
    history = [step("flow", f"2026-06-01T08:00:0{n}+07:00", f"2026-0{n}", n) for n in (1, 3, 4)]
    assert "overdue" not in said(*history, when="06-02")
    assert "on_time_share" not in said(*history)
    assert [said(*history, when=when).get("overdue", 0) for when in ("06-02", "06-03", "07-30")] == [0, 1, 1], "May"
    assert "overdue" not in said(step("once", "06-01", "2025", 1), when="2049-01-01T00:00:00+07:00")


def test_who_reports_now_answers_for_what_is_told_and_for_what_is_late() -> None:
    other = step("flow", "03-20", "2026-01", 1, department="B")
    moved = [(row[1][2], row[2], row[3][0]) for row in rows("overdue", JANUARY, other)]
    due = to_ms("2026-03-03T17:00:00+07:00")
    assert moved == [("S", due, 1), ("S", at("03-20"), -1), ("B", at("03-20"), 1)]
    assert {row[1] for row in rows("value", JANUARY, other) if row[2] == at("03-20")} == {("flow", "?", "S"), ("flow", "?", "B")}
    assert {row[1][2] for row in rows("reports", other, step("flow", "04-01", "2026-02", 1))} == {"B"}


@pytest.mark.parametrize(
    ("series", "period"),
    [
        ("other", "2026-01"), ("flow", "2026-Q1"), ("flow", "2026"), ("flow", "2026-01-05"), ("flow", "2026-03"),
        ("flow/16531", "2026-01"), ("guests", "2026-01-05"),
    ],
)  # fmt: skip
def test_what_no_definition_takes_counts_as_unknown_and_nowhere_else(series: str, period: str) -> None:
    strange = step(series, "02-02", period, 5)
    assert said(strange) == {"unknown": 1}
    known = step(series, "02-03", "2026-01", 1)
    assert said(strange, known) == {"unknown": 1 + (series != "flow")} | (said(known) if series == "flow" else {})


def test_once_it_is_defined_what_was_reported_before_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    history = [step("new", "02-02", "2026-01", 1), step("new", "03-02", "2026-02", 2)]
    assert said(*history) == {"unknown": 2}
    monkeypatch.setattr(statistics, "definitions", lambda: DEFINED | {"new": defined("new")})
    assert said(*history, when="03-03") == said(JANUARY, FEBRUARY, when="03-03")
    assert statistics.STATISTICS in STREAM.data_files, "so it is another generation, and all is counted anew"


def test_of_several_communes_the_value_is_their_sum_or_their_mean() -> None:
    def both(code: str) -> dict[str, float]:
        sums = np.zeros((1, 3), np.int64)
        shares = sums.copy()
        for commune, figure in (("16531", 4.0), ("14758", 8.0)):
            for name, _, _, measures in contributions([step(f"{code}/{commune}", "01-05", "2026-01-05", figure)]):
                sums += np.array(measures) if name == "statistic.value" else 0
                shares += np.array(measures) if name == "statistic.plan_share" else 0
        of, share = STREAM.indicator("statistic.value").value, STREAM.indicator("statistic.plan_share").value
        return {"value": of.bounds(sums)[0][0], "plan_share": share.bounds(shares)[0][0]}

    assert both("guests") == {"value": 12, "plan_share": 30}
    assert both("cover") == {"value": 6, "plan_share": 30}


def test_a_communes_figures_end_with_the_code_list_and_begin_anew_with_the_next() -> None:
    before, after = (step("guests/14758", f"2025-{day}T20:00:00+07:00", f"2025-{day}", 5) for day in ("06-30", "07-01"))
    anew = to_ms("2025-07-01T00:00:00+07:00")
    assert [(row[1][1], row[2], row[3][0]) for row in rows("value", before, after)] == [
        ("14758", before.time, 50_000), ("14758", anew, -50_000), ("14758@2025-07-01", after.time, 50_000),
    ]  # fmt: skip
    assert said(before, when="2025-07-02T00:00:00+07:00")["value"] is None
    assert "overdue" not in said(before), "what is due that evening is another commune's"


def test_a_year_of_the_largest_figures_can_be_counted() -> None:
    first = local_day(to_ms("2024-01-01T00:00:00+07:00"))
    days = [(first + n) * DAY for n in range(366)]
    history = [Step(day, "daily", iso(day)[:10], float(LARGEST), 1e11) for day in days]
    most = max(abs(measure) for _, _, _, measures in contributions(history) for measure in measures)
    assert most == 10**15


def test_twenty_years_of_days_are_counted_in_seconds() -> None:
    first, began = local_day(to_ms("2026-01-01T00:00:00+07:00")), time.process_time()
    life, days = statistics.Life(), 7_305
    for n in range(days):
        after = advance(life, Step((first + n) * DAY, "daily", iso((first + n) * DAY)[:10], 1.0))
        statistics.apart(after, life)
        life = after
    assert STREAM.most is not None
    assert days < STREAM.most
    assert time.process_time() - began < 30


# ---- events and files


@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        ("period", "2026-13", "must be a year, quarter, month or day of the calendar since 2000: 2026, 2026-Q1, 2026-05"),
        ("period", "2026-02-29", "must be a year, quarter, month or day of the calendar"),
        ("period", "2026-Q5", "must be a year, quarter"),
        ("period", "05/2026", "must be a year, quarter"),
        ("value", 1e9, "less than or equal to 100000000"),
        ("value", "12", "valid number"),
        ("series", "a*", "must be a code"),
        ("unit", "16531", "unknown field; Statistic has series, period, value, plan, department, among, note"),
    ],
)
def test_an_event_that_is_wrong_is_refused_with_what_is_right(field: str, given: object, said: str) -> None:
    data = {"series": "dti", "period": "2021", "value": 12} | {field: given}
    event = {
        "specversion": "1.0",
        "id": "e",
        "source": "/s",
        "type": StatisticReported.event_type,
        "time": iso(at("02-02")),
        "data": data,
    }
    found = exact(json.dumps(event).encode(), (), {StatisticReported.event_type: StatisticReported})
    assert isinstance(found, Reject)
    assert (found.reason, found.field) == ("schema", f"data.{field}")
    assert said in found.message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('code = "exports"', 'code = "dti"', "statistic dti is there twice"),
        ('code = "exports"', 'code = "exports/38"', "a code has no /"),
        ('name = "Giá trị xuất khẩu (triệu USD)"', 'name = "Giá trị xuất khẩu"', "'Giá trị xuất khẩu' + ' (triệu USD)'"),
        ('period = "quarter"', 'period = "week"', "line 31: statistic.1.period"),
        ('periods = "mean"', 'periods = "sum"', "consumer_prices: per cent and ranks do not add up"),
        ("due_hour = 20", "due_hour = 25", "statistic.18.due_hour"),
        ("plan = { 2025 = 8_000,", "plan = { 25 = 8_000,", "statistic.5.plan.25"),
        ("2026 = 8_800", "2026 = { 16531 = 8_800 }", "exports: a plan is a number by year"),
        ('better = "lower"', "lower = true", "Extra inputs"),
        ("[[statistic]]", "[[statistics]]", "statistic: Field required"),
    ],
)
def test_a_file_of_statistics_that_is_wrong_is_told_before_anything_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str
) -> None:
    file, text = tmp_path / "statistics.toml", definitions.STATISTICS.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    monkeypatch.setattr(definitions, "STATISTICS", file)
    with pytest.raises(UsageError) as told:
        definitions.definitions.__wrapped__()
    assert said in str(told.value)


# ---- the past of 2022, and the demo


@pytest.fixture
def store(store_url: str, shipped: None) -> Any:
    """What `ioc import --example thanh-hoa-2022` sends of statistics, counted."""
    made = real_store(store_url, "statistics_past")
    sent = sorted((event_of(StatisticReported, one) for one in reported.past(partial(chance, 7))), key=lambda one: one.time_ms)
    last = sent[-1].time_ms + HOUR

    def records() -> Iterator[Record]:
        for offset, one in enumerate(sent):
            yield Record(STREAM.topic, 0, offset, one.key, one.value, one.time_ms)
        yield record(beat(last), len(sent), last, topic=STREAM.topic, partition=0)

    count(pipeline(made, 1, topics=(STREAM.topic,)), list(records()))
    return made


def test_the_rank_of_the_seed_is_exact_and_no_figure_is_ever_a_sum_over_statistics(store: Any) -> None:
    (rank,) = value(store, CATALOG, "statistic.rank", where={"code": "dti"})
    assert (rank.value, rank.lo, rank.hi) == (12, 12, 12)
    (share,) = value(store, CATALOG, "statistic.plan_share", where={"code": "dti"})
    assert share.value == pytest.approx(100 * 10 / 12)
    assert {a.dims["code"]: a.value for a in value(store, CATALOG, "statistic.value", by=["code"])} == {
        "dti": 12, "exhibition_companies": 10, "exhibition_stands": 14,
    }  # fmt: skip
    for asked in ({}, {"code": "*"}, {"department": "000.00.13.H56"}):
        with pytest.raises(UsageError, match=r"has no sum over code, .*: write --where code=\.\.\., or --by code"):
            value(store, CATALOG, "statistic.value", where=asked)
    assert value(store, CATALOG, "statistic.reports", window="all")[0].value == 3


def test_who_has_not_reported_and_since_when_is_the_evidence_of_what_is_overdue(store: Any) -> None:
    """The index of 2021 is there, that of 2022 is waited for; an exhibition is counted once."""
    due = definitions.definitions()["dti"].due(2022)
    assert due is not None
    for at_, n in ((due, 0), (due + 1, 1)):
        (answer,) = value(store, CATALOG, "statistic.overdue", at=at_, where={"department": "000.00.13.H56"})
        assert answer.value == n
    asked = scope(store, CATALOG, "statistic.overdue", at=due + DAY)
    assert [(one.what["entity"], one.what["due_at"]) for one in evidence(store, CATALOG, Settings(), asked)] == [("dti", due)]


def test_what_the_board_opens_with_has_every_number_at_any_hour_of_the_demo(shipped: None) -> None:
    assert STREAM.board is not None
    day = local_day(to_ms("2026-12-20T00:00:00Z"))
    told = [
        *reported.stock(partial(chance, 7), day),
        *(one for d in range(day, day + 70) for one in reported.demo(partial(chance, 7), d)),
    ]
    history = [
        Step(one.time, str(d["series"]), str(d["period"]), float(d["value"]), d.get("plan"), d.get("department"))  # type: ignore[arg-type]
        for one in sorted(told, key=lambda one: one.time)
        if (d := one.data)["series"] == STREAM.board.opens
    ]
    assert len(history) > 700
    for name in ("value", "plan_share", "year_gone", "change"):
        found, level = sorted((row[2], row[3][-1]) for row in rows(name, *history)), 0
        for _, n in found:
            level += n
            assert level in (0, 1)
        begun = [time_ for time_, n in found if n == 1]
        gaps = {time_ for time_, n in found if n == -1} - set(begun)
        assert not gaps, name
        assert begun[0] < day * DAY or name != "change", name


def test_the_demo_reports_what_is_defined_and_one_statistic_that_is_not(shipped: None) -> None:
    known = definitions.definitions()
    assert {series.partition("/")[0] for series in reported.COURSES} | {"exhibition_companies", "exhibition_stands"} == set(known)
    assert reported.UNDEFINED not in known
    day = local_day(to_ms("2026-06-06T00:00:00Z"))
    assert not calendar().works(day)
    assert len(list(reported.demo(partial(chance, 7), day))) > 3, "a Saturday"
