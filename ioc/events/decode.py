"""Decode: a block of batches becomes frames of valid events, rejects, reception times and `known` bases. Pure.

Values go through the fast lane by event type; what it refuses, and everything unusual, through the exact lane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from ioc.events import fast_lane, murmur
from ioc.events.arrow_schema import Shape, shape
from ioc.events.batch import Batch
from ioc.events.block import Block, Ints
from ioc.events.exact_lane import AHEAD, Reject, exact, first_ms, time_rules
from ioc.events.rejects import Refused
from ioc.text import nfc
from ioc.times import SECOND
from schemas import Contract
from schemas.envelope import MAX_BYTES, Envelope
from schemas.heartbeat import Heartbeat

_LONGEST_KEY = 4 << 10
"""Bytes of a key that may be an entity's: 128 letters with all their marks."""
NEVER = -(1 << 62)
"""Earlier than every time: the reception of a record that moves no watermark."""


@dataclass(frozen=True)
class Clock:
    """What a partition's log says of time so far: `received`, the highest reception that moved the watermark (ms), or None
    before the first; `live`, the offset of the first live heartbeat, or None while a past is being loaded."""

    received: int | None = None
    live: int | None = None


@dataclass(frozen=True)
class Rules:
    """What a centre accepts: `first_year`, `tolerance_s` (seconds an event may lie ahead of its reception), partitions of
    each topic, whether the `ioc-received` header is always trusted (a run of files), and the event types that have no state."""

    first_year: int
    tolerance_s: int
    partitions: Mapping[str, int]
    sealed: bool = False
    stateless: frozenset[str] = frozenset()


@dataclass
class Decoded:
    """A decoded block. Arrays are by record index.

    `received`: the reception used (ms). `before`: highest reception before the record (its own for the very first), from
    which `known` follows. `clocks`: after each batch. `frames`: by event type, see `ioc.events.fast_lane.frame`.
    """

    block: Block
    received: Ints
    before: Ints
    clocks: list[Clock]
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    rejects: dict[int, Reject] = field(default_factory=dict)
    beats: list[int] = field(default_factory=list)
    refused: dict[int, Refused] = field(default_factory=dict)
    """Records of the gateway's rejects: what the producer had sent."""


