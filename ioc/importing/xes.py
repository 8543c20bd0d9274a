"""XES (IEEE 1849): a stream of event logs in XML, read event by event in bounded memory.

Attributes of the trace are named `case:<key>`, as pm4py does. Extensions, globals, classifiers, nested attributes, lists and
containers are passed over. Entities are not resolved, a document type is refused, nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from lxml import etree

from ioc.errors import UsageError

ATTRIBUTES = frozenset({"string", "date", "int", "float", "boolean", "id"})
_PASSED_OVER = frozenset({"global", "extension", "classifier"})


def read_xes(stream: IO[bytes]) -> Iterator[dict[str, str]]:
    """The attributes of every event, with those of its trace.  Raises lxml.etree.XMLSyntaxError, UsageError."""
    steps = etree.iterparse(
        stream, events=("start", "end"), resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    trace: dict[str, str] = {}
    event: dict[str, str] = {}
    path: list[str] = []
    for step, element in steps:
        name = etree.QName(element).localname
        if step == "start":
            if not path:
                _check_root(element, name)
            path.append(name)
            if name == "trace":
                trace = {}
            elif name == "event":
                event = {}
            continue
        path.pop()
        parent = path[-1] if path else ""
        if name in ATTRIBUTES and parent in ("trace", "event"):
            key, value = element.get("key"), element.get("value")
            if key is not None and value is not None:
                if parent == "trace":
                    trace[f"case:{key}"] = value
                else:
                    event[key] = value
        elif name == "event":
            yield {**trace, **event}
        if parent in ("log", "trace") or name in _PASSED_OVER:
            element.clear()  # the memory of what has been read
            while element.getprevious() is not None:
                del element.getparent()[0]


def _check_root(element: etree._Element, name: str) -> None:
    if element.getroottree().docinfo.doctype:
        raise UsageError("bad_file: an XES log has no document type (DOCTYPE); remove it")
    if name != "log":
        raise UsageError(f"bad_file: XML, but not XES: the root is <{name}>, not <log>")
