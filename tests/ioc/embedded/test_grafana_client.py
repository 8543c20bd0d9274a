"""Grafana's plugin reads the store: its client, clickhouse-go, built from `clickhouse_go/`, gets what clickhouse-connect gets.

The plugin carries clickhouse-go 2.43.0 and opens it as `clickhouse_go/main.go` does. Needs Go, and once the network for modules.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import clickhouse_connect
import pytest

from ioc.catalog import load
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.store.tables import migrate

SOURCE = Path(__file__).parent / "clickhouse_go"
DATABASE = "ioc_grafana_client"
Answers = list[list[dict[str, Any]]]
Ask = Callable[..., Answers]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # cold, the client compiles for a minute or more


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        pytest.skip("Go is not installed: clickhouse-go, the client of Grafana's plugin, cannot be built")
    offline = {**os.environ, "CGO_ENABLED": "0"}
    fetched = subprocess.run([go, "mod", "download"], cwd=SOURCE, env=offline, text=True, capture_output=True, check=False)
    if fetched.returncode:
        pytest.skip(f"the modules of clickhouse-go cannot be fetched: {fetched.stderr.strip()[-300:]}")
    binary = tmp_path_factory.mktemp("go") / "clickhouse_go"
    build = [go, "build", "-mod=readonly", "-trimpath", "-o", str(binary), "."]
    built = subprocess.run(build, cwd=SOURCE, env={**offline, "GOPROXY": "off"}, text=True, capture_output=True, check=False)
    assert built.returncode == 0, built.stderr
    return binary


@pytest.fixture(scope="module")
def settings(store_url: str) -> Settings:
    """A store with the tables and views of a centre, and a few rolled rows."""
    found = Settings(clickhouse_url=store_url, clickhouse_database=DATABASE)
    catalog, store = load(), Store(found)
    migrate(store, catalog)
    for name, value, agency in (("dossier.backlog", "12", "'000.00.20.H56'"), ("dossier.on_time_share", "NULL", "'*'")):
        generation = catalog.generations[catalog.stream_of(name).name]
        store.command(
            "INSERT INTO indicators (generation, indicator, window, dims, at, value, n, stats, first_value, until, as_of) "
            f"WITH toDateTime64('2026-01-05 01:00:00', 3, 'UTC') + number * 300 AS step SELECT '{generation}', '{name}', '1d', "
            f"[{agency}, '*', '*'], step, {value}, number, map('p50', number / 3), {value}, step, number FROM numbers(50)"
        )
    return found


@pytest.fixture
def ask(program: Path, settings: Settings, store_url: str) -> Ask:
    def asked(*statements: str, copies: int = 1, user: str = "grafana", password: str = "any") -> Answers:
        where = (store_url.removeprefix("http://"), user, password, settings.clickhouse_database, str(copies))
        done = subprocess.run([program, *where], input=json.dumps(statements), text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        answers: Answers = json.loads(done.stdout)
        return answers

    return asked


def truth(settings: Settings, statement: str) -> dict[str, Any]:
    """What clickhouse-connect reads, in the program's form."""
    host, _, port = settings.clickhouse_url.removeprefix("http://").partition(":")
    client = clickhouse_connect.get_client(host=host, port=int(port), database=DATABASE, tz_mode="aware")
    found = client.query(statement)
    columns = [[name, kind.name] for name, kind in zip(found.column_names, found.column_types, strict=True)]
    return {"columns": columns, "rows": [[plain(v) for v in row] for row in found.result_rows], "error": ""}


def plain(value: Any) -> Any:
    """A value as `plain` of main.go makes it."""
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat(timespec="microseconds")
        case list() | tuple():
            return [plain(v) for v in value]
        case dict():
            return {str(k): plain(v) for k, v in value.items()}
        case int() | str() | float() | Decimal() | UUID():
            return str(value)
    raise AssertionError(f"main.go makes no {type(value)}")


