"""A panel and its query's answer become a tile, a table, a ranking or lines, in the reader's language and theme."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from ioc.times import DAY, HOUR, MINUTE
from ioc.wall import draw
from ioc.wall.colours import THEMES, Theme
from ioc.wall.draw import Look
from ioc.wall.shown import Field, age, clock, number, text
from ioc.wall.words import EN, VI
from tests.ioc.wall.boards import board, panel

AT = datetime(2026, 1, 5, 1, 30, 5, tzinfo=UTC)
MS = 1767576605000
VN = Look("vi", "dark", (("board", "ioc-overview"), ("agency", "*"), ("range", "7d")))
RED = {"mode": "absolute", "steps": [{"color": "text", "value": None}, {"color": "red", "value": 200}]}


def drawn(given: dict[str, Any], look: Look = VN, **columns: Any) -> Any:
    shown, frame = board(given).panels[0], pl.DataFrame(columns)
    if shown.type in ("stat", "table"):
        return draw.html(shown, frame, look)
    return draw.chart(shown, frame, look, MS - DAY, MS)  # type: ignore[arg-type]


def test_numbers_have_the_languages_separators() -> None:
    assert [number(v, d, VI) for v, d in ((1434, None), (50.75, None), (50.75, 1), (-3, None), (1e6, 2))] == [
        "1.434", "50,75", "50,8", "−3", "1.000.000,00",
    ]  # fmt: skip
    assert [number(v, None, EN) for v in (1434, 50.75)] == ["1,434", "50.75"]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (93.42, "percent", "93,42 %"), (12.0, "suffix: ngày", "12 ngày"), (850.0, "Kbits", "850 kbit/s"),
        (48_250.0, "Kbits", "48,2 Mbit/s"),
        (-97.5, "dBm", "−97,5 dBm"), (150.0, "s", "2 phút"), (AT, "time:HH:mm:ss DD/MM", "08:30:05 05/01"),
        (MS, "time:DD/MM/YYYY", "05/01/2026"), (MS // 1000, "time:DD/MM/YYYY HH:mm", "05/01/2026 08:30"),
        (None, "none", "Không có dữ liệu"),
    ],
)  # fmt: skip
def test_values_have_their_unit_and_the_provinces_time(value: Any, unit: str, shown: str) -> None:
    assert text(value, Field("x", unit), VI) == shown


def test_a_tile_shows_the_value_large_and_carries_it_for_scripts() -> None:
    html = drawn(panel("stat", unit="none", thresholds=RED), backlog=[1434], until=[AT])
    assert '<div class="value" style="color:var(--red)" data-value="1434" data-until="2026-01-05T01:30:05Z">1.434</div>' in html
    html = drawn(panel("stat", unit="percent", decimals=1, thresholds=RED), share=[93.46], until=[AT])
    assert 'data-value="93.46"' in html
    assert ">93,5<small>%</small>" in html


def test_a_tile_without_data_says_so() -> None:
    assert 'data-value=""' in drawn(
        panel("stat", noValue="Chưa có"), v=pl.Series([], dtype=pl.Float64), until=pl.Series([], dtype=pl.Datetime("ms", "UTC"))
    )
    assert "Chưa có" in drawn(panel("stat", noValue="Chưa có"), v=[None], until=[None])


def test_other_fields_of_a_tile_stand_small_below() -> None:
    over = [
        {
            "matcher": {"id": "byName", "options": "p90"},
            "properties": [{"id": "displayName", "value": "90 %"}, {"id": "unit", "value": "suffix: ngày"}],
        }
    ]
    html = drawn(panel("stat", unit="suffix: ngày", overrides=over), p50=[3.0], p90=[12.0])
    assert '<div class="more">90 % <b>12 ngày</b></div>' in html


def test_nothing_in_a_value_becomes_markup() -> None:
    evil = "<img src=x onerror=alert(1)>\"'"
    for kind in ("stat", "table"):
        html = drawn(panel(kind), **{evil: [evil]})
        assert "<img" not in html
        assert "src=x onerror=alert(1)&gt;&quot;" in html


def test_a_table_maps_states_to_words_and_colours() -> None:
    mapping = [
        {
            "type": "value",
            "options": {"firing": {"text": "ĐANG BÁO", "color": "red"}, "resolved": {"text": "đã hết", "color": "green"}},
        }
    ]
    over = [{"matcher": {"id": "byName", "options": "state"}, "properties": [
        {"id": "mappings", "value": mapping}, {"id": "custom.cellOptions", "value": {"type": "color-background"}}]}]  # fmt: skip
    html = drawn(panel("table", overrides=over), agency=["A", "B"], state=["firing", "resolved"], value=[683, 12])
    assert '<td style="background:var(--red);color:var(--panel)">ĐANG BÁO</td>' in html
    assert '<td style="background:var(--green);color:var(--panel)">đã hết</td>' in html
    assert '<td class="number" data-value="683">683</td>' in html


def test_an_empty_cell_is_a_dash_and_an_empty_table_says_what_it_means() -> None:
    html = drawn(panel("table", noValue="Không có cảnh báo"), agency=["A"], resolved=[None])
    assert "<td>–</td>" in html
    assert "Không có cảnh báo" not in html
    empty = pl.Series([], dtype=pl.String)
    assert "Không có cảnh báo" in drawn(panel("table", noValue="Không có cảnh báo"), agency=empty)


def test_a_links_variables_come_from_the_row_and_the_rest_from_the_page() -> None:
    links = [{"title": "Hồ sơ", "url": "/d/ioc-dossiers?var-agency=${__data.fields.agency}&${__url_time_range}"}]
    html = drawn(panel("table", links=links), agency=["Sở & X"])
    assert 'href="/?board=ioc-dossiers&amp;agency=S%E1%BB%9F+%26+X&amp;range=7d"' in html


def test_a_ranking_keeps_the_order_of_its_query_from_the_top() -> None:
    option = drawn(
        panel("barchart", unit="none", thresholds=RED, options={"xField": "agency"}), agency=["A", "B"], backlog=[683, 12]
    )
    assert (option["yAxis"]["data"], option["yAxis"]["inverse"]) == (["A", "B"], True)
    (bars,) = option["series"]
    assert bars["barMaxWidth"] == draw.THICK, "one alone would fill its panel"
    assert [(b["value"], b["label"]["formatter"], b["itemStyle"]["color"]) for b in bars["data"]] == [
        (683, "683", VN.colours.names["red"]), (12, "12", VN.colours.names["text"]),
    ]  # fmt: skip


def test_lines_run_on_the_provinces_clock() -> None:
    option = drawn(panel("timeseries", unit="none", color={"mode": "palette-classic"}), time=[AT], backlog=[7.0], overdue=[1.0])
    assert option["useUTC"]
    assert [s["name"] for s in option["series"]] == ["backlog", "overdue"]
    at, value = option["series"][0]["data"][0]
    assert (clock(at - 7 * HOUR, "HH:mm"), at, value) == ("08:30", MS + 7 * HOUR, 7.0)
    seconds = drawn(panel("timeseries"), time=pl.Series([MS // 1000], dtype=pl.UInt32), backlog=[7.0])
    assert seconds["series"][0]["data"] == [[MS + 7 * HOUR, 7.0]]


def test_an_axis_with_an_end_is_cut_into_even_parts() -> None:
    axis = drawn(panel("timeseries", unit="percent", max=100.0), time=[AT], share=[93.5])["yAxis"]
    assert (axis["max"], axis["interval"]) == (100, 25)
    assert drawn(panel("timeseries"), time=[AT], v=[1.0])["yAxis"]["interval"] is None


def test_a_text_column_makes_a_line_of_every_text() -> None:
    option = drawn(panel("timeseries"), time=[AT, AT], site=["A", "B"], load=[1.0, 2.0])
    assert [(s["name"], s["data"][0][1]) for s in option["series"]] == [("A", 1.0), ("B", 2.0)]


def test_thresholds_are_dashed_lines_where_the_board_says_so() -> None:
    given = panel("timeseries", thresholds=RED, custom={"thresholdsStyle": {"mode": "dashed"}})
    (mark,) = drawn(given, time=[AT], v=[1.0])["series"][0]["markLine"]["data"]
    assert (mark["yAxis"], mark["lineStyle"]["type"]) == (200, "dashed")
    assert "markLine" not in drawn(panel("timeseries", thresholds=RED), time=[AT], v=[1.0])["series"][0]


def test_empty_answers_draw_empty_charts() -> None:
    empty = pl.Series([], dtype=pl.Float64)
    assert drawn(panel("timeseries"), time=empty, v=empty)["series"] == []
    places = {"latitude": empty, "longitude": empty, "Tải": empty, "Trạm": pl.Series([], dtype=pl.String)}
    assert drawn(panel("geomap", options={"layers": [LAYER]}), **places)["series"][0]["data"] == []
    assert drawn(panel("barchart", options={"xField": "a"}), a=pl.Series([], dtype=pl.String), v=empty)["series"][0]["data"] == []


LAYER = {"name": "Tải", "config": {"style": {"color": {"field": "Tải"}, "size": {"field": "Tải"}, "text": {"field": "Trạm"}}}}
SITES = {
    "Trạm": ["Ga", "Chợ", "Đảo", "Lặng"], "latitude": [19.80, 19.801, 20.40, 19.60],
    "longitude": [105.78, 105.781, 105.10, 105.60],
    "Tải": [40.0, 90.0, 10.0, None],
}  # fmt: skip


def test_a_map_has_every_site_where_it_stands_and_names_those_there_is_room_for_the_highest_first() -> None:
    option = drawn(panel("geomap", options={"layers": [LAYER]}, unit="percent", min=0, max=100), **SITES)
    known, silent = ([(p["name"], p["value"][:2]) for p in series["data"]] for series in option["series"])
    assert known == [("Chợ: 90 %", [105.781, 19.801]), ("Ga: 40 %", [105.78, 19.80]), ("Đảo: 10 %", [105.10, 20.40])]
    assert silent == [("Lặng: Không có dữ liệu", [105.60, 19.60])]
    assert option["series"][1]["itemStyle"]["color"] == "transparent"
    sizes = [p["symbolSize"] for p in option["series"][0]["data"]]
    assert sizes == sorted(sizes, reverse=True)
    assert (option["visualMap"]["min"], option["visualMap"]["max"]) == (0, 100)
    west, east, south, north = (option[axis][end] for axis in ("xAxis", "yAxis") for end in ("min", "max"))
    assert west < 105.10 < 105.781 < east
    assert south < 19.60 < 20.40 < north
    places = [p["label"]["position"] for series in option["series"] for p in series["data"]]
    assert places[0] == "top"
    assert places[1] not in ("top", None), "the name of what stands at the same place is beside that of the first"
    crowd = {name: values[:1] * 9 for name, values in SITES.items()}
    crowded = drawn(panel("geomap", options={"layers": [LAYER]}), **crowd)["series"][0]["data"]
    assert [p["label"]["show"] for p in crowded].count(True) <= 4


def test_freshness_is_told_in_the_provinces_time_with_the_age() -> None:
    assert draw.freshness(MS, MS, MS + 3_000, VN) == "đến 08:30:05 · 3 giây trước"
    assert draw.freshness(MS, MS, MS + 2 * DAY, VN) == '<span class="old">đến 08:30:05 05/01/2026 · 2 ngày trước</span>'
    assert draw.freshness(MS, MS + MINUTE, None, VN) == "đến 08:30:05 · 1 phút trước", "of a run, against its own now"
    assert draw.freshness(MS, MS, MS - 500, VN) == "đến 08:30:05 · 0 giây trước"
    assert age(59_999, EN) == "59 s"


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_colour_is_readable_on_a_panel(theme: Theme) -> None:
    for colour in [*theme.names.values(), *theme.series, theme.faint]:
        if colour != "transparent":
            assert contrast(colour, theme.panel) >= 4.5, colour
            assert contrast(theme.names["text"], theme.page) >= 7


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (WCAG 2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(pair, 16) / 255 for pair in re.findall("..", colour.removeprefix("#"))]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
