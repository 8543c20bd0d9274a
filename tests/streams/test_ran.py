"""Radio measurements: weighted sums that no batching changes."""

from __future__ import annotations

import json
import random
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ioc.events import fast_lane
from ioc.events.arrow_schema import shape
from schemas.ran import RanMeasured
from streams.ran import STREAM, columns
from tests import brute
from tests.logs import START, ran

SHAPE = shape(RanMeasured)
KPIS = [
    *(f"{counter}{kind}{further}" for counter in ("RRC.ConnEstab", "UECNTX.ConnEstab", "DRB.Estab") for kind in ("Att", "Succ")
      for further in ("", ".sum", ".mo-Data", ".mo-Signalling", ".5QI9", ".SNSSAI01-000001")),
    *(f"MM.Ho{step}{kind}" for step in ("PrepInter", "ExeInter", "ExeIntra") for kind in ("Req", "Succ", "Succ.sum")),
    "RM.RegInitReq", "RM.RegInitSucc", "QF.RelActNbr.5QI1", "QF.RelActNbr.5QI9", "QF.SessionTimeUE", "DRB.RelActNbr",
    "DRB.SessionTime", "DRB.PdcpSduVolumeDL", "PEE.Energy", "RRC.ConnEstabAttempted",
]  # fmt: skip


def frame(events: list[dict[str, Any]]) -> pl.DataFrame:
    found, refused = fast_lane.parse(SHAPE, list(range(len(events))), [json.dumps(e).encode() for e in events])
    assert refused == []
    return found


def counter(rng: random.Random, name: str) -> dict[str, Any]:
    """A counter of a KPI, or one that is empty; never more successes than attempts."""
    unit = {"DRB.PdcpSduVolumeDL": "kbit", "PEE.Energy": "kWh"}.get(name, "1")
    value = rng.choice((0, 3, 5)) if "Succ" in name else rng.choice((5, 8.0, 21))
    return {"name": name} if rng.random() < 0.1 else {"name": name, "value": value, "unit": unit}


def rows(events: list[dict[str, Any]]) -> list[brute.Rows]:
    """The rows of each event, by the stream's own columns."""
    found: list[brute.Rows] = [{} for _ in events]
    for name, part in columns(frame(events)).items():
        measures = STREAM.indicator(name).value.measures
        for row in part.to_dicts():
            key = (name, (row["site"], row["cell"]), row["at"])
            assert key not in found[row["_i"]]
            found[row["_i"]][key] = tuple(int(row[m]) for m in measures)
    return found


@given(st.integers(0, 10**9), st.integers(1, 8))
def test_the_columns_of_many_events_are_the_rows_of_each(seed: int, size: int) -> None:
    rng = random.Random(seed)
    events = []
    for i in range(size):
        names = rng.choices([*brute.COUNTERS, "vendor.x"], k=rng.randrange(4))
        measurements = [
            {
                "name": n,
                "value": rng.choice((-60, 0, 1, 50.55)) if n != "RSRP" else -90.5,
                "unit": brute.COUNTERS.get(n, ("", "?", 1))[1],
            }
            for n in names
        ]
        measurements = [m | {"value": abs(m["value"])} if m["name"] not in ("RSRP", "vendor.x") else m for m in measurements]  # type: ignore[arg-type]
        measurements += [counter(rng, rng.choice(KPIS)) for _ in range(rng.choice((0, 4, 12)))]
        more = {"measurements": measurements, "period_s": rng.choice((1, 60, 900)), "rat": rng.choice(("NR", "LTE", None))}
        more["suspect"] = rng.choice((None, None, False, True))
        events.append(ran(f"c{i % 2}", str(i), START + i, **more))
    assert rows(events) == [brute.radio(e) for e in events]


def test_a_mean_is_weighted_by_the_seconds_measured() -> None:
    events = [ran("c", "a", START, 100, period_s=60), ran("c", "b", START, 10, period_s=900)]
    total = [0, 0, 0]
    for found, end in zip(rows(events), (START + 59_999, START + 899_999), strict=True):
        total = [a + b for a, b in zip(total, found["ran.dl_throughput", ("c", "c"), end], strict=True)]
    assert total == [(100 * 60 + 10 * 900) * 10, 960, 2]


def test_values_their_sender_doubts_enter_no_average_and_their_seconds_are_counted() -> None:
    sure, doubted, denied = rows(
        [ran("c", "a", START, 100), ran("c", "b", START, 99_000_000, suspect=True), ran("c", "d", START, 50, suspect=False)]
    )
    end = START + 59_999
    key = ("ran.dl_throughput", ("c", "c"), end)
    assert (sure[key], denied[key]) == ((100 * 10 * 60, 60, 1), (50 * 10 * 60, 60, 1))
    assert doubted == {("ran.suspect_seconds", ("c", "c"), end): (60,), ("ran.nr_share", ("c", "c"), end): (60, 60, 1)}


def test_a_counter_named_twice_in_one_event_counts_once() -> None:
    twice = [{"name": "RSRP", "value": v, "unit": "dBm"} for v in (-90, -80)]
    (found,) = rows([ran("c", "a", START, measurements=twice)])
    assert found["ran.rsrp", ("c", "c"), START + 59_999] == (-90 * 100 * 60, 60, 1)


def test_an_event_without_measurements_or_technology_adds_nothing() -> None:
    assert rows([ran("c", "a", START, measurements=[], rat=None)]) == [{}]
