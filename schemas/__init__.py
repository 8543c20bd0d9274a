"""Contracts: the pydantic models of all event types; everything else (JSON Schema, AsyncAPI, Arrow) is derived from them."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from schemas.envelope import Envelope

Contract = type[Envelope[Any]]


def contracts() -> dict[str, Contract]:
    """All contracts by event type: every concrete `Envelope` defined in a module of this package.

    >>> contracts()["vn.ioc.heartbeat.v1"].topic
    '*'
    """
    found: dict[str, Contract] = {}
    for module in pkgutil.iter_modules(__path__):
        for item in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            if isinstance(item, type) and issubclass(item, Envelope) and "event_type" in vars(item):
                found[item.event_type] = item
    return dict(sorted(found.items()))
