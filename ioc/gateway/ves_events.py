"""VES events: what each event of a network function becomes: alarms, measurements, and notifications for all else. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ioc.gateway import ves_alarms, ves_measured
from ioc.gateway.ves_measured import Unreadable
from ioc.gateway.ves_models import AlarmNotice, Fault, Header, Measurement, Perf3gpp
from ioc.gateway.ves_objects import code
from ioc.text import nfc
from ioc.times import iso
from schemas.alarm import RanAlarm
from schemas.notified import RanNotified
from schemas.ran import RanMeasured


@dataclass(frozen=True)
class Judged:
    """An event of the common event format: its header, the fields of its domain, and what they are by their model.

    `place`: where the fields stand (`faultFields`, `stndDefinedFields.data`).
    """

    header: Header
    fields: dict[str, Any]
    model: Any
    place: str

    @property
    def source(self) -> str:
        """The CloudEvents source of what the element says."""
        return f"/ves/{nfc(self.header.sourceName)}"

    @property
    def id(self) -> str:
        """The identity: `sequence` tells the events of one fault apart, whose eventId stays."""
        return f"{self.header.eventId}/{self.header.sequence}"


@dataclass(frozen=True)
class Made:
    """A CloudEvent, and where in the VES event its fields come from."""

    event: dict[str, Any]
    place: str
    """Where the fields stand that are not named in `of`."""
    of: dict[str, str] = field(default_factory=dict)
    measured: Callable[[int], str] | None = None
    """Where the n-th measurement stands."""

    def blamed(self, path: str) -> str:
        """The field of the VES event that a field of the CloudEvent comes from."""
        part = path.split(".")
        if self.measured and part[:2] == ["data", "measurements"] and len(part) > 2:
            return self.measured(int(part[2]))
        return self.of.get(path, self.place)


def events(judged: Judged, received_ms: int) -> list[Made]:
    """The CloudEvents of an event, in an order that is always the same. `received_ms`: for elements without a clock.

    Raises `Unreadable` for a value that cannot be kept.
    """
    made = [Made(*one) for one in _made(judged, received_ms)]
    if len(made) > 1:  # each has an identity of its own, by its place in the event
        for n, one in enumerate(made):
            one.event["id"] += f"/{n}"
    return made


def _made(judged: Judged, received_ms: int) -> Iterator[tuple[Any, ...]]:
    header, model = judged.header, judged.model
    last = int(header.lastEpochMicrosec) // 1000 or received_ms
    times = {"time": "commonEventHeader.lastEpochMicrosec"}
    if isinstance(model, Fault):
        yield _event(judged, RanAlarm, last, ves_alarms.fault(header, model)), judged.place, times
        return
    if isinstance(model, AlarmNotice) and (said := ves_alarms.notice(header, model)):
        yield _event(judged, RanAlarm, last, said), judged.place, times
        return
    rest: dict[str, Any] | None = judged.fields
    if isinstance(model, Measurement | Perf3gpp):
        period_s, where = ves_measured.period(model, judged.place)
        groups, rest = ves_measured.groups(header, judged.fields, model, judged.place)
        for data, place, measured in groups:
            found = _event(judged, RanMeasured, last - period_s * 1000, {**data, "period_s": period_s})
            yield found, place, {**times, "data.period_s": where}, measured
        if groups and not rest:
            return
    yield _event(judged, RanNotified, last, _notified(judged, rest)), judged.place, times


def _event(judged: Judged, contract: Any, at: int, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": judged.id,
        "source": judged.source,
        "type": contract.event_type,
        "time": iso(at),
        "sequence": str(judged.header.sequence),
        "data": {name: value for name, value in data.items() if value is not None},
    }


def _notified(judged: Judged, rest: dict[str, Any] | None) -> dict[str, Any]:
    header = judged.header
    try:
        body = json.dumps(rest or {}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise Unreadable(judged.place, "holds a number that is larger than any (1e309)") from None
    return {
        "element": code(header.sourceName),
        "domain": header.domain,
        "name": header.eventName.strip(),
        "priority": header.priority,
        "interval_s": getattr(judged.model, "heartbeatInterval", None),
        "body": body,
    }
