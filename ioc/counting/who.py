"""Who: what is known of every record of a block: its type, source, id, time and entity. Pure."""

from __future__ import annotations

import polars as pl

from ioc.counting.results import FIRST, LAST
from ioc.events.decode import Decoded
from ioc.events.rejects import claims
from schemas import Contract
from schemas.heartbeat import Heartbeat

RECORDS = pl.Schema(
    {"_i": pl.Int64, "_time": pl.Int64, "time": pl.Int64}
    | dict.fromkeys(("topic", "type", "source", "verdict", "reason"), pl.String)
    | {"foreign": pl.Boolean}
)
"""The columns of what `Stream.records` takes."""


def who(decoded: Decoded) -> pl.DataFrame:
    """`_i`, type, source, id, time and entity of every record: of valid events as decoded, of rejects as their bytes claim.

    An event that is refused after this was asked is told as decoded, as it is before.
    """
    known = [_identified(decoded.contracts[kind], frame) for kind, frame in decoded.frames.items() if len(frame)]
    seen = {i for found in known for i in found["_i"].to_list()} if decoded.rejects else set()
    others = [(i, *claimed(decoded, i), None, "") for i in decoded.rejects if i not in seen]
    others += [(i, Heartbeat.event_type, "", "", None, "") for i in decoded.beats]
    if others or len(known) != 1:  # else they are in order
        found = pl.concat([_EMPTY, *known, pl.DataFrame(others, schema=_EMPTY.schema, orient="row")]).sort("_i")
    else:
        found = known[0]
    assert len(found) == len(decoded.block), "every record has exactly one verdict"
    # other times than the store can hold are archived as null; the bytes hold them
    return found.with_columns(time=pl.when(pl.col("time").is_between(FIRST, LAST)).then(pl.col("time")))


_EMPTY = pl.DataFrame(
    schema={"_i": pl.Int64, "type": pl.String, "source": pl.String, "id": pl.String, "time": pl.Int64, "entity": pl.String}
)


def _identified(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "_i",
        pl.lit(contract.event_type).alias("type"),
        pl.col("_source").alias("source"),
        pl.col("_id").alias("id"),
        pl.col("_time").alias("time"),
        pl.col(contract.entity_key).alias("entity"),
    )


def claimed(decoded: Decoded, index: int) -> tuple[str, str, str]:
    """(type, source, id) that the bytes of a reject claim."""
    block = decoded.block
    if index in decoded.refused:
        record = decoded.refused[index]
        return record.type, record.source, record.id
    source, identity, kind = claims(block.values[index] or b"", block.headers.get(index, ()))
    return kind, source, identity
