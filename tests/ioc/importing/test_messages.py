"""Messages: the services' own JSON becomes the events it states, each the same every time, and nothing personal goes with it."""

from __future__ import annotations

import base64
import calendar
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.importing import told
from ioc.importing.mapping import Map
from ioc.importing.maps import load_map, parsed
from ioc.importing.personal import keyed
from ioc.importing.translate import Outgoing, Statistics, read_events
from ioc.settings import Settings
from schemas import contracts

FOLDER = Path(__file__).parents[2] / "messages"
NOBODY = "KHONG CO THAT"
"""Stands in every value of the fixtures that is personal."""
KEY = base64.b64encode(b"k" * 32).decode()


def due(agency: str, channel: str, day: str) -> dict[str, str]:
    """What a reception states."""
    return {"agency": f"000.00.{agency}.H56", "channel": channel, "due_at": f"2025-03-{day}T17:00:00"}


DVC = [  # dossier, id behind it, time, data beside dossier and state
    (1, "1", "2025-03-10T07:50:00", "registered", {}),
    (
        1,
        "2",
        "2025-03-10T08:15:00",
        "received",
        due("20", "online", "18"),
    ),
    (1, "5/2025-03-12T09:00:00", "2025-03-12T09:00:00", "supplement", {}),
    (1, "4/2025-03-12T09:00:00", "2025-03-13T10:30:00.500", "processing", {"due_at": "2025-03-21T17:00:00"}),
    (1, "9", "2025-03-20T15:00:00", "completed", {}),
    (
        2,
        "2",
        "2025-03-10T09:00:00",
        "received",
        due("21", "counter", "14"),
    ),
    (2, "5/2025-03-11T08:00:00", "2025-03-11T08:00:00", "supplement", {}),
    (2, "4/2025-03-11T08:00:00", "2025-03-11T16:00:00", "processing", {}),
    (2, "5/2025-03-13T08:00:00", "2025-03-13T08:00:00", "supplement", {}),
    (3, "1", "2025-03-10T10:00:00", "registered", {}),
    (3, "3", "2025-03-11T11:00:00", "refused", {}),
    (
        4,
        "2",
        "2025-03-10T13:30:00",
        "received",
        due("20", "counter", "12"),
    ),
    (4, "9", "2025-03-12T16:00:00", "completed", {}),
    (4, "10", "2025-03-14T09:00:00", "returned", {}),
]
OPENCPS = [
    (
        11,
        "2",
        "2025-03-10T08:15:00",
        "received",
        due("20", "online", "18"),
    ),
    (11, "5/20250312090000", "2025-03-12T09:00:00", "supplement", {}),
    (11, "4/20250312090000", "2025-03-13T10:30:00", "processing", {"due_at": "2025-03-21T17:00:00"}),
    (11, "9", "2025-03-20T15:00:00", "completed", {}),
    (
        12,
        "2",
        "2025-03-10T09:00:00",
        "received",
        due("21", "counter", "14"),
    ),
    (
        13,
        "2",
        "2025-03-10T09:00:00",
        "received",
        due("21", "counter", "14"),
    ),
    (13, "7", "2025-03-12T08:30:00", "withdrawn", {}),
]
OFFICE = {"department": "Phòng chuyên môn"}
STEPS = [
    (1, "progress/4/2025-03-10T08:40:00.125", "2025-03-10T08:40:00.125", "processing", OFFICE),
    (2, "progress/6/2025-03-12 09:00:00", "2025-03-12T09:00:00", "payment", OFFICE),
]
OPENCPS_STEPS = [(12, "progress/4/20250310093000", "2025-03-10T09:30:00", "processing", OFFICE)]
CASES = [
    ("dvc_sync", "dvc_sync.json", DVC),
    ("dvc_sync_progress", "dvc_sync_progress.jsonl", STEPS),
    ("opencps", "opencps_dossiers.json", OPENCPS),
    ("opencps", "opencps_progress.json", OPENCPS_STEPS),
]
SMALL = """
source = "/import/small"
type = "vn.ioc.dossier.changed.v1"
[[event]]
each = "L"
when = { "L[].on" = true, "/service" = ["S"] }
id = "{no}/{L[].id}/{@item}"
time = "{L[].at}"
data = { dossier = "{no}", state = "received" }
"""


