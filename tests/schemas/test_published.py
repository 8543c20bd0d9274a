"""Published schemas: what the JSON Schema of a contract says of an event is what the gateway says of it."""

from __future__ import annotations

import base64
import json
from typing import Any
from unicodedata import normalize

import jsonschema
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ioc.cli.asyncapi import examples
from ioc.cli.derive import json_schema
from ioc.events.exact_lane import Reject, exact
from schemas import contracts
from schemas.heartbeat import Heartbeat

CONTRACTS = contracts()
SCHEMAS = {kind: jsonschema.Draft202012Validator(json_schema(contract)) for kind, contract in CONTRACTS.items()}
BASES: dict[str, list[dict[str, Any]]] = {}
for _example in examples().values():
    BASES.setdefault(_example["type"], []).append(_example)
TIMES = (
    "2026-01-05t08:30:00+07:00", "2026-01-05T01:30:00z", "2026-01-05T08:30:00.12345678901234567890+07:00",
    "2026-01-05T01:30:00-00:00", "2026-01-05T08:30+07:00", "2026-01-05T01:30:00GMT", "2026-01-05 08:30:00+07:00",
    "2026-01-05T08:30:00,5+07:00", "2026-01-05T08:30:00.+07:00", "2025-12-31T23:59:60Z", "2026-01-05T24:00:00Z",
    "2026-13-05T01:30:00Z", "2026-01-05T01:30:00Z\n", "٢026-01-05T01:30:00Z", "2026-02-30T00:00:00Z", "",
)  # fmt: skip
TYPES = (
    "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "APPLICATION/JSON", "text/json",
    "application/vnd.ioc.dossier+json", "Application/VND.x+JSON ; v=1", "text/xml", "application/jsonx", "json", "",
    "application/xjson", "application/json\n", "application/json charset=utf-8",
)  # fmt: skip
SEQUENCES = ("0000000012", "1767571800123456789", "9000000000000000000", "0" * 40 + "7", "-1", "a", "", "1\n", "٣")
NAMES = (
    "knativearrivaltime",
    "traceparent",
    "partitionkey",
    "sequencetype",
    "0",
    "x" * 40,
    "X",
    "a-b",
    "a_b",
    "",
    "data_base",
    "ô",
)
TEXTS = (
    "Hồ sơ",
    normalize("NFD", "Hồ sơ"),
    "a\n",
    " a",
    "a ",
    "a*",
    "",
    "x" * 128,
    "x" * 129,
    "x" * 257,
    "x" * 501,
    "\x7f",
    "🙂" * 128,
)
SCALARS = st.sampled_from(TEXTS) | st.text(max_size=5) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = st.recursive(
    st.none() | st.booleans() | SCALARS | st.sampled_from((1e2, 60.0, 60.5, -0.0, 1e300, 2**63)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
FORMS = {"time": TIMES, "due_at": TIMES, "datacontenttype": TYPES, "sequence": SEQUENCES}


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """A worked event, in which some things are written in another form, unset, added, dropped or wrong."""
    event: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(draw(st.sampled_from(list(BASES.values())))))))
    contract = CONTRACTS[event["type"]]
    for _ in range(draw(st.integers(0, 3))):
        items = event["data"].get("measurements") or [] if isinstance(event["data"], dict) else []
        place = draw(st.sampled_from([event, event, event["data"], *items]))
        model = {id(event): contract, id(event["data"]): contract.data_model()}.get(id(place))
        if not isinstance(place, dict):
            continue
        names = [n for n in (model.model_fields if model else place) if n not in ("data", "data_base64")]
        name = draw(st.sampled_from(names))
        action = draw(st.sampled_from(("form", "form", "null", "drop", "anything", "float", "extension")))
        if action == "form":
            place[name] = draw(st.sampled_from(FORMS.get(name, TEXTS)))
        elif action == "null":
            place[name] = None
        elif action == "drop":
            place.pop(name, None)
        elif action == "anything":
            place[name] = draw(ANYTHING)
        elif action == "float":
            place.update({n: float(v) for n, v in place.items() if type(v) is int})
        else:
            place[draw(st.sampled_from(NAMES))] = draw(ANYTHING)
    if draw(st.integers(0, 3)) == 0:
        event["data_base64"] = base64.b64encode(json.dumps(event["data"]).encode()).decode()
        left = draw(st.sampled_from(("gone", "null", "both", "unset")))
        if left == "gone":
            del event["data"]
        elif left == "null":
            event["data"] = None
        elif left == "unset":
            event["data_base64"] = None
    return event


def cannot_be_said(event: dict[str, Any], outcome: Any) -> bool:
    """Whether the event is refused for what the docstring of `json_schema` says that a schema cannot say."""
    if not isinstance(outcome, Reject):
        return False
    return (
        "not a day of the calendar" in outcome.message
        or "cannot replace itself" in outcome.message
        or isinstance(event.get("data_base64"), str)  # what is packed is not looked at
    )


@given(events())
@settings(max_examples=settings().max_examples * 8)
@example({**BASES[Heartbeat.event_type][0], "knativearrivaltime": "2026-01-05T01:30:01Z", "x": None, "n": 60.0, "b": True})
@example({**BASES[Heartbeat.event_type][0], "x": {}})
@example({**BASES[Heartbeat.event_type][0], "x": []})
@example({**BASES[Heartbeat.event_type][0], "example-extension": "1"})
@example({**BASES[Heartbeat.event_type][0], "data": None})
@example({**BASES[Heartbeat.event_type][0], "data_base64": 5})
def test_the_published_schema_and_the_gateway_give_one_verdict(event: dict[str, Any]) -> None:
    kind = event.get("type")
    assume(isinstance(kind, str) and kind in SCHEMAS)
    outcome = exact(json.dumps(event).encode(), (), CONTRACTS)
    assume(not cannot_be_said(event, outcome))
    assert SCHEMAS[str(kind)].is_valid(event) == (not isinstance(outcome, Reject)), outcome


@pytest.mark.parametrize("kind", SCHEMAS)
def test_what_a_schema_cannot_say_is_refused_by_the_gateway_alone(kind: str) -> None:
    base = BASES[kind][0]
    for bad in ({"time": "2026-02-30T00:00:00Z"}, {"replaces": base["id"]}, {"data": None, "data_base64": "e30x"}):
        event = {n: v for n, v in {**base, **bad}.items() if v is not None}
        assert SCHEMAS[kind].is_valid(event)
        assert isinstance(exact(json.dumps(event).encode(), (), CONTRACTS), Reject)
