"""Whatever a client sends to the embedded store, it answers within two seconds, and nothing happens outside its folder."""

from __future__ import annotations

import asyncio
import gzip
import random
import time
import zlib
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

import lz4.frame
import psutil
import pytest

from tests.fuzzing import HOSTS, RESET, SECONDS, answer, framed, mangled
from tests.ioc.embedded.test_store import Store, start, zstd

SECRET = "the centre's own secret"
EXPRESSIONS = [
    "1",
    "n",
    "s",
    "count()",
    "'Thanh Hóa'",
    "''",
    "'it''s'",
    "'a\\'b'",
    "{x:UInt8}",
    "{f:Identifier}",
    "NULL",
    "now()",
    "n + 1",
]
EXPRESSIONS += [
    "(SELECT 1)",
    "arrayJoin([1, 2])",
    "toString(n)",
    "getSetting('max_threads')",
    "1e400",
    "0x",
    "`s`",
    '"n"',
    "$$a$$",
]
TABLES = [
    "v_panes",
    "panes",
    "ioc.panes",
    "system.tables",
    "system.settings",
    "numbers(9)",
    "(SELECT 1 AS n, '' AS s)",
    "{f:Identifier}",
]
OUTSIDE = [
    "file('{p}')",
    "url('http://127.0.0.1:{o}/')",
    "executable('id', CSV, 'x String')",
    "s3('http://127.0.0.1:{o}/x')",
    "remote('127.0.0.1:{o}')",
]
ORDERS = [
    "INSERT INTO FUNCTION file('{p}', CSV) SELECT 1",
    "SELECT 1 INTO OUTFILE '{p}'",
    "CREATE TABLE o (x UInt8) ENGINE = File(CSV, '{p}')",
]
ORDERS += [
    "BACKUP DATABASE ioc TO File('{p}')",
    "KILL QUERY WHERE 1 ASYNC",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "SET max_threads = 1",
]
ORDERS += [
    "ATTACH TABLE a FROM '{p}' (x UInt8) ENGINE = Log",
    "CREATE USER u",
    "DESCRIBE TABLE {t}",
    "EXPLAIN AST SELECT {e}",
    "USE system",
]
ORDERS += [
    "CREATE FUNCTION f AS x -> x",
    "INSERT INTO panes VALUES (2, {e})",
    "INSERT INTO panes FORMAT CSV\n3,x",
    "SHOW TABLES",
    "WITH 1 AS a SELECT a",
]
TAILS = [
    "",
    ";",
    " FORMAT JSON",
    " FORMAT Protobuf",
    " SETTINGS output_format_schema = '{p}'",
    " INTO OUTFILE '{p}'",
    " -- '",
    " /* ",
    "; SELECT 2",
    " LIMIT 1",
]
ODD = [
    "'" * 999,
    "(" * 5000,
    "/*" * 999,
    "\\" * 999,
    "\0",
    "'" + "\\'" * 50_000,
    "SELECT '" + "a" * 200_000,
    "$$" * 99,
    "{x:" * 99,
    "\ufeffSELECT 1",
    "",
]
SETTINGS = [
    "output_format_schema",
    "format_schema",
    "user_files_path",
    "max_execution_time",
    "max_threads",
    "readonly",
    "session_timezone",
    "no_such",
]
SETTINGS += [
    "param_x",
    "param_f",
    "default_format",
    "query_id",
    "database",
    "session_id",
    "role",
    "compress",
    "enable_http_compression",
]
PACKED = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
    "br": bytes,
    "gzip, gzip": gzip.compress,
}


def statement(dice: random.Random, names: dict[str, str]) -> str:
    """One that is right, one that must not be run, or odd text; with an odd end at times."""
    some = dice.random()
    if some < 0.15:
        return dice.choice(ODD)
    text = dice.choice(ORDERS) if some < 0.4 else f"SELECT {{e}} FROM {dice.choice(TABLES * 3 + OUTSIDE)}"
    text += dice.choice(TAILS) if dice.random() < 0.5 else ""
    for part, value in {"e": dice.choice(EXPRESSIONS), "t": dice.choice(TABLES), **names}.items():
        text = text.replace(f"{{{part}}}", value)
    return text


