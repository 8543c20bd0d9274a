"""Old times: what happened before 1970 is counted and read like anything else, down to the store's first moment."""

from __future__ import annotations

import pytest

from ioc.asking.read import value
from ioc.events.exact_lane import first_ms
from ioc.settings import Settings
from ioc.times import DAY, HOUR, to_ms
from tests.brute import DOSSIER, RAN
from tests.counting import CATALOG, pipeline, real_store, verdicts
from tests.fake import FakeStore
from tests.logs import batch, dossier, ran, record

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


def test_the_first_year_may_be_1900_and_no_earlier() -> None:
    assert first_ms(1900) == OLD
    assert Settings(first_year=1900).first_year == 1900
    with pytest.raises(ValueError, match="greater than or equal to 1900"):
        Settings(first_year=1899)
