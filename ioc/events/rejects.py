"""Rejects: the record of topic `ioc.rejects`, packed by the gateway and unpacked by `measure`. Pure.

Only the gateway writes that topic. A record keeps what was refused as it came (at most KEPT bytes of it, and the SHA-256 of
all of it), so that a producer's complaint can be settled from the log alone.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

import orjson
from pydantic_core import from_json

from ioc.events.exact_lane import Headers, Reject
from ioc.text import nfc
from ioc.times import iso, to_ms

TOPIC = "ioc.rejects"
KEPT = 64 << 10
"""Bytes of a refused event that are kept."""


@dataclass(frozen=True)
class Refused:
    """What the gateway refused. `source`, `id`, `type` are what the bytes claim, empty where they claim nothing."""

    reason: str
    field: str
    message: str
    source: str
    id: str
    type: str
    sha256: str
    size: int
    """Bytes of the whole event; `value` holds the first KEPT of them."""
    received_at: int
    """Milliseconds, the gateway's clock (the record's own timestamp is Kafka's)."""
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    """`ce_` headers of an event in binary mode."""


def refused(reject: Reject, value: bytes, headers: Headers, received_ms: int) -> Refused:
    """The record of one reject."""
    source, identity, kind = claims(value, headers)
    return Refused(
        reject.reason, reject.field, reject.message, source, identity, kind,
        hashlib.sha256(value).hexdigest(), len(value), received_ms, value[:KEPT], tuple(headers),
    )  # fmt: skip


def claims(value: bytes, headers: Headers) -> tuple[str, str, str]:
    """(source, id, type) as far as the bytes say it, at most 256 characters of each, in NFC as those of accepted events.

    >>> claims(b'{"id": "7", "source": 5', ())
    ('', '', '')
    >>> claims(b'{"id": "7", "source": 5}', ())
    ('', '7', '')
    """
    said: dict[str, object] = {name[3:]: (raw or b"").decode(errors="replace") for name, raw in headers if name.startswith("ce_")}
    if not said:
        try:
            document = from_json(value)
        except ValueError:
            document = None
        said = document if isinstance(document, dict) else {}
    source, identity, kind = (
        nfc(text[:256]) if isinstance(text := said.get(name), str) else "" for name in ("source", "id", "type")
    )
    return source, identity, kind


def pack(record: Refused) -> bytes:
    """The record as JSON, bytes in base64, `received_at` as text."""
    return orjson.dumps(
        {
            **{name: getattr(record, name) for name in ("reason", "field", "message", "source", "id", "type", "sha256", "size")},
            "received_at": iso(record.received_at),
            "value": base64.b64encode(record.value).decode(),
            "headers": [[name, base64.b64encode(raw or b"").decode()] for name, raw in record.headers],
        }
    )


def unpack(value: bytes | None) -> Refused | None:
    """The record, or None when the bytes are none (nobody but the gateway should write the topic; somebody may)."""
    try:
        said = orjson.loads(value or b"")
        texts = [said[name] for name in ("reason", "field", "message", "source", "id", "type", "sha256")]
        numbers = type(said["size"]) is int and 0 <= said["size"] < 1 << 62
        if not all(isinstance(text, str) for text in (*texts, said["received_at"])) or not numbers:
            return None
        headers = tuple((str(name), base64.b64decode(raw, validate=True)) for name, raw in said["headers"])
        body = base64.b64decode(said["value"], validate=True)
        reason, field, message, source, identity, kind, digest = texts
        at = to_ms(said["received_at"])
        return Refused(reason, field, message, source, identity, kind, digest, said["size"], at, body, headers)
    except (ValueError, KeyError, TypeError, IndexError, AssertionError):
        return None
