"""Changes: what live messages say otherwise than before, sent as corrections, where their map says `on_change = "correct"`.

What was said before, the store knows once it is counted. For what this gateway has sent and is not counted yet, it waits: else a
change within that second would be refused as `id_reused`, after its sender has heard that all is well.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import orjson
import xxhash

from ioc.catalog import Catalog, load
from ioc.centre import live
from ioc.importing.corrections import Corrections
from ioc.importing.mapping import Map
from ioc.importing.translate import Outgoing
from ioc.settings import Settings
from ioc.store.clickhouse import Store

PATIENCE = 5.0
"""Seconds without a step of the worker after which a change is sent away for a while."""
REMEMBERED = 50_000
"""Events that may wait to be counted: ten seconds of what a worker counts at its slowest, in 10 MB."""

_Said = tuple[int, tuple[str, int], int]
"""The hash of what an event says, where it lies, and the position behind it."""


class Changes:
    """Corrections of live events; one request at a time, for what is compared and what is sent is one step."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: tuple[Store, Catalog] | None = None
        self._sent: OrderedDict[int, _Said] = OrderedDict()

    async def correct(self, log_map: Map, events: Sequence[Outgoing]) -> list[Outgoing]:
        """The events, those that correct others in the form of corrections.  Raises ServiceAway."""
        return await asyncio.to_thread(self._correct, log_map, events) if events else []

    def remember(self, events: Sequence[Outgoing], places: Sequence[Any]) -> None:
        """Where events lie now; `events` as they were before their correction, None in `places` for what was refused."""
        for event, place in zip(events, places, strict=True):
            if place is not None and (said := _said(event)) is not None:
                identity, content = said
                self._sent[identity] = content, (place.topic, place.partition), place.offset + 1
                self._sent.move_to_end(identity)
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)

    def _correct(self, log_map: Map, events: Sequence[Outgoing]) -> list[Outgoing]:
        if self._known is None:
            self._known = Store(self._settings, readonly=True), load()
        store, catalog = self._known
        wanted: dict[tuple[str, int], int] = {}
        for identity, content in filter(None, map(_said, events)):
            before, place, position = self._sent.get(identity, (content, ("", 0), 0))
            if before != content:
                wanted[place] = max(wanted.get(place, 0), position)
        if wanted:
            live.wait_counted(store, catalog, wanted, patience=PATIENCE)
        return list(Corrections(store, catalog, log_map.source, lambda: events)(events))


def _said(event: Outgoing) -> tuple[int, int] | None:
    """(hash of the identity, hash of all that is said); None for what is refused in any case."""
    try:
        document = orjson.loads(event.value)
    except ValueError:  # cut off
        return None
    identity = orjson.dumps([document["source"], document["type"], document["id"]])
    return xxhash.xxh3_64_intdigest(identity), xxhash.xxh3_64_intdigest(event.value)
