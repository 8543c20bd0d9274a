"""Security: what others of this machine may reach is told, each with the way out where there is one."""

from __future__ import annotations

import json
import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from ioc.cli import security
from ioc.embedded.centre import STORE_KEY
from ioc.settings import Settings
from tests.ioc.cli.test_cli import Ioc, ioc

__all__ = ["ioc"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder as a centre makes it, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / STORE_KEY).touch(mode=0o600)
    return folder


def found(data: Path, **given: object) -> dict[str, tuple[bool, str]]:
    settings = Settings(data_dir=data).model_copy(update=given)
    return {what: (well, told) for what, well, told in security.findings(settings)}


def test_what_a_centre_makes_is_well_and_what_is_not_built_yet_is_said(data: Path) -> None:
    told = found(data)
    assert {what for what, (well, _) in told.items() if not well} == {"Kafka", "gateway", "wall"}
    assert "no tokens and no TLS yet" in told["gateway"][1]


def test_rights_of_others_on_the_folder_and_on_secrets_are_told_with_the_way_out(data: Path) -> None:
    data.chmod(0o750)
    (data / STORE_KEY).chmod(0o604)
    Path(".env").write_text("IOC_PARTITIONS=8\nexport IOC_KAFKA_PASSWORD=x\nIOC_WEBHOOK_SECRET=\n")
    Path(".env").chmod(0o644)
    told = found(data)
    assert told["data folder"] == (False, f"others may enter {data} (drwxr-x---): chmod go= {data}")
    assert not told["password of the store"][0]
    assert told["settings in .env"][0] is False
    assert "holds IOC_KAFKA_PASSWORD; others may enter" in told["settings in .env"][1]
    Path(".env").chmod(0o600)
    assert found(data)["settings in .env"][0]


def test_servers_reached_without_tls_or_a_password_are_told(data: Path) -> None:
    bare = found(
        data, kafka_bootstrap="k.example:9092", clickhouse_url="http://u:p@c.example:8123", webhook_url="http://w.example/"
    )
    assert bare["Kafka"] == (False, "k.example is reached without TLS and without a user and password")
    assert bare["ClickHouse"] == (False, "c.example is reached without TLS")
    assert not bare["webhook"][0]
    safe = found(
        data,
        kafka_bootstrap="k.example:9092",
        kafka_ca="/ca.pem",
        kafka_username="ioc",
        clickhouse_url="https://u:p@c.example",
        webhook_url="https://w.example/",
    )
    assert all(safe[name][0] for name in ("Kafka", "ClickHouse", "webhook"))


def test_a_socket_that_other_machines_reach_is_told(data: Path) -> None:
    with ExitStack() as held:
        sockets = {host: held.enter_context(socket.create_server((host, 0))) for host in ("127.0.0.1", "0.0.0.0")}
        ports = {host: one.getsockname()[1] for host, one in sockets.items()}
        _, well, told = security._listeners([os.getpid()])
    assert not well
    assert f"0.0.0.0:{ports['0.0.0.0']}" in told
    assert str(ports["127.0.0.1"]) not in told


def test_a_package_of_another_version_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "CONSTRAINTS", data / "constraints.txt")
    (data / "constraints.txt").write_text("# all\nrich==1.0\nnot-installed-here==1.0\n")
    well, told = found(data)["packages"]
    assert not well
    assert told.startswith("rich ")
    assert told.endswith(", not 1.0")


def test_the_command_needs_no_centre_and_ends_with_1_while_something_is_open(ioc: Ioc, data: Path) -> None:
    ended = ioc("doctor", "--security", "--data", str(data), "--json")
    assert ended.code == 1
    assert {finding["what"] for finding in json.loads(ended.out)} >= {"data folder", "listeners", "gateway", "packages"}
