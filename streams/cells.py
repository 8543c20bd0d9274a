"""Cells: the registry of 5G cells, as far as what is due of them is asked. Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from streams.due_periods import OnAir

SITES = Path(__file__).parent / "data" / "sites.toml"
PERIOD_S = 900
"""Seconds of a granularity period."""


@cache
def on_air() -> tuple[OnAir, ...]:
    """The cells of the registry."""
    rows = tomllib.loads(SITES.read_text(encoding="utf-8"))["sites"]
    return tuple(OnAir(site, f"{site}:{n}", PERIOD_S, 0, 1 << 62) for site, _, _, _, count in rows for n in range(1, count + 1))
