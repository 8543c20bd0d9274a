"""Old times: what happened before 1970 is counted and read like anything else, down to the store's first moment."""

from __future__ import annotations

import polars as pl
import pytest

from ioc.asking.read import value
from ioc.events.exact_lane import first_ms
from ioc.rolling.roll import Roller
from ioc.settings import Settings
from ioc.times import DAY, HOUR, MINUTE, to_ms
from tests.brute import DOSSIER, RAN
from tests.counting import CATALOG, pipeline, real_store, verdicts
from tests.fake import FakeStore
from tests.logs import batch, beat, dossier, ran, record

OLD = to_ms("1900-01-01T00:00:00Z")


@pytest.mark.parametrize("kind", ["fake", "real"])
def test_a_log_of_1900_is_counted_and_its_repeats_are_duplicates(kind: str, request: pytest.FixtureRequest) -> None:
    store = FakeStore() if kind == "fake" else real_store(request.getfixturevalue("store_url"), "old_times")
    received = to_ms("1960-01-01T00:00:00Z")
    cases = [
        dossier("A", "1", "received", OLD, due_at=OLD + 400 * DAY),
        dossier("B", "2", "received", OLD + 370 * DAY),
        dossier("A", "3", "completed", OLD + 500 * DAY),
        dossier("C", "4", "received", OLD - 1),
    ]
    cells = [ran("C:1", "1", OLD + HOUR - 1), ran("C:1", "1", OLD + HOUR - 1), ran("C:1", "1", OLD + HOUR)]
    for _ in range(2):  # the second worker finds the marks of the first in the store
        made = pipeline(store, 1, topics=(DOSSIER, RAN), first_year=1900)
        if made.checkpoints[DOSSIER, 0].next == 0:
            made.run([batch([record(e, i, received) for i, e in enumerate(cases)], 0)])
        at = made.checkpoints[RAN, 0].next
        made.run([batch([record(e, at + i, received) for i, e in enumerate(cells)], at)])
    found = verdicts(store)
    assert [found[DOSSIER, 0, i] for i in range(4)] == [("accepted", "")] * 3 + [("rejected", "too_old")]
    assert [found[RAN, 0, i][0] for i in range(6)] == ["accepted", "duplicate", "accepted", *["duplicate"] * 3]
    if kind == "real":
        for days, backlog, overdue in ((367, 1, 0), (370.5, 2, 0), (401, 2, 1), (600, 1, 0)):
            at = OLD + int(days * DAY)
            answers = value(store, CATALOG, "dossier.backlog", at) + value(store, CATALOG, "dossier.overdue", at)
            assert [answer.value for answer in answers] == [backlog, overdue]


def test_windows_before_1970_hold_what_happened_in_them(store_url: str) -> None:
    store, begin = real_store(store_url, "old_windows"), to_ms("1965-01-01T00:00:00Z")
    at = begin + 2 * DAY + 30 * MINUTE  # within an hour: a step that is rounded towards 1970 is one too late
    events = [record(beat(begin), 0, begin), record(dossier("A", "1", "received", at), 1, at)]
    events += [record(beat(at + 3 * DAY), 2, at + 3 * DAY)]
    made = pipeline(store, 1, topics=(DOSSIER,), first_year=1900)
    made.run([batch(events, 0)])
    Roller(CATALOG, store, Settings(clickhouse_url=store.settings.clickhouse_url, clickhouse_database=store.database)).step()
    rows = store.query(
        "SELECT window, toUnixTimestamp64Milli(at) AS step, value FROM indicators FINAL "
        "WHERE indicator = 'dossier.received' AND dims = ['*', '*', '*', '*', '*'] AND until >= at ORDER BY window, at"
    )
    for window, enters, leaves in (("1h", at + 5 * MINUTE, at + HOUR + 5 * MINUTE), ("1d", at + HOUR / 2, at + DAY + HOUR / 2)):
        own = rows.filter(pl.col("window") == window)
        assert [(step, value) for _, step, value in own.rows()] == [(enters, 1), (leaves, 0)]


def test_the_first_year_may_be_1900_and_no_earlier() -> None:
    assert first_ms(1900) == OLD
    assert Settings(first_year=1900).first_year == 1900
    with pytest.raises(ValueError, match="greater than or equal to 1900"):
        Settings(first_year=1899)
