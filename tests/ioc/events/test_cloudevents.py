"""CloudEvents: the forms that the texts allow are the same event, in every mode and in both lanes; what was sent is kept."""

from __future__ import annotations

import base64
import json
from typing import Any

import polars as pl
import pytest

from ioc.catalog import load
from ioc.events import fast_lane
from ioc.events.arrow_schema import shape
from ioc.events.decode import Clock, Decoded, Decoder, Rules
from ioc.events.exact_lane import Reject, exact
from schemas import contracts
from tests.brute import DOSSIER, MINUTE, RAN, ms
from tests.logs import batch, record

CONTRACTS, CATALOG = contracts(), load()
AT = "2026-01-05T08:30:00+07:00"
EVENT = {
    "specversion": "1.0", "id": "e1", "source": "/portal", "type": "vn.ioc.dossier.changed.v1", "time": AT,
    "data": {"dossier": "D1", "state": "received", "agency": "A", "due_at": "2026-01-09T17:00:00+07:00"},
}  # fmt: skip
CELL = {
    "specversion": "1.0", "id": "e1", "source": "/ran", "type": "vn.ioc.ran.measured.v1", "time": AT,
    "data": {"cell": "C1", "site": "C", "period_s": 60, "measurements": [{"name": "RSRP", "value": -90, "unit": "dBm"}]},
}  # fmt: skip
DATA = EVENT["data"]
PACKED = base64.b64encode(json.dumps(DATA).encode()).decode()
SAME: dict[str, dict[str, Any]] = {
    "a small t": {"time": "2026-01-05t08:30:00+07:00"},
    "a small z": {"time": "2026-01-05T01:30:00z"},
    "another offset": {"time": "2026-01-05T01:30:00-00:00"},
    "many digits": {"time": "2026-01-05T08:30:00.00012345678901234567890+07:00"},
    "a due time in other forms": {"data": {**DATA, "due_at": "2026-01-09t10:00:00.0000000000z"}},
    "a type with parameters": {"datacontenttype": "application/json; charset=utf-8"},
    "a type in capitals": {"datacontenttype": "APPLICATION/JSON"},
    "a type of one's own": {"datacontenttype": "application/vnd.ioc.dossier+json"},
    "an old type": {"datacontenttype": "text/json"},
    "what a broker adds": {"knativearrivaltime": "2026-01-05T01:30:01Z", "knativehistory": "default-kne-trigger"},
    "what an SDK adds": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "x" * 512},
    "a key for partitions": {"partitionkey": "7"},
    "names that the program has a use for": dict.fromkeys(("topic", "key", "limits", "copy", "e", "o", "i", "dossier"), "x"),
    "a number, a truth": {"sampledrate": 30, "retried": True, "share": 0.5},
    "unset attributes": {
        "correlationid": None,
        "subject": None,
        "dataschema": None,
        "datacontenttype": None,
        "data_base64": None,
    },
    "unset fields": {"data": {**DATA, "procedure": None, "channel": None}},
    "data as bytes": {"data_base64": PACKED},
}


def decoded(*events: dict[str, Any] | bytes, headers: tuple[tuple[str, bytes], ...] = (), topic: str = DOSSIER) -> Decoded:
    at = ms(AT) + MINUTE
    key = b"D1" if topic == DOSSIER else b"C1"
    values = [json.dumps(e).encode() if isinstance(e, dict) else e for e in events]
    log = batch([record(v, i, at, topic=topic, key=key, partition=0, headers=headers) for i, v in enumerate(values)])
    return Decoder(CATALOG.accepted(topic), Rules(2000, 600, {topic: 1})).decode([log], [Clock()])


def changed(change: dict[str, Any]) -> dict[str, Any]:
    """The event with the change; packed data take the place of the others unless both are given."""
    packed = change.get("data_base64") is not None and "data" not in change
    return {n: v for n, v in {**EVENT, **change}.items() if not (packed and n == "data")}


def row(found: Decoded, index: int = 0) -> dict[str, Any]:
    assert found.rejects == {}
    (frame,) = (f for f in found.frames.values() if len(f))
    return frame.drop("_i").row(index, named=True)


@pytest.mark.parametrize("form", SAME)
def test_a_form_that_the_texts_allow_is_the_same_event(form: str) -> None:
    assert row(decoded(changed(SAME[form]))) == row(decoded(EVENT))


