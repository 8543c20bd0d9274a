"""Kafka: the only room that knows aiokafka. Others take from here what they need of it."""

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError

from ioc.kafka.client import (
    RECORD_BYTES,
    Sender,
    bounds,
    connection,
    consumer,
    create_topics,
    delete_topics,
    partitions,
    read_at,
    send_to_all,
)
from ioc.kafka.columns import Columns

__all__ = [
    "RECORD_BYTES",
    "Columns",
    "ConsumerRebalanceListener",
    "KafkaError",
    "NoOffsetForPartitionError",
    "Sender",
    "TopicPartition",
    "bounds",
    "connection",
    "consumer",
    "create_topics",
    "delete_topics",
    "partitions",
    "read_at",
    "send_to_all",
]
