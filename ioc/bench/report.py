"""Report: what the benchmark found: paths beside the raw fetch, and all else with its aim. The aims stand here alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PATHS = {"measure, coordinates": 0.30, "measure, archive": 0.25, "dossiers, archive": 0.06}
"""At least so much of the raw fetch of the same topic in the same run."""
FLAT = 1.15
"""The cost of an event over all of them, by that of the first tenth, at most: at ten million events."""
QUIET, DEMO, LONGER = 0.10, 0.35, 1.15
"""Cores of a quiet centre and of one with the demo's feed; and by what the latter may grow over three years."""
FIRST_ROLL = 6.0
"""Seconds until 100,000 dossiers of thirty days are rolled for the first time."""
FINAL = 150.0
"""Seconds from `make run` until all of the past is final."""
P99 = 800.0
"""Milliseconds from produce to visible row."""
LOADED = 600.0
"""MB of a worker with a million open dossiers."""
ASKED = 100.0
"""Milliseconds of a question about a random instant of three years, p95."""
COMMAND = 0.5
"""Seconds of a short command."""


@dataclass
class Figure:
    """A number and the most it should be (None: nothing is aimed at). `parts`: what it is made of, or what else was seen."""

    value: float
    unit: str
    aim: float | None = None
    parts: dict[str, float] = field(default_factory=dict)
    met: bool | None = field(init=False)

    def __post_init__(self) -> None:
        self.met = None if self.aim is None else self.value <= self.aim


@dataclass
class Report:
    """`rows`: by path: events, seconds, per_second, ratio to the raw fetch of the same topic, cpu (s), mb (peak), target, met.
    `figures`: all else, by name. `made`: what was measured on."""

    events: int
    partitions: int
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)

    def path(self, name: str, result: dict[str, Any], raw: str | None = None) -> None:
        """Note a path's result. `raw`: the path it is compared with."""
        result["per_second"] = result["events"] / result["seconds"]
        if raw is not None:
            result["ratio"] = result["per_second"] / self.rows[raw]["per_second"]
        if name in PATHS:
            result |= {"target": PATHS[name], "met": result["ratio"] >= PATHS[name]}
        self.rows[name] = result

    def note(self, name: str, value: float, unit: str, aim: float | None = None, **parts: float) -> None:
        """Note a figure."""
        self.figures[name] = Figure(value, unit, aim, parts)
