"""Variables and macros become what Grafana's ClickHouse plugin makes of them, and nothing unquoted gets into a query."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ioc.boards.expand import POINTS, encoded, filled, interval, span, timed
from ioc.errors import DeclarationError
from ioc.settings import Settings
from ioc.store.clickhouse import Store, StoreError
from ioc.times import DAY, HOUR, MINUTE, SECOND

VALUES = {"run": "ioc", "agency": "*"}


VALUE = "decodeURLComponent('${agency:percentencode}')"
HOSTILE = (
    "it's",
    "\\",
    "\\'",
    "a\\\\'; SELECT 2 --",
    "\\' OR 1=1 --",
    "' OR 1=1 --",
    "') OR ('1'='1",
    '"',
    '\\"',
    "`",
    "%27 OR 1=1 --",
    "a+b%20c",
    "Sở Xây dựng (số 1) *",
    "\n",
    "\t😀",
    "${agency}",
    "[[agency]]",
    "$__toTime",
    "/* ",
    "{x:String}",
)


def test_variables_are_encoded_and_the_query_decodes_them() -> None:
    sql = f'SELECT 1 FROM "${{run:percentencode}}".v WHERE agency = {VALUE}'
    assert filled(sql, VALUES) == "SELECT 1 FROM \"ioc\".v WHERE agency = decodeURLComponent('%2A')"


@pytest.mark.parametrize(
    "odd",
    [
        "$agency",
        "'$agency'",
        "${agency}",
        "${agency:raw}",
        "${agency:singlequote}",
        "'${agency:percentencode}'",
        "${agency:percentencode}",
        "$__timeFilter(at)",
        "$__fromTime_ms",
    ],
)
def test_what_is_no_quoted_variable_and_no_macro_is_refused(odd: str) -> None:
    with pytest.raises(DeclarationError, match=r"cannot be filled in: a query may hold decodeURLComponent\('\$\{name:percent"):
        filled(f"SELECT {odd}, $__fromTime, {VALUE}", VALUES)


def test_an_unknown_variable_names_the_ones_there_are() -> None:
    with pytest.raises(DeclarationError, match=r"site.* is no variable of the board; it has run, agency"):
        filled("SELECT decodeURLComponent('${site:percentencode}')", VALUES)


@pytest.fixture(scope="module")
def store(store_url: str) -> Store:
    return Store(Settings(clickhouse_url=store_url), "default", readonly=True)


def strict(value: str) -> str:
    """JavaScript's encodeURIComponent, and `!'()*` as well: what Grafana writes for `:percentencode`."""
    kept = {*string.ascii_letters, *string.digits, *"-_.!~*'()"} - {*"!'()*"}
    return "".join(c if c in kept else "".join(f"%{byte:02X}" for byte in c.encode()) for c in value)


GRAFANAS: dict[str, Callable[[str], str]] = {
    "singlequote": lambda value: "'" + value.replace("'", "\\'") + "'",
    "doublequote": lambda value: '"' + value.replace('"', '\\"') + '"',
    "sqlstring": lambda value: "'" + value.replace("'", "''") + "'",
    "percentencode": strict,
}
"""How Grafana formats a variable, by its table of formats: the quotes are escaped, the backslash is not."""


def grafanas(sql: str, value: str) -> str:
    """The query as Grafana sends it to its plugin, all variables having that value."""
    return re.sub(r"\$\{\w+:(\w+)\}", lambda found: GRAFANAS[found[1]](value), sql)


def test_what_grafana_quotes_can_be_forged(store: Store) -> None:
    """The reason for the encoded form: a value with a backslash ends the quotes, and the rest of it is SQL."""
    table = "SELECT number FROM numbers(3) WHERE toString(number) = "
    assert len(store.query(grafanas(table + "${agency:singlequote}", "\\' OR 1=1 --"))) == 3
    assert len(store.query(grafanas(table + "${agency:sqlstring}", "\\' OR 1=1 --"))) == 3
    assert len(store.query(grafanas(table + VALUE, "\\' OR 1=1 --"))) == 0


def test_a_hostile_value_stays_a_value_on_both_walls(store: Store) -> None:
    query = f"SELECT {', '.join(f'{VALUE} AS s{n}'.replace('agency', f'v{n}') for n in range(len(HOSTILE)))}"
    values = {f"v{n}": text for n, text in enumerate(HOSTILE)}
    sent = re.sub(r"\$\{(v\d+):percentencode\}", lambda found: strict(values[found[1]]), query)
    assert timed(filled(query, values), 0, 1) == sent
    assert store.query(sent).row(0) == HOSTILE


@given(some.text())
def test_both_walls_encode_alike_and_into_letters_that_end_no_quotes_and_begin_no_macro(value: str) -> None:
    value = value.encode(errors="replace").decode()
    assert filled(VALUE, {"agency": value}) == grafanas(VALUE, value)
    assert re.fullmatch(r"[A-Za-z0-9._~%-]*", encoded(value))


def test_the_name_of_a_database_ends_no_quotes_and_is_itself_where_there_is_such_a_one(store: Store) -> None:
    query = 'SELECT name FROM "${run:percentencode}".settings LIMIT 1'
    assert filled(query, {"run": "system"}) == grafanas(query, "system") == 'SELECT name FROM "system".settings LIMIT 1'
    for forged in ('system".numbers LIMIT 1 --', '\\".numbers --', "system`"):
        assert filled(query, {"run": forged}) == grafanas(query, forged)
        with pytest.raises(StoreError, match=r"does not exist|UNKNOWN_DATABASE"):
            store.query(grafanas(query, forged))


def test_macros_are_the_plugins() -> None:
    begin, end = 1_000_000, 1_000_000 + 7 * DAY
    assert timed("$__fromTime|$__toTime|$__interval_s", begin, end) == "toDateTime(1000)|toDateTime(605800)|1800"


def test_a_macro_is_expanded_in_the_query_and_never_in_a_value(store: Store) -> None:
    sql = f"SELECT {VALUE} AS said, $__toTime AS until"
    row = store.query(timed(filled(sql, {"agency": "$__toTime $__interval_s"}), 0, 5_000)).row(0, named=True)
    assert row["said"] == "$__toTime $__interval_s"
    assert row["until"] == 5


@given(some.integers(1, 400 * DAY))
def test_a_range_has_at_most_so_many_steps_and_they_are_round(length: int) -> None:
    step = interval(0, length)
    assert length <= step * POINTS or step == 365 * DAY
    assert step % SECOND == 0
    assert any(whole % step == 0 for whole in (MINUTE, HOUR, DAY, 365 * DAY, 7 * DAY, 30 * DAY))


def test_spans_are_written_as_in_links_and_boards() -> None:
    assert (span("6h"), span("now-7d"), span("all")) == (6 * HOUR, 7 * DAY, None)
