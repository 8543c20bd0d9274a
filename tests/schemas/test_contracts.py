"""Contracts: the examples are valid, and no bytes whatever end in anything but an event or a reject."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ioc.cli.asyncapi import examples
from ioc.cli.derive import json_schema
from ioc.events.exact_lane import REASONS, Headers, Reject, exact, time_rules, times_in, verdict
from ioc.times import to_ms
from schemas import contracts
from schemas.envelope import MAX_BYTES, Envelope

CONTRACTS = contracts()
EVENT = examples()["dossier_received_online"]
SHORT = json.dumps(EVENT).encode()


def judged(value: bytes | None, headers: Headers = ()) -> Envelope[Any] | Reject:
    """The verdict; whatever it is, it is well formed."""
    outcome = exact(value, headers, CONTRACTS)
    if isinstance(outcome, Reject):
        assert outcome.reason in REASONS
        assert outcome.message
        assert len(outcome.field) + len(outcome.message) < 5_000
        (outcome.field + outcome.message).encode()
    else:
        to_ms(outcome.time)
        time_rules(outcome, 0, 2000, 0)
    return outcome


def reason(value: bytes | None, headers: Headers = ()) -> tuple[str, str]:
    outcome = judged(value, headers)
    return (outcome.reason, outcome.field) if isinstance(outcome, Reject) else ("", "")


@pytest.mark.parametrize("name", examples())
def test_an_example_is_valid_under_its_contract_and_its_json_schema(name: str) -> None:
    event = examples()[name]
    outcome = verdict(json.dumps(event).encode(), (), CONTRACTS, to_ms("2022-10-08T00:00:00Z"), 2000, 600)
    assert not isinstance(outcome, Reject)
    jsonschema.Draft202012Validator(json_schema(type(outcome))).validate(event)


def test_the_examples_of_dossiers_tell_the_story_of_one() -> None:
    received, supplement, corrected = (examples()[f"dossier_{n}"] for n in ("received_online", "supplement", "corrected"))
    assert received["data"]["dossier"] == supplement["data"]["dossier"] == corrected["data"]["dossier"]
    assert corrected["replaces"] == received["id"]


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_a_contract_names_its_topic_and_a_key_that_is_a_required_code(contract: type[Envelope[Any]]) -> None:
    if contract.topic == "*":
        assert contract.entity_key == ""
        return
    assert contract.topic.startswith("ioc.events.")
    assert contract.data_model().model_fields[contract.entity_key].is_required()
    assert contract.event_type.endswith(".v1")


def test_times_inside_data_are_found_from_the_contract() -> None:
    assert times_in(CONTRACTS["vn.ioc.dossier.changed.v1"]) == ("due_at",)


def binary(data: bytes, **headers: bytes | None) -> tuple[str, str]:
    said = {**{f"ce_{name}": EVENT[name].encode() for name in ("specversion", "id", "source", "type", "time")}, **headers}
    return reason(data, list(said.items()))  # type: ignore[arg-type]


DATA = json.dumps(EVENT["data"]).encode()


def test_binary_mode_is_the_same_event() -> None:
    headers = [(f"ce_{name}", EVENT[name].encode()) for name in ("specversion", "id", "source", "type", "time")]
    assert judged(DATA, [*headers, ("content-type", EVENT["datacontenttype"].encode())]) == judged(SHORT)


@pytest.mark.parametrize(
    ("data", "headers", "expected"),
    [
        (DATA, {"ce_id": None}, ("not_cloudevent", "id")),
        (DATA, {"ce_id": b"\xff"}, ("not_cloudevent", "ce_id")),
        (DATA, {"ce_data": b"{}"}, ("not_cloudevent", "ce_data")),
        (DATA, {"ce_time": b"yesterday"}, ("schema", "time")),
        (DATA, {"ce_": b"x"}, ("schema", "")),
        (DATA, {"ce_No-thing": b"x"}, ("schema", "No-thing")),
        (DATA, {"content-type": b"text/xml"}, ("schema", "datacontenttype")),
        (DATA + b', "id": "other"', {}, ("bad_json", "data")),
        (b"", {}, ("bad_json", "data")),
        (b"\xef\xbb\xbf" + DATA, {}, ("bad_json", "data")),
        (b"[" * 200 + b"]" * 200, {}, ("schema", "data")),
        (b"[" * 201 + b"]" * 201, {}, ("bad_json", "")),
        (b"[" * 9_999, {}, ("bad_json", "data")),
        (b"null", {}, ("schema", "data")),
    ],
)
def test_binary_mode_refuses(data: bytes, headers: dict[str, bytes | None], expected: tuple[str, str]) -> None:
    assert binary(data, **headers) == expected


def with_data(old: str, new: str) -> bytes:
    text = json.dumps(EVENT)
    assert old in text
    return text.replace(old, new, 1).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ("bad_json", "")),
        (b"", ("bad_json", "")),
        (b"null", ("not_cloudevent", "")),
        (b"[]", ("not_cloudevent", "")),
        (SHORT + SHORT, ("bad_json", "")),
        (SHORT[:-1], ("bad_json", "")),
        (b"\xef\xbb\xbf" + SHORT, ("bad_json", "")),
        (SHORT.decode().encode("utf-16"), ("bad_json", "")),
        (b"[" * 100_000, ("bad_json", "")),
        (SHORT + b" " * MAX_BYTES, ("too_large", "")),
        (with_data('"online"', "NaN"), ("bad_json", "")),
        (with_data('"online"', "9" * 5_000), ("bad_json", "")),
        (with_data('"online"', "1e999"), ("schema", "data.channel")),
        (with_data('"online"', '"\\ud800"'), ("bad_json", "")),
        (with_data('"online"', '"\ud800"'), ("bad_json", "")),
        (with_data('"agency"', '"' + "a" * 900_000 + '"'), ("schema", "data." + "a" * 300)),
        (with_data(EVENT["type"], "b" * 900_000), ("unknown_type", "type")),
        (with_data("+07:00", ""), ("schema", "time")),
        (with_data("+07:00", "\u0660"), ("schema", "time")),
        (with_data("2022-10-06T", "0000-01-01T"), ("schema", "time")),
        (with_data(EVENT["data"]["dossier"] + '", "state', 'a*", "state'), ("schema", "data.dossier")),
        (with_data('"specversion"', f'"replaces": "{EVENT["id"]}", "specversion"'), ("schema", "replaces")),
    ],
    ids=lambda v: repr(v)[:40],
)
def test_every_kind_of_bad_bytes_has_its_reason(value: bytes | None, expected: tuple[str, str]) -> None:
    assert reason(value) == expected


def test_of_a_name_that_stands_twice_the_last_wins() -> None:
    outcome = judged(with_data('"id"', '"id": "first", "id"'))
    assert isinstance(outcome, Envelope)
    assert outcome.id == EVENT["id"]
    assert reason(with_data('"time"', '"type": "other", "time"')) == ("unknown_type", "type")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(st.binary())
@example(b"{" * 300)
def test_any_bytes_are_an_event_or_a_reject(value: bytes) -> None:
    judged(value)


@given(JSON)
def test_any_json_is_an_event_or_a_reject(value: object) -> None:
    judged(json.dumps(value).encode())


@given(
    st.binary(), st.lists(st.tuples(st.sampled_from(["ce_id", "ce_type", "ce_time", "content-type"]) | st.text(), st.binary()))
)
def test_any_headers_are_an_event_or_a_reject(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    judged(value, [("ce_specversion", b"1.0"), *headers])


PLACES = [("envelope", name) for name in [*EVENT, "replaces", "sequence", "x"]] + [
    ("data", name) for name in [*EVENT["data"], "x"]
]


@given(st.sampled_from(PLACES), JSON)
@example(("data", "due_at"), "9999-12-31T23:59:59.999999999-23:59")
@example(("envelope", "time"), "9999-12-31T23:59:59-23:59")
@example(("envelope", "time"), "0001-01-01T00:00:00+23:59")
def test_an_event_with_one_field_changed_to_anything(place: tuple[str, str], value: object) -> None:
    part, name = place
    event = {**EVENT, name: value} if part == "envelope" else {**EVENT, "data": {**EVENT["data"], name: value}}
    judged(json.dumps(event).encode())


@given(st.integers(0, len(SHORT) - 1), st.binary(min_size=1, max_size=3))
def test_an_event_with_some_bytes_changed(place: int, rubbish: bytes) -> None:
    judged(SHORT[:place] + rubbish + SHORT[place + len(rubbish) :])


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_integer_of_a_contract_is_one_as_json_schema_has_it(contract: type[Envelope[Any]]) -> None:
    """A plain `int` would refuse 60.0, which the published schema takes."""
    fields = contract.data_model().model_fields
    integers = {n for n, s in contract.data_model().model_json_schema()["properties"].items() if "integer" in str(s)}
    assert integers <= {n for n, info in fields.items() if "func=<function whole" in repr((info.annotation, info.metadata))}
