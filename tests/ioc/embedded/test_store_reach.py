"""Nothing that comes over HTTP reads or writes outside the store's folder, whoever asks; a reader sees the board views alone."""

from __future__ import annotations

import asyncio
import base64
import gzip
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import lz4.frame
import pytest

from ioc.embedded import store_rules
from ioc.embedded.store_protocol import READERS_BODY, StoreError, settings_and_params, unpack
from tests.ioc.embedded.test_store import LONG, Store, start, zstd

CANARY = "the centre's own"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    running = start(tmp_path_factory.mktemp("reach") / "store")
    running.value("CREATE DATABASE ioc")
    running.value("CREATE TABLE panes (n UInt64, s String) ENGINE = MergeTree ORDER BY n", database="ioc")
    running.value("INSERT INTO panes VALUES (1, 'a')", database="ioc")
    running.value("CREATE VIEW v_panes AS SELECT n, s FROM panes", database="ioc")
    yield running
    running.process.terminate()
    assert running.process.wait(30) == 0


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file outside the store, in a folder of its own: both are as they were in the end."""
    file = tmp_path / "canary.proto"
    file.write_text(CANARY)
    yield file
    assert file.read_text() == CANARY
    assert list(tmp_path.iterdir()) == [file]


def get(store: Store, sql: str, **params: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{store.port}/", params={"query": sql, **params}, timeout=60)


def test_a_reader_overwrites_no_file_by_a_schema_of_its_own(store: Store, canary: Path) -> None:
    forged = {"output_format_schema": str(canary), "user": "grafana"}
    for answer in (
        get(store, "SELECT 1 AS x FORMAT Protobuf", **forged),
        get(store, "SELECT 1 AS x", default_format="Protobuf", **forged),
        get(store, "SELECT 1 AS x FORMAT CSV", **forged),
        get(store, f"SELECT 1 AS x FORMAT Protobuf SETTINGS output_format_schema = '{canary}'"),
        get(store, "SELECT 1 AS x", **{"param_x = 1, output_format_schema": str(canary)}),
        store.post(f"SELECT 1 AS x FORMAT Protobuf SETTINGS output_format_schema = '{canary}'"),
        store.post(f"SELECT 1 AS x FORMAT CSV SETTINGS \"output\\x5fformat_schema\" = '{canary}'"),
        store.post("(SELECT 1 AS x FORMAT Protobuf)", **{"format_schema": str(canary)}),  # type: ignore[arg-type]
    ):
        assert answer.status_code >= 400, answer.text


@pytest.mark.parametrize(
    "order",
    [
        "SYSTEM SHUTDOWN",
        "system /**/ kill",
        "SYSTEM SUSPEND FOR 2 SECOND",
        "SYSTEM RELOAD CONFIG",
        "SYSTEM JEMALLOC FLUSH PROFILE",
        "SYSTEM SUSPEND ON CLUSTER flush FOR 2 SECOND",
        "DROP TABLE IF EXISTS nope PARALLEL WITH SYSTEM SHUTDOWN",
    ],
)
def test_no_statement_ends_or_stops_the_process(store: Store, order: str) -> None:
    """The engine would send the signal to its whole process group, which is all of the centre's processes."""
    for params in ({}, {"user": "grafana"}):
        assert store.post(order, **params).status_code >= 400
    assert store.value("SELECT 1") == "1"
    store.value("SYSTEM FLUSH LOGS")


def test_no_setting_the_engine_knows_lets_a_request_out(store: Store, canary: Path) -> None:
    """Names are judged one by one; those that take text and are let through are tried with the path of a file."""
    rows = store.value("SELECT name, type FROM system.settings").splitlines()
    assert len(rows) > 1000
    text = []
    for name, kind in (row.split("\t") for row in rows):
        for reader in (True, False):
            try:
                settings_and_params({name: str(canary)}, forced=reader)
            except StoreError:
                continue
            assert reader is False or not store_rules.OUTWARD.search(name), name
            assert not any(part in name for part in ("path", "_file_", "schema_registry", "format_schema")), name
            if kind == "String":
                text.append((name, reader))
    assert {"output_format_pretty_grid_charset"} <= {name for name, _ in text}
    with httpx.Client(base_url=f"http://127.0.0.1:{store.port}", timeout=60) as client:
        for name, reader in text:
            asked = {name: str(canary), "user": "grafana" if reader else "default"}
            for fmt in ("Native", "Parquet"):
                assert CANARY not in client.post("/", content=f"SELECT 1 AS x FORMAT {fmt}", params=asked).text


