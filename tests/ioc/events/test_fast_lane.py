"""Fast lane: it may only be stricter than pydantic, and what both accept is the same row."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.cli.asyncapi import examples
from ioc.events import fast_lane
from ioc.events.arrow_schema import CAPITALS, Shape, shape
from ioc.events.exact_lane import Reject, exact
from ioc.events.fast_lane import SMALL, from_events, ms, parse
from ioc.times import to_ms
from schemas import contracts
from tests.services import ROOT

CONTRACTS = contracts()
DOSSIER, RAN = "vn.ioc.dossier.changed.v1", "vn.ioc.ran.measured.v1"
SHAPES: dict[str, Shape] = {kind: shape(CONTRACTS[kind]) for kind in (DOSSIER, RAN)}
BASES: dict[str, dict[str, Any]] = {DOSSIER: examples()["dossier_corrected"], RAN: examples()["ran_measured"]}
TIMES = (
    "2016-12-31T23:59:60Z", "2022-10-06T24:00:00Z", "2022-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
    "2022-10-06t08:00:00Z", "2022-10-06T08:00:00z", "2022-10-06T08:00:00.1234567891Z", "2022-10-06T08:00:00.123456789Z",
    "2022-10-06T08:00:00.5-09:30", "2022-10-06T08:00:00+14:00", "2022-10-06T08:00:00-00:00", "2022-10-06 08:00:00Z",
    "2022-10-06T08:00Z",
    "2022-10-06", "9999-12-31T23:59:59.999-23:59", "2022-10-06T08:00:00Z\n", "\u0662022-10-06T08:00:00Z", "2024-02-29T00:00:00Z",
    "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
    "1767225600", "", "2022-10-06T08:00:00+07",
)  # fmt: skip
NUMBERS = (
    "NaN", "-Infinity", "Infinity", "Inf", "1e400", "-0", "-0.0", "0", "01", "1.", ".5", "+1", "1e", "0x10", "9" * 30,
    "9" * 400,
    "true", '"1"', "null", "[]", "{}", "1e15", "1.1e15", "1E2", "9e2", "900.0", "0." + "3" * 400, "1e-400", "9007199254740993",
    "-1",
    "5e-324", "86401", "86400", "1e+2", "1_0",
)  # fmt: skip
PIECES = (
    b"\\ud800", b"\\ud83d\\ude00", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\\u0000", b"\x00", b"\x01", b"\t", b"\r", b"\\x",
    b"\x7f",
    b"\xf4\x90\x80\x80", b'"', b"\\", b" ", b"*", b"\\u001f", "ệ".encode(), b"\xef\xbb\xbf",
)  # fmt: skip
WRAPS = (
    b"%s\x00", b"%s}\x00", b"%s}\x00rubbish", b"/*x*/%s", b"%s//x", b"%s\r", b"\r%s", b"%s %s", b"%s%s", b'%s}{"o":1,"e":%s',
    b'%s,"e":%s',
    b'%s,"o":0', b'%s},{"o":1,"e":%s', b"\xef\xbb\xbf%s", b"[%s]", b"%s,", b"%s]", b"%s}", b'"%s"', b"{%s}", b'null,"e":%s',
    b" %s ",
    b"\xff%s",
)  # fmt: skip


def fast_row(kind: str, value: bytes) -> pl.DataFrame:
    """The fast lane's row of a value alone."""
    frame, refused = parse(SHAPES[kind], [0], [value])
    assert len(frame) + len(refused) == 1
    return frame


@cache
def row_alone(kind: str, value: bytes) -> pl.DataFrame:
    """The same, remembered: large blocks hold the same values again and again."""
    return fast_row(kind, value)


def lanes_agree(kind: str, value: bytes) -> bool:
    """Check one value in both lanes, as one of few and as one of many; whether the fast lane accepts it."""
    frame = fast_row(kind, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_lane, "FEW", 0)
        assert frame.equals(fast_row(kind, value)), "looked at text by text"
    if not len(frame):
        return False
    event = exact(value, (), CONTRACTS)
    assert not isinstance(event, Reject), (value, event)
    assert event.event_type == kind
    other = from_events(SHAPES[kind], [0], [event])
    assert frame.schema == other.schema
    assert frame.equals(other), (frame.to_dicts(), other.to_dicts())
    return True


def encoded(kind: str, **changes: Any) -> bytes:
    return json.dumps({**BASES[kind], **changes}, ensure_ascii=False).encode()


