"""Episodes: the alerts of a replay are those of the live centre, and the diff finds whatever is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ioc.alerting.alerts import Alerter
from ioc.catalog import Catalog
from ioc.replaying.diff import Compared, diff
from ioc.replaying.replay import replay
from ioc.store import state
from ioc.store.clickhouse import Store
from ioc.store.runs import DIRECT, REPLAYING, Run, run_names
from ioc.vocabulary import above
from tests.counting import real_store
from tests.ioc.alerting.test_alerts import SECOND, Desk, judged, transitions
from tests.logs import START
from tests.streams_queue import CATALOG, QUEUE

RUN = "episodes-run"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    made = real_store(store_url, "episodes", CATALOG)
    yield made
    made.command(f"DROP DATABASE IF EXISTS {run_names(RUN)[0]}")


def compared(store: Store, again: bool = True, catalog: Catalog = CATALOG) -> Compared:
    """The diff with a replay (made anew, or the one there is)."""
    settings = store.settings.model_copy(update={"clickhouse_database": store.database})
    if again:
        replay(settings, catalog, Run(RUN, DIRECT, None, None, REPLAYING, 0), lambda fed, known: None)
    return diff(settings, catalog, "live", RUN)


def in_run(store: Store) -> Store:
    return Store(store.settings, run_names(RUN)[0])


def gone_live() -> Desk:
    """A past with an episode that is over, one above the threshold, one in the band between; then a live centre."""
    desk = Desk()
    desk.beat(0, past=True)
    for name in ("over", "above", "band"):
        desk.put(name, 30, 10, past=True)
    desk.put("over", -30, 30, past=True)
    desk.put("band", -15, 30, past=True)
    desk.beat(60, past=True)
    desk.beat(100.5)
    desk.put("above", -30, 120)
    desk.put("band", -15, 130)
    desk.put("band", 30, 140)
    desk.put("over", 30, 150)
    desk.beat(200)
    return desk


def test_a_replay_alerts_as_live_did_since_it_went_live(store: Store) -> None:
    live = judged(store, gone_live().log)
    assert [(desk, to) for desk, _, to, _ in live] == [
        ("above", "firing"), ("above", "resolved"), ("band", "firing"), ("over", "firing"),
    ]  # fmt: skip
    found = compared(store)
    assert (found.differences, found.unjudged, list(found.alerts)) == (0, [], ["queue.waiting"]), found.shown
    assert len(transitions(in_run(store))) == 8, "the run has judged the past, too"


def test_an_alert_that_live_lacks_or_the_run_lacks_is_found(store: Store) -> None:
    judged(store, gone_live().log)
    compared(store)
    store.command("ALTER TABLE alerts DELETE WHERE dims[1] = 'over' SETTINGS mutations_sync = 2")
    in_run(store).command(
        "ALTER TABLE alerts DELETE WHERE dims[1] = 'above' AND transition = 'resolved' SETTINGS mutations_sync = 2"
    )
    found = compared(store, again=False)
    assert sorted((d.dims[0], d.what, d.left, d.right) for d in found.shown) == [
        ("above", "alert", "resolved", "nothing"), ("over", "alert", "nothing", "firing"),
    ]  # fmt: skip


def test_alerts_that_were_judged_for_another_grouping_are_no_difference(store: Store) -> None:
    assert judged(store, gone_live().log)
    regrouped = Catalog((replace(QUEUE, indicators=(replace(QUEUE.indicators[0], alert=above(1_000, clear=900)),)),))
    Alerter(regrouped, store, run=False).step()
    found = compared(store, catalog=regrouped)
    assert (found.differences, found.unjudged) == (0, []), found.shown


def test_an_episode_that_ended_as_its_rule_was_gone_and_began_anew_is_one(store: Store) -> None:
    judged(store, gone_live().log)
    generation, fires = CATALOG.generations["queue"], ("queue.waiting", ("over",))
    rows = [(START + 180 * SECOND, "resolved", "rule_removed"), (START + 190 * SECOND, "firing", "")]
    inserted = [(generation, *fires, at, to, 30.0, 20.0, 10.0, reason, at) for at, to, reason in rows]
    store.insert("alerts", state.rows_table("alerts", inserted))
    found = compared(store)
    assert (found.differences, found.unjudged) == (0, []), found.shown


def test_a_centre_that_is_not_live_has_no_alerts_to_compare(store: Store) -> None:
    desk = Desk()
    desk.beat(0, past=True)
    desk.put("A", 30, 10, past=True)
    desk.beat(60, past=True)
    judged(store, desk.log)
    found = compared(store)
    assert (found.differences, found.unjudged) == (0, ["queue.waiting"])