class Decoder:
    """Decodes the batches of one topic. `contracts`: the event types accepted there, by type."""

    def __init__(self, contracts: Mapping[str, Contract], rules: Rules) -> None:
        self.contracts = contracts
        self.rules = rules
        self._shapes = {t: shape(c) for t, c in contracts.items() if t != Heartbeat.event_type}
        self._tokens = {t: f'"{t}"'.encode() for t in self._shapes}
        self._nothing = {t: fast_lane.from_events(own, [], []) for t, own in self._shapes.items()}

    def decode(self, batches: Sequence[Batch], clocks: Sequence[Clock]) -> Decoded:
        """The batches, decoded; `clocks` are their partitions' before them."""
        block = Block(batches)
        lanes, slow = self._lanes(block)
        frames: dict[str, list[pl.DataFrame]] = {t: [] for t in self._shapes}
        for kind, indices in lanes.items():
            if not indices:
                continue
            values = block.packed if len(indices) == len(block) else [block.values[i] for i in indices]
            parsed, refused = fast_lane.parse(self._shapes[kind], indices, values)
            frames[kind].append(parsed)
            slow += refused
        events, beats, rejects = self._exact(block, sorted(slow))
        for kind, found in events.items():
            frames[kind] += self._frames(self._shapes[kind], found, rejects)
        decoded = Decoded(block, *receptions(block, beats, clocks, self.rules), self.contracts, rejects=rejects, beats=beats)
        for kind, parts in frames.items():
            there = [part for part in parts if len(part)]
            whole = self._rules(self._shapes[kind], pl.concat(there).sort("_i"), decoded) if there else self._nothing[kind]
            decoded.frames[kind] = whole
        return decoded

    def _lanes(self, block: Block) -> tuple[dict[str, Sequence[int]], list[int]]:
        """Indices for the fast lane by event type, and for the exact lane: a guess that only saves time."""
        odd = {i for i, headers in block.headers.items() if any(n == "ce_specversion" for n, _ in headers)}
        values: Sequence[Any] = block.values
        whole = None not in values and max(map(len, values), default=0) <= MAX_BYTES
        if whole and not odd and b"\n" not in block.joined:
            for kind, token in self._tokens.items():
                if block.joined.count(token) == len(block):  # nearly always all of them are of one kind
                    return {kind: range(len(block))}, []
        if not whole:
            values = [b"" if value is None or len(value) > MAX_BYTES else value for value in values]
        odd.update(i for i, value in enumerate(values) if b"\n" in value)
        lanes: dict[str, Sequence[int]] = {}
        rest: Sequence[int] = [i for i in range(len(values)) if i not in odd] if odd else range(len(values))
        for kind, token in self._tokens.items():
            lanes[kind] = [i for i in rest if token in values[i]]
            if len(lanes[kind]) < len(rest):
                others = set(lanes[kind])
                rest = [i for i in rest if i not in others]
            else:
                rest = []
        return lanes, sorted({*rest, *odd})

    def _exact(
        self, block: Block, indices: Sequence[int]
    ) -> tuple[dict[str, dict[int, Envelope[Any]]], list[int], dict[int, Reject]]:
        events: dict[str, dict[int, Envelope[Any]]] = {}
        beats: list[int] = []
        rejects: dict[int, Reject] = {}
        for i in indices:
            event = exact(block.values[i], block.headers.get(i, ()), self.contracts)
            if isinstance(event, Reject):
                rejects[i] = event
            elif event.event_type == Heartbeat.event_type:
                beats.append(i)
            else:
                events.setdefault(event.event_type, {})[i] = event
        return events, beats, rejects

    def _frames(self, shape: Shape, events: Mapping[int, Envelope[Any]], rejects: dict[int, Reject]) -> list[pl.DataFrame]:
        """The frames of events the exact lane accepted. One that has no place in the columns becomes a reject."""
        try:
            return [fast_lane.from_events(shape, list(events), list(events.values()))]
        except Exception as error:  # whatever a decode raises is a reject, never a crash loop
            if len(events) == 1:
                said = f"this event does not fit the columns it is counted in: {type(error).__name__}: {error}"
                rejects.update({index: Reject("schema", "data", said) for index in events})
                return []
            return [frame for index, event in events.items() for frame in self._frames(shape, {index: event}, rejects)]

    def _rules(self, shape: Shape, frame: pl.DataFrame, decoded: Decoded) -> pl.DataFrame:
        """The frame without what breaks a rule of time, key or place; those become rejects."""
        block, rules = decoded.block, self.rules
        index = frame["_i"].to_numpy()
        first = first_ms(rules.first_year)
        latest = pl.Series(decoded.received[index] + rules.tolerance_s * SECOND)
        in_time = (pl.col("_time") >= first) & (pl.col("_time") <= latest)
        for name in shape.times:
            in_time &= pl.col(name).is_between(first, pl.col("_time") + AHEAD).fill_null(True)
        key = frame[shape.contract.entity_key].cast(pl.Binary)  # in NFC, as all texts of the frame
        keys = block.keys if len(index) == len(block) else [block.keys[i] for i in index]
        given = pl.Series(keys, dtype=pl.Binary)
        count = rules.partitions[block.topic]
        right = _same_keys(given, key)
        # a foreign key is refused before its place is looked at, and may be megabytes long
        own = frame[shape.contract.entity_key].to_arrow().dictionary_encode()
        places = murmur.partitions(own.dictionary.cast("binary").to_pylist(), count)
        misrouted = places[own.indices.to_numpy()] != block.partitions[index]
        verdicts = frame.select(
            time=in_time,
            key=right,
            place=pl.Series(~misrouted),
            stateless=pl.col("_replaces").is_null() if shape.contract.event_type in rules.stateless else pl.lit(True),
        )
        good = verdicts.select(pl.all_horizontal(pl.all())).to_series()
        for i, row in zip(index[~good.to_numpy()].tolist(), verdicts.filter(~good).to_dicts(), strict=True):
            decoded.rejects[i] = self._verdict(decoded, shape, i, row)
        return frame.filter(good)

    def _verdict(self, decoded: Decoded, shape: Shape, index: int, row: dict[str, bool]) -> Reject:
        """The reject of an event that is valid by itself but breaks a rule."""
        block, rules = decoded.block, self.rules
        event = exact(block.values[index], block.headers.get(index, ()), self.contracts)
        assert not isinstance(event, Reject), "the fast lane accepted what the exact lane refuses"
        if not row["stateless"]:
            return Reject("schema", "replaces", "events of this type have no state to correct; send a new event")
        if not row["time"]:
            late = time_rules(event, int(decoded.received[index]), rules.first_year, rules.tolerance_s)
            assert late is not None, "columns and exact lane disagree on the rules of time"
            return late
        if not row["key"]:
            given = (block.keys[index] or b"").decode(errors="backslashreplace")[:128]
            return Reject(
                "key_mismatch",
                f"data.{shape.contract.entity_key}",
                f"the record's key is {given!r}; it must be {event.key().decode()!r}",
            )
        count = rules.partitions[block.topic]
        right = int(murmur.partitions([event.key()], count)[0])
        why = "librdkafka: partitioner=murmur2_random" if block.keys[index] == event.key() else "write keys in Unicode's form NFC"
        return Reject(
            "misrouted", "", f"in partition {block.partitions[index]}; murmur2 of the key gives {right} of {count} ({why})"
        )