def with_number(path: str, literal: str) -> bytes:
    """The radio example with the bytes of a number in place of period_s or a value."""
    text = encoded(RAN).decode()
    return text.replace("900" if path == "period_s" else "26.4", literal, 1).encode()


@pytest.mark.parametrize("kind", SHAPES)
def test_a_good_event_passes_the_fast_lane(kind: str) -> None:
    assert lanes_agree(kind, encoded(kind))
    assert lanes_agree(kind, json.dumps(BASES[kind]).encode())  # with escapes instead of UTF-8


@pytest.mark.parametrize("kind", SHAPES)
def test_an_event_without_what_may_be_missing_passes_the_fast_lane(kind: str) -> None:
    contract = CONTRACTS[kind]
    data = {n: v for n, v in BASES[kind]["data"].items() if contract.data_model().model_fields[n].is_required()}
    event = {n: v for n, v in BASES[kind].items() if contract.model_fields[n].is_required()} | {"data": data}
    nulls = {n: None for n, field in contract.data_model().model_fields.items() if not field.is_required()}
    assert nulls
    assert lanes_agree(kind, json.dumps(event).encode())
    assert lanes_agree(kind, json.dumps(event | {"data": data | nulls}).encode())


@pytest.mark.parametrize("time", TIMES)
def test_odd_times_never_pass_only_the_fast_lane(time: str) -> None:
    data = BASES[DOSSIER]["data"] | {"due_at": time}
    for value in (encoded(DOSSIER, time=time), encoded(DOSSIER, data=data)):
        accepted = lanes_agree(DOSSIER, value)
        valid = not isinstance(exact(value, (), CONTRACTS), Reject)
        assert accepted == (valid and time == time.upper()), "small t and z are pydantic's matter"


@pytest.mark.parametrize("number", NUMBERS)
def test_odd_numbers_never_pass_only_the_fast_lane(number: str) -> None:
    lanes_agree(RAN, with_number("period_s", number))
    lanes_agree(RAN, with_number("value", number))


def test_usual_numbers_do_pass_the_fast_lane() -> None:
    assert all(lanes_agree(RAN, with_number("value", n)) for n in ("0", "0.0", "1e6", "1E2", "5e-324", "0.1"))
    assert lanes_agree(RAN, with_number("period_s", "86400"))


@pytest.mark.parametrize("kind", SHAPES)
def test_odd_bytes_inside_and_around_an_event_never_pass_only_the_fast_lane(kind: str) -> None:
    value = encoded(kind)
    accepted = 0
    for wrap in WRAPS:
        accepted += lanes_agree(kind, wrap.replace(b"%s", value))
    for piece in PIECES:
        for text in (b"H56.20", b"TH5G-014", b"/portal", b"/ran", b"/received", b"2022", b"level_4", b"NR"):
            if text in value:
                accepted += lanes_agree(kind, value.replace(text, text + piece)) + lanes_agree(
                    kind, value.replace(text, piece + text, 1)
                )
    assert accepted > 5


