"""The model of a board: what we write is what it reads, and nothing else is read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ioc.boards.build import Builder, panel_id
from ioc.boards.derive import FOLDER, boards
from ioc.boards.model import Dashboard
from ioc.boards.words import VI
from ioc.catalog import load
from ioc.errors import DeclarationError
from ioc.vocabulary import Ratio
from tests.services import ROOT

BOARDS = boards(load())
HALF = len(BOARDS) // 2


def test_there_is_an_overview_and_a_board_of_every_stream_in_both_languages_under_fixed_uids() -> None:
    shown = [board for stream in load().streams if stream.board for board in (stream.board, *stream.more_boards)]
    own = ["ioc-overview", *(f"ioc-{board.name}" for board in shown)]
    assert [board.uid for board in BOARDS] == [*own, *(f"{uid}-en" for uid in own)]
    assert [board.language for board in BOARDS] == ["vi"] * len(own) + ["en"] * len(own)


def test_the_files_read_back_as_the_boards_they_were_written_from() -> None:
    assert [Dashboard.read(ROOT / FOLDER / f"{board.uid}.json") for board in BOARDS] == BOARDS


def test_a_board_derived_twice_has_the_same_bytes() -> None:
    assert [board.text() for board in boards(load())] == [board.text() for board in BOARDS]


@pytest.mark.parametrize("place", [(), ("panels", 0), ("panels", 0, "fieldConfig", "defaults"), ("templating", "list", 0)])
def test_any_other_key_is_an_error_that_names_it(place: tuple[str | int, ...], tmp_path: Path) -> None:
    whole = json.loads(BOARDS[0].text())
    part = whole
    for step in place:
        part = part[step]
    part["thresholdsStyle"] = 1
    (tmp_path / "b.json").write_text(json.dumps(whole))
    with pytest.raises(DeclarationError, match=r"b\.json: .*thresholdsStyle: .*ioc/boards/model\.py"):
        Dashboard.read(tmp_path / "b.json")


def test_both_languages_ask_the_same_and_show_it_at_the_same_place_under_the_same_id() -> None:
    for vi, en in zip(BOARDS[:HALF], BOARDS[HALF:], strict=True):
        assert [(p.id, p.type, p.gridPos) for p in vi.panels] == [(p.id, p.type, p.gridPos) for p in en.panels]


def test_a_board_has_about_a_dozen_panels_within_24_columns_that_do_not_overlap() -> None:
    for board in BOARDS:
        places = [p.gridPos for p in board.panels]
        cells = [(x, y) for g in places for x in range(g.x, g.x + g.w) for y in range(g.y, g.y + g.h)]
        assert len(places) <= 13
        assert max(x for x, _ in cells) == 23
        assert len(cells) == len(set(cells)), board.uid


def test_the_threshold_of_an_alert_stands_once_in_the_declaration_and_colours_its_ranking() -> None:
    catalog = load()
    alert = catalog.stream_of("dossier.backlog").indicator("dossier.backlog").alert
    assert alert is not None
    panel = next(p for p in BOARDS[0].panels if p.id == panel_id("ranking dossier.backlog agency"))
    steps = json.loads(panel.model_dump_json())["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(s["color"], s["value"]) for s in steps] == [("blue", None), ("orange", alert.clear), ("red", alert.threshold)]


def test_links_lead_to_the_other_boards_and_the_other_language_and_take_time_and_variables_along() -> None:
    uids = {board.uid for board in BOARDS}
    for board in BOARDS:
        assert len(board.links) == HALF, "the others in its language, and itself in the other one"
        assert {link.url.removeprefix("/d/") for link in board.links} <= uids - {board.uid}
        assert all(link.keepTime and link.includeVars for link in board.links)


def test_a_click_on_the_state_opens_this_board_over_the_time_of_the_data() -> None:
    for board in BOARDS:
        (link,) = parts(board, "state")["fieldConfig"]["defaults"]["links"]
        assert link["url"].startswith(f"/d/{board.uid}?${{__all_variables}}&from="), (
            "Grafana resolves `?...` against its home page"
        )


def test_the_time_of_a_tile_is_the_name_of_its_value_and_no_field_of_its_own() -> None:
    """Grafana draws every field that is displayed as large as the value; a pattern is held against names as displayed."""
    for board in BOARDS:
        for panel in json.loads(board.text())["panels"]:
            if panel["type"] != "stat":
                continue
            value, until, *bounds = panel["fieldConfig"]["overrides"]
            (name,) = [p["value"] for p in value["properties"] if p["id"] == "displayName"]
            more = " · ${__data.fields.bounds}" if bounds else ""
            assert name == f"{'đến' if board.language == 'vi' else 'until'} ${{__data.fields.until}}{more}"
            assert [p["id"] for p in until["properties"]] == ["unit"]
            options = panel["options"]
            assert (options["textMode"], options["text"]["titleSize"]) == ("value_and_name", 14)
            pattern = options["reduceOptions"]["fields"].strip("/")
            assert not pattern or [n for n in (name, "until", "begin", "last") if re.search(pattern, n)] == [name]


def test_a_ranking_is_coloured_by_its_values_and_charts_label_no_half_dossiers() -> None:
    for board in BOARDS:
        for panel in json.loads(board.text())["panels"]:
            if panel["type"] == "barchart":
                ranking = len(panel["fieldConfig"]["defaults"]["thresholds"]["steps"]) > 1
                assert panel["options"].get("colorByField") or not ranking
                assert panel["options"]["text"]["valueSize"] == 14
            if panel["type"] in ("barchart", "timeseries"):
                # with no decimals Grafana has no text for 0.5, and writes this one
                assert "noValue" not in panel["fieldConfig"]["defaults"]


def test_columns_are_wide_enough_for_their_headings_and_numbers_have_one_form() -> None:
    for board in BOARDS:
        assert '"locale"' not in board.text(), "Grafana groups thousands by it with what is the decimal point everywhere else"
        for panel in json.loads(board.text())["panels"]:
            for override in panel["fieldConfig"]["overrides"] if panel["type"] == "table" else ():
                widths = [p["value"] for p in override["properties"] if p["id"] == "custom.width"]
                assert all(width >= 9 * len(override["matcher"]["options"]) + 20 for width in widths)


def test_a_line_of_shares_ends_at_100_unless_the_part_may_be_more_than_the_whole() -> None:
    stream = load().stream_of("dossier.on_time_share")
    share = stream.indicator("dossier.on_time_share")
    beyond = replace(share, value=Ratio("late", "done", beyond=True))
    shown = [Builder(VI).lines(stream, some).fieldConfig.defaults.max for some in ([share], [beyond], [beyond, share])]
    assert shown == [100, None, None]


def parts(board: Dashboard, key: str) -> Any:
    """A panel as JSON."""
    return next(p for p in json.loads(board.text())["panels"] if p["id"] == panel_id(key))
