"""Bad input on the real store: each is a reject with its reason and coordinates, and the good events around it count."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import pytest

from ioc.catalog import REJECTS, Catalog
from ioc.counting.pipeline import Pipeline
from ioc.events.batch import Batch
from ioc.events.exact_lane import Reject
from ioc.events.rejects import KEPT, pack, refused, unpack
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from streams.ran import STREAM as RAN_STREAM
from streams.ran import columns
from tests import brute
from tests.counting import panes, pipeline, real_store, verdicts
from tests.fake import FakeStore
from tests.logs import START, batch, dossier, key_of, ran, record, text

DOSSIER, RAN = brute.DOSSIER, brute.RAN
NOW = START + 30 * brute.DAY
PARTITIONS = 4


def good(identity: str, **more: Any) -> dict[str, Any]:
    return dossier("D1", identity, "received", START, **more)


HERE = brute.partition_of(b"D1", PARTITIONS)
CELL = next(f"c{i}" for i in range(99) if brute.partition_of(f"c{i}".encode(), PARTITIONS) == HERE)


def raw(event: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**event, **changes}).encode()


def binary(event: dict[str, Any], value: bytes | None = None, **changes: bytes) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """A CloudEvent in binary mode: attributes in headers, data as the value."""
    attributes = {f"ce_{k}": str(v).encode() for k, v in event.items() if k != "data"} | {
        f"ce_{k}": v for k, v in changes.items()
    }
    headers = (*attributes.items(), ("content-type", b"application/json; charset=utf-8"))
    return json.dumps(event["data"]).encode() if value is None else value, headers


@dataclass(frozen=True)
class Case:
    """One record and its verdict."""

    value: bytes | None
    reason: str
    field: str = ""
    topic: str = DOSSIER
    key: bytes | None = b"D1"
    partition: int = HERE
    headers: tuple[tuple[str, Any], ...] = ()


_BINARY, _HEADERS = binary(good("binary-bad"), time=b"yesterday")
_BROKEN, _BROKEN_HEADERS = binary(good("binary-broken"), b'{"dossier": "D1"')
_LATIN, _LATIN_HEADERS = binary(good("binary-latin"), subject=b"\xff")
ELSEWHERE = (HERE + 1) % PARTITIONS
CASES = {
    "truncated": Case(raw(good("truncated"))[:-9], "bad_json"),
    "wrong_type": Case(raw(good("wrong_type"), data={"dossier": 1, "state": "received"}), "schema", "data.dossier"),
    "unknown_state": Case(raw(dossier("D1", "unknown_state", "lost", START)), "schema", "data.state"),
    "three_megabytes": Case(raw(good("three_megabytes", department="x" * (3 << 20))), "too_large"),
    "in_1948": Case(raw(good("in_1948"), time="1948-05-01T00:00:00Z"), "too_old", "time"),
    "in_2090": Case(raw(good("in_2090"), time="2090-05-01T00:00:00Z"), "too_new", "time"),
    "due_in_2090": Case(raw(good("due_in_2090", due_at=brute.ms("2090-05-01T00:00:00Z"))), "contributions", "data.due_at"),
    "rubbish": Case(bytes(range(256)), "bad_json"),
    "rubbish_with_the_type": Case(b'\xff\x00"vn.ioc.dossier.changed.v1"\xfe', "bad_json"),
    "null": Case(b"null", "not_cloudevent"),
    "null_twice": Case(b"null null", "bad_json"),
    "two_documents": Case(raw(good("two_a")) + raw(good("two_b")), "bad_json"),
    "two_lines": Case(raw(good("two_c")) + b"\n" + raw(good("two_d")), "bad_json"),
    "byte_order_mark": Case(b"\xef\xbb\xbf" + raw(good("byte_order_mark")), "bad_json"),
    "empty": Case(b"", "bad_json"),
    "tombstone": Case(None, "bad_json"),
    "list": Case(b"[" + raw(good("list")) + b"]", "not_cloudevent"),
    "deep": Case(b'{"data":' + b"[" * 100_000, "bad_json"),
    "foreign_type": Case(raw(ran(CELL, "foreign_type", START)), "unknown_type", "type", key=CELL.encode()),
    "foreign_key": Case(raw(good("foreign_key")), "key_mismatch", "data.dossier", key=b"D2"),
    "null_key": Case(raw(good("null_key")), "key_mismatch", "data.dossier", key=None),
    "huge_key": Case(raw(good("huge_key")), "key_mismatch", "data.dossier", key=b"\xff" * (2 << 20)),
    "wrong_partition": Case(raw(good("wrong_partition")), "misrouted", "", partition=ELSEWHERE),
    "replaces_itself": Case(raw(good("itself", replaces="itself")), "schema", "replaces"),
    "id_reused": Case(raw(good("first", department="other")), "id_reused", "id"),
    "binary_bad": Case(_BINARY, "schema", "time", headers=_HEADERS),
    "binary_broken": Case(_BROKEN, "bad_json", "data", headers=_BROKEN_HEADERS),
    "binary_latin": Case(_LATIN, "not_cloudevent", "ce_subject", headers=_LATIN_HEADERS),
    "binary_empty": Case(b"", "bad_json", "data", headers=(("ce_specversion", None),)),
    "radio_replaces": Case(raw(ran(CELL, "replaces", START, replaces="r1")), "schema", "replaces", RAN, CELL.encode()),
    "radio_id_reused": Case(raw(ran(CELL, "r1", START, 99.0)), "id_reused", "id", RAN, CELL.encode()),
    "radio_unit": Case(
        raw(ran(CELL, "unit", START, rat=None)).replace(b"kbit/s", b"Mbit/s"),
        "unit_mismatch",
        "data.measurements.0",
        RAN,
        CELL.encode(),
    ),
    "radio_nan": Case(raw(ran(CELL, "nan", START, float("nan"))), "bad_json", "", RAN, CELL.encode()),
}
REPEATED = binary(good("binary-good"))
NEIGHBOURS = [
    brute.Record(DOSSIER, HERE, 0, b"D1", raw(good("first")), NOW, (("ioc-received", None), ("", b"\xff"), ("x", b"\x00"))),  # type: ignore[arg-type]
    brute.Record(DOSSIER, HERE, 1, b"D1", REPEATED[0], NOW, REPEATED[1]),
    record(ran(CELL, "r1", START), 0, NOW, PARTITIONS),
]


@dataclass(frozen=True)
class Counted:
    """What the one poll with all cases left in the store."""

    store: Store
    places: dict[str, tuple[str, int, int]]
    last: list[brute.Record]


@pytest.fixture(scope="module")
def counted(store_url: str) -> Counted:
    store = real_store(store_url, "bad_input")
    log, places = list(NEIGHBOURS), {}
    following = {(DOSSIER, HERE): 2, (RAN, HERE): 1}
    for name, case in CASES.items():
        place = (case.topic, case.partition)
        offset = following.get(place, 0)
        following[place] = offset + 1
        places[name] = (*place, offset)
        log.append(brute.Record(case.topic, case.partition, offset, case.key, case.value, NOW, case.headers))
    last = [
        record(dossier("D1", "last", "completed", START + brute.DAY), following[DOSSIER, HERE], NOW, PARTITIONS),
        record(ran(CELL, "r2", START + 1_000, 30.0), following[RAN, HERE], NOW, PARTITIONS),
    ]
    made = pipeline(store, PARTITIONS)
    by_place: dict[tuple[str, int], list[brute.Record]] = {}
    for r in (*log, *last):
        by_place.setdefault((r.topic, r.partition), []).append(r)
    made.run([batch(records, 0) for records in by_place.values()])
    return Counted(store, places, last)


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_a_reject_with_its_reason_and_coordinates(counted: Counted, name: str) -> None:
    topic, partition, offset = counted.places[name]
    case = CASES[name]
    where = f"topic = '{topic}' AND partition = {partition} AND offset = {offset}"
    (row,) = counted.store.query(f"SELECT reason, field, message, size FROM rejects FINAL WHERE {where}").to_dicts()
    assert (row["reason"], row["field"]) == (case.reason, case.field)
    assert row["message"]
    assert row["size"] == len(case.value or b"")
    (kept,) = counted.store.query(
        f"SELECT verdict, hex(value) AS value, value IS NULL AS gone, hex(key) AS key, length(headers) AS headers "
        f"FROM events FINAL WHERE {where}"
    ).to_dicts()
    assert (kept["verdict"], bool(kept["gone"])) == ("rejected", case.value is None)
    assert bytes.fromhex(kept["value"] or "") == (case.value or b"")
    assert bytes.fromhex(kept["key"] or "") == (case.key or b"")
    assert kept["headers"] == len(case.headers)
    (again,) = counted.store.query(f"SELECT hex(value) AS value FROM rejects FINAL WHERE {where}").to_dicts()
    assert bytes.fromhex(again["value"] or "") == (case.value or b"")[:KEPT]


def test_the_good_events_around_bad_ones_count_and_nothing_else_does(counted: Counted) -> None:
    accepted = {place for place, (verdict, _) in verdicts(counted.store).items() if verdict == "accepted"}
    assert accepted == {(r.topic, r.partition, r.offset) for r in (*NEIGHBOURS, *counted.last)}
    sums: dict[str, list[int]] = {}
    for (indicator, *_), (_, measures) in panes(counted.store).items():
        sums[indicator] = [a + b for a, b in zip(sums.get(indicator, [0] * len(measures)), measures, strict=True)]
    assert (sums["dossier.received"], sums["dossier.resolved"], sums["dossier.backlog"]) == ([1], [1], [0])
    assert sums["ran.dl_throughput"] == [(10 + 30) * 10 * 60, 120, 2]
    (history,) = counted.store.query("SELECT history FROM entities FINAL")["history"].to_list()
    assert [item[4] for item in json.loads(history)] == ["binary-good", "first", "last"]
    assert counted.store.query("SELECT count() FROM seen FINAL").item() == 2


def test_a_binary_event_is_the_same_event_as_its_structured_form() -> None:
    store = FakeStore()
    value, headers = binary(good("e"))
    made = pipeline(store, 1, topics=(DOSSIER,))
    made.run([batch([record(good("e"), 0, NOW), brute.Record(DOSSIER, 0, 1, b"D1", value, NOW, headers)])])
    assert [v for v, _ in verdicts(store).values()] == ["accepted", "duplicate"]


def test_the_same_bad_poll_in_single_records_gives_the_same_rejects(counted: Counted) -> None:
    store = FakeStore()
    made = pipeline(store, PARTITIONS)
    by_place: dict[tuple[str, int], list[brute.Record]] = {}
    for r in NEIGHBOURS:
        by_place.setdefault((r.topic, r.partition), []).append(r)
    for name, case in CASES.items():
        by_place.setdefault((case.topic, case.partition), []).append(
            brute.Record(case.topic, case.partition, counted.places[name][2], case.key, case.value, NOW, case.headers)
        )
    for r in counted.last:
        by_place[r.topic, r.partition].append(r)
    for records in by_place.values():
        for piece in batch(records, 0).cut([1] * len(records)):
            made.run([piece])
    assert verdicts(store) == verdicts(counted.store)
    assert panes(store) == panes(counted.store)


# ---- what the gateway refused


def rejects_pipeline(store: Store) -> Pipeline:
    return pipeline(store, 1, topics=(REJECTS,))


RUBBISH: tuple[bytes | None, ...] = (
    None, b"", b"null", b"[]", b"{}", b"5", b'"x"', b"\xff", b'{"reason": 1}', raw(good("x")), b"[" * 50_000,
)  # fmt: skip


def test_what_the_gateway_refused_becomes_a_row_with_what_the_producer_had_sent(store_url: str) -> None:
    store = real_store(store_url, "bad_gateway")
    sent = raw(good("sent"))[:-5] + b"x" * (2 * KEPT)
    value, headers = binary(good("binary"), b"{")
    packed = [
        pack(refused(Reject("bad_json", "", "not one JSON document"), sent, (), NOW - 5)),
        pack(refused(Reject("bad_json", "data", "not one JSON document"), value, headers, NOW - 5)),
        *RUBBISH,
    ]
    records = [brute.Record(REJECTS, 0, i, b"/s", v, NOW) for i, v in enumerate(packed)]
    rejects_pipeline(store).run([batch(records, 0)])
    rows = store.query("SELECT * EXCEPT value, hex(value) AS bytes FROM rejects FINAL ORDER BY offset").to_dicts()
    assert len(rows) == len(records)
    first, second, *others = rows
    assert (first["reason"], first["message"], first["size"]) == ("bad_json", "not one JSON document", len(sent))
    assert bytes.fromhex(first["bytes"]) == sent[:KEPT]
    assert (second["field"], second["source"], second["id"], second["type"]) == (
        "data",
        "/s",
        "binary",
        "vn.ioc.dossier.changed.v1",
    )
    assert {(r["reason"], r["message"]) for r in others} == {
        ("bad_json", "not a record of the gateway, which alone writes this topic")
    }
    assert set(store.query("SELECT verdict FROM events FINAL")["verdict"]) == {"rejected"}
    assert store.query("SELECT next FROM checkpoints")["next"].to_list() == [len(records)]


@pytest.mark.parametrize(
    "name", ["reason", "field", "message", "source", "id", "type", "sha256", "size", "received_at", "value", "headers"]
)
@pytest.mark.parametrize(
    "wrong", [None, 5, -1, True, 1 << 63, 10**30, 1.5, "x", "\u0661", [], ["x"], [["a"]], [["a", 5]], {}, {"a": "b"}], ids=repr
)
def test_a_forged_record_of_the_gateway_ends_nothing(name: str, wrong: Any) -> None:
    record = json.loads(pack(refused(Reject("bad_json", "", "m"), b"{", (), NOW)))
    found = unpack(json.dumps(record | {name: wrong}).encode())
    assert unpack(json.dumps({k: v for k, v in record.items() if k != name}).encode()) is None
    if found is None:
        return
    store = FakeStore()
    rejects_pipeline(store).run([Batch(REJECTS, 0, 0, 1, [0], [None], [json.dumps(record | {name: wrong}).encode()], [NOW])])
    assert len(store.tables["rejects"]) == 1


# ---- declarations that fail


def test_an_event_on_which_a_stateless_declaration_raises_is_a_reject_and_never_marked_as_seen() -> None:
    def failing(frame: pl.DataFrame) -> Any:
        if "poison" in frame["device"].to_list():
            raise ArithmeticError("cannot count this")
        return columns(frame)

    stream = replace(RAN_STREAM, columns=failing)
    catalog = Catalog((stream,), {"ran": "0" * 16})
    events = [
        ran("c1", "a", START),
        ran("c1", "b", START, device="poison"),
        ran("c1", "b", START, device="poison"),
        ran("c1", "c", START),
    ]
    store = FakeStore()
    pipeline(store, 1, catalog, (RAN,)).run([batch([record(e, i, NOW) for i, e in enumerate(events)])])
    assert [v for _, v in sorted(verdicts(store).items())] == [
        ("accepted", ""),
        ("rejected", "contributions"),
        ("rejected", "contributions"),
        ("accepted", ""),
    ]
    assert {r["offset"] for r in store.tables["seen"].values()} == {0, 3}
    assert {m for key, m in panes(store).items() if key[0] == "ran.nr_share"} == {(3, (120, 120, 2))}


def test_known_follows_the_time_of_the_event_not_the_time_it_speaks_of() -> None:
    """A measurement of yesterday's period that was sent today was not known yesterday."""

    def yesterday(frame: pl.DataFrame) -> Any:
        return {name: rows.with_columns(pl.col("at") - brute.DAY) for name, rows in columns(frame).items()}

    catalog = Catalog((replace(RAN_STREAM, columns=yesterday),), {"ran": "0" * 16})
    store = FakeStore()
    headers = (("ioc-received", str(START).encode()),)
    pipeline(store, 1, catalog, (RAN,)).run([batch([record(ran("c1", "a", START), 0, NOW, headers=headers)])])
    assert {(key[2], key[3]) for key in panes(store)} == {(START - brute.DAY, START)}


def test_settings_decide_the_first_year_and_the_tolerance() -> None:
    store = FakeStore()
    made = pipeline(store, 1, topics=(DOSSIER,), first_year=2022, tolerance=0)
    assert isinstance(made.settings, Settings)
    times = ("2021-12-31T16:59:59.999Z", "2021-12-31T17:00:00Z", text(NOW), text(NOW + 1))
    made.run([batch([record(good(str(i)) | {"time": t}, i, NOW) for i, t in enumerate(times)])])
    assert [v for _, v in sorted(verdicts(store).items())] == [
        ("rejected", "too_old"),
        ("accepted", ""),
        ("accepted", ""),
        ("rejected", "too_new"),
    ]
    assert key_of(good("x")) == b"D1"