@pytest.mark.parametrize("form", SAME)
def test_binary_mode_takes_the_same_forms(form: str) -> None:
    event = {**EVENT, **SAME[form], "datacontenttype": SAME[form].get("datacontenttype") or "application/json"}
    data = event.pop("data")
    event.pop("data_base64", None)
    said = {("content-type" if n == "datacontenttype" else f"ce_{n}"): v for n, v in event.items()}
    headers = tuple((name, None if value is None else str(value).encode()) for name, value in said.items())
    assert row(decoded(json.dumps(data).encode(), headers=headers)) == row(decoded(EVENT))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"time": "2026-01-05 08:30:00+07:00"}, ("schema", "time")),
        ({"time": "2026-01-05T08:30:00"}, ("schema", "time")),
        ({"time": None}, ("schema", "time")),
        ({"datacontenttype": "text/xml"}, ("schema", "datacontenttype")),
        ({"example-extension": "1"}, ("schema", "example-extension")),
        ({"Extension": "1"}, ("schema", "Extension")),
        ({"extension": {"a": 1}}, ("schema", "extension")),
        ({"extension": ["a"]}, ("schema", "extension")),
        ({"data": None}, ("schema", "data")),
        ({"data": None, "data_base64": PACKED}, ("not_cloudevent", "data_base64")),
        ({"data_base64": "%%%"}, ("bad_json", "data_base64")),
        ({"data_base64": 7}, ("bad_json", "data_base64")),
        ({"data_base64": base64.b64encode(b"{} {}").decode()}, ("bad_json", "data_base64")),
        ({"data_base64": base64.b64encode(b'{"dossier": "D1"}').decode()}, ("schema", "data.state")),
        ({"sequence": "9000000000000000000"}, ("schema", "sequence")),
    ],
)
def test_what_the_texts_do_not_allow_is_refused_and_told(change: dict[str, Any], expected: tuple[str, str]) -> None:
    (reject,) = decoded(changed(change)).rejects.values()
    assert (reject.reason, reject.field) == expected


def test_a_sequence_is_a_number_of_up_to_nineteen_digits() -> None:
    for text in ("0000000012", "1767571800123456789", "8999999999999999999", "0" * 30 + "7"):
        assert row(decoded({**EVENT, "sequence": text}))["_sequence"] == int(text)


@pytest.mark.parametrize("text", ["60", "60.0", "6e1", "6.0E+1"])
def test_an_integer_is_one_however_it_is_written_and_has_one_hash(text: str) -> None:
    value = json.dumps(CELL).replace('"period_s": 60', f'"period_s": {text}').encode()
    assert row(decoded(value, topic=RAN)) == row(decoded(CELL, topic=RAN))
    for other in ("60.5", "true", '"60"', "1e400", "86400.5"):
        broken = json.dumps(CELL).replace('"period_s": 60', f'"period_s": {other}').encode()
        assert isinstance(exact(broken, (), CONTRACTS), Reject)


@pytest.mark.parametrize("count", [40, 300, 1_000])
def test_a_log_that_came_through_a_broker_stays_in_the_fast_lane(count: int) -> None:
    """Else nothing that passed a broker would be counted at the speed of the rest."""
    added = {"knativearrivaltime": "2026-01-05T01:30:01Z", "traceparent": "00-0af7"}
    values = [json.dumps({**EVENT, "id": f"e{i}", **(added if i % 3 else {})}).encode() for i in range(count)]
    frame, refused = fast_lane.parse(shape(CONTRACTS[EVENT["type"]]), list(range(count)), values)
    assert (len(frame), refused) == (count, [])
    plain = [json.dumps({**EVENT, "id": f"e{i}"}).encode() for i in range(count)]
    assert frame.equals(fast_lane.parse(shape(CONTRACTS[EVENT["type"]]), list(range(count)), plain)[0])


def test_an_event_of_very_many_attributes_makes_no_columns_of_them() -> None:
    values = [json.dumps({**EVENT, "id": f"e{i}"}).encode() for i in range(400)]
    values[0] = json.dumps({**EVENT, **{f"x{i}": "" for i in range(50_000)}}).encode()
    fields = fast_lane._usual(shape(CONTRACTS[EVENT["type"]]), values[::12])
    assert len(fields) < 20
    frame, refused = fast_lane.parse(shape(CONTRACTS[EVENT["type"]]), list(range(400)), values)
    assert 0 in refused
    assert len(frame) >= 400 - fast_lane.SMALL
    assert not isinstance(exact(values[0], (), CONTRACTS), Reject)


@pytest.mark.parametrize("odd", ['"a-b": "1"', '"X": "1"', '"x": {}', '"x": []', '"data_base64": "e30="', '"": "1"'])
@pytest.mark.parametrize("count", [40, 300])
def test_what_is_no_extension_never_passes_the_fast_lane(odd: str, count: int) -> None:
    values = [json.dumps({**EVENT, "id": f"e{i}"}).encode()[:-1] + f", {odd}}}".encode() for i in range(count)]
    frame, refused = fast_lane.parse(shape(CONTRACTS[EVENT["type"]]), list(range(count)), values)
    assert (len(frame), refused) == (0, list(range(count)))
    assert isinstance(exact(values[0], (), CONTRACTS), Reject)


def test_the_archive_keeps_what_was_sent() -> None:
    value = json.dumps({**EVENT, **SAME["what a broker adds"]}).encode()
    assert decoded(value).block.values == [value]
    assert pl.Series(decoded(value).frames[EVENT["type"]].columns).str.starts_with("knative").any() is False
