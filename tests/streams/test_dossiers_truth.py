"""The dossier indicators over a log of 1,400 dossiers (the real one where it is), against brute force that knows nothing of the
engine."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from ioc.asking.read import Answer, value
from ioc.calendar.windows import window_start
from ioc.catalog import Catalog, load
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.store.tables import migrate
from ioc.times import MINUTE, floor, iso, to_ms
from tests import brute_receipt as brute
from tests.receipt import batches, count, counted, needs_receipt

pytestmark = pytest.mark.thorough
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
JUNE = to_ms("2011-06-01T00:00:00Z")
CHANCE = random.Random(20110601)


def instants() -> list[int]:
    """Random instants (200 in `make proof`, else 24), among them the very ms at which something happens, one before, one after,
    and a future."""
    events = [t + d for c in CHANCE.sample(brute.cases(), 30) for t in (c.start, c.end or c.due, c.due) for d in (0, 1)]
    spread = [CHANCE.randrange(to_ms("2010-09-25T00:00:00Z"), to_ms("2012-06-01T00:00:00Z")) for _ in range(200)]
    return CHANCE.sample(events, 60) + spread[:140] if THOROUGH else CHANCE.sample(events, 12) + spread[:12]


INSTANTS = instants()


LEVELS = {
    "dossier.backlog": brute.backlog,
    "dossier.overdue": brute.overdue,
    "dossier.due_soon": brute.due_soon,
    "dossier.due_today": brute.due_today,
    "dossier.paused": brute.paused,
    "dossier.uncollected": brute.uncollected,
}
FLOWS = {
    "dossier.received": brute.received,
    "dossier.resolved": brute.resolved,
    "dossier.resolved_late": brute.late,
    "dossier.violations": brute.violations,
    "dossier.conformance": brute.conforming,
}


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Catalog, Settings]]:
    with counted(tmp_path_factory.mktemp("centre")) as settings:
        yield Store(settings), load(), settings


def one(centre: tuple[Store, Catalog, Settings], indicator: str, **asked: object) -> Answer:
    (answer,) = value(centre[0], centre[1], indicator, **asked)  # type: ignore[arg-type]
    return answer


@needs_receipt
def test_on_the_first_of_june_197_dossiers_are_open_and_45_of_them_overdue(centre):
    assert one(centre, "dossier.backlog", at=JUNE).value == 197
    assert one(centre, "dossier.overdue", at=JUNE).value == 45


@needs_receipt
def test_the_whole_log_gives_the_known_totals(centre):
    total = {name: one(centre, name, window="all").value for name in list(FLOWS)[:3]}
    assert total == {"dossier.received": 1434, "dossier.resolved": 1329, "dossier.resolved_late": 377}
    in_time = one(centre, "dossier.on_time_share", window="all")
    assert (in_time.value, in_time.n) == (pytest.approx(100 * 952 / 1329), 1329)
    online = one(centre, "dossier.online_share", window="all")
    assert (online.value, online.n) == (pytest.approx(100 * 1271 / 1434), 1434)
    assert one(centre, "dossier.backlog").value == 105


@needs_receipt
def test_the_180_steps_after_the_end_of_their_dossier_open_none_again_and_are_counted(centre):
    assert one(centre, "dossier.after_end", window="all").value == brute.after_end() == 180
    assert one(centre, "dossier.reopened", window="all").value == 0


@needs_receipt
def test_the_median_handling_time_is_50_6_days_within_its_bucket(centre):
    answer = one(centre, "dossier.handling_days", window="all")
    truth = brute.handling_days(0, 1 << 60)
    assert truth == pytest.approx(50.6, abs=0.05)
    assert answer.lo <= truth < answer.hi
    assert answer.lo <= answer.value <= answer.hi
    assert answer.hi - answer.lo == 1
    assert answer.stats["p50"] == answer.value < answer.stats["p90"]


def test_the_whole_log_gives_the_totals_of_the_brute_force(centre):
    for name, truth in FLOWS.items():
        assert one(centre, name, window="all").value == pytest.approx(truth(0, 1 << 60)), name
    assert one(centre, "dossier.after_end", window="all").value == brute.after_end() > 20
    days = one(centre, "dossier.handling_days", window="all")
    assert days.lo <= brute.handling_days(0, 1 << 60) < days.hi


@pytest.mark.parametrize("indicator", LEVELS)
def test_a_level_is_right_at_every_instant_in_total_and_by_agency(centre, indicator):
    truth = LEVELS[indicator]
    agencies = sorted({case.agency for case in brute.cases()})
    for at in INSTANTS:
        assert one(centre, indicator, at=at).value == truth(at), iso(at)
    for at in INSTANTS:
        found = {a.dims["agency"]: a.value for a in value(centre[0], centre[1], indicator, at=at, by=["agency"])}
        assert {name: found.get(name, 0) for name in agencies} == {name: truth(at, name) for name in agencies}, iso(at)
        assert set(found) <= set(agencies)


@pytest.mark.parametrize("indicator", FLOWS)
@pytest.mark.parametrize("window", ["1h", "1d", "7d", "day", "week", "month", "quarter", "year"])
def test_a_flow_is_right_over_every_window(centre, indicator, window):
    for at in INSTANTS[::4]:
        answer = one(centre, indicator, at=at, window=window)
        assert answer.at == floor(at, MINUTE)
        assert bool(answer.notes) == (answer.at != at) or answer.at > to_ms("2012-01-23T00:00:00Z")
        truth = FLOWS[indicator](window_start(window, answer.at), answer.at)
        assert answer.value == (truth if truth is None else pytest.approx(truth)), (iso(at), window)


def test_a_log_loaded_in_order_has_first_finals_that_are_never_restated(centre):
    for at in [floor(a, MINUTE) for a in INSTANTS[:40]]:
        latest = one(centre, "dossier.backlog", at=at)
        first = one(centre, "dossier.backlog", at=at, first=True)
        inside = to_ms("2010-10-03T00:00:00Z") < at < to_ms("2012-01-20T00:00:00Z")
        if inside:
            assert (first.kind, first.value, latest.restated) == ("first", latest.value, False)
        elif first.value is None:
            assert latest.restated is None


def test_any_cut_into_batches_gives_the_same_rows(centre, tmp_path):
    store, _, settings = centre
    again = Store(settings, "ioc_again")
    migrate(again, load())
    log = batches(tmp_path)
    count(again, settings, log, seed=2)
    again.command("TRUNCATE TABLE checkpoints")
    count(again, settings, log, seed=3)  # once more, from the log's beginning
    digest = "SELECT cityHash64(groupArray(tuple(*))) AS h FROM (SELECT * FROM {} FINAL ORDER BY ALL)"
    for table in ("panes", "entities"):
        assert store.query(digest.format(table)).item() == again.query(digest.format(table)).item(), table
