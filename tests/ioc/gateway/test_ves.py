"""VES collector: what network functions send is taken or refused as their standard says, and becomes what it means."""

from __future__ import annotations

import copy
import gzip
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from ioc.errors import ServiceAway
from ioc.events import rejects
from ioc.events.exact_lane import Reject, exact
from ioc.gateway import app as gateway
from ioc.gateway.ves_models import DOMAINS
from ioc.gateway.ves_objects import place
from ioc.importing import dn
from ioc.settings import Settings
from ioc.times import to_ms
from schemas import contracts
from tests.data import DATA, needs
from tests.ioc.gateway.test_gateway import Log
from tests.ves_events import PERIOD_S, Network

BEGIN = to_ms("2026-10-06T00:00:00+07:00")
NOW = to_ms("2026-10-07T00:00:00+07:00")
SETTINGS = Settings(ves_user="gnb", ves_password="mật khẩu: 5G")  # type: ignore[arg-type]
AUTH = httpx.BasicAuth("gnb", "mật khẩu: 5G")
ONE, BATCH = "/eventListener/v7", "/eventListener/v7/eventBatch"
SAMPLES = DATA / "ran" / "ves"
RAN = "ioc.events.ran"


@pytest.fixture
def log() -> Log:
    return Log()


def client_of(log: Log, settings: Settings = SETTINGS, auth: httpx.Auth | None = AUTH) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(gateway.build(settings, log, lambda: NOW))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", auth=auth)


@pytest.fixture
async def client(log: Log) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(log) as client:
        yield client


def network(seed: int = 1, sites: int = 1, cells: int = 2, periods: int = 4) -> Network:
    return Network(seed, sites, cells, BEGIN, periods)


def told(domain: str, /, **header: Any) -> dict[str, Any]:
    """An event of the generator's of a domain, with another header."""
    event = next(event for _, event in network(periods=96).told if event["commonEventHeader"]["domain"] == domain)
    return {**copy.deepcopy(event), "commonEventHeader": {**event["commonEventHeader"], **header}}


async def sent(client: httpx.AsyncClient, log: Log, event: dict[str, Any]) -> list[dict[str, Any]]:
    """The CloudEvents an accepted event becomes."""
    before = len(log.records.get(RAN, []))
    answer = await client.post(ONE, json={"event": event})
    assert (answer.status_code, answer.content) == (202, b""), answer.text
    assert answer.headers["x-latestversion"] == "7.2.1"
    return [json.loads(value) for _, value, _ in log.records[RAN][before:]]


def error(answer: httpx.Response) -> tuple[int, str, str, list[str]]:
    """Status, message id, text with its variables in place, and the variables, of an answer in the standard's words."""
    ((kind, said),) = answer.json()["requestError"].items()
    assert kind == ("PolicyException" if said["messageId"].startswith("POL") else "ServiceException")
    text = re.sub(r"%(\d)", lambda n: said["variables"][int(n[1]) - 1], said["text"])
    return answer.status_code, said["messageId"], text, said["variables"]


# ---- samples


def filled(name: str) -> str:
    """A template with its placeholders filled."""
    domain = name.split("-")[1].removesuffix(".json")
    values = {"domain": domain, "severity": "CLEARED" if "cleared" in name else "MAJOR", "eventTime": "2026-10-06T01:00:00Z"}
    text = re.sub(r'"@(timestamp|\w*(Start|End)Time)@"', "1791216000000000", (SAMPLES / name).read_text("utf-8"))
    return re.sub(r"@(\w+)@", lambda found: values.get(found[1], f"some-{found[1]}"), text)


