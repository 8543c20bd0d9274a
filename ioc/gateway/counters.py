"""Counters: what the gateway's `/metrics` tells; each name is declared here, once."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram


class Counters:
    """The counters of one gateway."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ioc_gateway_requests", "Requests that bring events, by status code.", ["status"], registry=self.registry
        )
        self.events = Counter(
            "ioc_gateway_events", "Events in answered requests: accepted, or the reason.", ["verdict"], registry=self.registry
        )
        self.seconds = Histogram("ioc_gateway_seconds", "Time to answer a request that brings events.", registry=self.registry)
