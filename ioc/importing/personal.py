"""Personal: fields of a log that nobody may read, and those that are hashed before anything else sees them. Pure.

A hash is HMAC-SHA256 of the text with the key of `IOC_HMAC_KEY`, in hex: who has the key can tell whether a number he knows is
there, and nobody else can. Law 91/2025 takes such a pseudonym for personal data still.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any

from ioc.errors import UsageError
from ioc.importing.mapping import Map, Personal
from ioc.importing.paths import EVERY, TOP
from ioc.settings import Settings
from schemas import contracts


def keyed(log_map: Map, settings: Settings, name: str) -> Map:
    """The map with the key it needs.  Raises UsageError where it hashes and there is none."""
    if not log_map.personal.hmac:
        return log_map
    if not (secret := settings.hmac_key.get_secret_value()):
        raise UsageError(
            f"map {name} hashes {', '.join(log_map.personal.hmac)}, and IOC_HMAC_KEY is not set: set it to at least 32 bytes in "
            "base64 (openssl rand -base64 32), the same for everything that reads this source"
        )
    return log_map.model_copy(update={"personal": log_map.personal.with_key(base64.b64decode(secret))})


def hasher(personal: Personal) -> Callable[[str], str]:
    """The text that takes the place of one that is hashed.  Raises UsageError where there is no key."""
    key = personal.key()
    if personal.hmac and not key:
        raise UsageError(f"{', '.join(personal.hmac)} are to be hashed, and there is no key")
    return lambda text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def hider(log_map: Map) -> Callable[[dict[str, Any]], None]:
    """A function that takes out of a row what is dropped, and hashes what is hashed; nothing stays nothing."""
    personal, nulls = log_map.personal, frozenset(log_map.input.null)
    hashed = hasher(personal)

    def hide(fields: dict[str, Any]) -> None:
        for column in personal.drop:
            fields.pop(column, None)
        for column in personal.hmac:
            if (text := fields.get(column)) is not None and text not in nulls:
                fields[column] = hashed(text)

    return hide


def wrong(found: Map) -> Iterator[str]:
    """What in a map contradicts its own [personal]."""
    personal = found.personal
    places = {key: value.columns() for key, _, value in found.placed()}
    places |= {f"event[{n}].when": set(event.when) for n, event in enumerate(found.event)}
    places |= {f"event[{n}].each": {event.each} for n, event in enumerate(found.event) if event.each}
    for n, event in enumerate(found.event):
        places |= {f"event[{n}].measurements[{m}]": {measure.column} for m, measure in enumerate(event.measurements)}
    places |= {"case": {found.case}} if found.case else {}
    for key, columns in places.items():
        for column in sorted(columns):
            if (dropped := next((name for name in personal.drop if _within(column, name)), None)) is not None:
                yield f"{key}: reads {column}, which [personal] drops ({dropped})"
            if column in personal.hmac:
                if _identifies(found, key):
                    yield f"{key}: {column} is hashed: with another key it would be another event; take a column that is not"
            elif (hashed := next((name for name in personal.hmac if _within(column, name)), None)) is not None:
                yield f"{key}: reads {column}, of which [personal] hashes {hashed}: write it as it is read here"
    for column in sorted(set(personal.hmac) & set(personal.drop)):
        yield f"personal: {column} is dropped and hashed; choose one"


def _within(column: str, name: str) -> bool:
    """Whether a column lies at or below a name: list or not, from the top or not."""
    there, under = (text.removeprefix(TOP).replace(EVERY, "") for text in (column, name))
    there = _plain(there)
    under = _plain(under)
    return there == under or there.startswith(f"{under}.")


def _plain(text: str) -> str:
    head, bracket, rest = text.partition("[")
    place, closed, tail = rest.partition("]")
    return head + _plain(tail) if bracket and closed and place.isdigit() else text


def _identifies(found: Map, key: str) -> bool:
    """Whether a place of a map says which event it is, or when, or of what."""
    place = key.rpartition(".")[2]
    entities = {contracts()[kind].entity_key for event in found.event if (kind := found.typed(event)) in contracts()}
    return place in ("id", "time", "sequence", "case") or (".data." in f".{key}" and place in entities)