@needs("ran/ves")
async def test_samples_that_are_valid_are_taken_and_templates_once_they_are_filled(client: httpx.AsyncClient, log: Log) -> None:
    kinds = {}
    for path in sorted(SAMPLES.glob("*.json")):
        if "invalid" not in path.name:
            text = filled(path.name) if path.name.startswith("template") else path.read_text("utf-8")
            before = len(log.records.get(RAN, []))
            answer = await client.post(
                BATCH if '"eventList"' in text else ONE, content=text, headers={"content-type": "application/json"}
            )
            assert answer.status_code == 202, (path.name, answer.text)
            kinds[path.stem] = Counter(json.loads(v)["type"].split(".")[3] for _, v, _ in log.records[RAN][before:])
    assert kinds == {
        "measurement7x": {"measured": 8}, "template-fault": {"alarm": 1}, "template-heartbeat": {"notified": 1},
        "template-measurement": {"measured": 3, "notified": 1}, "template-stndDefined-r16-notify-file-ready": {"notified": 1},
        "template-stndDefined-r18-notify-cleared-alarm": {"alarm": 1}, "template-stndDefined-r18-notify-new-alarm": {"alarm": 1},
        "ves7_batch_valid": {"alarm": 2}, "ves7_batch_valid_two_different_domain": {"alarm": 2},
        "ves7_batch_with_stndDefined_valid": {"alarm": 2}, "ves7_valid_30_1_1_event": {"alarm": 1},
        "ves_stdnDefined_valid": {"alarm": 1},
    }  # fmt: skip


@needs("ran/ves")
@pytest.mark.parametrize(
    ("name", "message", "field"),
    [
        ("ves7_invalid_30_1_1_event", "SVC0002", "event.commonEventHeader.vesEventListenerVersion"),
        ("ves_stdnDefined_invalid", "SVC0002", "event.stndDefinedFields.data.alarmId"),
        ("ves_stdnDefined_missing_namespace_invalid", "SVC2006", "event.commonEventHeader.stndDefinedNamespace"),
    ],
)
async def test_samples_that_are_invalid_are_refused_with_the_field_and_kept(
    client: httpx.AsyncClient, log: Log, name: str, message: str, field: str
) -> None:
    body = (SAMPLES / f"{name}.json").read_bytes()
    status, said, text, variables = error(
        await client.post(ONE, content=body, headers={"content-type": "application/json; charset=utf-8"})
    )
    assert (status, said) == (400, message)
    assert field in variables
    assert field in text
    ((kept,),) = (log.refused(),)
    assert (kept.value, kept.field, kept.source[:5]) == (body, field, "/ves/")
    assert log.records.keys() == {rejects.TOPIC}


# ---- what becomes of an event


async def test_what_a_network_says_is_what_kafka_has(client: httpx.AsyncClient, log: Log) -> None:
    said = network(seed=7, sites=3, cells=3, periods=24)
    for batch in said.batches(50):
        assert (await client.post(BATCH, json=batch)).status_code == 202
    events = [(key, json.loads(value)) for key, value, _ in log.records[RAN]]
    measured: dict[tuple[str, int, str], float | None] = {}
    suspect, beats, walk = set(), Counter[str](), list[tuple[int, int, str, dict[str, Any]]]()
    for key, event in events:
        assert not isinstance(exact(json.dumps(event).encode(), (), contracts()), Reject)
        data, at = event["data"], to_ms(event["time"])
        if "measurements" in data:
            assert (key, data["period_s"], data["object_type"]) == (data["cell"].encode(), PERIOD_S, "NRCellDU")
            assert data["cell"].split(":")[0] == data["site"] == event["source"].removeprefix("/ves/")
            measured |= {(data["cell"], at, m["name"]): m.get("value") for m in data["measurements"]}
            suspect |= {(data["cell"], at)} if data.get("suspect") else set()
        elif "alarm" in data:
            walk.append((at, int(event["sequence"]), data["alarm"], data))
        else:
            beats[data["element"]] += 1
    assert measured == said.truth.measured
    assert suspect == said.truth.suspect
    assert beats == said.truth.beats
    dice = random.Random(1)
    for at in [NOW, *(BEGIN + dice.randrange(24 * PERIOD_S) * 1000 for _ in range(50))]:
        active: dict[str, str] = {}
        for when, _, alarm, data in sorted(walk, key=lambda step: step[:2]):
            if when <= at:
                active.pop(alarm, None)
                active |= {alarm: data["severity"]} if data["state"] == "raised" else {}
        assert Counter(active.values()) == said.active(at)


