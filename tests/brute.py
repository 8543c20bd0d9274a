"""Brute force: from a list of log records the verdicts, panes and values that must come out. Plain Python, no code of the engine.

Own JSON parse, own clock, own rules of dossiers (`tests.brute_dossiers`) and radio measurements, own murmur2; everything is
counted anew for every event.
Checks of the contracts are only as fine as the generated logs (`tests.logs`) need.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests import brute_feeds, brute_kpis
from tests.brute_dossiers import EDGES, ENDS, LEVELS, ORDER, Event, Rows, contributions, in_order, levels, state_before
from tests.brute_worktime import ms

__all__ = ["EDGES", "ENDS", "LEVELS", "ORDER", "Event", "Rows", "contributions", "in_order", "levels", "ms", "state_before"]

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
DOSSIER, RAN = "ioc.events.dossier", "ioc.events.ran"
COUNTERS = {
    "DRB.UEThpDl": ("ran.dl_throughput", "kbit/s", 10),
    "DRB.UEThpUl": ("ran.ul_throughput", "kbit/s", 10),
    "RSRP": ("ran.rsrp", "dBm", 100),
    "RRU.PrbTotDl": ("ran.prb_used", "%", 100),
}

PaneKey = tuple[str, tuple[str, ...], int, int, str, int]


@dataclass(frozen=True)
class Record:
    """One record of the log; timestamp in ms."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class Truth:
    """What must be in the store. Verdicts by (topic, partition, offset): (verdict, reason)."""

    verdicts: dict[tuple[str, int, int], tuple[str, str]] = field(default_factory=dict)
    panes: dict[PaneKey, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    versions: dict[PaneKey, dict[int, tuple[int, ...]]] = field(default_factory=dict)
    """Every row a pane may ever have: its measures after each offset that changed it."""
    histories: dict[tuple[str, int, str], list[Event]] = field(default_factory=dict)
    """Accepted dossier events by topic, partition and dossier, in the order of arrival."""
    counted: dict[tuple[str, int, str], list[int]] = field(default_factory=dict)
    """Their offsets."""
    feeds: bool = True

    def level(self, indicator: str, at: int, known: int | None = None) -> int:
        """A level at an instant; `known`: as known then."""
        return sum(
            m[0] for (i, _, a, k, *_), (_, m) in self.panes.items() if i == indicator and a < at and (known is None or k < known)
        )


def partition_of(key: bytes, count: int) -> int:
    """Kafka's murmur2 partition, byte by byte as in Utils.java."""
    mask, m, h = 0xFFFFFFFF, 0x5BD1E995, 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if key[whole:]:
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return ((h ^ h >> 15) & 0x7FFFFFFF) % count


def truth(
    records: Sequence[Record],
    partitions: int,
    *,
    sealed: bool = False,
    tolerance: int = 600,
    first: str = "2000-01-01T00:00:00+07:00",
    feeds: bool = True,
) -> Truth:
    """Count the records of every partition, in offset order. `feeds`: what they say of their sources, too."""
    result = Truth(feeds=feeds)
    places: dict[tuple[str, int], list[Record]] = {}
    for record in sorted(records, key=lambda r: r.offset):
        places.setdefault((record.topic, record.partition), []).append(record)
    for log in places.values():
        _partition(result, log, partitions, sealed, tolerance * 1000, ms(first))
    return result


def clock(log: Sequence[Record], sealed: bool, tolerance_ms: int) -> list[tuple[int, int]]:
    """(reception used, highest reception before) of each record of a partition."""
    highest: int | None = None
    live = False
    found = []
    for record in log:
        header = next((int(raw) for name, raw in record.headers if name == "ioc-received"), None)
        pacemaker = header is None
        if header is not None and header > record.timestamp + tolerance_ms:
            header = None
        if not sealed and not live and pacemaker and _type(record) == "vn.ioc.heartbeat.v1":
            live = True
        trusted = header is not None and (sealed or not live)
        received = header if trusted and header is not None else record.timestamp
        found.append((received, received if highest is None else highest))
        if trusted or sealed or live:
            highest = received if highest is None else max(highest, received)
    return found


def _type(record: Record) -> str:
    try:
        return str(json.loads(record.value or b"")["type"])
    except (ValueError, TypeError, KeyError):
        return ""


def _judge(record: Record, received: int, partitions: int, tolerance_ms: int, first: int) -> Event | str:
    """The event, or the reason of its reject."""
    try:
        event = json.loads(record.value or b"")
    except ValueError:
        return "bad_json"
    if not isinstance(event, dict) or not all(isinstance(event.get(n), str) for n in ("specversion", "id", "source", "type")):
        return "not_cloudevent"
    data = event.get("data")
    right = {"vn.ioc.dossier.changed.v1": DOSSIER, "vn.ioc.ran.measured.v1": RAN, "vn.ioc.heartbeat.v1": record.topic}
    if right.get(event["type"]) != record.topic:
        return "unknown_type"
    if event["type"] == "vn.ioc.heartbeat.v1":
        return event
    assert isinstance(data, dict)
    if record.topic == DOSSIER and (data.get("state") not in ORDER or event.get("replaces") == event["id"]):
        return "schema"
    if record.topic == RAN and any(m["name"] in COUNTERS and m["unit"] != COUNTERS[m["name"]][1] for m in data["measurements"]):
        return "unit_mismatch"
    if record.topic == RAN and event.get("replaces") is not None:
        return "schema"
    at = ms(event["time"])
    if at < first:
        return "too_old"
    if at > received + tolerance_ms:
        return "too_new"
    if data.get("due_at") is not None and not first <= ms(data["due_at"]) <= at + 3653 * DAY:
        return "contributions"
    key = data["dossier" if record.topic == DOSSIER else "cell"].encode()
    if record.key != key:
        return "key_mismatch"
    if partition_of(key, partitions) != record.partition:
        return "misrouted"
    return event


def _partition(result: Truth, log: Sequence[Record], partitions: int, sealed: bool, tolerance_ms: int, first: int) -> None:
    counted: dict[Any, tuple[int, Any]] = {}
    rows_before: dict[str, Rows] = {}
    times = clock(log, sealed, tolerance_ms)
    for record, (received, before) in zip(log, times, strict=True):
        place = (record.topic, record.partition, record.offset)
        event = _judge(record, received, partitions, tolerance_ms, first)
        if isinstance(event, str):
            result.verdicts[place] = ("rejected", event)
            _of_feed(result, record, received, before)
            continue
        if event["type"] == "vn.ioc.heartbeat.v1":
            result.verdicts[place] = ("heartbeat", "")
            continue
        at, data = ms(event["time"]), event["data"]
        dossier = record.topic == DOSSIER
        identity = (event["source"], event["id"], data["dossier"] if dossier else at)
        if identity in counted:
            same = counted[identity][1] == said(event)
            result.verdicts[place] = ("duplicate", "") if same else ("rejected", "id_reused")
            _of_feed(result, record, received, before)
            continue
        counted[identity] = (record.offset, said(event))
        result.verdicts[place] = ("accepted", "")
        _of_feed(result, record, received, before, at)
        if dossier:
            history = result.histories.setdefault((record.topic, record.partition, data["dossier"]), [])
            old = rows_before.get(data["dossier"], {})
            history.append(event)
            result.counted.setdefault((record.topic, record.partition, data["dossier"]), []).append(record.offset)
            rows_before[data["dossier"]] = contributions(history)
            rows = minus(rows_before[data["dossier"]], old)
        else:
            rows = radio(event)
        known = max(at, before - MINUTE) // MINUTE * MINUTE
        added: dict[PaneKey, tuple[int, ...]] = {}
        for (indicator, dims, when), measures in rows.items():
            bucket = when if indicator in LEVELS else when // MINUTE * MINUTE
            key = (indicator, dims, bucket, known, record.topic, record.partition)
            added[key] = plus(added.get(key), measures)
        for key, measures in added.items():
            if any(measures):
                result.panes[key] = (record.offset, plus(result.panes.get(key, (0, None))[1], measures))
                result.versions.setdefault(key, {})[record.offset] = result.panes[key][1]


def _of_feed(result: Truth, record: Record, received: int, before: int, at: int | None = None) -> None:
    """What a record adds to the numbers of its source, known by the hour."""
    if not result.feeds:
        return
    verdict, _ = result.verdicts[record.topic, record.partition, record.offset]
    known = max(received, before - MINUTE) // HOUR * HOUR
    for (indicator, dims, when), measures in brute_feeds.rows(brute_feeds.claimed(record.value), received, verdict, at).items():
        key = (indicator, dims, when, known, record.topic, record.partition)
        result.panes[key] = (record.offset, plus(result.panes.get(key, (0, None))[1], measures))
        result.versions.setdefault(key, {})[record.offset] = result.panes[key][1]


def said(event: Event) -> tuple[Any, ...]:
    """All of an event that counts, whatever its form: two events of one identity that say the same are one. Not `sequence`."""
    data = {name: value for name, value in event["data"].items() if value is not None}
    if "due_at" in data:
        data["due_at"] = ms(data["due_at"])
    return ms(event["time"]), data, event.get("replaces")


def plus(a: tuple[int, ...] | None, b: tuple[int, ...]) -> tuple[int, ...]:
    """Sum; None is nothing."""
    return b if a is None else tuple(x + y for x, y in zip(a, b, strict=True))


def minus(after: Rows, before: Mapping[Any, tuple[int, ...]]) -> Rows:
    """after - before, without zeros."""
    rows = {
        key: plus(after.get(key), tuple(-m for m in before[key])) if key in before else after[key] for key in {**after, **before}
    }
    return {key: measures for key, measures in rows.items() if any(measures)}


# ---- radio measurements


def radio(event: Event) -> Rows:
    """The rows of one measurement event: they belong to the windows in which its period ends."""
    data = event["data"]
    dims, seconds = (data["site"], data["cell"]), data["period_s"]
    at = ms(event["time"]) + 1_000 * seconds - 1
    rows: Rows = {}
    if data.get("suspect"):
        rows["ran.suspect_seconds", dims, at] = (seconds,)
    for measurement in data["measurements"]:
        if measurement["name"] in COUNTERS and measurement.get("value") is not None and not data.get("suspect"):
            indicator, _, scale = COUNTERS[measurement["name"]]
            rows.setdefault((indicator, dims, at), (round(measurement["value"] * scale) * seconds, seconds, 1))
            if measurement["name"] == "RRU.PrbTotDl":
                rows["ran.coverage", dims, at] = (seconds, 1)
    if not data.get("suspect"):
        rows |= {(name, dims, at): measures for name, measures in brute_kpis.rows(data).items()}
    if data.get("rat") is not None:
        rows["ran.nr_share", dims, at] = (seconds if data["rat"] == "NR" else 0, seconds, 1)
    return rows
