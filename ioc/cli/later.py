"""Later: the catalog for a command that counts nothing.

A stream imports polars at its top, as it should, and uses it where it counts. To load it takes an eighth of a second, so here a
stand-in takes its place until something of it is asked for (a module's own `__getattr__`, PEP 562).
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from ioc.catalog import Catalog, load

NAME = "polars"


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
        return getattr(import_module(NAME), name)


def catalog() -> Catalog:
    """All declared streams."""
    if NAME in sys.modules:
        return load()
    sys.modules[NAME] = stand_in = _StandIn(NAME)
    try:
        return load()
    finally:
        if sys.modules.get(NAME) is stand_in:  # whoever imports it from now on gets it
            del sys.modules[NAME]