async def test_a_fault_is_one_alarm_from_onset_to_clear_and_a_repeat_is_the_same_event(
    client: httpx.AsyncClient, log: Log
) -> None:
    onset = told("fault", eventId="f1", sequence=0)
    onset["faultFields"] |= {"eventSeverity": "MAJOR", "eventCategory": "communications"}
    clear = copy.deepcopy(onset)
    clear["commonEventHeader"] |= {
        "sequence": 1,
        "lastEpochMicrosec": onset["commonEventHeader"]["startEpochMicrosec"] + 5_500_000,
    }
    clear["faultFields"]["eventSeverity"] = "NORMAL"
    (raised,), (cleared,) = await sent(client, log, onset), await sent(client, log, clear)
    assert await sent(client, log, onset) == [raised]
    cell = raised["data"]["cell"]
    assert re.fullmatch(r"THA-G000:[12]", cell)
    problem = onset["faultFields"]["alarmCondition"]
    assert raised["data"] == {
        "alarm": f"THA-G000/GNBDUFunction=1,NRCellDU={cell[-1]}/{problem}", "state": "raised", "severity": "major",
        "site": "THA-G000", "cell": cell, "object": f"GNBDUFunction=1,NRCellDU={cell[-1]}", "kind": "communications",
        "problem": problem, "episode": "f1",
    }  # fmt: skip
    assert (raised["id"], raised["source"], raised["sequence"]) == ("f1/0", "/ves/THA-G000", "0")
    assert (cleared["id"], cleared["data"]["state"], cleared["data"]["alarm"]) == ("f1/1", "cleared", raised["data"]["alarm"])
    assert to_ms(cleared["time"]) - to_ms(raised["time"]) == 5_500
    assert "severity" not in cleared["data"]


async def test_an_element_without_a_clock_is_heard_when_it_is_received(client: httpx.AsyncClient, log: Log) -> None:
    clockless = {"startEpochMicrosec": 0, "lastEpochMicrosec": 0}
    (beat,) = await sent(client, log, told("heartbeat", **clockless))
    assert to_ms(beat["time"]) == NOW
    measured = await sent(client, log, told("perf3gpp", **clockless))
    assert {to_ms(event["time"]) for event in measured} == {NOW - PERIOD_S * 1000}


async def test_a_heartbeat_may_come_without_fields_and_names_of_any_letters_are_codes(
    client: httpx.AsyncClient, log: Log
) -> None:
    event = told("heartbeat", sourceName="Trạm *1*\n" + "x" * 150)
    del event["heartbeatFields"]
    (beat,) = await sent(client, log, event)
    assert beat["data"] | {"element": ""} == {
        "element": "", "domain": "heartbeat", "name": "heartbeat_gNB", "priority": "Normal", "body": "{}",
    }  # fmt: skip
    assert re.fullmatch(r"Trạm _1__x+~[0-9a-f]{16}", beat["data"]["element"])


async def test_of_a_measurement_numbers_are_measured_and_all_else_is_archived(client: httpx.AsyncClient, log: Log) -> None:
    event = told("heartbeat", domain="measurement", eventName="Measurement_gNB")
    del event["heartbeatFields"]
    event["measurementFields"] = {
        "measurementFieldsVersion": "4.0", "measurementInterval": 60, "requestRate": 3.5, "codecUsageArray": [],
        "additionalMeasurements": [{"name": "NRCellDU=2", "hashMap": {"RRU.PrbTotDl": "37", "note": "warm", "empty": ""}}],
        "cpuUsageArray": [{"cpuIdentifier": "cpu0", "percentUsage": 12.5}],
        "additionalFields": {"owner": "VNPT"},
    }  # fmt: skip
    rate, cell, cpu, rest = await sent(client, log, event)
    assert rate["data"] == {
        "cell": "THA-G000", "site": "THA-G000", "period_s": 60, "vendor": "acme",
        "measurements": [{"name": "requestRate", "value": 3.5}],
    }  # fmt: skip
    assert (cell["data"]["cell"], cell["data"]["object"]) == ("THA-G000:2", "NRCellDU=2")
    assert cell["data"]["measurements"] == [{"name": "RRU.PrbTotDl", "value": 37.0, "unit": "%"}]
    assert (cpu["data"]["object"], cpu["data"]["measurements"]) == (
        "cpuUsageArray=cpu0",
        [{"name": "percentUsage", "value": 12.5}],
    )
    assert json.loads(rest["data"]["body"]) == {
        "additionalFields": {"owner": "VNPT"},
        "additionalMeasurements": [{"name": "NRCellDU=2", "note": "warm"}],
    }
    assert [event["id"].rpartition("/")[2] for event in (rate, cell, cpu, rest)] == ["0", "1", "2", "3"]


