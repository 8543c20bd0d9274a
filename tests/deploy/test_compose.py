"""`deploy/` is true: a valid compose file whose commands, files, variables and rights are there.

No container is started here: what runs in them is tested as processes; what the file says is read as `docker compose` reads it.
"""

from __future__ import annotations

import json
import re
import shlex
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml

from ioc.catalog import load
from ioc.embedded import broker, grafana
from ioc.settings import Settings
from ioc.store.clickhouse import StoreError
from ioc.store.tables import migrate
from tests.counting import real_store

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "ioc-streaming"}
EXAMPLE = (DEPLOY / ".env.example").read_text()
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([?-])([^}]*))?\}")
PUBLISHED = re.compile(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+")


def test_the_file_has_the_form_of_the_compose_specification() -> None:
    schema = jsonschema.Draft202012Validator(json.loads((Path(__file__).parent / "compose-spec.json").read_text()))
    schema.validate(COMPOSE)
    broken = {**COMPOSE, "services": {"kafka": {**SERVICES["kafka"], "depend_on": []}}}
    assert not schema.is_valid(broken), "the schema would let anything pass"


def test_the_centre_is_whole_and_every_service_waits_for_what_it_needs() -> None:
    assert set(SERVICES) == {"kafka", "clickhouse", "topics", "tables", "worker", "live", "gateway", "grafana"}
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            once = SERVICES[needed]["restart"] == "on-failure"
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy"), (name, needed)
            assert once or "healthcheck" in SERVICES[needed]
        assert ("healthcheck" in service) == (service["restart"] == "unless-stopped")


def test_dates_on_axes_have_the_day_first_in_either_grafana() -> None:
    given = SERVICES["grafana"]["environment"]
    own = grafana.environment(Path("/own"), Path("/plugins"), 3000, 8123, "ioc")
    dates = {name: form for name, form in own.items() if name.startswith("GF_DATE_FORMATS_")}
    assert dates == {name: form for name, form in given.items() if name.startswith("GF_DATE_FORMATS_")}
    assert dates["GF_DATE_FORMATS_INTERVAL_DAY"] == "DD/MM"


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name: str) -> None:
    import typer.main

    from ioc.cli import app

    command: Any = typer.main.get_command(app())
    for word in OURS[name]["command"]:
        assert word in command.commands, f"ioc has no {word}; it has {', '.join(command.commands)}"
        command = command.commands[word]
    assert not getattr(command, "commands", None)


def test_every_file_named_is_there() -> None:
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    named = {volume.split(":")[0] for volume in mounts if not volume.startswith(".")}
    assert named == set(COMPOSE["volumes"])
    for volume in mounts:
        source, _, rest = volume.partition(":")
        assert source in named or ((DEPLOY / source).exists() and rest.endswith(":ro")), volume
    for service in OURS.values():
        context = DEPLOY / service["build"]["context"]
        dockerfile = (context / service["build"]["dockerfile"]).read_text()
        copied = [word for line in re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE) for word in line.split()]
        let_in = re.findall(r"^!(\S+)$", (context / f"{service['build']['dockerfile']}.dockerignore").read_text(), re.MULTILINE)
        assert sorted(copied) == sorted(let_in)
        assert all((context / word).exists() for word in copied)
    assert (DEPLOY / "clickhouse" / "reader.sh").stat().st_mode & stat.S_IXUSR


def test_every_variable_is_documented_and_no_password_stands_in_the_file() -> None:
    used = {name: (kind, default) for name, kind, default in VARIABLE.findall(TEXT)}
    documented = dict(re.findall(r"^#?(\w+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert set(used) == set(documented)
    for name, (kind, default) in used.items():
        assert (kind == "?") == ("PASSWORD" in name)
        assert documented[name] == ("" if kind == "?" else default)
    for line in TEXT.splitlines():
        assert "PASSWORD:" not in line or "${" in line, line


def test_every_setting_of_ours_is_one() -> None:
    names = {name for service in OURS.values() for name in service["environment"]}
    assert names <= {f"IOC_{field.upper()}" for field in Settings.model_fields}
    for service in OURS.values():
        given = {name.removeprefix("IOC_").lower(): str(filled(value)) for name, value in service["environment"].items()}
        settings = Settings(**given)
        assert settings.kafka_bootstrap
        assert settings.clickhouse_url.startswith("http://ioc:word@")
        assert settings.clickhouse_reader == "grafana"


def test_nothing_listens_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(map(PUBLISHED.fullmatch, ports))
    assert [name for name, service in SERVICES.items() if "network_mode" in service] == ["gateway"], "it refuses all but loopback"


def test_the_broker_takes_what_the_embedded_one_takes() -> None:
    embedded = dict(line.split("=", 1) for line in broker.PROPERTIES.template.splitlines())
    given = SERVICES["kafka"]["environment"]
    for name in ("message.max.bytes", "replica.fetch.max.bytes", "auto.create.topics.enable", "log.retention.ms"):
        assert given[f"KAFKA_{name.upper().replace('.', '_')}"] == embedded[name]


def test_the_reader_may_read_views_and_set_its_time_and_no_more(store_url: str) -> None:
    profile = ElementTree.parse(DEPLOY / "clickhouse" / "users.xml").find("profiles/board_reader")
    assert profile is not None
    assert profile.findtext("readonly") == "1"
    changeable = [c.tag for c in profile.find("constraints") or () if c.find("changeable_in_readonly") is not None]
    assert changeable == ["max_execution_time"]
    script = (DEPLOY / "clickhouse" / "reader.sh").read_text()
    query = script.split('--query "')[1].rstrip('"\n ')
    store = real_store(store_url, "deploy")
    parsed = store.command(f"SELECT formatQuery($q${query}$q$)")
    assert "CREATE USER IF NOT EXISTS grafana" in parsed
    assert "PROFILE `board_reader`" in parsed
    assert shlex.split(script.split("set -eu\n")[1])[:2] == ["clickhouse", "client"]


def test_migrate_grants_the_views_to_the_reader(store_url: str) -> None:
    """The embedded engine has no users: its refusal shows that it was asked, after everything else was made."""
    store = real_store(store_url, "deploy_grant")
    store.settings = store.settings.model_copy(update={"clickhouse_reader": "grafana"})
    with pytest.raises(StoreError, match="GRANT is not supported by the embedded store"):
        migrate(store, load())
    assert store.query("SELECT count() AS n FROM generations")["n"][0] == len(load().streams)


def filled(value: str) -> str:
    """A value with its variables at their defaults, or `word` where one is required."""
    return VARIABLE.sub(lambda m: m[3] if m[2] == "-" else "word", value)
