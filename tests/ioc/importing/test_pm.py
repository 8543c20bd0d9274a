"""PM files: every result becomes a measurement of its object and period, and a file that is broken counts not at all."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.gateway.mapped import for_files
from ioc.importing import pm
from ioc.importing.dn import place
from ioc.importing.maps import load_map
from ioc.importing.told import check
from ioc.importing.translate import Statistics, read_events
from ioc.settings import Settings
from schemas import contracts
from tests import pm_files
from tests.counting import count, pipeline, real_store, verdicts
from tests.data import DATA, needs
from tests.logs import record

MAP = load_map("pm")
NS = 'xmlns="http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec"'
PERIOD = '<granPeriod duration="PT900S" endTime="2026-05-14T08:15:00+0700"/>'
TYPES = '<measType p="1">RRC.ConnEstabAtt</measType><measType p="2">pmOwn</measType>'
VALUE = '<measValue measObjLdn="NRCellDU=1"><r p="1">7</r><r p="2">1.5</r></measValue>'


def text(info: str, header: str = 'vendorName="V" dnPrefix="SubNetwork=G"', sender: str = "A", element: str = "A") -> str:
    """A file with a measInfo of this content."""
    return f"""<?xml version="1.0"?>
<measCollecFile {NS}>
<fileHeader {header}><fileSender localDn="{sender}"/><measCollec beginTime="2026-05-14T08:00:00+0700"/></fileHeader>
<measData><managedElement localDn="{element}"/>
<measInfo measInfoId="g">
{info}
</measInfo>
</measData>
<fileFooter><measCollec endTime="2026-05-14T08:15:00+0700"/></fileFooter>
</measCollecFile>"""


def events(folder: Path, **files: str | bytes) -> list[dict[str, Any]]:
    """What the shipped map makes of files; each that has a time is taken by the contract."""
    for name, content in files.items():
        (folder / f"{name}.xml").write_bytes(content if isinstance(content, bytes) else content.encode())
    found = [json.loads(one.value) for one in read_events([folder], MAP)]
    for event in found:
        if not event["time"].startswith("bad_file"):
            verdict = exact(json.dumps(event).encode(), (), contracts())
            assert not isinstance(verdict, Reject), verdict
    return found


def trouble(folder: Path, content: str | bytes) -> str:
    """Why a file is not read; it gives one event, which is none."""
    (found,) = events(folder, a=content)
    assert isinstance(exact(json.dumps(found).encode(), (), contracts()), Reject)
    return str(found["time"])


def values(event: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(m["name"], m.get("value"), m.get("vector"), m.get("unit")) for m in event["data"]["measurements"]]


# ---- what a file says


def test_an_object_of_a_period_is_an_event_with_all_its_results(tmp_path: Path) -> None:
    results = '<r p="2">1,2,0</r><r p="3"/><r p="1">7</r><r p="4"> , 3 ,</r><r p="5">-1.5E3</r>'
    types = TYPES + "".join(
        f'<measType p="{p}">{name}</measType>' for p, name in ((3, "DRB.UEThpDl.5QI9"), (4, "pmV"), (5, "pmX"))
    )
    value = f'<measValue measObjLdn="GNBDUFunction=1,NRCellDU=3"><suspect>true</suspect>{results}</measValue>'
    (found,) = events(tmp_path, a=text(PERIOD + types + value))
    dn = "SubNetwork=G,ManagedElement=A,GNBDUFunction=1,NRCellDU=3"
    assert (found["source"], found["id"]) == ("/pm/SubNetwork=G,A", f"{dn};g;2026-05-14T01:15:00Z")
    assert found["time"] in ("2026-05-14T01:00:00Z", "2026-05-14T01:00:00+00:00"), "endTime less granPeriod"
    assert found["data"] | {"measurements": 0} == {
        "cell": "A:3", "site": "A", "period_s": 900, "suspect": True, "vendor": "V", "object": dn, "object_type": "NRCellDU",
        "group": "g", "measurements": 0,
    }  # fmt: skip
    assert values(found) == [
        ("pmOwn", None, "1,2,0", None), ("DRB.UEThpDl.5QI9", None, None, "kbit/s"), ("RRC.ConnEstabAtt", 7.0, None, "1"),
        ("pmV", None, ",3,", None), ("pmX", -1500.0, None, None),
    ]  # fmt: skip


def test_the_other_dialect_and_the_other_style_say_the_same(tmp_path: Path) -> None:
    lists = "<measTypes>RRC.ConnEstabAtt pmOwn\n pmNone</measTypes>"
    by_lists = text(f'{PERIOD}{lists}<measValue measObjLdn="NRCellDU=1"><measResults>7 1,2,0\tNULL</measResults></measValue>')
    other = by_lists
    for old, new in (
        ("measCollecFile", "measDataFile"), ("managedElement", "measEntity"), ("<measCollec ", "<measData "),
        ("32_series/32.435#measCollec", "28_series/28.532#measData"), ("fileSender localDn", "fileSender senderName"),
    ):  # fmt: skip
        other = other.replace(old, new)
    results = '<r p="1">7</r><r p="2">1,2,0</r><r p="3"/>'
    by_p = text(f'{PERIOD}{TYPES}<measType p="3">pmNone</measType><measValue measObjLdn="NRCellDU=1">{results}</measValue>')
    prefixed = by_p.replace("<", "<m:").replace("<m:/", "</m:").replace("<m:?", "<?").replace("xmlns=", "xmlns:m=")
    first, *others = events(tmp_path, a=by_p, b=by_lists, c=other, d=prefixed, e=by_p.encode("utf-16"))
    assert [*others] == [first] * 4
    assert values(first) == [("RRC.ConnEstabAtt", 7.0, None, "1"), ("pmOwn", None, "1,2,0", None), ("pmNone", None, None, None)]


def test_a_file_may_have_several_granularities_jobs_and_elements(tmp_path: Path) -> None:
    def info(group: str, job: str, duration: str, end: str) -> str:
        head = f'<measInfo {group}>{job}<granPeriod duration="{duration}" endTime="{end}"/>'
        return f'{head}<measType p="1">pmA</measType><measValue measObjLdn="NRCellDU=1"><r p="1">1</r></measValue></measInfo>'

    infos = [
        info('measInfoId="g"', '<job jobId="1"/>', "PT15M", "2026-05-14T08:15:00+07:00"),
        info('measInfoId="g"', '<job jobId="2"/>', "PT900S", "2026-05-14T01:15:00Z"),
        info('measInfoId="g"', '<job jobId="1"/>', "PT1H", "2026-05-14T08:15:00.000+0700"),
        info("", "", "P1D", "2026-05-14T08:15:00+0700"),
    ]
    whole = text("").replace(
        "</measData>\n<fileF", f'</measData><measData><managedElement localDn="B"/>{"".join(infos)}</measData>\n<fileF'
    )
    found = events(tmp_path, a=whole)
    assert [(event["time"][:16], event["data"]["period_s"]) for event in found] == [
        ("2026-05-14T01:00", 900), ("2026-05-14T01:00", 900), ("2026-05-14T00:15", 3600), ("2026-05-13T01:15", 86_400),
    ]  # fmt: skip
    assert len({(event["id"], event["time"]) for event in found}) == 4
    assert {event["data"]["site"] for event in found} == {"B"}


@pytest.mark.parametrize(
    ("element", "measured", "site", "cell"),
    [
        ("A", "ManagedElement=A,GNBCUCPFunction=1,NRCellCU=2,NRCellRelation=9", "A", "A:2"),
        ("ManagedElement=A", "GNBDUFunction=1,NRCellDU=2", "A", "A:2"),
        ("ManagedElement=A", "", "A", "A"),
        ("A", "Equipment=1,Unit=NRCellDU", "A", "A"),
        (
            "SubNetwork=G,MeContext=B,ManagedElement=1",
            "ManagedElement=1,ENodeBFunction=1,EUtranCellTDD=2",
            "B",
            "B:EUtranCellTDD=2",
        ),
        ("", "MeContext=B,GNBDUFunction=7,NRCellDU=2", "B", "B:2"),
        ("", "gNB=B,GNBDUFunction=7,NRCellDU=2", "B", "B:2"),
        ("", "NRCellDU=2", "S", "S:2"),
    ],
)
def test_site_and_cell_come_from_the_name_of_the_object(element: str, measured: str, site: str, cell: str) -> None:
    found = place("", element, measured, "SubNetwork=G,NE=S")
    assert (found.site, found.cell) == (site, cell)


def test_without_a_sender_the_element_has_sent_and_a_long_id_ends_with_its_hash(tmp_path: Path) -> None:
    long = [f'<measValue measObjLdn="A={"x" * 300},NRCellDU={n}"><r p="1">{n}</r></measValue>' for n in (1, 2)]
    found = events(tmp_path, a=text(PERIOD + TYPES + "".join(long), sender="", element="ManagedElement=E"))
    assert {event["source"] for event in found} == {"/pm/SubNetwork=G,ManagedElement=E"}
    assert [len(event["id"]) for event in found] == [256, 256]
    assert found[0]["id"] != found[1]["id"]


# ---- what is broken


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (text(PERIOD + TYPES + VALUE).replace("</measData>", ""), "line 10: no XML: Opening and ending tag mismatch"),
        (text(PERIOD + TYPES + VALUE)[:-40], "no XML: "),
        (text(PERIOD + TYPES + "\n\n" + VALUE + VALUE.replace("1.5", "abc")), "line 8: pmOwn: 'abc' is no number"),
        (text(PERIOD + TYPES + VALUE.replace("1.5", "1,x")), "line 6: pmOwn: '1,x' is no number, nor several"),
        (text(PERIOD + TYPES + VALUE.replace("1.5", "nan")), "'nan' is no number"),
        (text(PERIOD + TYPES + VALUE.replace('"2"', '"3"')), "<r> has p='3', which no <measType>"),
        (text(PERIOD + TYPES + VALUE.replace('r p="2"', 'r p="1"')), "<r> has p='1', as another result"),
        (text(PERIOD + TYPES.replace('"2"', '"1"') + VALUE), "has p='1', as another one"),
        (text(PERIOD + "<measTypes>a b</measTypes>" + '<measValue measObjLdn="X=1"><measResults>1</measResults></measValue>'),
         "line 6: <measResults> has 1 results for 2 types"),
        (text(PERIOD + TYPES + VALUE.replace("<r p=\"1\">", "<suspect>maybe</suspect><r p=\"1\">")), "<suspect> is 'maybe'"),
        (text(TYPES + VALUE), "<measValue> in a <measInfo> without <granPeriod>"),
        (text(PERIOD.replace("PT900S", "P1M") + TYPES + VALUE), "line 6: granPeriod duration='P1M' is no period"),
        (text(PERIOD.replace("+0700", "") + TYPES + VALUE), "endTime='2026-05-14T08:15:00' is no time with an offset"),
        (text(VALUE).replace("<measInfo measInfoId=\"g\">", "").replace("</measInfo>", ""), "<measValue> stands in <measData>"),
        ("<mdc/>", "line 1: the root is <mdc>, not <measCollecFile> or <measDataFile>"),
        ("", "line 1: no XML: "),
        ("a,b\n1,2\n", "no XML: "),
        (b"\x1f\x8b\x08\x00broken", "it cannot be unpacked: "),
        (gzip.compress(text(PERIOD + TYPES + VALUE).encode())[:-9], "it cannot be unpacked: "),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_as_a_whole_with_the_line_and_the_others_count(
    tmp_path: Path, content: str | bytes, why: str
) -> None:
    assert why in trouble(tmp_path, content)
    found = events(tmp_path, b=text(PERIOD + TYPES + VALUE))
    assert [event["time"][:8] for event in found] == ["bad_file", "2026-05-"]


def test_a_broken_member_of_a_zip_stops_no_other(tmp_path: Path) -> None:
    good = text(PERIOD + TYPES + VALUE)
    with zipfile.ZipFile(tmp_path / "day.zip", "w") as archive:
        archive.writestr("a.xml", good[:300])
        archive.writestr("b.xml.gz", gzip.compress(good.encode()))
        archive.writestr("readme.txt", "no PM file")
    statistics = Statistics()
    found = [json.loads(one.value) for one in read_events([tmp_path / "day.zip"], MAP, statistics)]
    assert [event["time"][:8] for event in found] == ["bad_file", "2026-05-"]
    assert (statistics.rows, statistics.broken) == (2, 1)


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
BOMBS = {
    "entities": text(PERIOD + TYPES + VALUE)
    .replace("<measC", f'<!DOCTYPE m [<!ENTITY e0 "ha">{ENTITIES}]><measC', 1)
    .replace(">7<", ">&e11;<"),
    "external": text(PERIOD + TYPES + VALUE).replace("<measC", '<!DOCTYPE m SYSTEM "file:///etc/passwd"><measC', 1),
    "undeclared": text(PERIOD + TYPES + VALUE).replace(">7<", ">&e;<"),
    "deep": text(PERIOD + TYPES + "<a>" * 300_000),
    "wide": text(PERIOD + TYPES + VALUE.replace("</measValue>", '<r p="1"/>' * 400_000 + "</measValue>")),
    "long": text(PERIOD + TYPES + VALUE.replace("7", "7" * 30_000_000)),
    "nothing": " " * 3_000_000,
    "attribute": text(PERIOD + TYPES + VALUE.replace("NRCellDU=1", "x" * 30_000_000)),
}
BOMBED = """
import json, resource, sys, time
from pathlib import Path
from ioc.importing.maps import load_map
from ioc.importing.translate import read_events
log_map, before = load_map("pm"), resource.getrusage(resource.RUSAGE_SELF)
for path in map(Path, sys.argv[1:]):
    began = time.process_time()
    said = [json.loads(e.value)["time"] for e in read_events([path], log_map)]
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before.ru_maxrss
    print(json.dumps([path.name.split(".")[0], said, time.process_time() - began, used / 1024]))
