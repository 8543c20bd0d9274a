"""Cores: processor time is that of a process and of all it started, and of nobody twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ioc.bench.cores import OTHERS, cores, used
from ioc.errors import ServiceAway
from tests.services import wait_until

BUSY = "import time\nwhile time.process_time() < 60: pass"
PARENT = (
    "import subprocess, sys, time\nprint(subprocess.Popen([sys.executable, '-c', sys.argv[1]]).pid, flush=True)\ntime.sleep(60)"
)
ONCE = "import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', sys.argv[1]])\nprint(flush=True)\ntime.sleep(60)"


@contextmanager
def python(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen([sys.executable, "-c", *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield child
    finally:
        os.killpg(child.pid, 9)
        child.wait()


def test_what_a_process_started_counts_for_it_unless_it_is_named_itself() -> None:
    with python(PARENT, BUSY) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_until(lambda: used({"child": child})["child"] > 0.1, "it has worked")
        together = used({"parent": parent.pid})["parent"]
        apart = used({"parent": parent.pid, "child": child})
        assert apart["child"] > 0.05
        assert together > apart["parent"] + 0.05
        rates = cores({"parent": parent.pid, "child": child}, 0.5)
        assert rates["child"] > 10 * rates["parent"] >= 0
        assert cores({"parent": parent.pid}, 0.5).keys() == {"parent", OTHERS}


def test_a_child_that_has_ended_still_counts() -> None:
    with python(ONCE, BUSY.replace("60", "0.3")) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert used({"parent": parent.pid})["parent"] > 0.1


def test_a_process_that_is_gone_is_told() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    wait_until(lambda: not os.path.exists(f"/proc/{child.pid}"), "it is gone")
    with pytest.raises(ServiceAway, match="worker ended"):
        used({"worker": child.pid})
