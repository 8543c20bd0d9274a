"""XES (IEEE 1849): a stream of event logs in XML, read trace by trace in bounded memory.

Attributes of the trace are named `case:<key>`, as pm4py does, and hold for all its events, wherever they stand in it. An event
outside a trace belongs to none. Extensions, globals, classifiers, nested attributes, lists and containers are passed over.
Entities are not resolved, a document type is refused, nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from lxml import etree

from ioc.errors import UsageError
from ioc.importing.rows import LONGEST
from ioc.text import nfc

ATTRIBUTES = frozenset({"string", "date", "int", "float", "boolean", "id"})
HELD = 100_000
"""Events of a trace that wait for its end; an attribute of a longer trace that stands behind them is refused."""
_PASSED_OVER = frozenset({"global", "extension", "classifier"})

HELD_LETTERS = 32 << 20
"""Letters of all that are held."""
ELEMENT = 100
"""Letters that an element counts for by itself: about what it takes in memory when it is empty."""

Event = tuple[int, dict[str, str]]
"""The line it begins at, and its attributes."""


def read_xes(stream: IO[bytes]) -> Iterator[Event]:
    """Every event with the attributes of its trace.  Raises lxml.etree.XMLSyntaxError, UsageError."""
    fed = _Fed(stream)
    steps = etree.iterparse(
        fed, events=("start", "end"), resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    trace: dict[str, str] = {}
    event: dict[str, str] = {}
    held: list[Event] = []
    grown = of_trace = waits = 0
    """Letters since memory was given back; of the trace's attributes; of what is held."""
    begun = False
    """Whether events of this trace have gone out already."""
    path: list[str] = []
    for step, element in steps:
        fed.since = 0
        name = etree.QName(element).localname
        if step == "start":
            if not path:
                _check_root(element, name)
            path.append(name)
            grown += _letters(element)
            if grown > LONGEST:
                raise UsageError(_too_much(element))
            if name == "trace":
                trace, begun, of_trace = {}, False, 0
            elif name == "event":
                event = {}
            continue
        path.pop()
        parent = path[-1] if path else ""
        if name in ATTRIBUTES and parent in ("trace", "event"):
            key, value = element.get("key"), element.get("value")
            if key is not None and value is not None:
                if parent == "event":
                    event[nfc(key)] = nfc(value)
                elif begun:
                    raise UsageError(_too_long(element, key))
                else:
                    trace[f"case:{nfc(key)}"] = nfc(value)
                    of_trace += ELEMENT + len(key) + len(value)
                    if of_trace > LONGEST:
                        raise UsageError(_too_much(element))
        elif name == "event":
            waits += grown
            held.append((element.sourceline or 0, event))
        within = name == "event" and parent == "trace"
        if name == "trace" or (name == "event" and not within) or len(held) >= HELD or waits >= HELD_LETTERS:
            begun = within
            yield from ((line, {**trace, **found}) for line, found in held)
            held, waits = [], 0
        if name == "trace":
            trace = {}
        if parent in ("log", "trace") or name in _PASSED_OVER:
            grown = 0
            element.clear()  # the memory of what has been read
            while element.getprevious() is not None:
                del element.getparent()[0]


def _too_long(element: etree._Element, key: str) -> str:
    return (
        f"bad_file: line {element.sourceline}: the attribute {key!r} of a trace stands behind more of its events than are held; "
        "write attributes of a trace before its events"
    )


class _Fed:
    """What the parser reads. It bounds texts by itself, but not a tag that never ends."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.since = stream, 0
        """Bytes since an element began or ended."""

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes.  Raises UsageError where too many came without an element in them."""
        got = self._stream.read(size)
        self.since += len(got)
        if self.since > LONGEST:
            raise UsageError(f"bad_file: a tag or a text has more than {LONGEST:,} bytes; is this a log of events?")
        return got


def _letters(element: etree._Element) -> int:
    """Of an element that begins, with the text before it."""
    before, parent = element.getprevious(), element.getparent()
    text = before.tail if before is not None else parent.text if parent is not None else ""
    return ELEMENT + len(text or "") + sum(map(len, element.attrib.values()))


def _too_much(element: etree._Element) -> str:
    return (
        f"bad_file: line {element.sourceline}: the attributes of one event or trace have more than {LONGEST:,} letters (an "
        f"element counts for {ELEMENT} more, nested ones, too); is this a log of events?"
    )


def _check_root(element: etree._Element, name: str) -> None:
    if element.getroottree().docinfo.doctype:
        raise UsageError("bad_file: an XES log has no document type (DOCTYPE); remove it")
    if name != "log":
        raise UsageError(f"bad_file: XML, but not XES: the root is <{name}>, not <log>")
