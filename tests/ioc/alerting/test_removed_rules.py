"""Rules that are removed or grouped otherwise while they fire: their alerts are over, with that as the reason, and told once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from ioc.alerting.alerts import Alerter
from ioc.alerting.notify import NOTIFY, Teller
from ioc.alerting.webhook import Reply, Told
from ioc.catalog import Catalog
from ioc.rolling.roll import Roller
from ioc.store import state, tables
from ioc.store.clickhouse import Store
from ioc.store.tables import GROWN
from ioc.vocabulary import Above, above
from tests.counting import count, pipeline, real_store
from tests.ioc.alerting.test_alerts import SECOND, Desk
from tests.logs import START
from tests.streams_queue import CATALOG, QUEUE, TOPIC


def declared(rule: Above | None) -> Catalog:
    """The queue with another rule; it is counted as before."""
    found = Catalog((replace(QUEUE, indicators=(replace(QUEUE.indicators[0], alert=rule),)),))
    assert found.generations == CATALOG.generations
    return found


NONE, WHOLE = declared(None), declared(above(1_000, clear=900))
LINE = replace(QUEUE, name="line", indicators=(replace(QUEUE.indicators[0], name="line.waiting", alert=None),))
OTHERS = Catalog((LINE,))
"""Another stream of the same topic: the queue is declared no more."""


class Heard:
    """A receiver of transitions."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    async def tell(self, told: Told) -> Reply | None:
        """Keep it."""
        self.events.append(orjson.loads(told.event()))
        return None


