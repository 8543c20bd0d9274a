"""Samples and forms: a contract whose texts must have a form is tried, and a period is one of the calendar."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any, ClassVar, Literal

from ioc.counting.samples import documents
from ioc.events.exact_lane import Reject, exact
from schemas.envelope import PATTERNS, PERIOD, Code, Envelope, Period, Strict


class Told(Strict):
    """What is told of a period."""

    of: Code
    period: Period


class PeriodTold(Envelope[Told]):
    """Something is told."""

    event_type: ClassVar[str] = "test.period.v1"
    topic: ClassVar[str] = "ioc.events.period"
    entity_key: ClassVar[str] = "of"
    type: Literal["test.period.v1"]


def told(period: str) -> Any:
    event = documents(PeriodTold)[0] | {"data": {"of": "A", "period": period}}
    return exact(json.dumps(event).encode(), (), {PeriodTold.event_type: PeriodTold})


def test_texts_that_must_have_a_form_are_tried_by_the_examples_of_their_field() -> None:
    made = documents(PeriodTold)
    assert [event["data"]["period"] for event in made[-3:]] == ["2022-Q3", "2022-09", "2022-10-05"]
    assert all(PeriodTold.model_validate(event) for event in made)


def test_a_period_is_one_of_the_calendar_and_nothing_else() -> None:
    """Of a century all years, quarters, months and days, and what is none of them."""
    first, last = date(2000, 1, 1), date(2099, 12, 31)
    days = [str(first + timedelta(days=n)) for n in range((last - first).days + 1)]
    right = {*days, *(d[:7] for d in days), *(d[:4] for d in days), *(f"{d[:4]}-Q{(int(d[5:7]) + 2) // 3}" for d in days)}
    parts = [
        "",
        *(f"-Q{n}" for n in range(6)),
        *(f"-{m:02}{d}" for m in range(14) for d in ("", *(f"-{n:02}" for n in range(33)))),
    ]
    tried = {f"{year}{part}" for year in range(1990, 2110) for part in parts}
    assert {text for text in tried if re.search(PERIOD, text)} == right
    for wrong in ("2026-5", "2026Q1", "2026-02-29", "05/2026", " 2026", "２０２６"):
        outcome = told(wrong)
        assert isinstance(outcome, Reject)
        assert outcome.message == PATTERNS[PERIOD]
    assert told("2024-02-29").data.period == "2024-02-29"
