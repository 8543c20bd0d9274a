"""KPIs of 5G with periods that are missing, late and repeated: values and bounds, read and rolled, against brute force."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from ioc.asking import read
from ioc.asking.question import scope
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from streams.ran import STREAM
from tests import brute, brute_kpis
from tests.brute import HOUR, MINUTE, RAN, Record, ms
from tests.counting import CATALOG, count, pipeline, real_store
from tests.logs import beat, ran, record
from tests.rolled import STEPS, begin, only

START = ms("2026-03-01T17:00:00Z")
"""A midnight of the province."""
END = START + 30 * HOUR
PERIOD = 900
CELLS = (("THA-HT1", "THA-HT1:1"), ("THA-HT1", "THA-HT1:2"), ("THA-HR1", "THA-HR1:1"))
"""Of the 50 of the registry; the others tell nothing, so all of the province is covered badly."""
OF_SITE = {"THA-HT1": 4, "THA-HR1": 4}
BOUNDED = ("ran.accessibility", "ran.handover", "ran.prb_used", "ran.coverage")


def period(rng: random.Random, site: str, cell: str, at: int) -> Iterator[dict[str, Any]]:
    """The events of a cell's period: its counters come in two files, of which each may be missing."""

    def told(names: tuple[str, ...], tried: int) -> list[dict[str, Any]]:
        done = rng.randrange(tried - tried // 4, tried + 1) if tried else 0
        return [{"name": name, "value": value, "unit": "1"} for name, value in zip(names, (tried, done), strict=True)]

    first = [*told(("RRC.ConnEstabAtt", "RRC.ConnEstabSucc"), rng.randrange(0, 90)),
             *told(("UECNTX.ConnEstabAtt", "UECNTX.ConnEstabSucc"), 40),
             {"name": "RRC.ConnEstabAtt.mo-Signalling", "value": 0, "unit": "1"}]  # fmt: skip
    second = [*told(("DRB.EstabAtt", "DRB.EstabSucc"), rng.randrange(1, 60)),
              *told(("MM.HoPrepInterReq", "MM.HoPrepInterSucc"), 20), *told(("MM.HoExeInterReq", "MM.HoExeInterSucc"), 20),
              {"name": "RRU.PrbTotDl", "value": rng.randrange(0, 101), "unit": "%"}]  # fmt: skip
    for group, measurements in (("1", first), ("2", second)):
        if rng.random() > 0.1:
            yield ran(cell, f"{cell}/{group}/{at}", at, site=site, period_s=PERIOD, measurements=measurements)


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    rng = random.Random(17)
    return [e for at in range(START, END, 1_000 * PERIOD) for site, cell in CELLS for e in period(rng, site, cell, at)]


@pytest.fixture(scope="module")
def store(store_url: str, events: list[dict[str, Any]]) -> Store:
    """The events received when their period has ended, one in ten up to five hours later, one in ten twice; rolled meanwhile."""
    rng, made = random.Random(4), real_store(store_url, "kpis")
    due = [(ms(e["time"]) + 1_000 * PERIOD + (rng.randrange(5 * HOUR) if rng.random() < 0.1 else 20_000), e) for e in events]
    due += [(at + HOUR, e) for at, e in due if rng.random() < 0.1]
    log: list[Record] = [record(beat(START), 0, START, 1, topic=RAN)]
    for at, event in sorted(due, key=lambda one: one[0]):
        log.append(record(event, len(log), at, 1))
    log.append(record(beat(END + 6 * HOUR), len(log), END + 6 * HOUR, 1, topic=RAN))
    counting, roller = pipeline(made, 1, topics=(RAN,)), Roller(only(*BOUNDED), made, made.settings)
    for upto in (len(log) // 3, len(log) // 2, len(log)):
        count(counting, log[:upto])
        roller.step()
    return made


_TOLD: dict[int, list[tuple[dict[str, Any], int, dict[str, tuple[int, ...]]]]] = {}


def told(events: list[dict[str, Any]]) -> list[tuple[dict[str, Any], int, dict[str, tuple[int, ...]]]]:
    """Data, end and rows of each event, made once."""
    if id(events) not in _TOLD:
        rows = [({name: row for (name, _, _), row in brute.radio(e).items()}, e) for e in events]
        _TOLD[id(events)] = [(e["data"], ms(e["time"]) + 1_000 * PERIOD - 1, own) for own, e in rows]
    return _TOLD[id(events)]


def truth(events: list[dict[str, Any]], name: str, group: tuple[str, str], since: int, until: int) -> tuple[float | None, ...]:
    """(value, lo, hi) of a group in [since, until)."""
    cells = 50 if group == ("*", "*") else OF_SITE[group[0]] if group[1] == "*" else 1
    due = cells * brute_kpis.due(PERIOD, [(0, 1 << 40)], since // 1_000, until // 1_000)
    sums: list[int] = []
    for data, end, rows in told(events):
        if since <= end < until and group[0] in ("*", data["site"]) and group[1] in ("*", data["cell"]) and name in rows:
            sums = [a + b for a, b in zip(sums or [0] * len(rows[name]), rows[name], strict=True)]
    return brute_kpis.bounded(name, sums, due)[:3]


GROUPS = (("*", "*"), ("THA-HT1", "*"), ("THA-HR1", "*"), *CELLS)


@pytest.mark.parametrize("name", BOUNDED)
def test_values_and_bounds_read_are_those_of_brute_force(store: Store, events: list[dict[str, Any]], name: str) -> None:
    rng = random.Random(name)
    for n in range(100):
        at, window, group = (
            rng.randrange(START + MINUTE, END + 2 * HOUR, MINUTE),
            rng.choice(("1h", "1d", "day")),
            GROUPS[n % len(GROUPS)],
        )
        where = {d: v for d, v in zip(STREAM.dimensions, group, strict=True) if v != "*"}
        (found,) = read.answers(store, scope(store, CATALOG, name, at=at, window=window, where=where), compare=False)
        wanted = truth(events, name, group, begin(window, at), at)
        assert (found.value, found.lo, found.hi) == pytest.approx(wanted), (at, window, group)
        assert found.value is None or found.lo <= found.value + 1e-9 <= found.hi + 2e-9


@pytest.mark.parametrize("name", BOUNDED)
def test_what_boards_show_of_them_is_the_same(store: Store, events: list[dict[str, Any]], name: str) -> None:
    rng = random.Random(name)
    rows = store.query(
        f"SELECT window, dims, toUnixTimestamp64Milli(at) AS at, value, lo, hi FROM {STREAM.indicator(name).view} ORDER BY at"
    ).rows()
    held = {
        (w, tuple(dims)): [(at, (v, lo, hi)) for w2, d2, at, v, lo, hi in rows if (w2, d2) == (w, dims)] for w, dims, *_ in rows
    }
    for n in range(100):
        window, group = rng.choice(("1h", "1d", "day")), GROUPS[n % len(GROUPS)]
        at = rng.randrange(START + HOUR, END, STEPS[window]) // STEPS[window] * STEPS[window]
        shown = [values for step, values in held[window, group] if step <= at]
        wanted = truth(events, name, group, begin(window, at), at)
        assert shown[-1] == pytest.approx(wanted), (at, window, group)
