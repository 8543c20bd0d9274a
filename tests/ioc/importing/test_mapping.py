"""Mapping: a log's rows become valid events, what cannot be read becomes a reject, and a wrong map names its key."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.importing.logtimes import reader
from ioc.importing.maps import load_map, shipped
from ioc.importing.shift import shifted
from ioc.importing.translate import Outgoing, Statistics, read_events
from ioc.times import to_ms
from schemas import contracts
from tests import brute_receipt
from tests.data import needs

CONTRACTS = contracts()
SMALL = """
source = "/import/small"
type = "vn.ioc.dossier.changed.v1"
case = "no"
[time]
format = ["%d/%m/%Y %H:%M", "iso"]
zone = "Asia/Ho_Chi_Minh"
[values.channel]
web = "online"
[data]
dossier = "{no}"
channel = { column = "channel", values = "channel" }
[[event]]
once = "case"
id = "{no}/received"
time = "{at}"
data = { state = "received" }
[[event]]
when = { step = ["done", "finished"], at = true }
id = "{no}/{@row}"
time = "{at}"
data = { state = "completed" }
"""
HEADER = "no,channel,step,at\n"


def a_map(folder: Path, text: str = SMALL) -> Any:
    (folder / "small.toml").write_text(text)
    return load_map(str(folder / "small.toml"))


def mapped(folder: Path, rows: str, text: str = SMALL, statistics: Statistics | None = None) -> list[Outgoing]:
    (folder / "small.csv").write_text(HEADER + rows)
    return list(read_events([folder / "small.csv"], a_map(folder, text), statistics))


def verdict(event: Outgoing) -> Any:
    return exact(event.value, (), CONTRACTS)


@pytest.fixture(scope="module")
def receipt() -> list[Outgoing]:
    return list(read_events([brute_receipt.RECEIPT], load_map("receipt")))


def test_every_event_of_the_receipt_log_is_valid_and_has_an_identity_of_its_own(receipt: list[Outgoing]) -> None:
    verdicts = [verdict(event) for event in receipt]
    assert not [v for v in verdicts if isinstance(v, Reject)]
    assert len({(v.source, v.id) for v in verdicts}) == len(receipt)
    cases = brute_receipt.cases()
    states = Counter(v.data.state for v in verdicts)
    assert (states["received"], states["completed"]) == (len(cases), sum(case.end is not None for case in cases))
    assert states["processing"] == len(receipt) - states["received"] - states["completed"]
    assert all(v.data.agency and v.data.procedure == "WABO" and v.data.channel for v in verdicts)
    assert all(event.key.decode() == v.data.dossier for event, v in zip(receipt, verdicts, strict=True))
    assert all(event.time_ms == to_ms(v.time) for event, v in zip(receipt, verdicts, strict=True))


def test_receptions_and_completions_are_those_of_the_brute_force(receipt: list[Outgoing]) -> None:
    cases = {case.name: case for case in brute_receipt.cases()}
    for event in receipt:
        data = orjson.loads(event.value)["data"]
        case = cases[data["dossier"]]
        assert (data["agency"], data["channel"]) == (case.agency, case.channel)
        if data["state"] == "received":
            assert (event.time_ms, to_ms(data["due_at"])) == (case.start, case.due)
        elif data["state"] == "completed":
            assert max(event.time_ms or 0, case.start) == case.end


@needs("dossiers/receipt.csv.gz")
def test_the_brute_force_finds_the_known_truths(receipt: list[Outgoing]) -> None:
    assert len(receipt) == 11_340
    june, ever = to_ms("2011-06-01T00:00:00Z"), (0, to_ms("2100-01-01T00:00:00Z"))
    assert (brute_receipt.backlog(june), brute_receipt.overdue(june)) == (197, 45)
    assert (brute_receipt.received(*ever), brute_receipt.resolved(*ever), brute_receipt.late(*ever)) == (1434, 1329, 377)
    assert round(brute_receipt.handling_days(*ever) or 0, 1) == 50.6


def test_rows_of_the_5g_traces_are_valid() -> None:
    if not brute_receipt.UCC5G.exists():
        pytest.skip(f"the real traces are not at {brute_receipt.UCC5G} (IOC_TEST_DATA)")
    events = itertools.islice(read_events([brute_receipt.UCC5G], load_map("ucc5g")), 20_000)
    assert not [event for event in itertools.islice(events, 0, None, 4) if isinstance(verdict(event), Reject)]


@pytest.mark.proof
def test_every_row_of_the_5g_traces_is_valid_and_sentinels_are_counted() -> None:
    if not brute_receipt.UCC5G.exists():
        pytest.skip(f"the real traces are not at {brute_receipt.UCC5G} (IOC_TEST_DATA)")
    statistics, kinds, identities, invalid = Statistics(), Counter[str](), set(), 0
    for event in read_events([brute_receipt.UCC5G], load_map("ucc5g"), statistics):
        invalid += isinstance(verdict(event), Reject)
        document = orjson.loads(event.value)
        if document["type"] != "vn.ioc.ran.measured.v1":
            continue
        kinds[document["data"]["rat"]] += 1
        identities.add(document["id"])
    assert invalid == 0
    assert kinds["NR"] == 136_403
    assert len(identities) == statistics.rows == 188_711
    assert statistics.events == 2 * 188_711, "of each row what the cell measured, and the sample of the drive"
    assert statistics.outside == {}
    assert statistics.nulls == {"RSRP": 73, "CQI": 17_097, "SNR": 17_096, "RSRQ": 3_634}


def test_events_of_a_small_log_follow_its_map(tmp_path: Path) -> None:
    events = mapped(tmp_path, "A,web,new,06/10/2022 08:30\nA,web,done,07/10/2022 08:30\nB,web,new,\n")
    assert [orjson.loads(e.value)["id"] for e in events] == ["A/received", "A/2", "B/received"]
    assert orjson.loads(events[0].value)["time"] == "2022-10-06T01:30:00Z"
    assert events[0][:3] == (to_ms("2022-10-06T08:30:00+07:00"), "ioc.events.dossier", b"A")


@pytest.mark.parametrize(
    ("rows", "field", "told"),
    [
        ("A,web,new,yesterday\n", "time", b'"time":"yesterday"'),
        ("A,fax,new,06/10/2022 08:30\n", "data.channel", b'{"not in [values.channel]":"fax"}'),
        ("A,web\n", "time", b'"row":["A","web"]'),
        (",web,new,06/10/2022 08:30\n", "id", b'"channel":"online"'),
    ],
)
def test_what_cannot_be_mapped_becomes_a_reject_that_shows_it(tmp_path: Path, rows: str, field: str, told: bytes) -> None:
    (event,) = mapped(tmp_path, rows)
    assert verdict(event).field == field
    assert told in event.value


def test_rows_without_a_case_are_all_kept_as_rejects(tmp_path: Path) -> None:
    assert [verdict(event).reason for event in mapped(tmp_path, ",web,new,06/10/2022 08:30\n" * 2)] == ["not_cloudevent"] * 2


def test_a_default_of_a_value_table_takes_what_is_unknown(tmp_path: Path) -> None:
    text = SMALL.replace('web = "online"', 'web = "online"\ndefault = "counter"')
    (event,) = mapped(tmp_path, "A,fax,new,06/10/2022 08:30\n", text)
    assert verdict(event).data.channel == "counter"


def test_statistics_tell_what_was_not_used(tmp_path: Path) -> None:
    statistics = Statistics()
    mapped(tmp_path, "A,web,new,06/10/2022 08:30\nA,web,new,06/10/2022 08:31\nA,web\nB,fax,new,?\n", statistics=statistics)
    assert (statistics.rows, statistics.events, statistics.broken, statistics.unmatched, statistics.undated) == (4, 3, 1, 1, 2)
    assert statistics.unreadable == {"time": 1, "values.channel": 1}


def test_numbers_are_those_a_log_means(tmp_path: Path) -> None:
    text = """