def test_every_format_the_engine_knows_answers_or_is_refused(store: Store, canary: Path) -> None:
    formats = store.value("SELECT name FROM system.formats").splitlines()
    assert len(formats) > 80
    with httpx.Client(base_url=f"http://127.0.0.1:{store.port}", timeout=60) as client:
        for fmt in formats:
            for sql in (f"SELECT 1 AS x FORMAT {fmt}", f"(SELECT 1 AS x FORMAT {fmt})", "SELECT 1 AS x"):
                answer = client.post("/", content=sql, params={"user": "grafana", "default_format": fmt})
                assert answer.status_code in (200, 400, 404, 500, 501), answer.text
                assert store_rules.FORMATS.fullmatch(fmt) or "is not known" in answer.text, fmt
    assert all(
        store_rules.FORMATS.fullmatch(f) for f in ("Native", "Arrow", "ArrowStream", "JSONEachRow", "TSVWithNames", "Values")
    )
    for fmt in ("Protobuf", "ProtobufList", "CapnProto", "Template", "AvroConfluent", "MySQLWire", "dataframe", "arrowtable"):
        assert not store_rules.FORMATS.fullmatch(fmt)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM file('{}', LineAsString)",
        "SELECT * FROM `f\\x69le`('{}', LineAsString)",
        "INSERT INTO FUNCTION file('{}', CSV, 'x UInt8') VALUES (1)",
        "INSERT INTO panes (s) VALUES (file('{}'))",
        "INSERT INTO panes (s) FORMAT Values (file('{}'))",
        "CREATE TABLE f (x UInt8) ENGINE = File(CSV, '{}')",
        "CREATE TABLE f (x UInt8) ENGINE File(CSV)",
        "CREATE TABLE f (x UInt8) ENGINE = `File`(CSV, '{}')",
        "CREATE TABLE f AS url('http://127.0.0.1:1', CSV, 'a Int8')",
        "CREATE TABLE f (x UInt8) ENGINE = MergeTree ORDER BY x SETTINGS disk = disk(type = local, path = '{}')",
        "CREATE DATABASE f ENGINE = Filesystem('/tmp')",
        "CREATE VIEW v_f AS SELECT * FROM file('{}', LineAsString)",
        "CREATE DICTIONARY d (a UInt8) PRIMARY KEY a SOURCE(FILE(path '{}' format CSV)) LAYOUT(FLAT()) LIFETIME(0)",
        "CREATE NAMED COLLECTION c AS url = 'http://127.0.0.1:1'",
        "ATTACH TABLE f FROM '{}' (x UInt8) ENGINE = MergeTree ORDER BY x",
        "BACKUP TABLE panes TO File('{}')",
        "RESTORE TABLE panes FROM File('{}')",
        "SELECT * FROM s3('http://127.0.0.1:1/x', CSV, 'a Int8')",
        "SELECT * FROM executable('cat', CSV, 'a Int8')",
        "SELECT * FROM panes INTO OUTFILE '{}' TRUNCATE",
        "INSERT INTO panes FROM INFILE '{}' FORMAT CSV",
        "ALTER TABLE panes UPDATE s = file('{}') WHERE 1",
        "SELECT s AS `a\\x62`, arrayMap(file, ['{}']) FROM panes",
    ],
)
def test_not_even_the_centres_own_user_reaches_outside(store: Store, canary: Path, sql: str) -> None:
    answer = store.post(sql.format(canary), database="ioc")
    assert answer.status_code >= 400
    assert CANARY not in answer.text
    assert "ENGINE" in sql or answer.headers["X-ClickHouse-Exception-Code"] in ("48", "78", "249", "291"), answer.text
    assert store.value("SELECT count() FROM panes", database="ioc") == "1"


