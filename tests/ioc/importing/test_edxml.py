"""edXML: headers of both dialects become events; what is behind a header, and what attacks a parser, is never read."""

from __future__ import annotations

import gzip
import io
import json
import re
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.gateway.mapped import for_files
from ioc.importing import edxml
from ioc.importing.edxml import header
from ioc.importing.maps import load_map
from ioc.importing.rows import LONGEST, Reading
from ioc.importing.sources import read_rows
from ioc.importing.told import check
from ioc.importing.translate import read_events
from ioc.settings import Settings
from ioc.times import to_ms
from schemas import contracts
from tests.docs import ROOT

QCVN, EDOC = edxml.NAMESPACES
EXAMPLES = ROOT / "docs/examples/documents"
NOBODY = "KHONG CO THAT"
"""Whatever is personal in a fixture contains these words ("not real")."""
STANDARD = f"""<?xml version="1.0" encoding="utf-8"?>
<edXML xmlns="{QCVN}">
  <edXML:edXMLEnvelope xmlns:edXML="{QCVN}">
    <edXML:edXMLHeader>
      <edXML:MessageHeader>
        <edXML:From><edXML:OrganId>000.00.03.H56</edXML:OrganId><edXML:OrganizationInCharge>UBND tỉnh</edXML:OrganizationInCharge>
          <edXML:OrganName>Sở Nội vụ</edXML:OrganName><edXML:Email>{NOBODY}</edXML:Email></edXML:From>
        <edXML:To><edXML:OrganId>000.01.10.H56</edXML:OrganId><edXML:OrganName>UBND phường Hàm Rồng</edXML:OrganName></edXML:To>
        <edXML:To><edXML:OrganId> 000.01.11.H56 </edXML:OrganId><edXML:Telephone>{NOBODY}</edXML:Telephone></edXML:To>
        <edXML:Code><edXML:CodeNumber>123</edXML:CodeNumber><edXML:CodeNotation>SNV-VP</edXML:CodeNotation></edXML:Code>
        <edXML:PromulgationInfo><edXML:Place>Thanh Hóa</edXML:Place>
          <edXML:PromulgationDate>2026/06/01</edXML:PromulgationDate></edXML:PromulgationInfo>
        <edXML:DocumentType><edXML:Type>2</edXML:Type></edXML:DocumentType>
        <edXML:Subject>{NOBODY}</edXML:Subject><edXML:Content>{NOBODY}</edXML:Content>
        <edXML:SignerInfo><edXML:FullName>{NOBODY}</edXML:FullName></edXML:SignerInfo>
        <edXML:ToPlaces><edXML:Place>a</edXML:Place><edXML:Place>b</edXML:Place></edXML:ToPlaces>
        <edXML:DocumentId>000.00.03.H56,2026/06/01,123/SNV-VP</edXML:DocumentId>
      </edXML:MessageHeader>
      <edXML:TraceHeaderList id="7" version="1.0">
        <edXML:TraceHeader><edXML:OrganId>000.00.03.H56</edXML:OrganId>
          <edXML:Timestamp>2026/06/01 09:42:10</edXML:Timestamp></edXML:TraceHeader>
        <edXML:TraceHeader><edXML:OrganId>000.00.00.H56</edXML:OrganId>
          <edXML:Timestamp>2026/06/01 09:43:00</edXML:Timestamp></edXML:TraceHeader>
        <edXML:Bussiness><edXML:BussinessDocType>0</edXML:BussinessDocType>
          <edXML:StaffInfo><edXML:Staff>{NOBODY}</edXML:Staff></edXML:StaffInfo></edXML:Bussiness>
      </edXML:TraceHeaderList>
      <edXML:Signature><SignatureValue xmlns="http://www.w3.org/2000/09/xmldsig#">{NOBODY}</SignatureValue></edXML:Signature>
    </edXML:edXMLHeader>
    <edXML:edXMLBody><edXML:edXMLManifest><edXML:Reference/></edXML:edXMLManifest></edXML:edXMLBody>
  </edXML:edXMLEnvelope>
  <AttachmentEncoded><Attachment><ContentTransferEncoded>{NOBODY}</ContentTransferEncoded></Attachment></AttachmentEncoded>
</edXML>
"""
DIALECT = f"""<EdXMLEnvelope xmlns="{EDOC}">
  <MessageHeader>
    <From><OrganId>000.01.10.H56</OrganId><OrganName>UBND phường Hàm Rồng</OrganName></From>
    <To><OrganId>000.00.03.H56</OrganId><OrganName>Sở Nội vụ</OrganName></To>
    <Code><CodeNumber>7</CodeNumber><CodeNotation>UBND</CodeNotation></Code>
    <PromulgationInfo><PromulgationDate>2026-06-02</PromulgationDate></PromulgationInfo>
    <Subject>{NOBODY}</Subject>
    <SignerInfo><Competence>{NOBODY}</Competence></SignerInfo><OtherInfo><PageAmount>1</PageAmount></OtherInfo>
    <DocumentId>97056f07-7371-42d0-a039-8b4917ed613f</DocumentId>
    <TraceHeaderList><TraceHeader><OrganId>000.01.10.H56</OrganId><Timestamp>2026/06/02 10:00:00</Timestamp></TraceHeader>
    </TraceHeaderList>
  </MessageHeader>
  <Manifest><Attachment><Content>{NOBODY}</Content></Attachment></Manifest>
</EdXMLEnvelope>
"""
STATUS = f"""<edXMLEnvelope xmlns="{EDOC}"><edXMLHeader><Status>
  <ResponseFor><OrganId>000.00.03.H56</OrganId><Code>123/SNV-VP</Code><PromulgationDate>2026/06/01</PromulgationDate>
    <DocumentId>000.00.03.H56,2026/06/01,123/SNV-VP</DocumentId></ResponseFor>
  <From><OrganId>000.01.10.H56</OrganId></From><StatusCode>03</StatusCode><Description>{NOBODY}</Description>
  <Timestamp>2026/06/01 14:05:00</Timestamp><StaffInfo><Staff>{NOBODY}</Staff></StaffInfo>
</Status></edXMLHeader></edXMLEnvelope>
"""


