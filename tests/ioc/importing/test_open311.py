"""Open311: service requests become feedback: received, answered, opened again; and nothing personal goes with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.importing.maps import load_map
from ioc.importing.translate import Outgoing, read_events
from ioc.times import to_ms
from schemas import contracts
from streams.feedback_life import RANK, Step, contributions

FILE = Path(__file__).parents[2] / "messages" / "open311.json"
NOBODY = "KHONG CO THAT"
REQUESTS = json.loads(FILE.read_text())


def mapped(folder: Path, *requests: dict[str, Any]) -> list[Outgoing]:
    (folder / "requests.json").write_text(json.dumps(requests, ensure_ascii=False))
    return list(read_events([folder / "requests.json"], load_map("open311")))


def said(outgoing: Outgoing) -> tuple[str, str, dict[str, Any]]:
    """(id, time, data) of a valid event."""
    event = exact(outgoing.value, (), contracts())
    assert not isinstance(event, Reject), event
    return event.id, event.time, event.data.model_dump(exclude_none=True)


def opened(documents: Sequence[Sequence[Outgoing]]) -> list[tuple[str, int]]:
    """What the level of open feedback does, once every document has corrected those before it: (change, ms)."""
    last = {event[0]: event for document in documents for event in map(said, document)}
    steps = [Step(to_ms(at), **{name: v for name, v in data.items() if name in Step._fields}) for _, at, data in last.values()]
    rows = contributions(sorted(steps, key=lambda one: (one.time, RANK[one.state])))
    return [("+" if measures[0] > 0 else "-", at) for name, _, at, measures in rows if name == "feedback.open"]


def test_a_request_states_that_it_was_received_answered_or_is_open() -> None:
    received = {"state": "received", "kind": "report", "channel": "open311"}
    assert sorted(map(said, read_events([FILE], load_map("open311"))), key=lambda one: one[0]) == [
        ("638344/closed/2025-03-14T09:12:00+07:00", "2025-03-14T09:12:00+07:00", {"feedback": "638344", "state": "answered"}),
        ("638344/open", "2025-03-09T20:37:38+07:00",
         received | {"feedback": "638344", "agency": "UBND phường Hạc Thành", "topic": "rac_thai"}),
        ("638349/open", "2025-03-10T08:00:00+07:00", received | {"feedback": "638349", "topic": "giao_thong"}),
        ("638349/updated/2025-03-10T03:30:00Z", "2025-03-10T03:30:00+00:00", {"feedback": "638349", "state": "reopened"}),
        ("638350/open", "2025-03-10T08:05:00+07:00",
         received | {"feedback": "638350", "agency": "Sở Công Thương", "topic": "dien"}),
    ]  # fmt: skip


def test_no_personal_value_is_in_any_event() -> None:
    assert NOBODY in FILE.read_text()
    for event in read_events([FILE], load_map("open311")):
        assert NOBODY not in event.value.decode()


def test_a_request_that_is_open_again_after_it_was_closed_is_open_feedback_again(tmp_path: Path) -> None:
    closed = REQUESTS[0]
    updates = [f"2025-03-{day}T09:12:00+07:00" for day in ("11", "14", "20")]
    was_open, was_closed, again = (
        mapped(tmp_path, {**closed, "status": status, "updated_datetime": at})
        for status, at in zip(("open", "closed", "open"), updates, strict=True)
    )
    sent, _, answered, reopened = (to_ms(at) for at in (closed["requested_datetime"], *updates))
    assert opened([was_open]) == [("+", sent)]
    assert opened([was_open, was_closed]) == [("+", sent), ("-", answered)]
    assert opened([was_open, was_closed, again]) == [("+", sent), ("-", answered), ("+", reopened)]
    later = mapped(tmp_path, {**closed, "status": "open", "updated_datetime": "2025-04-20T09:12:00+07:00"})
    assert opened([was_open, was_closed, again, later]) == opened([was_open, was_closed, again]), "an update is no new opening"
    answers = mapped(tmp_path, {**closed, "updated_datetime": "2025-04-25T09:12:00+07:00"})
    ends = [("-", to_ms("2025-04-25T09:12:00+07:00"))]
    assert opened([was_open, was_closed, again, later, answers]) == [("+", sent), ("-", answered), ("+", reopened), *ends]


def test_a_request_sent_again_gives_the_same_events(tmp_path: Path) -> None:
    assert [e.value for e in mapped(tmp_path, *REQUESTS)] == [e.value for e in mapped(tmp_path, *REQUESTS)]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "acknowledged"},
        {"status": None},
        {"updated_datetime": None},
        {"updated_datetime": "hôm qua"},
    ],
)
def test_a_status_that_is_none_or_an_answer_without_its_time_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    received, wrong = mapped(tmp_path, {**REQUESTS[0], **change})
    assert said(received)[2]["state"] == "received"
    assert isinstance(exact(wrong.value, (), contracts()), Reject)


def test_times_without_an_offset_are_refused_and_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 times of the log state no offset, and the map no zone"):
        mapped(tmp_path, {**REQUESTS[0], "updated_datetime": "2025-03-14T09:12:00"})
