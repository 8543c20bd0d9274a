"""KPIs of TS 28.554 from the counters of TS 28.552: which counter adds to which sum. Pure.

Counters come with further parts: `RRC.ConnEstabAtt.sum` or none is the total, `.mo-Data` a cause, `.5QI9` a quality class, `.SNSSAI...`
a slice. The total is taken where it is told, else it is the sum of the causes or classes; slices are told beside them and
would count twice. Attempts and successes for signalling alone (mo-Signalling) are no part of accessibility (TS 28.554 6.2.4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import polars as pl

TOTAL, PART, WITHOUT = 0, 1, 2
"""What a name is of its counter: all of it, a part that adds up to all, a part that is left out."""


class Adds(NamedTuple):
    """A counter adds so much to a measure of an indicator. `scale`: steps of 1 in the sum; kWh come with many decimals."""

    indicator: str
    measure: str
    scale: float = 1


COUNTERS: Mapping[str, tuple[Adds, ...]] = {
    "RRC.ConnEstabSucc": (Adds("ran.accessibility", "rrc_part"),),
    "RRC.ConnEstabAtt": (Adds("ran.accessibility", "rrc_whole"),),
    "UECNTX.ConnEstabSucc": (Adds("ran.accessibility", "ng_part"),),
    "UECNTX.ConnEstabAtt": (Adds("ran.accessibility", "ng_whole"),),
    "DRB.EstabSucc": (Adds("ran.accessibility", "drb_part"),),
    "DRB.EstabAtt": (Adds("ran.accessibility", "drb_whole"),),
    "MM.HoPrepInterSucc": (Adds("ran.handover", "prepared_part"),),
    "MM.HoPrepInterReq": (Adds("ran.handover", "prepared_whole"),),
    "MM.HoExeInterSucc": (Adds("ran.handover", "executed_part"),),
    "MM.HoExeInterReq": (Adds("ran.handover", "executed_whole"),),
    "RM.RegInitSucc": (Adds("ran.registration", "part"),),
    "RM.RegInitReq": (Adds("ran.registration", "whole"),),
    "QF.RelActNbr": (Adds("ran.retainability", "part"),),
    "QF.SessionTimeUE": (Adds("ran.retainability", "whole"),),
    "DRB.RelActNbr": (Adds("ran.drb_retainability", "part"),),
    "DRB.SessionTime": (Adds("ran.drb_retainability", "whole"),),
    "DRB.PdcpSduVolumeDL": (Adds("ran.cell_throughput", "part"), Adds("ran.energy_efficiency", "part")),
    "DRB.PdcpSduVolumeUL": (Adds("ran.energy_efficiency", "part"),),
    "PEE.Energy": (Adds("ran.energy_efficiency", "whole", 1e6),),
}
"""What is summed, by counter."""
SIGNALLING = frozenset({"RRC.ConnEstabSucc", "RRC.ConnEstabAtt", "UECNTX.ConnEstabSucc", "UECNTX.ConnEstabAtt"})
"""Counters of which a cause is left out."""
SECONDS = {"rrc_whole": "rrc_seconds", "ng_whole": "ng_seconds", "drb_whole": "drb_seconds",
           "prepared_whole": "prepared_seconds", "executed_whole": "executed_seconds"}  # fmt: skip
"""Measures beside which the seconds are summed for which they are told."""


@lru_cache(maxsize=1 << 16)
def read(name: str) -> tuple[str, int] | None:
    """The counter a name is of, and what of it; None: it adds to no KPI.

    >>> read("RRC.ConnEstabAtt.mo-Signalling"), read("DRB.EstabAtt.SNSSAI01"), read("PEE.Energy")
    (('RRC.ConnEstabAtt', 2), None, ('PEE.Energy', 0))
    """
    counter = name if name in COUNTERS else next((one for one in COUNTERS if name.startswith(f"{one}.")), None)
    if counter is None:
        return None
    further = name[len(counter) + 1 :]
    plain = re.sub(r"[^a-z0-9]", "", further.lower())
    if plain in ("", "sum"):
        return counter, TOTAL
    if plain.startswith("snssai"):
        return None
    return counter, WITHOUT if plain == "mosignalling" and counter in SIGNALLING else PART


def columns(every: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Measures by indicator. `every`: a row a measurement: `_i`, `at` (ms), site, cell, period_s, name, value; no name twice
    in an event."""
    names = every["name"].unique().to_list()
    known = {name: what for name in names if (what := read(name)) is not None}
    if not known:
        return {}
    used = every.filter(pl.col("name").is_in(list(known))).with_columns(
        counter=pl.col("name").replace_strict({name: counter for name, (counter, _) in known.items()})
    )
    rows = [
        told.select(
            "_i", "at", "site", "cell", "period_s",
            indicator=pl.lit(one.indicator), measure=pl.lit(one.measure),
            amount=(pl.col("amount") * one.scale).round().cast(pl.Int64),
        )
        for (counter,), told in _told(used, known).partition_by("counter", as_dict=True).items()
        for one in COUNTERS[str(counter)]
    ]  # fmt: skip
    found = pl.concat(rows).partition_by("indicator", as_dict=True)
    return {str(name): _wide(str(name), part) for (name,), part in found.items()}


