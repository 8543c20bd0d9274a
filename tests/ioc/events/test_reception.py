"""Reception: which heartbeat makes a partition live."""

from __future__ import annotations

from ioc.events.batch import Batch
from ioc.events.decode import Clock, Rules, reception
from ioc.events.heartbeats import heartbeat

HOUR = 3_600_000
NOW = 1_700_000_000_000


def clock_after(*headers: int | None) -> Clock:
    """The clock after heartbeats with these headers, all received by the broker now."""
    size = len(headers)
    beats = [heartbeat("pacemaker", NOW)] * size
    given = {i: [("ioc-received", b"%d" % at)] for i, at in enumerate(headers) if at is not None}
    batch = Batch("t", 0, 0, size, range(size), [None] * size, beats, [NOW] * size, given)
    return reception(batch, range(size), Clock(), Rules(2000, 600, {"t": 1}))[2]


def test_a_heartbeat_of_an_import_is_not_live_however_far_its_clock_runs_ahead() -> None:
    assert clock_after(NOW - HOUR, NOW + HOUR).live is None
    assert clock_after(NOW + HOUR, None).live == 1
    assert clock_after(None).live == 0


def test_a_reception_that_runs_ahead_of_the_broker_moves_no_watermark() -> None:
    assert clock_after(NOW - HOUR, NOW + HOUR).received == NOW - HOUR
