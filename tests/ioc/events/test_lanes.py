"""Lanes: for every contract, what a batch of generated and mutated events comes to is pydantic's verdict, event by event."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.catalog import load
from ioc.cli.asyncapi import examples
from ioc.events.decode import Clock, Decoder, Rules
from ioc.events.exact_lane import Reject, exact, time_rules
from ioc.times import to_ms
from schemas import Contract, contracts
from schemas.heartbeat import Heartbeat
from tests.brute import Record, partition_of
from tests.logs import batch

CATALOG, CONTRACTS = load(), contracts()
BASES: dict[str, list[dict[str, Any]]] = {}
for _example in examples().values():
    BASES.setdefault(_example["type"], []).append(_example)
RECEIVED = max(to_ms(e["time"]) for found in BASES.values() for e in found) + 60_000
DEEP = b"[" * 3_000 + b"]" * 3_000
LITERALS = (
    b"NaN", b"-Infinity", b"1e400", b"9" * 400, b"-" + b"9" * 30, b"-0.0", b"1e2", b"true", b"null", b"[]", b"{}", b'""', b'"x"',
    b'" "', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\xff"', b'"\xed\xa0\x80"', b'"\\u0000"', b'"1948-01-01T00:00:00Z"',
    b'"2090-01-01T00:00:00Z"', b'"2022-02-30T00:00:00Z"', b'"2022-10-06"', b'"2022-10-06T08:00:00+07"',
    b'"2022-10-06t08:00:00.0123456789z"', b"60.0", b'"application/vnd.x+json; a=b"',
    '"H\u1ed3"'.encode(), '"Ho\u0302\u0300"'.encode(),
    b'"' + b"x" * 5_000 + b'"', DEEP, b'{"a":' * 500 + b"1" + b"}" * 500,
)  # fmt: skip
AROUND = (
    b"%s", b"%s", b"%s", b"%s%s", b"%s %s", b"\xef\xbb\xbf%s", b" %s ", b"[%s]", b"%s}", b"%s\x00", b"\r%s", b"", b" ", b"null",
    b"%s,",
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all that an event holds."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, item in inner for p in places(item, (*path, key)))]


@st.composite
def events(draw: st.DrawFn, kind: str) -> bytes:
    """An example of the contract in which something is dropped, doubled, added or of another kind; or all is well."""
    event = json.loads(json.dumps(draw(st.sampled_from(BASES[kind]))))
    literals: dict[str, bytes] = {}
    for number in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from(places(event)[1:]))
        parent = event
        for key in path[:-1]:
            parent = parent[key]
        action = draw(st.sampled_from(("drop", "literal", "literal", "add", "double")))
        mark = f"@{number}@"
        if action == "drop":
            del parent[path[-1]]
        elif action == "literal":
            parent[path[-1]], literals[f'"{mark}"'] = mark, draw(st.sampled_from(LITERALS))
        elif isinstance(parent, dict):
            parent[mark] = 1
            known = [*CONTRACTS[kind].model_fields, *CONTRACTS[kind].data_model().model_fields, "x", "knativearrivaltime", "a-b"]
            name = str(path[-1]) if action == "double" else draw(st.sampled_from(known))
            literals[f'"{mark}": 1'] = b'"%s": %s' % (name.encode(), draw(st.sampled_from(LITERALS)))
    value = json.dumps(event, ensure_ascii=draw(st.booleans())).encode()
    for mark, literal in literals.items():
        value = value.replace(mark.encode(), literal)
    return draw(st.sampled_from(AROUND)).replace(b"%s", value)


def verdict(contract: Contract, value: bytes, stateless: bool) -> str:
    """Pydantic's, and the rules of time and key; the key sent is that of the example."""
    event = exact(value, (), CATALOG.accepted(contract.topic))
    if isinstance(event, Reject):
        return event.reason
    if event.event_type == Heartbeat.event_type:
        return "heartbeat"
    if stateless and event.replaces is not None:
        return "schema"
    late = time_rules(event, RECEIVED, 2000, 600)
    if late is not None:
        return late.reason
    return "" if event.key() == key_of(contract) else "key_mismatch"


def key_of(contract: Contract) -> bytes:
    return str(BASES[contract.event_type][0]["data"][contract.entity_key]).encode()


@pytest.mark.parametrize("kind", [k for k in CONTRACTS if k != Heartbeat.event_type])
def test_a_batch_of_mutated_events_has_pydantics_verdicts(kind: str) -> None:
    contract = CONTRACTS[kind]
    stateless = any(s.columns and s.contract is contract for s in CATALOG.streams)
    key, seen = key_of(contract), Counter[str]()
    place = partition_of(key, 4)
    decoder = Decoder(
        CATALOG.accepted(contract.topic), Rules(2000, 600, {contract.topic: 4}, stateless=frozenset({kind} if stateless else ()))
    )

    @given(st.lists(events(kind) | events(Heartbeat.event_type), min_size=1, max_size=12))
    @settings(max_examples=settings().max_examples * 2)
    def check(values: list[bytes]) -> None:
        log = [Record(contract.topic, place, i, key, value, RECEIVED) for i, value in enumerate(values)]
        found = decoder.decode([batch(log, 0)], [Clock(RECEIVED, -1)])
        got = {i: reject.reason for i, reject in found.rejects.items()}
        got |= dict.fromkeys(found.beats, "heartbeat")
        for frame in found.frames.values():
            got |= dict.fromkeys(frame["_i"].to_list(), "")
        assert got == {i: verdict(contract, value, stateless) for i, value in enumerate(values)}
        seen.update(got.values())

    check()
    assert all(seen[reason] for reason in ("", "bad_json", "not_cloudevent", "schema", "heartbeat"))
