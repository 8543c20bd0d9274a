"""Examples: worked pasts that come with the program are accepted, the same whenever they are asked for, and of one source."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import orjson
import pytest

from ioc.errors import UsageError
from ioc.events.exact_lane import Reject, exact
from ioc.province import examples
from ioc.vocabulary import Told
from tests.counting import CATALOG

NAMES = examples.names(CATALOG.streams)
FARMS = CATALOG.stream_of("farm.temperature")


def test_what_a_stream_tells_of_a_past_becomes_events_of_the_examples_own_source() -> None:
    read = {"farm": "F", "period_s": 60, "humidity": 50.0}
    told = replace(FARMS, pasts={"wet": lambda chance: [Told(1_665_000_000_000, "/s", f"a{chance('x'):.3f}", read)]})
    streams = [FARMS, told]
    assert examples.names(streams) == ["wet"]
    (event,) = examples.events(streams, "wet")
    said = orjson.loads(event.value)
    assert (said["source"], said["data"]) == ("/example/wet", read)
    assert said["id"].startswith("farms/a0.")
    assert [event] == list(examples.events(streams, "wet"))


def test_an_example_that_there_is_not_is_told_with_those_there_are() -> None:
    told = replace(FARMS, pasts={"wet": lambda chance: []})
    with pytest.raises(UsageError, match="no example 'dry'; there are: wet"):
        list(examples.events([told], "dry"))


@pytest.mark.parametrize("name", NAMES)
def test_every_event_of_an_example_is_accepted_and_bears_an_id_of_its_own(name: str) -> None:
    sent = list(examples.events(CATALOG.streams, name))
    refused = [r for e in sent if isinstance(r := exact(e.value, (), CATALOG.accepted(e.topic)), Reject)]
    assert not refused
    assert max(Counter(orjson.loads(e.value)["id"] for e in sent).values()) == 1
    assert len(sent) > 100