def events(folder: Path, **files: str | bytes) -> list[dict[str, Any]]:
    """What the shipped map makes of files."""
    for name, content in files.items():
        (folder / f"{name}.xml").write_bytes(content if isinstance(content, bytes) else content.encode())
    return [json.loads(one.value) for one in read_events([folder], load_map("edxml"))]


def trouble(content: bytes) -> str:
    document = header(io.BytesIO(content))
    assert document.value is None
    return document.trouble


def facts(event: dict[str, Any]) -> tuple[str, ...]:
    data = event["data"]
    assert not isinstance(exact(json.dumps(event).encode(), (), contracts()), Reject)
    return (event["id"], event["time"], data["delivery"], data["status"], data["sender"], data["receiver"])


def test_a_document_of_the_standard_is_an_event_for_each_receiver(tmp_path: Path) -> None:
    document = "000.00.03.H56,2026/06/01,123/SNV-VP"
    found = events(tmp_path, a=STANDARD)
    assert [facts(event) for event in found] == [
        (f"{document}/{to}/2026/06/01 09:42:10", "2026-06-01T02:42:10Z", f"{document}/{to}", "arrived", "000.00.03.H56", to)
        for to in ("000.01.10.H56", "000.01.11.H56")
    ]
    assert found[0]["data"] | {"delivery": 0} == {
        "delivery": 0, "status": "arrived", "document": document, "sender": "000.00.03.H56", "receiver": "000.01.10.H56",
        "code": "123/SNV-VP",
    }  # fmt: skip


def test_the_dialect_has_no_wrapper_of_the_header_and_its_trace_within_the_message(tmp_path: Path) -> None:
    (found,) = events(tmp_path, a=DIALECT)
    document = "97056f07-7371-42d0-a039-8b4917ed613f"
    said = (f"{document}/000.00.03.H56", "arrived", "000.01.10.H56", "000.00.03.H56")
    assert facts(found) == (f"{document}/000.00.03.H56/2026/06/02 10:00:00", "2026-06-02T03:00:00Z", *said)
    prefixed = DIALECT.replace("<", "<e:").replace("<e:/", "</e:").replace("xmlns=", "xmlns:e=")
    assert events(tmp_path, a=prefixed) == [found]


def test_a_status_is_an_event_of_the_same_delivery(tmp_path: Path) -> None:
    arrived, _, received = events(tmp_path, a=STANDARD, b=STATUS)
    assert facts(received)[1:4] == ("2026-06-01T07:05:00Z", arrived["data"]["delivery"], "received")
    assert received["data"].keys() == arrived["data"].keys() - {"code"}


