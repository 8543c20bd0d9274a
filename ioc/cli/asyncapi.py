"""AsyncAPI: the topics and messages of the centre as an AsyncAPI 3.0 document, derived from contracts and examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

import schemas
from schemas import Contract, contracts

HEAD = "# Derived from the contracts in schemas/ by `ioc derive`; do not edit.\n"
DESCRIPTION = """\
Events of an Intelligent Operations Center. Each is a CloudEvents 1.0 JSON document (structured mode; binary mode is accepted).
Further attributes, as brokers and SDKs add them, are kept and change nothing. Texts are compared in Unicode's form NFC.
The Kafka key is the entity named in the message's key, partitioned by murmur2 (librdkafka: partitioner=murmur2_random);
topics stamp the time of reception (LogAppendTime). Those who do not speak Kafka send the same documents to the gateway.
"""


class _Readable(yaml.SafeDumper):
    """Texts of several lines as they are, and no anchors: a person reads this file."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Readable.add_representer(str, _text)


def examples() -> dict[str, Any]:
    """The worked events: name -> document, in order of the names."""
    folder = Path(schemas.__file__).parent / "examples"
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def asyncapi() -> dict[str, str]:
    """`schemas/asyncapi.yaml`."""
    text = yaml.dump(document(), Dumper=_Readable, allow_unicode=True, sort_keys=False, width=120)
    return {"schemas/asyncapi.yaml": HEAD + text}


def document() -> dict[str, Any]:
    """The AsyncAPI document. What the centre receives, producers send."""
    known = contracts()
    topics = sorted({c.topic for c in known.values() if c.entity_key})
    carried = {topic: [c for c in known.values() if c.topic in (topic, "*")] for topic in topics}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "IOC events", "version": "1.0.0", "description": DESCRIPTION, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "kafka": {"host": "127.0.0.1:9092", "protocol": "kafka", "description": "the embedded broker, or your Kafka"}
        },
        "channels": {_short(topic): _channel(topic, carried[topic]) for topic in topics},
        "operations": {
            f"receive_{_short(topic)}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{_short(topic)}"},
                "summary": f"The centre reads {topic}",
            }
            for topic in topics
        },
        "components": {"messages": {name: _message(contract) for name, contract in known.items()}},
    }


def _short(topic: str) -> str:
    return topic.rpartition(".")[2]


def _channel(topic: str, messages: list[Contract]) -> dict[str, Any]:
    return {
        "address": topic,
        "messages": {c.event_type: {"$ref": f"#/components/messages/{c.event_type}"} for c in messages},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
    }


def _message(contract: Contract) -> dict[str, Any]:
    entity = contract.entity_key
    key = {"type": "string", "description": f"equals data.{entity}, in UTF-8 and Unicode's form NFC" if entity else "free"}
    return {
        "name": contract.event_type,
        "title": contract.__name__,
        "summary": (contract.__doc__ or "").strip(),
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": f"./json/{contract.event_type}.json"},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
        "examples": [
            {"name": name, "payload": event} for name, event in examples().items() if event["type"] == contract.event_type
        ],
    }
