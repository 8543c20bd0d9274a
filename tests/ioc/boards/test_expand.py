"""Variables and macros become what Grafana's ClickHouse plugin makes of them, and nothing unquoted gets into a query."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ioc.boards.expand import POINTS, filled, interval, span, timed
from ioc.errors import DeclarationError
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.times import DAY, HOUR, MINUTE, SECOND

VALUES = {"run": "ioc", "agency": "*"}


def test_variables_are_quoted_as_the_query_asks() -> None:
    sql = "SELECT 1 FROM ${run:doublequote}.v WHERE agency = ${agency:singlequote}"
    assert filled(sql, VALUES) == "SELECT 1 FROM \"ioc\".v WHERE agency = '*'"


@pytest.mark.parametrize("odd", ["$agency", "'$agency'", "${agency}", "${agency:raw}", "$__timeFilter(at)", "$__fromTime_ms"])
def test_what_is_no_quoted_variable_and_no_macro_is_refused(odd: str) -> None:
    with pytest.raises(DeclarationError, match=r"cannot be filled in: a query may hold \$\{name:singlequote"):
        filled(f"SELECT {odd}, $__fromTime, ${{agency:singlequote}}", VALUES)


def test_an_unknown_variable_names_the_ones_there_are() -> None:
    with pytest.raises(DeclarationError, match=r"site.* is no variable of the board; it has run, agency"):
        filled("SELECT ${site:singlequote}", VALUES)


@pytest.fixture(scope="module")
def store(store_url: str) -> Store:
    return Store(Settings(clickhouse_url=store_url), "default", readonly=True)


def test_no_value_of_a_variable_ends_its_quotes(store: Store) -> None:
    odd = (
        "it's",
        "\\",
        "\\'",
        "a\\\\'; SELECT 2 --",
        '"',
        "`",
        "Sở Xây dựng",
        "\n",
        "' OR 1=1 --",
        "${agency}",
        "/* ",
        "{x:String}",
    )
    for text in odd:
        assert store.query(filled("SELECT ${v:singlequote} AS said", {"v": text}))["said"][0] == text
    assert filled("${v:doublequote}", {"v": '\\"'}) == '"\\\\\\""'


def test_macros_are_the_plugins() -> None:
    begin, end = 1_000_000, 1_000_000 + 7 * DAY
    assert timed("$__fromTime|$__toTime|$__interval_s", begin, end) == "toDateTime(1000)|toDateTime(605800)|1800"


def test_a_macros_text_in_a_value_of_a_variable_does_not_name_a_column() -> None:
    assert timed(filled("SELECT ${agency:singlequote}", {"agency": "x"}), 0, 1) == "SELECT 'x'"


@given(some.integers(1, 400 * DAY))
def test_a_range_has_at_most_so_many_steps_and_they_are_round(length: int) -> None:
    step = interval(0, length)
    assert length <= step * POINTS or step == 365 * DAY
    assert step % SECOND == 0
    assert any(whole % step == 0 for whole in (MINUTE, HOUR, DAY, 365 * DAY, 7 * DAY, 30 * DAY))


def test_spans_are_written_as_in_links_and_boards() -> None:
    assert (span("6h"), span("now-7d"), span("all")) == (6 * HOUR, 7 * DAY, None)
