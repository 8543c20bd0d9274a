"""The embedded store: ClickHouse's own clients, isolation of databases, readers that only read, and what survives kill -9."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx
import lz4.frame
import pyarrow as pa
import pytest

from ioc.embedded import store_sql
from ioc.embedded.store_protocol import StoreError, greeting_block

zstd = pytest.importorskip("backports.zstd" if sys.version_info < (3, 14) else "compression.zstd")
LONG = "SELECT count() FROM numbers(30000000000) WHERE sipHash64(number) = 1"


@dataclass
class Store:
    """A running store process and the ways to ask it."""

    process: subprocess.Popen[str]
    port: int
    path: Path

    def post(self, sql: str | bytes, path: str = "/", headers: dict[str, str] | None = None, **params: str) -> httpx.Response:
        return httpx.post(f"http://127.0.0.1:{self.port}{path}", content=sql, params=params, headers=headers, timeout=60)

    def value(self, sql: str, path: str = "/", **params: str) -> str:
        answer = self.post(sql, path, None, **params)
        assert answer.status_code == 200, answer.text
        return answer.text.strip()

    def code(self, sql: str | bytes, path: str = "/", **params: str) -> tuple[int, int]:
        """(HTTP status, ClickHouse error code) of a refusal; the body and the header must say the same code."""
        answer = self.post(sql, path, None, **params)
        code = int(answer.headers.get("X-ClickHouse-Exception-Code", "0"))
        assert not code or answer.text.startswith(f"Code: {code}. DB::Exception: "), answer.text
        return answer.status_code, code

    def client(self, database: str = "default", **more: Any) -> Any:
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, database=database, **more)


def start(path: Path, *more: str) -> Store:
    command = [sys.executable, "-m", "ioc.embedded.store", "--path", str(path), "--port", "0", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()  # "embedded store: http://127.0.0.1:PORT serves PATH", once it listens
    return Store(process, int(line.split("127.0.0.1:")[1].split()[0]), path)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    running = start(tmp_path_factory.mktemp("store"))
    yield running
    running.process.terminate()
    assert running.process.wait(30) == 0


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        (b"SELECT '\xb2' FROM nosuch", (404, 60)),
        (b"SELECT \xb2", (400, 62)),
        (b"INSERT INTO nosuch FORMAT CSV\n\xb2", (404, 60)),
        (b"SELECT toUInt8('\xb2')", (400, 6)),
        ("SELECT toUInt8('a\u2028b\x0bc\x85d')".encode(), (400, 6)),
        (b"SELECT toUInt8('a')", (400, 6)),
    ],
)
def test_an_error_that_quotes_bytes_that_are_no_text_is_told_as_any_other(
    store: Store, sql: bytes, code: tuple[int, int]
) -> None:
    assert store.code(sql) == code


@pytest.fixture
def table(store: Store) -> Iterator[str]:
    store.value("CREATE DATABASE work")
    store.value("CREATE TABLE t (id UInt64, s String, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY id", database="work")
    store.value("CREATE VIEW v_t AS SELECT * FROM t", database="work")
    yield "work"
    store.value("DROP DATABASE work SYNC")


def test_a_request_reaches_only_the_database_it_names(store: Store) -> None:
    for name in ("live", "run_a"):
        store.value(f"CREATE DATABASE {name}")
    store.value("CREATE TABLE panes (n UInt64) ENGINE = MergeTree ORDER BY n", database="live")
    assert store.code("INSERT INTO panes VALUES (1)", database="run_a") == (404, 60)
    assert store.code("SELECT * FROM panes", database="nowhere") == (404, 81)
    assert store.code("SELECT 1", database="nowhere") == (404, 81)
    assert store.post("SELECT currentDatabase()", headers={"X-ClickHouse-Database": "run_a"}).text == "run_a\n"
    assert store.client("live").query("SELECT count() FROM panes").result_rows == [(0,)]
    assert store.code("USE live") == (501, 48)
    assert store.value("SELECT currentDatabase()") == "default"


def test_the_default_database_is_an_ordinary_one_and_cannot_be_lost(store: Store) -> None:
    assert store.value("SELECT engine FROM system.databases WHERE name = 'default'") == "Atomic"
    assert store.code("SELECT * FROM default.`/etc/hostname`") == (404, 60)
    store.value("DROP DATABASE default")
    assert store.value("SELECT 1") == "1"


def test_settings_reach_the_engine_and_unknown_ones_are_refused(store: Store) -> None:
    settings = "SELECT getSetting('max_threads'), getSetting('max_memory_usage'), getSetting('async_insert'), timezone()"
    assert store.value(settings) == f"2\t{2 << 30}\tfalse\tUTC"
    assert store.value(settings, max_threads="1", wait_end_of_query="1", session_id="x", role="y").startswith("1\t")
    assert store.value(settings, select_sequential_consistency="1", insert_quorum="auto", insert_quorum_parallel="0")
    assert store.code("SELECT 1", no_such_setting="1") == (404, 115)
    assert store.value(settings).startswith("2\t"), "settings of one request must not reach the next"


def test_bound_parameters_are_values_not_text(store: Store, table: str) -> None:
    client = store.client(table)
    odd = "it's \\ a\ttab"
    assert client.query("SELECT {s:String}, {n:UInt8}", parameters={"s": odd, "n": 7}).result_rows == [(odd, 7)]
    many = [f"key {i}" for i in range(20_000)]  # too long for a URL: the client sends a form
    assert client.query("SELECT length({keys:Array(String)})", parameters={"keys": many}).result_rows == [(20_000,)]
    # parameters may stand in the URL, as a real server allows
    long = f"http://127.0.0.1:{store.port}/?query=SELECT+length(%7Bs:String%7D)&param_s={'x' * 300_000}"
    assert urllib.request.urlopen(long).read() == b"300000\n"
    assert store.value("INSERT INTO {t:Identifier} (id) FORMAT TSV\n5\n", database=table, param_t="t") == ""
    assert store.value("SELECT sum(id) FROM t", database=table) == "5"


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip"])
def test_bodies_and_answers_may_be_compressed(store: Store, table: str, encoding: str) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {"lz4": lz4.frame.compress, "zstd": zstd.compress, "gzip": gzip.compress}
    body = packers[encoding](b"INSERT INTO t (id, s) FORMAT JSONEachRow\n" + b'{"id": 1, "s": "a"}\n' * 50)
    assert store.post(body, headers={"Content-Encoding": encoding}, database=table).text == ""
    client = store.client(table, compress=encoding)
    assert client.query("SELECT count(), any(s) FROM t").result_rows == [(50, "a")]
    assert len(client.query("SELECT toString(number) FROM numbers(100000)").result_rows) == 100_000
    answer = httpx.post(f"http://127.0.0.1:{store.port}/?enable_http_compression=1", content="SELECT number FROM numbers(9999)",
                        headers={"Accept-Encoding": encoding})  # fmt: skip
    assert answer.headers["Content-Encoding"] == encoding
    assert store.post(b"garbage", headers={"Content-Encoding": encoding}).status_code == 400


def test_data_arrive_in_every_format_and_are_counted(store: Store, table: str) -> None:
    client = store.client(table)
    client.insert("t", [[1, "row"]], column_names=["id", "s"])
    frame = pa.table({"id": pa.array(range(1000), pa.uint64()), "s": ["x"] * 1000})
    assert client.insert_arrow("t", frame).written_rows == 1000
    for query, body in (
        ("INSERT INTO t (id) VALUES", "(7), (8)"),
        ("INSERT INTO t (id) FORMAT CSV", "9\n10\n"),
        ("INSERT INTO t SETTINGS async_insert = 0 FORMAT JSONEachRow", '{"id": 11}'),
    ):
        assert store.value(body, database=table, query=query) == ""
    answer = store.post("INSERT INTO t (id) SELECT number FROM numbers(3)", database=table)
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "3"
    assert client.query("SELECT count() FROM t").result_rows == [(1009,)]
    assert client.query_arrow("SELECT * FROM t WHERE 0").schema.names == ["id", "s", "at"]
    one_block = store.value("SELECT max(rows) FROM system.parts WHERE database = 'work' AND active", database=table)
    assert int(one_block) >= 1000


def test_errors_carry_the_engines_code_and_status(store: Store, table: str) -> None:
    assert store.code("SELECT * FROM nothing") == (404, 60)
    for nothing in ("SELEC 1", "-- only a comment", ";", b"\x00INSERT INTO t VALUES (1)"):
        assert store.code(nothing) == (400, 62)
    assert store.code("SELECT 1; DROP TABLE t", database=table) == (400, 62)
    assert store.code("INSERT INTO t (id) FORMAT TSV\nword\n", database=table)[0] == 400
    assert store.code("INSERT INTO t (id) SELECT a FROM input('a UInt64') FORMAT TSV\n1", database=table) == (501, 48)
    assert store.code("SELECT throwIf(1)") == (500, 395)
    assert store.code("SELECT 1 INTO OUTFILE 'x'") == (500, 249)
    assert store.code("INSERT INTO t FROM INFILE 'x' FORMAT TSV", database=table) == (500, 78)
    assert store.value("SELECT count() FROM t", database=table) == "0"
    with pytest.raises(clickhouse_connect.driver.exceptions.DatabaseError, match="code: 60"):
        store.client(table).query("SELECT * FROM nothing")
    unparsed = StoreError.of("Streaming insert finish failed: Code: 27. DB::Exception: Cannot parse")
    assert (unparsed.code, unparsed.body) == (27, "Code: 27. DB::Exception: Cannot parse")


def test_answers_come_in_the_asked_format(store: Store) -> None:
    assert store.post("SELECT 1 AS a", default_format="JSONEachRow").text == '{"a":1}\n'
    assert store.post("SELECT 1 AS a", headers={"X-ClickHouse-Format": "CSV"}).headers["X-ClickHouse-Format"] == "CSV"
    answer = store.post("SELECT 1 AS format FORMAT TSVWithNames", default_format="CSV", query_id="mine")
    assert (answer.text, answer.headers["X-ClickHouse-Format"]) == ("format\n1\n", "TSVWithNames")
    assert (answer.headers["X-ClickHouse-Query-Id"], answer.headers["X-ClickHouse-Timezone"]) == ("mine", "UTC")
    for path in ("/ping", "/", "/replicas_status", "/readonly/ping"):
        assert httpx.get(f"http://127.0.0.1:{store.port}{path}").text == "Ok.\n"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO work.t (id) VALUES (1)",
        "DROP TABLE work.t",
        "CREATE VIEW work.v AS SELECT 1",
        "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
        "SELECT 1 INTO OUTFILE '/tmp/never'",
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SELECT * FROM file('/etc/hostname', LineAsString)",
        "DESCRIBE file('/etc/hostname', LineAsString)",
        "SELECT file('/etc/hostname')",
        "SELECT /**/ `file` -- x\n ('/etc/hostname')",
        "SELECT $$'$$, file('/etc/hostname'), '$$'",
        "SELECT “file”('/etc/hostname')",
        "SELECT arrayMap(file, ['/etc/hostname'])",
        "SELECT * APPLY file FROM (SELECT '/etc/hostname')",
        "SELECT `f\\x69le`('/etc/hostname')",
        "SELECT * FROM `/etc/hostname`",
        "SELECT * FROM url('http://127.0.0.1:1', CSV, 'a Int8')",
        "SELECT * FROM remote('127.0.0.1', system, one)",
        "SELECT * FROM view(SELECT * FROM s3('http://127.0.0.1:1/x', CSV, 'a Int8'))",
        "EXPLAIN SELECT * FROM mysql('a', 'b', 'c', 'd', 'e')",
    ],
)
def test_a_reader_can_neither_write_nor_reach_outside(store: Store, table: str, sql: str) -> None:
    assert store.code(sql, "/readonly")[1] in (164, 249, 291)
    assert store.code(sql, readonly="1")[1] in (164, 249, 291)
    assert store.code(sql, "/readonly", readonly="0")[1] in (164, 249, 291)


def test_a_reader_reads_whatever_lies_inside(store: Store, table: str) -> None:
    for sql in (
        "SELECT 'file(x)' AS a, format('{}', 1) -- url('x')",
        "WITH 1 AS url SELECT url, `a.b` FROM (SELECT 2 AS number, 3 AS `a.b`)",
        "SELECT * FROM numbers(3) AS n, values('a Int8', 1) AS v",
        "SELECT count() FROM work.v_t WHERE id IN (SELECT id FROM v_t)",
        "WITH t AS (SELECT 1 AS x) SELECT * FROM t",
        "SELECT name FROM system.tables WHERE database = currentDatabase()",
        "SHOW TABLES FROM work",
        "DESC TABLE work.v_t",
        "SELECT 1;",
    ):
        answer = store.post(sql, "/readonly", database="default" if sql.startswith("WITH t") else table)
        assert answer.status_code == 200, answer.text
    assert store.value("SELECT getSetting('readonly')", "/readonly", max_execution_time="5") == "1"
    assert store.code("SELECT 1", "/readonly", max_memory_usage="0") == (500, 164)
    assert store.code("SELECT * FROM {t:Identifier}", "/readonly", param_t="/etc/hostname") == (403, 291)
    client = store.client(table, proxy_path="readonly")
    assert client.query("SELECT count() FROM v_t").result_rows == [(0,)]


@pytest.mark.parametrize(
    "who",
    [
        {"Authorization": f"Basic {base64.b64encode(b'grafana:secret').decode()}"},
        {"X-ClickHouse-User": "grafana", "X-ClickHouse-Key": "secret"},
        {"Authorization": f"Basic {base64.b64encode(b'default:').decode()}", "X-ClickHouse-User": "grafana"},
    ],
)
def test_every_user_but_default_is_a_reader(store: Store, table: str, who: dict[str, str]) -> None:
    assert store.post("SELECT count() FROM work.v_t", headers=who).text == "0\n"
    assert store.post("SELECT count() FROM work.t", headers=who).status_code == 403
    for sql in ("INSERT INTO work.t (id) VALUES (1)", "DROP TABLE work.t", "SELECT file('/etc/hostname')"):
        assert store.post(sql, headers=who).headers["X-ClickHouse-Exception-Code"] in ("164", "291")
    assert store.code("DROP TABLE work.t", user="grafana") == (500, 164)
    assert store.code("SELECT 1 SETTINGS readonly = 0", user="grafana") == (500, 164)
    assert store.client(table, username="default").command("INSERT INTO t (id) VALUES (1)") is not None
    assert store.post("SELECT 1", headers={"Authorization": "Basic %%%"}).status_code == 403


def test_get_only_reads_and_browsers_are_not_answered(store: Store) -> None:
    url = f"http://127.0.0.1:{store.port}/"
    assert httpx.get(url, params={"query": "SELECT 1 SETTINGS max_threads = 1"}).text == "1\n"
    assert "Code: 164." in httpx.get(url, params={"query": "CREATE DATABASE by_get"}).text
    assert store.post("SELECT 1", headers={"Origin": "http://example.org"}).status_code == 403
    assert store.post("SELECT 1", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


async def test_a_short_query_does_not_wait_for_long_ones_and_a_client_that_leaves_ends_its_own(store: Store) -> None:
    running = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{store.port}", timeout=60) as client:
        long = [asyncio.create_task(client.post("/", content=LONG)) for _ in range(2)]
        while (await client.post("/", content=running)).text != "2\n":
            pass
        began = time.monotonic()
        assert (await client.post("/", content="SELECT 1")).text == "1\n"
        assert (await client.post("/", content="CREATE DATABASE IF NOT EXISTS beside")).status_code == 200
        assert time.monotonic() - began < 2
        long[0].cancel()
        while (await client.post("/", content=running)).text != "1\n":
            pass
        await client.post("/", content="KILL QUERY WHERE query LIKE '%sipHash64%' ASYNC")
        answer = await long[1]
        assert answer.headers["X-ClickHouse-Exception-Code"] == "394"


def test_grafanas_first_statement_gets_the_block_its_plugin_decodes(store: Store) -> None:
    greeting = "SELECT displayName(), version(), revision(), timezone()"
    answer = store.post(greeting, "/readonly", client_protocol_version="54460", default_format="Native", database="default")
    name, version = store.value("SELECT displayName()"), store.value("SELECT version()")
    assert answer.content == greeting_block(name, version, "UTC")
    assert answer.content[:10] == b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01"
    assert b"\x0arevision()\x06UInt32\x00\x00\x00\x00\x00" in answer.content
    plain = store.post("SELECT 1", "/readonly", client_protocol_version="54460", default_format="Native")
    assert plain.content == b"\x01\x01\x011\x05UInt8\x01"
    assert store.post("SELECT 1 WHERE 0", client_protocol_version="54460", default_format="Native").content == b""
    assert store.value(greeting).split("\t")[2] != "0"


def test_an_insert_that_fails_while_it_is_written_is_not_acknowledged(store: Store) -> None:
    store.value("CREATE TABLE parted (x Int64) ENGINE = MergeTree PARTITION BY x ORDER BY x")
    rows = "\n".join(map(str, range(200)))
    for _ in range(5):  # another's error of the same second is not its reason
        assert store.code("SELECT * FROM nosuch") == (404, 60)
        assert store.code(f"INSERT INTO parted FORMAT CSV\n{rows}") == (500, 252), "more partitions than a block may have"
    assert store.value("SELECT count() FROM parted") == "0"
    assert store.code("INSERT INTO parted FORMAT CSV\n1") == (200, 0)
    store.value("DROP TABLE parted")


def test_what_was_acknowledged_survives_kill_minus_9(tmp_path: Path) -> None:
    first = start(tmp_path / "store")
    first.value("CREATE DATABASE ioc")
    first.value("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1", database="ioc")
    first.value("CREATE TABLE default.kept (n UInt64) ENGINE = MergeTree ORDER BY n")
    for n in range(20):
        first.value(f"INSERT INTO t VALUES ({n})", database="ioc")
    first.process.kill()
    first.process.wait(10)
    again = start(tmp_path / "store")
    assert again.value("SELECT count(), sum(n) FROM t", database="ioc") == "20\t190"
    assert again.value("EXISTS default.kept") == "1"
    again.process.terminate()
    assert again.process.wait(20) == 0


def test_a_stop_lets_running_requests_finish(tmp_path: Path) -> None:
    running = start(tmp_path)
    with socket.create_connection(("127.0.0.1", running.port)) as raw:
        sql = b"SELECT sleepEachRow(0.25), 'done' FROM numbers(4) SETTINGS max_block_size = 1"
        raw.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(sql), sql))
        until(lambda: running.value("SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%'") == "2")
        running.process.terminate()
        raw.settimeout(20)
        answer = b"".join(iter(lambda: raw.recv(1 << 16), b""))
    assert b" 200 OK" in answer
    assert answer.count(b"done") == 4
    assert running.process.wait(20) == 0


def test_a_taken_port_and_an_owned_folder_are_said_in_one_line(store: Store, tmp_path: Path) -> None:
    def refused(path: str, port: int) -> str:
        command = [sys.executable, "-m", "ioc.embedded.store", "--path", path, "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
        return done.stderr

    assert f"port {store.port} on 127.0.0.1" in refused(str(tmp_path), store.port)
    assert f"owned by process {store.process.pid}" in refused(str(store.path), 0)


def test_the_store_ends_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    running = start(tmp_path, "--parent", str(parent.pid))
    with contextlib.suppress(ProcessLookupError):
        os.kill(parent.pid, signal.SIGKILL)
    parent.wait(10)
    assert running.process.wait(20) == 0


def test_a_statement_is_read_as_the_engine_reads_it() -> None:
    insert = store_sql.read(b"INSERT INTO t (`format`, a) SETTINGS x = 1 FORMAT Native \r\n\x00FORMAT\n")
    assert (insert.verb, insert.format, insert.inline) == ("insert", "Native", True)
    assert b"INSERT INTO t (`format`, a) SETTINGS x = 1 FORMAT Native \r\n\x00FORMAT\n"[insert.data :] == b"\x00FORMAT\n"
    assert not store_sql.read(b"INSERT INTO t SELECT 1 FORMAT Null").inline
    assert store_sql.read(b"SELECT 'FORMAT CSV' AS format FROM t -- FORMAT CSV").format == ""
    assert store_sql.read(b"SELECT 1 FORMAT JSON SETTINGS max_threads = 1").format == "JSON"
    assert store_sql.read(b"select /* f( */ 'g(' , a.h (1), i -- j(\n, $x$ k( $x$ from l").calls == {"h"}
