"""A limit is what may still come: a body, a batch and a packed body of just the limit are taken, and nothing more is."""

from __future__ import annotations

import gzip

import pytest

from ioc.events.exact_lane import Reject
from ioc.gateway.bodies import elements, gunzip

LIMIT = 100


@pytest.mark.parametrize("parts", [(LIMIT,), (60, 40), (LIMIT, 0), (1,) * LIMIT])
def test_a_body_of_just_the_limit_is_unpacked(parts: tuple[int, ...]) -> None:
    assert gunzip(b"".join(gzip.compress(b"x" * size) for size in parts), LIMIT) == b"x" * LIMIT


@pytest.mark.parametrize("parts", [(LIMIT + 1,), (60, 41), (LIMIT, 1)])
def test_a_body_of_one_byte_more_is_not(parts: tuple[int, ...]) -> None:
    assert gunzip(b"".join(gzip.compress(b"x" * size) for size in parts), LIMIT) is None


def test_a_batch_of_just_as_many_events_as_may_be_is_taken_and_one_more_is_not() -> None:
    assert elements(b"[1, 2, 3]", 3) == [b"1", b"2", b"3"]
    one_more = elements(b"[1, 2, 3, 4]", 3)
    assert isinstance(one_more, Reject)
    assert (one_more.reason, one_more.message) == ("too_large", "more than 3 events; send several batches")