def mapped(log_map: Map | str, messages: Any, folder: Path, statistics: Statistics | None = None) -> list[Outgoing]:
    (folder / "messages.json").write_text(messages if isinstance(messages, str) else json.dumps(messages, ensure_ascii=False))
    log_map = load_map(log_map) if isinstance(log_map, str) else log_map
    return list(read_events([folder / "messages.json"], log_map, statistics))


def said(outgoing: Outgoing) -> tuple[str, str, dict[str, Any]]:
    """(id, time in the province without an offset, data) of a valid event."""
    event = exact(outgoing.value, (), contracts())
    assert not isinstance(event, Reject), event
    data = event.data.model_dump(exclude_none=True)
    return event.id, _local(event.time), data | ({"due_at": _local(data["due_at"])} if "due_at" in data else {})


def _local(text: str) -> str:
    """A UTC text seven hours on, by hand: the province knows no summer time."""
    assert text.endswith("Z")
    seconds = calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds + 7 * 3600)) + text[19:-1]


@pytest.mark.parametrize(("name", "file", "expected"), CASES)
def test_a_message_states_what_its_service_means(name: str, file: str, expected: list[Any]) -> None:
    found = [said(event) for event in read_events([FOLDER / file], load_map(name))]
    wanted = []
    for number, identity, at, state, more in expected:
        dossier = f"G09.20-20250310-{number:07}"
        procedure = {"procedure": "1.004194"} if state == "received" else {}
        wanted.append((f"{dossier}/{identity}", at, {"dossier": dossier, "state": state, **procedure, **more}))
    assert sorted(found, key=lambda one: one[0]) == sorted(wanted, key=lambda one: one[0])


@pytest.mark.parametrize(("name", "file", "_"), CASES)
def test_no_personal_value_is_in_any_event(name: str, file: str, _: Any) -> None:
    assert NOBODY in (FOLDER / file).read_text()
    log_map = load_map(name)
    for event in read_events([FOLDER / file], log_map):
        assert NOBODY not in event.value.decode()
        assert NOBODY not in event.key.decode()


def test_a_dossier_sent_again_gives_the_same_events_and_a_changed_one_changes_only_what_changed(tmp_path: Path) -> None:
    first = json.loads((FOLDER / "dvc_sync.json").read_text())[0]
    early = {**first, "TrangThaiHoSo": 4, "NgayKetThucXuLy": None, "DanhSachHoSoBoSung": [], "NgayHenTra": "2025-03-18 17:00:00"}
    before, after = ({said(e)[0]: said(e) for e in mapped("dvc_sync", one, tmp_path)} for one in (early, first))
    assert before.items() <= after.items(), "the due time as it was before the supplement: reception is still the same fact"
    again = [e.value for e in mapped("dvc_sync", first, tmp_path)]
    assert again == [e.value for e in mapped("dvc_sync", [first], tmp_path)]
    moved = {said(e)[0]: said(e) for e in mapped("dvc_sync", {**first, "NgayKetThucXuLy": "2025-03-20 16:00:00"}, tmp_path)}
    assert {name for name in after if after[name] != moved[name]} == {f"{first['MaHoSo']}/9"}


def test_a_code_of_the_other_dialect_is_no_code_of_this_one(tmp_path: Path) -> None:
    wrong = json.loads((FOLDER / "opencps_dossiers.json").read_text())["data"][0]
    events = mapped("dvc_sync", wrong, tmp_path)
    assert all(isinstance(exact(e.value, (), contracts()), Reject) for e in events), "its times are of another form"
    right = json.loads((FOLDER / "dvc_sync.json").read_text())
    assert {event.time_ms for event in mapped("opencps", {"service": "DongBoHoSoMC", "data": right}, tmp_path)} == {None}


def test_another_message_and_an_envelope_without_its_list_are_told(tmp_path: Path) -> None:
    statistics = Statistics()
    assert mapped("opencps", {"service": "TraCuuHoSo", "data": [{"MaHoSo": "1"}]}, tmp_path, statistics) == []
    assert (statistics.rows, statistics.unmatched) == (1, 1)
    checked = _checked("opencps", {"service": "DongBoHoSoMC", "data": {"MaHoSo": NOBODY}}, tmp_path)
    ((fault,),) = [kind.first for kind in checked.refused]
    assert fault.message == "the document of line 1 has no list data (`records` in [input] of the map)"
    checked = _checked("opencps", {"service": "DongBoHoSoMC", "data": [NOBODY]}, tmp_path)
    assert checked.refused[0].first[0].message == "data[0] is a text or a number; a document is a JSON object"