@pytest.mark.parametrize(
    ("code", "status"),
    [("01", "arrived"), ("02", "refused"), ("04", "assigned"), ("05", "processing"), ("06", "completed"), ("15", "recall_agreed"),
     ("16", "recall_refused")],
)  # fmt: skip
def test_every_status_code_has_its_word(tmp_path: Path, code: str, status: str) -> None:
    (found,) = events(tmp_path, a=STATUS.replace(">03<", f">{code}<"))
    assert found["data"]["status"] == status


def test_a_status_of_13_is_unwanted_for_it_names_no_receiver_and_one_that_is_none_is_a_reject(tmp_path: Path) -> None:
    assert events(tmp_path, a=STATUS.replace(">03<", ">13<")) == []
    (tmp_path / "a.xml").write_text(STATUS.replace(">03<", ">07<"))
    (refused,) = check([tmp_path], load_map("edxml"), Settings(), to_ms("2026-07-01T00:00:00Z")).refused
    assert (refused.reason, refused.field, refused.count) == ("schema", "data.status", 1)
    assert "Status.StatusCode `07`" in refused.first[0].message


def again(text: str, later: str = "2026/06/09 09:42:10") -> str:
    """The same with another time, as what is sent again has."""
    return text.replace("2026/06/01 09:42:10", later).replace("2026/06/01 14:05:00", later)


@pytest.mark.parametrize("code", ["01", "02", "05", "16"])
def test_what_is_told_again_later_is_a_further_event_and_the_same_file_is_the_same(tmp_path: Path, code: str) -> None:
    status = STATUS.replace(">03<", f">{code}<")
    found = events(tmp_path, a=STANDARD, b=status, c=again(STANDARD), d=again(status))
    assert len({event["id"] for event in found}) == len(found) == 6
    same = events(tmp_path, a=STANDARD, b=STANDARD, c=status, d=status)
    assert len({event["id"] for event in same}) == len({json.dumps(event) for event in same}) == 3


def test_a_header_and_a_status_of_01_of_one_moment_are_two_events(tmp_path: Path) -> None:
    found = events(tmp_path, a=again(STANDARD), b=again(STATUS.replace(">03<", ">01<")))
    assert len({event["id"] for event in found}) == len(found) == 3


def test_a_document_asked_back_twice_is_asked_back_twice(tmp_path: Path) -> None:
    asked = STANDARD.replace("Type>0<", "Type>1<").replace("<edXML:Bussiness>", "<edXML:Bussiness><edXML:DocumentId>D<", 1)
    asked = asked.replace("DocumentId>D<", "DocumentId>D</edXML:DocumentId>")
    assert len({event["id"] for event in events(tmp_path, a=asked, b=again(asked))}) == 4
    dated = asked.replace("Timestamp", "Else")
    assert [facts(event)[:2] for event in events(tmp_path, a=dated, b=dated)][:1] == [
        ("D/000.01.10.H56/13/2026/06/01", "2026-05-31T17:00:00Z")
    ]


