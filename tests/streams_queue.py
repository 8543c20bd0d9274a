"""A stream for tests of alerts: people waiting at a desk, by the second, with a rule of a few seconds."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from ioc.catalog import Catalog
from ioc.times import SECOND
from ioc.vocabulary import Indicator, Stream, above
from schemas.envelope import Code, Envelope, Strict
from tests.brute import Record
from tests.logs import text

TOPIC = "ioc.events.queue"


class Change(Strict):
    """How many more wait at a desk, or fewer."""

    desk: Code
    change: Annotated[int, Field(ge=-999, le=999)]


class QueueChanged(Envelope[Change]):
    """People came to a desk, or were served."""

    event_type: ClassVar[str] = "test.queue.v1"
    topic: ClassVar[str] = TOPIC
    entity_key: ClassVar[str] = "desk"

    type: Literal["test.queue.v1"]


def columns(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Each event adds its change."""
    return {
        "queue.waiting": frame.select("_i", pl.col("_time").alias("at"), "desk", pl.col("change").cast(pl.Int64).alias("count"))
    }


QUEUE = Stream(
    name="queue",
    contract=QueueChanged,
    dimensions=("desk",),
    columns=columns,
    grain=SECOND,
    delay=SECOND,
    indicators=(
        Indicator(
            "queue.waiting", "Đang chờ", "Waiting", "người", "the sum of changes", level=True, groupings=((), ("desk",)),
            alert=above(20, hold="3s", clear=10, by=("desk",)),
        ),
    ),
)  # fmt: skip
STREAM = QUEUE
CATALOG = Catalog((QUEUE,))


def change(desk: str, by: int, at: int, identity: str = "") -> dict[str, Any]:
    """An event: `by` more wait at the desk."""
    return {
        "specversion": "1.0", "id": identity or f"{desk}{at}", "source": "/desks", "type": "test.queue.v1", "time": text(at),
        "data": {"desk": desk, "change": by},
    }  # fmt: skip


def record(event: dict[str, Any], offset: int, received: int, partition: int = 0, **more: Any) -> Record:
    """The record of an event."""
    key = event["data"].get("desk", "").encode()
    return Record(TOPIC, partition, offset, key, json.dumps(event).encode(), received, more.get("headers", ()))