"""


def test_bombs_cost_less_than_a_second_and_200_mb(tmp_path: Path) -> None:
    """Entities, documents types, depth, width, length, and what unpacks to a thousand times its size."""
    paths = []
    for name, content in BOMBS.items():
        paths.append(tmp_path / f"{name}.xml.gz")
        paths[-1].write_bytes(gzip.compress(content.encode(), 1))
    paths.append(tmp_path / "packed.xml.gz")
    unit = gzip.compress(b"<a/>" * (4 << 20), 9)  # members of a gzip unpack one after the other
    paths[-1].write_bytes(gzip.compress(text(PERIOD + TYPES).partition("</measInfo>")[0].encode()) + unit * 64)
    done = subprocess.run([sys.executable, "-c", BOMBED, *map(str, paths)], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        name, said, seconds, mb = json.loads(line)
        assert [one[:8] for one in said] == ["bad_file"], name
        assert max(seconds, mb / 200) < 1, (name, seconds, mb)
    assert done.stdout.count("\n") == len(paths)


def test_memory_does_not_grow_with_the_file() -> None:
    """What was read is let go: one object more costs nothing."""
    body = (VALUE + "<other><x/></other>\n").encode()
    head, tail = text(PERIOD + TYPES + "@").encode().split(b"@")

    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            self.left = [tail, *[body * 500] * 8, head]

        def read(self, size: int = -1) -> bytes:
            return self.left.pop() if self.left else b""

    tracemalloc.start()  # Python's own objects; the bombs above tell of libxml2's
    rows = sum(1 for _ in pm.measured(Endless()))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 4_000
    assert peak < 4 << 20


def test_a_counter_out_of_its_range_is_told_with_its_line_and_refuses_that_object_alone(tmp_path: Path) -> None:
    """A count of resource blocks under the name of a percentage, and more successes than attempts."""
    types = TYPES.replace("pmOwn", "RRC.ConnEstabSucc") + '<measType p="3">RRU.PrbTotDl</measType>'
    values = [(7, 7, 100), (7, 7, 354), (7, 8, 1)]
    told = "\n".join(
        f'<measValue measObjLdn="NRCellDU={n}"><r p="1">{tried}</r><r p="2">{done}</r><r p="3">{blocks}</r></measValue>'
        for n, (tried, done, blocks) in enumerate(values)
    )
    (tmp_path / "a.xml").write_text(text(PERIOD + types + told))
    found = check([tmp_path], MAP, Settings(), 2_000_000_000_000)
    assert (found.statistics.events, found.rejected) == (3, 2)
    faults = {(kind.reason, fault.line, fault.message.partition(",")[0]) for kind in found.refused for fault in kind.first}
    assert faults == {
        ("unit_mismatch", 7, "RRU.PrbTotDl must be in % between 0 and 100"),
        (
            "unit_mismatch",
            8,
            "RRC.ConnEstabSucc counts 8.0 successes of RRC.ConnEstabAtt 7.0: a success is counted in the period of its attempt",
        ),
    }


# ---- maps


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"{cell}"', '"{Cell}"', "a PM file has no column 'Cell'; it has id, begin"),
        ("[event.data]", 'each = "r"\n[event.data]', "all results of a PM file are the event's measurements"),
        ("[[event]]", '[personal]\nhmac = ["site"]\n[[event]]', "a PM file has nothing personal"),
        ("ran.measured", "dossier.changed", "has no named quantities, and a PM file has nothing else"),
        ('source = "/pm"', 'source = "/pm"\non_change = "correct"', "on_change: vn.ioc.ran.measured.v1 has no state"),
    ],
)
def test_a_map_that_contradicts_a_pm_file_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    shipped = Path(__file__).parents[3] / "streams/maps/pm.toml"
    (tmp_path / "my.toml").write_text(shipped.read_text().replace(old, new, 1))
    with pytest.raises(UsageError, match=why):
        load_map(str(tmp_path / "my.toml"))


def test_pm_files_come_as_files_alone() -> None:
    assert "a message is JSON" in for_files(MAP)


# ---- the truth


def test_what_arrives_late_twice_or_never_leaves_each_result_once_as_it_was_told(store_url: str, tmp_path: Path) -> None:
    """Through the real store; the truth is the generator's own."""
    levels = ("RRU.PrbTotDl", "RRU.PrbTotUl", "DRB.UEThpDl", "DRB.UEThpUl")
    shares = {"empty": 0.05, "suspect": 0.1, "drop": 0.1, "late": 0.1, "repeat": 0.2}
    made = pm_files.make(tmp_path / "day", cells=5, periods=8, seed=4, filled=levels, **shares)
    assert made.dropped
    assert made.suspects
    now = pm_files.BEGIN + 86_400_000
    sent = [json.loads(event.value) for path in made.arrivals for event in read_events([path], MAP)]
    store = real_store(store_url, "pm_files")
    count(pipeline(store, 1), [record(event, n, now + n) for n, event in enumerate(sent)])
    rows = store.query("SELECT toUnixTimestamp64Milli(time), value FROM events FINAL WHERE verdict = 'accepted'").rows()
    accepted = [(at, json.loads(value)["data"]) for at, value in rows]
    found = [((data["cell"], at, one["name"]), one["value"]) for at, data in accepted for one in data["measurements"]]
    assert len(found) == len(dict(found)) == made.results, "each result once"
    assert {key: value for key, value in found if key[:2] not in made.suspects} == pytest.approx(made.told)
    assert [verdict for verdict, _ in verdicts(store).values()].count("duplicate") == len(sent) - len(rows) > 0
    doubted = {(data["cell"], at) for at, data in accepted if data.get("suspect")}
    assert doubted == {(cell, at) for cell, at in made.suspects if (cell.split(":")[0], at) not in made.dropped} != set()


@needs("ran/pm")
def test_the_real_file_gives_every_result_its_empty_ones_and_its_suspects(tmp_path: Path) -> None:
    found = [json.loads(one.value) for one in read_events([DATA / "ran/pm"], MAP)]
    results = [one for event in found for one in event["data"]["measurements"]]
    assert len(results) == 2_667
    assert sum("vector" in one for one in results) == 409
    assert sum("vector" not in one and one["value"] is None for one in results) == 27
    assert sum(event["data"].get("suspect", False) for event in found) == 2
    assert len({(event["source"], event["id"], event["time"]) for event in found}) == len(found) == 125
    assert not [one for event in found if isinstance(one := exact(json.dumps(event).encode(), (), contracts()), Reject)]
