"""XES: an event belongs to its own trace or to none, and a trace's attributes hold wherever they stand in it."""

from __future__ import annotations

import io
import unicodedata

import pytest

from ioc.errors import UsageError
from ioc.importing import xes
from ioc.importing.xes import read_xes


def read(text: str) -> list[dict[str, str]]:
    return [fields for _, fields in read_xes(io.BytesIO(f"<log>{text}</log>".encode()))]


def one(kind: str, key: str, value: str) -> str:
    return f'<{kind} key="{key}" value="{value}"/>'


def event(name: str) -> str:
    return f"<event>{one('string', 'name', name)}</event>"


def trace(*parts: str) -> str:
    return f"<trace>{''.join(parts)}</trace>"


def test_an_event_outside_a_trace_belongs_to_none() -> None:
    first = trace(one("string", "no", "X-1"), event("a"))
    assert read(event("0") + first + event("b") + trace(event("c"))) == [
        {"name": "0"},
        {"case:no": "X-1", "name": "a"},
        {"name": "b"},
        {"name": "c"},
    ]


def test_attributes_of_a_trace_hold_wherever_they_stand() -> None:
    org, no = one("string", "org", "A"), one("string", "no", "Y-1")
    expected = [{"case:no": "Y-1", "case:org": "A", "name": name} for name in "ab"]
    for parts in ((no, org, event("a"), event("b")), (no, event("a"), org, event("b")), (event("a"), event("b"), org, no)):
        assert read(trace(*parts) + trace(event("c"))) == [*expected, {"name": "c"}]


def test_an_attribute_behind_more_events_than_are_held_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xes, "HELD", 2)
    assert len(read(trace(one("string", "no", "Y-1"), *map(event, "abcde")))) == 5
    with pytest.raises(UsageError, match="the attribute 'no' of a trace stands behind more of its events than are held"):
        read(trace(*map(event, "abc"), one("string", "no", "Y-1")))


def test_keys_and_values_are_nfc_and_the_line_is_known() -> None:
    decomposed = unicodedata.normalize("NFD", f"<log>\n{trace(one('string', 'Đơn vị', 'Sở'), event('Trả'))}\n</log>")
    assert list(read_xes(io.BytesIO(decomposed.encode()))) == [(2, {"case:Đơn vị": "Sở", "name": "Trả"})]
