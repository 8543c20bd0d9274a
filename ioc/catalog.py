"""Catalog: all declared streams, loaded by name from the package `streams`, each with its generation."""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from ioc import declared
from ioc.errors import DeclarationError, UsageError
from ioc.events import rejects
from ioc.text import nfc
from ioc.units import rollups
from ioc.units.listed import rows
from ioc.vocabulary import Indicator, Stream
from schemas import Contract, contracts
from schemas.heartbeat import Heartbeat

RULES = 3
"""The kernel's own rules of counting; raised when a change of the kernel changes contributions or `known`."""
PROGRESS = "ioc.progress"
REJECTS = rejects.TOPIC
ALERTS = "ioc.alerts"


def generation(stream: Stream) -> str:
    """Hash of what decides a stream's contributions (docs/exactness.md, "Words"): 16 hex digits.

    Titles, windows, groupings and rules of alerts do not enter, as long as they stand in the declaration itself: all else in the
    module is taken for code that counts, and so are the modules it imports.  Raises DeclarationError or UsageError for a stream
    that uses working days under no calendar.
    """
    declared.check_files(stream)
    parts = {
        "rules": RULES,
        "dimensions": stream.dimensions,
        "grain": stream.grain,
        "measures": {i.name: [i.level, *i.value.measures] for i in stream.indicators if not i.looks},
        "source": [declared.code(function) for function in stream.functions],
        "contract": stream.contract.model_json_schema(),
        "data": [hashlib.sha256(path.read_bytes()).hexdigest() for path in stream.data_files],
    }
    if stream.most:  # what comes after so many is refused
        parts["most"] = stream.most
    if stream.records:  # what becomes of a record is decided by its contract
        parts["records"] = {c.event_type: c.model_json_schema() for c in contracts().values() if c.topic in stream.topics}
    if looks := {i.name: [repr(look) for look in (*i.looks, i.value)] for i in stream.indicators if i.looks}:
        # no panes follow from these, but first finals do, which never change
        parts["looks"] = looks
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


class Generations(Mapping[str, str]):
    """The generation of each stream by its name, found out when it is asked for: most commands ask for one, or for none.

    Streams whose own events share a topic have generations that change together.
    """

    def __init__(self, streams: Sequence[Stream], given: Mapping[str, str]) -> None:
        self._streams = {stream.name: stream for stream in streams}
        self._known = dict(given)

    def __getitem__(self, name: str) -> str:
        if name not in self._known:
            stream = self._streams[name]
            together = [generation(s) for s in self._streams.values() if s.topic == stream.topic and s.name != name]
            own = generation(stream)
            # of a record there is one verdict: whose own events share a topic are counted anew together
            joint = hashlib.sha256(" ".join([own, *sorted(together)]).encode()).hexdigest()[:16]
            self._known[name] = joint if together else own
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)


@dataclass(frozen=True)
class Catalog:
    """The streams of a centre. `topics` are all event topics, also those of contracts no stream reads yet."""

    streams: tuple[Stream, ...]
    generations: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [i.name for s in self.streams for i in s.indicators] + [s.name for s in self.streams]
        doubled = {n for n in names if names.count(n) > 1}
        if doubled:
            raise DeclarationError(f"declared twice: {', '.join(sorted(doubled))}")
        for stream in self.streams:
            declared.check(stream)
        object.__setattr__(self, "generations", Generations(self.streams, self.generations))

    @property
    def topics(self) -> tuple[str, ...]:
        """All event topics, sorted."""
        return tuple(sorted({c.topic for c in self._contracts() if c.topic != Heartbeat.topic}))

    def _contracts(self) -> Iterable[Contract]:
        return [*contracts().values(), *(s.contract for s in self.streams)]

    def accepted(self, topic: str) -> dict[str, Contract]:
        """The contracts accepted on a topic, by event type; heartbeats on every one."""
        return {c.event_type: c for c in self._contracts() if c.topic in (topic, Heartbeat.topic)}

    def of_topic(self, topic: str) -> tuple[Stream, ...]:
        """The streams that read a topic, what counts records last: it is told what became of them."""
        return tuple(sorted((s for s in self.streams if topic in s.topics), key=lambda s: s.records is not None))

    def owners(self, topic: str) -> tuple[str, ...]:
        """The generations under which a topic's checkpoints are kept; a topic no stream reads has one of its own, its name."""
        return tuple(self.generations[s.name] for s in self.of_topic(topic)) or (topic,)

    def keeper(self, topic: str) -> str:
        """The generation under which a topic's rejects are kept: of the first stream of its own events, or the topic's name."""
        return next((self.generations[s.name] for s in self.streams if s.topic == topic), topic)

    def stream_of(self, indicator: str) -> Stream:
        """The stream that declares an indicator.  Raises UsageError that names the ones there are, those like it first."""
        for stream in self.streams:
            if any(i.name == indicator for i in stream.indicators):
                return stream
        names = [i.name for i in self.indicators()]
        near = get_close_matches(indicator, names, cutoff=0.7)
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(f"no indicator {indicator!r}; {meant}there are {', '.join(names)}")

    def indicators(self) -> list[Indicator]:
        """All indicators, in the order of declaration."""
        return [i for s in self.streams for i in s.indicators]

    def units(self) -> dict[str, str]:
        """The names of dimensions' values (agencies, procedures, sites, units) by code, as far as they are declared, and of
        groups by `rollup=group`: one that has none is called by itself."""
        found: dict[str, str] = {}
        for path in dict.fromkeys(path for stream in self.streams for path in stream.units):
            found |= {row.code: row.name for row in rows(path)}
        for stream in self.streams:
            for rollup in stream.rollups:
                tree = rollups.tree_of(stream, rollup.of)
                found |= cells.names if (cells := rollups.registry(rollup)) is not None else {}
                found |= tree.names() if tree is not None else {}
                found |= {f"{rollup.name}={group}": group for group in rollups.groups(rollup).values()} | rollups.names(rollup)
        return {nfc(code): nfc(name) for code, name in found.items()}

    def groups(self) -> list[tuple[str, str, str, str, int, int]]:
        """Stream, rollup, value and group of all that is known of rollups, with the time (ms) in which it is so, in order."""
        return sorted(
            (stream.name, rollup.name, *span)
            for stream in self.streams
            for rollup in stream.rollups
            for span in rollups.spans(rollup)
        )

    def sites(self) -> list[tuple[str, float, float, int, int]]:
        """The sites of all registries: code, latitude, longitude, and the time [begins, ends) (ms) on air there."""
        found = (rollups.registry(rollup) for stream in self.streams for rollup in stream.rollups)
        placed = dict.fromkeys(one for registry in found if registry is not None for one in registry.placed if one.on_air)
        return sorted((one.site, one.row.latitude, one.row.longitude, one.begins, one.ends) for one in placed)


def load(package: str = "streams") -> Catalog:
    """The catalog of all `STREAM`s in the modules of a package.  Raises DeclarationError for a stream of another name."""
    root = importlib.import_module(package)
    modules = [importlib.import_module(f"{package}.{m.name}") for m in pkgutil.iter_modules(root.__path__) if not m.ispkg]
    streams = [m.STREAM for m in modules if hasattr(m, "STREAM")]
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, Stream) and all(value is not stream for stream in streams):
                raise DeclarationError(
                    f"{module.__name__}: a module's stream is named STREAM, not {name}; nothing would count it"
                )
    return Catalog(tuple(streams))
