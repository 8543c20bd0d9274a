"""Settings: every name, default, unit and reason, read from the environment (`IOC_...`) in one place."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK = ["127.0.0.1", "localhost"]
"""Names by which our servers are asked. Any other Host is a web page that had its own name lead here."""


class Settings(BaseSettings):
    """All settings of a process. Passed in, never imported as a global."""

    model_config = SettingsConfigDict(env_prefix="IOC_", extra="ignore", frozen=True)

    data_dir: Path = Field(Path(".ioc"), description="where the embedded broker, the store, logs and ports are kept")
    kafka_bootstrap: str = Field("", description="host:port[,host:port] of your Kafka (3.6 or later); empty: the embedded broker")
    kafka_username: str = Field("", description="SCRAM-SHA-512 user; empty: no authentication")
    kafka_password: SecretStr = Field(SecretStr(""), description="password of the SCRAM user")
    kafka_ca: str = Field("", description="PEM file of the certificate authority; set: TLS")
    clickhouse_url: str = Field("", description="http(s)://user:password@host:port of your ClickHouse; empty: the embedded store")
    clickhouse_database: str = Field(
        "ioc", pattern=r"^[A-Za-z0-9_]+$", description="database of the live centre (letters, digits, _)"
    )
    clickhouse_reader: str = Field(
        "",
        pattern=r"^\w*$",
        description="user of your ClickHouse to whom `ioc store migrate` and new runs grant the board views; empty: nobody",
    )
    partitions: int = Field(4, ge=1, le=1024, description="partitions of each event topic when it is created")
    first_year: int = Field(2000, ge=1900, le=2100, description="events before this year are rejected as `too_old`")
    tolerance: int = Field(600, ge=0, description="seconds an event's time may lie ahead of its reception (else `too_new`)")
    cache_mb: int = Field(256, ge=8, description="MiB of packed rows a worker keeps in front of the store")
    fsync: bool = Field(False, description="fsync every insert (checkpoints always are): for machines that lose power")
    grafana_token: SecretStr = Field(SecretStr(""), description="token of a Grafana service account (Editor), for `ioc boards`")
    kafka_port: int = Field(9092, description="first port tried for the embedded broker")
    store_port: int = Field(8123, description="first port tried for the embedded store")
    grafana_port: int = Field(3000, description="first port tried for a Grafana found on this machine; 0: none is started")
    gateway_port: int = Field(8088, description="first port tried for the gateway")
    trusted_proxies: str = Field(
        "",
        description="addresses or networks (a,b) of reverse proxies whose `X-Forwarded-For` the gateway believes; empty: none",
    )
    maps_dir: str = Field(
        "", description="folder of maps of your own: NAME.toml in it is `--map NAME` and `POST /events/NAME`; empty: none"
    )
    hmac_key: SecretStr = Field(
        SecretStr(""), description="key with which maps hash personal fields ([personal] hmac): at least 32 bytes in base64"
    )
    ves_user: str = Field(
        "", pattern=r"^[^:]*$", description="user of network functions at `/eventListener/v7`; empty: they are not taken (503)"
    )
    ves_password: SecretStr = Field(SecretStr(""), validate_default=True, description="password of that user")
    wall_port: int = Field(8080, description="first port tried for the wall")
    webhook_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="http(s) address that is told of alerts (a POST each); empty: nobody is told",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), validate_default=True, description="key of the webhook's signature: `whsec_` and 24 to 64 bytes in base64"
    )

    @field_validator("hmac_key")
    @classmethod
    def _keys(cls, secret: SecretStr) -> SecretStr:
        """A key that cannot be guessed, or none."""
        if text := secret.get_secret_value():
            try:
                right = len(base64.b64decode(text, validate=True)) >= 32
            except binascii.Error:
                right = False
            if not right:
                raise ValueError("it must be at least 32 bytes in base64: openssl rand -base64 32")
        return secret

    @field_validator("ves_password")
    @classmethod
    def _opens(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        """A user has a password, or anybody is the user."""
        if info.data.get("ves_user") and not secret.get_secret_value():
            raise ValueError("it must be set where IOC_VES_USER is")
        return secret

    @field_validator("webhook_secret")
    @classmethod
    def _signs(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        """A webhook is signed, or its receiver cannot know who told it."""
        text = secret.get_secret_value()
        if text or info.data.get("webhook_url"):
            prefix, _, key = text.partition("_")
            try:
                right = prefix == "whsec" and 24 <= len(base64.b64decode(key, validate=True)) <= 64
            except binascii.Error:
                right = False
            if not right:
                raise ValueError('it must be whsec_ and 24 to 64 bytes in base64: echo "whsec_$(openssl rand -base64 32)"')
        return secret
