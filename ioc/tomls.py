"""Tomls: a TOML file, checked as a whole against a model: a fault has its place, and its line where tables have one."""

from __future__ import annotations

import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ioc.calendar.statements import tables
from ioc.errors import UsageError


class Strict(BaseModel):
    """A table of a file: no key it does not have, no text where a number or a truth value is meant."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)


Model = TypeVar("Model", bound=BaseModel)


def load(path: Path | Traversable, model: type[Model], name: str) -> Model:
    """What a file says.  Raises UsageError, `name` first: the first fault, and what is right."""
    try:
        text = path.read_text(encoding="utf-8")
        return model.model_validate(tomllib.loads(text))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{name}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        line = _line(text, first["loc"])
        given = f" (it is {first['input']!r})" if isinstance(first["input"], str | int | float) else ""
        raise UsageError(f"{name}{f', line {line}' if line else ''}: {f'{place}: ' if place else ''}{said}{given}") from None


def _line(text: str, loc: tuple[int | str, ...]) -> int | None:
    """The line of a key: of `("procedure", 2, "days")` in the third [[procedure]], of `("days",)` before the first header."""
    found, _ = tables(text)
    name, *rest = (*loc, None)
    if name in found and rest and isinstance(rest[0], int) and rest[0] < len(found[str(name)]):
        table, key = found[str(name)][rest[0]], rest[1]
    elif name in found and len(found[str(name)]) == 1:
        table, key = found[str(name)][0], rest[0]
    else:
        table, key = found[""][0], name
    line: Any = table.lines.get(str(key)) if key is not None else table.line
    return line or (table.line if table is not found[""][0] else None)
