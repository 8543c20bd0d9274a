"""Logs for tests: events by hand, and random ones that are hard on purpose (late, doubled, corrected, broken, misplaced)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from ioc.events.batch import Batch
from tests.brute import DAY, DOSSIER, HOUR, MINUTE, ORDER, RAN, Record, ms, partition_of

START = ms("2022-10-06T00:00:00Z")
JULY = ms("2025-06-30T00:00:00Z")
"""A day before the communes of today begin."""


def text(at: int) -> str:
    """RFC 3339, in ms."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).isoformat(timespec="milliseconds")


def in_province(at: int) -> str:
    """The same moment in another form: with the province's offset."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(timezone(timedelta(hours=7))).isoformat()


def dossier(name: str, identity: str, state: str, at: int, **more: Any) -> dict[str, Any]:
    """A dossier event; `due_at` in ms; envelope fields (source, replaces, sequence) beside the data's."""
    envelope = {k: more.pop(k) for k in ("source", "replaces", "sequence") if k in more}
    if more.get("due_at") is not None:
        more["due_at"] = text(more["due_at"])
    data = {"dossier": name, "state": state, **more}
    return {
        "specversion": "1.0",
        "id": identity,
        "source": "/s",
        "type": "vn.ioc.dossier.changed.v1",
        "time": text(at),
        **envelope,
        "data": data,
    }


def ran(cell: str, identity: str, at: int, value: float = 10.0, **more: Any) -> dict[str, Any]:
    """A radio event with one throughput."""
    envelope = {k: more.pop(k) for k in ("source", "replaces") if k in more}
    data = {
        "cell": cell,
        "site": cell[:2],
        "period_s": 60,
        "rat": "NR",
        "measurements": [{"name": "DRB.UEThpDl", "value": value, "unit": "kbit/s"}],
        **more,
    }
    return {
        "specversion": "1.0",
        "id": identity,
        "source": "/r",
        "type": "vn.ioc.ran.measured.v1",
        "time": text(at),
        **envelope,
        "data": data,
    }


def beat(at: int) -> dict[str, Any]:
    """A heartbeat."""
    return {
        "specversion": "1.0",
        "id": f"b{at}",
        "source": "/p",
        "type": "vn.ioc.heartbeat.v1",
        "time": text(at),
        "data": {"origin": "pacemaker"},
    }


def key_of(event: dict[str, Any]) -> bytes:
    """The Kafka key an event must have."""
    data = event["data"]
    return str(data.get("dossier") or data.get("cell") or "").encode()


def record(event: dict[str, Any] | bytes | None, offset: int, received: int, partitions: int = 1, **more: Any) -> Record:
    """The record of an event in its right place; key, partition, headers and topic may be others."""
    key = key_of(event) if isinstance(event, dict) else b"k"
    topic = RAN if isinstance(event, dict) and "cell" in event["data"] else DOSSIER
    value = json.dumps(event).encode() if isinstance(event, dict) else event
    fields = {"topic": topic, "key": key, "partition": partition_of(key, partitions), **more}
    return Record(offset=offset, value=value, timestamp=received, **fields)


def batch(records: Sequence[Record], start: int | None = None, following: int | None = None) -> Batch:
    """All records of one partition as a batch."""
    return Batch(
        records[0].topic,
        records[0].partition,
        records[0].offset if start is None else start,
        records[-1].offset + 1 if following is None else following,
        [r.offset for r in records],
        [r.key for r in records],
        [r.value for r in records],
        [r.timestamp for r in records],
        {i: r.headers for i, r in enumerate(records) if r.headers},
    )


def by_place(records: Iterable[Record]) -> dict[tuple[str, int], list[Record]]:
    """The logs of the partitions."""
    places: dict[tuple[str, int], list[Record]] = {}
    for r in records:
        places.setdefault((r.topic, r.partition), []).append(r)
    return places


PROCEDURES = ("2.000815", "1.004873", "none.1", "none.2")
"""With a time limit of 1 and of 3 working days (streams/data/procedures.toml), and two that are not in the file."""
NEXT = {
    "registered": ("received", "received", "supplement", "withdrawn", "refused"),
    "received": ("supplement", "supplement", "processing", "payment", "completed"),
    "processing": ("supplement", "supplement", "payment", "completed", "stopped"),
    "supplement": ("processing", "processing", "received", "stopped"),
    "payment": ("processing", "completed"),
    "completed": ("returned", "returned", "received", "processing"),
}
"""What mostly follows a state; the rest is chance."""


def random_data(rng: random.Random, start: int) -> dict[str, Any]:
    """What an event of a dossier may state besides its state."""
    more: dict[str, Any] = {}
    if rng.random() < 0.4:
        more["agency"] = rng.choice("ABC")
    if rng.random() < 0.3:
        more["procedure"] = rng.choice(PROCEDURES)
    if rng.random() < 0.3:
        more["channel"] = rng.choice(("online", "counter"))
    if rng.random() < 0.1:
        more["service_level"] = rng.choice(("level_4", "full"))
    if rng.random() < 0.2:
        more["unit"] = rng.choice(("14758", "15061"))
    if rng.random() < 0.35:
        more["due_at"] = start + rng.randrange(-4, 16) * DAY // 2
        more["due_at"] += rng.choice((0, 0, 10 * HOUR, 16 * HOUR, 17 * HOUR))  # START is 07:00: at 17:00, 23:00, midnight
    if rng.random() < 0.3:
        facts = {"fee": (0, 0, 30_000), "paid_online": ("national", "own")}
        for name in (*facts, "e_result", "digitised", "reused", "from_store", "identified"):
            if rng.random() < 0.4:
                more[name] = rng.choice(facts.get(name, (True, True, False)))
        if "from_store" in more:
            more["disliked"] = not more["from_store"]
    return more


