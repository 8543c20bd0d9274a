"""Feed events (nguồn dữ liệu): what a source says of itself, by which what came is reconciled (đối soát) with what was sent."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Code, Envelope, Strict, Timestamp, Whole


class Stated(Strict):
    """How many events a source has emitted in a period: those whose `time` lies in it."""

    feed: Annotated[Code, Field(description="the source the statement is of: the `source` of its events, e.g. /portal/thanhhoa")]
    until: Annotated[Timestamp, Field(description="end of the period, which it does not hold: the midnight after its last day")]
    events: Annotated[
        Whole,
        Field(
            ge=-1_000_000_000,
            le=1_000_000_000,
            description="events emitted in the period and not stated before; below 0 takes back what was stated too much",
        ),
    ]
    since: Annotated[Timestamp, Field(description="begin of the period, for people")] | None = None


class FeedStated(Envelope[Stated]):
    """A source states how many events it has emitted in a period. Statements add up: a repeat is a duplicate by its id."""

    event_type: ClassVar[str] = "vn.ioc.feed.stated.v1"
    topic: ClassVar[str] = "ioc.events.feed"
    entity_key: ClassVar[str] = "feed"

    type: Literal["vn.ioc.feed.stated.v1"]
