"""Feeds (nguồn dữ liệu): whether what comes is *đúng, đủ, sạch, sống*: correct, complete, clean, live; by source and agency.

Every record of every topic is counted when it is received, whatever becomes of it. Sources are what the records claim. The words
are those of the ministry's guidance for provincial centres; how each is measured is our own (docs/feeds.md).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ioc.times import DAY, HOUR, OFFSET, SECOND
from ioc.vocabulary import ALL, UNKNOWN, Board, Indicator, Legal, Look, Quantiles, Ratio, Rollup, Silent, Stream, above
from schemas import contracts
from schemas.feed import FeedStated
from schemas.heartbeat import Heartbeat

REJECTS = "ioc.rejects"
"""Where the gateway keeps what it refused."""
FILE = Path(__file__).parent / "data" / "feeds.toml"
CALENDAR = Path(__file__).parent / "data" / "calendar.toml"
DELAY = Quantiles((0, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 604_800), (0.5, 0.9))
"""Seconds."""
DAYS, WEEKS = 7, 4
"""How far back silence is compared."""
FEW = 9
"""Silence is told where more records than these are usual. Of records that come by chance, at whatever rate, an hour is silent beside
such a past less than once in 30,000 hours; with 4 it would be once a fortnight (a test computes both)."""


def records(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What each record says of its source: frames of `_i`, `at` (ms), source and the measures."""
    nameless = pl.col("source").is_in(["", ALL])
    base = frame.select(
        "_i", "type", "verdict", "foreign", "time",
        at=pl.col("_time"), source=pl.when(nameless).then(pl.lit(UNKNOWN)).otherwise("source"), n=pl.lit(1, pl.Int64),
    )  # fmt: skip
    refused, repeated = pl.col("verdict") == "rejected", pl.col("verdict") == "duplicate"
    accepted = base.filter(pl.col("verdict") == "accepted", pl.col("time").is_not_null())
    seconds = (pl.col("at") - pl.col("time")) // SECOND
    return {
        "feed.received": base.select("_i", "at", "source", count="n"),
        "feed.correct": _share(base, refused),
        "feed.clean": _share(base, repeated | pl.col("foreign")),
        "feed.delay": accepted.select("_i", "at", "source", *_histogram(seconds.clip(0))),
        "feed.complete": accepted.filter(pl.col("type") != FeedStated.event_type).select(
            "_i", "source", "n", at=_of_day(pl.col("time")), received=pl.lit(1, pl.Int64), stated=pl.lit(0, pl.Int64)
        ),
    }


def columns(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What a source states of itself: frames as those of `records`."""
    nothing = pl.lit(0, pl.Int64)
    stated = frame.select("_i", source="feed", at=_of_day(pl.col("until") - 1), received=nothing, stated="events", n=nothing)
    return {"feed.complete": stated}


def _share(base: pl.DataFrame, part: pl.Expr) -> pl.DataFrame:
    return base.select("_i", "at", "source", "n", part=part.cast(pl.Int64), whole="n")


def _histogram(seconds: pl.Expr) -> list[pl.Expr]:
    above = (*DELAY.edges[1:], float("inf"))
    return [
        ((seconds >= low) & (seconds < high)).cast(pl.Int64).alias(name)
        for name, low, high in zip(DELAY.measures, DELAY.edges, above, strict=True)
    ]


def _of_day(time: pl.Expr) -> pl.Expr:
    """The last hour of the day of a time: what a day holds is told when it has ended."""
    return ((time + OFFSET) // DAY + 1) * DAY - OFFSET - HOUR


def _silent(name: str, vi: str, en: str, hours: int) -> Indicator:
    """Silence over so many hours, against the same hours of the last seven days and of the same weekday in the last weeks."""
    heard, span = "feed.received", f"{hours} h" if hours > 1 else "hour"
    return Indicator(
        name, vi, en, "lượt",
        f"0 unless nothing came in the last {span}; then what comes at least in the same time: the lowest of the last "
        f"{DAYS} days, or the second lowest of the same weekday in the last {WEEKS} weeks (on a holiday 0), whichever is more",
        Silent(DAYS, WEEKS), level=True, groupings=((), ("source",)), legal=GUIDANCE, alert=above(FEW, by=("source",)),
        looks=(
            Look(heard, hours=hours),
            *(Look(heard, hours=hours, days=day) for day in range(1, DAYS + 1)),
            *(Look(heard, hours=hours, days=7 * week, workday=True) for week in range(1, WEEKS + 1)),
        ),
    )  # fmt: skip


BY = ((), ("source",))
GUIDANCE = Legal("1709/BKHCN-CĐSQG (đúng, đủ, sạch, sống)", "2025-05-21")
WINDOWS = ("1h", "1d", "7d", "month")

STREAM = Stream(
    name="feeds",
    contract=FeedStated,
    dimensions=("source",),
    columns=columns,
    records=records,
    more_topics=(*sorted({c.topic for c in contracts().values() if c is not Heartbeat}), REJECTS),
    grain=HOUR,
    indicators=(
        Indicator("feed.received", "Bản tin nhận được", "Records received", "lượt",
                  "records received, whatever became of them; heartbeats of the centre are none", windows=WINDOWS, groupings=BY, legal=GUIDANCE),
        Indicator("feed.correct", "Đúng: bản tin hợp lệ", "Correct: records not refused", "%",
                  "1 - records refused / records received; what may not follow in a dossier's life is dossier.conformance",
                  Ratio("part", "whole", complement=True), windows=WINDOWS, groupings=BY, legal=GUIDANCE),
        Indicator("feed.complete", "Đủ: bản tin nhận được so với công bố", "Complete: events received of those stated", "%",
                  "events accepted whose time lies in a day / events its source states for it (feed.stated), when the day has ended",
                  Ratio("received", "stated"), windows=("7d", "month", "quarter", "year"), groupings=BY, legal=GUIDANCE),
        Indicator("feed.clean", "Sạch: không trùng, không thừa trường", "Clean: no duplicates, no foreign fields", "%",
                  "1 - (duplicates + records with fields their contract does not have) / records received",
                  Ratio("part", "whole", complement=True), windows=WINDOWS, groupings=BY, legal=GUIDANCE),
        Indicator("feed.delay", "Sống: độ trễ khi nhận", "Live: delay of reception", "giây",
                  "reception - event time of accepted events, in seconds: p50, p90", DELAY, windows=WINDOWS, groupings=BY, legal=GUIDANCE),
        _silent("feed.silent", "Sống: im lặng bất thường (giờ)", "Live: unusual silence, by the hour", 1),
        _silent("feed.silent_day", "Sống: im lặng bất thường (ngày)", "Live: unusual silence, by the day", 24),
    ),
    data_files=(CALENDAR,),
    units=(FILE,),
    rollups=(
        Rollup("agency", of="source", file=FILE, key="agency"),
        Rollup("contact", of="source", file=FILE, key="contact"),
    ),
    board=Board(
        "feeds", "Nguồn dữ liệu", "Feeds",
        names={"source": ("Nguồn gửi", "Sender"), "agency": ("Cơ quan chịu trách nhiệm", "Agency"), "contact": ("Liên hệ", "Contact")},
        tiles=("feed.received", "feed.correct", "feed.complete", "feed.clean", "feed.delay", "feed.silent"),
        rankings=(("feed.received", "source"), ("feed.silent_day", "source")),
        lines=(("feed.received",), ("feed.correct", "feed.clean"), ("feed.delay",)),
        choices=("agency",),
        feeds=True,
    ),
)  # fmt: skip
