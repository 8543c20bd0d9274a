"""VES alarms: faults of VES and fault supervision of 3GPP in the words of `schemas.alarm`. Pure."""

from __future__ import annotations

import re
from typing import Any

from ioc.gateway.ves_models import AckNotice, AlarmNotice, Fault, Header
from ioc.gateway.ves_objects import code, place

STATES = {
    "notifyNewAlarm": "raised",
    "notifyChangedAlarm": "changed",
    "notifyChangedAlarmGeneral": "changed",
    "notifyClearedAlarm": "cleared",
}
KINDS = {
    "communication": "communications",
    "qualityofservice": "qos",
    "qos": "qos",
    "processingerror": "processing_error",
    "equipment": "equipment",
    "environmental": "environmental",
    "environment": "environmental",
}
"""Kind of an alarm, by its name in plain letters without `alarm` and the plural."""
LONGEST = 500


def fault(header: Header, said: Fault) -> dict[str, Any]:
    """The alarm of a fault. NORMAL ends it. Anything else raises it: whoever missed an event before has the alarm all the same,
    and of one that is active only the severity moves."""
    cleared = said.eventSeverity == "NORMAL"
    about = [header.sourceName, *([said.alarmInterfaceA] if said.alarmInterfaceA else []), said.alarmCondition]
    site, cell = place(said.alarmInterfaceA or "", header.sourceName)
    return {
        "alarm": code("/".join(about)),
        "state": "cleared" if cleared else "raised",
        "severity": None if cleared else said.eventSeverity.lower(),
        "site": site,
        "cell": cell,
        "object": _text(said.alarmInterfaceA),
        "kind": _kind(said.eventCategory) if said.eventCategory else None,
        "problem": _text(said.alarmCondition),
        "episode": code(header.eventId),
    }


def notice(header: Header, said: AlarmNotice) -> dict[str, Any] | None:
    """The alarm of a notification of 3GPP (TS 28.532, TS 28.111). None: it says nothing of the alarm's life."""
    if isinstance(said, AckNotice):
        state = said.ackState.lower()
    else:
        state = "cleared" if said.perceivedSeverity == "CLEARED" else STATES[said.notificationType]
    severe = state in ("raised", "changed")
    element = place(said.systemDN, header.sourceName)[0]
    site, cell = place(str(said.href), element)
    return {
        "alarm": code(f"{header.sourceName}/{said.href}/{said.probableCause}"),
        "state": state,
        "severity": said.perceivedSeverity.lower() if severe else None,
        "site": site,
        "cell": cell,
        "object": _text(str(said.href)),
        "kind": _kind(said.alarmType),
        "problem": _text(str(said.specificProblem or said.probableCause)) if severe else None,
        "episode": code(said.alarmId),
    }


def _kind(name: str) -> str | None:
    """One of the event types of X.733; what is none of them is another."""
    plain = re.sub(r"[^a-z]", "", name.casefold())
    return KINDS.get(re.sub(r"s?(alarms?)?$", "", plain)) or KINDS.get(plain, "other")


def _text(text: str | None) -> str | None:
    """A description, cut where it is long: no alarm is refused for one."""
    return text[:LONGEST] if text and text.strip() else None
