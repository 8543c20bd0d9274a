"""A link says all that is seen; the head of a page offers what there is and marks what is no live number."""

from __future__ import annotations

import polars as pl

from ioc.times import DAY
from ioc.wall import view
from tests.ioc.wall.boards import board

BOARDS = {
    found.uid: found
    for found in (
        board(), board(uid="ioc-overview-en", title="Overview", lang="en"), board(uid="ioc-dossiers", title="Hồ sơ"),
    )
}  # fmt: skip


def test_a_link_without_anything_opens_the_overview_as_its_file_says() -> None:
    shown = view.view(BOARDS, {})
    assert (shown.board.uid, shown.range, shown.span, shown.look.language, shown.look.theme) == (
        "ioc-overview",
        "7d",
        7 * DAY,
        "vi",
        "dark",
    )
    assert shown.values == {"run": "ioc", "agency": "*", "window": "1d"}


def test_a_link_reproduces_what_is_seen() -> None:
    link = {
        "board": "ioc-overview",
        "run": "ioc_run_morning",
        "agency": "A & B",
        "window": "7d",
        "range": "24h",
        "lang": "en",
        "theme": "light",
    }
    shown = view.view(BOARDS, link)
    assert shown.board.title == "Overview"
    assert (shown.database, shown.span) == ("ioc_run_morning", DAY)
    assert dict(shown.look.query) == link
    assert (
        view.to(shown, theme="dark")
        == "/?board=ioc-overview&run=ioc_run_morning&agency=A+%26+B&window=7d&range=24h&lang=en&theme=dark"
    )


def test_what_a_link_misspells_is_as_the_board_opens() -> None:
    shown = view.view(BOARDS, {"board": "none", "range": "yesterday", "lang": "fr", "theme": "pink"})
    assert (shown.board.uid, shown.range, shown.look.language, shown.look.theme) == ("ioc-overview", "7d", "vi", "dark")


def test_tabs_are_the_boards_of_the_language() -> None:
    tabs = view.tabs(BOARDS, view.view(BOARDS, {"board": "ioc-dossiers"}))
    assert 'aria-current="page">Hồ sơ</a>' in tabs
    assert "Tổng quan" in tabs
    assert "Overview" not in tabs


def test_choices_are_declared_or_found_and_the_chosen_one_is_among_them() -> None:
    run, agency, window = board().templating.list
    assert view.offered(window, None, "7d") == [("1d", "24 giờ"), ("7d", "7 ngày")]
    assert view.offered(agency, None, "*") == [("*", "Tất cả")], "before the store has answered"
    found = pl.DataFrame({"value": ["*", "A"], "text": ["Tất cả", "Sở A"]})
    assert view.offered(agency, found, "A") == [("*", "Tất cả"), ("A", "Sở A")]
    assert view.offered(run, found, "gone") == [("gone", "gone"), ("*", "Tất cả"), ("A", "Sở A")]
    form = view.form(view.view(BOARDS, {}), {"run": [("<", '"')], "agency": [], "window": []})
    assert '<option value="&lt;">&quot;</option>' in form


def test_a_run_is_marked_with_its_state_and_an_absent_store_is_told() -> None:
    shown = view.view(BOARDS, {})
    assert view.band(shown, "", "", False) == ""
    assert "DIỄN LẠI: morning — không phải số liệu trực tiếp (đang chạy)" in view.band(shown, "morning", "replaying", False)
    assert 'role="alert"' in view.band(shown, "", "", True)
    told = view.band(shown, "", "", False, [("worker", "away: <6> partitions")])
    assert "worker ĐÃ NGỪNG" in told
    assert "ioc doctor" in told
    assert "&lt;6&gt; partitions" in told
