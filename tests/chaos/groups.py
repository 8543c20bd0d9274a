"""Groups: deleting or moving the offsets of a consumer group that has no members, as an administrator (or a mistake) might."""

from __future__ import annotations

import asyncio
import random

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

from ioc import kafka
from ioc.settings import Settings
from tests.brute import DOSSIER, RAN

DELETED = (0, 69)
"""No error; there is no such group."""
ATTEMPTS = 150
"""A killed member stays in the group until its session ends (10 s), and as long nobody may touch the offsets."""


class DeleteGroupsResponse(Response):
    """Answer of DeleteGroups, version 0."""

    API_KEY, API_VERSION = 42, 0
    SCHEMA = Schema(("throttle_time_ms", Int32), ("results", Array(("group", String("utf-8")), ("error_code", Int16))))


class DeleteGroupsStruct(RequestStruct):
    """DeleteGroups, version 0; aiokafka has none."""

    API_KEY, API_VERSION = 42, 0
    RESPONSE_TYPE = DeleteGroupsResponse
    SCHEMA = Schema(("groups", Array(String("utf-8"))))


class DeleteGroups(Request[DeleteGroupsStruct]):
    """Delete consumer groups with all their offsets."""

    API_KEY = 42

    def __init__(self, groups: list[str]) -> None:
        self._groups = groups

    def build(self, request_struct_class: type[DeleteGroupsStruct]) -> DeleteGroupsStruct:
        return request_struct_class(self._groups)


async def delete(settings: Settings, group: str, rng: random.Random) -> None:
    """Delete the group."""
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    await admin.start()
    try:
        for _ in range(ATTEMPTS):
            answer = await admin._send_request(DeleteGroups([group]), await admin.find_coordinator(group))
            if all(code in DELETED for _, code in answer.results):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"group {group} cannot be deleted: {answer}")
    finally:
        await admin.close()


async def move(settings: Settings, group: str, rng: random.Random) -> None:
    """Commit offsets of our own, anywhere in the log."""
    async with AIOKafkaConsumer(**kafka.connection(settings), group_id=group, enable_auto_commit=False) as consumer:
        places = [TopicPartition(t, p) for t in (DOSSIER, RAN) for p in range(settings.partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for _ in range(ATTEMPTS):
            try:
                return await consumer.commit({place: rng.randrange(end + 100) for place, end in ends.items()})
            except KafkaError:
                await asyncio.sleep(0.1)
        raise AssertionError(f"the offsets of group {group} cannot be moved")
