"""5G cells: what the demo's cells measure, as a pure function of seed, cell and time.

The load of a cell follows its kind's day (weekdays and weekends apart) with slow waves and noise; throughput falls with
load. Periods are 15 min (1 min at the end) where the past is filled, and seconds where the feed is live.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import exp
from typing import NamedTuple

import xxhash

from ioc.province.data import Site, sites
from ioc.province.incidents import chance, outage
from ioc.province.text import Outgoing, counted, measured
from ioc.times import DAY, HOUR, MINUTE, OFFSET, SECOND, floor

LONG, SHORT = 15 * MINUTE, MINUTE
"""Periods with which the past is filled."""
PERIODS = (1, 2, 3, 4, 5, 6, 10, 15, 30)
"""Seconds a live period may have: not longer, or the measurement would come after its step is closed."""
# kind: (hour, width, height) of the peaks of a weekday, the same at a weekend, share of time on 5G
KINDS = {
    "city": (((8, 1.5, 0.35), (12, 1.5, 0.4), (20.5, 2.5, 0.7)), ((11, 2.5, 0.45), (20.5, 3, 0.75)), 0.88),
    "office": (((9.5, 2, 0.75), (15, 2, 0.7)), ((10, 3, 0.15),), 0.92),
    "beach": (((18, 3, 0.35), (21, 2, 0.35)), ((10, 3, 0.5), (17.5, 2.5, 0.75), (21, 2, 0.6)), 0.8),
    "industry": (((7.5, 1, 0.5), (12, 2, 0.45), (17, 1.5, 0.6)), ((10, 4, 0.25),), 0.75),
    "rural": (((12, 2, 0.2), (20, 2, 0.4)), ((11, 3, 0.25), (20, 2, 0.45)), 0.55),
}
UNIT = 1 / (1 << 21)


class Cell(NamedTuple):
    """A cell and what it is like."""

    code: str
    site: str
    size: float
    """How much of its kind's load it carries."""
    rsrp: float
    nr: float
    peak: float
    """Throughput of a user alone in the cell, kbit/s."""
    curve: tuple[tuple[float, ...], tuple[float, ...]]
    """Load by quarter of an hour (97 values), on weekdays and at weekends."""


def _curve(peaks: tuple[tuple[float, float, float], ...]) -> tuple[float, ...]:
    return tuple(0.05 + sum(h * exp(-((((q / 4 - at + 12) % 24 - 12) / w) ** 2) / 2) for at, w, h in peaks) for q in range(97))


def _cells(seed: int, site: Site) -> Iterator[Cell]:
    weekday, weekend, nr = KINDS[site.kind]
    curve = (_curve(weekday), _curve(weekend))
    for n, code in enumerate(site.cells, 1):
        a, b, c = (chance(seed, "cell", site.code, n, what) for what in "abc")
        far = site.kind == "rural"
        yield Cell(
            code, site.code, 0.7 + 0.5 * a, -84 - 14 * b - 6 * far, nr + 0.1 * (c - 0.5),
            (380_000 if far else 620_000) * (0.85 + 0.3 * c), curve,
        )  # fmt: skip


