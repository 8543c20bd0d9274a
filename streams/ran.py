"""Radio measurements (mạng 5G): throughput, signal, load and 5G share, weighted by the time measured.

Stateless: each measurement period contributes once, to the windows in which it ends: of those, every period is over. Averages are sums of value x seconds over
sums of seconds, so cells and periods of any length mix rightly (TS 28.554: never average averages). Values that their sender
doubts (`suspect`, TS 32.435) enter no average; the seconds they stand for are counted by themselves.
"""

from __future__ import annotations

import polars as pl

from ioc.times import SECOND
from ioc.vocabulary import Board, Chain, Coverage, Covered, Indicator, Legal, Mean, Ratio, Stream, Value
from schemas.ran import RanMeasured
from streams import counters, kpis
from streams.cells import DUE, NAMES, PLACES

SCALE = {"DRB.UEThpDl": 10, "DRB.UEThpUl": 10, "RSRP": 100, "RRU.PrbTotDl": 100}
"""Steps of the integer sums: tenths of kbit/s, hundredths of dBm and %."""
LOAD = "RRU.PrbTotDl"
"""What every cell tells of every period: by it coverage is told."""
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
    at = pl.col("_time") + SECOND * pl.col("period_s") - 1
    base = frame.select("_i", "site", "cell", "period_s", "rat", "vendor", "measurements", at=at, n=pl.lit(1, pl.Int64))
    doubted = frame["suspect"].fill_null(False)
    trusted = base.filter(~doubted) if doubted.any() else base
    every = trusted.explode("measurements").drop_nulls("measurements").unnest("measurements").drop_nulls("value")
    every = counters.standard(every)
    counted = [name for name in every["name"].unique() if name in SCALE or kpis.read(name)]
    # a counter named twice in one event counts once, with its first value
    every = every.filter(pl.col("name").is_in(counted)).unique(["_i", "name"], keep="first", maintain_order=True)
    known = every.filter(pl.col("name").is_in(list(SCALE)))
    scaled = (pl.col("value") * pl.col("name").replace_strict(SCALE, return_dtype=pl.Int64)).round().cast(pl.Int64)
    sums = known.select("_i", "at", "site", "cell", "name", "n", sum=scaled * pl.col("period_s"), weight="period_s")
    parts = {name: part.drop("name") for (name,), part in sums.partition_by("name", as_dict=True).items()}
    nr = pl.when(pl.col("rat") == "NR").then(pl.col("period_s")).otherwise(0).alias("nr")
    share = base.filter(pl.col("rat").is_not_null()).select("_i", "at", "site", "cell", "n", nr, all="period_s")
    suspect = base.filter(doubted).select("_i", "at", "site", "cell", count="period_s")
    of_time = {
        "ran.nr_share": share,
        "ran.suspect_seconds": suspect,
        "ran.coverage": known.filter(pl.col("name") == LOAD).select("_i", "at", "site", "cell", "n", seconds="period_s"),
    }
    return {INDICATOR[str(name)]: part for name, part in parts.items()} | kpis.columns(every) | of_time


def _ts(clause: str) -> Legal:
    return Legal(f"3GPP TS {clause} (Rel-18)", "2023-06-30")


BY = ((), ("site",), ("site", "cell"))
WINDOWS = ("1h", "1d", "7d", "day")


