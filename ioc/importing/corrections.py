"""Corrections: events of a log that were imported before with another time or other data, sent as what corrects them.

A map says so with `on_change = "correct"`; else such an event is the reject `id_reused`. A correction names what it corrects in
`replaces` and has an id of its own, which follows from that and from what it says: importing the same file again changes nothing.
A correction that somebody else has sent stands as long as the file says what it said before.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import orjson
import xxhash

from ioc.catalog import Catalog
from ioc.counting.history import History, Item
from ioc.events import fast_lane
from ioc.events.arrow_schema import shape
from ioc.events.exact_lane import Reject, exact
from ioc.importing.translate import Outgoing
from ioc.store.clickhouse import Store, literal
from ioc.vocabulary import Stream
from schemas import contracts

CHUNK = 2_000
"""Events whose histories are asked for at once."""

Content = tuple[int, int]
"""Time (ms) and the hash of the data."""


class Corrections:
    """What of a source's events corrects what a store has counted. `store`: all that was sent before is counted there."""

    def __init__(self, store: Store, catalog: Catalog, source: str, events: Callable[[], Iterable[Outgoing]]) -> None:
        self._store, self._catalog, self._source = store, catalog, source
        self._streams = {s.contract.event_type: s for s in catalog.streams if s.contributions is not None}
        self._ambiguous = _ambiguous(events())
        self.corrected = 0
        """Events that were sent as corrections of what had been counted before."""

    def __call__(self, events: Iterable[Outgoing]) -> Iterator[Outgoing]:
        """The events, in their order; those that correct others in the form of corrections."""
        following = iter(events)
        while chunk := list(islice(following, CHUNK)):
            yield from self._corrected(chunk)

    def _corrected(self, chunk: list[Outgoing]) -> list[Outgoing]:
        by_type: dict[str, dict[int, Any]] = {}
        for n, event in enumerate(chunk):
            document = _document(event)
            if document is not None and document["type"] in self._streams and _hash(document) not in self._ambiguous:
                by_type.setdefault(document["type"], {})[n] = document
        for event_type, documents in by_type.items():
            stream = self._streams[event_type]
            known = self._known(stream, documents.values())
            seen = {n: d for n, d in documents.items() if d["id"] in known.get(_entity(stream, d), {})}
            contents = _contents(event_type, {n: chunk[n].value for n in seen})
            for n, content in contents.items():
                document = seen[n]
                chunk[n] = self._one(chunk[n], document, content, known[_entity(stream, document)])
        return chunk

    def _one(self, event: Outgoing, document: Any, content: Content, known: dict[str, Item]) -> Outgoing:
        """The event as it is to be sent; `known`: what its source has said of its entity, by id."""
        chain = _chain(document["id"], known)
        own = [item for item in chain if item.id == document["id"] or item.id.startswith(f"{document['id']}~")][-1]
        if (own.time, own.hash) == content:
            identity, replaces = own.id, own.replaces  # it is a duplicate, of the event or of its correction
        else:
            replaces = chain[-1].id
            identity = f"{document['id']}~{xxhash.xxh3_64_hexdigest(repr((replaces, content)).encode())}"
            self.corrected += 1
        if identity == document["id"]:
            return event
        return event._replace(value=orjson.dumps({**document, "id": identity, "replaces": replaces}))

    def _known(self, stream: Stream, documents: Iterable[Any]) -> dict[str, dict[str, Item]]:
        """By entity and id what the store holds of the source."""
        names = tuple(sorted({entity for document in documents if (entity := _entity(stream, document))}))
        if not names:
            return {}
        frame = self._store.query(
            f"SELECT entity, history FROM entities WHERE generation = {literal(self._catalog.generations[stream.name])} "
            f"AND entity IN {literal(names)} ORDER BY offset DESC LIMIT 1 BY generation, entity, topic, partition"
        )
        found: dict[str, dict[str, Item]] = {}
        for entity, packed in frame.rows():
            items = History.unpack(stream, packed).items
            found.setdefault(entity, {}).update({item.id: item for item in items if item.source == self._source})
        return found


def _chain(identity: str, known: dict[str, Item]) -> Sequence[Item]:
    """An event and what corrects it, one after the other."""
    following = {
        item.replaces: item for item in sorted(known.values(), key=lambda item: item.offset) if item.replaces is not None
    }
    chain = [known[identity]]
    while (further := following.get(chain[-1].id)) is not None and further not in chain:
        chain.append(further)
    return chain


def _contents(event_type: str, values: dict[int, bytes]) -> dict[int, Content]:
    """Time and hash of what is valid."""
    if not values:
        return {}
    contract = contracts()[event_type]
    form = shape(contract)
    parsed, refused = fast_lane.parse(form, list(values), list(values.values()))
    frames = [parsed]
    for n in refused:
        event = exact(values[n], (), {event_type: contract})
        if not isinstance(event, Reject):
            frames.append(fast_lane.from_events(form, [n], [event]))
    return {n: (at, digest) for frame in frames for n, at, digest in frame.select("_i", "_time", "_hash").rows()}


def _ambiguous(events: Iterable[Outgoing]) -> set[int]:
    """Hashes of the identities that the log itself uses for different events: which of them is right, nobody can say."""
    identities, contents = array("Q"), array("Q")
    for event in events:
        if (document := _document(event)) is not None:
            identities.append(_hash(document))
            contents.append(xxhash.xxh3_64_intdigest(orjson.dumps({**document, "sequence": None})))
    if not identities:
        return set()
    pairs = np.unique(np.stack([np.frombuffer(identities, np.uint64), np.frombuffer(contents, np.uint64)]), axis=1)
    found, times = np.unique(pairs[0], return_counts=True)
    return set(found[times > 1].tolist())


def _hash(document: Any) -> int:
    return xxhash.xxh3_64_intdigest(orjson.dumps([document["type"], document["id"]]))


def _document(event: Outgoing) -> Any:
    """The event, or None where it is a reject in any case."""
    try:
        document = orjson.loads(event.value)
    except ValueError:  # cut off
        return None
    return document if event.time_ms is not None and isinstance(document["id"], str) else None


def _entity(stream: Stream, document: Any) -> str:
    entity = document["data"].get(stream.contract.entity_key)
    return entity if isinstance(entity, str) else ""