NOTICE = {"href": "NRCellDU=1", "notificationId": 7, "eventTime": "xyz", "systemDN": "SubNetwork=1,ManagedElement=HT1"}
ALARM = {"alarmId": "a1", "alarmType": "EQUIPMENT_ALARM", "probableCause": "Fan", "perceivedSeverity": "MINOR"}


def standard(data: dict[str, Any], namespace: str = "3GPP-FaultSupervision", reference: str = "") -> dict[str, Any]:
    event = told("heartbeat", domain="stndDefined", stndDefinedNamespace=namespace)
    del event["heartbeatFields"]
    address = {"schemaReference": f"https://forge.3gpp.org/x.yaml#components/schemas/{reference}"} if reference else {}
    return {**event, "stndDefinedFields": {"stndDefinedFieldsVersion": "1.0", **address, "data": data}}


@pytest.mark.parametrize(
    ("kind", "more", "state", "severity"),
    [
        ("notifyNewAlarm", {"specificProblem": "Fan 2"}, "raised", "minor"),
        ("notifyChangedAlarm", {"perceivedSeverity": "CRITICAL"}, "changed", "critical"),
        ("notifyChangedAlarm", {"perceivedSeverity": "CLEARED"}, "cleared", None),
        ("notifyClearedAlarm", {}, "cleared", None),
        ("notifyAckStateChanged", {"ackState": "ACKNOWLEDGED", "ackUserId": "x"}, "acknowledged", None),
        ("notifyAckStateChanged", {"ackState": "UNACKNOWLEDGED"}, "unacknowledged", None),
    ],
)
async def test_fault_supervision_of_3gpp_is_an_alarm(
    client: httpx.AsyncClient, log: Log, kind: str, more: dict[str, Any], state: str, severity: str | None
) -> None:
    (alarm,) = await sent(client, log, standard({**NOTICE, **ALARM, "notificationType": kind, **more}))
    data = alarm["data"]
    assert (alarm["type"], data["state"], data.get("severity")) == ("vn.ioc.ran.alarm.v1", state, severity)
    assert (data["alarm"], data["episode"], data["kind"]) == ("THA-G000/NRCellDU=1/Fan", "a1", "equipment")
    assert (data["site"], data["cell"]) == ("HT1", "HT1:1")


async def test_counters_of_3gpp_are_measured_in_whichever_of_their_forms(client: httpx.AsyncClient, log: Log) -> None:
    plain = told("perf3gpp")
    fields = plain["perf3gppFields"]
    wanted = [event["data"] for event in await sent(client, log, plain)]
    for data in (
        {"perf3gppFields": fields},
        {"event": {"perf3gppFields": fields}},
        {"measDataCollection": fields["measDataCollection"]},
    ):
        found = await sent(client, log, standard(data, "3GPP-PerformanceAssurance"))
        assert [event["data"] for event in found] == [{**data} for data in wanted]


