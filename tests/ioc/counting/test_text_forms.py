"""Forms of text: one Vietnamese name in NFC, NFD and windows-1258's half-way form is one agency, one dossier, one source."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from unicodedata import normalize

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.alerting.alerts import Alerter
from ioc.asking.evidence import evidence
from ioc.asking.question import scope
from ioc.asking.read import value
from ioc.catalog import Catalog, load
from ioc.events import fast_lane
from ioc.events.arrow_schema import shape
from ioc.events.normal import in_nfc
from ioc.events.rejects import claims
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.text import nfc
from schemas import contracts
from tests.brute import DOSSIER, Record, partition_of
from tests.counting import CATALOG, count, panes, pipeline, real_store, verdicts
from tests.fake import FakeStore
from tests.logs import START, beat, dossier, ran, record

MINUTE = 60_000
TONES = "\u0300\u0301\u0303\u0309\u0323"


def windows_1258(text: str) -> str:
    """Letters with their hats and horns in one piece, and each tone behind its letter by itself."""
    parts = ((letter, normalize("NFD", letter)) for letter in normalize("NFC", text))
    return "".join(
        normalize("NFC", "".join(c for c in p if c not in TONES)) + "".join(c for c in p if c in TONES) for _, p in parts
    )


def forms(text: str) -> tuple[str, str, str]:
    return normalize("NFC", text), normalize("NFD", text), windows_1258(text)


OFFICE, IDS = forms("UBND phường Hạc Thành"), forms("Hồ-1")


def test_the_forms_differ_and_read_the_same() -> None:
    for texts in (OFFICE, IDS):
        assert len({*texts}) == 3
        assert {nfc(text) for text in texts} == {texts[0]}


def key(text: str) -> bytes:
    return normalize("NFC", text).encode()


@pytest.fixture(scope="module")
def store(store_url: str) -> Store:
    """110 + 110 open dossiers of one office, whose name came in NFC and in NFD."""
    made = real_store(store_url, "text_forms")
    log = [record(beat(START), 0, START, partition=0)]
    for i in range(220):
        at = START + MINUTE + i
        log.append(record(dossier(f"D{i}", f"e{i}", "received", at, agency=OFFICE[i % 2]), i + 1, at))
    log.append(record(beat(START + 30 * MINUTE), 221, START + 30 * MINUTE, partition=0))
    count(pipeline(made, 1, topics=(DOSSIER,)), log)
    Roller(CATALOG, made, made.settings).step()
    Alerter(CATALOG, made, run=False).step()
    return made


def test_the_open_dossiers_of_one_office_are_one_group_and_raise_its_alert(store: Store) -> None:
    (group,) = value(store, CATALOG, "dossier.backlog", by=["agency"])
    assert (group.dims["agency"], group.value) == (OFFICE[0], 220)
    assert store.query('SELECT "group", fired_value FROM v_alerts').rows() == [(OFFICE[0], 220.0)]
    rolled = store.query("SELECT DISTINCT agency FROM v_dossier_backlog WHERE agency != '*'")["agency"].to_list()
    assert rolled == [OFFICE[0]]


@pytest.mark.parametrize("form", OFFICE)
def test_a_question_names_the_office_in_any_form(store: Store, form: str) -> None:
    (answer,) = value(store, CATALOG, "dossier.backlog", where={"agency": form})
    assert answer.value == 220
    asked = scope(store, CATALOG, "dossier.backlog", where={"agency": form})
    assert len(list(evidence(store, CATALOG, store.settings, asked))) == 220


def counted(log: list[Record], partitions: int = 4) -> FakeStore:
    made = FakeStore()
    count(pipeline(made, partitions), log)
    return made


def test_a_dossier_is_one_in_whatever_form_its_code_and_its_key_are_written() -> None:
    """Its place is that of the key in NFC: with two places it would be two dossiers."""
    place = partition_of(key(IDS[0]), 4)
    log = [
        record(dossier(IDS[0], "a", "received", START), 0, START, partition=place),
        record(dossier(IDS[1], "b", "processing", START + 1), 1, START + 1, key=key(IDS[1]), partition=place),
        record(dossier(IDS[2], "c", "completed", START + 2), 2, START + 2, key=IDS[2].encode(), partition=place),
    ]
    made = counted(log)
    assert {verdict for verdict, _ in verdicts(made).values()} == {"accepted"}
    assert {row["entity"] for row in made.tables["entities"].values()} == {IDS[0]}
    open_now = [m for (indicator, *_), (_, m) in panes(made).items() if indicator == "dossier.backlog"]
    assert sum(m for (m,) in open_now) == 0


def test_a_key_in_pieces_that_lies_elsewhere_is_refused_and_told() -> None:
    places = {text: partition_of(text.encode(), 4) for text in (f"{IDS[1]}{i}" for i in range(40))}
    name, place = next((t, p) for t, p in places.items() if p != partition_of(key(t), 4))
    made = counted([record(dossier(name, "a", "received", START), 0, START, key=name.encode(), partition=place)])
    assert [*verdicts(made).values()] == [("rejected", "misrouted")]
    (reject,) = made.tables["rejects"].values()
    assert "NFC" in reject["message"]
    wrong = counted([record(dossier(name, "a", "received", START), 0, START, key=b"other\xff" + name.encode(), partition=0)])
    assert [*verdicts(wrong).values()] == [("rejected", "key_mismatch")]


@pytest.mark.parametrize("make", [ran, dossier])
def test_the_same_event_in_another_form_is_a_duplicate(make: Any) -> None:
    """Identity is compared in NFC; the archive's bytes are those that were sent."""
    more = ("received",) if make is dossier else ()
    events = [make("c1", text, *more, START, source=f"/cổng/{text}") for text in IDS]
    sent = [normalize(form, json.dumps(e, ensure_ascii=False)) for e, form in zip(events, ("NFC", "NFD", "NFC"), strict=True)]
    topic = record(events[0], 0, START).topic
    log = [record(s.encode(), i, START + i, key=b"c1", partition=0, topic=topic) for i, s in enumerate(sent)]
    made = counted(log, 1)
    assert [verdict for verdict, _ in verdicts(made).values()] == ["accepted", "duplicate", "duplicate"]
    rows = [*made.tables["events"].values()]
    assert {row["source"] for row in rows} == {f"/cổng/{IDS[0]}"}
    assert [row["value"] for row in rows] == [s.encode() for s in sent]