def test_an_event_that_replaces_itself_is_refused_by_both_lanes() -> None:
    value = encoded(DOSSIER, replaces=BASES[DOSSIER]["id"])
    assert isinstance(exact(value, (), CONTRACTS), Reject)
    assert not lanes_agree(DOSSIER, value)
    assert lanes_agree(DOSSIER, encoded(DOSSIER, replaces="another"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=5) | st.sampled_from(TIMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """An event with a few fields dropped, doubled, added or changed."""
    kind = draw(st.sampled_from(list(SHAPES)))
    event = json.loads(json.dumps(BASES[kind]))
    for _ in range(draw(st.integers(0, 2))):
        places = [event, event["data"]] if isinstance(event.get("data"), dict) else [event]
        items = places[-1].get("measurements")
        if isinstance(items, list):
            places += [item for item in items if isinstance(item, dict)]
        place = draw(st.sampled_from(places))
        action = draw(st.sampled_from(("drop", "change", "add", "item", "null")))
        names = sorted(place)
        if action == "item" and isinstance(items, list):
            items.insert(draw(st.integers(0, len(items))), draw(JSON))
        elif action == "add" or not names:
            known = [*CONTRACTS[kind].model_fields, *CONTRACTS[kind].data_model().model_fields]
            place[draw(st.sampled_from(known) | st.text(max_size=4))] = draw(JSON)
        elif action == "drop":
            del place[draw(st.sampled_from(names))]
        else:
            place[draw(st.sampled_from(names))] = None if action == "null" else draw(JSON)
    value = json.dumps(event, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")
    if draw(st.integers(0, 5)) == 0:
        name = draw(st.sampled_from((b'"time"', b'"data"', b'"id"', b'"state"', b'"cell"', b'"name"')))
        value = value.replace(name, name + b": " + draw(st.sampled_from((b"null", b'"x"', b"{}"))) + b", " + name, 1)
    return kind, value


@given(mutated())
@settings(max_examples=300)
def test_mutated_events_never_pass_only_the_fast_lane(case: tuple[str, bytes]) -> None:
    lanes_agree(*case)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(TEXT, TEXT, st.none() | TEXT, st.none() | TEXT, st.from_regex(CAPITALS, fullmatch=True))
@settings(max_examples=150)
def test_generated_dossiers_are_the_same_row_in_both_lanes(
    identity: str, source: str, department: str | None, activity: str | None, time: str
) -> None:
    data = {"dossier": "D1", "state": "received", "due_at": time, "department": department, "activity": activity}
    value = encoded(DOSSIER, id=identity, source=source, time=time, replaces=None, data=data)
    assert lanes_agree(DOSSIER, value) == (not isinstance(exact(value, (), CONTRACTS), Reject))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["DRB.UEThpDl", "RSRP", "vendor.x"]),
            st.floats(-200, 2e8) | st.integers(-100, 100),
            st.sampled_from(["kbit/s", "dBm", "?"]),
        ),
        max_size=4,
    ),
    st.integers(-1, 90_000),
    st.sampled_from(["NR", "LTE", None, "6G"]),
    st.none() | st.booleans(),
)
@settings(max_examples=150)
def test_generated_measurements_are_the_same_row_in_both_lanes(
    found: list[tuple[str, float, str]], period: int, rat: str | None, suspect: bool | None
) -> None:
    measurements = [{"name": n, "value": v, "unit": u} for n, v, u in found]
    data = {"cell": "c1", "site": "c", "period_s": period, "rat": rat, "suspect": suspect, "measurements": measurements}
    value = encoded(RAN, data=data)
    assert lanes_agree(RAN, value) == (not isinstance(exact(value, (), CONTRACTS), Reject))


@given(st.from_regex(CAPITALS, fullmatch=True).filter(lambda t: not t.startswith("0000")))
@settings(max_examples=300)
def test_columns_of_times_are_what_single_times_are(time: str) -> None:
    try:
        expected = to_ms(time)
    except ValueError:
        return  # no day of the calendar
    assert pl.DataFrame({"t": [time]}).select(ms("t")).item() == expected


def test_the_hash_of_data_is_of_the_content_not_of_the_writing_and_no_separator_confuses_it() -> None:
    def digest(**data: Any) -> int:
        (value,) = fast_row(DOSSIER, encoded(DOSSIER, data={"dossier": "D", "state": "received", **data}))["_hash"].to_list()
        return int(value)

    assert digest(agency="A", channel=None) == digest(channel=None, agency="A")
    assert digest(agency="A") != digest(procedure="A")
    assert digest(due_at="2022-10-11T17:00:00+07:00") == digest(due_at="2022-10-11T10:00:00.000Z") != digest(due_at=None)
    assert digest(department="a", activity="b\x1f-") != digest(department="a\x1f+b", activity=None)
    assert digest(department="a", activity="1\x1f1+c") != digest(department="a\x1f1+1", activity="c")


def test_minus_zero_is_zero_in_the_hash() -> None:
    rows = [fast_row(RAN, with_number("value", n))["_hash"].item() for n in ("0.0", "-0.0", "0", "0.5")]
    assert rows[0] == rows[1] == rows[2] != rows[3]


@given(st.lists(st.tuples(st.integers(0, 299), mutated()), max_size=4))
@settings(max_examples=40)
def test_a_bad_value_leaves_the_rows_of_all_others_as_they_are(bad: list[tuple[int, tuple[str, bytes]]]) -> None:
    values = [encoded(DOSSIER, id=f"e{i}") for i in range(300)]
    for place, (_, value) in bad:
        values[place] = value.replace(b"\n", b" ")
    places = {place for place, _ in bad}
    frame, refused = parse(SHAPES[DOSSIER], list(range(300)), values)
    assert sorted([*frame["_i"].to_list(), *refused]) == list(range(300))
    kept = frame.filter(~pl.col("_i").is_in(list(places)))
    assert kept["_id"].to_list() == [f"e{i}" for i in kept["_i"].to_list()]
    assert len(kept) >= 300 - len(places) * SMALL


