"""Bad events: the mistakes producers really make, put into the demo's live feed so that its rejects can be seen. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ioc.province.text import Outgoing, changed, local
from ioc.times import DAY


def _prb_count(event: Outgoing) -> bytes:
    """A count of resource blocks under the name of a percentage, as some vendors send it."""
    before, name, after = event.value.partition(b'"RRU.PrbTotDl","value":')
    return before + name + b"354196" + after[after.index(b",") :]


def _wrong_unit(event: Outgoing) -> bytes:
    return event.value.replace(b'"unit":"kbit/s"', b'"unit":"Mbit/s"', 1)


def _cut_off(event: Outgoing) -> bytes:
    return event.value[: len(event.value) * 2 // 3]


def _no_offset(event: Outgoing) -> bytes:
    return event.value.replace(b"+07:00", b"", 1)


def _misspelt(event: Outgoing) -> bytes:
    return event.value.replace(b'"period_s"', b'"periods"', 1)


def _clock_ahead(event: Outgoing) -> bytes:
    """The clock of the site is a day ahead."""
    return event.value.replace(local(event.time_ms).encode(), local(event.time_ms + DAY).encode(), 1)


RADIO: tuple[Callable[[Outgoing], bytes], ...] = (
    _prb_count,
    _prb_count,
    _wrong_unit,
    _cut_off,
    _no_offset,
    _misspelt,
    _clock_ahead,
)
STATES = ("dang_xu_ly", "4", "received ")


def spoilt(event: Outgoing, luck: int) -> Outgoing:
    """A wrong event in place of a right measurement: the measurement with a mistake, or a dossier in an unknown state."""
    kind = luck % (len(RADIO) + 2)
    if kind < len(RADIO):
        mistake = RADIO[kind] if b'"RRU.PrbTotDl"' in event.value else _cut_off  # what counts set-ups tells no load
        return event._replace(value=mistake(event))
    dossier = f"H56.99-{local(event.time_ms)[:10].replace('-', '')}-{luck // 64 % 10_000:04}"
    wrong = changed(dossier, 1, event.time_ms, STATES[luck // 16 % len(STATES)], {"agency": "000.00.15.H56"})
    return wrong._replace(due_ms=event.due_ms)
