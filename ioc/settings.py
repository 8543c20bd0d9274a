"""Settings: every name, default, unit and reason, read from the environment (`IOC_...`) in one place."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings of a process. Passed in, never imported as a global."""

    model_config = SettingsConfigDict(env_prefix="IOC_", extra="ignore", frozen=True)

    data_dir: Path = Field(Path(".ioc"), description="where the embedded broker, the store, logs and ports are kept")
    kafka_bootstrap: str = Field("", description="host:port[,host:port] of your Kafka; empty: the embedded broker")
    kafka_username: str = Field("", description="SCRAM-SHA-512 user; empty: no authentication")
    kafka_password: SecretStr = Field(SecretStr(""), description="password of the SCRAM user")
    kafka_ca: str = Field("", description="PEM file of the certificate authority; set: TLS")
    clickhouse_url: str = Field("", description="http(s)://user:password@host:port of your ClickHouse; empty: the embedded store")
    clickhouse_database: str = Field("ioc", description="database of the live centre")
    clickhouse_reader: str = Field("", pattern=r"^\w*$", description="user of your ClickHouse that may SELECT the board views")
    partitions: int = Field(4, ge=1, le=1024, description="partitions of each event topic when it is created")
    first_year: int = Field(2000, ge=1971, le=2100, description="events before this year are rejected as too_old")
    tolerance: int = Field(600, ge=0, description="seconds an event's time may lie ahead of its reception (else too_new)")
    cache_mb: int = Field(256, ge=8, description="MiB of packed rows a worker keeps in front of the store")
    fsync: bool = Field(False, description="fsync every insert (checkpoints always are): for machines that lose power")
    kafka_port: int = Field(9092, description="first port tried for the embedded broker")
    store_port: int = Field(8123, description="first port tried for the embedded store")
    grafana_port: int = Field(3000, description="first port tried for a Grafana found on this machine; 0: none is started")
    gateway_port: int = Field(8088, description="first port tried for the gateway")
    wall_port: int = Field(8080, description="first port tried for the wall")
