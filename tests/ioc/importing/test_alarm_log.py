"""Alarm logs: a row with a start and an end becomes an alarm that is raised and cleared, by a map and without code."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from ioc.events.exact_lane import Reject, exact
from ioc.importing.maps import load_map
from ioc.importing.translate import read_events
from ioc.times import MINUTE, to_ms
from schemas import contracts
from tests import brute_alarms
from tests.brute import Event, Rows, ms

LOG = Path(__file__).parents[3] / "docs" / "examples" / "alarms.csv"


def events(log: Path) -> list[Event]:
    """What the map makes of a log, by time, the number of the row and state; all of it valid."""
    made = [one.value for one in read_events([log], load_map("alarm_log"))]
    assert not [one for one in made if isinstance(exact(one, (), contracts()), Reject)]
    found = [json.loads(one) for one in made]
    return sorted(found, key=lambda e: (ms(e["time"]), int(e["sequence"]), e["data"]["state"] == "cleared"))


def counted(found: list[Event]) -> Rows:
    rows: Rows = {}
    for alarm in {e["data"]["alarm"] for e in found}:
        rows |= brute_alarms.rows([e for e in found if e["data"]["alarm"] == alarm])
    return rows


def test_a_row_is_an_alarm_one_without_an_end_is_active_and_one_that_overlaps_is_the_same() -> None:
    rows = counted(events(LOG))
    sums: Counter[str] = Counter()
    for (name, _, _), measures in rows.items():
        sums[name] += sum(measures)
    assert {name: sums[f"alarm.{name}"] for name in ("raised", "reraised", "cleared", "active", "unmatched")} == {
        "raised": 5, "reraised": 1, "cleared": 4, "active": 1, "unmatched": 0,
    }  # fmt: skip
    zero = [(name, measures) for (name, dims, _), measures in rows.items() if dims[0] == "THA-PL1"]
    assert sorted(name for name, _ in zero) == ["alarm.cleared", "alarm.raised", "alarm.time_to_clear"]
    assert dict(zero)["alarm.time_to_clear"][0] == 1
    longer = [at for (name, dims, at), m in rows.items() if name == "alarm.outage" and dims[1] == "THA-HT1:2"]
    assert max(longer) - min(longer) == 42.5 * MINUTE


def test_a_log_that_has_grown_says_the_same_of_what_was_there(tmp_path: Path) -> None:
    """An end came in for a row, and a row begins in the moment in which the one before it ends."""
    text = LOG.read_text().replace("2026-01-05 13:00:00,\n", "2026-01-05 13:00:00,2026-01-06 08:00:00\n")
    last = "9007,THA-BS1,,License about to expire,Warning,processing,2026-01-06 08:00:00,\n"
    (tmp_path / "grown.csv").write_text(text + last)
    before, after = ({e["id"]: e for e in events(log)} for log in (LOG, tmp_path / "grown.csv"))
    assert {name: after[name] for name in before} == before
    assert sorted(after.keys() - before.keys()) == ["9006/cleared", "9007/raised"]
    rows, at = counted(events(tmp_path / "grown.csv")), to_ms("2026-01-06T01:00:00Z")
    site = {name: m for (name, dims, when), m in rows.items() if dims[0] == "THA-BS1" and when == at}
    flows = {"alarm.cleared", "alarm.raised", "alarm.flapping", "alarm.time_to_clear"}
    assert site.keys() == flows, "it is over before it is raised anew, so no level moves"