def random_history(rng: random.Random, name: str, size: int, start: int = START) -> list[dict[str, Any]]:
    """Events of one dossier with few times, so that ties, early ends and early dues are common; in the order of their ids, most
    go where a dossier may go, and some anywhere."""
    events: list[dict[str, Any]] = []
    at, state, stated = start, "", rng.random() < 0.6
    orderly, slips = rng.random() < 0.5, rng.random() < 0.2
    for i in range(size):
        more = random_data(rng, start)
        if slips and rng.random() < 0.7:
            more["due_at"] = start + (i + 1) * DAY  # a new appointment, and another
        if not stated:
            more.pop("due_at", None)
        if rng.random() < 0.2:
            more["sequence"] = str(rng.randrange(3))
        if rng.random() < 0.2:
            more["source"] = "/other"
        if rng.random() < (0.04 if orderly else 0.15):
            more["replaces"] = f"e{rng.randrange(size)}"
            if more["replaces"] == f"e{i}":
                del more["replaces"]
        if i == 0 and rng.random() < 0.8:
            state = rng.choice(("received", "received", "received", "registered"))
        else:
            state = rng.choice(NEXT.get(state, ORDER) if rng.random() < (0.9 if orderly else 0.5) else ORDER)
        at = at + rng.choice((0, 1, 1, 2, 3)) * 6 * HOUR if orderly else start + rng.randrange(0, 16) * 6 * HOUR
        if rng.random() < 0.3:
            at += rng.choice((2 * HOUR, 2 * HOUR + MINUTE, 5 * HOUR))  # 09:00, 15:00, 15:01, 18:00 and more
        at = min(at, start + 10 * DAY)
        events.append(dossier(name, f"e{i}", state, at, **more))
        if rng.random() < 0.15:  # the same half a minute later: what moves within a minute cancels in its pane
            again = {k: v for k, v in rng.choice(events).items() if k != "replaces"}
            events[-1] = again | {"id": f"e{i}", "time": text(ms(again["time"]) + 30_000)}
    return events


def random_log(rng: random.Random, size: int, partitions: int = 2) -> list[Record]:
    """A log of both topics: dossiers and radio cells, duplicates, re-used ids, corrections, rubbish, holes, beats, headers."""
    pool = [e for d in range(3) for e in random_history(rng, f"D{d}", max(size // 6, 2))]
    pool += [
        ran(
            f"c{rng.randrange(3)}",
            f"r{rng.randrange(size)}",
            START + rng.randrange(0, 6) * 30_000,
            rng.choice((0, 1.25, 10)),
            rat=rng.choice(("NR", "LTE", None)),
            suspect=(None, False, None, None, True)[i % 5],
        )
        for i in range(size // 2)
    ]
    rng.shuffle(pool)
    now, loading = START + 12 * DAY, rng.random() < 0.4
    offsets: dict[tuple[str, int], int] = {}
    log: list[Record] = []

    def put(made: Record) -> None:
        place = (made.topic, made.partition)
        offset = offsets.get(place, 0) + (rng.randrange(1, 4) if rng.random() < 0.2 else 0)
        offsets[place] = offset + 1
        log.append(Record(made.topic, made.partition, offset, made.key, made.value, made.timestamp, made.headers))

    for event in pool[:size]:
        now += rng.choice((0, 0, 1_000, 20_000, MINUTE, 2 * MINUTE))
        headers = (
            (("ioc-received", str(ms(event["time"]) + rng.randrange(0, 3) * MINUTE).encode()),)
            if loading or rng.random() < 0.1
            else ()
        )
        made = record(event, 0, now, partitions, headers=headers)
        put(made)
        for again in trouble(rng, event, made, now, partitions):
            put(again)
            loading = loading and b"vn.ioc.heartbeat.v1" not in (again.value or b"")
    return log


def said_again(rng: random.Random, event: dict[str, Any]) -> dict[str, Any]:
    """What an event under a used id may say otherwise: data, time, `replaces`; or the same with another sequence or form."""
    data, at = event["data"], ms(event["time"])
    due = {"due_at": in_province(ms(data["due_at"]))} if data.get("due_at") else {"department": None}
    other = {"unit": "9"} if "dossier" in data else {"device": "x"}
    same = {"time": in_province(at), "data": data | (due if "dossier" in data else {"device": None})}
    return rng.choice(({"data": data | other}, {"time": text(at - 30_000)}, {"replaces": "e0"}, {"sequence": "7"}, same))


def trouble(rng: random.Random, event: dict[str, Any], made: Record, now: int, partitions: int) -> list[Record]:
    """What may follow a record in a log that is hard on purpose: the same again, something else under its id, rubbish, a beat."""
    chance = rng.random()
    if chance < 0.15:
        return [made]  # again, in the log
    if chance < 0.2:
        return [record(event | said_again(rng, event), 0, now, partitions)]
    if chance < 0.25:
        return [record(json.dumps(event).encode()[:-3], 0, now, topic=made.topic, partition=made.partition)]
    if chance < 0.28:
        return [record(event | {"id": "m"}, 0, now, partition=(made.partition + 1) % partitions)]
    if chance < 0.31:
        return [record(event | {"id": "k"}, 0, now, partitions, key=b"D9", partition=made.partition)]
    if chance < 0.34:
        return [record(event | {"time": text(now + HOUR)}, 0, now, partitions)]
    if chance < 0.37:
        return [record(event | {"time": "1948-01-01T00:00:00Z"}, 0, now, partitions)]
    if chance < 0.45:
        return [record(beat(now), 0, now, topic=made.topic, partition=made.partition)]
    return []
