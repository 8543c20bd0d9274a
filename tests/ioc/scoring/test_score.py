"""Score: points of a period by hand, what has no data, and two packs side by side; a small log that is counted for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ioc.errors import UsageError
from ioc.scoring.pack import Item, load_pack
from ioc.scoring.score import Scored, goes_on, in_effect, period, score, scored, total
from ioc.store.clickhouse import Store
from ioc.times import DAY, HOUR, to_ms
from schemas.feedback import FeedbackChanged
from tests.brute import Record
from tests.counting import CATALOG, count, pipeline, real_store
from tests.ioc.scoring.test_pack import GOOD
from tests.logs import beat, dossier, record, text

OCTOBER = to_ms("2022-09-30T17:00:00Z")
"""The first of October in the province."""
P1, P2, P3 = "2.000815", "1.001193", "2.000884"
"""The first and the last have a fee (`procedures.toml`)."""
PROCEDURES = [
    {"code": P1, "level": "full", "fee": True},
    {"code": P2, "level": "level_3", "fee": False},
    {"code": P3, "level": "information", "fee": True},
]
FREE, PAID = {"fee": 0, "identified": True}, {"fee": 30_000, "paid_online": "own"}


def life(name: str, agency: str, received: int, due: int, end: int | None, **more: Any) -> list[dict[str, Any]]:
    """A dossier's events; days of October, counted from 0."""
    at = OCTOBER + received * DAY + HOUR
    events = [dossier(name, f"{name}/1", "received", at, agency=agency, due_at=OCTOBER + due * DAY, **more)]
    if end is not None:
        events.append(dossier(name, f"{name}/2", "completed", OCTOBER + end * DAY))
    return events


@pytest.fixture(scope="module")
def store(store_url: str) -> Store:
    """Seven dossiers of two agencies: see the tests."""
    lives = [
        life("A1", "A", 1, 10, 9, procedure=P1, channel="online", **PAID),
        life("A2", "A", 1, 5, 9, procedure=P1, channel="counter", **FREE),  # late
        life("A3", "A", 2, 5, None, procedure=P2, channel="online"),  # open and overdue
        life("A4", "A", -20, 5, 4, procedure=P2),  # received in September, ended in October
        life("A5", "A", -20, 9, None, procedure=P2),  # neither received nor ended in October
        life("B1", "B", 3, 60, None, procedure=P3, fee=5_000),  # open, in time
        life("B2", "B", 3, 4, 40, procedure=P3),  # ended in November, late
    ]
    events = sorted((e for some in lives for e in some), key=lambda e: str(e["time"]))
    first = OCTOBER - 20 * DAY
    log: list[Record] = [record(beat(first), 0, first, partition=0)]
    log += [record(e, n, to_ms(e["time"]) + 1, partition=0) for n, e in enumerate(events, 1)]
    log.append(record(beat(OCTOBER + 62 * DAY), len(log), OCTOBER + 62 * DAY, partition=0))
    made = real_store(store_url, "scored")
    count(pipeline(made, 1), log)
    return made


def items(store: Store, name: str = "2022-10", by: str | None = None, group: str = "*") -> dict[str, Scored]:
    found = score(store, CATALOG, load_pack("766"), period(name), PROCEDURES, by)
    return {one.item.id: one for one in found[group]}


def test_what_was_received_or_ended_in_the_month_counts_once_and_late_or_overdue_counts_against(store: Store) -> None:
    # of A1, A2, A3, A4, B1, B2: late A2; open and overdue at the end of October A3, B2
    found = items(store)["2.1"]
    assert (found.n, found.ratio, found.points) == (6, pytest.approx(50.0), pytest.approx(10.0))


def test_the_quarter_counts_what_the_month_could_not_know(store: Store) -> None:
    # until the end of December: A1, A2, A3, A4, B1, B2; late A2, B2, overdue A3, B1 (due on 30 November)
    found = items(store, "2022-Q4")["2.1"]
    assert (found.n, found.ratio) == (6, pytest.approx(100 * 2 / 6))
    # the year knows A5, too: received in September, overdue
    assert items(store, "2022")["2.1"].n == 7


def test_each_agency_has_points_of_its_own(store: Store) -> None:
    assert items(store, by="agency", group="A")["2.1"].ratio == pytest.approx(50.0)
    assert items(store, by="agency", group="B")["2.1"].ratio == pytest.approx(50.0)
    with pytest.raises(KeyError):
        items(store, by="agency", group="C")


