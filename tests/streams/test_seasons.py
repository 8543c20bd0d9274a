"""Seasons: every number of every stream that tells its own demo is what a brute force says, at a hundred instants."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from ioc.events.exact_lane import Reject, exact
from tests import season
from tests.counting import CATALOG

TELLING = [stream for stream in CATALOG.streams if stream.demo]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("days", [6, pytest.param(365, marks=pytest.mark.proof)])
@pytest.mark.parametrize("stream", TELLING, ids=lambda stream: stream.name)
def test_every_indicator_is_what_brute_force_says_at_a_hundred_instants(store_url: str, stream, days: int) -> None:  # type: ignore[no-untyped-def]
    read, rolled = season.judge(store_url, stream, days)
    assert read > 100
    assert rolled > 1_000


@pytest.mark.parametrize("stream", TELLING, ids=lambda stream: stream.name)
def test_what_the_demo_sends_is_accepted_and_sent_once(stream) -> None:  # type: ignore[no-untyped-def]
    sent = [one.value for one in season.log(stream, 3)]
    refused = [one for one in (exact(value, (), CATALOG.accepted(stream.topic)) for value in sent) if isinstance(one, Reject)]
    assert not refused
    events = [event for event in map(json.loads, filter(None, sent)) if event["type"] == stream.contract.event_type]
    assert len(events) == len(sent) - 2 * season.PARTITIONS, "all but the heartbeats at both ends"
    assert max(Counter((event["source"], event["id"]) for event in events).values()) == 1
