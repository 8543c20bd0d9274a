"""An alert in a whole centre: real processes, a real webhook; the worker is killed between sending and recording."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson

from ioc.catalog import ALERTS
from ioc.kafka import Sender, TopicPartition, bounds, read_at
from ioc.replaying.diff import diff
from ioc.replaying.replay import replay
from ioc.store import runs
from ioc.store.runs import DIRECT, REPLAYING, Run
from tests.centre import Centre
from tests.receiver import SECRET, receiving
from tests.services import wait_until
from tests.streams_queue import CATALOG, TOPIC, change

WORKER = (
    "import sys; from ioc.settings import Settings; from ioc.centre.worker import main; from tests.streams_queue import CATALOG; "
    "sys.exit(main(Settings(), catalog=CATALOG))"
)


def send(centre: Centre, desk: str, by: int) -> None:
    async def one() -> None:
        async with Sender(centre.settings) as sender:
            event = change(desk, by, time.time_ns() // 1_000_000)
            await (await sender.send(TOPIC, desk.encode(), orjson.dumps(event)))

    asyncio.run(one())


def published(centre: Centre) -> list[dict[str, Any]]:
    """The events in `ioc.alerts`."""
    place = TopicPartition(ALERTS, 0)
    end = asyncio.run(bounds(centre.settings, [ALERTS]))[place][1]
    return [orjson.loads(asyncio.run(read_at(centre.settings, {place: at}))[place].value) for at in range(end)]


def test_a_driven_backlog_fires_once_and_resolves_once_through_kill_9(tmp_path: Path) -> None:
    with receiving() as receiver:
        env = {"IOC_WEBHOOK_URL": receiver.url, "IOC_WEBHOOK_SECRET": SECRET}
        with Centre(tmp_path, 1, CATALOG, WORKER, env=env) as centre:

            def killed_before_it_hears(event: dict[str, Any], number: int) -> int:
                if number == 0:
                    centre.kill("worker")
                    return 599
                return 204

            receiver.answer = killed_before_it_hears
            centre.start("worker")
            centre.beat()
            send(centre, "A", 15)
            send(centre, "A", 15)
            send(centre, "B", 20)
            wait_until(lambda: receiver.deliveries, "the alert is sent", 60)
            assert centre.ended("worker")
            centre.start("worker")
            wait_until(lambda: receiver.told(), "it is sent again", 60)
            centre.kill("worker")
            send(centre, "A", -5)
            send(centre, "A", -20)
            centre.start("worker")
            wait_until(lambda: len(set(receiver.told())) > 1, "it is over", 60)  # what was sent last may come once more
            wait_until(lambda: len({e["id"] for e in published(centre)}) > 1, "both are published", 30)

            deliveries = {d.key: d for d in reversed(receiver.deliveries)}  # the first of each key
            assert receiver.deliveries[0].key == receiver.deliveries[1].key, "what was sent and not recorded bears the same key"
            assert all(d.event == deliveries[d.key].event and d.signed for d in receiver.deliveries)
            assert list(dict.fromkeys(receiver.told())) == [("A", "firing", 30.0), ("A", "resolved", 5.0)]
            assert len(deliveries) == 2, "one key a transition"
            assert len(centre.store.query("SELECT * FROM alerts FINAL")) == 2
            assert {e["id"] for e in published(centre)} == deliveries.keys()

            before, there = len(receiver.deliveries), len(published(centre))
            replay(centre.settings, CATALOG, Run("again", DIRECT, None, None, REPLAYING, 0), lambda fed, known: None)
            found = diff(centre.settings, CATALOG, "live", "again")
            assert (found.differences, found.unjudged, list(found.alerts)) == (0, [], ["queue.waiting"])
            assert len(runs.run_store(centre.settings, "again").query("SELECT * FROM alerts FINAL")) == 2
            assert (len(receiver.deliveries), len(published(centre))) == (before, there), "a run tells nobody"
