"""Murmur2: the partition of a key is Kafka's own, for keys of all lengths side by side."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ioc.events.murmur import partitions
from tests import brute

JAVA = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
"""Expected hashes from UtilsTest.java of Apache Kafka."""


def test_hashes_are_those_of_kafkas_own_test() -> None:
    count = 1 << 31
    assert partitions(list(JAVA), count).tolist() == [h & 0x7FFFFFFF for h in JAVA.values()]


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(1, 1024))
@example([b"", b"\x00", b"\x00" * 4, b"\xff" * 9], 4)
def test_many_keys_at_once_get_what_each_gets_alone(keys: list[bytes], count: int) -> None:
    assert partitions(keys, count).tolist() == [brute.partition_of(k, count) for k in keys]