def test_values_too_long_to_be_looked_through_are_plain_values(store: Store, canary: Path) -> None:
    store.value("CREATE TABLE long (s String) ENGINE = Memory", database="ioc")
    padding = "('" + "x" * 1000 + "'), "
    rows = padding * 1200
    assert store.code(f"INSERT INTO long VALUES {rows} (file('{canary}'))", database="ioc")[0] >= 400
    assert store.value("SELECT count() FROM long", database="ioc") == "0"
    assert store.code(f"INSERT INTO long VALUES {rows} ('plain')", database="ioc") == (200, 0)
    assert store.code("INSERT INTO long VALUES (upper('short'))", database="ioc") == (200, 0)
    store.value("DROP TABLE long", database="ioc")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM panes",
        "SELECT * FROM ioc.panes AS v_x",
        'SELECT * FROM "ioc"."panes"',
        "FROM ioc.panes SELECT n",
        "WITH panes AS (SELECT 1) SELECT * FROM panes, ioc.panes",
        "SELECT 1 FROM v_panes WHERE n IN panes",
        "SELECT (n AS `a\nb`) IN (ioc.panes) FROM v_panes",
        "SELECT globalNotIn(n, ioc.panes) FROM v_panes",
        "SELECT 1 IN (SELECT n FROM panes)",
        "SELECT (SELECT max(s) FROM panes)",
        "SELECT * FROM view(SELECT * FROM panes)",
        "SELECT * FROM v_panes JOIN panes USING (n)",
        "SELECT 1 UNION ALL SELECT n FROM panes",
        "SELECT * FROM merge('ioc', '^panes$')",
        "SELECT * FROM {t:Identifier}",
        "EXPLAIN SELECT * FROM panes",
        "DESCRIBE (SELECT * FROM panes)",
        "SELECT query FROM system.processes",
        "SELECT * FROM system.events",
        "SELECT * FROM system.errors",
        "SHOW PROCESSLIST",
        "SELECT 1 PARALLEL WITH SELECT n FROM panes",
    ],
)
def test_a_reader_reads_no_table_but_the_board_views(store: Store, sql: str) -> None:
    answer = store.post(sql, user="grafana", database="ioc", param_t="panes")
    assert answer.headers.get("X-ClickHouse-Exception-Code") in ("497", "291", "62", "164"), answer.text


def test_a_reader_reads_board_views_and_what_there_is(store: Store) -> None:
    for sql in (
        "SELECT n, s FROM v_panes",
        "SELECT count() AS panes FROM ioc.v_panes AS panes WHERE n IN (SELECT n FROM v_panes) ORDER BY panes",
        "WITH chosen AS (SELECT n FROM v_panes) SELECT * FROM chosen",
        "SELECT n IN (1, 2), s IN ('a') FROM v_panes",
        "SELECT name FROM system.tables WHERE database = currentDatabase()",
        "SELECT table_name FROM information_schema.tables LIMIT 1",
        "SHOW DATABASES",
        "SHOW TABLES FROM ioc",
        "DESC TABLE v_panes",
        "EXPLAIN SELECT * FROM v_panes",
        "SELECT version()",
        "SELECT {x:UInt8} FROM v_panes -- the end",
        "(SELECT 1) UNION ALL (SELECT 2) FORMAT JSON",
    ):
        answer = store.post(sql, user="grafana", database="ioc", param_x="1", max_execution_time="30")
        assert answer.status_code == 200, (sql, answer.text)


def test_a_readers_time_and_answer_are_limited_whatever_it_asks(store: Store) -> None:
    setting = "SELECT getSetting('max_execution_time'), getSetting('max_result_bytes')"
    assert store.value(setting, user="grafana") == f"30\t{256 << 20}"
    for asked, given in (("5", "5"), ("0", "60"), ("3600", "60"), ("-1", "60")):
        assert store.value(setting, user="grafana", max_execution_time=asked, max_result_bytes="0") == f"{given}\t{256 << 20}"
    assert store.value(setting, readonly="1").startswith("300\t")
    assert store.value(setting).startswith("0\t"), "what counts takes the time it needs"
    assert store.code(LONG, user="grafana", max_execution_time="0.2") == (408, 159)


async def test_readers_that_take_all_their_lanes_do_not_hold_up_what_counts(store: Store) -> None:
    running = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{store.port}", timeout=60) as client:
        long = [asyncio.create_task(client.post("/", content=LONG, params={"user": "grafana"})) for _ in range(4)]
        long += [asyncio.create_task(client.post("/", content=LONG, params={"readonly": "1"})) for _ in range(4)]
        while (await client.post("/", content=running)).text != "4\n":
            pass
        began = time.monotonic()
        assert (await client.post("/", content="SELECT count() FROM ioc.panes")).text == "1\n"
        assert time.monotonic() - began < 5
        for task in long:
            task.cancel()
        while (await client.post("/", content=running)).text != "0\n":
            pass


async def test_who_takes_anothers_query_id_cannot_end_its_query(store: Store) -> None:
    running = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{store.port}", timeout=60) as client:
        asked = {"user": "grafana", "query_id": "mine"}
        first = asyncio.create_task(client.post("/", content=LONG, params=asked))
        while (await client.post("/", content=running)).text != "1\n":
            pass
        second = asyncio.create_task(client.post("/", content=LONG, params=asked))
        while (await client.post("/", content=running)).text != "2\n":
            pass
        second.cancel()
        while (await client.post("/", content=running)).text != "1\n":
            pass
        assert not first.done()
        first.cancel()
        while (await client.post("/", content=running)).text != "0\n":
            pass


