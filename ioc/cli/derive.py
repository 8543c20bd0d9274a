"""Derive: the files that follow from the declarations, as text; `ioc derive` writes them, a test compares them.

A source is a plain function without arguments that returns {path in the repository: text}. The same declarations give the
same bytes: nothing here reads a clock or depends on an order that is not sorted or declared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ioc.boards.derive import FOLDER as BOARDS
from ioc.boards.derive import files
from ioc.catalog import load
from ioc.cli.asyncapi import asyncapi
from ioc.cli.reference import FOLDER as REFERENCE
from ioc.cli.reference import pages
from schemas import Contract, contracts
from schemas.envelope import Fits, NamedLimits, Needs

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDERS = ("schemas/json", BOARDS, REFERENCE)
BOUNDS = {"ge": "minimum", "le": "maximum"}
"""What pydantic calls the bounds of a `Whole`, and the standard."""
"""Folders that hold derived files only: what is not derived (any more) is removed from them."""


def json_schemas() -> dict[str, str]:
    """`schemas/json/<type>.json`: the JSON Schema of each contract."""
    return {
        f"schemas/json/{name}.json": json.dumps(json_schema(contract), ensure_ascii=False, indent=2) + "\n"
        for name, contract in contracts().items()
    }


def json_schema(contract: Contract) -> dict[str, Any]:
    """The JSON Schema 2020-12 of a contract, units, ranges and what must fit each other included.

    It cannot say that a day exists in the calendar, that `replaces` is not the event's own id, what is packed in `data_base64`,
    and what depends on the centre (its first year, reception, the size of the whole event): there the exact lane is stricter.
    """
    schema = _standard(contract.model_json_schema())
    schema["title"] = contract.event_type
    if contract.limits:
        _add_units(schema, contract.limits, contract.data_model().__name__)
    rules = [*(_needs(contract.needs) if contract.needs else ()), *(_fits(contract.fits) if contract.fits else ())]
    if rules:
        schema["$defs"][contract.data_model().__name__]["allOf"] = rules
    return {"$schema": DIALECT, "$id": f"urn:ioc:schema:{contract.event_type}", **schema}


def _standard(part: Any) -> Any:
    """The same schema in the words of the standard; what must match a pattern holds no line feed: a `$` of Python or Perl lets
    one through at the end."""
    if isinstance(part, list):
        return [_standard(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    more = {"not": {"pattern": "\\n"}} if isinstance(part.get("pattern"), str) else {}
    bounded = part.get("type") == "integer"
    return {BOUNDS.get(name, name) if bounded else name: _standard(inner) for name, inner in part.items()} | more


def _add_units(schema: dict[str, Any], limits: NamedLimits, data: str) -> None:
    """One `if name then unit and range` for each quantity whose unit is known."""
    items = schema["$defs"][data]["properties"][limits.field]["items"]["$ref"].rpartition("/")[2]
    schema["$defs"][items]["allOf"] = [
        {
            "if": {"properties": {"name": {"pattern": rf"^{re.escape(name)}(\.|$)"}}},
            "then": {
                "description": limit.meaning,
                "properties": {"value": {"minimum": limit.low, "maximum": limit.high}},
                "if": {"properties": {"value": {"type": "null"}, "unit": {"type": "null"}}},
                "else": {"properties": {"unit": {"const": limit.unit}}, "required": ["unit"]},
            },
        }
        for name, limit in limits.table.items()
    ]


def _needs(needs: Needs) -> list[dict[str, Any]]:
    """One `if value then required` for each value that asks for other fields."""
    return [
        {
            "if": {"properties": {needs.field: {"const": value}}, "required": [needs.field]},
            "then": {"required": list(names), "properties": {name: {"not": {"type": "null"}} for name in names}},
        }
        for value, names in needs.of.items()
    ]


def _fits(fits: Fits) -> list[dict[str, Any]]:
    """One `if of then field` for each value; what is not stated fits."""
    return [
        {
            "if": {"properties": {fits.of: {"const": one}}, "required": [fits.of]},
            "then": {"properties": {fits.field: {"enum": [*allowed, None]}}},
        }
        for one, allowed in fits.table.items()
    ]


def boards() -> dict[str, str]:
    """`grafana/boards/<uid>.json`: the boards of the declared streams."""
    return files(load())


SOURCES: tuple[Callable[[], Mapping[str, str]], ...] = (json_schemas, asyncapi, boards, pages)


def derived() -> dict[str, str]:
    """All derived files: path relative to the repository's root -> text."""
    return {path: text for source in SOURCES for path, text in source().items()}


def differences(root: Path) -> list[str]:
    """Paths below `root` that are missing, differ from what is derived, or are derived no more; sorted."""
    files = derived()
    changed = {path for path, text in files.items() if not _is(root / path, text)}
    present = {path.relative_to(root).as_posix() for folder in FOLDERS for path in (root / folder).glob("*") if path.is_file()}
    return sorted(changed | (present - set(files)))


def write(root: Path) -> list[str]:
    """Make the files below `root` what they must be; returns the paths that were written or removed."""
    files, changed = derived(), differences(root)
    for path in changed:
        if path in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(files[path], encoding="utf-8", newline="\n")
        else:
            (root / path).unlink()
    return changed


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()
