"""Brute force of feeds: what each record says of its source, and when silence is unusual. No code of the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from unicodedata import normalize

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
EDGES = (0, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 604_800)
EPOCH = date(1970, 1, 1)
FeedRows = dict[tuple[str, tuple[str, ...], int], tuple[int, ...]]


def claimed(value: bytes | None) -> str:
    """The source that the bytes claim; `?`: none."""
    try:
        said = json.loads(value or b"")
    except ValueError:
        return "?"
    source = said.get("source") if isinstance(said, dict) else None
    source = normalize("NFC", source[:256]) if isinstance(source, str) else ""
    return "?" if source in ("", "*") else source


def of_day(at: int) -> int:
    """The last hour of the day of an instant, in the province."""
    return ((at + 7 * HOUR) // DAY + 1) * DAY - 7 * HOUR - HOUR


def rows(source: str, received: int, verdict: str, time: int | None, foreign: bool = False) -> FeedRows:
    """What one record adds. `time`: of an accepted event."""
    dims, at = (source,), received // HOUR * HOUR
    unclean = verdict == "duplicate" or foreign
    found: FeedRows = {
        ("feed.received", dims, at): (1,),
        ("feed.correct", dims, at): (int(verdict == "rejected"), 1, 1),
        ("feed.clean", dims, at): (int(unclean), 1, 1),
    }
    if verdict == "accepted" and time is not None:
        late = max((received - time) // 1_000, 0)
        place = max(i for i, edge in enumerate(EDGES) if edge <= late)
        found["feed.delay", dims, at] = tuple(int(i == place) for i in range(len(EDGES)))
        found["feed.complete", dims, of_day(time)] = (1, 0, 1)
    return found


def silence(received: Sequence[int], at: int, hours: int, holiday: Callable[[date], bool]) -> int:
    """How much is usual at an instant if nothing came in the hours before; 0 if something did. `received`: of one source."""

    def came(back: int) -> int:
        end = at - back * DAY
        return sum(end - hours * HOUR <= one < end for one in received)

    if came(0):
        return 0
    days = min(came(back) for back in range(1, 8))
    today = EPOCH + timedelta(days=(at - 1 + 7 * HOUR) // DAY)
    weeks = [] if holiday(today) else sorted(came(7 * week) for week in range(1, 5))
    return max(days, weeks[1] if weeks else 0)


def summed(parts: Sequence[Mapping[tuple[str, tuple[str, ...], int], tuple[int, ...]]]) -> FeedRows:
    """The sum of many rows."""
    found: FeedRows = {}
    for part in parts:
        for key, measures in part.items():
            found[key] = tuple(map(sum, zip(found.get(key, (0,) * len(measures)), measures, strict=True)))
    return found
