"""Shift: an old event moved in time, as another event about another thing. Pure.

All times its contract knows are moved; id and entity get the shift appended, so that neither meets the original or another shift.
"""

from __future__ import annotations

import re

import orjson

from ioc.importing.mapping_check import kinds
from ioc.importing.translate import Outgoing
from ioc.times import iso, to_ms
from schemas import contracts
from schemas.envelope import TIMESTAMP

_CONTRACTS = contracts()
_TIMESTAMP = re.compile(TIMESTAMP)


def shifted(event: Outgoing, ms: int) -> Outgoing:
    """The event `ms` later (its times in UTC), `~<ms>` behind its id and its entity.

    What is no time stays as it is, and so does a time the shift would carry beyond the year 9999 ("never").
    """
    mark = f"~{ms}"
    at = None if event.time_ms is None else event.time_ms + ms
    try:
        document = orjson.loads(event.value)
    except ValueError:  # cut off, a reject in any case
        return event._replace(time_ms=at, key=event.key + mark.encode())
    contract, data = _CONTRACTS[document["type"]], document["data"]
    if isinstance(document["id"], str):
        document["id"] += mark
    document["time"] = _moved(document["time"], ms)
    for name, kind in kinds(contract).items():
        if kind == "time" and name in data:
            data[name] = _moved(data[name], ms)
    entity = data.get(contract.entity_key)
    if isinstance(entity, str):
        data[contract.entity_key] = entity + mark
    return Outgoing(at, event.topic, event.key + mark.encode(), orjson.dumps(document))


def _moved(text: object, ms: int) -> object:
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return text
    try:
        return iso(to_ms(text) + ms)
    except (ValueError, OverflowError):
        return text