@pytest.mark.parametrize("text", [STATUS, DIALECT.replace("PromulgationDate", "Else")])
def test_what_has_no_time_is_refused_for_its_time(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.xml").write_text(text.replace("Timestamp", "Else"))
    found = check([tmp_path], load_map("edxml"), Settings(), to_ms("2026-07-01T00:00:00Z"))
    assert [(kind.reason, kind.field, kind.count) for kind in found.refused] == [("schema", "time", 1)]


def test_a_recall_is_of_the_document_it_names(tmp_path: Path) -> None:
    asked = STANDARD.replace("Type>0<", "Type>1<").replace(
        "<edXML:Bussiness>", "<edXML:Bussiness><edXML:DocumentId>D-1</edXML:DocumentId>"
    )
    found = events(tmp_path, a=asked)
    assert [facts(event)[0] for event in found] == [
        f"D-1/{to}/13/2026/06/01 09:42:10" for to in ("000.01.10.H56", "000.01.11.H56")
    ]
    assert {event["data"]["status"] for event in found} == {"recalled"}


def test_without_an_id_the_document_is_what_the_standard_makes_an_id_of(tmp_path: Path) -> None:
    expected = [facts(event) for event in events(tmp_path, a=STANDARD, b=STATUS)]
    (line,) = [line for line in STANDARD.splitlines() if "DocumentId" in line]
    (piece,) = [line for line in STATUS.splitlines() if "DocumentId" in line]
    bare = STATUS.replace(piece, "</ResponseFor>")
    assert [facts(event) for event in events(tmp_path, a=STANDARD.replace(line, ""), b=bare)] == expected


def test_without_a_trace_the_day_it_was_signed_is_the_time(tmp_path: Path) -> None:
    bare = STANDARD.replace("TraceHeaderList", "Else")
    assert {event["time"] for event in events(tmp_path, a=bare)} == {"2026-05-31T17:00:00Z"}


def test_no_personal_value_is_in_any_event(tmp_path: Path) -> None:
    assert NOBODY not in json.dumps(events(tmp_path, a=STANDARD, b=DIALECT, c=STATUS))


def test_the_examples_of_the_docs_are_read_in_utf_16_and_nfd_too(tmp_path: Path) -> None:
    plain = [json.loads(one.value) for one in read_events([EXAMPLES], load_map("edxml"))]
    assert [event["data"]["status"] for event in plain] == ["received", "arrived", "arrived"]
    for file in EXAMPLES.iterdir():
        text = unicodedata.normalize("NFD", file.read_text()).replace('"utf-8"', '"utf-16"')
        (tmp_path / file.name).write_bytes(text.encode("utf-16"))
    assert [json.loads(one.value) for one in read_events([tmp_path], load_map("edxml"))] == plain


class Watched(io.BytesIO):
    """A file that knows how much of it was read."""

    def read(self, size: int | None = -1) -> bytes:
        assert size == edxml.PIECE
        return super().read(size)


def test_what_is_behind_the_header_is_not_read(tmp_path: Path) -> None:
    begun, _, _ = STANDARD.partition("<edXML:edXMLBody>")
    behind = b"<edXML:edXMLBody>&undefined; <not closed" + b"x" * (40 << 20)
    file = Watched(begun.encode() + behind)
    assert header(file).value == header(io.BytesIO(STANDARD.encode())).value
    assert file.tell() == edxml.PIECE
    envelope, _, _ = DIALECT.partition("<Manifest>")
    file = Watched(envelope.encode() + b"<Attachment>" + b"x" * (40 << 20))
    assert header(file).value == header(io.BytesIO(DIALECT.encode())).value


def test_repeated_elements_are_lists_and_those_that_may_be_are_lists_when_alone() -> None:
    found = header(io.BytesIO(DIALECT.encode())).value
    assert found["MessageHeader"]["To"] == [{"OrganId": "000.00.03.H56", "OrganName": "Sở Nội vụ"}]
    assert [trace["OrganId"] for trace in found["TraceHeaderList"]["TraceHeader"]] == ["000.01.10.H56"]
    found = header(io.BytesIO(STANDARD.encode())).value
    assert found["MessageHeader"]["ToPlaces"] == {"Place": ["a", "b"]}
    assert found.keys() == {"MessageHeader", "TraceHeaderList"}


def test_a_text_is_whole_whatever_stands_in_it() -> None:
    said = "<![CDATA[1<2 ]]>&amp; <!-- not this --><?nor this?>&#x1EDF;"
    found = header(io.BytesIO(DIALECT.replace("<CodeNumber>7", f"<CodeNumber>{said}").encode())).value
    assert found["MessageHeader"]["Code"]["CodeNumber"] == "1<2 & ở"


LAUGHS = "".join(f'<!ENTITY {name} "{10 * f"&{before};"}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True))
BOMB = f'<!DOCTYPE edXML [<!ENTITY a "ha">{LAUGHS}]>'
_MESSAGE = DIALECT[DIALECT.index("  <MessageHeader>") : DIALECT.index("  <Manifest>")]
TWICE, EMPTY = (DIALECT.replace(_MESSAGE, other) for other in (2 * _MESSAGE, "<MessageHeader/>"))
DEEP = "<a>" * 100 + "</a>" * 100


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOMB + STANDARD.partition("?>")[2].replace("123<", "&i;<"), "it has a document type (DOCTYPE); remove it"),
        ('<!DOCTYPE edXML SYSTEM "file:///etc/passwd"><edXML/>', "it has a document type (DOCTYPE); remove it"),
        ('<!DOCTYPE edXML [<!ENTITY x SYSTEM "file:///etc/passwd">]><edXML>&x;</edXML>', "it has a document type"),
        ('<!DOCTYPE edXML [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]><edXML/>', "it has a document type"),
        (STANDARD.replace("123<", "&x;<"), "no XML: Entity 'x' not defined"),
        (STANDARD.replace("<edXML:Subject>", f"<edXML:Subject>{DEEP}"), "more than 32 elements lie in one another"),
        (
            STANDARD.replace("<edXML:Subject>", f"<edXML:Subject>{'x' * LONGEST}"),
            "its header does not end within 1,048,576 bytes",
        ),
        (STANDARD.replace("<edXML:From>", f"<edXML:From a='{'x' * LONGEST}'>"), "its header does not end within 1,048,576 bytes"),
        (
            STANDARD.replace("<edXML:From>", f"<!--{'x' * LONGEST}--><edXML:From>"),
            "its header does not end within 1,048,576 bytes",
        ),
        (STANDARD.partition("</edXML:MessageHeader>")[0], "no XML: Premature end of data"),
        (STANDARD.replace("</edXML:From>", "</edXML:Form>"), "no XML: Opening and ending tag mismatch"),
        (STANDARD.replace("MessageHeader", "Massage"), "edXML with neither a MessageHeader nor a Status before its body"),
        (STANDARD.replace(QCVN, "http://x/"), "the namespace of <MessageHeader> is 'http://x/'; known are http://www.mic.gov.vn"),
        ("<log><trace/></log>", "the root is <log>, not <edXML> or <edXMLEnvelope>"),
        (f'<MessageHeader xmlns="{EDOC}"/>', "the root is <MessageHeader>, not <edXML> or <edXMLEnvelope>"),
        ('{"MessageHeader": {}}', "no XML: Start tag expected"),
        ("", "no XML: no element found"),
        (TWICE, "<MessageHeader> stands twice; a file is one document, with one"),
        (EMPTY, "a MessageHeader without a <To>; a document names at least one receiver"),
        (STANDARD.replace("edXML:To>", "edXML:Else>"), "a MessageHeader without a <To>; a document names at least one receiver"),
        (STATUS.partition("<Status>")[0] + "<Status> </Status></edXMLHeader></edXMLEnvelope>", "an empty <Status>"),
        (
            STANDARD.replace("<edXML:Bussiness>", "<edXML:Bussiness/><edXML:Bussiness>"),
            "<Bussiness> stands twice in <TraceHeaderList>; there is one",
        ),
        (
            STANDARD.replace("<edXML:TraceHeaderList", "<edXML:TraceHeaderList/><edXML:TraceHeaderList"),
            "<TraceHeaderList> stands twice; a file is one document, with one",
        ),
        (
            STANDARD.replace("<edXML:DocumentId>", "<edXML:DocumentId/><edXML:DocumentId>"),
            "<DocumentId> stands twice in <MessageHeader>; there is one",
        ),
        (STATUS.replace("<StatusCode>", "<StatusCode>01</StatusCode><StatusCode>"), "<StatusCode> stands twice in <Status>"),
    ],
    ids=range(25),
)
def test_what_attacks_a_parser_or_is_no_edxml_is_refused_with_the_reason(content: str, said: str) -> None:
    told = trouble(content.encode())
    assert said in told
    assert len(told) < 300