def _checked(name: str, message: Any, folder: Path) -> told.Checked:
    (folder / "a.json").write_text(json.dumps(message))
    return told.check([folder / "a.json"], load_map(name), Settings(), time.time_ns() // 1_000_000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"NgayTiepNhan": "10/03/2025"}, "NgayTiepNhan `10/03/2025` does not match `iso`"),
        ({"KenhThucHien": 7}, "KenhThucHien `7` is not in [values.channel], which has '1', '2', '3'"),
        ({"MaHoSo": None}, "MaHoSo is empty: CloudEvents 1.0 requires a non-empty string `id`"),
        ({"TrangThaiHoSo": 10, "NgayTra": ""}, "NgayTra is empty: Input should be a valid string"),
        (
            {"DanhSachHoSoBoSung": [{"NgayBoSung": "2025-03-12 09:00:00"}, {"NgayBoSung": "hôm qua"}]},
            "DanhSachHoSoBoSung[1].NgayBoSung `hôm qua` does not match `iso`",
        ),
        ({"DanhSachHoSoBoSung": {"NgayBoSung": NOBODY}}, "DanhSachHoSoBoSung[0].NgayBoSung is empty"),
        ({"MaTTHC": {"ten": NOBODY}, "DonViXuLy": " *"}, "DonViXuLy `*`: must be a code"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_message(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    first = json.loads((FOLDER / "dvc_sync.json").read_text())[0]
    found = [fault.message for kind in _checked("dvc_sync", {**first, **change}, tmp_path).refused for fault in kind.first]
    assert [text for text in found if text.startswith(message)]
    assert NOBODY not in str(found)


# ---- the language of paths


def test_each_makes_an_event_for_every_element_that_is_wanted(tmp_path: Path) -> None:
    log_map = parsed("small", SMALL.encode())
    elements = [{"id": 1, "at": "2025-03-10T08:00:00Z", "on": 1}, {"id": 2, "on": None}, {"id": 3, "at": "x", "on": False}]
    found = mapped(log_map, {"service": "S", "no": "A", "L": elements}, tmp_path)
    assert [orjson.loads(event.value)["id"] for event in found] == ["A/1/1", "A/3/3"]
    assert [event.time_ms is None for event in found] == [False, True]
    assert mapped(log_map, {"service": "T", "no": "A", "L": elements}, tmp_path) == []
    assert [mapped(log_map, {"service": "S", "no": "A", "L": none}, tmp_path) for none in (None, "", [], {})] == [[]] * 4


@pytest.mark.parametrize(
    ("name", "message", "midnight"),
    [
        ("dvc_sync", lambda dossier: dossier, "2025-03-20T00:00:00"),
        ("opencps", lambda dossier: {"service": "DongBoHoSoMC", "data": [dossier]}, "20250320000000"),
    ],
)
def test_a_state_that_is_none_is_refused_and_a_due_day_lasts_to_its_end(
    tmp_path: Path, name: str, message: Callable[[Any], Any], midnight: str
) -> None:
    received = "2025-03-10 08:15:00" if name == "dvc_sync" else "20250310081500"
    dossier = {"MaHoSo": "H", "NgayTiepNhan": received, "NgayHenTra": midnight, "TrangThaiHoSo": "4"}
    (there,) = mapped(name, message(dossier), tmp_path)
    assert said(there)[2]["due_at"] == "2025-03-20T23:59:59.999"
    for state in ("11", "03", ""):
        _, refused = mapped(name, message({**dossier, "TrangThaiHoSo": state}), tmp_path)
        assert isinstance(exact(refused.value, (), contracts()), Reject)


@pytest.mark.parametrize(
    ("fees", "condition", "holds"),
    [
        ([0, 5], '{ not = "0" }', True),
        ([0, 0], '{ not = "0" }', False),
        ([], '{ not = "0" }', False),
        ([0, 5], '["5", "6"]', True),
        ([0], '"5"', False),
        ([None, ""], "true", False),
        ([None, 0], "true", True),
        ([None], "false", True),
        ([], "false", True),
        ([0], "false", False),
    ],
)
def test_a_condition_over_a_list_holds_for_any_element(tmp_path: Path, fees: list[Any], condition: str, holds: bool) -> None:
    log_map = parsed(
        "fees",
        f"""
source = "/import/fees"
type = "vn.ioc.dossier.changed.v1"
[[event]]
when = {{ "Phi[].Gia" = {condition} }}
id = "{{no}}"
time = "2025-03-10T08:00:00{{zone}}"
data = {{ dossier = "{{no}}", state = "received" }}
""".encode(),
    )
    found = mapped(log_map, {"no": "A", "zone": "Z", "Phi": [{"Gia": fee} for fee in fees]}, tmp_path)
    assert bool(found) is holds


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('each = "L"', 'each = "M"', 'event[0].id: L[].id names several values: write each = "L" in the [[event]], or L[0] for'),
        ('each = "L"', 'each = "A[].L"', "event[0].each: 'A[].L' names one list, without []"),
        ('each = "L"', "", "event[0].id: {@item} is for an [[event]] with `each`"),
        ('each = "L"', 'each = "L"\nonce = "case"', "event[0]: each and once do not go together"),
        ("[[event]]", 'case = "L[].id"\n[[event]]', "case: L[].id names several values"),
        ("[[event]]", '[input]\nrecords = "a[].b"\n[[event]]', "input.records: 'a[].b' names one list"),
        ("[[event]]", '[personal]\ndrop = ["L[].at"]\n[[event]]', "event[0].time: reads L[].at, which [personal] drops (L[].at)"),
        ("[[event]]", '[personal]\ndrop = ["L"]\n[[event]]', "event[0].when: reads L[].on, which [personal] drops (L)"),
        ("[[event]]", '[personal]\nhmac = ["no"]\n[[event]]', "event[0].id: no is hashed: with another key it would be another"),
        (
            "[[event]]",
            '[personal]\nhmac = ["/no"]\n[[event]]',
            "event[0].id: reads no, of which [personal] hashes /no",
        ),
        (
            "[[event]]",
            '[personal]\nhmac = ["L[0].on"]\n[[event]]',
            "when: reads L[].on, of which [personal] hashes L[0].on",
        ),
        ("[[event]]", '[personal]\nhmac = ["L"]\n[[event]]', "event[0].when: reads L[].on, of which [personal] hashes L"),
        ("[[event]]", '[personal]\nhmac = ["x"]\ndrop = ["x"]\n[[event]]', "personal: x is dropped and hashed; choose one"),
        ("[[event]]", '[personal]\nkey = "x"\n[[event]]', "personal.key: Extra inputs are not permitted; there are drop, hmac"),
    ],
)
def test_a_wrong_map_of_messages_is_refused_with_its_key(old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parsed("small", SMALL.replace(old, new, 1).encode())
    assert message in str(refusal.value)


# ---- what is personal

HASHED = """
source = "/import/hashed"
type = "vn.ioc.dossier.changed.v1"
[personal]
hmac = ["who", "L[].who"]
drop = ["name"]
[[event]]
id = "{no}"
time = "{at}"
data = { dossier = "{no}", state = "received", department = "{who}" }
[[event]]
each = "L"
id = "{no}/{@item}"
time = "{at}"
data = { dossier = "{no}", state = "processing", department = "{L[].who}" }
"""


def test_a_hash_is_the_hmac_of_the_text_the_same_in_csv_and_json(tmp_path: Path) -> None:
    log_map = keyed(parsed("hashed", HASHED.encode()), Settings.model_validate({"hmac_key": KEY}), "hashed")
    expected = hmac.new(b"k" * 32, "038 Nguyễn".encode(), hashlib.sha256).hexdigest()
    at = "2025-03-10T08:00:00Z"
    message = {"no": "1", "at": at, "who": " 038 Nguye\u0302\u0303n", "name": NOBODY, "L": [{"who": "038 Nguyễn"}, {"who": ""}]}
    found = [orjson.loads(event.value)["data"].get("department") for event in mapped(log_map, message, tmp_path)]
    assert found == [expected, expected, None]
    only = parsed("hashed", HASHED.replace('"who", "L[].who"', '"who"').partition("[[event]]\neach")[0].encode())
    only = keyed(only, Settings.model_validate({"hmac_key": KEY}), "hashed")
    (tmp_path / "a.csv").write_text(f"no,at,who,name\n1,{at},038 Nguyễn,{NOBODY}\n2,{at},,{NOBODY}\n3,{NOBODY}\n")
    one, two, broken = read_events([tmp_path / "a.csv"], only)
    assert [orjson.loads(event.value)["data"].get("department") for event in (one, two)] == [expected, None]
    assert NOBODY not in broken.value.decode(), "nobody can say which cell of a broken row is personal"
    assert "row 3 (line 4) has 2 columns, the header has 4; 15 bytes with the SHA-256" in broken.value.decode()


def test_a_map_that_hashes_needs_a_key() -> None:
    log_map = parsed("hashed", HASHED.encode())
    with pytest.raises(UsageError, match=r"map hashed hashes who, .* IOC_HMAC_KEY is not set: set it to at least 32 bytes"):
        keyed(log_map, Settings(), "hashed")
    for short in ("abc", base64.b64encode(b"k" * 31).decode()):
        with pytest.raises(ValueError, match="at least 32 bytes in base64: openssl rand -base64 32"):
            Settings.model_validate({"hmac_key": short})
    assert "k" * 32 not in repr(keyed(log_map, Settings.model_validate({"hmac_key": KEY}), "hashed"))


def test_without_a_key_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="are to be hashed, and there is no key"):
        mapped(parsed("hashed", HASHED.encode()), {"no": "1"}, tmp_path)


def test_own_maps_have_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "phuong.toml").write_text(SMALL)
    assert load_map("phuong", str(tmp_path)).source == "/import/small"
    (tmp_path / "receipt.toml").write_text(SMALL)
    with pytest.raises(UsageError, match="has receipt, as the maps that are shipped"):
        load_map("phuong", str(tmp_path))
    with pytest.raises(UsageError, match="is no folder"):
        load_map("phuong", str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("papers", "fees", "said"),
    [
        ([{"DuocSoHoa": 0}, {"DuocSoHoa": "1"}], ["10000", 5], {"fee": 10_005, "reused": True, "e_result": False}),
        ([{"Tep": "a.pdf"}], [0, None, ""], {"fee": 0, "reused": False, "e_result": True}),
        ([], [None], {"reused": False, "e_result": False}),
        (None, None, {"reused": False, "e_result": False}),
    ],
)
def test_what_all_elements_of_a_list_say_is_one_field(tmp_path: Path, papers: Any, fees: Any, said: dict[str, Any]) -> None:
    log_map = parsed("served", SERVED.encode())
    listed = None if fees is None else [{"Gia": fee} for fee in fees]
    message = {"no": "A", "at": "2025-03-10T08:00:00Z", "TaiLieu": papers, "Phi": listed}
    (event,) = mapped(log_map, message, tmp_path)
    found = exact(event.value, (), contracts())
    assert not isinstance(found, Reject)
    stated = found.data.model_dump(exclude_none=True)
    assert {name: one for name, one in stated.items() if name not in ("dossier", "state")} == said