class Radio:
    """All cells of the province."""

    def __init__(self, seed: int) -> None:
        self._seed, self._chance = seed, partial(chance, seed)
        self.cells = [cell for site in sites() if site.kind in KINDS for cell in _cells(seed, site)]
        self._waves: dict[str, tuple[int, float, float]] = {}

    def past(self, since: int, until: int) -> Iterator[Outgoing]:
        """Measurements of [since, until), both whole minutes: 15-minute periods while they fit, then minutes."""
        while since < until:
            period = LONG if since % LONG == 0 and since + LONG <= until else SHORT
            for cell in self.cells:
                event = self.measure(cell, since, period // SECOND)
                if event:
                    yield event
            since += period

    def seconds(self, since: int, until: int | None, rate: float) -> Iterator[Outgoing]:
        """Measurements from `since` on, about `rate` a second, spread evenly over each second."""
        series = self.series(rate)
        second = floor(since, SECOND)
        while until is None or second < until:
            for n, (cell, period, device) in enumerate(series):
                time = second + n * SECOND // len(series)
                if (second // SECOND + n) % period == 0 and time >= since:
                    event = self.measure(cell, time, period, device)
                    if event:
                        yield event
            second += SECOND
            if second % LONG == 0 and second > since:
                yield from (event for cell in self.cells if (event := self.ended(cell, second - LONG)))

    def series(self, rate: float) -> list[tuple[Cell, int, str | None]]:
        """(cell, period in seconds, device): the longest periods that give the rate; above one a second, drive-test devices."""
        count = len(self.cells)
        slow = next((n for n, period in enumerate(PERIODS) if count / period <= rate), len(PERIODS) - 1)
        fast = max(slow - 1, 0)
        more = round((rate - count / PERIODS[slow]) / (count / PERIODS[fast] - count / PERIODS[slow]) * count) if slow else 0
        plain = [(cell, PERIODS[fast if n < more else slow], None) for n, cell in enumerate(self.cells)]
        return [*plain, *((self.cells[n % count], 1, f"may-do-{n + 1:03}") for n in range(max(0, round(rate) - count)))]

    def load(self, cell: Cell, time: int) -> float:
        """The load of a cell, 0 to 0.98."""
        day, clock = divmod(time + OFFSET, DAY)
        curve = cell.curve[(day + 3) % 7 >= 5]
        quarter, rest = divmod(clock, 15 * MINUTE)
        usual = curve[quarter] + (curve[quarter + 1] - curve[quarter]) * rest / (15 * MINUTE)
        hour, part = divmod(time, HOUR)
        wave = self._waves.get(cell.code)
        if wave is None or wave[0] != hour:
            wave = (hour, chance(self._seed, cell.code, hour), chance(self._seed, cell.code, hour + 1))
            self._waves[cell.code] = wave
        slow = wave[1] + (wave[2] - wave[1]) * part / HOUR
        return min(0.98, usual * cell.size * (0.75 + 0.5 * slow))

    def measure(self, cell: Cell, time: int, period: int, device: str | None = None) -> Outgoing | None:
        """The event of one period that begins at `time` ms and lasts `period` s; None while the site is dark."""
        begin, end, kind = outage(self._chance, cell.site, time // DAY)
        weak = begin <= time < end
        if weak and kind == "dark":
            return None
        bits = xxhash.xxh3_128_intdigest(f"{self._seed}:{cell.code}:{time}:{device}".encode())
        a, b, c, d, e = ((bits >> shift & 0x1FFFFF) * UNIT for shift in (0, 21, 42, 63, 84))
        load = min(0.995, self.load(cell, time) * (0.9 + 0.2 * a) + (0.3 if weak else 0))
        nr = e < (cell.nr * 0.5 if weak else cell.nr)
        rsrp = cell.rsrp + 6 * (b + c - 1) - (18 if weak else 0)
        download = cell.peak * (1 - 0.85 * load) * (0.8 + 0.4 * d) * (1 if nr else 0.18) * (0.15 if weak else 1)
        users = load * 220 * cell.size
        volume = download * load * period * 1.4
        counters = self.counters(cell, time, load, weak) if period * SECOND == LONG and device is None else None
        return measured(
            cell.code, cell.site, time, period, "NR" if nr else "LTE", device,
            (download, download * (0.09 + 0.05 * b), 100 * load, rsrp, users, volume), counters,
        )  # fmt: skip

    def ended(self, cell: Cell, time: int) -> Outgoing | None:
        """The counters of the long period that begins at `time`; None: the site is dark, or the file got lost."""
        begin, end, kind = outage(self._chance, cell.site, time // DAY)
        weak = begin <= time < end
        if (weak and kind == "dark") or chance(self._seed, "lost", cell.code, time) < 0.005:
            return None
        return counted(cell.code, cell.site, time, LONG // SECOND, self.counters(cell, time, self.load(cell, time), weak))

    def counters(self, cell: Cell, time: int, load: float, weak: bool) -> dict[str, float]:
        """What a long period counts: set-ups, handovers, releases, volume and energy."""
        bits = xxhash.xxh3_128_intdigest(f"{self._seed}:{cell.code}:{time}:counters".encode())
        a, b, c, d, e = ((bits >> shift & 0x1FFFFF) * UNIT for shift in (0, 21, 42, 63, 84))
        busy = load * cell.size
        fails = (0.12 if weak else 0.004) * (1 + 4 * max(0.0, load - 0.8))
        asked = 4 + int(900 * busy * (0.8 + 0.4 * a))
        signalling = int(0.15 * asked)
        held = asked - round(asked * fails * 2 * b)
        bearers, moves = int(1.3 * held), 1 + int(160 * busy * (0.7 + 0.6 * c))
        prepared = moves - round(moves * fails * 3 * d)
        return {
            "RRC.ConnEstabAtt": asked, "RRC.ConnEstabSucc": held,
            "RRC.ConnEstabAtt.mo-Signalling": signalling, "RRC.ConnEstabSucc.mo-Signalling": min(signalling, held),
            "UECNTX.ConnEstabAtt": held, "UECNTX.ConnEstabSucc": held - round(held * fails * c),
            "DRB.EstabAtt": bearers, "DRB.EstabSucc": bearers - round(bearers * fails * d),
            "MM.HoPrepInterReq": moves, "MM.HoPrepInterSucc": prepared,
            "MM.HoExeInterReq": prepared, "MM.HoExeInterSucc": prepared - round(prepared * fails * 4 * e),
            "DRB.RelActNbr": round(held * fails * e), "DRB.SessionTime": int(held * (40 + 60 * a)),
            "DRB.PdcpSduVolumeUL": int(9e6 * busy * (0.8 + 0.4 * b)), "PEE.Energy": round(0.12 + 0.22 * load, 4),
        }  # fmt: skip
