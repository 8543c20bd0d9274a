"""A short command loads what it uses and no more: what takes long to load is not there when it has ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.counting import real_store
from tests.ioc.cli.test_cli import EXAMPLE, commands
from tests.services import ROOT

HEAVY = {
    "aiokafka", "chdb", "clickhouse_connect", "fastapi", "faust", "holidays", "lxml", "nicegui", "numpy", "pandas", "polars",
    "pyarrow", "requests", "rich", "stamina", "structlog", "uvicorn", "yaml",
}  # fmt: skip
RUN = """
import contextlib, io, json, sys
from ioc.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["ioc", *arguments]
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main()
print(*{name.partition(".")[0] for name in sys.modules})
"""


def loaded(*arguments: list[str], **settings: str) -> set[str]:
    """What of it is there after these commands, in a process of their own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(arguments)], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return HEAVY.intersection(done.stdout.split())


def test_help_loads_nothing_that_takes_long() -> None:
    assert loaded(["--help"], *([*path, "--help"] for path in commands())) == set()


@pytest.mark.parametrize(
    ("command", "uses"),
    [
        (["status", "--json"], set()),
        (["validate", str(EXAMPLE), "--json"], {"rich"}),
        (["indicators", "--json"], {"numpy"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_without_a_centre_loads_what_it_uses(command: list[str], uses: set[str], tmp_path: object) -> None:
    assert loaded(command, IOC_DATA_DIR=str(tmp_path)) == uses


@pytest.mark.parametrize(
    ("command", "uses"),
    [
        (["value", "dossier.backlog", "--json"], {"clickhouse_connect", "numpy"}),
        (["value", "dossier.received", "--at", "2026-01-01", "--by", "agency", "--json"], {"clickhouse_connect", "numpy"}),
        (["alerts", "list", "--json"], {"clickhouse_connect"}),
        (["rejects", "list", "--json"], {"clickhouse_connect"}),
        (["sql", "SELECT * FROM v_now"], {"clickhouse_connect"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_question_loads_the_client_of_the_store_and_no_frames(store_url: str, command: list[str], uses: set[str]) -> None:
    store = real_store(store_url, "start")
    where = {"IOC_CLICKHOUSE_URL": store_url, "IOC_CLICKHOUSE_DATABASE": store.database, "IOC_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    assert loaded(command, **where) == uses


def test_a_stream_gets_its_polars_when_it_counts_however_it_imports_it() -> None:
    ways = ("import polars as pl", "from polars import col", "import polars.selectors as cs", "import polars; polars.col")
    program = f"""
import sys, types
from ioc import catalog
from ioc.cli import later
def load():
    for way in {ways}:
        exec(way, there)
    return "all"
there, later.load = {{}}, load
assert later.catalog() == "all"
import polars
assert polars.col("a").meta.output_name() == there["pl"].col("a").meta.output_name() == "a"
assert there["col"] is polars.col and there["cs"] is sys.modules["polars.selectors"] and there["polars"].col is polars.col
later.load = catalog.load
for stream in later.catalog().streams:
    print(stream.name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ran" in done.stdout.split()


def test_a_command_that_counts_nothing_ends_before_polars_is_loaded_and_its_streams_count_all_the_same() -> None:
    program = """
import sys
from ioc.cli.later import catalog
found = catalog()
assert "polars" not in sys.modules
from ioc.counting.samples import fault
assert [fault(stream) for stream in found.streams] == [None] * len(found.streams)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
