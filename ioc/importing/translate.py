"""Translate: rows of a log into CloudEvents, as a map says. Pure.

A row that cannot be mapped is sent as what it is, the unreadable text in its place, so that it becomes a reject with a reason
instead of being lost. No event is validated here: the worker does that for every event.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ioc.errors import UsageError
from ioc.importing.columns import Statistics, field_reader, measure_reader, text_reader, time_reader
from ioc.importing.conditions import Lasts, count_lasts, nulls_of, wanting
from ioc.importing.logtimes import NO_OFFSET
from ioc.importing.mapping import RESULTS, EventMap, Map
from ioc.importing.mapping_check import kinds
from ioc.importing.messages import Columns
from ioc.importing.rows import Fields, Row
from ioc.importing.sources import read_rows
from ioc.importing.spoiled import Spoiled, id_columns
from schemas import contracts
from schemas.envelope import MAX_BYTES

__all__ = ["LAST", "Made", "Outgoing", "Statistics", "made_of", "read_events", "read_made", "translate"]


LAST = 10**12 - 1
"""A place behind all rows: twelve digits of a sequence are for the place, six for nanoseconds within a millisecond."""
_FINER = re.compile(r"[.]([0-9]{3})([0-9]{1,6})")


class Outgoing(NamedTuple):
    """One event to send. `time_ms` is None where the event's time cannot be read.

    `place`: its row among the rows of all files, from 1, or 0 or LAST for what stands before or behind them; None where nothing
    is to be said of its order (`ioc.importing.order`). `fine`: nanoseconds within the millisecond.
    """

    time_ms: int | None
    topic: str
    key: bytes
    value: bytes
    place: int | None = None
    fine: int = 0


class Made(NamedTuple):
    """An event with the row and the [[event]] it was made of (None: a row without columns).

    `item`: the place of the element of a list it was made of, from 0; the row's fields are then the element's.
    """

    row: Row
    event: EventMap | None
    outgoing: Outgoing
    item: int | None = None


def read_events(files: Sequence[Path], log_map: Map, statistics: Statistics | None = None) -> Iterator[Outgoing]:
    """The events of all files, in the order of the files.  Raises UsageError (`bad_file`)."""
    return (made.outgoing for made in read_made(files, log_map, statistics or Statistics()))


def read_made(files: Sequence[Path], log_map: Map, statistics: Statistics) -> Iterator[Made]:
    """The same with what each was made of."""
    asked = any(event.once == "last" for event in log_map.event)
    lasts = count_lasts(read_rows(files, log_map), log_map) if asked else None
    yield from made_of(read_rows(files, log_map, statistics.reading), log_map, statistics, lasts)
    if naive := statistics.times.get(NO_OFFSET, 0):
        raise UsageError(
            f"bad_file: {naive:,} times of the log state no offset, and the map no zone: "
            'write e.g. zone = "Asia/Ho_Chi_Minh" under [time]'
        )


def translate(rows: Iterable[Row], log_map: Map, statistics: Statistics, lasts: Lasts | None = None) -> Iterator[Outgoing]:
    """The events of rows, in their order; a row may give several events or none. `lasts`: where a map says `once = "last"`."""
    return (made.outgoing for made in made_of(rows, log_map, statistics, lasts))


def made_of(rows: Iterable[Row], log_map: Map, statistics: Statistics, lasts: Lasts | None = None) -> Iterator[Made]:
    """The same with what each was made of."""
    by_rows = next((n for n, event in enumerate(log_map.event) if not event.once), len(log_map.event))
    left = lasts or [Counter() for _ in log_map.event]
    makers = [(event, _maker(log_map, event, left[n], statistics), LAST * (n > by_rows)) for n, event in enumerate(log_map.event)]
    spoiled, columns = Spoiled(id_columns(log_map)), Columns(log_map)
    statistics.spoiled = spoiled
    for row in rows:
        statistics.rows += 1
        spoiled.look(row.fields)
        before = statistics.events
        if row.trouble:
            statistics.broken += 1
            statistics.events += 1
            statistics.undated += 1
            yield Made(row, None, _broken(row, log_map))
            continue
        for event, make, around in makers:
            for fields, item in columns.items(event, row) if event.each else ((row.fields, None),):
                if (outgoing := make(fields)) is None:
                    continue
                if not event.sequence and row.document is None:  # a message has no place in a file
                    outgoing = outgoing._replace(place=around if event.once else statistics.rows)
                statistics.events += 1
                statistics.undated += outgoing.time_ms is None
                yield Made(row if item is None else row._replace(fields=fields), event, outgoing, item)
        statistics.unmatched += statistics.events == before


def _broken(row: Row, log_map: Map) -> Outgoing:
    """A row without columns, as an event that will be rejected at its time, with the cells for the one who looks."""
    event_type = log_map.typed(log_map.event[0])
    document = {
        "specversion": "1.0", "id": f"{row.member}#{row.number}", "source": log_map.source, "type": event_type,
        "time": row.trouble, "data": {"row": [cell[:1000] for cell in row.cells[:200]]},
    }  # fmt: skip
    return Outgoing(None, contracts()[event_type].topic, row.member.encode(), orjson.dumps(document))


def _maker(log_map: Map, event: EventMap, left: Counter[str], statistics: Statistics) -> Callable[[Fields], Outgoing | None]:
    """A function from a row to one [[event]], compiled once: no look at the map per row."""
    contract = contracts()[log_map.typed(event)]
    types = kinds(contract)
    nulls = nulls_of(log_map)
    wanted = wanting(event, nulls, log_map.case, left)
    read_id, read_sequence = text_reader(event.id, nulls), text_reader(event.sequence, nulls) if event.sequence else None
    read_source = text_reader(event.source, nulls) if event.source else None
    read_time = time_reader(event.time, log_map, nulls, statistics, "time")
    stated = [(name, field_reader(v, types[name], name, log_map, nulls, statistics)) for name, v in log_map.fields(event).items()]
    units = {name: limit.unit for name, limit in contract.limits.table.items()} if contract.limits else {}
    measures = [measure_reader(m, units.get(m.name, m.unit), nulls, log_map.input, statistics) for m in event.measurements]
    named = contract.limits.field if contract.limits else ""
    head = {"specversion": "1.0", "id": "", "source": log_map.source, "type": contract.event_type}
    topic, entity_key = contract.topic, contract.entity_key

    def make(row: Fields) -> Outgoing | None:
        if not wanted(row):
            return None
        document: dict[str, Any] = {**head, "id": read_id(row)}
        if read_source and (sender := read_source(row)) is not None:
            document["source"] = f"{log_map.source}/{sender}"
        moment = read_time(row)
        document["time"] = moment[1] if isinstance(moment, tuple) else moment
        if read_sequence and (sequence := read_sequence(row)) is not None:
            document["sequence"] = sequence
        data = {name: value for name, read in stated if (value := read(row)) is not None}
        if RESULTS in row:
            data[named] = row[RESULTS]
        elif measures:
            data[named] = [value for read in measures if (value := read(row)) is not None]
        document["data"] = data
        key = str(data.get(entity_key) or document["id"] or row["@member"])
        # one byte more than an event may have is as much `too_large` as the whole, and Kafka takes it
        value = orjson.dumps(document)[: MAX_BYTES + 1]
        time_ms, fine = (moment[0], _finer(moment[1])) if isinstance(moment, tuple) else (None, 0)
        return Outgoing(time_ms, topic, key.encode(), value, fine=fine)

    return make


def _finer(text: str) -> int:
    """The nanoseconds within the millisecond of an RFC 3339 time.

    >>> _finer("2026-01-05T01:00:00.000100Z"), _finer("2026-01-05T01:00:00Z")
    (100000, 0)
    """
    found = _FINER.search(text)
    return int(found[2].ljust(6, "0")) if found else 0