SERVED = """
source = "/import/served"
type = "vn.ioc.dossier.changed.v1"
[[event]]
id = "{no}"
time = "{at}"
[event.data]
dossier = "{no}"
state = "received"
fee = { sum = "Phi[].Gia" }
reused = { any = "TaiLieu[].DuocSoHoa", of = ["1"] }
e_result = { any = "TaiLieu[].Tep" }
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'sum = "Phi[].Gia"',
            'sum = "Phi"',
            "event[0].data.fee: Phi is one value here; `sum` and `any` are of a list",
        ),
        ("fee = { sum", "fee = { any", "event[0].data.fee.any: it says true or false"),
        ("e_result = { any", "e_result = { sum", "event[0].data.e_result.sum: the contract has no number there"),
        ('sum = "Phi[].Gia"', 'sum = "Phi[].Gia", of = ["1"]', "event[0].data.fee.of: it is for `any`"),
        (
            'sum = "Phi[].Gia"',
            'sum = "Phi[].Gia", any = "Phi[].x"',
            "event[0].data.fee: needs exactly one of column, join",
        ),
        ('id = "{no}"', 'id = { any = "TaiLieu[].Tep" }', "event[0].id: needs a text with a column"),
    ],
)
def test_a_sum_or_any_where_there_is_none_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parsed("served", SERVED.replace(old, new, 1).encode())
    assert message in str(refusal.value)


def test_a_fee_that_is_no_number_is_told_by_its_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps({"no": "A", "at": "2025-03-10T08:00:00Z", "Phi": [{"Gia": "5"}, {"Gia": "miễn"}]})
    )
    checked = told.check([tmp_path / "a.json"], parsed("served", SERVED.encode()), Settings(), time.time_ns() // 1_000_000)
    assert checked.refused[0].first[0].message == 'Phi[].Gia `miễn` is no number (`decimal = "."`)'
