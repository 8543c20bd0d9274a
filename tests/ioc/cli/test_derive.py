"""Derived files: what lies in the repository is what the declarations give."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer.main
import yaml

from ioc import cli
from ioc.catalog import load
from ioc.cli.asyncapi import document, examples
from ioc.cli.derive import derived, differences, json_schema, write
from ioc.events.exact_lane import REASONS
from ioc.settings import Settings
from ioc.store.form import TABLES
from ioc.store.views import TELLS, VIEWS
from schemas import contracts
from tests.counting import real_store

ROOT = Path(__file__).parents[3]
ASYNCAPI = "schemas/asyncapi.yaml"


def test_derived_files_are_up_to_date() -> None:
    assert differences(ROOT) == [], "run `ioc derive`"


def test_writing_creates_changes_and_removes_then_finds_nothing_to_do(tmp_path: Path) -> None:
    assert write(tmp_path) == sorted(derived())
    (tmp_path / "schemas/json/gone.json").write_text("{}")
    (tmp_path / "docs/reference/gone.md").write_text("")
    (tmp_path / ASYNCAPI).write_text("")
    assert write(tmp_path) == ["docs/reference/gone.md", ASYNCAPI, "schemas/json/gone.json"]
    assert write(tmp_path) == []
    assert not (tmp_path / "schemas/json/gone.json").exists()


def test_the_bounds_of_a_whole_number_are_published_in_the_words_of_the_standard() -> None:
    period = json_schema(contracts()["vn.ioc.farm.measured.v1"])["$defs"]["Read"]["properties"]["period_s"]
    assert (period["minimum"], period["maximum"]) == (1, 86_400)
    assert not any('"ge"' in json.dumps(json_schema(contract)) for contract in contracts().values())


@pytest.mark.parametrize("name", contracts())
def test_every_contract_gives_a_json_schema_with_descriptions(name: str) -> None:
    schema = json_schema(contracts()[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["description"]
    assert all(part.get("description") for part in schema["$defs"].values())


def test_the_json_schema_holds_units_and_ranges() -> None:
    check = jsonschema.Draft202012Validator(json_schema(contracts()["vn.ioc.ran.measured.v1"]))
    event = examples()["ran_measured"]

    def errors(**one: Any) -> list[str]:
        data = {**event["data"], "measurements": [{"name": "RRU.PrbTotDl", "unit": "%", "value": 37, **one}]}
        return [error.message for error in check.iter_errors({**event, "data": data})]

    assert errors() == []
    assert errors(name="a vendor's own", unit="furlong", value=1e9) == []
    assert errors(value=354_196) == ["354196 is greater than the maximum of 100"]
    assert errors(unit="1") == ["'%' was expected"]


def test_the_asyncapi_file_reads_back_as_the_document() -> None:
    assert yaml.safe_load(derived()[ASYNCAPI]) == document()


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    whole = document()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [part["$ref"]] if "$ref" in part else [ref for value in part.values() for ref in references(value)]
        return [ref for value in part for ref in references(value)] if isinstance(part, list) else []

    for reference in references(whole):
        file, _, pointer = reference.partition("#")
        if file:
            assert (ROOT / "schemas" / file).is_file()
        place = whole
        for name in pointer.split("/")[1:]:
            place = place[name]


def test_the_asyncapi_document_names_each_topic_message_and_key() -> None:
    whole = document()
    assert whole["asyncapi"] == "3.0.0"
    assert {"asyncapi", "info", "servers", "channels", "operations", "components", "defaultContentType"} == set(whole)
    assert {channel["address"] for channel in whole["channels"].values()} == {
        c.topic for c in contracts().values() if c.entity_key
    }
    assert all("vn.ioc.heartbeat.v1" in channel["messages"] for channel in whole["channels"].values())
    assert all(operation["action"] == "receive" for operation in whole["operations"].values())
    key = whole["components"]["messages"]["vn.ioc.dossier.changed.v1"]["bindings"]["kafka"]["key"]
    assert "data.dossier" in key["description"]
    shown = [example["name"] for message in whole["components"]["messages"].values() for example in message["examples"]]
    assert sorted(shown) == sorted(examples())


# ---- the pages of docs/reference


def first_cells(page: str) -> list[str]:
    """What stands in code in the first cell of every row of the page's tables."""
    return re.findall(r"^\| `([^`]+)` \|", derived()[f"docs/reference/{page}.md"], re.MULTILINE)


def test_every_setting_stands_in_the_reference_with_its_default_and_a_meaning() -> None:
    page = derived()["docs/reference/settings.md"]
    assert first_cells("settings") == [f"IOC_{name.upper()}" for name in Settings.model_fields]
    assert all(field.description for field in Settings.model_fields.values())
    assert "| `IOC_PARTITIONS` | `4` |" in page
    assert "| `IOC_KAFKA_PASSWORD` |  |" in page


def test_every_indicator_stands_in_the_reference() -> None:
    assert first_cells("indicators") == [one.name for one in load().indicators()]


def test_every_reason_of_a_reject_is_explained() -> None:
    assert first_cells("rejects") == list(REASONS)
    assert all(REASONS.values())
    given = {name for path in (ROOT / "ioc").rglob("*.py") for name in re.findall(r'Reject\(\s*"(\w+)"', path.read_text("utf-8"))}
    assert len(given) > 5
    assert given <= set(REASONS)


def test_every_table_and_every_view_is_explained() -> None:
    assert list(TELLS) == list(VIEWS)
    page = derived()["docs/reference/tables.md"]
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == list(TABLES)
    assert "Key: `generation, indicator, at, dims, known, topic, partition`." in page


def test_the_columns_of_the_tables_in_the_reference_are_those_the_store_has(store_url: str) -> None:
    store = real_store(store_url, "reference")
    columns = store.query(
        "SELECT table, groupArray((name, type)) AS columns FROM (SELECT table, name, type FROM system.columns "
        f"WHERE database = '{store.database}' ORDER BY table, position) GROUP BY table"
    )
    found = {table: [tuple(c.values()) for c in of] for table, of in columns.rows() if table in TABLES}
    assert found == {name: [(column, c.type) for column, c in table.columns.items()] for name, table in TABLES.items()}


def test_every_command_stands_in_the_reference_with_all_its_options() -> None:
    page = derived()["docs/reference/commands.md"]

    def leaves(command: Any, path: str) -> list[tuple[str, Any]]:
        members = getattr(command, "commands", None)
        return [(path, command)] if members is None else [leaf for n, c in members.items() for leaf in leaves(c, f"{path} {n}")]

    sections = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    for path, command in leaves(typer.main.get_command(cli.app()), "ioc"):
        (section,) = [text for heading, text in sections.items() if f"{heading} ".startswith(f"{path} ")]
        for parameter in command.params:
            assert parameter.param_type_name == "argument" or parameter.opts[-1] in section, (path, parameter.opts)
