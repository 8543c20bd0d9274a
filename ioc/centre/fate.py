"""Fate: why a worker ends, and its exit code: only a refusal to count ends the trying."""

from __future__ import annotations

import asyncio

import structlog

from ioc import kafka
from ioc.centre.feeder import describe
from ioc.errors import ForeignLog, ServiceAway, UsageError, WrongGeneration

log = structlog.get_logger()


class Fate:
    """Why the worker ends: the first error that cannot be survived."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.ended = asyncio.Event()

    def fail(self, error: BaseException) -> None:
        """End the worker with this error."""
        if self.error is None:
            log.error("the worker ends", reason=describe(error))
            self.error = error
        self.ended.set()


def ended(error: BaseException) -> int:
    """The exit code for what ended a worker: 1 or 2 where it refuses to count, and trying again would not help; 3 where a
    service is away; 70 for all else, which may pass by itself (a full disk)."""
    if isinstance(error, (ForeignLog, WrongGeneration, UsageError)):
        return error.exit_code
    return ServiceAway.exit_code if isinstance(error, (ServiceAway, kafka.KafkaError, ConnectionError)) else 70