def _same_keys(given: pl.Series, keys: pl.Series) -> pl.Series:
    """Which keys are the entity, in whatever form of Unicode; its place is that of the form NFC, so that it has one only."""
    right = (given == keys).fill_null(False)
    for row in (~right).arg_true().to_list():
        key = given[row]
        if key is not None and not key.isascii() and len(key) <= _LONGEST_KEY:
            right[row] = nfc(key.decode(errors="replace")).encode() == keys[row]
    return right


def receptions(block: Block, beats: Sequence[int], clocks: Sequence[Clock], rules: Rules) -> tuple[Ints, Ints, list[Clock]]:
    """(reception used, highest reception before) of each record, and the clocks after each batch."""
    each = zip(block.batches, block.parted(beats), clocks, strict=True)
    received, before, after = zip(*(reception(batch, own, clock, rules) for batch, own, clock in each), strict=True)
    return np.concatenate(received), np.concatenate(before), list(after)


def reception(batch: Batch, beats: Sequence[int], clock: Clock, rules: Rules) -> tuple[Ints, Ints, Clock]:
    """(reception used, highest reception before, clock after) of each record (docs/exactness.md, "Words").

    The header counts in runs and until the partition's first live heartbeat (one without the header, believed or not); until
    then only records that have it move the watermark.
    """
    size = len(batch)
    received = np.array(batch.timestamps, np.int64)
    given = {
        i: at
        for i in batch.headers
        if (at := batch.received(i)) is not None and at <= batch.timestamps[i] + rules.tolerance_s * SECOND
    }
    live = clock.live
    if live is None and not rules.sealed:
        live = next((batch.offsets[i] for i in beats if batch.received(i) is None), None)
    loading = (
        size if rules.sealed else int(np.searchsorted(np.array(batch.offsets, np.int64), live)) if live is not None else size
    )
    moves = np.ones(size, bool)
    if not rules.sealed:
        moves[:loading] = False
    for i, at in given.items():
        if i < loading:
            received[i], moves[i] = at, True
    moved = np.where(moves, received, NEVER)
    highest = np.maximum.accumulate(np.concatenate([[NEVER if clock.received is None else clock.received], moved]))
    before = np.where(highest[:-1] == NEVER, received, highest[:-1])
    after = int(highest[-1])
    return received, before, Clock(None if after == NEVER else after, live)
