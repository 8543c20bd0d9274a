"""Brute force of farms: what one reading adds to each indicator, told again from docs and tables. No code of the engine."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.brute import Event, Rows, ms, plus

CROPS = {
    crop["code"]: crop for crop in tomllib.loads((Path(__file__).parents[1] / "streams/data/crops.toml").read_text())["crop"]
}
QUANTITIES = ("temperature", "humidity", "soil_moisture")
NEW_CODES = datetime(2025, 6, 30, 17, tzinfo=UTC)
"""The first of July 2025 in the province: from then on a commune's code is of another list."""


STATELESS, LEVELS = True, frozenset[str]()
SHARES, MEANS = {"farm.out_of_range": False}, dict.fromkeys((f"farm.{quantity}" for quantity in QUANTITIES), 10)


def rows(events: Sequence[Event]) -> Rows:
    """What each reading adds by itself."""
    found: Rows = {}
    for event in events:
        for (name, of), measures in _adds(event).items():
            found[name, of, ms(event["time"])] = plus(found.get((name, of, ms(event["time"]))), measures)
    return found


def _adds(event: Event) -> dict[tuple[str, tuple[str, str, str]], tuple[int, int, int]]:
    """By indicator and (farm, crop, unit): what is summed, and how many readings there are."""
    data, time = event["data"], datetime.fromisoformat(event["time"])
    unit = data.get("unit", "?") + ("@2025-07-01" if "unit" in data and time >= NEW_CODES else "")
    of, seconds = (data["farm"], data.get("crop", "?"), unit), data["period_s"]
    stated = {q: data[q] for q in QUANTITIES if data.get(q) is not None}
    found = {(f"farm.{q}", of): (round(value * 10) * seconds, seconds, 1) for q, value in stated.items()}
    if stated and (crop := CROPS.get(of[1])):
        outside = any(not crop[q][0] <= value <= crop[q][1] for q, value in stated.items())
        found["farm.out_of_range", of] = (seconds if outside else 0, seconds, 1)
    return found
