"""Log times: clock readings as logs write them, read into milliseconds and RFC 3339 text. Pure.

A reading without an offset needs a zone. Where the zone's clock was set back it is ambiguous and the first occurrence is
taken; where the clock was set forward it never was and is moved forward by the gap (PEP 495 with fold = 0). Both are counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from ioc.times import from_datetime, iso, to_datetime

Moment = tuple[int, str]
"""Milliseconds since 1970 and the same as RFC 3339 text, in the log's own offset where it has one, else in UTC."""
_MINUTE = timedelta(minutes=1)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (UTC; subtracted from times already in UTC)


def check_format(text: str) -> str | None:
    """What is wrong with a format, or None."""
    if text in _NAMED or "%" in text:
        return None
    return f"{text!r} is no time format; write {', '.join(_NAMED)}, or a strptime pattern such as '%d/%m/%Y %H:%M'"


def reader(formats: Sequence[str], zone: str | None, counts: Counter[str]) -> Callable[[str], Moment | None]:
    """A function from a reading to its moment, or None where no format fits or the offset is neither written nor known.

    >>> reader(["yyyyMMddHHmmss"], "Asia/Ho_Chi_Minh", Counter())("20221006083000")
    (1665019800000, '2022-10-06T01:30:00Z')
    >>> reader(["iso"], None, Counter())("2011-10-11 13:42:22.688000+02:00")
    (1318333342688, '2011-10-11T13:42:22.688+02:00')
    """
    parsers = [_NAMED.get(text) or _strptime(text) for text in formats]
    place = ZoneInfo(zone) if zone else None

    def read(text: str) -> Moment | None:
        for parse in parsers:
            try:
                return _moment(parse(text), place, counts)
            except (ValueError, OverflowError, InvalidOperation):
                continue
        return None

    return read


def _moment(when: datetime, zone: ZoneInfo | None, counts: Counter[str]) -> Moment:
    offset = when.utcoffset()
    if offset is not None:
        ms = from_datetime(when)
        if offset % _MINUTE:  # local mean time: RFC 3339 has no seconds in an offset
            return ms, iso(ms)
        return ms, when.isoformat(timespec=_precision(when))
    if zone is None:
        raise ValueError("neither offset nor zone")
    local = when.replace(tzinfo=zone)
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    assert first is not None
    if first != second:
        assert second is not None
        counts["ambiguous" if first > second else "never was"] += 1
    utc = when - first
    return (utc - _EPOCH) // _MILLISECOND, utc.isoformat(timespec=_precision(utc)) + "Z"


def _precision(when: datetime) -> str:
    """What is finer than a millisecond stays: it orders the events of one."""
    if not when.microsecond:
        return "seconds"
    return "microseconds" if when.microsecond % 1000 else "milliseconds"


def _strptime(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern)  # noqa: DTZ007 (the zone is added by `_moment`)


def _compact(text: str) -> datetime:
    """yyyyMMddHHmmss, all 14 digits: strptime alone would read 13 digits as something else."""
    if not re.fullmatch(r"[0-9]{14}", text):
        raise ValueError(text)
    return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007


def _epoch(scale: int) -> Callable[[str], datetime]:
    def read(text: str) -> datetime:
        ms, finer = divmod(int(Decimal(text) * scale * 1_000), 1_000)
        return to_datetime(ms, UTC) + timedelta(microseconds=finer)

    return read


_NAMED: dict[str, Callable[[str], datetime]] = {
    "iso": datetime.fromisoformat,
    "yyyyMMddHHmmss": _compact,
    "epoch_s": _epoch(1_000),
    "epoch_ms": _epoch(1),
}
