"""edXML (QCVN 102:2016/BTTTT) and its eDoc dialect: the header of a document that agencies exchange, as JSON would give it.

A file is one document. It is read up to the end of its header, or to where a body or an attachment begins: what is behind is not
even looked at. Of the header `PARTS` are kept, side by side and by names without namespace: the dialects differ in namespaces, in
what stands around the parts, and in which stands within which. An element with elements in it is an object, another one a text;
one that is repeated is a list, and those of `LISTS` are lists when they stand once. Attributes are passed over.

A file that cannot be read is a document with its trouble. So is one that repeats what there is one of (`PARTS`, `SINGLE`), and
one of which nobody could say whom it is for: a document has a receiver, and only what tells a `Status` needs none.

A document type is refused before it is read, so there are no entities but those XML itself has; nothing is fetched.
"""

from __future__ import annotations

from typing import IO, Any

from lxml import etree

from ioc.importing.documents import PIECE, Document
from ioc.importing.rows import LONGEST

NAMESPACES = ("http://www.mic.gov.vn/TBT/QCVN_102_2016", "http://www.go.vn/eDoc")
PARTS = frozenset({"MessageHeader", "TraceHeaderList", "Status"})
LISTS = frozenset({"To", "TraceHeader", "ResponseFor"})
SINGLE = frozenset({
    "Bussiness", "BussinessDocType", "Code", "CodeNotation", "CodeNumber", "DocumentId", "From", "OrganId", "PromulgationDate",
    "PromulgationInfo", "StatusCode", "Timestamp",
})  # fmt: skip
"""What says which document it is, of whom, when and in which state: two of it say nothing."""
DEEPEST = 32
"""Elements in one another within a part; real ones reach 5."""
_AROUND = frozenset({"edxml", "edxmlenvelope", "edxmlheader"})
_BEHIND = frozenset({"edxmlbody", "edxmlmanifest", "manifest", "attachment", "attachmentencoded"})


class _Refused(Exception):
    """Why a file is not read on."""


class _Enough(Exception):
    """The header has been read."""


def header(stream: IO[bytes]) -> Document:
    """The document of a file, or its trouble."""
    target, read = _Header(), 0
    parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        while piece := stream.read(PIECE):
            if (read := read + len(piece)) > LONGEST:
                raise _Refused(f"its header does not end within {LONGEST:,} bytes")
            parser.feed(piece)
        parser.close()
    except _Enough:
        pass
    except _Refused as refused:
        return Document(1, None, f"no edXML that is read: {refused}")
    except etree.XMLSyntaxError as error:
        return Document(1, None, f"no XML: {error.msg}")
    return Document(1, None, f"edXML with {lack}") if (lack := _lack(target.found)) else Document(1, target.found)


def _lack(found: dict[str, Any]) -> str:
    """What a header lacks to be of any document."""
    if "Status" in found:
        return "" if isinstance(found["Status"], dict) else "an empty <Status>; it states at least a StatusCode"
    if "MessageHeader" not in found:
        return "neither a MessageHeader nor a Status before its body"
    message = found["MessageHeader"]
    there = isinstance(message, dict) and "To" in message
    return "" if there else "a MessageHeader without a <To>; a document names at least one receiver"


class _Header:
    """What the parser tells of elements, made into objects, lists and texts."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self._begun: set[str] = set()
        """The parts that are in it, or open."""
        self._open: list[tuple[str, dict[str, Any]]] = []
        """The elements that are open, from a part on, with what is in them."""
        self._text: list[str] = []
        self._around = self._passed = 0
        """Wrappers that are open; elements that are, of what is passed over."""

    def doctype(self, *_: object) -> None:
        """Called where a document type begins, before it is read."""
        raise _Refused("it has a document type (DOCTYPE); remove it")

    def start(self, tag: str, _: object) -> None:
        """An element begins."""
        if self._passed:
            self._passed += 1
            return
        namespace, _, name = tag.rpartition("}")
        if not self._open and name not in PARTS:
            self._wrapper(name)
            return
        if not self._around:
            raise _Refused(f"the root is <{name}>, not <edXML> or <edXMLEnvelope>")
        if not self._open and namespace.removeprefix("{") not in NAMESPACES:
            raise _Refused(f"the namespace of <{name}> is {namespace.removeprefix('{')!r}; known are {', '.join(NAMESPACES)}")
        if len(self._open) >= DEEPEST:
            raise _Refused(f"more than {DEEPEST} elements lie in one another")
        if name in PARTS:
            if name in self._begun:
                raise _Refused(f"<{name}> stands twice; a file is one document, with one")
            self._begun.add(name)
        self._open.append((name, {}))
        self._text.clear()

    def _wrapper(self, name: str) -> None:
        if name.lower() in _AROUND:
            self._around += 1
        elif not self._around:
            raise _Refused(f"the root is <{name}>, not <edXML> or <edXMLEnvelope>")
        elif name.lower() in _BEHIND:
            raise _Enough
        else:
            self._passed = 1

    def data(self, text: str) -> None:
        """A piece of a text."""
        if self._open:
            self._text.append(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._passed:
            self._passed -= 1
            return
        if not self._open:
            self._around -= 1
            if tag.lower().endswith("edxmlheader"):
                raise _Enough
            return
        name, inner = self._open.pop()
        value = inner or "".join(self._text)
        if name in PARTS:
            self.found[name] = value
        else:
            around, parent = self._open[-1]
            if name in SINGLE and name in parent:
                raise _Refused(f"<{name}> stands twice in <{around}>; there is one")
            _put(parent, name, value)
        self._text.clear()

    def close(self) -> None:
        """The file ends."""


def _put(parent: dict[str, Any], name: str, value: Any) -> None:
    """A further value of a name makes a list of it."""
    there = parent.get(name)
    if isinstance(there, list):
        there.append(value)
    else:
        parent[name] = [value] if name in LISTS else value if there is None else [there, value]
