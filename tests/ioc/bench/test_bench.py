"""Bench: what is measured is told with its aim, and whether that is met."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ioc.bench.centre import SUMMED, seconds_of
from ioc.bench.report import Figure, Report
from ioc.errors import ServiceAway


def ioc_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ioc", "bench", *arguments], capture_output=True, text=True, check=False)


def test_a_share_of_the_raw_fetch_should_be_at_least_its_aim_and_a_figure_at_most() -> None:
    report = Report(1, 1)
    report.path("raw", {"events": 100, "seconds": 1.0})
    report.path("dossiers, archive", {"events": 7, "seconds": 1.0}, "raw")
    assert report.rows["dossiers, archive"]["met"]
    report.path("dossiers, archive", {"events": 5, "seconds": 1.0}, "raw")
    assert not report.rows["dossiers, archive"]["met"]
    assert Figure(5.9, "s", 6.0).met
    assert Figure(6.1, "s", 6.0).met is False
    assert Figure(6.1, "s").met is None


def test_an_unknown_part_is_refused_with_those_there_are() -> None:
    found = ioc_bench("--only", "everything")
    assert found.returncode == 2
    assert "streams, roll, pm, whole, centre, start, years" in found.stderr


def test_a_command_that_ends_otherwise_than_it_should_is_no_measurement() -> None:
    assert seconds_of(("indicators",), 0) > 0
    with pytest.raises(ServiceAway, match=r"`ioc indicators nothing\.such` ended with 2"):
        seconds_of(("indicators", "nothing.such"), 0)


@pytest.mark.proof
def test_a_centre_is_measured_from_its_start_under_the_feed_and_quiet() -> None:
    done = ioc_bench("--only", "centre", "--history", "1d", "--seconds", "3", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["figures"]
    assert found["`ioc up` until the wall is up"]["value"] <= found["`ioc up` until all of the past is final"]["value"]
    assert found["`ioc up` until all of the past is final"]["aim"] is None, "it is of 60 days"
    for name, feed in (("demo", True), ("quiet centre", False)):
        parts = found[name]["parts"]
        assert parts.keys() == {*SUMMED, "supervisor", "others", *(["demo"] if feed else [])}
        assert found[name]["value"] == pytest.approx(sum(parts[child] for child in SUMMED))
        assert all(found[f"{name}, peak memory"]["parts"][child] > 10 for child in SUMMED)
