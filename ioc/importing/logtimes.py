"""Log times: clock readings as logs write them, read into milliseconds and RFC 3339 text. Pure.

A reading without an offset needs a zone. Where the zone's clock was set back it is ambiguous and the first occurrence is
taken; where the clock was set forward it never was and is moved forward by the gap (PEP 495 with fold = 0). Both are counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from ioc.importing.timeformats import Reading, compiled, states_offset, wrong
from ioc.times import from_datetime, iso, to_datetime

Moment = tuple[int, str]
"""Milliseconds since 1970 and the same as RFC 3339 text, in the log's own offset where it has one, else in UTC."""
NAMED = ("iso", "yyyyMMddHHmmss", "epoch_s", "epoch_ms", "serial", "serial_1904")
EPOCHS = frozenset({"epoch_s", "epoch_ms"})
DAY_ALONE = "day without a time"
"""What `counts` calls a day that was given a time."""
NO_OFFSET = "neither offset nor zone"
"""What `counts` calls a reading that no zone makes a moment of."""
_MINUTE = timedelta(minutes=1)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (UTC; subtracted from times already in UTC)


def check_format(text: str) -> str | None:
    """What is wrong with a format, or None."""
    if text in NAMED:
        return None
    if "%" in text:
        return f"{text!r}: {found}" if (found := wrong(text)) else None
    return f"{text!r} is no time format; write {', '.join(NAMED)}, or a pattern such as '%d/%m/%Y %H:%M'"


def needs_zone(text: str) -> bool:
    """Whether no reading of a format states its offset. (A reading of `iso` may.)"""
    return text not in EPOCHS | {"iso"} and not states_offset(text)


def reader(
    formats: Sequence[str],
    zone: str | None,
    counts: Counter[str],
    *,
    day: time | None = None,
    midnight: bool = False,
    decimal: str = ".",
    since: int = 0,
) -> Callable[[str], Moment | None]:
    """A function from a reading to its moment, or None where no format fits or the offset is neither written nor known.

    `day`: the time that a day without one gets (else its first moment); `midnight`: 00:00 is taken for such a day, too;
    `since`: the moment (ms) from which epochs count.

    >>> reader(["yyyyMMddHHmmss"], "Asia/Ho_Chi_Minh", Counter())("20221006083000")
    (1665019800000, '2022-10-06T01:30:00Z')
    >>> reader(["iso"], None, Counter())("2011-10-11 13:42:22.688000+02:00")
    (1318333342688, '2011-10-11T13:42:22.688+02:00')
    """
    parsers = [_parser(text, decimal, since) for text in formats]
    place = ZoneInfo(zone) if zone else None

    def read(text: str) -> Moment | None:
        naive = False
        for parse in parsers:
            try:
                when, alone = parse(text)
                if day and (alone or (midnight and when.time() == time.min)):
                    when = datetime.combine(when.date(), day, when.tzinfo)
                    counts[DAY_ALONE] += 1
                naive = when.tzinfo is None and place is None
                if not naive:
                    return _moment(when, place, counts)
            except (ValueError, OverflowError, InvalidOperation):
                continue
        if naive:
            counts[NO_OFFSET] += 1
        return None

    return read


def _moment(when: datetime, zone: ZoneInfo | None, counts: Counter[str]) -> Moment:
    offset = when.utcoffset()
    if offset is not None:
        ms = from_datetime(when)
        if offset % _MINUTE:  # local mean time: RFC 3339 has no seconds in an offset
            return ms, iso(ms)
        return ms, when.isoformat(timespec=_precision(when))
    assert zone is not None
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


def _parser(text: str, decimal: str, since: int) -> Callable[[str], Reading]:
    if text == "iso":
        return _iso
    if text == "yyyyMMddHHmmss":
        return compiled("%Y%m%d%H%M%S")
    if text in EPOCHS:
        scale = 1_000 if text == "epoch_s" else 1
        return lambda found: (_since(since, _number(found, decimal) * scale), False)
    if text in NAMED:
        return _serial(date(1899, 12, 30) if text == "serial" else date(1904, 1, 1), 61 if text == "serial" else 0, decimal)
    return compiled(text)


def _since(begin: int, ms: Decimal) -> datetime:
    whole, finer = divmod(int(ms * 1_000), 1_000)
    return to_datetime(begin + whole, UTC) + timedelta(microseconds=finer)


def _iso(text: str) -> Reading:
    try:
        return datetime.combine(date.fromisoformat(text), time.min), True
    except ValueError:
        return datetime.fromisoformat(text), False


def _serial(zero: date, least: int, decimal: str) -> Callable[[str], Reading]:
    """Days and parts of a day since `zero`, as spreadsheets count them; below 61 one of them has a 29 February 1900."""

    def read(text: str) -> Reading:
        days = _number(text, decimal)
        if days < least:
            raise ValueError(text)
        ms = int((days * 86_400_000).to_integral_value(ROUND_HALF_UP))
        return datetime.combine(zero, time.min) + timedelta(milliseconds=ms), days == days.to_integral_value()

    return read


def _number(text: str, decimal: str) -> Decimal:
    if not re.fullmatch(rf"[+-]?[0-9]+({re.escape(decimal)}[0-9]+)?", text):
        raise ValueError(text)
    return Decimal(text.replace(decimal, "."))
