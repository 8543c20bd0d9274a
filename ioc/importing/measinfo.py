"""MeasInfo: what the elements of a PM file say: types above, then the results of one object after the other.

Results stand by `measType p` and `r p`, or in the order of `measTypes` and `measResults`. One is a number, several with commas
between (a vector), or nothing: that is not 0. What is said of an object is known by its DN, the measInfo, its job (a group is
told once for each job, with other counters), and the end of the period.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from ioc.importing.dn import joined, place
from ioc.importing.logtimes import reader
from ioc.importing.mapping import RESULTS
from ioc.importing.results import result
from ioc.importing.rows import Fields
from ioc.text import nfc
from ioc.times import iso

ROOTS = ("measCollecFile", "measDataFile")
MOST = 5_000
"""Results of one object, as the contract has it."""
ID = 256
"""Letters of an event's id; its source has half of that for the sender."""
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.0+)?S)?)?", re.ASCII)
_IN_SECONDS = (604_800, 86_400, 3_600, 60, 1)
_TRUTH = {"true": "true", "1": "true", "false": "false", "0": "false"}


class Broken(Exception):
    """Why a file is not read on, and the line."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"bad_file: line {line}: {why}")
        self.line = line


class Measured:
    """What is known of a file and of the measInfo that is open."""

    def __init__(self, zone: str | None) -> None:
        self.line = 1
        self._prefix = self._vendor = self._sender = self._element = ""
        self._moment = reader(["iso"], zone, Counter())
        self._unit = lru_cache(MOST)(units())
        self._place = lru_cache(MOST)(place)
        self._start()

    def _start(self) -> None:
        self._group = self._job = self._begin = self._end = self._names = ""
        self._seconds = 0
        self._types: dict[str, tuple[str, str | None]] = {}

    def told(self, event: str, element: Any) -> tuple[int, Fields] | None:
        """An element begins or ends; the row that is complete with it."""
        name, self.line = element.tag.rpartition("}")[2], element.sourceline or self.line
        parent = element.getparent()
        above = "" if parent is None else parent.tag.rpartition("}")[2]
        if event == "start":
            if name == "fileHeader":
                self._vendor, self._prefix = nfc(element.get("vendorName", "")), nfc(element.get("dnPrefix", ""))
            elif name == "measInfo":
                self._within(name, above, "measData")
                self._start()
                self._group = nfc(element.get("measInfoId", ""))
            elif name == "measData" and above in ROOTS:
                self._element = ""
            return None
        row = None
        if name == "measValue":
            self._within(name, above, "measInfo")
            row = self.line, self._row(element)
        elif name == "fileSender":
            self._sender = nfc(element.get("localDn") or element.get("senderName") or "")
        elif name in ("managedElement", "measEntity"):
            self._within(name, above, "measData")
            self._element = nfc(element.get("localDn", ""))
        elif above == "measInfo":
            self._head(name, element)
        element.clear()
        while parent is not None and element.getprevious() is not None:
            del parent[0]
        return row

    def _within(self, name: str, above: str, right: str) -> None:
        if above != right:
            raise Broken(self.line, f"<{name}> stands in <{above}>, not in <{right}>")

    def _head(self, name: str, element: Any) -> None:
        """What stands above the results of a measInfo."""
        text = nfc((element.text or "").strip())
        if name == "job":
            self._job = nfc(element.get("jobId", ""))
        elif name == "granPeriod":
            self._period(element.get("duration", ""), element.get("endTime", ""))
        elif name == "measType":
            self._type(element.get("p", ""), text)
        elif name == "measTypes":
            for n, one in enumerate(text.split(), 1):
                self._type(str(n), one)

    def _period(self, duration: str, end: str) -> None:
        seconds = _duration(duration)
        if not seconds:
            raise Broken(
                self.line, f"granPeriod duration={duration[:40]!r} is no period of whole seconds, such as PT900S or PT15M"
            )
        moment = self._moment(end.strip())
        if moment is None:
            raise Broken(
                self.line, f"granPeriod endTime={end[:40]!r} is no time with an offset, such as 2026-05-14T08:15:00+07:00"
            )
        if self._seconds:
            raise Broken(self.line, "<granPeriod> stands twice in a <measInfo>")
        self._seconds, self._begin, self._end = seconds, iso(moment[0] - seconds * 1_000), iso(moment[0])

    def _type(self, p: str, name: str) -> None:
        if not p or p in self._types:
            raise Broken(self.line, f"<measType> {name[:80]!r} has " + (f"p={p[:20]!r}, as another one" if p else "no p"))
        if not name:
            raise Broken(self.line, f"<measType> p={p[:20]!r} has no name")
        if len(self._types) >= MOST:
            raise Broken(self.line, f"a <measInfo> has more than {MOST:,} types")
        self._types[p] = name, self._unit(name)

    def _row(self, element: Any) -> Fields:
        if not self._seconds:
            raise Broken(self.line, "<measValue> in a <measInfo> without <granPeriod>")
        if not (self._group or self._job or self._names):  # without a name, by what it lists
            self._names = hashlib.sha256("\n".join(name for name, _ in self._types.values()).encode()).hexdigest()[:16]
        there = self._place(self._prefix, self._element, nfc(element.get("measObjLdn", "")), self._sender)
        listed, suspect = self._results(element)
        sender = joined(self._prefix, self._sender) if self._sender else joined(self._prefix, self._element) or there.site
        identity = ";".join((there.dn, *(text for text in (self._group, self._job, self._names) if text), self._end))
        fields: Fields = {
            "id": shortened(identity, ID), "begin": self._begin, "end": self._end, "seconds": str(self._seconds),
            "object": there.dn, "class": there.kind, "cell": there.cell, "site": there.site, "group": self._group,
            "job": self._job, "suspect": suspect, "sender": shortened(sender, ID // 2), "vendor": self._vendor, RESULTS: listed,
        }  # fmt: skip
        return {name: value for name, value in fields.items() if value or name == RESULTS}

    def _results(self, element: Any) -> tuple[list[dict[str, Any]], str]:
        """The results, in the order of the file, and what is said of their trust."""
        types, listed, suspect, seen = self._types, list[dict[str, Any]](), "", set[str]()
        namespace = element.tag[: -len("measValue")]
        single, results, doubt = (f"{namespace}{name}" for name in ("r", "measResults", "suspect"))
        for child in element:
            tag, text = child.tag, child.text
            if tag == single:
                p = child.get("p")
                if p not in types or p in seen:
                    why = "as another result of the object" if p in seen else "which no <measType> of the <measInfo> has"
                    raise Broken(child.sourceline, f"<r> has p={(p or '')[:20]!r}, {why}")
                seen.add(p)
                listed.append(self._result(child, *types[p], text))
            elif tag == results:
                texts = (text or "").split()
                if len(texts) != len(types) or seen:
                    raise Broken(child.sourceline, f"<measResults> has {len(texts)} results for {len(types)} types")
                seen.update(types)
                listed += [self._result(child, *of, one) for of, one in zip(types.values(), texts, strict=True)]
            elif tag == doubt and not (suspect := _TRUTH.get((text or "").strip(), "")):
                raise Broken(child.sourceline, f"<suspect> is {(text or '')[:20]!r}, neither true nor false")
        return listed, suspect

    @staticmethod
    def _result(element: Any, name: str, unit: str | None, text: str | None) -> dict[str, Any]:
        found: dict[str, Any] = {"name": name, "value": None}
        if unit is not None:
            found["unit"] = unit
        try:
            value = result(text or "")
        except ValueError as error:
            raise Broken(element.sourceline, f"{name[:80]}: {error}") from None
        if isinstance(value, str):
            del found["value"]
            found["vector"] = value
        else:
            found["value"] = value
        return found


def _duration(text: str) -> int:
    """Seconds of an ISO 8601 duration; 0 where it is none, or one of months and years, which have no length.

    >>> _duration("PT900S"), _duration("PT15M"), _duration("P1DT1H"), _duration("P1M"), _duration("P")
    (900, 900, 90000, 0, 0)
    """
    found = _DURATION.fullmatch(text.strip()[:40])
    return sum(int(part or 0) * each for part, each in zip(found.groups(), _IN_SECONDS, strict=True)) if found else 0


def shortened(text: str, room: int) -> str:
    """A text that fits; of a longer one the end is a hash of all of it.

    >>> shortened("short", 40), len(shortened("long" * 40, 40))
    ('short', 40)
    """
    return text if len(text) <= room else f"{text[: room - 33]}~{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def units() -> Callable[[str], str | None]:
    """The unit of a counter by its name, where it is known: the table of counters is loaded by name, as the catalog is."""
    found: Callable[[str], str | None] = import_module("streams.counters").unit
    return found
