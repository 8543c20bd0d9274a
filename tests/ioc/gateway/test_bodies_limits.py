"""A packed body may unpack to just the limit, in however many parts, and to no byte more."""

from __future__ import annotations

import gzip

import pytest

from ioc.gateway.bodies import gunzip

LIMIT = 100


@pytest.mark.parametrize("parts", [(LIMIT,), (60, 40), (LIMIT, 0), (1,) * LIMIT])
def test_a_body_of_just_the_limit_is_unpacked(parts: tuple[int, ...]) -> None:
    assert gunzip(b"".join(gzip.compress(b"x" * size) for size in parts), LIMIT) == b"x" * LIMIT


@pytest.mark.parametrize("parts", [(LIMIT + 1,), (60, 41), (LIMIT, 1)])
def test_a_body_of_one_byte_more_is_not(parts: tuple[int, ...]) -> None:
    assert gunzip(b"".join(gzip.compress(b"x" * size) for size in parts), LIMIT) is None