def test_indices_with_holes_stay_with_their_values() -> None:
    values = [encoded(DOSSIER, id=f"e{i}") for i in range(100)]
    values[40] = b"{}"
    frame, refused = parse(SHAPES[DOSSIER], [i * 7 for i in range(100)], values)
    assert frame["_id"].to_list() == [f"e{i // 7}" for i in frame["_i"].to_list()]
    assert 280 in refused
    assert len(frame) > 50


def test_what_once_ended_the_process_is_refused_without_a_crash() -> None:
    """In a process of its own: pyarrow has ended processes on such input."""
    program = """
import json
from ioc.events import fast_lane
from ioc.events.arrow_schema import shape
from ioc.cli.asyncapi import examples
from schemas import contracts
s = shape(contracts()["vn.ioc.dossier.changed.v1"])
good = json.dumps(examples()["dossier_corrected"]).encode()
risky = [b"null", b"", b" ", b"[]", b"{}", b'null,"e":null', b'null}{"o":1,"e":null', b'{"data":null}', b'{"data":{}}', b"\\x00",
         b"[" * 200_000, b'{"data":' * 200_000, b'{"data":' + b"[" * 5_000 + b"]" * 5_000 + b"}", b'"' + b"x" * 1_000_000,
         b"\\xff" * 1000,
         b'{"data":{"dossier":null}}', b"nul", b"true", b"-", b'"\\\\', good[:-1], good[1:], b"1e999999999", b"9" * 100_000]
for value in risky:
    for block in ([value], [value, value], [good, value], [value, good], [good, value, good]):
        frame, refused = fast_lane.parse(s, list(range(len(block))), block)
        assert len(frame) + len(refused) == len(block), value[:20]
        assert all(block[i] is good for i in frame["_i"].to_list()), value[:20]
    many = [good] * 40 + [value] + [good] * 40
    frame, refused = fast_lane.parse(s, list(range(81)), many)
    assert len(frame) >= 40, value[:20]
print("survived", len(risky))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "survived 24\n"), done.stderr[-2000:]


def test_no_value_at_all_is_an_empty_frame_of_the_same_form() -> None:
    frame, refused = parse(SHAPES[RAN], [], [])
    assert (len(frame), refused) == (0, [])
    assert frame.schema == fast_row(RAN, encoded(RAN)).schema


def test_a_flood_of_bad_events_costs_few_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    parses = []
    block = fast_lane._block
    monkeypatch.setattr(fast_lane, "_block", lambda s, v: (parses.append(len(v)), block(s, v))[1])
    _, refused = parse(SHAPES[DOSSIER], list(np.arange(2_000)), [b"[]"] * 2_000)
    assert len(refused) == 2_000
    assert len(parses) < 4 * 2_000 / SMALL * 2


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("broken", [[], [0], [333], [1, 599]])
def test_a_field_that_only_some_events_of_a_large_block_have_is_read_all_the_same(kind: str, broken: list[int]) -> None:
    """Large blocks are parsed with the fields of a sample first; the rows must be those of the values alone."""
    rng, bare = np.random.default_rng(1), {name: BASES[kind][name] for name in ("specversion", "id", "source", "type", "time")}
    needed = {n: v for n, v in BASES[kind]["data"].items() if SHAPES[kind].contract.data_model().model_fields[n].is_required()}
    values = [json.dumps({**bare, "id": f"e{i}", "data": needed}).encode() for i in range(600)]
    rare = rng.choice(250, 5, replace=False)  # in one half only
    for i in rare:
        values[i] = encoded(kind, id=f"e{i}", subject="rare", sequence="7")
    for i in broken:
        values[i] = values[i][:-1]
    frame, refused = parse(SHAPES[kind], list(range(600)), values)
    assert {*broken} <= {*refused}
    assert frame["_i"].to_list() == [i for i in range(600) if i not in refused]
    looked_at = sorted({*rare.tolist(), *range(0, 600, 9)} - {*refused})
    alone = [row_alone(kind, values[i]).with_columns(_i=pl.lit(i, pl.Int64)) for i in looked_at]
    assert frame.filter(pl.col("_i").is_in(looked_at)).equals(pl.concat(alone))
