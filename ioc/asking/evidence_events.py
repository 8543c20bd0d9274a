"""Evidence of events: those of a stream without state, and the records of one that counts whatever comes."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ioc.asking.found import CHUNK, Found, weight
from ioc.asking.question import Scope, moment
from ioc.catalog import Catalog
from ioc.counting.who import RECORDS
from ioc.errors import IocError
from ioc.events.batch import RECEIVED, Batch
from ioc.events.decode import Clock, Decoder, Rules
from ioc.events.exact_lane import UNKNOWN_FIELD, Headers
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store, literal
from ioc.times import DAY

MS = "toUnixTimestamp64Milli({})".format


def events(store: Store, catalog: Catalog, settings: Settings, asked: Scope) -> Iterator[Found]:
    """The events of the stream's contract, decoded again."""
    stream = asked.stream
    where = f"topic = {literal(stream.topic)} AND verdict = 'accepted' AND type = {literal(stream.contract.event_type)}"
    if not stream.records:  # what a source says of itself may be of any time before
        since = f" AND time >= {moment(asked.start)}" if asked.start is not None else ""
        where += f" AND time < {moment(asked.until + stream.grain)}{since}"
    counts = {t: c.partitions for (_, t, _), c in state.checkpoints(store, "measure", [stream.topic]).items()}
    rules = Rules(settings.first_year, settings.tolerance, counts, True, frozenset({stream.contract.event_type}))
    decoder = Decoder(catalog.accepted(stream.topic), rules)
    for partition in range(counts.get(stream.topic, 0)):
        after = -1
        while True:
            frame = store.query(
                "SELECT offset, key, value, headers, toUnixTimestamp64Milli(received_at) AS received FROM events FINAL "
                f"WHERE {where} AND partition = {partition} AND offset > {after} ORDER BY offset LIMIT {CHUNK}"
            )
            if len(frame):
                after = int(frame["offset"][-1])
                yield from _of_events(asked, decoder, _batch(stream.topic, partition, frame))
            if len(frame) < CHUNK:
                break


def _batch(topic: str, partition: int, frame: pl.DataFrame) -> Batch:
    """The archived records as a batch, each with the reception it was judged by."""
    if frame["value"].null_count():
        raise IocError(f"the archive of {topic} holds no bytes of its events (only coordinates), so there is no evidence")
    offsets = frame["offset"].to_list()
    headers: dict[int, Headers] = {
        i: [(h["name"], _bytes(h["value"])) for h in found if h["name"] != RECEIVED]
        for i, found in enumerate(frame["headers"].to_list())
        if found
    }
    keys, values = ([_bytes(v) for v in frame[name].to_list()] for name in ("key", "value"))
    return Batch(topic, partition, offsets[0], offsets[-1] + 1, offsets, keys, values, frame["received"].to_list(), headers)


def _bytes(raw: str | bytes | None) -> bytes:
    return raw.encode() if isinstance(raw, str) else raw or b""


def _of_events(asked: Scope, decoder: Decoder, batch: Batch) -> Iterator[Found]:
    stream = asked.stream
    assert stream.columns is not None
    decoded = decoder.decode([batch], [Clock()])
    frame = decoded.frames[stream.contract.event_type]
    rows = stream.columns(frame).get(asked.indicator.name)
    if rows is None or rows.is_empty():
        return
    names, measures = stream.dimensions, asked.indicator.value.measures
    kept = _asked_for(asked, rows)
    who = frame.select("_i", "_source", "_id", "_time", _entity=pl.col(stream.contract.entity_key))
    joined = kept.join(who, on="_i", maintain_order="left")
    columns = ["_i", "_source", "_id", "_time", "_entity", *names, *measures]
    for index, source, identity, time, entity, *rest in joined.select(columns).iter_rows():
        sums = tuple(rest[len(names) :])
        what = {"source": source, "id": identity, "time": time, "entity": entity}
        dims = dict(zip(names, rest, strict=False))
        yield Found(what, dims, sums, weight(asked.indicator.value, sums), batch.topic, batch.partition, (batch.offsets[index],))


def _asked_for(asked: Scope, rows: pl.DataFrame) -> pl.DataFrame:
    """The contributions that the scope holds."""
    pane = pl.col("at") if asked.indicator.level else pl.col("at") // asked.stream.grain * asked.stream.grain
    kept = rows.with_columns(_pane=pane).filter(pl.col("_pane") < asked.until)
    kept = kept.filter(pl.col("_pane") >= asked.start) if asked.start is not None else kept
    for dimension, wanted in asked.where.items():
        kept = kept.filter(pl.col(dimension) == wanted)
    for join, group in asked.joins.asked():
        of = {value for value in kept[join.of].unique() if join.group(value) == group}
        kept = kept.filter(pl.col(join.of).is_in(of))
    return kept


# ---- streams that count records


def records(store: Store, asked: Scope) -> Iterator[Found]:
    """Records of all topics the stream reads, whatever became of them."""
    stream, after = asked.stream, ("", 0, -1)
    assert stream.records is not None
    names, measures = stream.dimensions, asked.indicator.value.measures
    # what is told when its day has ended came before, or long after
    since = f" AND e.received_at >= {moment(asked.start - 2 * DAY)}" if asked.start is not None else ""
    while True:
        frame = store.query(
            "SELECT e.topic AS topic, e.partition AS partition, e.offset AS offset, e.type AS type, e.source AS source, "
            "e.id AS id, e.entity AS entity, e.verdict AS verdict, r.reason AS reason, "
            f"{MS('e.received_at')} AS _time, {MS('e.time')} AS time, "
            f"position(r.message, {literal(UNKNOWN_FIELD)}) > 0 AS foreign FROM (SELECT * FROM events FINAL) AS e "
            "LEFT ANY JOIN (SELECT * FROM rejects FINAL) AS r "  # a generation of before kept them, too
            "ON r.topic = e.topic AND r.partition = e.partition AND r.offset = e.offset "
            f"WHERE e.topic IN {literal(stream.topics)}{since} AND (e.topic, e.partition, e.offset) > {literal(after)} "
            f"AND e.verdict != 'heartbeat' ORDER BY topic, partition, offset LIMIT {CHUNK}"
        ).with_row_index("_i")
        if len(frame):
            after = frame.select("topic", "partition", "offset").row(-1)
            found = stream.records(frame.select(RECORDS.names()).cast(RECORDS)).get(asked.indicator.name)
            frame = frame.cast({"_i": pl.Int64})
            others = frame.drop(names)
            kept = frame[:0] if found is None else _asked_for(asked, found).join(others, on="_i", maintain_order="left")
            for row in kept.to_dicts():
                added = tuple(row[name] for name in measures)
                what = {name: row[name] for name in ("source", "id", "time", "entity")}
                dims, place = {name: row[name] for name in names}, (row["topic"], row["partition"], (row["offset"],))
                yield Found(what, dims, added, weight(asked.indicator.value, added), *place)
        if len(frame) < CHUNK:
            return