async def test_all_other_domains_are_archived_as_they_came(client: httpx.AsyncClient, log: Log) -> None:
    (ready,) = await sent(
        client, log, standard({**NOTICE, "notificationType": "notifyFileReady", "fileInfoList": [{"fileLocation": "/a.xml"}]})
    )
    assert json.loads(ready["data"]["body"])["data"]["fileInfoList"] == [{"fileLocation": "/a.xml"}]
    for domain, model in DOMAINS.items():
        if domain not in ("fault", "measurement", "perf3gpp", "stndDefined", "heartbeat"):
            event = told("heartbeat", domain=domain)
            del event["heartbeatFields"]
            fields = {name: "văn bản" for name, about in model.model_fields.items() if about.is_required()}
            (one,) = await sent(client, log, {**event, f"{domain}Fields": fields})
            assert (one["data"]["domain"], json.loads(one["data"]["body"])) == (domain, fields)


# ---- what is refused


def changed(event: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The event with another value at a path; None: with nothing there."""
    found = copy.deepcopy(event)
    *way, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    inside: Any = found
    for part in way:
        inside = inside[part]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return found


RESULTS = "perf3gppFields.measDataCollection.measInfoList.0.measValuesList.1.measResults"


@pytest.mark.parametrize(
    ("domain", "path", "value", "field", "says"),
    [
        ("fault", "commonEventHeader.sourceName", None, "", "is missing"),
        ("fault", "commonEventHeader.priority", "Urgent", "", "'High', 'Medium', 'Normal' or 'Low'"),
        ("fault", "commonEventHeader.domain", "weather", "", "must be one of fault, heartbeat"),
        ("fault", "commonEventHeader.sequence", -1, "", "greater than or equal to 0"),
        ("fault", "commonEventHeader.lastEpochMicrosec", "1791216000000000", "", "valid number"),
        ("fault", "commonEventHeader.lastEpochMicrosec", NOW * 1000 + 601_000_000, "", "601 s ahead of its reception"),
        ("fault", "commonEventHeader.lastEpochMicrosec", 5_000_000, "", "before 2000"),
        ("fault", "commonEventHeader.vendor", "x", "", "unknown field; Header has domain"),
        ("fault", "faultFields", None, "", "is missing"),
        ("fault", "faultFields.eventSeverity", "SEVERE", "", "'CRITICAL', 'MAJOR'"),
        ("fault", "heartbeatFields", {}, "", "has commonEventHeader and faultFields"),
        ("perf3gpp", f"{RESULTS}.0", {"p": 99, "sValue": "1"}, f"{RESULTS}.0.p", "names 12 measurements"),
        ("perf3gpp", f"{RESULTS}.0", {"p": 1, "sValue": "on"}, f"{RESULTS}.0.sValue", "'on' is no number"),
        ("perf3gpp", f"{RESULTS}.0", {"p": 1}, f"{RESULTS}.0", "one of sValue, iValue, rValue and isNull"),
        (
            "perf3gpp",
            f"{RESULTS}.10",
            {"p": 11, "sValue": "354196"},
            f"{RESULTS}.10",
            "RRU.PrbTotDl must be in % between 0 and 100",
        ),
        ("perf3gpp", f"{RESULTS}.1", {"p": 2, "iValue": 401}, f"{RESULTS}.1", "401.0 successes of RRC.ConnEstabAtt"),
        ("perf3gpp", "perf3gppFields.measDataCollection.granularityPeriod", 0, "", "greater than or equal to 1"),
    ],
)
async def test_a_refusal_names_the_field_of_the_event_and_what_would_be_right(
    client: httpx.AsyncClient, log: Log, domain: str, path: str, value: Any, field: str, says: str
) -> None:
    event = changed(told(domain), path, value)
    body = json.dumps({"event": event}, indent=1).encode()
    status, _, text, variables = error(await client.post(ONE, content=body, headers={"content-type": "application/json"}))
    assert status == 400
    assert f"event.{field or path}" in variables
    assert says in text
    (kept,) = log.refused()
    assert (kept.value, kept.field) == (body, f"event.{field or path}")
    assert RAN not in log.records


async def test_a_batch_is_taken_as_a_whole_or_not_and_then_all_of_it_is_kept(client: httpx.AsyncClient, log: Log) -> None:
    good, bad = told("fault"), changed(told("fault", sourceName="THA-G777"), "faultFields.eventSeverity", "BAD")
    pieces = [json.dumps(event, indent=n).encode() for n, event in enumerate((good, bad, good))]
    body = b'{"eventList": [1], "more": {"eventList": 2}, "eventList" : [ ' + b" , ".join(pieces) + b" ]}"
    answer = await client.post(BATCH, content=body, headers={"content-type": "application/json"})
    assert error(answer)[3][0] == "eventList.1.faultFields.eventSeverity"
    assert log.records.keys() == {rejects.TOPIC}
    assert [(kept.value, kept.source) for kept in log.refused()] == [
        (piece, f"/ves/{name}") for piece, name in zip(pieces, ["THA-G000", "THA-G777", "THA-G000"], strict=True)
    ]
    assert "another one of its batch" in log.refused()[0].message
    assert (await client.post(BATCH, json={"eventList": []})).status_code == 202


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        (ONE, b"{", "not one JSON document"),
        (ONE, b'{"event": 5}', "an event is an object"),
        (ONE, b"[]", "event is missing"),
        (ONE, b'{"eventList": []}', "goes to /eventListener/v7/eventBatch"),
        (BATCH, b'{"event": {}}', "goes to /eventListener/v7"),
        (BATCH, b'{"eventList": {}}', "must be a list"),
        (BATCH, b'{"eventList": [null]}', "an event is an object"),
    ],
)
async def test_a_body_that_holds_no_events_is_refused_and_kept(
    client: httpx.AsyncClient, log: Log, path: str, body: bytes, says: str
) -> None:
    status, _, text, _ = error(await client.post(path, content=body, headers={"content-type": "application/json"}))
    assert (status, says in text) == (400, True), text
    assert len(log.refused()) == 1


async def test_nobody_is_taken_without_user_and_password(log: Log) -> None:
    body = {"event": told("heartbeat")}
    headers = [{}, *({"authorization": value} for value in ("Basic", "Basic !", "Basic Z25iOng=", "Bearer Z25iOng=", "\xff"))]
    async with client_of(log, auth=None) as client:
        for given in headers:
            answer = await client.post(ONE, json=body, headers={k: v.encode("latin-1") for k, v in given.items()})
            assert error(answer)[:2] == (401, "POL2000")
            assert answer.headers["www-authenticate"].startswith("Basic ")
    async with client_of(log, Settings()) as client:
        answer = await client.post(ONE, json=body)
        assert error(answer)[:2] == (503, "SVC1000")
        assert "IOC_VES_USER" in error(answer)[2]
    assert log.records == {}


async def test_other_refusals_are_in_the_standards_words_too(client: httpx.AsyncClient, log: Log) -> None:
    body = {"event": told("heartbeat")}
    assert error(await client.post(ONE, content=b"<a/>", headers={"content-type": "text/xml"}))[:2] == (415, "SVC0002")
    assert error(await client.post("/eventListener/v5", json=body))[:2] == (404, "SVC2000")
    large = json.dumps({**body, "more": "x" * (2 << 20)}).encode()
    json_type = {"content-type": "application/json"}
    assert error(await client.post(ONE, content=large, headers=json_type))[:2] == (413, "POL9003")
    packed = {**json_type, "content-encoding": "gzip"}
    assert error(await client.post(ONE, content=gzip.compress(large), headers=packed))[:2] == (413, "POL9003")
    assert (await client.post(ONE, content=gzip.compress(json.dumps(body).encode()), headers=packed)).status_code == 202
    log.fails = ServiceAway("no")
    away = await client.post(ONE, json=body)
    assert (*error(away)[:2], away.headers["retry-after"]) == (503, "SVC1000", "5")
    text = (await client.get("/metrics")).text
    assert 'ioc_gateway_requests_total{status="413"} 2.0' in text


# ---- whatever is sent

ODD: list[Any] = [None, "", "x" * 600, 0, -1, 1.5, 10**30, True, [], {}, "\x00", "*", "1e999", [{}], {"a": "b"}, 1e300]


def spoiled(dice: random.Random, event: Any) -> Any:
    """The event with some of its parts changed, dropped or doubled, wherever they stand."""
    found = copy.deepcopy(event)
    for _ in range(dice.randint(1, 3)):
        places, todo = list[tuple[Any, Any]](), [found]
        while todo:
            inside = todo.pop()
            for key in inside if isinstance(inside, dict) else range(len(inside)):
                places.append((inside, key))
                todo += [inside[key]] if isinstance(inside[key], dict | list) else []
        if places:
            inside, key = dice.choice(places)
            if dice.random() < 0.3:
                del inside[key]
            else:
                inside[key] = dice.choice(ODD)
    return found


@pytest.mark.parametrize(
    ("seed", "many"), [(17, 400), pytest.param(random.randrange(1 << 32), 4_000, marks=pytest.mark.proof, id="any-4000")]
)
async def test_a_spoiled_event_is_taken_or_refused_with_its_field_and_never_a_fault_of_the_collector(
    log: Log, client: httpx.AsyncClient, seed: int, many: int
) -> None:
    dice, seen = random.Random(seed), Counter[int]()
    measurement = {
        "measurementFieldsVersion": "4.0", "measurementInterval": 60, "requestRate": 1,
        "memoryUsageArray": [{"vmIdentifier": "a", "memoryFree": 1}],
        "additionalMeasurements": [{"name": "a", "hashMap": {"b": "1"}}],
    }  # fmt: skip
    events = [told(domain) for domain in ("fault", "perf3gpp", "heartbeat")]
    events.append(standard({**NOTICE, **ALARM, "notificationType": "notifyNewAlarm"}))
    events.append(
        {"commonEventHeader": told("heartbeat", domain="measurement")["commonEventHeader"], "measurementFields": measurement}
    )
    for _ in range(many):
        batch = dice.random() < 0.2
        body = {"eventList": [dice.choice(events), dice.choice(events)]} if batch else {"event": dice.choice(events)}
        answer = await client.post(BATCH if batch else ONE, json=spoiled(dice, body))
        seen[answer.status_code] += 1
        assert answer.status_code in (202, 400), (seed, answer.text)
        if answer.status_code == 400:
            assert error(answer)[3], seed
    assert seen[202] > 20, "some changes do no harm"
    for _, value, _ in log.records[RAN]:
        assert not isinstance(exact(value, (), contracts()), Reject), seed
    assert sum(seen.values()) == many


OPENAPI = schemathesis.openapi.from_asgi("/openapi.json", gateway.build(SETTINGS, Log()), headers={"host": "localhost"})


@pytest.mark.proof  # half a minute; the test above spoils events at every depth
@OPENAPI.include(path_regex="^/eventListener").parametrize()
@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_openapi_document_tells_the_truth_of_the_collector(case: schemathesis.Case) -> None:
    checks = schemathesis.checks
    case.call_and_validate(
        headers={"host": "localhost"},
        auth=("gnb", "mật khẩu: 5G".encode()),
        checks=[
            checks.not_a_server_error,
            checks.status_code_conformance,
            checks.response_schema_conformance,
            checks.response_headers_conformance,
            checks.content_type_conformance,
        ],
    )


@pytest.mark.parametrize(
    "name",
    [
        "SubNetwork=1,ManagedElement=HT1,GNBDUFunction=1,NRCellDU=2",
        "MeContext=B,ManagedElement=1,ENodeBFunction=1,EUtranCellFDD=31",
        "ManagedElement=HT1,GNBCUCPFunction=1,NRCellCU=2,NRCellRelation=7", "ManagedElement=HT1",
    ],
)  # fmt: skip
def test_a_cell_has_the_code_that_pm_files_give_it(name: str) -> None:
    where = dn.place("", "", name)
    assert place(name, "x") == (where.site, None if where.cell == where.site else where.cell)
    assert place(f"https://ems/{name.replace(',', '/')}", "x") == place(name, "x")
