"""Baseline: the same events counted as Faust's own manual would: a hopping table, one message at a time. Not part of the engine.

One hour by cell, every five minutes: twelve windows an event, as our `1h`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import faust

from ioc.settings import Settings

SECONDS = 15.0
"""How long the table is measured."""


def main() -> None:
    """Count for a while and print the result as JSON."""
    settings, topic_name = Settings(), sys.argv[1]
    app = faust.App(
        "bench.table",
        broker=f"kafka://{settings.kafka_bootstrap}",
        store="memory://",
        datadir=str(settings.data_dir / "faust"),
        topic_partitions=settings.partitions,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    events = app.topic(topic_name, value_serializer="json")
    counts = app.Table("counts", default=int).hopping(3600, 300, expires=7200)

    @app.agent(events)  # type: ignore[untyped-decorator]
    async def count(stream: Any) -> None:
        seen, started = 0, 0.0
        async for event in stream:
            if event["type"] == "vn.ioc.heartbeat.v1":
                continue
            counts[event["data"]["cell"]] += 1
            started = started or time.perf_counter()
            seen += 1
            if seen % 100 == 0 and time.perf_counter() - started > SECONDS:
                print(json.dumps({"events": seen, "seconds": time.perf_counter() - started}), flush=True)
                os._exit(0)

    worker = faust.Worker(app, loglevel="ERROR", redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