def test_only_who_names_this_machine_is_answered(store: Store) -> None:
    url, sql = f"http://127.0.0.1:{store.port}/", {"query": "SELECT 1", "user": "grafana"}
    for host in ("lo.evil.test", f"lo.evil.test:{store.port}", "0.0.0.0", f"0.0.0.0:{store.port}", "127.0.0.1.evil.test", ""):
        for path in ("", "readonly", "ping"):
            assert httpx.get(url + path, params=sql, headers={"Host": host}).status_code == 400, host
    for host in ("127.0.0.1", f"127.0.0.1:{store.port}", "localhost", f"localhost:{store.port}"):
        assert httpx.get(url, params=sql, headers={"Host": host}).text == "1\n"


@pytest.mark.parametrize("kind", ["gzip", "deflate", "lz4", "zstd"])
def test_a_body_is_unpacked_up_to_its_limit_only(kind: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "lz4": lz4.frame.compress, "zstd": zstd.compress}[kind]
    assert unpack(pack(b"x" * 1000), kind, 1000) == b"x" * 1000
    with pytest.raises(StoreError, match="larger than"):
        unpack(pack(b"x" * 1001), kind, 1000)
    with pytest.raises(StoreError, match="no valid"):
        unpack(pack(b"xyz" * 500)[:-3], kind, 10_000)


def test_bodies_are_limited_however_they_come(store: Store) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range((READERS_BODY >> 20) + 2):
            yield b" " * (1 << 20)

    def refused(**how: object) -> bool:
        url = f"http://127.0.0.1:{store.port}/?user=grafana"
        try:
            return httpx.post(url, timeout=60, **how).status_code == 413  # type: ignore[arg-type]
        except (httpx.WriteError, httpx.RemoteProtocolError):
            return True  # the store closed while we were still sending

    assert refused(content=chunks())
    assert refused(content=b" " * (READERS_BODY + 1))
    assert refused(content=gzip.compress(b" " * (READERS_BODY + 1)), headers={"Content-Encoding": "gzip"})
    assert store.code("SELECT '" + "x" * (300 << 10) + "'", user="grafana") == (400, 62), "bind what is long"
    assert store.code("SELECT 1", query_id="a\nb") == (400, 36)


def test_what_would_be_lost_or_is_not_understood_is_said(store: Store) -> None:
    for sql in ("CREATE TEMPORARY TABLE t (x UInt8)", "CREATE OR REPLACE TEMPORARY TABLE t (x UInt8) ENGINE = Memory"):
        assert store.code(sql) == (501, 48)
    assert store.code("CREATE TABLE ioc.temporary (x UInt8) ENGINE = Memory") == (200, 0)
    assert "compress=0" in store.post("SELECT 1", compress="1").text


def test_with_a_token_only_who_gives_it_is_default(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("only mine\n")
    running = start(tmp_path / "store", "--token-file", str(tmp_path / "token"))
    basic = base64.b64encode(b"default:only mine").decode()
    for who in ({"X-ClickHouse-Key": "only mine"}, {"Authorization": f"Basic {basic}"}):
        assert running.post("CREATE DATABASE IF NOT EXISTS d", headers=who).status_code == 200
    assert running.value("SELECT 1", password="only mine") == "1"
    for who in ({}, {"X-ClickHouse-Key": "only min"}, {"X-ClickHouse-User": "default"}, {"X-ClickHouse-Key": "đ"}):
        answer = running.post("SELECT 1", headers={name: value.encode() for name, value in who.items()})  # type: ignore[arg-type]
        assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
    assert running.value("SELECT 1", user="grafana", password="whatever") == "1"
    assert running.value("SELECT 1", "/readonly") == "1"
    assert running.code("DROP DATABASE d", user="grafana", password="only mine") == (500, 164)
    running.process.terminate()
    assert running.process.wait(30) == 0
    for wrong in (tmp_path / "none", tmp_path):
        command = [
            sys.executable,
            "-m",
            "ioc.embedded.store",
            "--path",
            str(tmp_path / "s"),
            "--port",
            "0",
            "--token-file",
            str(wrong),
        ]
        assert subprocess.run(command, timeout=30, check=False, capture_output=True).returncode == 2


def test_an_unclosed_quote_is_answered_at_once(store: Store) -> None:
    began = time.monotonic()
    assert store.code("SELECT count() FROM v_units WHERE name = 'So Xay dung tinh Thanh Hoa, phong mot cua") == (400, 62)
    assert time.monotonic() - began < 5
