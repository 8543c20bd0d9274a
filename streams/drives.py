"""Drive tests (đo kiểm 5G): handovers, changes of mode, falls from 5G to 4G and spells of weak signal, as episodes of a drive.

What a sample tells holds until the next one. Samples go by their time; the last few (`RECENT`) by their number in the trace, for a
phone's clock goes back a second now and then. What is counted is of the cell that served when it began.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from ioc.times import SECOND
from ioc.tomls import Strict, load
from ioc.vocabulary import (
    UNKNOWN,
    Contribution,
    Dims,
    Fold,
    Indicator,
    Legal,
    Measures,
    Part,
    Quantiles,
    Rollup,
    Stream,
    told,
    told_apart,
)
from schemas.drive import RanDrive

DATA = Path(__file__).parent / "data"
RULES = DATA / "drives.toml"
RECENT = 4
LENGTHS = Quantiles((0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600), (0.5, 0.9))


class Rules(Strict):
    """`drives.toml`."""

    weak_dbm: Annotated[float, Field(ge=-156, le=-31)]
    weak_seconds: Annotated[int, Field(ge=0, le=3_600)]
    gap_seconds: Annotated[int, Field(ge=1, le=3_600)]


@cache
def rules() -> Rules:
    """What `streams/data/drives.toml` says."""
    return load(RULES, Rules, f"streams/data/{RULES.name}")


class Sample(NamedTuple):
    """What the history keeps of a sample; time in ms."""

    time: int
    number: int
    site: str | None = None
    cell: str | None = None
    rat: str | None = None
    rsrp: float | None = None


class Seen(NamedTuple):
    """A drive up to a sample: the last one, the episodes that are open (when each began, and where), and whether the weak one is
    long enough to be told."""

    last: Sample | None = None
    fell: tuple[int, Dims] | None = None
    weak: tuple[int, Dims] | None = None
    told: bool = False


class Drive(NamedTuple):
    """A trace: what is settled, its parts, and the last samples by their number."""

    seen: Seen = Seen()
    parts: tuple[Part, ...] = ()
    recent: tuple[Sample, ...] = ()


def _row(name: str, dims: Dims, at: int, measures: Measures) -> list[Contribution]:
    return [(f"drive.{name}", dims, at, measures)]


def _place(sample: Sample) -> Dims:
    return sample.site or UNKNOWN, sample.cell or UNKNOWN


def _length(begin: int, end: int) -> Measures:
    """The bucket of an episode's length; 0 where the clock went back meanwhile."""
    return LENGTHS.one_hot(max(0, end - begin) / SECOND)


def _next(seen: Seen, sample: Sample) -> tuple[Seen, list[Part]]:
    """The drive after one more sample, and what it adds."""
    parts: list[Part] = []
    at, last, said = sample.time, seen.last, rules()
    _, fell, weak, long = seen
    if last is not None:
        if at - last.time > said.gap_seconds * SECOND:
            fell, weak, long = None, None, False
        if last.cell and sample.cell and last.cell != sample.cell:
            parts.append((_row, "handovers", _place(last), at, (1,)))
        if last.rat and sample.rat and last.rat != sample.rat:
            parts.append((_row, "mode_changes", _place(last), at, (1,)))
            if (last.rat, sample.rat) == ("NR", "LTE"):
                fell = at, _place(last)
                parts.append((_row, "fallbacks", fell[1], at, (1,)))
    if fell is not None and sample.rat == "NR":
        parts.append((_row, "fallback_seconds", fell[1], at, _length(fell[0], at)))
        fell = None
    if weak is not None and not long and at - weak[0] >= said.weak_seconds * SECOND:
        long = True
        parts.append((_row, "weak_signal", weak[1], at, (1,)))
    if sample.rsrp is None or sample.rsrp >= said.weak_dbm:
        if weak is not None and long:
            parts.append((_row, "weak_seconds", weak[1], at, _length(weak[0], at)))
        weak, long = None, False
    elif weak is None:
        weak = at, _place(sample)
    return Seen(sample, fell, weak, long), parts


def advance(drive: Drive, sample: Sample) -> Drive:
    """A trace with one more sample."""
    recent = sorted((*drive.recent, sample), key=lambda one: one.number)
    if len(recent) <= RECENT:
        return drive._replace(recent=tuple(recent))
    seen, more = _next(drive.seen, recent[0])
    return Drive(seen, (*drive.parts, *more) if more else drive.parts, tuple(recent[1:]))


def _parts(drive: Drive) -> tuple[Part, ...]:
    seen, parts = drive.seen, list(drive.parts)
    for sample in drive.recent:
        seen, more = _next(seen, sample)
        parts += more
    return tuple(parts)


def _say(drive: Drive) -> list[Contribution]:
    return told(_parts(drive))


def _apart(one: Drive, other: Drive) -> tuple[list[Contribution], list[Contribution]]:
    return told_apart(_parts(one), _parts(other))


contributions = Fold(Drive, advance, _say, _apart)
"""What a trace adds to each indicator, and when."""

BY = ((), ("site",), ("site", "cell"))
WINDOWS = ("1h", "1d", "7d", "day", "month", "year")
OWN = Legal("project's own", "2026-12-01")
PLACES = ("commune", "district", "province")

STREAM = Stream(
    name="drives",
    contract=RanDrive,
    dimensions=("site", "cell"),
    item=Sample,
    rank=lambda sample: sample.number,
    contributions=contributions,
    most=20_000,
    indicators=(
        Indicator("drive.handovers", "Số lần chuyển ô", "Handovers", "lượt", "+1 where the serving cell is another than a sample before",
                  windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("drive.mode_changes", "Số lần đổi công nghệ", "Changes of mode", "lượt",
                  "+1 where the radio access technology (NR, LTE, UMTS, GSM) is another than a sample before", windows=WINDOWS,
                  groupings=BY, legal=OWN),
        Indicator("drive.fallbacks", "Số lần rơi từ 5G xuống 4G", "Falls from 5G to 4G", "lượt", "+1 where LTE follows NR",
                  windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("drive.fallback_seconds", "Thời gian rơi khỏi 5G", "Time off 5G after a fall to 4G", "giây",
                  "seconds from a fall to the next sample on NR, told when it comes; p50 and p90, exact to the bucket", LENGTHS,
                  windows=WINDOWS, groupings=BY, legal=OWN),
        Indicator("drive.weak_signal", "Số đợt sóng yếu", "Spells of weak signal", "lượt",
                  "+1 once RSRP was below weak_dbm for weak_seconds without a break (streams/data/drives.toml)", windows=WINDOWS,
                  groupings=BY, legal=OWN),
        Indicator("drive.weak_seconds", "Thời gian của một đợt sóng yếu", "Length of a spell of weak signal", "giây",
                  "seconds of such a spell, told when it ends; p50 and p90, exact to the bucket", LENGTHS, windows=WINDOWS, groupings=BY,
                  legal=OWN),
    ),
    data_files=(RULES,),
    reads=rules,
    rollups=tuple(Rollup(level, of="site", tree=DATA / "units", cells=DATA / "cells.csv") for level in PLACES),
)  # fmt: skip
