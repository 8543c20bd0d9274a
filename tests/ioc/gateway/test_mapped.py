"""Mapped: a portal's own message becomes the same events over HTTP as from a file, is judged in its own words, and nothing
personal of it is stored, told or logged."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ioc.errors import ServiceAway
from ioc.events import rejects
from ioc.gateway import app as gateway
from ioc.gateway import mapped, verdicts
from ioc.gateway.changes import Changes
from ioc.gateway.outlet import Outlet
from ioc.importing.mapping import Map
from ioc.importing.maps import load_map
from ioc.importing.order import Ordered
from ioc.importing.translate import Outgoing, read_events
from ioc.settings import Settings
from ioc.times import to_ms
from tests.centre import Centre
from tests.ioc.gateway.test_gateway import JSON, Log
from tests.ioc.gateway.test_gateway_broker import healthy
from tests.ioc.importing.test_messages import CASES, FOLDER, HASHED, KEY, NOBODY

NOW = to_ms("2025-04-01T12:00:00+07:00")
TOPIC = "ioc.events.dossier"


class Unchanged:
    """Knows of nothing that was said before."""

    def __init__(self) -> None:
        self.fails: Exception | None = None

    async def correct(self, log_map: Map, events: Sequence[Outgoing]) -> Sequence[Outgoing]:
        if self.fails:
            raise self.fails
        return events

    def remember(self, events: Sequence[Outgoing], places: Sequence[Any]) -> None:
        assert len(events) == len(places)


@asynccontextmanager
async def portal(log: Log, settings: Settings | None = None, changes: Any = None) -> AsyncIterator[httpx.AsyncClient]:
    app = gateway.build(settings or Settings(), log, lambda: NOW, changes or Unchanged())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


async def posted(
    log: Log, name: str, body: Any, settings: Settings | None = None, headers: dict[str, str] = JSON
) -> tuple[int, list[dict[str, Any]]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with portal(log, settings) as client:
        answer = await client.post(f"/events/{name}", content=content, headers=headers)
        assert NOBODY not in answer.text
        return answer.status_code, answer.json()["events"]


def message(place: int = 0, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "dvc_sync.json").read_text())[place]
    return found | changes


def stored(log: Log) -> bytes:
    """All that lies in Kafka, with what is packed in records of rejects unpacked."""
    everything = [part for records in log.records.values() for key, value, _ in records for part in (key or b"", value)]
    return b"\n".join([*everything, *(refused.value for refused in log.refused())])


@pytest.mark.parametrize(("name", "file", "_"), CASES)
async def test_a_file_and_a_post_give_the_same_events_byte_for_byte(name: str, file: str, _: Any, tmp_path: Path) -> None:
    log = Log()
    status, told = await posted(log, name, (FOLDER / file).read_bytes())
    assert status == 202
    with Ordered(read_events([FOLDER / file], load_map(name)), tmp_path) as ordered:
        imported = sorted((event.key, event.value) for event in ordered)
    assert sorted((key, value) for key, value, _ in log.records[TOPIC]) == imported
    accepted = [one for one in told if one["verdict"] == "accepted"]
    assert [one["index"] for one in told] == list(range(len(told)))
    assert {one["id"] for one in accepted} == {orjson.loads(value)["id"] for _, value in imported}


async def test_a_mixed_message_stores_the_good_keeps_the_bad_and_speaks_of_its_fields() -> None:
    log = Log()
    body = [message(0), message(1, KenhThucHien=7), message(3, MaHoSo=""), message(2, NgayTuChoi="11/03/2025")]
    body[0]["DanhSachHoSoBoSung"][0]["NgayTiepNhanBoSung"] = "13-03-2025"
    status, told = await posted(log, "dvc_sync", body)
    bad = [(one["document"], one["reason"], one["field"], one["message"]) for one in told if one["verdict"] == "rejected"]
    assert status == 422
    place = "DanhSachHoSoBoSung[0].NgayTiepNhanBoSung"
    assert bad[:2] == [
        (0, "schema", place, f"{place} `13-03-2025` does not match `iso`"),
        (1, "schema", "KenhThucHien", "KenhThucHien `7` is not in [values.channel], which has '1', '2', '3'"),
    ]
    assert {one[2] for one in bad if one[0] == 2} == {"MaHoSo"}
    assert bad[-1][2:] == ("NgayTuChoi", "NgayTuChoi `11/03/2025` does not match `iso`")
    kept = log.refused()
    assert [(one.field, one.message) for one in kept] == [one[2:] for one in bad]
    assert {one.source for one in kept} == {"/portal/dvc_sync"}
    assert len(log.records[TOPIC]) == sum(one["verdict"] == "accepted" for one in told)
    assert NOBODY.encode() not in stored(log)


async def test_an_event_that_lies_ahead_is_refused_as_any_other() -> None:
    status, (told,) = await posted(Log(), "dvc_sync", message(2, NgayTuChoi="2025-04-02 00:00:00", NgayNopHoSo=None))
    assert (status, told["reason"], told["field"]) == (422, "too_new", "NgayTuChoi")
    assert told["message"].startswith(
        "NgayTuChoi `2025-04-02 00:00:00`: 2025-04-01T17:00:00Z lies 43200 s ahead of its reception"
    )


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (f'{{"MaHoSo": "{NOBODY}'.encode(), JSON),
        (f'[{{"ChuHoSo": "{NOBODY}"}}'.encode(), JSON),
        (NOBODY.encode(), JSON),
        (b"", JSON),
        (gzip.compress(f'"{NOBODY}"'.encode(), mtime=0)[:-9], {**JSON, "content-encoding": "gzip"}),
        (gzip.compress(bytes(range(99)), mtime=0), {**JSON, "content-encoding": "gzip"}),
    ],
)
async def test_of_a_body_that_cannot_be_read_only_length_and_hash_are_kept(body: bytes, headers: dict[str, str]) -> None:
    log = Log()
    status, (told,) = await posted(log, "dvc_sync", body, headers=headers)
    assert (status, told["verdict"], told["reason"]) == (422, "rejected", "bad_json")
    (kept,) = log.refused()
    plain = gzip.decompress(body) if _whole(body) else body
    said = {"source": "/portal/dvc_sync", "bytes": len(plain), "sha256": hashlib.sha256(plain).hexdigest()}
    assert orjson.loads(kept.value) == said
    assert set(log.records) == {rejects.TOPIC}


def _whole(body: bytes) -> bool:
    try:
        return bool(gzip.decompress(body))
    except (OSError, EOFError):
        return False


async def test_a_line_that_cannot_be_read_is_told_and_the_others_count() -> None:
    log = Log()
    lines = b"\n".join([orjson.dumps(message(3)), b'{"ChuHoSo": "%s' % NOBODY.encode(), b'["%s"]' % NOBODY.encode()])
    status, told = await posted(log, "dvc_sync", lines)
    bad = [(one["document"], one["field"]) for one in told if one["verdict"] == "rejected"]
    assert (status, bad, len(log.records[TOPIC])) == (422, [(1, ""), (2, "")], 3)
    assert told[-2]["message"].startswith("line 2 is not one JSON document: ")
    assert told[-1]["message"] == "what stands in line 3 is a list; a document is a JSON object"
    assert NOBODY.encode() not in stored(log)


async def test_what_no_rule_wants_is_told_and_kept_nowhere() -> None:
    log = Log()
    body = {"service": "CapNhatTienDoHoSoMC", "data": [{"MaHoSo": "1", "TrangThai": "9", "ThoiDiemXuLy": "20250310080000"}]}
    why = "no [[event]] of map opencps wants it; nothing of it is kept"
    assert await posted(log, "opencps", body) == (
        202,
        [{"id": None, "verdict": "unwanted", "message": why, "document": 0, "index": 0}],
    )
    assert log.records == {}
    assert await posted(log, "dvc_sync", []) == (202, [])


async def test_too_many_documents_or_events_are_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "BATCH_EVENTS", 3)
    for body, what in (([{}] * 4, "documents"), ([message(0)], "events")):
        log = Log()
        _, (told,) = await posted(log, "dvc_sync", body)
        assert (told["reason"], told["message"]) == ("too_large", f"more than 3 {what}; send several messages")
        assert NOBODY.encode() not in stored(log)


async def test_an_unknown_map_is_told_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "phuong.toml").write_text(HASHED)
    (tmp_path / "hong.toml").write_text("source = 7")
    settings = Settings.model_validate({"maps_dir": str(tmp_path)})
    async with portal(Log(), settings) as client:
        answers = {name: await client.post(f"/events/{name}", json={}) for name in ("dvc", "receipt", "ucc5g", "hong", "phuong")}
    there = "messages are taken at /events/dvc_sync, /events/dvc_sync_progress, /events/open311, /events/opencps"
    details = {name: (answer.status_code, answer.json()["detail"]) for name, answer in answers.items()}
    assert details["dvc"] == (404, f"no map 'dvc'; {there}")
    once = "it takes the first or last row of a case (`once`), and a message is alone"
    assert details["receipt"] == (404, f"map receipt is for files: {once}; {there}")
    assert details["ucc5g"] == (404, f"map ucc5g is for files: it reads @member, @row, and a message is in no file; {there}")
    assert (details["hong"][0], details["phuong"][0]) == (503, 503)
    assert details["hong"][1].startswith("map hong: source: Input should be a valid string")
    assert details["phuong"][1].startswith("map phuong hashes who, L[].who, and IOC_HMAC_KEY is not set")
    async with portal(Log(), Settings.model_validate({"maps_dir": str(tmp_path / "none")})) as client:
        assert "IOC_MAPS_DIR: " in (await client.post("/events/phuong", json={})).json()["detail"]


async def test_a_map_of_ones_own_hashes_with_the_key(tmp_path: Path) -> None:
    (tmp_path / "phuong.toml").write_text(HASHED)
    settings = Settings.model_validate({"maps_dir": str(tmp_path), "hmac_key": KEY})
    log = Log()
    status, _ = await posted(log, "phuong", {"no": "1", "at": "2025-03-10T08:00:00Z", "who": NOBODY, "name": NOBODY}, settings)
    assert status == 202
    assert NOBODY.encode() not in stored(log)
    assert len(orjson.loads(log.records[TOPIC][0][1])["data"]["department"]) == 64


async def test_what_cannot_be_looked_up_is_sent_away_for_a_while() -> None:
    log, changes = Log(), Unchanged()
    changes.fails = ServiceAway("the store")
    async with portal(log, changes=changes) as client:
        answer = await client.post("/events/dvc_sync", json=message())
    assert (answer.status_code, answer.headers["retry-after"], log.records) == (503, "5", {})
    assert answer.json()["detail"].startswith("map dvc_sync corrects what was said before, and that cannot be looked up now")


async def test_who_waits_too_long_for_his_turn_is_sent_away_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "WAITS_S", 0.05)
    log = Log()
    log.silent = True
    monkeypatch.setattr(verdicts, "STORED_S", 1.0)
    async with portal(log) as client:
        answers = await asyncio.gather(*(client.post("/events/dvc_sync", json=message()) for _ in range(2)))
    assert [answer.status_code for answer in answers] == [503, 503]
    told = sorted(answer.json()["detail"] for answer in answers)
    assert [text.partition(";")[0] for text in told] == [
        "Kafka did not store the events in time",
        "other messages are taken first",
    ]


async def test_a_list_without_end_is_refused_before_it_takes_memory() -> None:
    elements = b",".join([b'{"NgayBoSung":"2025-03-10 08:00:00"}'] * 100_000)
    body = b'{"MaHoSo":"1","DanhSachHoSoBoSung":[%s]}' % elements
    tracemalloc.start()
    try:
        found = mapped.messages(body, "dvc_sync", load_map("dvc_sync"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.wrong is not None
    assert found.wrong.reason == "too_large"
    assert peak < 120 << 20, f"{peak} for {len(body)}"


async def test_the_api_page_describes_it() -> None:
    async with portal(Log()) as client:
        described = (await client.get("/openapi.json")).json()["paths"]["/events/{map}"]["post"]
    assert {"202", "404", "413", "415", "422", "429", "503"} <= described["responses"].keys()
    assert [(p["name"], p["in"]) for p in described["parameters"]] == [("map", "path")]


PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(NOBODY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.data(), st.sampled_from([(name, file) for name, file, _ in CASES]))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_stands_in_the_fields_is_answered_and_nothing_personal_is_kept(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], data: Any, case: tuple[str, str]
) -> None:
    name, file = case
    text = (FOLDER / file).read_text()
    body = json.loads(text.splitlines()[0]) if file.endswith("l") else json.loads(text)
    documents = body if isinstance(body, list) else body.get("data", [body])
    personal = set(load_map(name).personal.drop)
    for _ in range(data.draw(st.integers(1, 3))):
        document = data.draw(st.sampled_from(documents))
        field = data.draw(st.sampled_from(sorted(document)))
        document[field] = NOBODY if field in personal else _without(data.draw(PARTS))
    log = Log()
    status, _ = asyncio.run(posted(log, name, body))
    assert status in (202, 422)
    assert NOBODY.encode() not in stored(log)
    out = capfd.readouterr()
    assert NOBODY not in caplog.text + out.out + out.err


def _without(value: Any) -> Any:
    """Within an object or a list anything may be personal; a text in a field that is read is what the map reads."""
    return "x" if value == NOBODY else value


# ---- with real services


def test_live_messages_correct_what_they_said_before_and_repeat_without_a_trace(tmp_path: Path) -> None:
    with Centre(tmp_path, partitions=2) as centre:
        centre.start("worker")
        centre.beat()
        asyncio.run(said_live(centre.settings))
        centre.wait_counted(centre.ends())
        nothing_personal_and_the_last_word_holds(centre)


async def said_live(settings: Settings) -> None:
    async with Outlet(settings) as outlet:
        app = gateway.build(settings, outlet, changes=Changes(settings))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", timeout=60) as http:
            await healthy(http)

            async def says(**changes: Any) -> list[str]:
                answer = await http.post("/events/dvc_sync", json=message(3, **changes))
                assert answer.status_code == 202, answer.text
                return [one["id"].partition("/")[2] for one in answer.json()["events"]]

            assert await says() == ["2", "9", "10"]
            assert await says() == ["2", "9", "10"], "at once, and again: nothing new"
            moved = {"NgayKetThucXuLy": "2025-03-13 16:00:00"}
            received, corrected, returned = await says(**moved)  # within the second, while the first is not yet counted
            assert (received, returned) == ("2", "10")
            assert corrected.startswith("9~")
            assert await says(**moved) == ["2", corrected, "10"]
            assert (await says())[1].startswith("9~")
            wrong = await http.post("/events/dvc_sync", json=[message(0, KenhThucHien=7), message(1, MaHoSo="Đ 1")])
            unread = await http.post("/events/dvc_sync", content=b'{"ChuHoSo": "%s' % NOBODY.encode(), headers=JSON)
            assert (wrong.status_code, unread.status_code) == (422, 422)


def nothing_personal_and_the_last_word_holds(centre: Centre) -> None:
    counts = centre.store.query("SELECT verdict, count() AS n FROM events FINAL WHERE verdict != 'heartbeat' GROUP BY verdict")
    assert dict(counts.rows()) == {"accepted": 3 + 1 + 1 + 8, "duplicate": 3 + 2 + 3 + 2, "rejected": 2}
    refused = centre.store.query("SELECT reason, field, message, hex(value) AS value FROM rejects FINAL").rows()
    assert sorted((reason, field) for reason, field, *_ in refused) == [("bad_json", ""), ("schema", "KenhThucHien")]
    ended = centre.store.query("SELECT toString(ended_at, 'UTC') AS ended FROM entities FINAL WHERE entity LIKE '%0000004'")
    assert ended.rows() == [("2025-03-12 09:00:00.000",)]
    assert not [row for row in refused if NOBODY in row[2] or NOBODY.encode() in bytes.fromhex(row[3])]
    everything = centre.store.query("SELECT * FROM events FINAL").rows()
    assert [row for row in everything if "G09.20" in str(row)]
    assert not [row for row in everything if NOBODY in str(row)]
    for file in centre.folder.glob("*.log"):
        assert file.is_dir() or NOBODY not in file.read_text(errors="replace")
