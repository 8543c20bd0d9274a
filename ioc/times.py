"""Times: integer milliseconds since 1970 (UTC) everywhere inside; RFC 3339 text at the edges. Pure.

>>> to_ms("2022-10-06T08:30:00.1239+07:00")
1665019800123
>>> iso(1665019800123)
'2022-10-06T01:30:00.123Z'
>>> iso(floor(1665019800123, MINUTE))
'2022-10-06T01:30:00Z'
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
PROVINCE = ZoneInfo("Asia/Ho_Chi_Minh")
"""Where the day on the wall begins: 17:00 UTC the day before."""
OFFSET = 7 * HOUR
"""The province's time is UTC+7 all year (since 1975)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


def to_ms(text: str) -> int:
    """Milliseconds of an RFC 3339 time with offset, checked against `schemas.envelope.TIMESTAMP` before; the rest is cut."""
    whole, fraction = text[:19], 0
    rest = text[19:]
    if rest.startswith("."):
        digits = re.match(r"\.(\d+)", rest)
        assert digits is not None
        fraction = int(digits[1][:3].ljust(3, "0"))
        rest = rest[digits.end() :]
    offset = 0 if rest in ("Z", "z") else (1 if rest[0] == "+" else -1) * (int(rest[1:3]) * 60 + int(rest[4:6])) * MINUTE
    seconds = datetime.fromisoformat(whole).replace(tzinfo=UTC) - _EPOCH
    return seconds // timedelta(milliseconds=1) + fraction - offset


def to_datetime(ms: int, zone: tzinfo = UTC) -> datetime:
    """The aware datetime of `ms`."""
    return (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)


def from_datetime(moment: datetime) -> int:
    """Milliseconds of an aware datetime; finer digits are cut off."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def iso(ms: int) -> str:
    """RFC 3339 in UTC, milliseconds only where there are some."""
    text = to_datetime(ms).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text.removesuffix(".000") + "Z"


def floor(ms: int, step: int, zone_offset: int = 0) -> int:
    """The last multiple of `step` not after `ms`."""
    return (ms + zone_offset) // step * step - zone_offset


def local_day(ms: int) -> int:
    """The province's day a moment lies in, as days since 1970."""
    return (ms + OFFSET) // DAY


def duration(text: str) -> int:
    """Milliseconds of `90s`, `5m`, `72h`, `60d`, `2w`.

    >>> duration("72h") // HOUR
    72
    """
    match = re.fullmatch(r"(\d+)(ms|s|m|h|d|w)", text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration; write a number and ms, s, m, h, d or w, e.g. 5m or 60d")
    return int(match[1]) * _UNITS[match[2]]


def spoken(ms: int) -> str:
    """A duration as `duration` reads it, in the largest unit that holds it.

    >>> spoken(5 * MINUTE), spoken(90 * SECOND), spoken(0)
    ('5m', '90s', '0s')
    """
    unit = next((u for u in reversed(_UNITS) if ms and ms % _UNITS[u] == 0), "s")
    return f"{ms // _UNITS[unit]}{unit}"
