"""Garbage: what a worker frees goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

KEPT = """
from ioc.centre import garbage
{}
def held():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) >> 10
bytes(30 << 20)  # from now on the C library takes such sizes for usual
before, large, small = held(), [], []
for _ in range(40):
    large.append(b"x" * (3 << 20))
    small.append(b"x" * 200_000)
large.clear()
print(held() - before)
"""


@pytest.mark.parametrize("gives_back", [True, False])
def test_large_buffers_go_back_though_small_ones_lie_between(gives_back: bool) -> None:
    code = KEPT.format("garbage.give_back()" if gives_back else "")
    kept = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout)
    assert (kept < 20) is gives_back, f"{kept} MB of 120"