TYPED = (
    "SELECT 1",
    "SELECT version()",
    "SELECT toDateTime64('2026-01-05 08:30:00.123', 3, 'Asia/Ho_Chi_Minh') AS here,"
    " toDateTime64('1948-07-01 00:00:00.5', 3, 'UTC') AS old, toDateTime('2090-12-31 23:59:59', 'UTC') AS far",
    "SELECT arrayJoin(['Sở Xây dựng', '', 'UBND phường Hạc Thành'])::LowCardinality(String) AS agency",
    "SELECT arrayJoin([1.5, NULL, -0.25])::Nullable(Float64) AS value,"
    " arrayJoin([NULL, 'a'])::LowCardinality(Nullable(String)) AS word",
    "SELECT ['a', 'b']::Array(LowCardinality(String)) AS dims, [[1, 2], []]::Array(Array(Int64)) AS measures",
    "SELECT map('p50', 1.5, 'p90', 2.)::Map(LowCardinality(String), Float64) AS stats, map()::Map(String, String) AS none",
    "SELECT true AS yes, 9007199254740993::Int64 AS long, 18446744073709551615::UInt64 AS longest, 12.25::Decimal(9, 2) AS money",
    "SELECT toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS id, 'tiếng Việt \\'\\t\\0 🙂' AS text",
    "SELECT at AS time, value, first_value, n, restated, until FROM v_dossier_backlog WHERE agency = '000.00.20.H56'"
    " AND at >= toDateTime(1767574800) AND at <= toDateTime(1767661200) ORDER BY time",
    "SELECT * FROM v_dossier_on_time_share ORDER BY at LIMIT 3",
    "SELECT toStartOfInterval(toDateTime(at), INTERVAL 900 second) AS time, agency, max(value) AS value FROM v_dossier_backlog"
    " GROUP BY time, agency ORDER BY time",
    "SHOW TABLES",
)  # fmt: skip


@pytest.mark.parametrize("statement", TYPED)
def test_the_plugins_client_reads_every_type_that_boards_use(ask: Ask, settings: Settings, statement: str) -> None:
    assert ask(statement) == [[truth(settings, statement)]]


def test_no_rows_are_an_answer_without_an_error(ask: Ask) -> None:
    ((answer,),) = ask("SELECT at, value FROM v_dossier_backlog WHERE at < '1990-01-01'")
    assert (answer["rows"], answer["error"]) == ([], "")


def test_a_large_answer_arrives_whole_over_many_blocks(ask: Ask, settings: Settings) -> None:
    statement = "SELECT toDateTime64(number, 3, 'UTC') AS at, if(number % 3 = 0, NULL, number / 7) AS value FROM numbers(200000)"
    ((answer,),) = ask(statement)
    assert answer == truth(settings, statement)


def test_fifty_panels_at_once_get_each_their_own_answer(ask: Ask, settings: Settings) -> None:
    statements = [f"SELECT {i} AS board, count() FROM numbers({i} * 100000) WHERE sipHash64(number) % 2 = 0" for i in range(10)]
    assert ask(*statements, copies=5) == [[truth(settings, statement)] * 5 for statement in statements]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT * FROM nowhere", 60),
        ("SELECT nothing FROM v_dossier_backlog", 47),
        ("SELEC 1", 62),
        ("SELECT throwIf(number = 5) FROM numbers(10)", 395),
        ("INSERT INTO units (code) VALUES ('H56')", 164),
        ("DROP TABLE panes", 164),
        ("SELECT 1 SETTINGS max_memory_usage = 0", 164),
        ("SELECT * FROM file('/etc/hostname', LineAsString)", 291),
        ("SELECT * FROM url('http://127.0.0.1:1', CSV, 'a Int8')", 291),
    ],
)
def test_a_refusal_reaches_the_panel_with_clickhouses_code(ask: Ask, statement: str, code: int) -> None:
    ((answer,),) = ask(statement)
    assert f"code: {code}" in answer["error"].lower()  # later versions put it their own way


def test_only_the_default_user_writes(ask: Ask, settings: Settings) -> None:
    ((written,),) = ask("INSERT INTO units (code, name) VALUES ('X1', 'Thanh Hóa')", user="default", password="")
    assert written["error"] == ""
    assert truth(settings, "SELECT name FROM units WHERE code = 'X1'")["rows"] == [["Thanh Hóa"]]