def request(dice: random.Random, names: dict[str, str]) -> tuple[bytes, bool]:
    """A request and whether it is whole; most are a reader's."""
    body = statement(dice, names).encode("utf-8", "surrogatepass")
    given = {"database": "ioc"}
    if dice.random() < 0.6:
        given["user"] = "grafana"
    for _ in range(dice.choice([0, 0, 1, 2])):
        given[dice.choice(SETTINGS)] = dice.choice([names["p"], "1", "0", "", "Protobuf", "v_panes", "'", "9" * 400, "../../x"])
    if dice.random() < 0.3:
        given["query"], body = body.decode("utf-8", "replace")[:60_000], b"" if dice.random() < 0.7 else body
    path = dice.choice(["/", "/", "/", "/readonly", "/readonly/", "/ping", "/play", "/../etc/passwd", "//", "*"])
    method = dice.choice(["POST"] * 6 + ["GET", "PUT", "BREW"])
    head = f"{method} {path}?{urlencode(given)} HTTP/1.1\r\nHost: {dice.choice(HOSTS)}\r\nConnection: close\r\n"
    for odd in (
        "Origin: http://evil.example",
        "X-ClickHouse-User: x",
        "X-ClickHouse-Format: Protobuf",
        "Authorization: Basic !",
        "Accept-Encoding: lz4",
    ):
        head += f"{odd}\r\n" if dice.random() < 0.05 else ""
    if dice.random() < 0.2:
        body = mangled(dice, body)
    if dice.random() < 0.2:
        kind = dice.choice([*PACKED])
        body, head = PACKED[kind](body), f"{head}Content-Encoding: {kind}\r\n"
        body = mangled(dice, body) if dice.random() < 0.3 else body
    return framed(dice, head, body)


def outside(store: Store, folder: Path) -> set[str]:
    """What lies beside the store's folder; its process works there, too."""
    return {str(f) for f in folder.rglob("*") if store.path not in (f, *f.parents)}


@pytest.mark.proof
async def test_no_request_hangs_the_store_or_reaches_outside_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside").mkdir()
    monkeypatch.chdir(tmp_path / "beside")
    secret = tmp_path / "beside" / "secret.csv"
    secret.write_text(SECRET)
    store = start(tmp_path / "store")
    called: list[bytes] = []
    other = await asyncio.start_server(lambda reader, writer: (called.append(b"!"), writer.close())[1], "127.0.0.1", 0)
    names = {"p": str(secret), "o": str(other.sockets[0].getsockname()[1])}
    for sql in ("CREATE DATABASE ioc", "CREATE TABLE ioc.panes (n UInt64, s String) ENGINE = MergeTree ORDER BY n"):
        store.value(sql)
    store.value("INSERT INTO ioc.panes VALUES (1, 'a')")
    store.value("CREATE VIEW ioc.v_panes AS SELECT n, s FROM ioc.panes")
    before, seed = outside(store, tmp_path), random.randrange(1 << 32)
    dice, end, seen = random.Random(seed), time.monotonic() + SECONDS, Counter[str]()
    while time.monotonic() < end:
        sent, whole = request(dice, names)
        try:
            came = await asyncio.wait_for(answer(store.port, sent, whole), 2)
        except TimeoutError:
            pytest.fail(f"no answer in 2 s: seed {seed}, {sent[:500]!r}")
        status = "" if came == RESET else came[9:12].decode()
        seen[status] += 1
        where = (seed, sent[:500], came[:700])
        assert status or not whole, where
        assert not status.startswith("5") or b"\r\nx-clickhouse-exception-code:" in came, where  # ClickHouse says 500 of a query
        assert SECRET.encode() not in came, where
        assert not called, where
    assert outside(store, tmp_path) == before, seed
    assert secret.read_text() == SECRET
    assert store.value("SELECT count() >= 1 FROM ioc.panes") == "1"
    assert psutil.Process(store.process.pid).memory_info().rss < 2 << 30
    assert {"200", "400", "403", "404"} <= set(seen), (seed, seen)
    other.close()
    store.process.terminate()
    assert store.process.wait(30) == 0