def _told(used: pl.DataFrame, known: Mapping[str, tuple[str, int]]) -> pl.DataFrame:
    """What each event tells of each counter."""
    if len({counter for counter, _ in known.values()}) == len(known) and {of for _, of in known.values()} == {TOTAL}:
        return used.select(
            "_i", "at", "site", "cell", "period_s", "counter", amount="value"
        )  # one name each, as most senders have
    used = used.with_columns(
        of=pl.col("name").replace_strict({name: of for name, (_, of) in known.items()}, return_dtype=pl.Int8)
    )
    total, parts = (pl.col("value").filter(pl.col("of") == kind) for kind in (TOTAL, PART))
    without = pl.col("value").filter(pl.col("of") == WITHOUT).sum()
    # what is told of all holds what is left out; parts are added up without it
    amount = pl.when(total.len() > 0).then(total.first() - without).when(parts.len() > 0).then(parts.sum())
    return used.group_by("_i", "at", "site", "cell", "period_s", "counter", maintain_order=True).agg(amount=amount).drop_nulls()


MEASURES: Mapping[str, tuple[str, ...]] = {
    name: tuple(dict.fromkeys(one.measure for adds in COUNTERS.values() for one in adds if one.indicator == name))
    for name in dict.fromkeys(one.indicator for adds in COUNTERS.values() for one in adds)
}
"""The sums of each indicator."""


def _wide(indicator: str, part: pl.DataFrame) -> pl.DataFrame:
    """A row an event: its amounts, and the seconds for which they are told."""
    measures, there = MEASURES[indicator], part["measure"].unique().to_list()
    none = pl.lit(0, pl.Int64)
    if len(there) == 1 and part["_i"].is_unique().all():
        amounts = {m: pl.col("amount") if m in there else none for m in measures}
        seconds = {SECONDS[m]: pl.col("period_s") if m in there else none for m in measures if m in SECONDS}
        rows = part.select("_i", "at", "site", "cell", "period_s", **amounts, **seconds, n=pl.lit(1, pl.Int64))
    else:
        of = {m: pl.col("measure") == m for m in measures}
        amounts = {m: pl.col("amount").filter(of[m]).sum() for m in measures}
        seconds = {
            SECONDS[m]: pl.when(of[m].any()).then(pl.col("period_s").first()).otherwise(0) for m in measures if m in SECONDS
        }
        rows = part.group_by("_i", "at", "site", "cell", maintain_order=True).agg(
            pl.col("period_s").first(), **amounts, **seconds, n=pl.lit(1, pl.Int64)
        )
    if indicator == "ran.cell_throughput":
        rows = rows.with_columns(whole="period_s")
    return rows.drop("period_s")