def test_fees_that_are_all_zero_are_asked_of_nobody(store: Store) -> None:
    # of P1 and P3 (with a fee): A1 paid online, A2 is free, B1 did not pay online, B2 states nothing
    found = items(store)
    assert (found["3.6"].n, found["3.6"].ratio) == (2, pytest.approx(50.0))
    assert found["3.5"].ratio == pytest.approx(100.0), "of P1 and P3 both had a dossier with a fee"


def test_online_services_with_a_dossier_are_a_share_of_all_online_services(store: Store) -> None:
    assert items(store)["3.2"].ratio == pytest.approx(100.0), "P1 and P2, both online, both had one"
    assert items(store, by="agency", group="A")["3.2"].ratio == pytest.approx(100.0)


def test_who_received_nothing_online_has_nought_of_the_online_services_and_not_no_data(store: Store) -> None:
    found = items(store, by="agency", group="B")["3.2"]  # B1 and B2 came to the counter
    assert (found.ratio, found.n, found.points) == (0.0, 2, 0.0)
    november = score(store, CATALOG, load_pack("766"), period("2022-11"), PROCEDURES)["*"]
    assert [one.points for one in november if one.item.id == "3.2"] == [None], "nothing was received at all"


def test_a_share_of_procedures_is_not_told_of_one_procedure(store: Store) -> None:
    found = items(store, by="procedure", group=P1)
    assert found["2.1"].ratio == pytest.approx(50.0)
    for share in ("3.2", "3.5"):
        assert (found[share].ratio, found[share].points) == (None, None)
        assert found[share].why == "it is a share of procedures, and one procedure has none"


def test_an_item_of_a_stream_without_the_dimension_is_not_told_by_it(store: Store) -> None:
    for name in ("5.1a", "5.2", "5.3"):
        found = items(store, by="procedure", group=P1)[name]
        assert (found.ratio, found.points) == (None, None)
        assert found.why == f"{found.item.indicator} is not told by procedure"


def test_points_are_told_by_rollups_too_and_by_nothing_that_no_item_is_told_by(store: Store) -> None:
    assert items(store, by="agency_level", group="?")["2.1"].ratio == items(store)["2.1"].ratio
    with pytest.raises(UsageError, match=r"by 'agenci'.*agency, .*procedure"):
        score(store, CATALOG, load_pack("766"), period("2022-10"), PROCEDURES, by="agenci")


@pytest.fixture(scope="module")
def told(store_url: str) -> Store:
    """A store with three feedbacks of October and nothing else: A answers one in time and one late, B has one open, in time."""
    of = [
        ("F1", "received", 2, {"agency": "A", "kind": "report"}), ("F1", "answered", 9, {}),
        ("F2", "received", 3, {"agency": "A", "kind": "question"}), ("F2", "answered", 29, {}),
        ("F3", "received", 20, {"agency": "B", "kind": "report"}),
    ]  # fmt: skip
    events = [
        {"specversion": "1.0", "id": f"{name}/{state}", "source": "/s", "type": FeedbackChanged.event_type,
         "time": text(OCTOBER + day * DAY + HOUR), "data": {"feedback": name, "state": state, **data}}
        for name, state, day, data in sorted(of, key=lambda one: one[2])
    ]  # fmt: skip
    topic, end = FeedbackChanged.topic, OCTOBER + 31 * DAY + 1
    log = [record(beat(OCTOBER), 0, OCTOBER, partition=0, topic=topic)]
    for n, e in enumerate(events, 1):
        log.append(record(e, n, to_ms(str(e["time"])) + 1, partition=0, topic=topic, key=e["data"]["feedback"].encode()))
    log.append(record(beat(end), len(log), end, partition=0, topic=topic))
    made = real_store(store_url, "scored_feedback")
    count(pipeline(made, 1, topics=(topic,)), log)
    return made


def test_feedback_has_points_of_its_own_beside_dossiers_without_data(told: Store) -> None:
    found = items(told)
    assert [(found[name].n, found[name].ratio) for name in ("5.2", "5.3")] == [(3, pytest.approx(200 / 3))] * 2
    assert [found[name].ratio for name in ("5.1a", "5.1b", "5.1c")] == [pytest.approx(200 / 3), 0.0, pytest.approx(100 / 3)]
    assert found["5.2"].points == pytest.approx(4.0)
    assert found["2.1"].ratio is None
    by_agency = {name: items(told, by="agency", group=name)["5.2"].points for name in "AB"}
    assert by_agency == {"A": pytest.approx(3.0), "B": pytest.approx(6.0)}