source = "/import/cells"
type = "vn.ioc.ran.measured.v1"
input = { delimiter = ";", decimal = "," }
[[event]]
id = "{@member}#{@row}"
time = { column = "t", format = "epoch_s" }
data = { cell = "{cell}", site = { first = ["{site}", "{cell}"] }, period_s = "{period}" }
[[event.measurements]]
name = "RSRP"
column = "rsrp"
unit = "dBm"
null_below = -156
"""
    (tmp_path / "cells.csv").write_text(
        "t;cell;site;period;rsrp\n1570000000;A:1;;60;-98,5\n1570000001;A:1;A;60;-200\n1570000002;A:1;A;60;nan\n"
    )
    events = [verdict(e) for e in read_events([tmp_path / "cells.csv"], a_map(tmp_path, text))]
    assert (events[0].data.site, events[0].data.period_s, events[0].data.measurements[0].value) == ("A:1", 60, -98.5)
    assert events[1].data.measurements == []
    assert isinstance(events[2], Reject)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        (
            'dossier = "{no}"',
            'dossier = "{no}"\nagenci = "x"',
            "data.agenci: Dossier has no field 'agenci'; it has dossier",
        ),
        ('state = "received"', 'state = "recieved"', "event[0].data.state: 'recieved': Input should be"),
        ('web = "online"', 'web = "onlin"', "data.channel: 'onlin': Input should be"),
        ('values = "channel"', 'values = "chanel"', "data.channel.values: no table [values.chanel]; there are channel"),
        ('dossier = "{no}"', 'unit = "{no}"', "event[0].data: Dossier needs 'dossier'"),
        ("Asia/Ho_Chi_Minh", "Asia/Hanoi", "time.zone: 'Asia/Hanoi' is no time zone"),
        ('"iso"]', '"ISO"]', "time.format: 'ISO' is no time format"),
        ('case = "no"', "", 'event[0].once: needs `case = "<column>"`'),
        ("dossier.changed", "dossier.changd", "event[0].type: 'vn.ioc.dossier.changd.v1' is no event type"),
        ('id = "{no}/received"', 'id = "received"', "event[0].id: needs a text with a column"),
        ('once = "case"', 'onec = "case"', "event[0].onec: Extra inputs are not permitted; there are data, each, id"),
        ('column = "channel",', "", "data.channel: needs exactly one of column, join, first"),
        ("[[event]]", "[[event", "is not TOML"),
        ('["done", "finished"]', '{ nto = "done" }', "nto: Extra inputs are not permitted; there are not"),
        ("[time]", '[input]\nnull = ["", " "]\n[time]', "input.null: ' ' stands in no cell without blanks at its ends: write ''"),
        ('web = "online"', '"web " = "online"', "values.channel: 'web ' stands in no cell without blanks"),
        ('["done", "finished"]', '{ not = " done" }', "event[1].when.step: ' done' stands in no cell without blanks"),
        ("dossier.changed", "ran.measured", "data.dossier: Measured has no field 'dossier'; it has cell"),
    ],
)
def test_a_wrong_map_is_refused_with_its_key_and_what_is_right(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    assert was in SMALL
    with pytest.raises(UsageError) as refused:
        a_map(tmp_path, SMALL.replace(was, becomes, 1))
    assert said in str(refused.value)


def test_an_unknown_map_lists_the_shipped_ones() -> None:
    known = shipped()
    assert known == ["alarm_log", "dvc_sync", "dvc_sync_progress", "edxml", "open311", "opencps", "pm", "receipt", "ucc5g"]
    with pytest.raises(UsageError, match=f"neither a file nor one of the maps {', '.join(known)}"):
        load_map("recipt")


@pytest.mark.parametrize(
    ("text", "time", "count"),
    [
        ("2019-10-27 01:30:00", "2019-10-27T00:30:00Z", {"ambiguous": 1}),  # the first of two
        ("2019-03-31 01:30:00", "2019-03-31T01:30:00Z", {"never was": 1}),  # 02:30 summer time
        ("2019-07-01 12:00:00.1239", "2019-07-01T11:00:00.123900Z", {}),  # what is finer than 1 ms orders events of one
        ("2019-07-01", "2019-06-30T23:00:00Z", {}),
        ("2019-07-01T12:00:00+0700", "2019-07-01T12:00:00+07:00", {}),
    ],
)
def test_local_times_at_clock_changes_are_read_and_counted(text: str, time: str, count: dict[str, int]) -> None:
    counts = Counter[str]()
    assert reader(["iso"], "Europe/Dublin", counts)(text) == (to_ms(time), time)
    assert counts == count


@pytest.mark.parametrize(
    ("form", "text"),
    [("iso", "2019-07-01 12:00"), ("yyyyMMddHHmmss", "2022100608300"), ("epoch_s", "1e400"), ("epoch_ms", "NaN"), ("iso", "")],
)
def test_a_time_that_says_too_little_is_none(form: str, text: str) -> None:
    assert reader([form], None, Counter())(text) is None


def test_a_shifted_event_is_another_event_at_another_time(receipt: list[Outgoing]) -> None:
    event = receipt[0]
    later = shifted(event, 86_400_000)
    before, after = json.loads(event.value), json.loads(later.value)
    assert after["id"] == before["id"] + "~86400000"
    assert later.key == after["data"]["dossier"].encode() == event.key + b"~86400000"
    assert later.time_ms == to_ms(after["time"]) == (event.time_ms or 0) + 86_400_000
    assert to_ms(after["data"]["due_at"]) == to_ms(before["data"]["due_at"]) + 86_400_000
    assert not isinstance(verdict(later), Reject)


def test_a_shift_leaves_what_is_no_time_alone(tmp_path: Path) -> None:
    for event in mapped(tmp_path, "A,web,new,yesterday\nA,web\nB,web,new,9999-12-31T00:00:00Z\n,web,new,06/10/2022 08:30\n"):
        before, after = json.loads(event.value), json.loads(shifted(event, 10**12).value)
        if event.time_ms is None or after["time"][0] == "9":
            assert after["time"] == before["time"]
        assert (after["id"] is None) == (before["id"] is None)


CONDITIONS = SMALL.replace('once = "case"', 'once = "last"').replace(
    'when = { step = ["done", "finished"], at = true }',
    'when = { step = { not = ["done", "finished"] }, channel = { not = "web" } }',
)


def ids(events: list[Outgoing]) -> list[str]:
    return [orjson.loads(event.value)["id"] for event in events]


def test_an_event_can_be_made_of_the_last_row_of_its_case(tmp_path: Path) -> None:
    text = SMALL.replace('once = "case"', 'once = "last"\nwhen = { step = ["done"] }')
    rows = (
        "A,web,done,06/10/2022 08:30\nB,web,done,\nA,web,done,07/10/2022 08:30\nA,web,new,08/10/2022 08:30\n" + ",web,done,\n" * 2
    )
    statistics = Statistics()
    events = [event for event in mapped(tmp_path, rows, text, statistics) if b'"received"' in event.value]
    assert ids(events) == ["B/received", "A/received", None, None]  # a row without a case is a reject, each
    assert orjson.loads(events[1].value)["time"] == "2022-10-07T01:30:00Z"
    assert (statistics.rows, statistics.reading.rows) == (6, 6)  # read twice, counted once


def test_a_condition_can_say_what_a_column_is_not(tmp_path: Path) -> None:
    rows = "A,post,new,iso\nA,web,new,iso\nA,post,done,iso\nA,,,iso\n".replace("iso", "06/10/2022 08:30")
    assert ids(mapped(tmp_path, rows, CONDITIONS)) == ["A/1", "A/received", "A/4"]


def test_the_channels_of_the_contract_are_those_of_a_desk(tmp_path: Path) -> None:
    rows = "A,tel,new,06/10/2022 08:30\nB,robot,new,06/10/2022 08:30\n"
    text = SMALL.replace('web = "online"', 'tel = "phone"\ndefault = "other"')
    assert [verdict(event).data.channel for event in mapped(tmp_path, rows, text)] == ["phone", "other"]