def test_a_file_that_cannot_be_read_is_a_reject_and_the_others_count(tmp_path: Path) -> None:
    for name, content in {"a": STANDARD, "b": "", "c": BOMB, "d": STATUS}.items():
        (tmp_path / f"{name}.xml").write_text(content)
    found = check([tmp_path], load_map("edxml"), Settings(), to_ms("2026-07-01T00:00:00Z"))
    assert (found.statistics.rows, found.statistics.broken, found.statistics.events) == (4, 2, 5)
    (refused,) = found.refused
    assert [(fault.file, fault.message) for fault in refused.first] == [
        ("b.xml", "no XML: no element found"),
        ("c.xml", "no edXML that is read: it has a document type (DOCTYPE); remove it"),
    ]


def test_a_status_needs_no_message_header_and_no_receiver_of_one(tmp_path: Path) -> None:
    both = STATUS.replace("<Status>", "<MessageHeader/><Status>")
    assert events(tmp_path, a=both) == events(tmp_path, a=STATUS)


def test_a_receiver_without_an_id_is_a_reject(tmp_path: Path) -> None:
    nameless = DIALECT.replace("<To><OrganId>000.00.03.H56</OrganId><OrganName>Sở Nội vụ</OrganName></To>", "<To/>")
    (tmp_path / "a.xml").write_text(nameless)
    found = check([tmp_path], load_map("edxml"), Settings(), to_ms("2026-07-01T00:00:00Z"))
    assert (found.statistics.rows, found.rejected) == (1, 1)


def encrypted(archive: Path) -> None:
    """Say of the first member that it is encrypted, as its two headers do."""
    data = bytearray(archive.read_bytes())
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + flags] |= 1
    archive.write_bytes(data)


