"""Mend: after a full disk no part is left that was written badly, and nothing that was acknowledged is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from ioc.embedded import store_engine, store_sql
from ioc.embedded.store_engine import Engine, Result
from ioc.embedded.store_mend import TROUBLES, Mender, unreadable
from ioc.embedded.store_protocol import Ask, StoreError
from ioc.errors import IocError
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from tests.disk import fill, small_disk
from tests.services import running_store, wait_until

ROWS = 10


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store on a disk of 40 MB, with a table."""
    with small_disk(tmp_path / "store", "40m"), running_store(tmp_path) as url:
        found = Store(Settings(clickhouse_url=url), "ioc")
        found.create(["CREATE TABLE t (id Int64, text String) ENGINE = ReplacingMergeTree ORDER BY id"])
        yield found


def rows(first: int) -> pa.Table:
    return pa.table({"id": range(first, first + ROWS), "text": ["x" * 50] * ROWS})


def ids(store: Store) -> set[int]:
    return set(store.query("SELECT id FROM t")["id"].to_list())


def test_a_merge_that_was_written_badly_while_the_disk_was_full_is_undone(store: Store, tmp_path: Path) -> None:
    """By hand, as chDB leaves it: the small files of the merged part are empty, the sources are still there."""
    for first in range(0, 100, ROWS):
        store.insert("t", rows(first))
    store.command("OPTIMIZE TABLE t FINAL")
    (folder,) = store.query("SELECT path FROM system.parts WHERE table = 't' AND active")["path"].to_list()
    for name in ("data.cmrk4", "columns.txt"):  # first: a look while the disk is full finds what is well once and for all
        (Path(folder) / name).write_bytes(b"")
    filler = tmp_path / "store" / "filler"
    fill(filler)
    wait_until(lambda: Path(folder).name not in parts(store), "the merged part is gone")
    filler.unlink()
    wait_until(lambda: readable(store), "the table is attached")
    assert ids(store) == set(range(100))


def test_a_table_that_could_not_be_detached_is_tried_again(tmp_path: Path) -> None:
    """The first DETACH fails; what is then attached is there already, and that must not stop the mender for good."""
    asked, attached, refusals = list[str](), {"t"}, iter([True, False])

    def ask(sql: str) -> list[list[str]]:
        asked.append(sql)
        if sql == TROUBLES:
            return [[str(len(asked))]]  # the disk is full at every look
        if sql.startswith("SELECT"):
            return [["ioc", "t", "all_1_2_1"]]
        if sql.startswith("CHECK"):
            return [["0"]]
        if sql.startswith("DETACH"):
            if next(refusals):
                raise StoreError(159, "timeout")
            attached.discard("t")
        elif "IF NOT EXISTS" not in sql and "t" in attached:
            raise StoreError(57, "table exists")
        else:
            attached.add("t")
        return []

    mender = Mender(ask, tmp_path)
    with pytest.raises(StoreError):
        mender.look()
    assert len(mender.look()) == 1
    assert attached == {"t"}


@pytest.mark.parametrize(
    ("check", "files", "lost"),
    [
        ("1", {"count.txt": "10", "data.bin": "", "checksums.txt": "x"}, False),
        ("0", {"count.txt": "10"}, True),
        ("1", {"count.txt": "10", "default_compression_codec.txt": ""}, True),
        ("1", {"count.txt": "10", "serialization.json": ""}, True),
        ("gone", {"count.txt": "10"}, False),
        ("1", None, False),
    ],
)
def test_an_inserted_part_is_well_when_it_can_be_read_back(
    tmp_path: Path, check: str, files: dict[str, str] | None, lost: bool
) -> None:
    if files is None:
        tmp_path = tmp_path / "merged away meanwhile"
    for name, text in (files or {}).items():
        (tmp_path / name).write_text(text)

    def ask(sql: str) -> list[list[str]]:
        if sql.startswith("SELECT"):
            return [["ioc", "t", "all_1_1_0", str(tmp_path)]]
        if check == "gone":
            raise StoreError(232, "no such part")
        return [[check]]

    assert unreadable(ask, time.time()) == (["`ioc`.`t`, part all_1_1_0"] if lost else [])


