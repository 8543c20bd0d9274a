"""Brute forces by stream: `tests/brute_NAME.py` tells again, from docs and tables alone, what events of the stream NAME add.

Each of them has `rows(events)`: of the events of one entity in their order, (indicator, dimensions, at) -> measures; times in ms.
Beside it, where there are any: `SHARES` (whether each is of the others), `MEANS` (steps of 1), `ADDS` (those of them that add up
where they have no weights), `HISTOGRAMS` (edges) and `LEVELS`.
`STATELESS`: events add by themselves. No code of the engine, none of the stream.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from tests import brute
from tests.brute import MINUTE

Row = tuple[str, tuple[str, ...], int, int, tuple[int, ...]]
"""Indicator, dimensions, when it counts and when it became known (ms), measures."""


@cache
def of(stream: str) -> ModuleType | None:
    """The brute force of a stream, if it has one that tells entity by entity."""
    name = f"tests.brute_{stream}"
    module = import_module(name) if find_spec(name) else None
    return module if hasattr(module, "rows") and hasattr(module, "LEVELS") else None


def table(name: str, streams: Sequence[str]) -> dict[str, Any]:
    """What the brute forces of these streams say under a name, together."""
    return {key: value for stream in streams if (module := of(stream)) for key, value in getattr(module, name, {}).items()}


def told(stream: str, values: Sequence[bytes], since: int = 0) -> list[Row]:
    """What each event of an entity adds to what those before it said; known when it happened, but not before `since` (ms)."""
    module, found = of(stream), list[Row]()
    assert module is not None, f"write tests/brute_{stream}.py"
    history, said = list[brute.Event](), brute.Rows()
    for value in values:
        event = json.loads(value)
        known = max(brute.ms(event["time"]), since)
        if getattr(module, "STATELESS", False):
            found += panes(module.rows([event]), known, module.LEVELS)
            continue
        history.append(event)
        before, said = said, module.rows(history)
        found += panes(brute.minus(said, before), known, module.LEVELS)
    return found


def panes(rows: brute.Rows, known: int, levels: Container[str]) -> Iterator[Row]:
    """The rows as panes: all but levels by the minute."""
    for (indicator, dims, at), measures in rows.items():
        yield indicator, dims, at if indicator in levels else at // MINUTE * MINUTE, known // MINUTE * MINUTE, measures