def corrupt(archive: Path) -> None:
    """Spoil what is packed in the first member."""
    data = bytearray(archive.read_bytes())
    begin = data.index(b"<")
    data[begin : begin + 20] = b"x" * 20
    archive.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (encrypted, "it cannot be unpacked: .* is encrypted, password required for extraction"),
        (corrupt, "it cannot be unpacked: Bad CRC-32 for file 'a.xml'"),
    ],
)
def test_a_member_that_cannot_be_unpacked_is_a_reject_and_the_others_count(tmp_path: Path, spoil: Any, said: str) -> None:
    archive = tmp_path / "inbox.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name, content in {"a.xml": STANDARD, "b.xml": STATUS}.items():
            made.writestr(name, content)
    spoil(archive)
    rows = list(read_rows([archive], load_map("edxml")))
    assert [(row.member, bool(row.trouble)) for row in rows] == [("a.xml", True), ("b.xml", False)]
    assert re.match(said, rows[0].trouble)


def test_a_packed_file_that_breaks_off_is_a_reject_and_the_others_count(tmp_path: Path) -> None:
    (tmp_path / "a.xml.gz").write_bytes(gzip.compress(STANDARD.encode())[:200])
    (tmp_path / "b.xml").write_text(STATUS)
    (tmp_path / "c.xml.gz").write_bytes(b"\x1f\x8bnonsense")
    rows = list(read_rows([tmp_path], load_map("edxml")))
    assert [(row.member, bool(row.trouble)) for row in rows] == [("a.xml", True), ("b.xml", False), ("c.xml", True)]
    assert rows[0].trouble.startswith("it cannot be unpacked: Compressed file ended")


def test_a_folder_and_a_zip_of_it_are_the_same_and_what_is_no_edxml_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    (folder / "2026/06").mkdir(parents=True)
    members = {"2026/06/b.edxml": STATUS, "a.xml": STANDARD, "read.me": "hi", "2026/.c.xml": "<x/>"}
    for name, content in members.items():
        (folder / name).write_text(content)
    with zipfile.ZipFile(tmp_path / "inbox.zip", "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder).as_posix())
    log_map = load_map("edxml")
    of_folder, of_zip = (
        [(row.member, row.document) for row in read_rows([path], log_map)] for path in (folder, tmp_path / "inbox.zip")
    )
    assert of_folder == of_zip
    assert [member for member, _ in of_folder] == ["2026/06/b.edxml", "a.xml"]


def test_members_match_in_any_case_and_packed_and_what_matches_none_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    packed = gzip.compress(STATUS.encode(), mtime=0)
    members = {
        "a.edXML": STANDARD.encode(),
        "b.XML": STATUS.encode(),
        "c.xml.gz": packed,
        "d.XML.GZ": packed,
        "e.pdf": b"x",
        "f": b"x",
    }
    with zipfile.ZipFile(tmp_path / "inbox.zip", "w") as archive:
        for name, content in (members | {".hidden": b"", "__MACOSX/._a.xml": b""}).items():
            archive.writestr(name, content)
            if "/" not in name:
                (folder / name).write_bytes(content)
    for path in (folder, tmp_path / "inbox.zip"):
        reading, log_map = Reading(), load_map("edxml")
        rows = list(read_rows([path], log_map, reading))
        assert [(row.member, row.trouble) for row in rows] == [("a.edXML", ""), ("b.XML", ""), ("c.xml", ""), ("d.XML", "")]
        assert rows[1].document == rows[2].document == rows[3].document
        assert reading.notes == [
            f"{path}: 2 of 6 files match no pattern of *.edxml, *.xml (`members` in [input]) and are not read"
        ]


def test_a_folder_without_a_file_that_is_wanted_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(UsageError, match=r"has no member like \*\.edxml, \*\.xml \(`members` in \[input\]\); it has a\.csv"):
        list(read_rows([tmp_path], load_map("edxml")))
    (tmp_path / "a.csv").unlink()
    with pytest.raises(UsageError, match="it has none"):
        list(read_rows([tmp_path], load_map("edxml")))


def test_nothing_is_noted_of_what_a_document_need_not_have_and_no_message_is_posted_to_the_map(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(STATUS)
    reading, log_map = Reading(), load_map("edxml")
    assert len(list(read_rows([tmp_path], log_map, reading))) == reading.rows == 1
    assert reading.notes == []
    assert for_files(log_map) == "it reads edxml (`kind` in [input]), and a message is JSON"