def test_a_correction_names_its_event_in_any_form() -> None:
    first = dossier("D", IDS[0], "received", START, agency="A")
    log = [record(first, 0, START), record(dossier("D", "x", "received", START, agency="B", replaces=IDS[1]), 1, START + 1)]
    itself = record(dossier("D", IDS[1], "received", START, replaces=IDS[2]), 2, START + 2)
    made = counted([*log, itself], 1)
    assert [*verdicts(made).values()] == [("accepted", ""), ("accepted", ""), ("rejected", "schema")]
    added = [(d[0], m) for (i, d, *_), (_, m) in panes(made).items() if i == "dossier.backlog" and any(m)]
    assert added == [("B", (1,))]


def test_who_sent_a_refused_event_is_named_as_who_sent_a_good_one() -> None:
    said = json.dumps({"source": IDS[1], "id": IDS[2]}).encode()
    assert claims(said, ()) == (IDS[0], IDS[0], "")
    assert claims(b"", [("ce_source", IDS[1].encode())])[0] == IDS[0]


def test_names_of_units_are_found_in_any_form(tmp_path: Any) -> None:
    (tmp_path / "units.toml").write_text(f'units = [["{IDS[1]}", "{OFFICE[1]}"]]', encoding="utf-8")
    stream = load().streams[0]
    named = Catalog((replace(stream, units=(tmp_path / "units.toml",), rollups=(), board=None, more_boards=()),))
    assert named.units() == {IDS[0]: OFFICE[0]}


LETTERS = st.text(st.sampled_from("aeoAdK%\u0302\u0301\u0323\u0309\u00ea\u1ec7\u1100\u1161\u212a\u0958 "), max_size=8)


@given(st.lists(st.tuples(st.none() | LETTERS, st.none() | st.lists(st.tuples(LETTERS, LETTERS), max_size=3)), max_size=6))
def test_every_text_of_a_frame_is_in_nfc_and_nothing_else_is_changed(rows: list[tuple[str | None, Any]]) -> None:
    items = [None if inner is None else [{"name": n, "value": 1.5, "unit": u} for n, u in inner] for _, inner in rows]
    kind = pl.List(pl.Struct({"name": pl.String, "value": pl.Float64, "unit": pl.String}))
    frame = pl.DataFrame(
        {"a": [a for a, _ in rows], "n": range(len(rows)), "items": items}, {"a": pl.String, "items": kind, "n": pl.Int64}
    )
    found = in_nfc(frame)
    assert found.schema == frame.schema
    assert found["a"].to_list() == [a if a is None else normalize("NFC", a) for a in frame["a"].to_list()]
    assert found["n"].equals(frame["n"])
    assert found["items"].to_list() == [
        inner and [{n: normalize("NFC", v) if isinstance(v, str) else v for n, v in item.items()} for item in inner]
        for inner in frame["items"].to_list()
    ]


@given(st.sampled_from(["NFC", "NFD"]), st.booleans(), LETTERS)
@settings(max_examples=30)
def test_both_lanes_give_one_row_and_one_hash_for_every_form(form: str, escaped: bool, text: str) -> None:
    kind = "vn.ioc.dossier.changed.v1"
    event = dossier("D", "e", "received", START, department=text, activity=OFFICE[0])
    written = json.dumps(json.loads(normalize(form, json.dumps(event, ensure_ascii=False))), ensure_ascii=escaped).encode()
    plain = json.dumps(json.loads(normalize("NFC", json.dumps(event, ensure_ascii=False)))).encode()
    one, _ = fast_lane.parse(shape(contracts()[kind]), [0], [written])
    other, _ = fast_lane.parse(shape(contracts()[kind]), [0], [plain])
    assert len(one) == 1
    assert one.equals(other)
