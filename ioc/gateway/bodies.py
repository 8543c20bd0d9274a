"""Bodies: one HTTP request or one file, cut into the bytes of single events. Pure.

An event is passed on as the bytes its producer wrote, never as JSON written again: a reject keeps its evidence, and a number
such as 1e400 or a name that stands twice is judged by `ioc.events.exact_lane` and not changed on the way to it.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from ioc.events.exact_lane import Headers, Reject

_BLANK = re.compile(r"[ \t\r\n]*")
_WALK = json.JSONDecoder(parse_int=str, parse_float=str)
"""Finds where a value ends; numbers stay text, so that one with a million digits costs nothing."""


def is_array(body: bytes) -> bool:
    """Whether the body claims to be a batch.

    >>> is_array(b" [1]"), is_array(b"{}")
    (True, False)
    """
    return body.lstrip(b" \t\r\n").startswith(b"[")


def elements(body: bytes, most: int | None = None) -> list[bytes] | Reject:
    """The bytes of each element of a JSON array, or the reject of the whole body. `most`: more elements are too_large.

    >>> elements(b'[{"a": 1}, null ]')
    [b'{"a": 1}', b'null']
    >>> elements(b'[1, 2').message
    'not a JSON array: expected , or ] at character 5'
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        return Reject("bad_json", "", f"not UTF-8 at byte {error.start}; JSON is UTF-8")
    place, found = _after_blank(text, 0), list[bytes]()
    if not text.startswith("[", place):
        return Reject("not_cloudevent", "", "a batch is a JSON array of events: [{...}, {...}]")
    place = _after_blank(text, place + 1)
    closed = text.startswith("]", place)
    while not closed:
        try:
            _, end = _WALK.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            return Reject("bad_json", "", f"not a JSON array: {error}")
        found.append(text[place:end].encode())
        if most is not None and len(found) > most:
            return Reject("too_large", "", f"more than {most} events; send several batches")
        place = _after_blank(text, end)
        closed = text.startswith("]", place)
        if not closed and not text.startswith(",", place):
            return Reject("bad_json", "", f"not a JSON array: expected , or ] at character {place}")
        place = place if closed else _after_blank(text, place + 1)
    place = _after_blank(text, place + 1)
    return found if place == len(text) else Reject("bad_json", "", f"not a JSON array: more text at character {place}")


def member(body: bytes, name: str) -> bytes:
    """The bytes of a member of a JSON object that can be read; of several of that name the last, as readers take it.

    >>> member(b'{"a": [1.0, {}], "b": 2}', "a")
    b'[1.0, {}]'
    """
    text, found = body.decode(), ""
    place = _after_blank(text, _after_blank(text, 0) + 1)
    while text[place] != "}":
        key, end = _WALK.raw_decode(text, place)
        begin = _after_blank(text, _after_blank(text, end) + 1)
        _, end = _WALK.raw_decode(text, begin)
        found = text[begin:end] if key == name else found
        place = _after_blank(text, end)
        place = _after_blank(text, place + 1) if text[place] == "," else place
    return found.encode()


def _after_blank(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    return match.end() if match else place


MEMBERS = 100
"""Most gzip members of a body: what follows a member is copied for the next, so the time would grow with their square."""


def gunzip(body: bytes, limit: int) -> bytes | None:
    """The unpacked body, or None when it is larger than `limit` bytes. Raises ValueError when it is not gzip.

    At most `limit` + 1 bytes are ever unpacked, whatever the body claims, and at most `MEMBERS` members.
    """
    parts, room = list[bytes](), limit + 1
    while body:
        if len(parts) == MEMBERS:
            raise ValueError(f"more than {MEMBERS} gzip members in one body; pack it in one")
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(body, room))
        except zlib.error as error:
            raise ValueError(f"not gzip: {error}") from None
        room -= len(parts[-1])
        if room <= 0:
            return None
        if not member.eof:
            raise ValueError("not gzip: the body ends too early")
        body = member.unused_data
    return b"".join(parts)


def kafka_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """HTTP headers of binary mode as Kafka headers: `ce-id` becomes `ce_id`, percent-encoded text becomes UTF-8; and the type.

    >>> kafka_headers([(b"ce-subject", b"Thanh%20H%C3%B3a"), (b"host", b"x")])[0][1].decode()
    'Thanh Hóa'
    """
    found: list[tuple[str, bytes]] = []
    kind = b"application/json"
    for name, value in headers:
        if name.lower().startswith(b"ce-"):
            found.append(("ce_" + name.decode("latin-1").lower()[3:], unquote_to_bytes(_unquoted(value.strip()))))
        elif name.lower() == b"content-type":
            kind = value.strip()
    return [*found, ("content-type", kind)] if found else found


def _unquoted(value: bytes) -> bytes:
    if len(value) > 1 and value[:1] == value[-1:] == b'"':
        return re.sub(rb"\\(.)", rb"\1", value[1:-1])
    return value
