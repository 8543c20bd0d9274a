"""Radio measurements (mạng 5G): throughput, signal, load and 5G share, weighted by the time measured.

Stateless: each measurement period contributes once, at the period's begin. Averages are sums of value x seconds over
sums of seconds, so cells and periods of any length mix rightly (TS 28.554: never average averages). Values that their sender
doubts (`suspect`, TS 32.435) enter no average; the seconds they stand for are counted by themselves.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ioc.vocabulary import Board, Indicator, Legal, Mean, Ratio, Stream
from schemas.ran import RanMeasured

SCALE = {"DRB.UEThpDl": 10, "DRB.UEThpUl": 10, "RSRP": 100, "RRU.PrbTotDl": 100}
"""Steps of the integer sums: tenths of kbit/s, hundredths of dBm and %."""
INDICATOR = {
    "DRB.UEThpDl": "ran.dl_throughput",
    "DRB.UEThpUl": "ran.ul_throughput",
    "RSRP": "ran.rsrp",
    "RRU.PrbTotDl": "ran.prb_used",
}


def columns(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Measures by indicator: frames of `_i` (the event's row), `at` (ms), site, cell and the measures.

    `frame` has the contract's fields, and `_i` and `_time` of each event.
    """
    base = frame.select("_i", pl.col("_time").alias("at"), "site", "cell", "period_s", "rat", "measurements")
    doubted = frame["suspect"].fill_null(False)
    trusted = base.filter(~doubted) if doubted.any() else base
    every = trusted.explode("measurements").drop_nulls("measurements").unnest("measurements")
    known = every.filter(pl.col("name").is_in(list(SCALE)))
    scaled = (pl.col("value") * pl.col("name").replace_strict(SCALE, return_dtype=pl.Int64)).round().cast(pl.Int64)
    sums = known.select(
        "_i",
        "at",
        "site",
        "cell",
        "name",
        (scaled * pl.col("period_s")).alias("sum"),
        pl.col("period_s").alias("weight"),
        n=pl.lit(1, pl.Int64),
    )
    # a counter named twice in one event counts once, with its first value
    sums = sums.unique(["_i", "name"], keep="first", maintain_order=True)
    parts = {name: part.drop("name") for (name,), part in sums.partition_by("name", as_dict=True).items()}
    result = {INDICATOR[str(name)]: part for name, part in parts.items()}
    nr = pl.when(pl.col("rat") == "NR").then(pl.col("period_s")).otherwise(0).alias("nr")
    share = base.filter(pl.col("rat").is_not_null()).select(
        "_i", "at", "site", "cell", nr, pl.col("period_s").alias("all"), n=pl.lit(1, pl.Int64)
    )
    suspect = base.filter(doubted).select("_i", "at", "site", "cell", pl.col("period_s").alias("count"))
    return result | {"ran.nr_share": share, "ran.suspect_seconds": suspect}


def _ts(clause: str) -> Legal:
    return Legal(f"3GPP TS {clause} (Rel-18)", "2023-06-30")


BY = ((), ("site",), ("site", "cell"))
WINDOWS = ("1h", "1d", "7d", "day")

STREAM = Stream(
    name="ran",
    contract=RanMeasured,
    dimensions=("site", "cell"),
    columns=columns,
    indicators=(
        Indicator("ran.dl_throughput", "Tốc độ tải xuống", "Downlink throughput", "kbit/s",
                  "sum(DRB.UEThpDl x seconds) / sum(seconds)", Mean(10), windows=WINDOWS, groupings=BY, legal=_ts("28.554 6.3")),
        Indicator("ran.ul_throughput", "Tốc độ tải lên", "Uplink throughput", "kbit/s",
                  "sum(DRB.UEThpUl x seconds) / sum(seconds)", Mean(10), windows=WINDOWS, groupings=BY, legal=_ts("28.554 6.3")),
        Indicator("ran.rsrp", "Cường độ tín hiệu (RSRP)", "Signal strength (RSRP)", "dBm",
                  "sum(RSRP x seconds) / sum(seconds), in dB", Mean(100), windows=WINDOWS, groupings=BY, legal=_ts("38.215 5.1.1")),
        Indicator("ran.prb_used", "Tải khối tài nguyên (PRB)", "Resource blocks in use", "%",
                  "sum(RRU.PrbTotDl x seconds) / sum(seconds)", Mean(100), windows=WINDOWS, groupings=BY, legal=_ts("28.554 6.4")),
        Indicator("ran.nr_share", "Tỷ lệ thời gian dùng 5G", "Share of time on 5G", "%",
                  "seconds measured with rat = NR / seconds measured with a known rat", Ratio("nr", "all"), windows=WINDOWS, groupings=BY,
                  legal=Legal("project's own", "2026-11-24")),
        Indicator("ran.suspect_seconds", "Thời gian đo bị nghi ngờ", "Time of doubted measurements", "giây",
                  "seconds measured with suspect = true; their values enter no average", windows=WINDOWS, groupings=BY,
                  legal=_ts("32.435")),
    ),
    units=(Path(__file__).parent / "data" / "sites.toml",),
    board=Board(
        "5g", "Mạng 5G", "5G network",
        names={"site": ("Trạm", "Site"), "cell": ("Ô", "Cell")},
        tiles=("ran.dl_throughput", "ran.ul_throughput", "ran.rsrp", "ran.prb_used", "ran.nr_share"),
        rankings=(("ran.prb_used", "site"), ("ran.dl_throughput", "site")),
        lines=(("ran.dl_throughput", "ran.ul_throughput"), ("ran.prb_used", "ran.nr_share"), ("ran.rsrp",)),
        overview_tiles=("ran.dl_throughput", "ran.nr_share"),
    ),
)  # fmt: skip