def test_an_inserted_part_that_was_not_written_whole_is_found_in_a_table_that_replaces_rows(store: Store) -> None:
    """Such a table's parts are of level 1 from the beginning: their rows are merged as they are inserted."""
    began = time.time()
    store.insert("t", rows(0))
    (path,) = store.query("SELECT path FROM system.parts WHERE table = 't' AND active")["path"]

    def ask(sql: str) -> list[list[str]]:
        return [line.split("\t") for line in store.text(sql, "TabSeparated").splitlines()]

    assert unreadable(ask, began) == []
    (Path(path) / "count.txt").write_text("")
    assert [name.split(", ")[1] for name in unreadable(ask, began)] == [f"part {Path(path).name}"]


def test_while_the_disk_is_full_an_insert_is_acknowledged_only_when_it_can_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The engine is a stand-in that answers every insert well, and holds a part that is broken on the disk."""
    engine = object.__new__(Engine)
    engine._path, engine._tight_until = tmp_path, 0.0
    monkeypatch.setattr(Engine, "_run", lambda *_: Result(b"", ""))
    monkeypatch.setattr(Engine, "ask", lambda _, sql: [["ioc", "t", "p", "/"]] if sql.startswith("SELECT") else [["0"]])
    ask, insert = Ask(b"", "ioc", "TSV", "id", ""), store_sql.read(b"INSERT INTO t FORMAT TSV\n1")
    assert engine.run(ask, insert) == Result(b"", ""), "there is room: nothing is read back"
    monkeypatch.setattr(store_engine, "ROOM", 1 << 60)
    with pytest.raises(StoreError, match="not written whole") as refused:
        engine.run(ask, insert)
    assert refused.value.code == 243
    monkeypatch.setattr(store_engine, "ROOM", 0)
    with pytest.raises(StoreError):
        engine.run(ask, insert)  # it was full a moment ago
    assert engine.run(ask, store_sql.read(b"SELECT 1")) == Result(b"", "")


def parts(store: Store) -> list[str]:
    return [Path(path).name for path in store.query("SELECT path FROM system.parts WHERE table = 't' AND active")["path"]]


def readable(store: Store) -> bool:
    try:
        return bool(store.query("SELECT count() AS n FROM t")["n"][0])
    except IocError:
        return False


def test_inserts_and_merges_through_full_disks_lose_nothing_that_was_acknowledged(store: Store, tmp_path: Path) -> None:
    stop, acknowledged, refused = threading.Event(), set[int](), list[str]()
    numbers = iter(range(0, 1 << 40, ROWS))

    def insert() -> None:
        own = Store(store.settings, "ioc")
        while not stop.is_set():
            first = next(numbers)
            try:
                own.insert("t", rows(first))
                acknowledged.update(range(first, first + ROWS))
            except IocError as error:
                refused.append(str(error))
                time.sleep(0.02)  # as whoever starts again

    threads = [threading.Thread(target=insert) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        before = len(acknowledged), len(refused)
        wait_until(lambda before=before: len(acknowledged) > before[0] + 500, "rows are written")  # type: ignore[misc]
        fill(tmp_path / "store" / "filler")
        wait_until(lambda before=before: len(refused) > before[1] + 20, "the disk is full")  # type: ignore[misc]
        (tmp_path / "store" / "filler").unlink()
    stop.set()
    for thread in threads:
        thread.join()
    assert any("space" in message for message in refused), refused[:3]
    wait_until(lambda: all_well(store), "no part is broken")
    assert ids(store) >= acknowledged


def all_well(store: Store) -> bool:
    try:
        return str(store.command("CHECK TABLE t SETTINGS check_query_single_value_result = 1")) == "1"
    except IocError:
        return False  # it is being attached anew
