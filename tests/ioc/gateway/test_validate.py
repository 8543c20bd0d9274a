"""`ioc validate`: every kind of file, judged event by event, with the place and what is right."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console

from ioc.cli.asyncapi import examples
from ioc.errors import UsageError
from ioc.events.exact_lane import REASONS
from ioc.gateway.validate import Verdict, as_dicts, mapped, render, verdicts
from ioc.settings import Settings
from ioc.times import to_ms

NOW = to_ms("2022-10-07T12:00:00+07:00")
RECEIVED = examples()["dossier_received_online"]


def judged(contents: bytes | str) -> list[Verdict]:
    return verdicts(contents.encode() if isinstance(contents, str) else contents, Settings(), NOW)


def changed(**data: Any) -> str:
    return json.dumps({**RECEIVED, "data": {**RECEIVED["data"], **data}})


def at(time: str) -> str:
    return json.dumps({**RECEIVED, "time": time, "data": {"dossier": "1", "state": "received"}})


def test_one_event_over_several_lines_is_one_event() -> None:
    (only,) = judged("\n" + json.dumps(RECEIVED, indent=2))
    assert (only.accepted, only.line, only.topic, only.key) == (True, 2, "ioc.events.dossier", "H56.20-20221006-0001")


@pytest.mark.parametrize(
    ("contents", "line"),
    [
        (json.dumps(RECEIVED, indent=2)[:-1], 1),  # one event over several lines, cut off
        ("\n\n" + json.dumps([RECEIVED, RECEIVED], indent=2)[:-1], 1),  # an array
        (json.dumps(RECEIVED, indent=2) + "\n}", 1),
    ],
)
def test_a_broken_document_over_several_lines_is_one_reject_and_not_one_a_line(contents: str, line: int) -> None:
    (only,) = judged(contents)
    assert (only.accepted, only.reason, only.line) == (False, "bad_json", line)


def test_lines_of_which_the_first_is_broken_are_still_judged_one_by_one() -> None:
    one = json.dumps(RECEIVED)
    assert [(v.line, v.accepted) for v in judged(f"[{one[:-3]}\n{one}\n{one}")] == [(1, False), (2, True), (3, True)]


def test_an_array_is_judged_by_position() -> None:
    first, second = judged(json.dumps([RECEIVED, {}], indent=1))
    assert (first.accepted, first.index, second.index, second.reason, second.field) == (
        True,
        0,
        1,
        "not_cloudevent",
        "specversion",
    )


def test_lines_are_judged_one_by_one_and_keep_their_numbers() -> None:
    one = json.dumps(RECEIVED)
    verdicts = judged(f"{one}\r\n\n{one[:-9]}\n{changed(state='lost')}\n")
    assert [(v.line, v.accepted, v.reason, v.field) for v in verdicts] == [
        (1, True, "", ""),
        (3, False, "bad_json", ""),
        (4, False, "schema", "data.state"),
    ]
    assert verdicts[2].id == RECEIVED["id"]
    assert "'received'" in verdicts[2].message


@pytest.mark.parametrize(
    ("contents", "reason", "field"),
    [
        ("", "bad_json", ""),
        ("null", "not_cloudevent", ""),
        ("{} {}", "bad_json", ""),
        (json.dumps(RECEIVED, indent=2)[:-5], "bad_json", ""),
        ("[" + json.dumps(RECEIVED), "bad_json", ""),
        (b"\xef\xbb\xbf{}", "bad_json", ""),
        (b"[\xff]", "bad_json", ""),
        (changed(due_at="2022-02-30T00:00:00Z"), "schema", "data.due_at"),
        (changed(due_at="1948-01-01T00:00:00Z"), "contributions", "data.due_at"),
        (changed(due_at="2090-01-01T00:00:00Z"), "contributions", "data.due_at"),
        (at("1948-05-01T00:00:00Z"), "too_old", "time"),
        (at("1999-12-31T23:59:59+07:00"), "too_old", "time"),
        (at("2090-01-01T00:00:00Z"), "too_new", "time"),
        (at("2022-10-07T12:10:00.001+07:00"), "too_new", "time"),
        (at("2022-10-06T08:3\u0660:00+07:00"), "schema", "time"),
    ],
)
def test_what_is_wrong_is_named(contents: bytes | str, reason: str, field: str) -> None:
    (only,) = judged(contents)
    assert (only.accepted, only.reason, only.field) == (False, reason, field)
    assert only.message
    assert only.reason in REASONS


def test_all_that_is_wrong_is_named_at_once() -> None:
    (only,) = judged(changed(state="open", due_at="02/12/2026", colour="red"))
    assert (only.field, only.message[:16]) == ("data.state", "Input should be ")
    assert "; data.due_at: " in only.message
    assert "; data.colour: unknown field; " in only.message


@pytest.mark.parametrize("time", ["2000-01-01T00:00:00+07:00", "2022-10-07T12:10:00+07:00", "2022-10-07T05:10:00.0009Z"])
def test_the_bounds_themselves_are_accepted(time: str) -> None:
    assert judged(at(time))[0].accepted


def test_a_file_with_a_heartbeat_says_that_only_the_centre_sends_them() -> None:
    (only,) = judged(json.dumps(examples()["heartbeat"]))
    assert only.accepted
    assert "only the centre" in only.note


def test_the_table_shows_foreign_text_as_text() -> None:
    console = Console(record=True, width=200)
    console.print(render(judged(json.dumps({**RECEIVED, "id": "[red]x[/nonsense]"}) + "\n{")))
    text = console.export_text()
    assert "[red]x[/nonsense]" in text
    assert "key: H56.20-20221006-0001" in text
    assert "1 accepted, 1 rejected" in text


def test_json_leaves_empty_columns_out() -> None:
    assert as_dicts(judged("null"))[0].keys() == {"index", "line", "accepted", "reason", "message"}


def test_messages_of_a_portal_are_judged_as_they_would_be_if_they_were_posted() -> None:
    now = to_ms("2025-04-01T12:00:00+07:00")
    dossier = {"MaHoSo": "G1", "NgayTiepNhan": "2025-03-10 08:00:00", "TrangThaiHoSo": 10, "NgayTra": "12/03/2025"}
    body = json.dumps([dossier, {"MaHoSo": "G2"}])
    received, returned, other = mapped(body.encode(), "dvc_sync", Settings(), now)
    assert (received.accepted, received.id, received.key, received.index) == (True, "G1/2", "G1", 0)
    assert (returned.accepted, returned.field, returned.index) == (False, "NgayTra", 1)
    assert returned.message == "NgayTra `12/03/2025` does not match `iso`"
    assert (other.accepted, other.note, other.index) == (True, "no [[event]] of map dvc_sync wants it; nothing of it is kept", 2)
    console = Console(width=200, record=True)
    console.print(render([received, returned, other]))
    text = console.export_text()
    assert "1 accepted, 1 rejected, 1 unwanted" in text
    assert "NgayTra: NgayTra" not in text
    (unread,) = mapped(b'{"MaHoSo": "G1', "dvc_sync", Settings(), now)
    assert unread.reason == "bad_json"
    assert unread.message == "the body, in what begins in line 1: not JSON: Unterminated string starting"
    with pytest.raises(UsageError, match="map receipt is for files: it takes the first or last row"):
        mapped(body.encode(), "receipt", Settings(), now)
