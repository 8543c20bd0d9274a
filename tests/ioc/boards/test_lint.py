"""The lint of the boards: each fault is named; what is derived has none."""

from __future__ import annotations

import time

import pytest

from ioc.boards.derive import boards
from ioc.boards.lint import ALIAS, NAME, QUOTED, SOURCE, faults, query_faults
from ioc.catalog import load
from ioc.store.tables import board_views

CATALOG = load()
VIEWS = board_views(CATALOG)
DATABASE, AGENCY = '"${run:percentencode}"', "decodeURLComponent('${agency:percentencode}')"
GOOD = f"SELECT value FROM {DATABASE}.v_dossier_backlog WHERE agency = {AGENCY} AND until <= $__toTime"

GRAFANAS = ("raw", "singlequote", "doublequote", "sqlstring", "csv", "json", "text", "percentencode")
"""Forms in which Grafana writes a variable; none of them is safe by itself."""


def wrong(sql: str) -> list[str]:
    return query_faults(sql, ["run", "agency"], VIEWS)


def test_what_is_derived_has_no_fault() -> None:
    assert faults(boards(CATALOG), VIEWS) == []
    assert wrong(GOOD) == []
    assert wrong(GOOD.replace("value", 'value AS "the crop\'s"')) == [], "a title may hold an apostrophe"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (GOOD.replace(AGENCY, "'$agency'"), "a variable within quotes of the query: '$agency'"),
        (GOOD.replace(AGENCY, f"'{AGENCY}'"), "${agency:percentencode}'': write"),
        (GOOD.replace(AGENCY, "'${agency:percentencode}'"), "within quotes"),
        (GOOD.replace(AGENCY, "$agency"), "$agency: write decodeURLComponent('${name:percentencode}') for a value"),
        (GOOD.replace(AGENCY, "${agency}"), "${agency}: write"),
        *((GOOD.replace(AGENCY, f"${{agency:{form}}}"), f"${{agency:{form}}}: write") for form in GRAFANAS),
        *((GOOD.replace(DATABASE, f"${{run:{form}}}"), f"${{run:{form}}}.v_dossier_backlog: write") for form in GRAFANAS),
        (GOOD.replace(AGENCY, "[[agency]]"), "[[agency]]: write"),
        (GOOD.replace(AGENCY, '"${agency:percentencode}"'), '"${agency:percentencode}": write'),
        (GOOD.replace(DATABASE, f"{DATABASE}, "), f"{DATABASE}: write"),
        (GOOD.replace("${agency:", "${office:"), "the board has no such variable; it has agency, run"),
        (GOOD.replace("${run:", "${ran:"), "the board has no such variable; it has agency, run"),
        (GOOD.replace("v_dossier_backlog", "v_dossier_backlogs"), "v_dossier_backlogs is no board view"),
        (GOOD.replace(f"{DATABASE}.v_dossier_backlog", "ioc.panes"), "ioc.panes is no board view"),
        (GOOD.replace("v_dossier_backlog", "entities"), "entities is no board view"),
        (GOOD.replace(f"{DATABASE}.", ""), "or the live centre is shown"),
        (GOOD + " AND 1 IN (SELECT code FROM units)", "units is no board view"),
        (GOOD + " UNION ALL SELECT value FROM url('http://x')", "is no board view"),
        (GOOD.replace("value", "valeu"), "valeu is no column of v_dossier_backlog; there are agency, as_of"),
        (GOOD.replace("until", '"unitl"'), "unitl is no column"),
        (GOOD.replace("value", 'value AS "the crop\'s"').replace(AGENCY, f"'{AGENCY}'"), "${agency:percentencode}'': write"),
        (GOOD.replace("$__toTime", "$__timeFilter(at)"), "$__timeFilter(at): write"),
    ],
)
def test_a_fault_is_named(sql: str, said: str) -> None:
    assert any(said in line for line in wrong(sql)), wrong(sql)


def test_two_boards_with_one_uid_or_one_title_and_two_panels_with_one_title_are_refused() -> None:
    one, two, *_ = boards(CATALOG)
    assert any("2 boards" in line for line in faults([one, one], VIEWS))
    assert any("2 boards" in line for line in faults([one, two.model_copy(update={"title": one.title})], VIEWS))
    doubled = one.model_copy(update={"panels": (*one.panels, one.panels[0])})
    assert any("2 panels" in line for line in faults([doubled], VIEWS))


@pytest.mark.parametrize("sql", ["'" + "\\'" * 300_000, "a" * 300_000 + "(", "FROM" + " " * 300_000 + "(", '"' * 300_001])
def test_no_text_takes_long_to_lint(sql: str) -> None:
    began = time.process_time()
    for pattern in (QUOTED, SOURCE, NAME, ALIAS):
        pattern.findall(sql)
    assert time.process_time() - began < 2
