"""`ioc alerts list`, and what `ioc doctor` and `ioc indicators` say of alerts."""

from __future__ import annotations

import json

import pytest

from ioc.alerting.judge import REMOVED, RESOLVED
from ioc.alerting.notify import NOTIFY
from ioc.alerting.removed import ALERT
from ioc.boards import sql
from ioc.boards.words import EN
from ioc.cli.doctor import _webhook
from ioc.store import state
from ioc.store.clickhouse import Store
from tests.counting import CATALOG, real_store
from tests.ioc.cli.test_cli import Ioc, ioc
from tests.logs import START
from tests.receiver import SECRET

__all__ = ["ioc"]
GENERATION = CATALOG.generations["dossiers"]
STEPS = [(0, "over", "firing", 250.0), (60, "over", "resolved", 180.0), (30, "still", "firing", 201.0)]


@pytest.fixture
def alerting(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """One alert that is over, one that is firing, and one of a generation that is no longer read; a webhook has refused one."""
    store = real_store(store_url, "cli_alerts")
    rows = [
        (generation, "dossier.backlog", [agency, *"****"], START + at * 60_000, to, value, 200.0, 180.0, "", START + at * 60_000)
        for generation in (GENERATION, "old")
        for at, agency, to, value in STEPS
    ]
    store.insert("alerts", state.rows_table("alerts", rows))
    refused = (GENERATION, "dossier.backlog", ["still", *"****"], START + 30 * 60_000, "firing", 404, "no such page")
    store.insert("notifications", state.rows_table("notifications", [refused]))
    state.save_step(store, ALERT, GENERATION, "dossiers", START + 3_600_000)
    state.save_step(store, NOTIFY, GENERATION, "dossiers", START + 30 * 60_000)
    monkeypatch.setenv("IOC_CLICKHOUSE_URL", store_url)
    monkeypatch.setenv("IOC_CLICKHOUSE_DATABASE", store.database)
    monkeypatch.setenv("IOC_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    return store


def test_alerts_are_listed_the_firing_ones_first(ioc: Ioc, alerting: Store) -> None:
    still, over = json.loads(ioc("alerts", "list", "--json").out)
    assert still == {
        "rule": "dossier.backlog", "group": "still", "fired_at": "2022-10-06T00:30:00Z", "fired_value": 201.0, "threshold": 200.0,
        "clear": 180.0, "resolved_at": None, "resolved_value": None, "state": "firing", "reason": "",
        "refused": True,
    }  # fmt: skip
    assert (over["group"], over["state"], over["resolved_at"]) == ("over", "resolved", "2022-10-06T01:00:00Z")
    lines = ioc("alerts", "list").out.splitlines()
    assert ["firing" in lines[1], "201 > 200" in lines[1], "refused" in lines[1]] == [True] * 3
    assert "2022-10-06 08:00:00+07:00 (180 ≤ 180)" in lines[2]


def test_one_whose_rule_was_removed_is_over_for_that_reason_on_the_list_and_on_the_board(ioc: Ioc, alerting: Store) -> None:
    end = (GENERATION, "dossier.backlog", ["still", *"****"], START + 3_600_000, RESOLVED, 201.0, 200.0, 180.0, REMOVED, 0)
    alerting.insert("alerts", state.rows_table("alerts", [end]))
    still = json.loads(ioc("alerts", "list", "--json").out)[0]
    assert (still["state"], still["reason"], still["resolved_value"]) == ("resolved", REMOVED, None)
    assert "(quy tắc đã bị gỡ / rule removed)" in ioc("alerts", "list").out
    shown = alerting.query(sql.alerts(EN, {}).replace(f"{sql.RUN}.", ""))
    assert sorted(shown[EN.alert_columns[1]]) == ["resolved", REMOVED]


def test_doctor_tells_of_a_refusal_and_of_what_waits(alerting: Store) -> None:
    settings = alerting.settings.model_copy(update={"webhook_url": "http://127.0.0.1:1", "webhook_secret": SECRET})
    assert _webhook(settings, alerting) == (
        "webhook", False, "1 told, 1 of them refused, 1 waiting; its last answer: 404 no such page",
    )  # fmt: skip
    assert _webhook(alerting.settings, alerting)[1], "none is set: nothing is wrong"


def test_an_indicator_tells_its_rule(ioc: Ioc) -> None:
    backlog = CATALOG.stream_of("dossier.backlog").indicator("dossier.backlog")
    assert json.loads(ioc("indicators", "dossier.backlog", "--json").out)["alert"] == str(backlog.alert)