def test_what_lacks_data_says_so_and_is_neither_nought_nor_a_hundred(store: Store) -> None:
    found = items(store)
    assert found["5.4"].why == "nothing was counted of index766.2_1 or index766.5_4"
    assert found["5.2"].why == "nothing was counted"
    assert found["3.3"].why == "the factor 1.4 of the period is not stated"
    for missing in ("1", "3.1", "3.3", "5.2", "5.4"):
        assert found[missing].ratio is None
        assert found[missing].points is None
    points, most = total(list(found.values()))
    assert points is not None
    assert most == sum(one.item.max for one in found.values() if one.points is not None) < 100


def test_satisfaction_is_what_is_neither_overdue_nor_disliked_among_what_could_be_disliked(store_url: str) -> None:
    lives = [
        life("A1", "A", 1, 10, 9, disliked=True),
        life("A2", "A", 1, 5, 9, disliked=False),  # late
        life("A3", "A", 1, 10, 9, disliked=False),
        life("A4", "A", 1, 10, 9),  # nobody was asked
        life("B1", "B", 1, 10, 9),
    ]
    events = sorted((e for some in lives for e in some), key=lambda e: str(e["time"]))
    log = [record(beat(OCTOBER), 0, OCTOBER, partition=0)]
    log += [record(e, n, to_ms(e["time"]) + 1, partition=0) for n, e in enumerate(events, 1)]
    log.append(record(beat(OCTOBER + 31 * DAY), len(log), OCTOBER + 31 * DAY, partition=0))
    made = real_store(store_url, "disliked")
    count(pipeline(made, 1), log)
    found = items(made)["5.4"]
    assert (found.ratio, found.n) == (pytest.approx(80 - 100 / 3), 5)  # one of five is late, one of three disliked
    assert found.points == pytest.approx(6 * (80 - 100 / 3) / 90)
    assert items(made, by="agency", group="A")["5.4"].ratio == pytest.approx(75 - 100 / 3)
    of_b = items(made, by="agency", group="B")["5.4"]
    assert (of_b.ratio, of_b.points) == (None, None)


def test_points_are_never_below_nought() -> None:
    assert scored(Item(id="5.4", vi="", en="", max=6, target=90, indicator="x", less="y"), -10.0, 1).points == 0


def test_a_ratio_exactly_at_the_threshold_gives_all_points_and_more_gives_no_more() -> None:
    item = Item(id="3.3", vi="", en="", max=12, target=50, indicator="x")
    assert [scored(item, ratio, 1).points for ratio in (49.999, 50.0, 50.001, 100.0)] == [pytest.approx(11.99976), 12, 12, 12]
    # a fault seen in the wild: ratio * max * 30 / 100 below the threshold
    assert scored(item, 25.0, 1).points == 6


def test_a_missing_denominator_is_no_data(store: Store) -> None:
    found = score(store, CATALOG, load_pack("766"), period("2022-11"), PROCEDURES)["*"]
    by_id = {one.item.id: one for one in found}
    assert by_id["2.1"].n == 1, "B2 ended in November"
    assert by_id["4.3"].ratio is None
    assert by_id["4.3"].why == "nothing was counted"


def test_two_packs_score_one_period_side_by_side_and_say_where_they_were_not_in_effect(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(GOOD, encoding="utf-8")
    own, of = load_pack(str(path)), period("2022-10")
    (found,) = score(store, CATALOG, own, of, PROCEDURES)["*"]
    assert found.points == pytest.approx(50 * 30 / 95)
    assert in_effect(own, of) == "pack own is in effect from 2025-07-01, not in all of 2022-10: scored as if it were"
    assert in_effect(load_pack("766"), of) == ""


def test_a_period_that_goes_on_is_scored_to_now_and_one_that_is_to_come_is_refused(store: Store) -> None:
    assert items(store, "2022-12")["2.1"].n == 0
    assert goes_on(store, period("2022-12")) == "2022-12 goes on: points so far, as of 2022-12-02 00:00:00+07:00"
    assert goes_on(store, period("2022-11")) == ""
    with pytest.raises(UsageError, match="2023-01 begins after what is counted so far"):
        items(store, "2023-01")


@pytest.mark.parametrize("text", ["2022", "2022-Q1", "2022-01"])
def test_periods_are_the_provinces(text: str) -> None:
    assert period(text).start == to_ms("2021-12-31T17:00:00Z")


@pytest.mark.parametrize("text", ["2022-13", "2022-Q5", "2022-1", "22-01", "2022-00", "1900", "２０２２", "2022-10-01", ""])
def test_what_is_no_period_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="write a month, a quarter or a year: 2026-10, 2026-Q3, 2026"):
        period(text)
