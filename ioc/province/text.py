"""Event texts: the demo's events as bytes, from templates (ten times faster than a JSON encoder). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from ioc.times import DAY, OFFSET, SECOND
from ioc.vocabulary import Told
from schemas import Contract

DOSSIER, RAN = "ioc.events.dossier", "ioc.events.ran"
SOURCE = "/motcua/thanhhoa"


class Outgoing(NamedTuple):
    """An event to send: when it is sent (ms), its event time (ms), topic, key and value."""

    due_ms: int
    time_ms: int
    topic: str
    key: bytes
    value: bytes


@cache
def day_text(day: int) -> str:
    """A day (days since 1970) as `2026-11-24`."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def local(ms: int) -> str:
    """RFC 3339 in the province's time, milliseconds only where there are some.

    >>> local(1665019800000)
    '2022-10-06T08:30:00+07:00'
    """
    day, clock = divmod(ms + OFFSET, DAY)
    seconds, fraction = divmod(clock, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{day_text(day)}T{hour:02}:{minute:02}:{second:02}{f'.{fraction:03}' if fraction else ''}+07:00"


Said = str | int | bool
"""What a field of an event may say."""


def _json(said: Said) -> str:
    return _quoted(said) if isinstance(said, str) else str(said).lower()


@cache
def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def changed(dossier: str, number: int, time: int, state: str, says: dict[str, Said]) -> Outgoing:
    """The event of a dossier's step; `number` counts its steps. `due_at` is a time in ms."""
    more = "".join(f',"{k}":"{local(int(v))}"' if k == "due_at" else f',"{k}":{_json(v)}' for k, v in says.items())
    text = (
        f'{{"specversion":"1.0","id":"{dossier}/{number}","source":"{SOURCE}","type":"vn.ioc.dossier.changed.v1",'
        f'"time":"{local(time)}","sequence":"{number}","data":{{"dossier":"{dossier}","state":"{state}"{more}}}}}'
    )
    return Outgoing(time, time, DOSSIER, dossier.encode(), text.encode())


def event_of(contract: Contract, one: Told) -> Outgoing:
    """An event that a stream tells of itself."""
    envelope = {"specversion": "1.0", "id": one.id, "source": one.source, "type": contract.event_type, "time": local(one.time)}
    value = json.dumps(envelope | {"data": one.data}, ensure_ascii=False).encode()
    return Outgoing(one.time, one.time, contract.topic, str(one.data[contract.entity_key]).encode(), value)


def counted(cell: str, site: str, time: int, period: int, counters: Mapping[str, float]) -> Outgoing:
    """The event of the counters of a cell's period, sent when it has ended."""
    data = {"cell": cell, "site": site, "period_s": period, "group": "counters", "measurements": listed(counters)}
    head = {"specversion": "1.0", "id": f"{cell}/counters/{time}", "source": f"/ran/{site}", "type": "vn.ioc.ran.measured.v1"}
    value = json.dumps(head | {"time": local(time), "data": data}, separators=(",", ":")).encode()
    return Outgoing(time + period * SECOND, time, RAN, cell.encode(), value)


def listed(counters: Mapping[str, float]) -> list[dict[str, str | float]]:
    """Counters as measurements."""
    units = {"PEE.Energy": "kWh", "DRB.PdcpSduVolumeUL": "kbit", "DRB.SessionTime": "s"}
    return [{"name": name, "value": value, "unit": units.get(name, "1")} for name, value in counters.items()]


def measured(
    cell: str, site: str, time: int, period: int, rat: str, device: str | None, values: tuple[float, ...],
    counters: Mapping[str, float] | None = None,
) -> Outgoing:  # fmt: skip
    """The event of a cell's period. `values`: kbit/s down and up, % of resource blocks, dBm, users, kbit down."""
    more = "," + json.dumps(listed(counters), separators=(",", ":"))[1:-1] if counters else ""
    down, up, used, rsrp, users, volume = values
    by = f',"device":"{device}"' if device else ""
    text = (
        f'{{"specversion":"1.0","id":"{device or cell}/{time}/{period}","source":"/ran/{site}","type":"vn.ioc.ran.measured.v1",'
        f'"time":"{local(time)}","data":{{"cell":"{cell}","site":"{site}","period_s":{period},"rat":"{rat}"{by},"measurements":['
        f'{{"name":"DRB.UEThpDl","value":{down:.1f},"unit":"kbit/s"}},{{"name":"DRB.UEThpUl","value":{up:.1f},"unit":"kbit/s"}},'
        f'{{"name":"RRU.PrbTotDl","value":{used:.1f},"unit":"%"}},{{"name":"RSRP","value":{rsrp:.1f},"unit":"dBm"}},'
        f'{{"name":"RRC.ConnMean","value":{users:.1f},"unit":"1"}},'
        f'{{"name":"DRB.PdcpSduVolumeDL","value":{volume:.0f},"unit":"kbit"}}{more}]}}}}'
    )
    return Outgoing(time, time, RAN, cell.encode(), text.encode())
