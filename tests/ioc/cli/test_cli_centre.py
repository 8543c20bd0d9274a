"""The command line over a whole centre: up, import twice and into a run, repairs, down; in a folder with a Vietnamese name."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import brute_receipt as brute
from tests.ioc.cli.test_cli import Ioc
from tests.ioc.cli.test_cli import ioc as here  # noqa: F401 - a fixture
from tests.services import ROOT, wait_until

pytestmark = pytest.mark.slow
JUDGED = "maxIf(next, stage = 'alert') = maxIf(received, stage = 'roll')"
DOSSIERS = "SELECT generation FROM v_generation WHERE stream = 'dossiers'"
ALL = (0, brute.ms("2100-01-01T00:00:00+00:00"))
JUNE = "2011-06-01T00:00:00Z"


def test_a_centre_from_the_command_line(tmp_path: Path, here: Ioc) -> None:  # noqa: F811
    folder = tmp_path / "trung tâm, một"
    log = brute.part(tmp_path / "log.csv.gz", 10)
    cases, june = brute.cases(log), brute.ms(JUNE)
    rows = gzip.decompress(log.read_bytes()).count(b"\n") - 1
    events = rows + len(cases) + sum(case.end is not None for case in cases)
    balance = f"rows {rows:,} = with events {rows:,} + unwanted 0 + unreadable 0\n"
    balance += f"events {events:,} = accepted {events:,} + duplicate 0 + rejected 0\n"
    load = ("import", str(log), "--map", "receipt")

    def ioc(*arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "ioc", *arguments, "--data", str(folder)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def truths(*run: str) -> list[str]:
        asked = [("received", "--window", "all"), ("resolved", "--window", "all"), ("resolved_late", "--window", "all")]
        asked += [("backlog",), ("backlog", "--at", JUNE), ("overdue", "--at", JUNE)]
        return [here("value", f"dossier.{name}", *more, *run, "--data", str(folder)).out.strip() for name, *more in asked]

    def all_counted() -> bool:
        return all(
            found["well"] and "to come" not in found["detail"]
            for found in json.loads(here("doctor", "--json", "--data", str(folder)).out)
        )

    numbers = [truth(*ALL, among=cases) for truth in (brute.received, brute.resolved, brute.late)]
    numbers += [brute.backlog(ALL[1], among=cases), brute.backlog(june, among=cases), brute.overdue(june, among=cases)]
    expected = [str(number) for number in numbers]
    assert min(numbers) > 0
    ioc("up", "--no-demo", "--loading", "-d")
    try:
        assert json.loads(ioc("status", "--json"))["ready"]
        ioc("up", "--no-demo", "-d", code=3)  # it runs already
        assert ioc(*load) == balance
        assert truths() == expected
        again = json.loads(ioc(*load, "--json"))
        assert again == {
            "rows": rows, "with_events": rows, "unwanted": 0, "unreadable": 0, "events": events, "sent": events,
            "accepted": 0, "duplicate": events, "rejected": 0, "from_others": 0, "notes": {}, "rejects": [],
        }  # fmt: skip
        assert truths() == expected
        assert ioc(*load, "--run", "trial") == balance
        assert truths("--run", "trial") == expected
        rolled = ioc("sql", "SELECT count() > 500 FROM v_dossier_backlog", "--run", "trial")
        assert rolled.splitlines()[1] == "1", "the run's windows are there when the import ends"
        start = ("replay", "start", "proof", "--source", "archive", "--speed", "max", "--direct")
        assert json.loads(ioc(*start, "--json"))["records"] == 2 * (events + 8)
        ioc(*start, code=2)  # the name is taken
        assert "no difference in" in ioc("replay", "diff", "live", "proof")
        assert truths("--run", "proof") == expected
        for run in ("trial", "proof"):
            judged = ioc("sql", f"SELECT {JUDGED} FROM checkpoints WHERE generation = ({DOSSIERS})", "--run", run)
            assert judged.splitlines()[1] == "1", "alerts are judged as far as the run is rolled"
        assert json.loads(ioc("replay", "diff", "live", "trial", "--json"))["compared"] == ["latest"]
        assert [(r["name"], r["source"]) for r in json.loads(ioc("replay", "list", "--json"))] == [
            ("proof", "archive, direct"),
            ("trial", "import"),
        ]
        assert "ioc.run.trial.events.dossier" in ioc("replay", "drop", "trial")
        assert ioc("replay", "drop", "proof") == "removed proof\n"
        assert ioc("replay", "list") == "no runs\n"
        ioc("doctor", "--rewind")  # beside a running worker
        wait_until(all_counted, "all is counted again", 60)
        assert truths() == expected
    finally:
        ioc("down")
    ioc("doctor", "--rewind")  # without a centre: broker and store come up for it
    ioc("up", "--no-demo", "-d")
    try:
        wait_until(all_counted, "all is counted again", 60)
        assert truths() == expected
    finally:
        ioc("down")
    ioc("status", code=3)