class Centre:
    """A desk, and whoever judges it and hears of it."""

    def __init__(self, store: Store) -> None:
        self.store, self.desk, self.heard = store, Desk(), Heard()
        self.desk.beat(0)
        self.desk.put("A", 30, 10.5)

    def starts(self, catalog: Catalog, until: float) -> None:
        """A worker with the declarations starts and comes to the second."""
        self.desk.beat(until)
        count(pipeline(self.store, 1, catalog, (TOPIC,)), self.desk.log)
        Roller(catalog, self.store, self.store.settings).step()
        Alerter(catalog, self.store, run=False).step()
        asyncio.run(Teller(catalog, self.store, NOTIFY, self.heard).tell(lambda: True))

    def told(self) -> list[tuple[str, str, str]]:
        """(seconds and transition, reason)"""
        return [(e["time"][17:19], e["data"]["transition"], e["data"].get("reason_en", "")) for e in self.heard.events]

    def shown(self) -> list[tuple[int, str, str]]:
        """(second it fired, state, reason) of the view."""
        rows = self.store.query("SELECT toUnixTimestamp64Milli(fired_at) AS at, state, reason FROM v_alerts ORDER BY at").rows()
        return [((at - START) // SECOND, state, reason) for at, state, reason in rows]


FIRED, REMOVED = ("14", "firing", ""), ("20", "resolved", "rule removed")


@pytest.mark.parametrize("now", [NONE, WHOLE], ids=["removed", "for another grouping"])
def test_an_alert_whose_rule_is_gone_is_over_with_the_reason_and_told_once(store_url: str, now: Catalog) -> None:
    centre = Centre(real_store(store_url, "removed_rule", CATALOG))
    centre.starts(CATALOG, 20)
    centre.starts(now, 30)
    centre.starts(now, 40)
    assert centre.shown() == [(14, "resolved", "rule_removed")]
    assert centre.told() == [FIRED, REMOVED]
    data = centre.heard.events[1]["data"]
    assert (data["title"], data["reason"], data["value"]) == ("Đang chờ", "quy tắc đã bị gỡ", 30.0)


def test_a_rule_that_comes_back_fires_anew(store_url: str) -> None:
    centre = Centre(real_store(store_url, "returned_rule", CATALOG))
    for catalog, until in ((CATALOG, 20), (NONE, 30), (CATALOG, 40)):
        centre.starts(catalog, until)
    assert centre.shown() == [(14, "resolved", "rule_removed"), (30, "firing", "")]
    assert centre.told() == [FIRED, REMOVED, ("30", "firing", "")]


def test_one_whose_indicator_is_removed_is_told_though_the_stream_is_counted_anew(store_url: str) -> None:
    centre = Centre(real_store(store_url, "removed_indicator", CATALOG))
    centre.starts(CATALOG, 20)
    others = replace(QUEUE.indicators[0], name="queue.others", alert=None)
    other = Catalog((replace(QUEUE, indicators=(others,)),), {"queue": "other"})
    centre.starts(other, 30)
    centre.starts(other, 40)
    assert centre.told() == [FIRED, REMOVED]
    assert "title" not in centre.heard.events[1]["data"]


def test_an_alert_of_a_stream_that_is_removed_is_over_where_it_was_last_judged_and_told_once(store_url: str) -> None:
    centre = Centre(real_store(store_url, "removed_stream", CATALOG))
    centre.starts(CATALOG, 20)
    tables.migrate(centre.store, OTHERS)
    centre.starts(OTHERS, 30)
    centre.starts(OTHERS, 40)
    assert centre.shown() == [(14, "resolved", "rule_removed")]
    assert centre.told() == [FIRED, ("19", "resolved", "rule removed")]
    data = centre.heard.events[1]["data"]
    assert ("title" not in data, data["dims"], data["value"]) == (True, {"desk": "A"}, 30.0)


def test_a_stream_that_comes_back_fires_anew(store_url: str) -> None:
    centre = Centre(real_store(store_url, "returned_stream", CATALOG))
    centre.starts(CATALOG, 20)
    tables.migrate(centre.store, OTHERS)
    centre.starts(OTHERS, 30)
    centre.starts(CATALOG, 40)
    assert [state for _, state, _ in centre.shown()] == ["resolved", "firing"]
    assert [to for _, to, _ in centre.told()] == ["firing", "resolved", "firing"]


def test_a_stream_removed_from_a_store_that_kept_no_names_is_told_with_numbered_dimensions(store_url: str) -> None:
    store = real_store(store_url, "removed_of_before", CATALOG)
    centre = Centre(store)
    centre.starts(CATALOG, 20)
    store.command("ALTER TABLE generations DROP COLUMN dimensions")
    tables.migrate(store, OTHERS)
    centre.starts(OTHERS, 30)
    assert centre.heard.events[1]["data"]["dims"] == {"1": "A"}


def test_a_stream_that_comes_back_counted_otherwise_fires_anew_and_says_so(store_url: str) -> None:
    centre = Centre(real_store(store_url, "returned_other", CATALOG))
    centre.starts(CATALOG, 20)
    centre.starts(OTHERS, 30)
    back = Catalog((QUEUE,), {"queue": "other"})
    centre.starts(back, 40)
    state.read_by_views(centre.store, QUEUE, "other")
    assert centre.told() == [FIRED, ("19", "resolved", "rule removed"), ("20", "firing", "")]
    assert centre.shown() == [(14, "resolved", "rule_removed"), (20, "firing", "")]
    centre.starts(CATALOG, 50)  # and back to how it was counted first
    state.read_by_views(centre.store, QUEUE, CATALOG.generations["queue"])
    assert centre.shown() == [(14, "resolved", "rule_removed"), (20, "firing", "")]
    assert len(centre.told()) == 3, "it fires, and that is known"


def test_a_stream_that_only_gets_another_name_goes_on(store_url: str) -> None:
    centre = Centre(real_store(store_url, "renamed_stream", CATALOG))
    centre.starts(CATALOG, 20)
    renamed = Catalog((replace(QUEUE, name="line"),))
    tables.migrate(centre.store, renamed)
    for until in (30, 40):
        centre.starts(renamed, until)
    assert centre.shown() == [(14, "firing", "")]
    assert centre.told() == [FIRED]


def test_a_stream_that_had_gained_a_dimension_and_is_removed_is_told_by_the_names_of_then(store_url: str) -> None:
    centre = Centre(real_store(store_url, "removed_wider", CATALOG))
    centre.starts(CATALOG, 20)
    state.read_by_views(centre.store, replace(QUEUE, dimensions=("desk", "room")), "wider")
    centre.starts(OTHERS, 30)
    assert centre.told() == [FIRED, ("19", "resolved", "rule removed")]
    assert centre.heard.events[1]["data"]["dims"] == {"desk": "A"}


def test_what_fires_in_the_views_is_ended_though_an_older_count_says_it_is_over(store_url: str) -> None:
    store = real_store(store_url, "removed_both", CATALOG)
    centre = Centre(store)
    centre.starts(CATALOG, 20)
    over = ("older", "queue.waiting", ("A",), START + 17 * SECOND, "resolved", 5.0, 20.0, 10.0, "", 1)
    store.insert("alerts", state.rows_table("alerts", [over]))
    state.save_step(store, "alert", "older", "queue", START + 18 * SECOND)
    centre.starts(OTHERS, 30)
    assert centre.shown() == [(14, "resolved", "rule_removed")]


def test_a_store_that_kept_no_names_learns_them_at_its_next_start(store_url: str) -> None:
    store = real_store(store_url, "names_learnt", CATALOG)
    store.command("ALTER TABLE generations DROP COLUMN dimensions")
    tables.migrate(store, CATALOG)
    assert state.generations(store) == {"queue": (CATALOG.generations["queue"], [("desk",)])}
    assert tables.migrate(store, CATALOG) == []
    assert store.query("SELECT count() AS n FROM generations")["n"][0] == 2, "the next start has nothing to learn"


def test_a_restart_with_the_same_rule_ends_nothing(store_url: str) -> None:
    centre = Centre(real_store(store_url, "kept_rule", CATALOG))
    for until in (20, 30, 40):
        centre.starts(CATALOG, until)
    assert centre.shown() == [(14, "firing", "")]
    assert centre.told() == [FIRED]


def test_a_table_of_before_gains_the_reason_and_keeps_its_rows(store_url: str) -> None:
    store = real_store(store_url, "reason_grown", CATALOG)
    centre = Centre(store)
    centre.starts(CATALOG, 20)
    store.command("DROP VIEW v_alerts")
    store.command("ALTER TABLE alerts DROP COLUMN reason")
    for statement in GROWN:
        store.command(statement)
    assert store.query("SELECT transition, reason FROM alerts").rows() == [("firing", "")]
