"""Derived files: what lies in the repository is what the declarations give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ioc.cli.asyncapi import document, examples
from ioc.cli.derive import derived, differences, json_schema, write
from schemas import contracts

ROOT = Path(__file__).parents[3]
ASYNCAPI = "schemas/asyncapi.yaml"


def test_derived_files_are_up_to_date() -> None:
    assert differences(ROOT) == [], "run `ioc derive`"


def test_writing_creates_changes_and_removes_then_finds_nothing_to_do(tmp_path: Path) -> None:
    assert write(tmp_path) == sorted(derived())
    (tmp_path / "schemas/json/gone.json").write_text("{}")
    (tmp_path / ASYNCAPI).write_text("")
    assert write(tmp_path) == [ASYNCAPI, "schemas/json/gone.json"]
    assert write(tmp_path) == []
    assert not (tmp_path / "schemas/json/gone.json").exists()


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