def _kpi(name: str, vi: str, en: str, unit: str, clause: str, rule: str, value: Value) -> Indicator:
    return Indicator(f"ran.{name}", vi, en, unit, rule, value, windows=WINDOWS, groupings=BY, legal=_ts(clause))


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
                  "sum(RRU.PrbTotDl x seconds) / sum(seconds)", Covered(0, 100, DUE, 100), windows=WINDOWS, groupings=BY, legal=_ts("28.554 6.4")),
        Indicator("ran.nr_share", "Tỷ lệ thời gian dùng 5G", "Share of time on 5G", "%",
                  "seconds measured with rat = NR / seconds measured with a known rat", Ratio("nr", "all"), windows=WINDOWS, groupings=BY,
                  legal=Legal("project's own", "2026-11-24")),
        Indicator("ran.suspect_seconds", "Thời gian đo bị nghi ngờ", "Time of doubted measurements", "giây",
                  "seconds measured with suspect = true; their values enter no average", windows=WINDOWS, groupings=BY,
                  legal=_ts("32.435")),
        _kpi("accessibility", "Khả năng truy cập (DRB)", "Accessibility (partial DRB)", "%", "28.554 6.2.4",
             "RRC setup x NG signalling setup x DRB setup success ratios, each a ratio of sums, without mo-Signalling",
             Chain(("rrc", "ng", "drb"), DUE)),
        _kpi("handover", "Chuyển giao thành công", "Handover success", "%", "28.554 6.6",
             "preparation x execution success ratios between gNBs, each a ratio of sums", Chain(("prepared", "executed"), DUE)),
        _kpi("registration", "Đăng ký thành công", "Registration success", "%", "28.554 6.2.3",
             "sum(RM.RegInitSucc) / sum(RM.RegInitReq)", Ratio("part", "whole")),
        _kpi("retainability", "Rớt luồng QoS", "QoS flow retainability (R2)", "lần/giây", "28.554 6.5.1",
             "sum(QF.RelActNbr) / sum(QF.SessionTimeUE): abnormal releases a second of session", Ratio("part", "whole", 1, beyond=True)),
        _kpi("drb_retainability", "Rớt kênh vô tuyến (DRB)", "DRB retainability", "lần/giây", "28.554 6.5.2",
             "sum(DRB.RelActNbr) / sum(DRB.SessionTime): abnormal releases a second of session", Ratio("part", "whole", 1, beyond=True)),
        _kpi("cell_throughput", "Lưu lượng tải xuống của ô", "Cell throughput, downlink", "kbit/s", "28.554 6.3",
             "sum(DRB.PdcpSduVolumeDL) / sum(seconds measured)", Ratio("part", "whole", 1, beyond=True)),
        _kpi("energy_efficiency", "Hiệu quả năng lượng", "Energy efficiency", "bit/J", "28.554 6.7",
             "sum(DRB.PdcpSduVolumeDL + UL) / sum(PEE.Energy)", Ratio("part", "whole", 1000 / 3.6, beyond=True)),
        Indicator("ran.coverage", "Độ phủ số liệu", "Coverage of measurements", "%",
                  "seconds for which RRU.PrbTotDl is told / seconds of the periods due by the registry of cells; doubted ones are not told",
                  Coverage(DUE), windows=WINDOWS, groupings=BY, legal=_ts("32.401 4.3.2")),
    ),
    data_files=counters.FILES,
    reads=counters.read,
    rollups=PLACES,
    board=Board(
        "5g", "Mạng 5G", "5G network",
        names={"site": ("Trạm", "Site"), "cell": ("Ô", "Cell"), **NAMES},
        tiles=("ran.dl_throughput", "ran.ul_throughput", "ran.rsrp", "ran.prb_used", "ran.nr_share"),
        rankings=(("ran.prb_used", "site"), ("ran.dl_throughput", "commune")),
        maps=(("ran.prb_used", "site"),),
        lines=(("ran.dl_throughput", "ran.ul_throughput"), ("ran.prb_used",), ("ran.nr_share",), ("ran.rsrp",)),
        overview_tiles=("ran.dl_throughput", "ran.nr_share"),
    ),
    more_boards=(
        Board(
            "kpi5g", "Chỉ số 5G", "5G KPIs",
            tiles=("ran.accessibility", "ran.handover", "ran.drb_retainability", "ran.cell_throughput", "ran.energy_efficiency",
                   "ran.coverage"),
            rankings=(("ran.drb_retainability", "site"), ("ran.cell_throughput", "site")),
            lines=(("ran.accessibility",), ("ran.handover",), ("ran.coverage",)),
            overview_tiles=("ran.accessibility",),
        ),
    ),
)  # fmt: skip
